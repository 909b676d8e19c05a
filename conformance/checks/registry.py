"""The register of checks: what a check is, how one is declared, and where all of them are found."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from conformance.checks.evidence import Record
from conformance.record.events import Role, _Event


class Seen(StrEnum):
    """What a check saw of a statement."""

    KEPT = "kept"
    BROKEN = "broken"
    UNSEEN = "unseen"
    """It could not be observed: inconclusive, never a pass."""
    NOTED = "noted"
    """An undefined area: what the subject did is worth knowing, and is neither right nor wrong."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One observation of a check."""

    seen: Seen
    expected: str
    found: str
    shown_by: tuple[int, ...] = ()
    requirements: tuple[str, ...] | None = None
    """Only these of the check's requirements; None for all of them."""


Judge = Callable[..., Iterable[Judgement]]


@dataclass(frozen=True, slots=True)
class Check:
    """A registered check."""

    name: str
    role: Role
    requirements: tuple[str, ...]
    judge: Judge
    title: str
    monitor: bool = False
    """Whether it watches every scenario, rather than being called by a step."""
    observes: bool = False
    """Whether it only notes what the subject does: it can neither pass nor fail, and proves no statement."""
    interpretations: tuple[str, ...] = ()
    """Readings of ambiguous texts, by id in the catalogue's register, without which it would judge otherwise."""

    def __call__(self, record: Record, **subject: Any) -> tuple[Judgement, ...]:
        """Judge a record; `subject` says what of it, such as the deployment.

        Raises ValueError when a check that only observes says that something was kept or broken.
        """
        seen = tuple(self.judge(record, **subject))
        judged = [item for item in seen if self.observes and item.seen in (Seen.KEPT, Seen.BROKEN)]
        if judged:
            raise ValueError(f"check {self.name}: only observes, and says {judged[0].seen}: {judged[0].expected}")
        return seen


_CHECKS: dict[str, Check] = {}


def check(
    *requirements: str,
    role: Role,
    monitor: bool = False,
    observes: bool = False,
    interpretations: tuple[str, ...] = (),
) -> Callable[[Judge], Check]:
    """Declare a check of one role. Its docstring says what is held, in one sentence.

    `interpretations` are the readings its judgement depends on. A monitor judges every scenario of its role, and says
    nothing (yields nothing) where there is nothing to judge. One that `observes` only notes what it sees: no subject
    could fail it, so it passes none either, and a self-test asks no kill of it.
    Raises ValueError for a second check of the same name and role, or one without requirement or docstring.
    """

    def register(judge: Judge) -> Check:
        title = (inspect.getdoc(judge) or "").split("\n\n")[0].replace("\n", " ")
        name = f"{role}.{getattr(judge, '__name__', 'check')}"
        if not requirements or not title or name in _CHECKS:
            raise ValueError(f"check {name}: needs requirements, a docstring, and a name of its own")
        _CHECKS[name] = Check(name, role, requirements, judge, title, monitor, observes, interpretations)
        return _CHECKS[name]

    return register


def checks(role: Role | None = None) -> Mapping[str, Check]:
    """Give every registered check by name, of one role or of both."""
    return {name: found for name, found in sorted(_CHECKS.items()) if role in (None, found.role)}


def monitors(role: Role) -> tuple[Check, ...]:
    """Give the checks that watch every scenario of a role."""
    return tuple(found for found in checks(role).values() if found.monitor)


def expect(holds: bool, *shown_by: _Event, expected: str, found: str, of: Iterable[str] | None = None) -> Judgement:
    """State that something held, or did not, and the events that show it."""
    return Judgement(Seen.KEPT if holds else Seen.BROKEN, expected, found, _numbers(shown_by), _ids(of))


def unseen(expected: str, why: str, *shown_by: _Event, of: Iterable[str] | None = None) -> Judgement:
    """State that something could not be observed, and why."""
    return Judgement(Seen.UNSEEN, expected, why, _numbers(shown_by), _ids(of))


def noted(found: str, *shown_by: _Event, expected: str = "(not defined)", of: Iterable[str] | None = None) -> Judgement:
    """State what the subject did where nothing is defined."""
    return Judgement(Seen.NOTED, expected, found, _numbers(shown_by), _ids(of))


def _numbers(events: Iterable[_Event]) -> tuple[int, ...]:
    return tuple(event.n for event in events)


def _ids(ids: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if ids is None else tuple(ids)
