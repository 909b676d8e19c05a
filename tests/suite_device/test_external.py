"""A device that connects by itself, with nothing but what the connection sheet tells it."""

import json
import socket
import threading
import time
from pathlib import Path

import pytest

from conformance.bench.device_external import Arrangement
from conformance.bench.device_seat import external_seat
from conformance.bench.device_world import Endpoint
from conformance.bench.ics import Ics
from conformance.bench.loop import BackgroundLoop
from conformance.bench.run import RunPlan, run
from conformance.bench.scenarios import Selection
from simulator.device.config import DeviceConfig
from simulator.device.driver import SimulatedDevice
from simulator.identity.svid import Svid
from simulator.identity.trust import StaticTrust
from tests.suite_device.runs import carried_out, told


class Operator:
    """Somebody who takes the connection sheet and sets up a device with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "device"
        self._loop = BackgroundLoop()
        self._device: SimulatedDevice | None = None
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._set_up, daemon=True)
        self._thread.start()

    def _set_up(self) -> None:
        sheet = self._folder / "connection.txt"
        end = time.monotonic() + 20.0
        while not sheet.is_file() and time.monotonic() < end and not self._leaving.wait(0.02):
            pass
        said = json.loads((self._folder / "connection.json").read_text(encoding="utf-8"))
        svid = Svid.load(Path(said["SVID with chain"]), Path(said["SVID key"]))
        trust = StaticTrust.load(Path(said["Trust bundle"]), said["Trust domain"])
        config = DeviceConfig(said["WFM URL"], svid, trust, poll_interval_s=0.05, retry_base_s=0.05, retry_cap_s=0.5)
        self._device = SimulatedDevice(config)
        self._loop.run(self._device.start())

    def leave(self) -> None:
        self._leaving.set()
        self._thread.join(timeout=20.0)
        if self._device is not None:
            self._loop.run(self._device.stop())
        self._loop.close()


@pytest.mark.parametrize("text", ["desired state", "first boot", "recovery"])
def test_external_device_goes_through_the_suite(text: str, tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    seat = external_seat(Ics.of_reference("device"), Arrangement(Endpoint(), tmp_path), wait_s=20.0)
    try:
        done = run(RunPlan((seat,), tmp_path, selection=Selection(text=text)))
    finally:
        operator.leave()
    outcomes = {scenario.outcome.value for scenario in carried_out(done)}
    assert outcomes <= {"passed", "blocked"}, told(done)
    assert "passed" in outcomes
    assert done.verdicts("device")["DC-002"].value in ("pass", "blocked"), "the first connection was judged"
    assert any(finding.requirement == "DC-002" for scenario in done.scenarios for finding in scenario.findings)
    blocked = [scenario.finished.reason or "" for scenario in done.scenarios if scenario.outcome == "blocked"]
    assert all("needs" in reason for reason in blocked)


def test_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        arrangement = Arrangement(Endpoint(port=taken.getsockname()[1]), tmp_path)
        seat = external_seat(Ics.of_reference("device"), arrangement)
        done = run(RunPlan((seat,), tmp_path, selection=Selection(text="A chart is deployed")))
    (scenario,) = carried_out(done)
    assert scenario.outcome == "error"
    assert (scenario.finished.reason or "").startswith("UsageError: --listen 127.0.0.1")
