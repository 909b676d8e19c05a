"""A reference WFM with clients of its own trust domain, over real mutual TLS on the loopback."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import aiohttp
from yarl import URL

from simulator.identity.authority import Authority
from simulator.identity.spiffe import client_spiffe_id, recognise_wfm, wfm_spiffe_id
from simulator.identity.svid import Svid
from simulator.identity.tls import client_context
from simulator.identity.trust import StaticTrust
from simulator.protocol.documents import dump_yaml
from simulator.wfm.server import ReferenceWfm, WfmConfig

DOMAIN = "plant.example"
WFM_ID = "wfm-1"
MANIFEST = "/api/v1/deployments"
IDS = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(16)]


@cache
def authority() -> Authority:
    return Authority.new(DOMAIN)


@cache
def client_svid(client_id: str, wfm_id: str = WFM_ID) -> Svid:
    return authority().issue(client_spiffe_id(DOMAIN, wfm_id, client_id))


@cache
def wfm_svid() -> Svid:
    return authority().issue(wfm_spiffe_id(DOMAIN, WFM_ID))


def config(**changes: Any) -> WfmConfig:
    base = WfmConfig(DOMAIN, WFM_ID, svid=wfm_svid(), trust=StaticTrust(authority().bundle()), northbound_port=None)
    return replace(base, **changes)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """The problem's type, after checking that it is a problem document that agrees with the response."""
        assert self.headers["Content-Type"] == "application/problem+json"
        assert self.json["status"] == self.status
        assert self.json["title"]
        return str(self.json["type"]).removeprefix("https://docs.margo.org/specification/problem-types")


class Client:
    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:

        target = URL(self.url + path, encoded=True)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, target, data=body, headers=named, allow_redirects=False) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str, **headers: str) -> Reply:
        return await self.send("GET", path, None, **headers)

    async def put_device(self, device_id: str, document: Any = None) -> Reply:
        body = json.dumps(capabilities(device_id) if document is None else document).encode()
        return await self.send("PUT", f"/api/v1/capabilities/{device_id}", body)

    async def post_status(self, deployment_id: str, document: Any) -> Reply:
        return await self.send("POST", f"/api/v1/deployments/{deployment_id}/status", json.dumps(document).encode())


@asynccontextmanager
async def client_of(wfm: ReferenceWfm, client_id: str = "dev-1", *, svid: Svid | None = None) -> AsyncIterator[Client]:
    own = svid or client_svid(client_id)
    context = client_context(own, StaticTrust(authority().bundle()), lambda peer: recognise_wfm(peer, own.spiffe_id))
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        yield Client(session, wfm.management_url)


@asynccontextmanager
async def running(**changes: Any) -> AsyncIterator[tuple[ReferenceWfm, Client]]:
    """A WFM and its client dev-1."""
    async with ReferenceWfm(config(**changes)) as wfm, client_of(wfm) as client:
        yield wfm, client


def capabilities(device_id: str, **properties: Any) -> dict[str, Any]:
    return {
        "properties": {
            "id": device_id,
            "vendor": "Example Works",
            "modelNumber": "E-1",
            "serialNumber": "1",
            "cpus": [{"cores": 4, "architecture": "amd64"}],
            "memory": "8Gi",
            "storage": "64Gi",
            "peripherals": [],
            "interfaces": [{"type": "ethernet"}],
            "otelCollector": True,
            "supportedRuntimes": ["oci"],
            "supportedDeploymentTypes": ["helm", "compose"],
            **properties,
        }
    }


def deployment(number: int = 0, device_id: str = "dev-1", revision: str = "1.0.0", **spec: Any) -> bytes:
    """A valid deployment document."""
    return dump_yaml(
        {
            "id": IDS[number],
            "metadata": {"name": f"app-{number}", "namespace": "margo", "deviceId": device_id},
            "spec": {
                "applicationId": "app",
                "deploymentProfile": {
                    "type": "compose",
                    "components": [
                        {
                            "name": "main",
                            "properties": {"repository": "oci://registry.example/app/main", "revision": revision},
                        }
                    ],
                },
                "parameters": {},
                **spec,
            },
        }
    )


def status(number: int = 0, state: str = "installed", version: int = 2, **members: Any) -> dict[str, Any]:
    return {
        "deploymentId": IDS[number],
        "adoptedManifestVersion": version,
        "status": {"state": state},
        "components": [{"name": "main", "state": state}],
        **members,
    }
