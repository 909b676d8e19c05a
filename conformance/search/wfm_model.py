"""What a WFM has to serve: the devices that were reported to it, and the deployments that its operator ordered."""

from dataclasses import dataclass, field

CLIENTS = ("A", "B")
DEVICES = ("press-1", "press-2")
ROLES = ("primary", "secondary")


@dataclass(slots=True)
class WfmModel:
    """A sequence so far: devices by client, and the release that is deployed of a role, by client and role."""

    devices: set[tuple[str, str]] = field(default_factory=set)
    deployed: dict[tuple[str, str], int] = field(default_factory=dict)

    def clients(self) -> tuple[str, ...]:
        """Clients that the WFM has heard of."""
        return tuple(sorted({client for client, _ in self.devices}))

    def host(self, client: str) -> str | None:
        """The device that a client's deployments go to: its first."""
        return next((device for device in DEVICES if (client, device) in self.devices), None)
