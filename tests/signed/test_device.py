"""The reference device of the signed revision against the reference WFM: the whole life of a deployment."""

import asyncio
from pathlib import Path

import pytest

from simulator.device.config import DeviceConfig
from simulator.device.driver import SimulatedDevice
from simulator.device.settings import Retrieval
from simulator.device.signed import CLIENT_FILE, Signing
from simulator.identity.web import WebAuthority
from simulator.protocol.status import State
from simulator.wfm.signed_server import SignedWfm
from tests.device.stub_wfm import deployment, uuid
from tests.signed.rig import WEB, certificate, running


def configured(wfm: SignedWfm, folder: Path | None = None, retrieval: Retrieval = "bundle") -> DeviceConfig:
    return DeviceConfig(
        wfm.management_url,
        signing=Signing(certificate("ecdsa-p384-sha384"), WEB.anchors, "pem"),
        poll_interval_s=0.05,
        retry_base_s=0.05,
        retrieval=retrieval,
        storage=folder,
    )


@pytest.mark.parametrize("retrieval", ["bundle", "individual"])
def test_a_deployment_is_installed_reported_and_removed(retrieval: Retrieval, tmp_path: Path) -> None:
    async def go() -> None:
        async with running() as wfm:
            device = SimulatedDevice(configured(wfm, tmp_path, retrieval))
            await device.start()
            await device.wait_for(lambda it: bool(it.state.announced))
            client_id = (tmp_path / CLIENT_FILE).read_text()
            await wfm.service.publish(client_id, deployment(1))
            await device.wait_for(lambda it: uuid(1) in it.workloads and not it.state.outbox)
            client = wfm.core.client(client_id)
            reported = client.statuses[uuid(1)].status
            assert reported.status.state is State.INSTALLED
            assert b"adoptedManifestVersion" not in client.statuses[uuid(1)].body
            assert f"/api/v1/clients/{client_id}/".encode() in client.served.body
            await wfm.service.change(client_id, drop=[uuid(1)])
            await device.wait_for(lambda it: uuid(1) not in it.workloads and not it.state.outbox)
            await device.stop()
            assert client.statuses[uuid(1)].status.status.state is State.REMOVED

    asyncio.run(go())


def test_the_id_is_kept_over_restarts_and_forgotten_with_a_factory_reset(tmp_path: Path) -> None:
    async def go() -> None:
        async with running() as wfm:
            config = configured(wfm, tmp_path)
            for _ in range(2):
                device = SimulatedDevice(config)
                await device.start()
                await device.wait_for(lambda it: bool(it.state.announced))
                await device.stop()
            assert (tmp_path / CLIENT_FILE).read_text()
            await device.factory_reset()
            assert not (tmp_path / CLIENT_FILE).exists()

    asyncio.run(go())


def test_a_server_below_another_root_is_told_nothing() -> None:
    async def go() -> None:
        async with running(credential=WebAuthority.new().issue()) as wfm:
            device = SimulatedDevice(configured(wfm))
            await device.start()
            await device.wait_for(lambda it: any("tls" in entry.message.lower() for entry in it.log))
            await device.stop()
            assert not wfm.clients.find(wfm.core.new_id())
            assert not wfm.core.clients

    asyncio.run(go())
