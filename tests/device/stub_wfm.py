"""A small WFM for tests: without I/O in `StubWfm`, over mutual TLS in `served`."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import web

from simulator.device.events import Answer, RequestFailed, ResponseArrived, Send
from simulator.identity.authority import Authority
from simulator.identity.spiffe import SpiffeId, client_spiffe_id, recognise_client, wfm_spiffe_id
from simulator.identity.svid import Svid
from simulator.identity.tls import server_context
from simulator.identity.trust import StaticTrust
from simulator.protocol.bundle import make_bundle
from simulator.protocol.digest import digest_of, entity_tag
from simulator.protocol.documents import dump_yaml, parse_json
from simulator.protocol.manifest import (
    BUNDLE_MEDIA_TYPE,
    MANIFEST_MEDIA_TYPE,
    BundleRef,
    DeploymentRef,
    StateManifest,
    bundle_url,
    deployment_url,
)
from simulator.protocol.operations import Call, recognise
from simulator.protocol.problem import PROBLEM_MEDIA_TYPE, Problem, ProblemType
from simulator.protocol.status import ComponentStatus, DeploymentStatus, OverallStatus, State, overall

Reply = tuple[int, dict[str, str], bytes]
Fault = Callable[[Call, Send], Reply | str | None]
"""Gives a reply or the name of a broken link in place of the real answer."""


def uuid(number: int) -> str:
    """A deployment id."""
    return str(UUID(int=number))


def component(name: str, revision: str = "1.0.0", **properties: Any) -> dict[str, Any]:
    return {
        "name": name,
        "properties": {"repository": f"oci://registry.test/{name}", "revision": revision, **properties},
    }


def deployment(
    number: int,
    *components: dict[str, Any],
    device: str = "device-1",
    kind: str = "compose",
    constraints: dict[str, Any] | None = None,
    parameters: dict[str, Any] | None = None,
    more: Mapping[str, Any] | None = None,
) -> bytes:
    """The YAML of a deployment."""
    profile: dict[str, Any] = {"type": kind, "components": list(components or (component("main"),))}
    if constraints is not None:
        profile["deviceConstraints"] = constraints
    document = {
        "id": uuid(number),
        "metadata": {"name": f"app-{number}", "namespace": "apps", "deviceId": device},
        "spec": {
            "applicationId": f"app-{number}",
            "deploymentProfile": profile,
            "parameters": parameters or {},
            **(more or {}),
        },
    }
    return dump_yaml(document)


def problem(
    status: int, kind: ProblemType = ProblemType.BLANK, *, retry_after: int | None = None, **members: Any
) -> Reply:
    """An error answer."""
    wire = Problem.of(kind, "for a test", status=status, retry_after_s=retry_after).to_wire() | members
    headers = {"content-type": PROBLEM_MEDIA_TYPE}
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    return status, headers, json.dumps(wire).encode()


@dataclass
class StubWfm:
    """Serves one client; keeps every request and checks every report against the rules that always hold."""

    version: int = 0
    yamls: dict[str, bytes] = field(default_factory=dict)
    artefacts: dict[str, bytes] = field(default_factory=dict)
    manifest: bytes = b""
    requests: list[tuple[float, Call, Send]] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    devices: dict[str, dict[str, Any]] = field(default_factory=dict)
    fault: Fault | None = None

    def __post_init__(self) -> None:
        self.publish()

    def publish(self, *yamls: bytes, version: int | None = None, **changes: Any) -> None:
        """Offer these deployments as a new manifest; `changes` replace members of its JSON."""
        self.version = self.version + 1 if version is None else version
        self.yamls = {self._id_of(data): data for data in yamls}
        refs = []
        for name, data in self.yamls.items():
            digest = digest_of(data)
            self.artefacts[deployment_url(name, digest)] = data
            refs.append(DeploymentRef(deployment_id=name, digest=digest, url=deployment_url(name, digest)))
        bundle = None
        if self.yamls:
            packed = make_bundle(self.yamls)
            digest = digest_of(packed)
            self.artefacts[bundle_url(digest)] = packed
            bundle = BundleRef(
                media_type=BUNDLE_MEDIA_TYPE, digest=digest, url=bundle_url(digest), size_bytes=len(packed)
            )
        manifest = StateManifest(manifest_version=self.version, bundle=bundle, deployments=tuple(refs))
        self.manifest = manifest.to_bytes()
        if changes:
            self.manifest = json.dumps(json.loads(self.manifest) | changes).encode()

    @property
    def bundle_path(self) -> str:
        path: str = json.loads(self.manifest)["bundle"]["url"]
        return path

    def exchange(self, request: Send, now: float = 0.0) -> Answer:
        """Answer for a virtual device."""
        reply = self.reply(request, now)
        if isinstance(reply, str):
            return RequestFailed(request.request_id, "reset", reply)
        status, headers, body = reply
        return ResponseArrived(request.request_id, status, headers, body)

    def reply(self, request: Send, now: float) -> Reply | str:
        call = recognise(request.method, request.target)
        self.requests.append((now, call, request))
        wrong = self.fault(call, request) if self.fault else None
        return wrong if wrong is not None else self._answer(call, request)

    def _answer(self, call: Call, request: Send) -> Reply:
        match call.operation:
            case "report-capabilities":
                return self._capabilities(call.params["deviceId"], request.body)
            case "withdraw-capabilities":
                known = self.devices.pop(call.params["deviceId"], None)
                return (204, {}, b"") if known else problem(404, ProblemType.DEVICE_NOT_FOUND)
            case "fetch-manifest":
                tag = entity_tag(digest_of(self.manifest))
                headers = {"content-type": MANIFEST_MEDIA_TYPE, "etag": tag}
                same = request.headers.get("If-None-Match") == tag
                return (304, {"etag": tag}, b"") if same else (200, headers, self.manifest)
            case "fetch-deployment" | "fetch-bundle":
                data = self.artefacts.get(request.target)
                media = BUNDLE_MEDIA_TYPE if call.operation == "fetch-bundle" else "application/yaml"
                return (200, {"content-type": media}, data) if data else problem(404, ProblemType.INVALID_BUNDLE)
            case "report-status":
                self.reports.append(check_report(parse_json(request.body, "status")))
                return 201, {}, b""
        return problem(404)

    def _capabilities(self, device_id: str, body: bytes) -> Reply:
        parent = device_id.rpartition("/")[0]
        if parent and parent not in self.devices:
            return problem(404, ProblemType.GATEWAY_NOT_FOUND)
        known = device_id in self.devices
        self.devices[device_id] = json.loads(body)
        return 200 if known else 201, {}, b""

    # --- reading what happened ---------------------------------------------------------------------------

    def operations(self) -> list[str]:
        return [call.operation for _, call, _ in self.requests]

    def times(self, operation: str) -> list[float]:
        return [at for at, call, _ in self.requests if call.operation == operation]

    def of(self, operation: str) -> Iterator[Send]:
        return (request for _, call, request in self.requests if call.operation == operation)

    def states(self, number: int) -> list[str]:
        """The overall states reported for a deployment, repetitions left out."""
        states = [report["status"]["state"] for report in self.reports if report["deploymentId"] == uuid(number)]
        return [state for i, state in enumerate(states) if i == 0 or states[i - 1] != state]

    def last(self, number: int) -> dict[str, Any]:
        return [report for report in self.reports if report["deploymentId"] == uuid(number)][-1]

    @staticmethod
    def _id_of(data: bytes) -> str:
        return next(line.split()[1].strip("'") for line in data.decode().splitlines() if line.startswith("id:"))


def check_report(report: Mapping[str, Any]) -> dict[str, Any]:
    """Rules that hold for every report of a sound device."""
    status = DeploymentStatus.from_wire(report)
    assert status.components, report
    assert status.status.state is overall(part.state for part in status.components), report
    parts: list[OverallStatus | ComponentStatus] = [status.status, *status.components]
    for part in parts:
        if part.state is State.FAILED:
            assert part.error is None or all((part.error.code, part.error.source, part.error.message)), report
        else:
            assert part.error is None, report
    if status.status.state is State.FAILED:
        assert status.status.error is not None, report
    return dict(report)


# --- over sockets --------------------------------------------------------------------------------------------


@dataclass
class Served:
    """A stub WFM behind a socket, with what a client needs to reach it."""

    wfm: StubWfm
    url: str
    authority: Authority
    trust: StaticTrust
    client: Svid
    peers: list[str]
    connections: list[int]
    encode: bool = False


@contextlib.asynccontextmanager
async def served(wfm: StubWfm, *, identity: SpiffeId | None = None) -> AsyncIterator[Served]:
    """Serve a stub over mutual TLS on loopback; `identity` replaces the WFM's own."""
    authority = Authority.new("test.example")
    trust = StaticTrust(authority.bundle())
    svid = authority.issue(identity or wfm_spiffe_id("test.example", "wfm-1"))
    client = authority.issue(client_spiffe_id("test.example", "wfm-1", "client-1"))
    place = Served(wfm, "", authority, trust, client, [], [])

    def accept(peer: SpiffeId) -> None:
        recognise_client(peer, "test.example", "wfm-1")

    async def handle(request: web.Request) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None
        place.peers.append(str(transport.get_extra_info("ssl_object").peer_id))
        place.connections.append(transport.get_extra_info("peername")[1])
        sent = Send(0, request.method, request.raw_path, dict(request.headers), await request.read())
        reply = wfm.reply(sent, 0.0)
        if isinstance(reply, str):
            transport.abort()
            return web.Response()
        status, headers, body = reply
        response = web.Response(status=status, headers=headers, body=body)
        if place.encode and body:
            response.enable_compression(web.ContentCoding.gzip)
        return response

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context(svid, trust, accept))
    await site.start()
    place.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield place
    finally:
        await runner.cleanup()
