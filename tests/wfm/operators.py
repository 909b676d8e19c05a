"""An operator at the northbound API of a WFM with the sample packages, and what a device is served."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml

import features
from simulator.wfm.packages import load_directory
from simulator.wfm.server import ReferenceWfm
from tests.wfm.support import MANIFEST, Client, Reply, client_of, config

APPLICATIONS = Path(features.__file__).parent / "applications"
DEPLOYMENTS = "/northbound/v1/deployments"


class Operator(Client):
    async def post(self, path: str, document: Any, method: str = "POST") -> Reply:
        return await self.send(method, path, json.dumps(document).encode(), Content_Type="application/json")

    async def upload(self, name: str) -> Reply:
        archive = load_directory(APPLICATIONS / name).to_archive()
        return await self.send("POST", "/northbound/v1/packages", archive, Content_Type="application/gzip")

    async def deploy(self, application: str, *devices: str, **more: Any) -> Reply:
        targets = [{"client": "dev-1", "deviceId": device} for device in devices]
        return await self.post(DEPLOYMENTS, {"application": application, "targets": targets, **more})


@asynccontextmanager
async def site(**changes: Any) -> AsyncIterator[tuple[ReferenceWfm, Client, Operator]]:
    """A WFM with all three sample packages, its client dev-1 with the device dev-1, and an operator."""
    clock = changes.pop("clock", None)
    options = {"clock": clock} if clock else {}
    async with (
        ReferenceWfm(config(northbound_port=0, **changes), **options) as wfm,
        client_of(wfm) as client,
        aiohttp.ClientSession() as session,
    ):
        operator = Operator(session, f"http://127.0.0.1:{wfm.northbound_port}")
        for name in ("telemetry-gateway", "historian", "vision-inspector"):
            assert (await operator.upload(name)).status == 201
        assert (await client.put_device("dev-1")).status in (200, 201)
        yield wfm, client, operator


async def documents(client: Client) -> list[dict[str, Any]]:
    manifest = (await client.get(MANIFEST)).json
    return [yaml.safe_load((await client.get(ref["url"])).body) for ref in manifest["deployments"]]


def described(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((APPLICATIONS / name / "margo.yaml").read_bytes())
    return found
