"""The live device over real mutual TLS, real files and real time."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from simulator.device.config import DeviceConfig
from simulator.device.driver import SimulatedDevice
from tests.device.stub_wfm import Served, StubWfm, component, deployment, served, uuid


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 30))


def config(place: Served, **changes: Any) -> DeviceConfig:
    defaults: dict[str, Any] = {
        "poll_interval_s": 0.05,
        "retry_base_s": 0.05,
        "retry_cap_s": 0.2,
        "drift_interval_s": 0.05,
    }
    return DeviceConfig(place.url, place.client, place.trust, **(defaults | changes))


@pytest.mark.parametrize("retrieval", ["bundle", "individual"])
def test_installs_updates_and_removes(retrieval: str, tmp_path: Path) -> None:
    async def test() -> None:
        wfm = StubWfm()
        async with served(wfm) as place:
            device = SimulatedDevice(config(place, retrieval=retrieval, storage=tmp_path))
            await device.start()
            wfm.publish(deployment(1, component("main"), component("side")), deployment(2))
            await device.wait_for(lambda _: wfm.states(2)[-1:] == ["installed"] == wfm.states(1)[-1:])
            assert device.workloads[uuid(1)].revisions == {"main": "1.0.0", "side": "1.0.0"}
            wfm.publish(deployment(1, component("main", "1.1.0"), component("side")))
            await device.wait_for(lambda d: wfm.states(2)[-1:] == ["removed"] and d.state.reconciled)
            assert device.workloads[uuid(1)].revisions == {"main": "1.1.0", "side": "1.0.0"}
            assert set(device.workloads) == {uuid(1)}
            await device.wait_for(lambda _: wfm.last(1)["adoptedManifestVersion"] == 3)
            await device.stop()
            assert wfm.operations()[0] == "report-capabilities"
            assert set(place.peers) == {"spiffe://test.example/margo/wfm/wfm-1/client/client-1"}

    run(test())
