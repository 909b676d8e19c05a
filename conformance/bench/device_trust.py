"""An identity service beside the WFM, right or wrong in one point, for a device that fetches its trust bundle there."""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_subject import SimulatedSeat
from conformance.bench.device_world import TRUST_DOMAIN, World
from conformance.bench.errors import Blocked
from simulator.identity.authority import Authority
from simulator.identity.bundle import TrustBundle
from simulator.identity.mis import MisServer
from simulator.identity.mis_trust import MisConfig, MisTrust, Refresh
from simulator.identity.rotation import Rotation
from simulator.identity.web import ServerTrust, SpkiPins, WebAuthority, spki_pin

REFRESH_S = 0.1
"""How often the simulated device refreshes its bundle."""
HINT_S = 2
"""The refresh hint of a bundle that has one: the smallest that differs clearly from the device's own interval."""
UNDISCOVERABLE = "no discovery document, whose bundle the device knows where to find"
"""A service that is right, and that a device has to be told of (PT-015)."""
PLAIN_DISCOVERY = "a plain address for discovery"
"""A service that is good, but whose discovery document the device was told to fetch unencrypted."""
SOON = "that wants to be refreshed soon"
ADDRESS = "127.0.0.1"
BY_ADDRESS = ("a pinned key, known by its address", "another key than the pinned one, known by its address")
"""Services that are pinned rather than certified: by the words of the scenarios, the right one first."""


@dataclass
class IdentityService:
    """The service of one scenario with what the device was configured to expect of it."""

    bench: DeviceBench
    server: MisServer
    authority: WebAuthority
    server_trust: ServerTrust
    """What the device was told that the service has to prove."""
    cache: Path
    rotation: Rotation | None = None
    fallback: bool = False
    """Whether the device was told where the bundle is, should there be no discovery document."""
    plain_address: str = ""
    """Where discovery is unencrypted, while the device is told to look there."""

    @property
    def world(self) -> World:
        """The counterpart."""
        return self.bench.world


def open_service(bench: DeviceBench, defect: str = "") -> IdentityService:
    """Start the service, with the named defect if any, and have the device take its trust from there."""
    if not isinstance(bench.seat, SimulatedSeat):
        raise Blocked("the device cannot be told to use the bench's identity service")
    return bench.loop.run(_open(bench, bench.seat, defect))


async def _open(bench: DeviceBench, seat: SimulatedSeat, defect: str) -> IdentityService:
    world = bench.world
    options: dict[str, Any] = {}
    if defect == "an unknown certificate":
        options["credential"] = WebAuthority.new().issue()
    if defect == "a certificate of the trust domain":
        options["credential"] = world.authority.issue(world.wfm_identity, dns=("localhost",), ips=("127.0.0.1",))
    authority = WebAuthority.new()
    if defect in BY_ADDRESS:
        return await _pinned(bench, seat, defect, authority)
    server = await world.open_identity_service(web_authority=authority, **options)
    if defect == "another name in its certificate":
        server.credential = authority.issue(("other.example",), ("127.0.0.9",))
        await server.stop()
        server = await world.open_identity_service(web_authority=authority, credential=server.credential)
    service = IdentityService(bench, server, authority, authority.anchors, _cache_file(bench))
    if defect == UNDISCOVERABLE:
        server.publish_discovery(None)
        service.fallback = True
    elif defect:
        bench.note("service-defect", defect=defect)
    if defect == PLAIN_DISCOVERY:
        service.plain_address = await _plain_discovery(world, server)
    seat.trust = _trust(service, seat)
    return service


async def _plain_discovery(world: World, server: MisServer) -> str:
    """Serve the discovery document of a good service unencrypted too; gives where."""
    plain = await world.open_second_service(encrypted=False)
    plain.publish_discovery(server.published.documents["discover"])
    return plain.discovery_url


async def _pinned(bench: DeviceBench, seat: SimulatedSeat, kind: str, authority: WebAuthority) -> IdentityService:
    """Start a service that is addressed by IP, whose certificate does not name that address, and pin its key."""
    credential, other = authority.issue(("mis.example",), ()), authority.issue(("mis.example",), ())
    server = await bench.world.open_identity_service(credential=credential, public_host=ADDRESS)
    right = kind == BY_ADDRESS[0]
    pins = SpkiPins(frozenset({spki_pin((credential if right else other).leaf)}))
    service = IdentityService(bench, server, authority, pins, _cache_file(bench))
    bench.note("service-pinned" if right else "service-defect", defect="" if right else kind)
    seat.trust = _trust(service, seat)
    return service


def _cache_file(bench: DeviceBench) -> Path:
    folder = tempfile.TemporaryDirectory(prefix="margo-trust-")
    bench.at_end(folder.cleanup)
    return Path(folder.name) / "bundle.json"


def _trust(service: IdentityService, seat: SimulatedSeat) -> MisTrust:
    config = MisConfig(
        TRUST_DOMAIN,
        service.server_trust,
        discovery_url=service.plain_address or service.server.discovery_url,
        interval_s=REFRESH_S,
        retry_s=REFRESH_S,
        timeout_s=2.0,
        cache=service.cache,
        fallback_url=service.server.bundle_url if service.fallback else None,
    )
    bench = service.bench

    def note(result: Refresh) -> None:
        bench.note("service-contacted", outcome=result.outcome, reason=result.reason)

    return seat.config(service.world).trust_class(config, on_refresh=note)


