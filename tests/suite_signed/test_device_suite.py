"""The device suite on this revision: the reference passes, broken devices are caught, real ones find their way."""

from pathlib import Path
from typing import Any

import pytest

from conformance.bench import device_onboarding
from conformance.bench.coverage import coverage, is_observable_must
from conformance.bench.device_external import Arrangement
from conformance.bench.device_seat import external_seat, simulated_seat
from conformance.bench.device_world import Endpoint
from conformance.bench.ics import Ics
from conformance.bench.run import RunPlan, load_checks, run
from conformance.bench.scenarios import Selection, scenarios
from conformance.bench.selftest import Subject, tried
from conformance.bench.selftest_matrix import Defect, Matrix
from conformance.catalogue import load
from conformance.cli.signing_files import signing_of
from conformance.record.events import Exchange
from conformance.record.file import EVENT_FILE, read
from simulator.device.config import DeviceConfig
from simulator.device.mutants import MUTANTS
from simulator.device.mutants_signed import SIGNED_MUTANTS
from tests.suite_device.runs import carried_out, told
from tests.suite_device.standin import StandIn
from tests.suite_signed.requests import REVISION


def reference(folder: Path, text: str, **changes: Any) -> Any:
    ics = Ics.of_reference("device", REVISION).model_copy(update=changes)
    return run(RunPlan((simulated_seat(ics),), folder, REVISION, Selection(texts=(text,))))


def test_gateways_sign_for_what_is_behind_them(tmp_path: Path) -> None:
    done = reference(tmp_path, "Gateways", profile="gateway", features=None)
    assert {scenario.outcome for scenario in carried_out(done)} == {"passed"}, told(done)
    assert len(carried_out(done)) >= 8


def test_what_went_over_the_wire_is_in_the_record(tmp_path: Path) -> None:
    reference(tmp_path, "Whatever the device sends is signed")
    events = [event for event in read(tmp_path / EVENT_FILE) if isinstance(event, Exchange)]
    routes = [event.target for event in events if event.operation == "report-status"]
    assert routes
    assert all(route.startswith("/api/v1/clients/") for route in routes)
    assert all(event.request_header("Signature") for event in events if event.operation != "fetch-root-certificate")


def test_scenarios_of_svids_and_trust_are_left_out_and_those_of_signatures_are_in() -> None:
    here = {scenario.uri for scenario in scenarios("device", REVISION)}
    assert "device/trust.feature" not in here
    assert {"device/signatures.feature", "device/onboarding.feature", "device/desired_state.feature"} <= here
    assert not {"device/signatures.feature", "device/onboarding.feature"} & {item.uri for item in scenarios("device")}


def test_coverage_of_the_observable_musts() -> None:
    load_checks()
    musts = [item for item in coverage("device", load(REVISION)) if is_observable_must(item.requirement)]
    assert sum(bool(item.checks) for item in musts) / len(musts) >= 0.9


@pytest.mark.parametrize("name", [mutant.name for mutant in SIGNED_MUTANTS][::4])
def test_mutant_is_caught(name: str) -> None:
    mutant = MUTANTS[name]
    subject = Subject("device", name, mutant.breaks, mutant.needs or None, revision=REVISION, until_caught=True)
    trial = tried(subject)
    defect = Defect(name, mutant.breaks, mutant.description)
    matrix = Matrix("device", load(REVISION), (defect,), {name: trial}, (), 0.0)
    assert matrix.caught == 1, f"{name} breaks {mutant.breaks}: {mutant.description}\n{trial}"


def test_there_are_enough_broken_devices_and_none_is_of_another_revision() -> None:
    assert len(SIGNED_MUTANTS) >= 13
    assert {mutant.only for mutant in SIGNED_MUTANTS} == {REVISION}
    assert all(mutant.breaks in load(REVISION) for mutant in SIGNED_MUTANTS)


class SigningStandIn(StandIn):
    """Somebody who sets up a device that signs, with what the sheet names."""

    def prepared(self, said: dict[str, str]) -> DeviceConfig:
        """Read the files of the sheet."""
        certificate, key, root = (Path(said[name]) for name in ("Client certificate", "Client key", "Root CA"))
        return DeviceConfig(said["WFM URL"], signing=signing_of(None, certificate, key, root), **self.settings)


def test_a_real_device_goes_through_the_suite(tmp_path: Path) -> None:
    stand_in = SigningStandIn(tmp_path)
    arrangement = Arrangement(Endpoint(), tmp_path, revision=REVISION)
    seat = external_seat(Ics.of_reference("device", REVISION), arrangement, wait_s=20.0)
    try:
        done = run(RunPlan((seat,), tmp_path, REVISION, Selection(texts=("An application",))))
    finally:
        stand_in.leave()
    outcomes = {scenario.outcome.value for scenario in carried_out(done)}
    assert outcomes == {"passed"}, told(done)


def test_the_same_device_is_known_again(tmp_path: Path) -> None:
    """A second run with the same folder goes on with the client that the first one registered."""
    for number in range(2):
        stand_in = SigningStandIn(tmp_path, storage=tmp_path / "storage")
        arrangement = Arrangement(Endpoint(), tmp_path, revision=REVISION, reuse=bool(number))
        seat = external_seat(Ics.of_reference("device", REVISION), arrangement, wait_s=20.0)
        try:
            done = run(RunPlan((seat,), tmp_path / "out", REVISION, Selection(texts=("An application gets other",))))
        finally:
            stand_in.leave()
        assert {scenario.outcome.value for scenario in carried_out(done)} == {"passed"}, told(done)
        events = [event for event in read(tmp_path / "out" / EVENT_FILE) if isinstance(event, Exchange)]
        assert bool([event for event in events if event.operation == "onboard"]) is not bool(number)
        (tmp_path / "device" / "connection.txt").unlink()


def test_a_device_that_doubles_its_waits_is_waited_for_after_a_long_outage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_onboarding, "STALE_S", 3.0)
    stand_in = SigningStandIn(tmp_path, retry_cap_s=300.0)
    ics = Ics.of_reference("device", REVISION).model_copy(update={"limits": {"retry": 0.05}})
    seat = external_seat(ics, Arrangement(Endpoint(), tmp_path, revision=REVISION), wait_s=20.0)
    try:
        done = run(RunPlan((seat,), tmp_path, REVISION, Selection(texts=("What had to wait is signed",))))
    finally:
        stand_in.leave()
    assert {scenario.outcome.value for scenario in carried_out(done)} == {"passed"}, told(done)
