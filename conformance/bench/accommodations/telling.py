"""At the end of a run: each known departure that was to be got past, told once, or as never needed."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from conformance.bench.accommodations.model import Accommodation
from conformance.bench.recorder import Recorder
from conformance.checks.departures import DEPARTED
from conformance.record.events import Departure, Fact, Role, ScenarioStarted, _Event

SHOWN_EVENTS = 20


@dataclass
class Departures:
    """Hears every event of a run, and keeps what shows the known departures of one role's subject."""

    role: Role
    given: tuple[Accommodation, ...]
    _mine: set[int | None] = field(default_factory=set)
    _uses: Counter[str] = field(default_factory=Counter)
    _shown: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def heard(self, event: _Event) -> None:
        """Take note of an event."""
        if isinstance(event, ScenarioStarted) and event.role == self.role:
            self._mine.add(event.scenario)
        elif isinstance(event, Fact) and event.kind == DEPARTED and event.scenario in self._mine:
            name, number = str(event.data.get("name")), event.ref("exchange")
            self._uses[name] += 1
            refused = event.refs.get("instead-of", ())
            shown = self._shown[name]
            shown += [one for one in (*refused, number) if one is not None and len(shown) < SHOWN_EVENTS]

    def told(self) -> tuple[Departure, ...]:
        """Give what is to be told of each."""
        return tuple(
            Departure(
                role=self.role,
                name=item.name,
                departs=item.departs,
                expected=item.expected,
                found=item.found,
                breaks=item.breaks,
                hides=item.hides,
                source=item.source,
                uses=self._uses[item.name],
                shown_by=tuple(dict.fromkeys(self._shown[item.name])),
            )
            for item in self.given
        )


def record_departures(heard: Iterable[Departures], recorder: Recorder) -> None:
    """Write what is to be told into the record, at the time of the last event before it."""
    now = recorder.last
    for one in heard:
        for departure in one.told():
            recorder.relay(departure.model_copy(update={"at": now}))
