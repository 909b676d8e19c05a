"""What a device is: its own capabilities and, for a see-thru gateway, those of the devices behind it (DC-*, GW-*)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from simulator.protocol.capabilities import DeviceCapabilities
from simulator.protocol.documents import canonical_json


@dataclass(frozen=True, slots=True)
class Child:
    """A device behind the gateway; `properties.id` is its whole path, such as `gateway/device` (DC-012)."""

    capabilities: DeviceCapabilities
    reachable: bool = True

    @property
    def device_id(self) -> str:
        """The full hierarchy."""
        return self.capabilities.properties.id


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """The device and what is behind it. `autonomous`: a gateway that places `*` deployments itself (AD-007)."""

    own: DeviceCapabilities
    children: tuple[Child, ...] = ()
    gateway: bool = False
    autonomous: bool = False

    @property
    def device_id(self) -> str:
        """The device's own id."""
        return self.own.properties.id

    @property
    def is_gateway(self) -> bool:
        """Whether other devices are, or may be, behind this one."""
        return self.gateway or bool(self.children)

    def child(self, device_id: str) -> Child | None:
        """The device behind this one with that id."""
        return next((child for child in self.children if child.device_id == device_id), None)

    def with_child(self, child: Child) -> "DeviceFacts":
        """The facts with this child, in place of one with the same id."""
        others = tuple(other for other in self.children if other.device_id != child.device_id)
        return replace(self, children=(*others, child), gateway=True)

    def without_child(self, device_id: str) -> "DeviceFacts":
        """The facts without this child and without what is behind it."""
        prefix = f"{device_id}/"
        left = tuple(c for c in self.children if c.device_id != device_id and not c.device_id.startswith(prefix))
        return replace(self, children=left)

    def reports(self) -> tuple[DeviceCapabilities, ...]:
        """One report each, every gateway before what is behind it (DC-032, DC-033)."""
        children = sorted((child.capabilities for child in self.children), key=lambda c: c.properties.id.count("/"))
        return (self.own, *children)


def report_body(capabilities: DeviceCapabilities) -> bytes:
    """The bytes of a capabilities report; their digest tells one from another (DC-004)."""
    return canonical_json(capabilities.to_wire())


def default_capabilities(
    device_id: str,
    *,
    hosting: bool = True,
    deployment_types: tuple[str, ...] = ("helm", "compose"),
    labels: Mapping[str, object] | None = None,
) -> DeviceCapabilities:
    """A realistic industrial computer, or, without hosting, a gateway that names only itself (DC-013, DC-018)."""
    properties: dict[str, object] = {
        "id": device_id,
        "vendor": "Example Industries",
        "modelNumber": "EX-332ANZE1-N1",
        "serialNumber": f"SN-{device_id.replace('/', '-')}",
    }
    if hosting:
        properties |= {
            "cpus": [{"cores": 4, "architecture": "amd64"}, {"cores": 2, "architecture": "arm64"}],
            "memory": "16Gi",
            "storage": "512Gi",
            "peripherals": [{"type": "gpu", "manufacturer": "Example Graphics", "model": "G-1000"}],
            "interfaces": [{"type": "ethernet"}, {"type": "wifi"}],
            "otelCollector": True,
            "supportedRuntimes": ["oci"],
            "supportedDeploymentTypes": list(deployment_types),
        }
    document: dict[str, object] = {"properties": properties}
    if labels is not None:
        document["labels"] = dict(labels)
    return DeviceCapabilities.from_wire(document)
