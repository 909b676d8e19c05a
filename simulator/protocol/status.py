"""The deployment status report and the arithmetic of states (ST-001..ST-024)."""

from collections.abc import Iterable
from enum import StrEnum

from pydantic import Field

from simulator.protocol.documents import Reported
from simulator.protocol.ids import DeploymentId, DeviceId, ManifestVersion


class State(StrEnum):
    """The six states of a deployment and of a component (ST-007, ST-009)."""

    PENDING = "pending"
    INSTALLING = "installing"
    INSTALLED = "installed"
    REMOVING = "removing"
    REMOVED = "removed"
    FAILED = "failed"


SEVERITY = (State.FAILED, State.REMOVING, State.INSTALLING, State.PENDING, State.REMOVED, State.INSTALLED)
"""Most severe first. The page prints `removing` twice; the second stands for `removed` (ST-008, AMB-X-01)."""

UNKNOWN_CHILD = "101"
CHILD_UNREACHABLE = "102"
NO_AUTONOMOUS_PLACEMENT = "103"
"""Codes reserved for gateways (ST-016)."""


class StatusError(Reported):
    """What went wrong and where; the schema demands none of the members, the prose all (ST-012, AMB-X-16)."""

    code: str | None = None
    source: str | None = None
    message: str | None = None


class OverallStatus(Reported):
    """The state of the deployment as a whole."""

    state: State
    error: StatusError | None = None


class ComponentStatus(Reported):
    """The state of one component (ST-010)."""

    name: str
    state: State
    error: StatusError | None = None


class StatusReport(Reported):
    """What a status report says in every revision."""

    deployment_id: DeploymentId
    status: OverallStatus
    components: tuple[ComponentStatus, ...] = Field()
    device_id: DeviceId | None = None

    @property
    def adopted(self) -> int | None:
        """The manifest version that the device says it adopted; None where the revision does not have it told."""
        return None


class DeploymentStatus(StatusReport):
    """One status report (ST-003)."""

    adopted_manifest_version: ManifestVersion

    @property
    def adopted(self) -> int:
        """The manifest version that the device says it adopted."""
        return self.adopted_manifest_version


def overall(states: Iterable[State]) -> State:
    """The most severe of the components' states (ST-008); a deployment without components is pending."""
    present = set(states)
    return next((state for state in SEVERITY if state in present), State.PENDING)
