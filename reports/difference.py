"""Two runs held against each other, requirement by requirement, also of two revisions of the specification.

What moved is told by what it means to the reader: broken, mended, no longer shown, newly shown. Of two revisions every
statement is told too, with what it asks of whoever moves; either side may be a revision of which nothing was run.
"""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import computed_field

from conformance.record.events import RequirementEntry, Role, Severity
from conformance.record.verdict import EXERCISED, RANK, RequirementVerdict
from reports.moving import Ask, Document, Statement, asked, statements
from reports.sides import Side, SideOfRole, Way


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


class Moved(Document):
    """A statement with another verdict than before."""

    id: str
    severity: Severity
    statement: str
    movement: Movement
    before: RequirementVerdict
    after: RequirementVerdict


class RoleDifference(Document):
    """One role on both sides."""

    role: Role
    before: str | None
    """Headline of the earlier run; None where nothing was run."""
    after: str | None
    moved: tuple[Moved, ...]
    same: int
    """Statements that both runs know, with the same verdict."""
    statements: tuple[Statement, ...] = ()
    """Of two revisions: every statement of either, with what it asks."""
    asked: Mapping[Ask, int] = {}
    """Of two revisions: how many MUSTs ask what."""


class Difference(Document):
    """Two runs or revisions, told as what changed from the first to the second."""

    before: str
    """The earlier side in a few words: subject, suite, revision, start."""
    after: str
    revisions: tuple[str, str]
    ran: tuple[bool, bool] = (True, True)
    """Which of the two are runs, rather than what a revision says."""
    roles: tuple[RoleDifference, ...]
    only_before: tuple[Role, ...] = ()
    only_after: tuple[Role, ...] = ()
    partial: tuple[bool, bool] = (False, False)
    """Which of the two was filtered: statements left out count as no longer, or newly, shown."""
    by_id_only: bool = False
    """Of two revisions: nobody wrote down how the one leads to the other, so that ids alone were compared."""

    @property
    def moving(self) -> bool:
        """Whether it is about a move from one revision to another."""
        return self.revisions[0] != self.revisions[1]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def alarming(self) -> bool:
        """Whether a gate should close: something broke, got worse or is no longer shown, or a role is gone."""
        return bool(self.only_before) or any(item.movement in ALARMING for role in self.roles for item in role.moved)


def difference(before: Side, after: Side, way: Way | None = None) -> Difference:
    """Hold two sides against each other; `way` is what is known of how the one revision leads to the other."""
    both = [role for role in before.roles if role in after.roles]
    moving = (way or Way()) if before.revision != after.revision else None
    return Difference(
        before=before.told,
        after=after.told,
        revisions=(before.revision, after.revision),
        ran=(before.ran, after.ran),
        roles=tuple(_role(role, before.roles[role], after.roles[role], moving) for role in both),
        only_before=tuple(role for role in before.roles if role not in both),
        only_after=tuple(role for role in after.roles if role not in both),
        partial=(before.partial, after.partial),
        by_id_only=moving is not None and not moving.known,
    )


def _role(role: Role, old: SideOfRole, new: SideOfRole, way: Way | None) -> RoleDifference:
    known = [name for name in new.entries if name in old.entries and old.verdicts and new.verdicts]
    moved = [item for name in known if (item := _moved(new.entries[name], old.verdict(name), new.verdict(name)))]
    found = () if way is None else statements(role, old, new, way)
    return RoleDifference(
        role=role,
        before=old.headline,
        after=new.headline,
        moved=tuple(sorted(moved, key=lambda item: (list(Movement).index(item.movement), item.severity, item.id))),
        same=len(known) - len(moved),
        statements=found,
        asked=asked(found) if found else {},
    )


def _moved(entry: RequirementEntry, was: RequirementVerdict | None, now: RequirementVerdict | None) -> Moved | None:
    movement = movement_of(was, now) if was and now else None
    if movement is None or was is None or now is None:
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
