"""The suite tried on subjects whose verdict is known: references, which raise no alarm, and broken ones, each caught.

One trial is one subject taken through scenarios in a process of its own; what its checks found becomes the kill matrix.
"""

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from conformance.bench import device_seat, wfm_seat
from conformance.bench.applications import Applications, applications
from conformance.bench.device_shapes import fitting
from conformance.bench.ics import Ics
from conformance.bench.pausing import Pause
from conformance.bench.run import RunPlan, Seat, load_checks, run
from conformance.bench.scenarios import BEHAVIOUR_TAG, Scenario, Selection, scenarios
from conformance.catalogue import DEFAULT_REVISION, load
from conformance.checks.registry import monitors
from conformance.record.events import Finding, Outcome, Role, ScenarioOutcome, _Event
from conformance.record.run import Run

BROKEN = frozenset({Outcome.FAIL, Outcome.WARNING})
"""What a check says of a statement that is broken: a MUST, or a SHOULD."""


IMPATIENT = {"connect": 2.0, "poll": 2.0, "apply": 2.0, "retry": 5.0, "settle": 1.5}
"""Deadlines in seconds for devices that are broken: what they never do is not waited for long."""


def catching(requirement: str, revision: str = DEFAULT_REVISION) -> frozenset[Outcome]:
    """Give the outcomes by which a statement, or a behaviour, counts as broken: a SHOULD by a warning at least."""
    catalogue = load(revision)
    must = requirement not in catalogue or catalogue.requirement(requirement).severity == "must"
    return frozenset({Outcome.FAIL}) if must else BROKEN


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is tried: the reference of a role, or the mutant of a name; how it is declared; and on which statements.

    `profile` is what it claims beside what the reference does: a profile, or a feature beyond it; else nothing more.
    Without `requirement` all scenarios are carried out; with a `turn` those of failure and recovery, which policies
    decide about: all rows where a policy is judged, else of each outline the row whose turn it is.
    `until_caught`: it is left with the scenario in which the requirement was found broken.
    """

    role: Role
    mutant: str | None = None
    requirement: str | None = None
    profile: str | None = None
    policies: Mapping[str, str] = field(default_factory=dict)
    turn: int | None = None
    revision: str = DEFAULT_REVISION
    until_caught: bool = False

    @property
    def to_the_end(self) -> "Subject":
        """The same, taken through all of its scenarios."""
        return replace(self, until_caught=False)

    @property
    def ics(self) -> Ics:
        """What is declared of it."""
        stated = Ics.of_reference(self.role, self.revision)
        changes: dict[str, object] = {"policies": dict(self.policies)} if self.policies else {}
        if self.mutant and self.role == "device":
            changes["limits"] = IMPATIENT
        return fitting(stated.model_copy(update=changes), self.profile)

    @property
    def selection(self) -> Selection:
        """The scenarios that it is taken through."""
        known = scenarios(self.role, self.revision)
        if self.requirement:
            named = [item for item in known if self.requirement in (*item.requirements, *item.tagged(BEHAVIOUR_TAG))]
            # what no scenario is for is judged by monitors, in any scenario: the first one of each feature has to do
            first = {item.uri: item for item in reversed(known)}
            wanted = named if named and (self.until_caught or not self._is_watched) else [*named, *first.values()]
            return Selection(keys=tuple(item.key for item in wanted))
        if self.turn is None:
            return Selection()
        return Selection(keys=tuple(item.key for item in _in_turn(known, self.turn)))

    @property
    def _is_watched(self) -> bool:
        """Whether a monitor judges what it breaks, so that any scenario may show it."""
        load_checks()
        return any(self.requirement in found.requirements for found in monitors(self.role))

    @property
    def seat(self) -> Seat:
        """Its seat. Raises UsageError for an unknown mutant."""
        if self.role == "device":
            return device_seat.simulated_seat(self.ics, self.mutant)
        return wfm_seat.simulated_seat(self.ics, self.mutant, _samples())


def _in_turn(known: Iterable[Scenario], turn: int) -> Iterator[Scenario]:
    """Give of every outline of failure and recovery the row whose turn it is, and all where policies are judged."""
    outlines: dict[tuple[str, int], list[Scenario]] = defaultdict(list)
    for item in known:
        if item.tagged(BEHAVIOUR_TAG):
            outlines[item.uri, item.line].append(item)
    for rows in outlines.values():
        judged = (load().behaviour(name) for name in rows[0].tagged(BEHAVIOUR_TAG))
        if any(behaviour is not None and behaviour.policy for behaviour in judged):
            yield from rows
        else:
            yield rows[turn % len(rows)]


@dataclass(frozen=True, slots=True)
class Alarm:
    """A finding that says that a statement is broken."""

    requirement: str
    check: str
    outcome: Outcome
    scenario: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one subject: what was found broken, how scenarios ended, how long it took in real seconds.

    `trouble` says what went wrong with the suite itself.
    """

    subject: Subject
    alarms: tuple[Alarm, ...]
    outcomes: Mapping[str, int]
    seconds: float
    trouble: str | None = None

    @property
    def scenarios(self) -> int:
        """How many scenarios were carried out."""
        left_out = (ScenarioOutcome.NOT_RUN, ScenarioOutcome.NOT_APPLICABLE)
        return sum(count for name, count in self.outcomes.items() if name not in left_out)


