"""The live device over real mutual TLS, real files and real time."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from simulator.device.config import DeviceConfig
from simulator.device.driver import SimulatedDevice
from simulator.device.facts import default_capabilities
from simulator.device.mutants import MUTANTS
from simulator.device.transport import Limits
from simulator.identity.spiffe import SpiffeId, client_spiffe_id, wfm_spiffe_id
from simulator.protocol.digest import digest_of
from tests.device.stub_wfm import Served, StubWfm, component, deployment, problem, served, uuid


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


def test_bodies_are_hashed_after_undoing_content_encoding() -> None:
    async def test() -> None:
        for retrieval in ("bundle", "individual"):
            wfm = StubWfm()
            async with served(wfm) as place:
                place.encode = True
                device = SimulatedDevice(config(place, retrieval=retrieval))
                wfm.publish(deployment(1))
                await device.start()
                await device.wait_for(lambda d: uuid(1) in d.workloads)
                await device.stop()

    run(test())


def test_connections_are_reused_and_renewed_with_the_svid() -> None:
    async def test() -> None:
        wfm = StubWfm()
        async with served(wfm) as place:
            device = SimulatedDevice(config(place))
            await device.start()
            await device.wait_for(lambda _: len(place.peers) >= 5)
            assert len(set(place.connections)) == 1
            await device.renew_svid(place.authority.issue(place.client.spiffe_id))
            count = len(place.peers)
            await device.wait_for(lambda _: len(place.peers) >= count + 3)
            assert len(set(place.connections)) == 2
            place.trust.replace(place.authority.bundle(sequence=2))
            await device.wait_for(lambda _: len(set(place.connections)) == 3)
            await device.stop()

    run(test())


@pytest.mark.parametrize(
    "identity",
    [
        wfm_spiffe_id("test.example", "wfm-2"),
        client_spiffe_id("test.example", "wfm-1", "client-2"),
        SpiffeId("test.example", "/margo/wfm/WFM-1"),
    ],
)
def test_a_wfm_with_another_identity_gets_no_request(identity: SpiffeId) -> None:
    async def test() -> None:
        wfm = StubWfm()
        async with served(wfm, identity=identity) as place:
            device = SimulatedDevice(config(place))
            await device.start()
            await device.wait_for(lambda d: len(d.security_log) >= 2)
            assert wfm.requests == []
            broken = SimulatedDevice(MUTANTS["accepts-any-wfm"].apply(config(place)))
            await broken.start()
            await broken.wait_for(lambda _: len(wfm.requests) >= 2)
            await device.stop()
            await broken.stop()

    run(test())


def test_dropped_connections_are_tried_again_by_the_agent_alone() -> None:
    async def test() -> None:
        wfm = StubWfm()
        async with served(wfm) as place:
            device = SimulatedDevice(config(place, retry_base_s=0.2, retry_cap_s=0.2))
            await device.start()
            await device.wait_for(lambda _: "fetch-manifest" in wfm.operations())
            wfm.fault = lambda *_: "drop"
            count = len(wfm.requests)
            await device.wait_for(lambda d: any("no answer: reset" in entry.message for entry in d.log))
            assert len(wfm.requests) == count + 1
            wfm.fault = None
            wfm.publish(deployment(1))
            await device.wait_for(lambda _: wfm.states(1)[-1:] == ["installed"])
            await device.stop()

    run(test())


def test_a_body_beyond_the_bound_is_refused() -> None:
    async def test() -> None:
        wfm = StubWfm()
        async with served(wfm) as place:
            place.encode = True
            device = SimulatedDevice(config(place, retrieval="individual", limits=Limits(body_bytes=100_000)))
            wfm.publish(deployment(1) + b"#" * 200_000)
            await device.start()
            await device.wait_for(lambda d: any("no answer: too-large" in entry.message for entry in d.log))
            assert device.workloads == {}
            await device.stop()

    run(test())


def test_urls_that_lead_elsewhere_are_not_followed() -> None:
    async def test() -> None:
        wfm = StubWfm()
        async with served(wfm) as place:
            device = SimulatedDevice(config(place, retrieval="individual"))
            data = deployment(1)
            ref = {"deploymentId": uuid(1), "digest": digest_of(data), "url": "https://127.0.0.1:9/other"}
            wfm.publish(data, bundle=None, deployments=[ref])
            await device.start()
            await device.wait_for(lambda d: any("foreign-url" in entry.message for entry in d.security_log))
            await device.stop()

    run(test())


@pytest.mark.parametrize("at", ["manifest-taken", "artefacts-fetched", "component-installing", "state-stored", 9])
def test_power_cuts_converge_from_the_state_file(at: str | int, tmp_path: Path) -> None:
    async def test() -> None:
        wfm = StubWfm()
        async with served(wfm) as place:
            device = SimulatedDevice(config(place, storage=tmp_path))
            await device.start()
            await device.wait_for(lambda d: d.state.etag is not None)
            await device.power_cut(at)
            wfm.publish(deployment(1), deployment(2))
            await device.wait_for(lambda d: any("power lost" in entry.message for entry in d.log))
            await device.wait_for(lambda _: wfm.states(1)[-1:] == ["installed"] == wfm.states(2)[-1:])
            await device.wait_for(lambda d: d.state.reconciled)
            await device.power_cut(restart=False)
            assert not device.running
            assert not device.workloads[uuid(1)].running
            await device.start()
            assert device.workloads[uuid(1)].running
            await device.stop()

    run(test())


def test_a_reboot_goes_on_from_the_state_file_and_a_reset_forgets_it(tmp_path: Path) -> None:
    async def test() -> None:
        wfm = StubWfm()
        async with served(wfm) as place:
            device = SimulatedDevice(config(place, storage=tmp_path))
            await device.start()
            wfm.publish(deployment(1))
            await device.wait_for(lambda d: d.state.reconciled and d.state.version == 2)
            await device.reboot()
            count = len(wfm.requests)
            await device.wait_for(lambda _: len(wfm.requests) >= count + 3)
            assert device.machine.started == {(uuid(1), "main"): 1}
            wfm.fault = lambda call, _: problem(503, retry_after=1) if call.operation == "fetch-manifest" else None
            await device.factory_reset()
            assert device.workloads == {}
            assert not (tmp_path / "state.json").exists() or device.state.version == 0
            wfm.fault = None
            await device.wait_for(lambda d: d.workloads.keys() == {uuid(1)})
            await device.stop()

    run(test())


def test_tampering_is_put_right(tmp_path: Path) -> None:
    async def test() -> None:
        wfm = StubWfm()
        async with served(wfm) as place:
            device = SimulatedDevice(config(place, storage=tmp_path))
            await device.start()
            wfm.publish(deployment(1))
            await device.wait_for(lambda d: d.state.version == 2 and d.state.reconciled)
            device.tamper("stop-workload", uuid(1), "main")
            await device.wait_for(lambda d: d.machine.started[uuid(1), "main"] == 2 and d.workloads[uuid(1)].running)
            device.tamper("damage-state")
            await device.reboot()
            await device.wait_for(lambda d: d.state.version == 2 and d.state.reconciled)
            assert any("state is lost" in entry.message for entry in device.log)
            assert device.machine.started[uuid(1), "main"] == 2
            await device.stop()

    run(test())


def test_a_disk_that_is_full_for_a_while(tmp_path: Path) -> None:
    async def test() -> None:
        wfm = StubWfm()
        async with served(wfm) as place:
            device = SimulatedDevice(config(place, storage=tmp_path))
            await device.start()
            await device.wait_for(lambda d: d.state.etag is not None)
            device.storage.full = True
            wfm.publish(deployment(1))
            await device.wait_for(lambda d: any("cannot be stored" in entry.message for entry in d.log))
            assert device.workloads == {}
            device.storage.full = False
            await device.wait_for(lambda _: wfm.states(1)[-1:] == ["installed"])
            await device.stop()

    run(test())


def test_children_come_and_go() -> None:
    async def test() -> None:
        wfm = StubWfm()
        async with served(wfm) as place:
            device = SimulatedDevice(config(place, device_id="gw", hosting=False, gateway=True))
            await device.start()
            device.attach_child(default_capabilities("gw/a"))
            wfm.publish(deployment(1, device="gw/a"))
            await device.wait_for(lambda _: wfm.states(1)[-1:] == ["installed"])
            assert wfm.last(1)["deviceId"] == "gw/a"
            device.set_child_reachable("gw/a", reachable=False)
            await device.wait_for(lambda _: wfm.states(1)[-1:] == ["failed"])
            device.detach_child("gw/a")
            await device.wait_for(lambda _: list(wfm.devices) == ["gw"])
            with pytest.raises(KeyError):
                device.set_child_reachable("gw/b", reachable=True)
            device.change_capabilities(default_capabilities("gw", hosting=False, labels={"line": 7}))
            await device.wait_for(lambda _: "labels" in wfm.devices["gw"])
            await device.configure(poll_interval_s=0.2)
            await device.wait_for_point("capabilities-sent")
            await device.stop()

    run(test())


def test_waiting_has_an_end() -> None:
    async def test() -> None:
        async with served(StubWfm()) as place:
            device = SimulatedDevice(config(place))
            await device.start()
            with pytest.raises(TimeoutError):
                await device.wait_for(lambda _: False, within_s=0.1)
            await device.stop()

    run(test())
