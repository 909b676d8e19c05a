"""A run that is paused and goes on later: what was found before is kept as it was recorded, the rest is carried out.

The event file of a run is never written to again. A run that goes on writes a file of its own, which begins with every
event of the scenarios that had ended, numbered anew; its header names the earlier run and the digest of its file.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from conformance.bench.errors import OtherRun
from conformance.bench.recorder import Recorder
from conformance.bench.scenarios import NOT_SELECTED
from conformance.record.events import (
    CatalogueEvent,
    Claim,
    Event,
    Footer,
    Header,
    ScenarioFinished,
    ScenarioOutcome,
    Subject,
    renumbered,
)
from conformance.record.file import read

AGAIN = frozenset({ScenarioOutcome.NOT_RUN, ScenarioOutcome.BLOCKED})
"""Outcomes of scenarios that were not carried out: these are tried when the run goes on."""

SIMULATED = "simulated"
"""How the targets begin that are no real subjects."""


@dataclass
class Pause:
    """Whether a run is to end after the scenario under way; one that is `sealed` is kept even when interrupted."""

    asked: bool = False
    sealed: bool = True


@dataclass(frozen=True)
class Earlier:
    """The record of a run that goes on, as it was read and verified."""

    path: Path
    digest: str
    events: tuple[Event, ...]

    @classmethod
    def of(cls, path: Path) -> "Earlier":
        """Read a record. Raises BrokenRecord unless it is whole and unedited, OSError when it is not there."""
        events = read(path)
        return cls(path, f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}", events)

    @property
    def header(self) -> Header:
        """What was run."""
        first = self.events[0]
        assert isinstance(first, Header)  # noqa: S101 - a record that was read begins with one
        return first

    @cached_property
    def done(self) -> frozenset[int]:
        """Numbers of the scenarios that need not be carried out again."""
        return frozenset(event.scenario for event in self._ended(frozenset(ScenarioOutcome) - AGAIN))

    def _ended(self, outcomes: frozenset[ScenarioOutcome]) -> Iterator[ScenarioFinished]:
        for event in self.events:
            if isinstance(event, ScenarioFinished) and event.outcome in outcomes:
                yield event

    @property
    def until(self) -> float:
        """When its last event was, in seconds since it began."""
        return max(event.at for event in self.events)

    @property
    def environment(self) -> dict[str, str]:
        """What the header of the run that goes on says of it."""
        return {"resumes": self.header.run, "resumed-file": self.path.name, "first-started": self._first_started}

    @property
    def _first_started(self) -> str:
        return self.header.environment.get("first-started", self.header.started)

    @property
    def left(self) -> int:
        """How many scenarios of its selection were not carried out."""
        unwanted = sum((event.reason or "").startswith(NOT_SELECTED) for event in self._ended(AGAIN))
        return sum(self.header.planned.values()) - len(self.done) - unwanted

    def check(self, header: Header) -> None:
        """Refuse to go on with something else. Raises OtherRun naming what differs."""
        for what, told in _SAME.items():
            before, now = told(self.header), told(header)
            if before != now:
                raise OtherRun(f"--resume {self.path}: {what}: expected {before}, found {now}")
        if self.left <= 0:
            raise OtherRun(f"--resume {self.path}: nothing is left: all of its scenarios were carried out")

    def relay(self, recorder: Recorder) -> None:
        """Record again what belongs to scenarios that had ended, or to none; references keep pointing at the same.

        What its claims compared with is compared anew, with all that both runs saw.
        """
        numbers: dict[int, int] = {}
        for event in self._kept():
            numbers[event.n] = recorder.relay(renumbered(event, numbers), self.digest).n

    def _kept(self) -> Iterator[Event]:
        for event in self.events:
            owner = getattr(event, "scenario", None)
            if not isinstance(event, Header | CatalogueEvent | Claim | Footer) and (
                owner is None or owner in self.done
            ):
                yield event


def _of_subjects(told: Callable[[Subject], object]) -> Callable[[Header], str]:
    return lambda header: "; ".join(str(told(item)) for item in header.subjects)


def _listed(items: Iterable[str]) -> str:
    return ", ".join(sorted(items)) or "none"


def _deadlines(header: Header) -> Iterator[str]:
    # how long the subject is waited for at first (`--wait`) may differ
    return (f"{name}={value:g} s" for name, value in header.deadlines.items() if not name.endswith(".connect"))


_SAME: Mapping[str, Callable[[Header], object]] = {
    "role": _of_subjects(lambda item: item.role),
    "subject": _of_subjects(lambda item: f"{item.name} {item.version or '(no version)'}"),
    "target": _of_subjects(lambda item: item.target if item.target.startswith(SIMULATED) else "a real one"),
    "revision": lambda header: header.revision,
    "suite": lambda header: header.suite,
    "statements of the catalogue": lambda header: header.digests.get("catalogue"),
    "scenarios of the suite": lambda header: header.digests.get("features"),
    "profile": _of_subjects(lambda item: item.profile),
    "claimed features": _of_subjects(lambda item: _listed(item.features)),
    "policies": _of_subjects(lambda item: _listed(f"{name}={value}" for name, value in item.policies.items())),
    "deadlines": lambda header: _listed(_deadlines(header)),
    "selection": lambda header: header.selection or "all",
    "named scenarios": lambda header: _listed(header.named),
}
"""What has to be the same in a run that goes on, so that one verdict may be read from both, in the order it is told."""
