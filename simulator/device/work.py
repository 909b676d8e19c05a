"""What the agent knows of one deployment while it works on it."""

from dataclasses import dataclass, field
from typing import Literal, Self

from simulator.device.durable import Fault, PartRecord, WorkRecord
from simulator.device.revisions import Revision, revision_of
from simulator.protocol.status import State

Phase = Literal["apply", "surplus", "restore", "rollback", "remove", "pause"]
"""What the operations in flight are for."""


@dataclass(slots=True)
class Part:
    """One component's state and, when failed, why."""

    state: State
    fault: Fault | None = None


@dataclass(slots=True)
class Work:
    """One deployment: its goal, what it last had whole, and how far it is.

    `version` is what is reported as adopted; `settled`: nothing is left to do for this goal; `kept_old`: an update
    failed and `held` runs on (ST-021).
    """

    deployment_id: str
    goal: Revision
    version: int
    device_id: str = ""
    held: Revision | None = None
    held_version: int = 0
    removing: bool = False
    settled: bool = False
    kept_old: bool = False
    parts: dict[str, Part] = field(default_factory=dict)
    fault: Fault | None = None
    phase: Phase = "apply"
    ops: dict[str, int] = field(default_factory=dict)
    retries: int = 0
    reported: str = ""

    @property
    def states(self) -> tuple[State, ...]:
        """The components' states, in order."""
        return tuple(part.state for part in self.parts.values())

    @property
    def failed(self) -> bool:
        """Whether any component failed."""
        return State.FAILED in self.states

    @property
    def whole(self) -> bool:
        """Whether the goal is installed and nothing is under way."""
        return self.settled and not self.removing and self.holds_goal and not self.failed

    @property
    def holds_goal(self) -> bool:
        """Whether the last revision that was whole is the goal."""
        return self.held is not None and self.held.digest == self.goal.digest

    def record(self) -> WorkRecord:
        """The durable part of this."""
        return WorkRecord(
            deployment_id=self.deployment_id,
            goal=self.goal.yaml,
            held=self.held.yaml if self.held else None,
            version=self.version,
            held_version=self.held_version,
            device_id=self.device_id,
            removing=self.removing,
            settled=self.settled,
            kept_old=self.kept_old,
            parts=tuple(PartRecord(name, part.state.value, part.fault) for name, part in self.parts.items()),
            fault=self.fault,
            reported=self.reported,
        )

    @classmethod
    def of(cls, record: WorkRecord) -> Self:
        """Read a record; raises DocumentError or ValueError when its YAML or a state is damaged."""
        return cls(
            deployment_id=record.deployment_id,
            goal=(goal := revision_of(record.goal)),
            version=record.version,
            device_id=record.device_id,
            held=goal if record.held == record.goal else revision_of(record.held) if record.held is not None else None,
            held_version=record.held_version,
            removing=record.removing,
            settled=record.settled,
            kept_old=record.kept_old,
            parts={part.name: Part(State(part.state), part.fault) for part in record.parts},
            fault=record.fault,
            reported=record.reported,
        )