def prove(service: IdentityService) -> None:
    """Have the service come back at the same address with the certificate that the device was told to expect."""
    world, port = service.world, service.server.port
    service.bench.note("service-mended")
    service.bench.loop.run(service.server.stop())
    service.server = service.bench.loop.run(world.open_identity_service(web_authority=service.authority, port=port))


def pin_the_right_key(service: IdentityService) -> None:
    """Tell the device the pin of the key that the service has."""
    service.bench.note("service-mended")
    service.server_trust = service.server.pins
    reconnect(service)


def tell_the_good_address(service: IdentityService) -> None:
    """Tell the device where the service proves itself."""
    service.bench.note("service-mended")
    service.plain_address = ""
    reconnect(service)


def go_offline(service: IdentityService) -> None:
    """Have the identity service go away for good, and the device reboot."""
    bench = service.bench
    bench.loop.run(service.server.stop())
    bench.note("service-gone")
    reconnect(service)


def reconnect(service: IdentityService) -> None:
    """Restart the device, which knows of its trust only what it was configured with and what it stored."""
    bench = service.bench
    seat = bench.seat
    if not isinstance(seat, SimulatedSeat):
        raise Blocked("the device cannot be told to use the bench's identity service")
    bench.note("rebooted")
    bench.loop.run(seat.retrust(_trust(service, seat)))


def begin_rotation(service: IdentityService) -> None:
    """First step of replacing the anchor: both are published."""
    service.rotation = Rotation(service.world.authority, service.server.publish, sequence=8)
    service.bench.note("bundle-published", bundle="both anchors")
    service.rotation.publish_both()


def switch_issuance(service: IdentityService) -> None:
    """Second and third step: everybody had the time to refresh, and the WFM gets its credential of the new anchor."""
    rotation = _rotation(service)
    service.bench.loop.run(rotation.wait(2 * REFRESH_S))
    service.bench.note("presented", credential="new anchor", clause="")
    service.bench.loop.run(service.world.present_of(rotation.switch_issuance(), "new anchor"))


def retire_anchor(service: IdentityService) -> None:
    """Fourth step: only the new anchor is published."""
    service.bench.note("bundle-published", bundle="new anchor only")
    _rotation(service).retire_old()


def _rotation(service: IdentityService) -> Rotation:
    assert service.rotation is not None  # noqa: S101 - a step before began it
    return service.rotation


def publish_bundle(service: IdentityService, kind: str) -> None:
    """Have the service give another bundle, by the words of the scenarios."""
    soon = kind == SOON
    service.server.published.cache_control = "max-age=86400" if soon else None
    service.bench.note("bundle-published", bundle=kind, hint=HINT_S if soon else None)
    service.server.publish(BUNDLES[kind](service.world.authority))


def publish_discovery(service: IdentityService, kind: str) -> None:
    """Have the service give another discovery document, by the words of the scenarios."""
    good = {"trustDomain": TRUST_DOMAIN, "trustBundleUri": service.server.bundle_url}
    if kind == "good":
        service.bench.note("service-mended")
    elif kind == "with members that nobody knows":
        service.bench.note("bundle-published", bundle=kind)
    else:
        service.bench.note("service-defect", defect=kind)
    service.server.publish_discovery(json.dumps({**good, **DISCOVERIES[kind](service)}).encode())


def _plain_address(service: IdentityService) -> Mapping[str, Any]:
    other = service.bench.loop.run(service.world.open_second_service(encrypted=False))
    return {"trustBundleUri": other.bundle_url}


def _other_origin(service: IdentityService) -> Mapping[str, Any]:
    other = service.bench.loop.run(service.world.open_second_service())
    return {"trustBundleUri": other.bundle_url}


def _jwks(authority: Authority, change: Callable[[dict[str, Any]], None]) -> bytes:
    document = json.loads(authority.bundle(sequence=2).to_json())
    change(document)
    return json.dumps(document).encode()


def _other_use(document: dict[str, Any]) -> None:
    for key in document["keys"]:
        key["use"] = "jwt-svid"


def _more_members(document: dict[str, Any]) -> None:
    document["color"] = "green"
    document["keys"].append({"kty": "EC", "crv": "P-256", "use": "jwt-svid", "kid": "1", "x": "AA", "y": "AA"})
    for key in document["keys"]:
        key["note"] = "nobody knows this"


DISCOVERIES: Mapping[str, Callable[[IdentityService], Mapping[str, Any]]] = {
    "good": lambda _: {},
    "with members that nobody knows": lambda _: {"color": "green", "services": [{"kind": "unheard of"}]},
    "of another trust domain": lambda _: {"trustDomain": "other.example"},
    "with a plain address of the bundle": _plain_address,
    "with the bundle at an origin without proof": _other_origin,
}

BUNDLES: Mapping[str, Callable[[Authority], TrustBundle | bytes | None]] = {
    "good": lambda authority: authority.bundle(sequence=3),
    "empty": lambda authority: TrustBundle(authority.trust_domain, (), 2),
    "of keys for another use": lambda authority: _jwks(authority, _other_use),
    "with members and keys that nobody knows": lambda authority: _jwks(authority, _more_members),
    SOON: lambda authority: authority.bundle(sequence=4, refresh_hint=HINT_S),
    "broken": lambda _: b'{"keys": [',
    "missing": lambda _: None,
}
