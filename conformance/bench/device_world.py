"""The counterpart of a device: a trust domain of its own, with the reference WFM behind faults and a link.

Everything that passes is recorded.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from aiohttp import web
from aiohttp.typedefs import Handler
from cryptography.hazmat.primitives.serialization import Encoding

from conformance.bench.accommodations.model import Accommodation
from conformance.bench.errors import Blocked
from conformance.bench.flood import PAUSE_S, Tally, unbounded
from conformance.bench.recorder import Recorder
from conformance.record import redact
from conformance.record.events import Body, Connection, Exchange, Fact, TlsFacts
from simulator.faults.intercept import ObservedExchange, intercept
from simulator.faults.link import Link, LinkConnection
from simulator.faults.plan import FaultRule, Faults
from simulator.identity.authority import Authority
from simulator.identity.bad_credentials import BAD_CREDENTIALS
from simulator.identity.handshake import HandshakeFacts
from simulator.identity.mis import MisServer, PlainMisServer
from simulator.identity.spiffe import SpiffeId, client_spiffe_id, wfm_spiffe_id
from simulator.identity.svid import Credential, Svid
from simulator.identity.tls import HeldCredential
from simulator.identity.trust import HeldTrust, TrustSource
from simulator.identity.unusual_credentials import UNUSUAL_CREDENTIALS
from simulator.protocol.operations import API_ROOT
from simulator.protocol.problem import PROBLEM_MEDIA_TYPE
from simulator.registry.server import Registry
from simulator.wfm.core import DesiredState
from simulator.wfm.publishing import Composed
from simulator.wfm.server import ReferenceWfm, WfmConfig
from simulator.wfm.state import Desired, Publication

TRUST_DOMAIN = "plant.example"
WFM_ID = "bench-wfm"
CLIENT_ID = "device-under-test"
GOOD = "good"
MAX_REASON = 200
KEPT, HANDED = "bench", "device"
"""Below the folder of a real device: what the bench keeps, and what the device is handed."""
_TLS_RECORD = b"\x16"
"""What a TLS connection begins with: the type of a handshake record (RFC 8446, section 5.1)."""


class BenchCore(DesiredState):
    """The reference's core, with manifests that can be rewritten before they are published: `rewrite` maps bytes."""

    rewrite: Callable[[bytes], bytes] | None = None

    def written(self, composed: Composed, now: float) -> Publication:
        """Give the manifest as it will be served, rewritten if that is asked for."""
        publication = super().written(composed, now)
        if self.rewrite is None:
            return publication
        body = self.rewrite(publication.body)
        return Publication.of(composed.version, body, publication.contents, composed.bundle_digest, now)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the world is reached. Port 0 lets the system choose; `public` is the name of it that devices use.

    `registry` and `identity` are the ports of what stands beside the WFM for a whole run; None for what is not offered.
    """

    host: str = "127.0.0.1"
    port: int = 0
    public: str = ""
    registry: int | None = None
    identity: int | None = None


class World:
    """One trust domain with one WFM and one client. All methods run on the bench's event loop.

    `envelope` are members that this revision puts before those of a deployment.
    The device connects to `url`, which is the link's; behind it the WFM may stop, start and change its credential.
    `device_svid` is what the device holds already; a new one is issued unless given. `tally` bounds what is kept.
    """

    envelope: Mapping[str, str] = {}
    has_identity_service = True
    """Whether a real device may take its trust from an identity service."""

    def __init__(
        self,
        recorder: Recorder,
        endpoint: Endpoint,
        *,
        authority: Authority | None = None,
        device_svid: Svid | None = None,
        tally: Tally | None = None,
        client_id: str = CLIENT_ID,
    ) -> None:
        self.recorder = recorder
        self.client_id = client_id
        self.tally = tally or unbounded()
        self.authority = authority or Authority.new(TRUST_DOMAIN)
        self.wfm_identity: SpiffeId = wfm_spiffe_id(TRUST_DOMAIN, WFM_ID)
        self.client_identity: SpiffeId = client_spiffe_id(TRUST_DOMAIN, WFM_ID, client_id)
        self.device_svid: Svid = device_svid or self.authority.issue(self.client_identity)
        self.good: Svid = self.authority.issue(self.wfm_identity)
        self.trust = HeldTrust(TRUST_DOMAIN, self.authority.bundle())
        self.trust_of_device = HeldTrust(TRUST_DOMAIN, self.authority.bundle())
        self.presented = GOOD
        self.faults = Faults()
        self._credential = HeldCredential(self.good)
        self._endpoint = endpoint
        self.link = Link(0, host=endpoint.host, port=endpoint.port, on_connection=self._ended)
        self.mis: MisServer | None = None
        self._second: MisServer | None = None
        self.registry: Registry | None = None
        self.wfm = self._new_wfm()

    def _new_wfm(self, port: int = 0) -> ReferenceWfm:
        config = WfmConfig(
            TRUST_DOMAIN, WFM_ID, svid=self._credential, trust=self.trust, management_port=port, northbound_port=None
        )
        layers = (self._hold_flood, intercept(self.faults, self._exchanged))
        return ReferenceWfm(
            config,
            middlewares=layers,
            core_class=BenchCore,
            observer=self._shaken,
            on_refused=self._not_http,
            clock=self.recorder.unix,
        )

    @property
    def url(self) -> str:
        """Where the device connects to."""
        name = self.public_host
        return f"https://[{name}]:{self.link.port}" if ":" in name else f"https://{name}:{self.link.port}"

    @property
    def public_host(self) -> str:
        """The name that the device knows this host by."""
        return self._endpoint.public or self._endpoint.host

    @property
    def listening(self) -> tuple[str, str]:
        """Where services of a scenario listen, and the name that the device knows that by."""
        return self._endpoint.host, self.public_host

    @property
    def core(self) -> BenchCore:
        """The WFM's core."""
        core = self.wfm.core
        assert isinstance(core, BenchCore)  # noqa: S101 - made above
        return core

    @property
    def version(self) -> int:
        """The manifest version that the WFM serves."""
        return self.core.manifest(self.client_id).version

    @property
    def documents(self) -> dict[str, bytes]:
        """The deployments that are desired now, by id."""
        client = self.core.client(self.client_id)
        return {name: item.desired.document for name, item in client.deployments.items() if item.phase == "desired"}

    async def start(self) -> None:
        """Open the WFM, then the link to it. Raises PortInUse."""
        await self.wfm.start()
        self.link.retarget(self.wfm.management_port)
        await self.link.restore()

    async def stop(self) -> None:
        """Close everything."""
        await self.link.close()
        await self.wfm.stop()
        for service in (self.mis, self._second, self.registry):
            if service is not None:
                await service.stop()

    def told_of_devices(self) -> dict[str, dict[str, Any]]:
        """Give the capabilities that each device of the client reported last, as far as they were taken."""
        devices = self.core.client(self.client_id).devices
        return {name: device.capabilities.to_wire() for name, device in devices.items()}

    # --- how this revision does it ----------------------------------------------------------------------------------

    @property
    def root(self) -> str:
        """Below what the client's routes are."""
        return API_ROOT

    def provisioned(self) -> dict[str, Any]:
        """What is known of the two seats before anything happened."""
        return {
            "trustDomain": self.wfm_identity.trust_domain,
            "wfm": str(self.wfm_identity),
            "client": str(self.client_identity),
            "url": self.url,
        }

    def provisions(self, trust: TrustSource | None = None) -> dict[str, Any]:
        """What the built-in device is configured with to come here; `trust` in place of the bundle it is handed."""
        return {"svid": self.device_svid, "trust": trust or self.trust_of_device}

    def reissued(self) -> tuple[str, dict[str, Any]]:
        """Make another unit's credential: the digest of its certificate, and what it is configured with."""
        svid = self.authority.issue(self.client_identity)
        return hashlib.sha256(svid.leaf.public_bytes(Encoding.DER)).hexdigest(), {"svid": svid}

    @classmethod
    def restored(cls, recorder: Recorder, endpoint: Endpoint, folder: Path, state: Mapping[str, Any]) -> Self:
        """Make the world of an earlier run again, from the folder that it was kept in. Raises CredentialError."""
        del state
        svid = Svid.load(folder / HANDED / "svid.pem", folder / HANDED / "svid_key.pem")
        return cls(recorder, endpoint, authority=Authority.load(folder / KEPT), device_svid=svid, tally=Tally())

    def kept(self) -> dict[str, Any]:
        """What another run has to know beside the authority and the credentials."""
        return {}

    def sheet(self, folder: Path) -> tuple[dict[str, str], tuple[str, ...]] | None:
        """Write what the device is handed, and give its entries and steps; None for the usual ones."""
        del folder
        return None

    def refusal(self, status: int, problem: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
        """Write a refusal: headers and body."""
        document = {"type": "about:blank", "title": "Not now", "status": status, **problem}
        return {"Content-Type": PROBLEM_MEDIA_TYPE}, json.dumps(document).encode()

    # --- what the WFM does ------------------------------------------------------------------------------------------

    async def change(
        self, put: Iterable[bytes] = (), drop: Iterable[str] = (), *, version: int | None = None
    ) -> Publication:
        """Publish a new desired state, in a given version or the next. Raises DocumentError, ValueError, Blocked."""
        if version is not None and version <= self.version:
            raise Blocked(
                f"the device was shown version {self.version} already, so version {version} needs new credentials"
            )
        if version is not None:
            await self.wfm.service.jump_version(self.client_id, version)
        desired = [Desired.from_yaml(document) for document in put]
        return await self.wfm.service.change(self.client_id, desired, drop)

    def rewrite_manifests(self, rewrite: Callable[[dict[str, Any]], None] | None) -> None:
        """Change every manifest that is published from now on, before its tag is made; None for no change."""

        def apply(data: bytes) -> bytes:
            manifest = json.loads(data)
            if rewrite is not None:
                rewrite(manifest)
            return json.dumps(manifest).encode()

        self.core.rewrite = apply if rewrite else None

    async def disturb(self, *rules: FaultRule) -> None:
        """Add fault rules."""
        self.faults.add(*rules)

    async def undisturb(self) -> None:
        """Take all fault rules away, and have the link as it should be."""
        self.faults.clear()
        self.link.undisturb()

    async def retire(self, retired: bool) -> None:
        """End the relationship with the client, or take it up again."""
        await self.wfm.service.retire(self.client_id, retired=retired)

    async def stop_wfm(self) -> None:
        """Have the WFM go away; the link stays."""
        await self.wfm.stop()

    async def start_wfm(self) -> None:
        """Have the WFM come back with all that it knew, on another port behind the link."""
        await self.wfm.start()
        self.link.retarget(self.wfm.management_port)

    async def restart_connections(self) -> None:
        """Break every connection, so that the next request needs a new handshake."""
        await self.link.cut()
        await self.link.restore()

    # --- who the WFM is ---------------------------------------------------------------------------------------------

    async def present(self, name: str) -> str:
        """Have the WFM present a credential, by its name or `good`; gives the clause it breaks or ""."""
        credential, clause = self._credential_of(name)
        self._credential.renew(credential)
        self.presented = name
        await self.restart_connections()
        return clause

    async def present_of(self, authority: Authority, name: str) -> None:
        """Have the WFM present a good credential of another authority, under a name for the record."""
        self._credential.renew(authority.issue(self.wfm_identity))
        self.presented = name
        await self.restart_connections()

    def _credential_of(self, name: str) -> tuple[Credential, str]:
        if name == GOOD:
            return self.good, ""
        if name in UNUSUAL_CREDENTIALS:
            return UNUSUAL_CREDENTIALS[name](self.authority, self.wfm_identity), ""
        bad = BAD_CREDENTIALS[f"wfm-{name}"]
        return bad.make(self.authority, self.wfm_identity), bad.clause

    async def open_identity_service(self, **options: object) -> MisServer:
        """Start an identity service whose requests are recorded; options as for `MisServer`."""
        layer = intercept(self.faults, self._exchanged)
        mis = MisServer(TRUST_DOMAIN, self.authority.bundle(), middlewares=(layer,), **options)  # type: ignore[arg-type]
        self.mis = await mis.start()
        return self.mis

    async def open_second_service(self, *, encrypted: bool = True) -> MisServer:
        """Start another identity service, at an origin of its own: unencrypted, or one that nobody was told of."""
        if self._second is not None:
            await self._second.stop()
        layer = intercept(self.faults, self._exchanged)
        kind = MisServer if encrypted else PlainMisServer
        public = self._endpoint.public or "localhost"
        service = kind(
            TRUST_DOMAIN, self.authority.bundle(), host=self._endpoint.host, public_host=public, middlewares=(layer,)
        )
        self._second = await service.start()
        return self._second

    async def open_registry(self, **options: object) -> Registry:
        """Start a component registry whose requests are recorded; options as for `Registry`."""
        layer = intercept(self.faults, self._exchanged)
        self.registry = await Registry(middlewares=(layer,), **options).start()  # type: ignore[arg-type]
        return self.registry

    # --- the record -------------------------------------------------------------------------------------------------

    def _exchanged(self, seen: ObservedExchange) -> None:
        recorder = self.recorder
        tls = seen.tls
        self._append(
            Exchange(
                at=max(recorder.moment(seen.started), 1e-9),
                scenario=recorder.scenario,
                seat="client",
                operation=seen.operation,
                params=dict(seen.params),
                client=seen.peer,
                connection=seen.connection,
                method=seen.method,
                target=seen.target,
                http_version=seen.http_version,
                request_headers=redact.headers(seen.request_headers),
                request=Body(cut=True) if seen.request_too_large else redact.body(seen.request_body),
                status=seen.status,
                response_headers=redact.headers(seen.response_headers),
                response=redact.body(seen.response_body),
                finished=recorder.moment(seen.ended),
                tls=TlsFacts(version=tls.version, cipher=tls.cipher, peer_id=seen.peer, peer_chain=tls.chain_digests)
                if tls
                else None,
                fault=seen.fault,
                error=None if seen.outcome == "answered" else f"the connection was {seen.outcome}",
            )
        )

    def _shaken(self, facts: HandshakeFacts) -> None:
        if facts.outcome == "started":
            self.tally.handshakes += 1
            data = {"connection": facts.number, "offered": self.presented}
            self._append(Fact(scenario=self.recorder.scenario, kind="connecting", data=data))
            return
        tls = TlsFacts(
            version=facts.tls_version,
            cipher=facts.cipher,
            peer_id=facts.peer_spiffe_id,
            peer_chain=facts.peer_chain_digests,
        )
        established = facts.outcome == "completed"
        who = {"self": "the bench", "peer": "the device", None: "somebody"}[facts.by]
        clause = f" ({facts.clause})" if facts.clause else ""
        if not established:
            self.tally.refused = f"refused by {who}: {facts.reason}{clause}"
        self._append(
            Connection(
                scenario=self.recorder.scenario,
                seat="client",
                outcome="established" if established else "refused",
                reason=None if established else self.tally.refused,
                offered=self.presented,
                tls=tls,
            )
        )

    @web.middleware
    async def _hold_flood(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Hold back a device that sends more than is kept; its other requests are answered, but not recorded."""
        self.tally.requests += 1
        self.tally.enter(self.recorder.scenario, self.recorder.now())
        if not self.tally.floods:
            return await handler(request)
        self._admitted(0, keeps=False)
        await asyncio.sleep(PAUSE_S)
        return web.Response(status=429, headers={"Retry-After": "1"})

    def _append(self, event: Exchange | Connection | Fact) -> None:
        """Record an event, unless there are too many of them."""
        size = event.request.size + event.response.size if isinstance(event, Exchange) else 0
        if self._admitted(size):
            self._keep(event)

    def _not_http(self, reason: str) -> None:
        """Note what came over TLS and was no HTTP request: it is answered by the server itself, and is no exchange."""
        self.tally.refused = f"no HTTP request: {reason.splitlines()[0][:MAX_REASON]}"
        self._append(Fact(scenario=self.recorder.scenario, kind="no-request", data={"reason": self.tally.refused}))

    def _ended(self, connection: LinkConnection) -> None:
        """Count a TCP connection that has ended: who only opens them floods, too, and never comes to TLS."""
        if connection.opening:
            tls = connection.opening.startswith(_TLS_RECORD)
            self.tally.began = "" if tls else f"it began with {connection.opening!r} rather than with TLS"
        self._admitted(connection.bytes_up, keeps=False)

    def _admitted(self, size: int, *, keeps: bool = True) -> bool:
        """Whether something of so many bytes may be kept; the first that may not makes the flood a fact."""
        if self.tally.admits(self.recorder.scenario, size, self.recorder.now(), keeps=keeps):
            return True
        if self.tally.dropped == 1:
            said = self.tally.words(self.recorder.now())
            self._keep(Fact(scenario=self.recorder.scenario, kind="flooded", data={"seen": said}))
        return False

    def get_past(self, accommodations: tuple[Accommodation, ...]) -> None:
        """Serve a device past its known departures; here none are known."""
        if accommodations:
            raise RuntimeError("no departure of a device is known in this revision")

    def _recorded(self, event: Exchange | Connection | Fact) -> None:
        """Hear what was recorded."""

    def _keep(self, event: Exchange | Connection | Fact) -> None:
        """Record an event; what still comes when the record is closed belongs to no scenario and is dropped."""
        try:
            self._recorded(self.recorder.append(event))
        except ValueError:
            if self.recorder.scenario is not None:
                raise
