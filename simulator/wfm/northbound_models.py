"""The documents of the northbound API."""

from typing import Any

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from simulator.protocol.ids import ApplicationId, Target
from simulator.protocol.status import State
from simulator.wfm.operator_http import OperatorModel, time_text
from simulator.wfm.packages import Package
from simulator.wfm.planning import NAMESPACE
from simulator.wfm.state import ClientState, JournalEntry
from simulator.wfm.views import DeploymentView, DeviceView, Ran


class ProfileInfo(OperatorModel):
    """A deployment profile of an application."""

    id: str
    type: str
    components: list[str]


class PackageInfo(OperatorModel):
    """An uploaded application package."""

    application: str
    version: str
    name: str
    profiles: list[ProfileInfo]
    parameters: list[str]

    @classmethod
    def of(cls, package: Package) -> "PackageInfo":
        """Describe a package."""
        about = package.description
        profiles = [
            ProfileInfo(id=offer.id, type=offer.type, components=[component.name for component in offer.components])
            for offer in about.deployment_profiles
        ]
        names = sorted(about.parameters or {})
        version, name = about.metadata.version, about.metadata.name
        return cls(application=about.id, version=version, name=name, profiles=profiles, parameters=names)


class PackageList(OperatorModel):
    """All packages."""

    packages: list[PackageInfo]


class ClientInfo(OperatorModel):
    """A WFM client and its newest manifest."""

    client: str
    retired: bool
    manifest_version: int
    etag: str
    devices: int
    deployments: int

    @classmethod
    def of(cls, state: ClientState) -> "ClientInfo":
        """Describe a client."""
        return cls(
            client=state.client_id,
            retired=state.retired,
            manifest_version=state.served.version,
            etag=state.served.etag,
            devices=len(state.devices),
            deployments=len(state.served.contents),
        )


class ClientList(OperatorModel):
    """All clients that were seen or written to."""

    clients: list[ClientInfo]


class TargetDevice(OperatorModel):
    """Where a deployment goes; a final `*` leaves the choice to the gateway."""

    client: str = Field(min_length=1)
    device_id: Target


class NewDeployment(OperatorModel):
    """An application for one device or many; each gets a deployment of its own, and may be named once."""

    application: ApplicationId
    version: str | None = None
    profile: str | None = None
    targets: list[TargetDevice] = Field(min_length=1, max_length=10_000)
    parameters: dict[str, Any] = Field(default_factory=dict)
    name: str | None = Field(default=None, min_length=1)
    namespace: str = Field(default=NAMESPACE, min_length=1)
    labels: dict[str, Any] | None = None
    match_device: bool = False

    @field_validator("targets")
    @classmethod
    def _each_once(cls, targets: list[TargetDevice]) -> list[TargetDevice]:
        seen: set[tuple[str, str]] = set()
        for target in targets:
            key = target.client, target.device_id
            if key in seen:
                about = {"client": target.client, "device": target.device_id}
                raise PydanticCustomError("repeated", "each target once ({device} of {client} is repeated)", about)
            seen.add(key)
        return targets


class ChangedDeployment(OperatorModel):
    """Another version, profile or other values for a deployment; what is left out stays, also each parameter.

    Only a value whose parameter another version no longer has is dropped.
    """

    version: str | None = None
    profile: str | None = None
    parameters: dict[str, Any] | None = None
    match_device: bool = False


class ComponentInfo(OperatorModel):
    """A component and what the device last said of it."""

    name: str
    state: State | None
    error: dict[str, Any] | None


class DeploymentInfo(OperatorModel):
    """A deployment: what is wanted, and what the device last said. `phase` is desired or withdrawn."""

    deployment_id: str
    client: str
    device_id: str
    name: str
    application: str | None
    version: str | None
    profile: str | None
    parameters: dict[str, Any]
    digest: str
    phase: str
    state: State | None
    error: dict[str, Any] | None
    components: list[ComponentInfo]
    adopted_manifest_version: int | None
    created_at: str
    changed_at: str
    reported_at: str | None

    @classmethod
    def of(cls, view: DeploymentView) -> "DeploymentInfo":
        """Describe a deployment."""
        desired, status, record = view.record.desired, view.status, view.record
        told = {component.name: component for component in status.components} if status else {}
        error = status.status.error if status else None
        names = dict.fromkeys((*desired.components, *told))
        return cls(
            deployment_id=desired.deployment_id,
            client=view.client.client_id,
            device_id=desired.target,
            name=desired.name,
            application=desired.package[0] if desired.package else None,
            version=desired.package[1] if desired.package else None,
            profile=desired.profile,
            parameters=dict(desired.parameters),
            digest=desired.digest,
            phase=record.phase,
            state=status.status.state if status else None,
            error=error.to_wire() if error else None,
            components=[
                ComponentInfo(
                    name=name,
                    state=told[name].state if name in told else None,
                    error=problem.to_wire() if name in told and (problem := told[name].error) else None,
                )
                for name in names
            ],
            adopted_manifest_version=status.adopted if status else None,
            created_at=time_text(record.created_at),
            changed_at=time_text(record.changed_at),
            reported_at=time_text(view.report.at) if view.report else None,
        )


