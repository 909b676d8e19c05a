"""At the end of a run: what the suppliers state of their subjects, held beside what the whole run saw of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from conformance.bench.ics import Ics
from conformance.bench.recorder import Recorder
from conformance.catalogue import Catalogue
from conformance.checks.claims import Measured, Stated, WholeRun, compare
from conformance.checks.device.sightings import Sightings
from conformance.checks.shown import Shown
from conformance.record.events import Claim, _Event

BUILT_IN = "simulated"
"""How targets begin whose polling the bench itself sets."""


@dataclass
class Comparison:
    """Hears every event of a run for one seat, and compares in the end."""

    ics: Ics
    target: str
    shown: Shown
    sightings: Sightings = field(default_factory=Sightings)

    @classmethod
    def of(cls, ics: Ics, target: str) -> "Comparison":
        """Begin to listen for the subject of one role."""
        return cls(ics, target, Shown(ics.role))

    def heard(self, event: _Event) -> None:
        """Take note of an event."""
        self.shown.heard(event)
        if self.ics.role == "device":
            self.sightings.heard(event)

    def claims(self, catalogue: Catalogue) -> tuple[Claim, ...]:
        """Compare what is stated with what was heard so far."""
        stated = Stated(
            self.ics.role,
            self.ics.claims(catalogue),
            self.ics.policies,
            self.ics.poll_interval,
            self.ics.limits,
            paced=self.target.partition(":")[0] == BUILT_IN,
        )
        return compare(stated, catalogue, self._seen())

    def _seen(self) -> WholeRun:
        seen = self.sightings
        limits = {}
        if seen.gaps:
            limits["poll"] = Measured(
                seen.gaps[-1], f"the longest of {len(seen.gaps)} distances of polls", seen.of("poll")
            )
        if seen.applying:
            told = f"the longest of {len(seen.applying)} times from the first report of a deployment to `installed`"
            limits["apply"] = Measured(seen.applying[-1], told)
        return WholeRun(seen.traits(), self.shown.traits(), self.shown.policies(), _interval(seen), limits)


def record_claims(compared: Iterable[Comparison], catalogue: Catalogue, recorder: Recorder) -> None:
    """Write what was compared into the record, at the time of the last event before it."""
    now = recorder.last
    for comparison in compared:
        for claim in comparison.claims(catalogue):
            recorder.relay(claim.model_copy(update={"at": now}))


def _interval(seen: Sightings) -> Measured | None:
    if seen.poll_interval is None:
        return None
    gaps = seen.gaps
    told = f"median of {len(gaps)} distances of polls, {gaps[0]:.3g} to {gaps[-1]:.3g} s"
    return Measured(seen.poll_interval, told, seen.of("poll"))
