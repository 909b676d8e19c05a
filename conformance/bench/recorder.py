"""The recorder: every event of a run passes through it, and whoever waits for evidence waits here."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from conformance.bench.clock import Clock, WallClock
from conformance.checks.departures import DEPARTED, TRIED, as_read
from conformance.checks.evidence import Record
from conformance.record.events import Connection, Exchange, Fact, Role, _Event
from conformance.record.file import EventWriter

E = TypeVar("E", bound=_Event)
Listener = Callable[[_Event], None]
Refs = Mapping[str, _Event | Sequence[_Event]]


class Recorder:
    """Writes events and keeps those of the current scenario. Safe to call from any thread."""

    def __init__(self, writer: EventWriter, listeners: tuple[Listener, ...] = (), epoch: float | None = None) -> None:
        self._writer = writer
        self._listeners = listeners
        self._clock: Clock = WallClock()
        self._start = self._clock.now() if epoch is None else epoch
        self._lock = threading.Lock()
        self._scenario: int | None = None
        self._role: Role = "device"
        self._claims: Mapping[str, Any] = {}
        self._events: list[_Event] = []
        self._departs = False
        """Whether something of the current scenario is read otherwise than it was recorded."""
        self._last = 0.0
        self._connections: dict[tuple[object, str, int], int] = {}

    def use(self, clock: Clock) -> None:
        """Go by another clock from now on; its time goes on from where the former one stands."""
        self._start += clock.now() - self._clock.now()
        self._clock = clock

    def listen(self, listener: Listener) -> None:
        """Let someone hear every event as it is written."""
        self._listeners = (*self._listeners, listener)

    def close(self) -> None:
        """Seal the record."""
        self._writer.close()

    def now(self) -> float:
        """Seconds since the run began."""
        return self._clock.now() - self._start

    def unix(self) -> float:
        """Seconds since the epoch, by the clock of the run."""
        return self._clock.unix()

    @property
    def last(self) -> float:
        """The time of the latest event, in seconds since the run began."""
        return self._last

    @property
    def epoch(self) -> float:
        """The reading of the monotonic clock at which the run began."""
        return self._start

    def moment(self, monotonic: float) -> float:
        """A reading of the monotonic clock as seconds since the run began."""
        return max(0.0, monotonic - self._start)

    @property
    def scenario(self) -> int | None:
        """Number of the current scenario."""
        return self._scenario

    def begin(self, scenario: int, role: Role, claims: Mapping[str, Any]) -> None:
        """Start gathering the evidence of a scenario."""
        with self._lock:
            self._scenario, self._role, self._claims = scenario, role, claims
            self._events, self._departs = [], False

    def end(self) -> None:
        """Stop gathering; what still arrives belongs to no scenario."""
        with self._lock:
            self._scenario = None
            self._events = []

    def append(self, event: E) -> E:
        """Write an event; returns it with its number. The time is now unless the event has one."""
        if not event.at:
            event = event.model_copy(update={"at": self.now()})
        with self._lock:
            written = self._written(event, None)
            self._events.append(written)
            self._departs = self._departs or (isinstance(written, Fact) and written.kind in (DEPARTED, TRIED))
        self._clock.stir()
        for listener in self._listeners:
            listener(written)
        return written

    def relay(self, event: E, source: object = None) -> E:
        """Write an event that was recorded elsewhere, with its own time; it is no evidence of a scenario here.

        `source` tells apart where events come from: a connection of one is never one of another, whatever its number.
        """
        with self._lock:
            written = self._written(event, source)
        for listener in self._listeners:
            listener(written)
        return written

    def _written(self, event: E, source: object) -> E:
        if isinstance(event, Exchange) and event.connection is not None:
            key = (source, event.seat, event.connection)
            number = self._connections.setdefault(key, len(self._connections) + 1)
            event = event.model_copy(update={"connection": number})
        written = self._writer.append(event)
        self._last = max(self._last, written.at)
        return written

    def note(self, kind: str, refs: Refs | None = None, /, **data: Any) -> Fact:
        """Record something the bench did or saw; `refs` are the events it speaks of, by their part in it."""
        numbers = {
            name: (of.n,) if isinstance(of, _Event) else tuple(one.n for one in of) for name, of in (refs or {}).items()
        }
        return self.append(Fact(scenario=self._scenario, kind=kind, data=data, refs=numbers))

    def record(self) -> Record:
        """Give the evidence so far."""
        with self._lock:
            events, departs = list(self._events), self._departs
        facts = tuple(event for event in events if isinstance(event, Fact))
        exchanges = sorted((event for event in events if isinstance(event, Exchange)), key=lambda item: item.at)
        return Record(
            self._role,
            as_read(exchanges, facts) if departs else tuple(exchanges),
            tuple(event for event in events if isinstance(event, Connection)),
            facts,
            self._claims,
        )

    def until(self, condition: Callable[[Record], object], within: float) -> bool:
        """Wait until the evidence meets a condition; False when it does not within so many seconds."""
        deadline = self._clock.now() + within
        while True:
            seen = len(self._events)
            if condition(self.record()):
                return True
            if self._clock.now() >= deadline:
                return False
            self._clock.pause(lambda: len(self._events) != seen, deadline)  # noqa: B023 - asked before it changes
