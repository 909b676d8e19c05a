"""What a move to another revision asks of a supplier: every statement of both, and what has to be done about it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from conformance.record.events import RequirementEntry, Role, Severity
from conformance.record.verdict import RANK, RequirementVerdict, worst
from reports.sides import SideOfRole, Way


class Document(BaseModel):
    """What all of a difference's parts share."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Change(StrEnum):
    """What became of a statement between two revisions, what asks most first."""

    NEW = "new"
    REWORDED = "reworded"
    UNREAD = "not compared"
    """Its page is no part of the other catalogue: it may have held before, too."""
    RESTATED = "said again"
    """A new id for what both revisions say."""
    SAME = "same"
    WITHDRAWN = "withdrawn"


class Ask(StrEnum):
    """What a MUST asks of whoever moves."""

    TO_DO = "to do"
    """It has to be built, or mended: it is new and not shown, or it fails."""
    AT_RISK = "at risk"
    """It may not hold: its words changed, nothing shows that it holds, or nobody sees from outside whether it does."""
    STAYS = "stays"
    """It is asked as before, or shown already."""
    FALLS_AWAY = "falls away"
    """It is asked no more."""


class Statement(Document):
    """A statement of either revision, with what it says and what was seen of it on both sides."""

    id: str
    area: str
    change: Change
    ask: Ask | None
    """None for what is no MUST of this subject."""
    why: str
    """What the ask rests on, in a few words."""
    severity: Severity
    severity_before: Severity | None = None
    mandatory: bool
    """Whether it is an applicable, observable MUST of the claimed profile, in the later revision that has it."""
    observable: bool
    before: str | None = None
    """What the earlier revision says."""
    after: str | None = None
    verdict_before: RequirementVerdict | None = None
    verdict_after: RequirementVerdict | None = None
    """None where the side has no such statement, or nothing was run."""
    replaced_by: tuple[str, ...] = ()
    """Of a withdrawn one: what stands in its place."""
    replaces: tuple[str, ...] = ()
    """Of a new one: what it stands in the place of. Of one that is said again: what it repeats."""


def statements(role: Role, old: SideOfRole, new: SideOfRole, way: Way) -> tuple[Statement, ...]:
    """Tell every statement that binds the role in either revision, in the order of the text, withdrawn ones last."""
    replaces: dict[str, list[str]] = defaultdict(list)
    for name, (by, _) in way.replaced.items():
        for other in by if name in old.entries else ():
            replaces[other].append(name)
    told = [_later(role, name, old, new, way, replaces) for name in new.entries]
    gone = [_gone(role, name, old, way) for name in old.entries if name not in new.entries]
    return (*told, *gone)


def asked(found: Iterable[Statement]) -> dict[Ask, int]:
    """Count the MUSTs by what they ask, withdrawn ones by themselves."""
    counts = Counter(item.ask for item in found)
    return {ask: counts[ask] for ask in Ask}


def _later(
    role: Role, name: str, old: SideOfRole, new: SideOfRole, way: Way, replaces: Mapping[str, list[str]]
) -> Statement:
    entry, former = new.entries[name], old.entries.get(name)
    change = _change(name, entry, former, way)
    repeated = tuple(other for other in way.restated.get(name, ()) if other in old.entries)
    was = _was(name, repeated, old) if change in (Change.SAME, Change.REWORDED, Change.RESTATED) else None
    now = new.verdict(name)
    ask, why = _ask(change, was, now, seen=_observable(entry)) if _is_asked(entry, role) else (None, "")
    return Statement(
        id=name,
        area=entry.area,
        change=change,
        ask=ask,
        why=why,
        severity=entry.severity,
        severity_before=former.severity if former else None,
        mandatory=role in entry.mandatory,
        observable=_observable(entry),
        before=former.statement if former else None,
        after=entry.statement,
        verdict_before=was,
        verdict_after=now,
        replaces=repeated or tuple(replaces.get(name, ())),
    )


def _gone(role: Role, name: str, old: SideOfRole, way: Way) -> Statement:
    entry = old.entries[name]
    by, change = way.replaced.get(name, ((), ""))
    unread = entry.area in way.unread
    return Statement(
        id=name,
        area=entry.area,
        change=Change.UNREAD if unread else Change.WITHDRAWN,
        ask=Ask.FALLS_AWAY if _is_asked(entry, role) and not unread else None,
        why=change,
        severity=entry.severity,
        severity_before=entry.severity,
        mandatory=role in entry.mandatory,
        observable=_observable(entry),
        before=entry.statement,
        verdict_before=old.verdict(name),
        replaced_by=by,
    )


def _change(name: str, entry: RequirementEntry, former: RequirementEntry | None, way: Way) -> Change:
    if former is not None:
        same = name in way.unchanged or _text(entry) == _text(former)
        return Change.SAME if same and entry.severity == former.severity else Change.REWORDED
    if name in way.restated:
        return Change.RESTATED
    return Change.UNREAD if entry.area in way.unread else Change.NEW


def _text(entry: RequirementEntry) -> str:
    return " ".join(entry.statement.split())


def _was(name: str, repeated: tuple[str, ...], old: SideOfRole) -> RequirementVerdict | None:
    if old.verdicts is None:
        return None
    found = [verdict for other in repeated or (name,) if (verdict := old.verdict(other)) is not None]
    grave = worst(found)
    # of a whole whose parts were not all looked at, a part that passed shows nothing
    return grave if grave is RequirementVerdict.FAIL else max(found, key=RANK.__getitem__, default=grave)


def _observable(entry: RequirementEntry) -> bool:
    return entry.observable != "not-observable"


def _is_asked(entry: RequirementEntry, role: Role) -> bool:
    """Whether it is a MUST for this subject, be it one that nobody sees from outside."""
    return role in entry.mandatory or (entry.severity == "must" and not _observable(entry))


def _ask(
    change: Change, was: RequirementVerdict | None, now: RequirementVerdict | None, *, seen: bool
) -> tuple[Ask, str]:
    """Say what a MUST of the later revision asks: what was seen of it decides before what is said."""
    if not seen:
        known = change in (Change.SAME, Change.RESTATED)
        return Ask.STAYS if known else Ask.AT_RISK, f"{_in_words(change)}; the suite cannot see it"
    if now is None:
        return _ask_unseen(change, was)
    if now is RequirementVerdict.FAIL:
        return Ask.TO_DO, f"{_in_words(change)}, and fails"
    if now is RequirementVerdict.PASS:
        return Ask.STAYS, "kept" if change is Change.SAME else f"{_in_words(change)}, and kept already"
    return Ask.TO_DO if change is Change.NEW else Ask.AT_RISK, f"{_in_words(change)}, and not shown ({now})"


def _ask_unseen(change: Change, was: RequirementVerdict | None) -> tuple[Ask, str]:
    """The same where the later revision was not run."""
    if was is RequirementVerdict.FAIL:
        return Ask.TO_DO, "fails today, and is still asked"
    if change in (Change.NEW, Change.REWORDED, Change.UNREAD):
        return Ask.TO_DO if change is Change.NEW else Ask.AT_RISK, _in_words(change)
    if was is None or was is RequirementVerdict.PASS:
        return Ask.STAYS, _in_words(change)
    return Ask.AT_RISK, f"asked as before, and not shown today ({was})"


def _in_words(change: Change) -> str:
    return {
        Change.NEW: "new",
        Change.REWORDED: "other words",
        Change.UNREAD: "its page was not compared",
        Change.RESTATED: "asked as before",
        Change.SAME: "asked as before",
    }[change]
