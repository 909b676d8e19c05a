"""What an operator can ask: devices, deployments with their status, the journal, and what ran where at a time."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from simulator.protocol.status import StatusReport
from simulator.wfm.core import DesiredState
from simulator.wfm.state import ClientState, DeploymentRecord, DeviceRecord, JournalEntry, StatusRecord


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """A deployment, whose it is, and the newest report on it."""

    client: ClientState
    record: DeploymentRecord
    report: StatusRecord | None

    @property
    def status(self) -> StatusReport | None:
        """The newest status report."""
        return self.report.status if self.report else None


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device, whose it is, what it has to run or to remove, and when it last reported (seconds since the epoch).

    A deployment that leaves the choice to a gateway counts for the gateway and for the device that reported on it.
    """

    client: ClientState
    device: DeviceRecord
    deployments: tuple[DeploymentView, ...]
    last_seen: float


@dataclass(frozen=True, slots=True)
class Ran:
    """What a device said of one deployment last, up to a time."""

    deployment_id: str
    name: str
    state: str
    digest: str | None
    manifest_version: int
    since: float


def devices(core: DesiredState, client_id: str | None = None) -> Iterator[DeviceView]:
    """Every device, of one client or of all."""
    for client in _clients(core, client_id):
        placed: dict[str, list[DeploymentView]] = defaultdict(list)
        for name, record in client.deployments.items():
            view = DeploymentView(client, record, client.statuses.get(name))
            for device_id in _places(view):
                placed[device_id].append(view)
        for device in client.devices.values():
            views = placed[device.device_id]
            reports = [view.report.at for view in views if view.report and device.device_id == _reporter(view)]
            current = tuple(view for view in views if view.record.phase != "gone")
            yield DeviceView(client, device, current, max([device.at, *reports]))


def deployments(core: DesiredState, client_id: str | None = None) -> Iterator[DeploymentView]:
    """Every deployment that is desired or still to be removed."""
    for client in _clients(core, client_id):
        for name, record in client.deployments.items():
            if record.phase != "gone":
                yield DeploymentView(client, record, client.statuses.get(name))


def deployment(core: DesiredState, deployment_id: str) -> DeploymentView | None:
    """One deployment, whichever client's it is."""
    client = core.clients.get(core.owners.get(deployment_id, ""))
    record = client.deployments.get(deployment_id) if client else None
    if client is None or record is None or record.phase == "gone":
        return None
    return DeploymentView(client, record, client.statuses.get(deployment_id))


def journal(core: DesiredState, *, client_id: str | None = None, after: int = 0) -> Iterator[JournalEntry]:
    """Journal entries behind a sequence number, oldest first."""
    for entry in core.journal:
        if entry.seq > after and client_id in (None, entry.client_id):
            yield entry


def ran_at(core: DesiredState, client_id: str, device_id: str, at: float) -> tuple[Ran, ...]:
    """What a device ran at a time (seconds since the epoch), by its own status reports up to then.

    A deployment counts until it was reported `removed`.
    """
    last: dict[str, Ran] = {}
    for entry in core.journal:
        if entry.action != "status-reported" or entry.client_id != client_id or entry.device_id != device_id:
            continue
        if entry.at > at or entry.deployment_id is None:
            continue
        detail = entry.detail
        before = last.get(entry.deployment_id)
        state, digest = detail["state"], detail["digest"]
        since = before.since if before and (before.state, before.digest) == (state, digest) else entry.at
        version = detail["adoptedManifestVersion"]
        last[entry.deployment_id] = Ran(entry.deployment_id, detail["name"], state, digest, version, since)
    return tuple(ran for ran in last.values() if ran.state != "removed")


def _places(view: DeploymentView) -> tuple[str, ...]:
    """The devices that a deployment counts for: the one it is addressed to, and the one that reported on it."""
    return tuple(dict.fromkeys((view.record.desired.target.removesuffix("/*"), _reporter(view))))


def _reporter(view: DeploymentView) -> str:
    """The device that reported on a deployment, or will: without a `deviceId` it is the target (ST-006)."""
    told = view.status.device_id if view.status else None
    return told or view.record.desired.target.removesuffix("/*")


def _clients(core: DesiredState, client_id: str | None) -> list[ClientState]:
    if client_id is None:
        return list(core.clients.values())
    client = core.clients.get(client_id)
    return [client] if client else []
