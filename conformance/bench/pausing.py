"""A run that is paused and goes on later: what was found before is kept as it was recorded, the rest is carried out.

The event file of a run is never written to again. A run that goes on writes a file of its own, which begins with every
event of the scenarios that had ended, numbered anew; its header names the earlier run and the digest of its file.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from conformance.bench.errors import UsageError
from conformance.bench.recorder import Recorder
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
        return frozenset(
            event.scenario
            for event in self.events
            if isinstance(event, ScenarioFinished) and event.outcome not in AGAIN
        )

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

    def check(self, header: Header) -> None:
        """Refuse to go on with something else. Raises UsageError naming what differs."""
        was = self.header
        same = (
            ("revision", was.revision, header.revision),
            ("selection", was.selection or "all", header.selection or "all"),
            ("subject", _identity(was.subjects), _identity(header.subjects)),
            ("catalogue", was.digests.get("catalogue"), header.digests.get("catalogue")),
            ("features", was.digests.get("features"), header.digests.get("features")),
        )
        for what, before, now in same:
            if before != now:
                raise UsageError(f"--resume {self.path}: {what}: expected {before}, found {now}")

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


def _identity(subjects: tuple[Subject, ...]) -> str:
    return "; ".join(
        f"{item.role} {item.name} {item.version or ''} {item.profile} {list(item.features)} {dict(item.policies)}"
        for item in subjects
    )
