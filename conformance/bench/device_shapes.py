"""What the built-in device is by the features that its statement claims: a lone device, or some kind of gateway."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.bench.ics import Ics
from conformance.catalogue import load
from simulator.device.facts import default_capabilities
from simulator.protocol.capabilities import DeviceCapabilities

GATEWAY_ID = "gateway-1"
CHILDREN = ("child-a", "child-b")
LABELS: Mapping[str, object] = {
    "plant.example/line": "north",
    "plant.example/zones": ["a", "b"],
    "plant.example/rank": 3,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What a device is: by the fields of its configuration."""

    device_id: str
    hosting: bool = True
    gateway: bool = False
    autonomous: bool = False
    children: tuple[DeviceCapabilities, ...] = ()
    capabilities: DeviceCapabilities | None = None

    @property
    def host(self) -> str | None:
        """The device that deployments are for, where it is not the device itself."""
        return None if self.hosting or not self.children else self.children[0].properties.id

    def fields(self) -> dict[str, Any]:
        """Give the fields of a device's configuration."""
        names = ("device_id", "hosting", "gateway", "autonomous", "children", "capabilities")
        return {name: getattr(self, name) for name in names} | {"labels": dict(LABELS)}


def shape_of(ics: Ics, alone: str) -> Shape:
    """Give the shape that a statement claims; `alone` is the id of a device that is no gateway."""
    claims = ics.claims(load(ics.revision))
    if "gateway-opaque" in claims:
        return Shape(GATEWAY_ID, capabilities=aggregate())
    if "gateway-see-thru" in claims:
        return _see_thru(claims)
    return Shape(alone)


def fitting(ics: Ics, needs: str | None) -> Ics:
    """Give a statement with the profile, or with the feature beyond its profile, in which a defect can show.

    Anything else that a defect needs is no matter of what is declared.
    """
    catalogue = load(ics.revision)
    if needs in {profile.name for profile in catalogue.profiles(ics.role)}:
        return ics.model_copy(update={"profile": needs, "features": None})
    if needs in {feature.name for feature in catalogue.features(ics.role)}:
        return ics.model_copy(update={"features": tuple(dict.fromkeys((*ics.claims(catalogue), needs)))})
    return ics


def _see_thru(claims: Collection[str]) -> Shape:
    children = tuple(default_capabilities(f"{GATEWAY_ID}/{name}") for name in CHILDREN)
    hosting, autonomous = "hosting" in claims, "gateway-autonomous" in claims
    return Shape(GATEWAY_ID, hosting=hosting, gateway=True, autonomous=autonomous, children=children)


def aggregate() -> DeviceCapabilities:
    """What an opaque gateway says: the resources of all that is behind it, each CPU still a unit of its own (GW-07)."""
    wire = default_capabilities(GATEWAY_ID, labels=LABELS).to_wire()
    cpus = [*wire["properties"]["cpus"], {"cores": 8, "architecture": "amd64"}]
    wire["properties"] |= {"cpus": cpus, "memory": "48Gi", "storage": "1536Gi"}
    return DeviceCapabilities.from_wire(wire)
