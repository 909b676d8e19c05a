"""An identity service beside the WFM, right or wrong in one point, for a device that fetches its trust bundle there."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_external import ExternalSeat
from conformance.bench.device_identity_service import BuiltInService, IdentityService
from conformance.bench.device_standing import StandingService
from conformance.bench.device_subject import SimulatedSeat
from conformance.bench.device_world import TRUST_DOMAIN
from conformance.bench.errors import Blocked
from simulator.identity.authority import Authority
from simulator.identity.bundle import TrustBundle
from simulator.identity.rotation import Rotation

SOON = "that wants to be refreshed soon"


def open_service(bench: DeviceBench, defect: str = "") -> IdentityService:
    """Have the service there, with the named defect if any, and the device take its trust there. Raises Blocked."""
    seat = bench.seat
    if isinstance(seat, SimulatedSeat):
        return bench.loop.run(BuiltInService.open_for(bench, seat, defect))
    if not isinstance(seat, ExternalSeat) or seat.services is None or bench.world.mis is None:
        raise Blocked("the device cannot be told to use the bench's identity service")
    service = StandingService(bench, seat, seat.services)
    service.begin(defect)
    return service


def go_offline(service: IdentityService) -> None:
    """Have the identity service go away for good, and the device reboot."""
    bench = service.bench
    bench.loop.run(service.server.stop())
    bench.note("service-gone")
    service.reboot()


def begin_rotation(service: IdentityService) -> None:
    """First step of replacing the anchor: both are published."""

    def publish(bundle: TrustBundle) -> None:
        service.server.publish(service.numbered(bundle))

    service.rotation = Rotation(service.world.authority, publish)
    service.bench.note("bundle-published", bundle="both anchors")
    service.rotation.publish_both()


def switch_issuance(service: IdentityService) -> None:
    """Second and third step: everybody had the time to refresh, and the WFM gets its credential of the new anchor."""
    rotation = _rotation(service)
    service.bench.loop.run(rotation.wait(2 * service.refresh_s))
    service.bench.note("presented", credential="new anchor", clause="")
    service.bench.loop.run(service.world.present_of(rotation.switch_issuance(), "new anchor"))


def retire_anchor(service: IdentityService) -> None:
    """Fourth step: only the new anchor is published."""
    service.bench.note("bundle-published", bundle="new anchor only")
    _rotation(service).retire_old()


def replace_anchor(service: IdentityService) -> Authority:
    """Have only another anchor published, all at once; gives its authority."""
    successor = service.world.authority.second_root()
    service.bench.note("bundle-published", bundle="new anchor only")
    service.server.publish(service.numbered(successor.bundle()))
    return successor


def _rotation(service: IdentityService) -> Rotation:
    assert service.rotation is not None  # noqa: S101 - a step before began it
    return service.rotation


def publish_bundle(service: IdentityService, kind: str) -> None:
    """Have the service give another bundle, by the words of the scenarios."""
    soon = kind == SOON
    service.server.published.cache_control = "max-age=86400" if soon else None
    service.bench.note("bundle-published", bundle=kind, hint=service.soon_s if soon else None)
    good = service.world.authority.bundle(refresh_hint=service.soon_s if soon else None)
    service.server.publish(BUNDLES[kind](service.numbered(good)))


def publish_discovery(service: IdentityService, kind: str) -> None:
    """Have the service give another discovery document, by the words of the scenarios."""
    good = {"trustDomain": TRUST_DOMAIN, "trustBundleUri": service.bundle_url}
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


def _jwks(good: TrustBundle, change: Callable[[dict[str, Any]], None]) -> bytes:
    document = json.loads(good.to_json())
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

BUNDLES: Mapping[str, Callable[[TrustBundle], TrustBundle | bytes | None]] = {
    "good": lambda good: good,
    SOON: lambda good: good,
    "empty": lambda good: replace(good, anchors=()),
    "of keys for another use": lambda good: _jwks(good, _other_use),
    "with members and keys that nobody knows": lambda good: _jwks(good, _more_members),
    "broken": lambda _: b'{"keys": [',
    "missing": lambda _: None,
}