def trials(subjects: Sequence[Subject], jobs: int) -> Iterator[Trial]:
    """Try every subject, so many at a time, each in a fresh directory; gives trials as they end."""
    if jobs == 1:
        yield from map(tried, subjects)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting: list[Future[Trial]] = [pool.submit(tried, subject) for subject in subjects]
        try:
            for future in as_completed(waiting):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@cache
def _samples() -> Applications:
    """Read the shipped applications once for all trials of a process."""
    return applications()


@dataclass(frozen=True, slots=True)
class _Watch:
    """Asks for the end of a trial once its subject was caught."""

    subject: Subject
    pause: Pause = field(default_factory=lambda: Pause(sealed=False))

    def __call__(self, event: _Event) -> None:
        """Listen to what is recorded."""
        wanted = self.subject.requirement if self.subject.until_caught else None
        if wanted and isinstance(event, Finding) and event.requirement == wanted:
            self.pause.asked = self.pause.asked or event.outcome in catching(wanted, self.subject.revision)


def tried(subject: Subject) -> Trial:
    """Try one subject; what goes wrong with the suite is told, and hides no other trial."""
    began, watch = time.monotonic(), _Watch(subject)
    with tempfile.TemporaryDirectory(prefix="margo-selftest-") as folder:
        try:
            plan = RunPlan((subject.seat,), Path(folder), subject.revision, subject.selection, (watch,))
            done = run(replace(plan, pause=watch.pause))
        except Exception as error:  # noqa: BLE001 - told in the matrix
            took = time.monotonic() - began
            return Trial(subject, (), {}, took, f"{type(error).__name__}: {error}")
    outcomes = {outcome.value: count for outcome, count in done.assessments[0].scenarios.items()}
    errors = [item.finished.reason or "" for item in done.scenarios if item.outcome is ScenarioOutcome.ERROR]
    return Trial(subject, tuple(alarms_of(done)), outcomes, time.monotonic() - began, errors[0] if errors else None)


def alarms_of(done: Run) -> Iterator[Alarm]:
    """Give what a run found broken, each statement, check and scenario once."""
    told = set()
    for scenario in done.scenarios:
        for item in scenario.findings:
            key = (item.requirement, item.check, scenario.started.title)
            if item.outcome in BROKEN and key not in told:
                told.add(key)
                yield _alarm(item, scenario.started.title)


def _alarm(item: Finding, scenario: str) -> Alarm:
    return Alarm(item.requirement, item.check, item.outcome, scenario, item.expected or "", item.found or "")
