"""Two runs held against each other, requirement by requirement, also of two revisions of the specification.

What moved is told by what it means to the reader: broken, mended, no longer shown, newly shown. Of two revisions it
also tells which statements are new, withdrawn or worded differently, and what the later run says of the new ones.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, computed_field

from conformance.record.events import RequirementEntry, Role, Severity
from conformance.record.run import Run
from conformance.record.verdict import EXERCISED, RANK, RequirementVerdict


class Movement(StrEnum):
    """What became of a statement that both runs know, gravest first."""

    BROKEN = "broken"
    """It fails, and did not before."""
    LOST = "no longer shown"
    """It was exercised before, and is not any more: a green that rested on less."""
    WORSE = "worse"
    """It still rests on something seen, with a worse verdict."""
    MENDED = "mended"
    """It failed before, and was exercised without a failure now."""
    GAINED = "newly shown"
    """It was not exercised before."""
    BETTER = "better"
    """Another verdict, and a better one."""


ALARMING = frozenset({Movement.BROKEN, Movement.LOST, Movement.WORSE})
"""Movements for which a gate closes."""


class StatementChange(StrEnum):
    """What became of the text of a statement between two revisions."""

    NEW = "new"
    WITHDRAWN = "withdrawn"
    REWORDED = "reworded"


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Moved(_Document):
    """A statement with another verdict than before."""

    id: str
    severity: Severity
    statement: str
    movement: Movement
    before: RequirementVerdict
    after: RequirementVerdict


class ChangedStatement(_Document):
    """A statement that one of the two revisions words differently or does not have."""

    id: str
    change: StatementChange
    severity: Severity
    mandatory: bool
    """Whether it is an applicable, observable MUST of the claimed profile, in the later revision that has it."""
    before: str | None = None
    after: str | None = None
    verdict: RequirementVerdict | None = None
    """What the later run says of it; None for a withdrawn one."""


class RoleDifference(_Document):
    """One role in both runs."""

    role: Role
    before: str
    """Headline of the earlier run."""
    after: str
    moved: tuple[Moved, ...]
    statements: tuple[ChangedStatement, ...]
    same: int
    """Statements that both have, with the same verdict."""


class Difference(_Document):
    """Two runs, told as what changed from the first to the second."""

    before: str
    """The earlier run in a few words: subject, suite, revision, start."""
    after: str
    revisions: tuple[str, str]
    roles: tuple[RoleDifference, ...]
    only_before: tuple[Role, ...] = ()
    only_after: tuple[Role, ...] = ()
    partial: tuple[bool, bool] = (False, False)
    """Which of the two was filtered: statements left out count as no longer, or newly, shown."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def alarming(self) -> bool:
        """Whether a gate should close: something broke, got worse or is no longer shown, or a role is gone."""
        return bool(self.only_before) or any(item.movement in ALARMING for role in self.roles for item in role.moved)


def difference(before: Run, after: Run) -> Difference:
    """Hold two runs against each other."""
    both = [role for role in before.roles if role in after.roles]
    return Difference(
        before=_told(before),
        after=_told(after),
        revisions=(before.header.revision, after.header.revision),
        roles=tuple(_role(role, before, after) for role in both),
        only_before=tuple(role for role in before.roles if role not in both),
        only_after=tuple(role for role in after.roles if role not in both),
        partial=(bool(before.header.selection), bool(after.header.selection)),
    )


def _told(run: Run) -> str:
    header = run.header
    names = ", ".join(f"{item.role} {item.name} {item.version or ''}".rstrip() for item in header.subjects)
    return f"{names}; revision {header.revision}, suite {header.suite}, run {header.run} of {header.started}"


def _role(role: Role, before: Run, after: Run) -> RoleDifference:
    old, new = _entries(before, role), _entries(after, role)
    was, now = (_verdicts(run, role, entries) for run, entries in ((before, old), (after, new)))
    shared = [name for name in new if name in old]
    moved = [item for name in shared if (item := _moved(new[name], was[name], now[name]))]
    return RoleDifference(
        role=role,
        before=_headline(before, role),
        after=_headline(after, role),
        moved=tuple(sorted(moved, key=lambda item: (list(Movement).index(item.movement), item.severity, item.id))),
        statements=tuple(_statements(role, old, new, now)),
        same=len(shared) - len(moved),
    )


def _headline(run: Run, role: Role) -> str:
    return next(item.headline for item in run.assessments if item.role == role)


def _entries(run: Run, role: Role) -> dict[str, RequirementEntry]:
    return {entry.id: entry for entry in run.requirements if role in entry.roles}


def _verdicts(run: Run, role: Role, entries: Iterable[str]) -> dict[str, RequirementVerdict]:
    found = run.verdicts(role)
    return {name: found.get(name, RequirementVerdict.NOT_EXERCISED) for name in entries}


def _moved(entry: RequirementEntry, was: RequirementVerdict, now: RequirementVerdict) -> Moved | None:
    movement = movement_of(was, now)
    if movement is None:
        return None
    return Moved(
        id=entry.id, severity=entry.severity, statement=entry.statement, movement=movement, before=was, after=now
    )


def movement_of(was: RequirementVerdict, now: RequirementVerdict) -> Movement | None:
    """Name the way from one verdict to another; None when it is the same, or rests on nothing seen in both."""
    if was is now:
        return None
    if now in (RequirementVerdict.FAIL, RequirementVerdict.ERROR):
        return Movement.BROKEN
    if was in EXERCISED and now not in EXERCISED:
        return Movement.LOST
    if was not in EXERCISED:
        return Movement.GAINED if now in EXERCISED else None
    if was is RequirementVerdict.FAIL:
        return Movement.MENDED
    return Movement.WORSE if RANK[now] < RANK[was] else Movement.BETTER


def _statements(
    role: Role,
    old: Mapping[str, RequirementEntry],
    new: Mapping[str, RequirementEntry],
    now: Mapping[str, RequirementVerdict],
) -> Iterable[ChangedStatement]:
    """Tell the new, then the reworded, then the withdrawn statements; mandatory ones first."""
    changes = [
        *(_changed(StatementChange.NEW, role, None, new[name], now[name]) for name in new if name not in old),
        *(
            _changed(StatementChange.REWORDED, role, old[name], new[name], now[name])
            for name in new
            if name in old and _text(old[name]) != _text(new[name])
        ),
        *(_changed(StatementChange.WITHDRAWN, role, old[name], None, None) for name in old if name not in new),
    ]
    order = list(StatementChange)
    return sorted(changes, key=lambda item: (order.index(item.change), not item.mandatory, item.id))


def _text(entry: RequirementEntry) -> tuple[str, str]:
    return entry.severity, " ".join(entry.statement.split())


def _changed(
    change: StatementChange,
    role: Role,
    old: RequirementEntry | None,
    new: RequirementEntry | None,
    verdict: RequirementVerdict | None,
) -> ChangedStatement:
    entry = new or old
    if entry is None:
        raise ValueError("a statement stands in one of the two revisions")
    return ChangedStatement(
        id=entry.id,
        change=change,
        severity=entry.severity,
        mandatory=role in entry.mandatory,
        before=old.statement if old else None,
        after=new.statement if new else None,
        verdict=verdict,
    )
