"""What the benches of both roles have in common: waiting for evidence, and judging it."""

import contextlib
from collections.abc import Callable
from typing import Any

from conformance.bench.deadlines import Deadlines
from conformance.bench.errors import ConformanceFailure, NotSeen
from conformance.bench.ics import Ics
from conformance.bench.loop import BackgroundLoop
from conformance.bench.recorder import Recorder, Refs
from conformance.catalogue import Catalogue
from conformance.checks.evidence import Record
from conformance.checks.judging import judge
from conformance.checks.registry import Check, monitors
from conformance.record.events import Fact, Finding, Outcome, Role

Condition = Callable[[Record], object]


class Bench:
    """The rig of one scenario. The plugin opens it before the first step and closes it after the last."""

    role: Role
    hooks: frozenset[str] = frozenset()
    """What can be done to the subject, such as `reboot` or `power-cut`; a scenario tagged `@needs:…` asks for them."""

    def __init__(self, ics: Ics, recorder: Recorder, catalogue: Catalogue, loop: BackgroundLoop) -> None:
        self.ics = ics
        self.recorder = recorder
        self.catalogue = catalogue
        self.loop = loop
        self.deadlines: Deadlines = ics.deadlines
        self.needs: frozenset[str] = frozenset()
        """The abilities that the scenario is tagged to need; known before it opens."""
        self.named: dict[str, Any] = {}
        """What the steps of a scenario remember for one another."""
        self._cleanup = contextlib.ExitStack()

    def open(self) -> None:
        """Take both seats."""

    def close(self) -> None:
        """Leave both seats; safe to call twice."""
        self._cleanup.close()

    def at_end(self, ending: Callable[[], object]) -> None:
        """Have something ended when the scenario is over, the newest first."""
        self._cleanup.callback(ending)

    @property
    def record(self) -> Record:
        """The evidence so far."""
        return self.recorder.record()

    def note(self, kind: str, refs: Refs | None = None, /, **data: Any) -> Fact:
        """Record something the bench did or saw; `refs` are the events it speaks of, by their part in it."""
        return self.recorder.note(kind, refs, **data)

    def until(self, condition: Condition, within: str) -> bool:
        """Wait for evidence, at most as long as the named deadline; whether it came.

        Raises NotSeen when the subject floods the bench: what it did beyond that is not known.
        """
        came = self.recorder.until(
            lambda record: record.facts_of("flooded") or condition(record), self.deadlines[within]
        )
        if flood := self.record.last_fact("flooded"):
            raise NotSeen(f"the subject floods the bench: {flood.data['seen']}")
        return came

    def reach(self, condition: Condition, within: str, what: str) -> None:
        """Wait for the state a scenario starts from; raises NotSeen when the subject never gets there."""
        if not self.until(condition, within):
            raise NotSeen(f"{what} was not seen within {self.deadlines[within]:g} s")

    def judge(self, check: Check, **subject: Any) -> tuple[Finding, ...]:
        """Judge the evidence so far and record the findings; raises ConformanceFailure when a MUST is broken."""
        findings = self._record(check, self.record, **subject)
        failures = [finding for finding in findings if finding.outcome is Outcome.FAIL]
        if failures:
            raise ConformanceFailure(failures)
        return findings

    def watch(self) -> tuple[Finding, ...]:
        """Let the monitors judge everything that was recorded."""
        record = self.record
        return tuple(finding for monitor in monitors(self.role) for finding in self._record(monitor, record))

    def _record(self, check: Check, record: Record, **subject: Any) -> tuple[Finding, ...]:
        found = judge(check, record, self.catalogue, self.recorder.scenario or 0, **subject)
        return tuple(self.recorder.append(finding) for finding in found)
