"""What is compared: a run, or a revision of which nothing was run, each told role by role."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from conformance.record.events import RequirementEntry, Role
from conformance.record.run import Run
from conformance.record.verdict import RequirementVerdict


@dataclass(frozen=True, slots=True)
class SideOfRole:
    """The statements that bind a role, by id. `verdicts` and `headline` are None where nothing was run."""

    entries: Mapping[str, RequirementEntry]
    verdicts: Mapping[str, RequirementVerdict] | None = None
    headline: str | None = None

    def verdict(self, name: str) -> RequirementVerdict | None:
        """Give the verdict of a statement; None where nothing was run."""
        return None if self.verdicts is None else self.verdicts.get(name, RequirementVerdict.NOT_EXERCISED)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared. `partial`: the run was filtered."""

    told: str
    revision: str
    roles: Mapping[Role, SideOfRole]
    partial: bool = False

    @classmethod
    def of_run(cls, run: Run) -> Self:
        """Take a run."""
        header = run.header
        names = ", ".join(f"{item.role} {item.name} {item.version or ''}".rstrip() for item in header.subjects)
        told = f"{names}; revision {header.revision}, suite {header.suite}, run {header.run} of {header.started}"
        roles = {
            item.role: SideOfRole(_binding(run.requirements, item.role), run.verdicts(item.role), item.headline)
            for item in run.assessments
        }
        return cls(told, header.revision, roles, bool(header.selection))

    @classmethod
    def of_revision(cls, revision: str, entries: Iterable[RequirementEntry], roles: Iterable[Role]) -> Self:
        """Take what a revision says, with no run of it."""
        known = tuple(entries)
        told = f"what revision {revision} says; nothing was run"
        return cls(told, revision, {role: SideOfRole(_binding(known, role)) for role in roles})

    @property
    def ran(self) -> bool:
        """Whether there are verdicts."""
        return any(side.verdicts is not None for side in self.roles.values())


@dataclass(frozen=True, slots=True)
class Way:
    """What is known of how one revision leads to another.

    `replaced` has the ids that are gone: those in their place, and what changes. `restated` has new ids that say what
    known ones say, `unchanged` those whose words differ and whose meaning does not, `unread` the areas whose pages one
    of the two catalogues lacks. Without `known` ids alone are compared.
    """

    replaced: Mapping[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)
    restated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unchanged: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()
    known: bool = False


def _binding(entries: Iterable[RequirementEntry], role: Role) -> dict[str, RequirementEntry]:
    return {entry.id: entry for entry in entries if role in entry.roles}