class DeploymentList(OperatorModel):
    """Deployments."""

    deployments: list[DeploymentInfo]


class NewPlacement(OperatorModel):
    """An application for those of a client's devices that meet what it demands."""

    application: ApplicationId
    version: str | None = None
    profile: str | None = None
    client: str = Field(min_length=1)
    devices: list[Target] = Field(min_length=1, max_length=10_000)
    parameters: dict[str, Any] = Field(default_factory=dict)


class UnfitDevice(OperatorModel):
    """A device that an application was not placed on, and what it lacks."""

    device_id: str
    reason: str


class Placed(OperatorModel):
    """Where an application was placed, and where it was not; without deployments it is not placeable (SEL-02)."""

    deployments: list[DeploymentInfo]
    unfit: list[UnfitDevice]


class DeviceInfo(OperatorModel):
    """A device as its client reported it; unknown runtimes and types show as custom (DC-026, DC-027).

    `last_seen_at` is the time of its newest capabilities or status report (fetching the manifest does not count);
    `deployments` are those it has to run or still to remove, with what it last said of them.
    """

    client: str
    device_id: str
    runtimes: list[str]
    deployment_types: list[str]
    capabilities: dict[str, Any]
    first_reported_at: str
    reported_at: str
    last_seen_at: str
    deployments: list[DeploymentInfo]

    @classmethod
    def of(cls, view: DeviceView) -> "DeviceInfo":
        """Describe a device."""
        device = view.device
        return cls(
            client=view.client.client_id,
            device_id=device.device_id,
            runtimes=list(device.runtimes),
            deployment_types=list(device.deployment_types),
            capabilities=device.capabilities.to_wire(),
            first_reported_at=time_text(device.first_at),
            reported_at=time_text(device.at),
            last_seen_at=time_text(view.last_seen),
            deployments=[DeploymentInfo.of(deployment) for deployment in view.deployments],
        )


class DeviceList(OperatorModel):
    """Devices."""

    devices: list[DeviceInfo]


class JournalInfo(OperatorModel):
    """Who changed what, and when.

    `actor` is a client, or who the `X-Operator` header named; `client` is empty for what concerns no client, such as
    `package-uploaded` and `package-replaced`.
    """

    seq: int
    at: str
    actor: str
    action: str
    client: str
    device_id: str | None
    deployment_id: str | None
    detail: dict[str, Any]

    @classmethod
    def of(cls, entry: JournalEntry) -> "JournalInfo":
        """Describe an entry."""
        return cls(
            seq=entry.seq,
            at=time_text(entry.at),
            actor=entry.actor,
            action=entry.action,
            client=entry.client_id,
            device_id=entry.device_id,
            deployment_id=entry.deployment_id,
            detail=dict(entry.detail),
        )


class JournalList(OperatorModel):
    """Journal entries, oldest first."""

    entries: list[JournalInfo]


class RanInfo(OperatorModel):
    """A deployment on a device at a time, by the device's own reports."""

    deployment_id: str
    name: str
    state: State
    digest: str | None
    manifest_version: int
    since: str

    @classmethod
    def of(cls, ran: Ran) -> "RanInfo":
        """Describe it."""
        return cls(
            deployment_id=ran.deployment_id,
            name=ran.name,
            state=State(ran.state),
            digest=ran.digest,
            manifest_version=ran.manifest_version,
            since=time_text(ran.since),
        )


class RanList(OperatorModel):
    """What ran on a device at a time."""

    client: str
    device_id: str
    time: str
    deployments: list[RanInfo]
