"""An identity service beside the WFM, right or wrong in one point, for a device that fetches its trust bundle there."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_subject import SimulatedSeat
from conformance.bench.device_world import TRUST_DOMAIN, World
from conformance.bench.errors import Blocked
from simulator.identity.authority import Authority
from simulator.identity.bundle import TrustBundle
from simulator.identity.mis import MisServer
from simulator.identity.mis_trust import MisConfig, MisTrust, Refresh
from simulator.identity.web import WebAuthority

REFRESH_S = 0.1
"""How often the simulated device refreshes its bundle."""


@dataclass
class IdentityService:
    """The service of one scenario with what the device was configured to expect of it."""

    bench: DeviceBench
    server: MisServer
    authority: WebAuthority

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
    server = await world.open_identity_service(web_authority=authority, **options)
    if defect == "another name in its certificate":
        server.credential = authority.issue(("other.example",), ("127.0.0.9",))
        await server.stop()
        server = await world.open_identity_service(web_authority=authority, credential=server.credential)
    service = IdentityService(bench, server, authority)
    if defect:
        bench.note("service-defect", defect=defect)
    seat.trust = _trust(service)
    return service


def _trust(service: IdentityService) -> MisTrust:
    config = MisConfig(
        TRUST_DOMAIN,
        service.authority.anchors,
        discovery_url=service.server.discovery_url,
        interval_s=REFRESH_S,
        retry_s=REFRESH_S,
        timeout_s=2.0,
    )
    bench = service.bench

    def note(result: Refresh) -> None:
        bench.note("service-contacted", outcome=result.outcome, reason=result.reason)

    return MisTrust(config, on_refresh=note)


def prove(service: IdentityService) -> None:
    """Have the service come back at the same address with the certificate that the device was told to expect."""
    world, port = service.world, service.server.port
    service.bench.note("service-mended")
    service.bench.loop.run(service.server.stop())
    service.server = service.bench.loop.run(world.open_identity_service(web_authority=service.authority, port=port))


def publish_bundle(service: IdentityService, kind: str) -> None:
    """Have the service give another bundle, by the words of the scenarios."""
    service.bench.note("bundle-published", bundle=kind)
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
    return {"trustBundleUri": service.server.bundle_url.replace("https:", "http:")}


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
    "with a plain address of the bundle": _plain_address,
    "with the bundle at an origin without proof": _other_origin,
}

BUNDLES: Mapping[str, Callable[[Authority], TrustBundle | bytes | None]] = {
    "good": lambda authority: authority.bundle(sequence=3),
    "empty": lambda authority: TrustBundle(authority.trust_domain, (), 2),
    "of keys for another use": lambda authority: _jwks(authority, _other_use),
    "with members and keys that nobody knows": lambda authority: _jwks(authority, _more_members),
    "broken": lambda _: b'{"keys": [',
    "missing": lambda _: None,
}
