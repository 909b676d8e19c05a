"""The recorder: every event of a run passes through it, and whoever waits for evidence waits here."""

import threading
from bisect import insort
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


class _Gathered:
    """The evidence of one scenario, kept in order as it comes: whoever waits asks for it after every event."""

    def __init__(self) -> None:
        self.count = 0
        self._exchanges: list[Exchange] = []
        self._connections: list[Connection] = []
        self._facts: list[Fact] = []
        self._departs = False
        """Whether something of it is read otherwise than it was recorded."""

    def add(self, event: _Event) -> None:
        """Keep an event; an exchange is recorded when it ends and stands where it began."""
        self.count += 1
        match event:
            case Exchange():
                insort(self._exchanges, event, key=lambda item: item.at)
            case Connection():
                self._connections.append(event)
            case Fact():
                self._facts.append(event)
                self._departs = self._departs or event.kind in (DEPARTED, TRIED)

    def record(self, role: Role, claims: Mapping[str, Any]) -> Record:
        """Give it as it stands."""
        facts, exchanges = tuple(self._facts), tuple(self._exchanges)
        read = as_read(exchanges, facts) if self._departs else exchanges
        return Record(role, read, tuple(self._connections), facts, claims)


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
        self._gathered = _Gathered()
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
            self._gathered = _Gathered()

    def end(self) -> None:
        """Stop gathering; what still arrives belongs to no scenario."""
        with self._lock:
            self._scenario = None
            self._gathered = _Gathered()

    def append(self, event: E) -> E:
        """Write an event; returns it with its number. The time is now unless the event has one."""
        if not event.at:
            event = event.model_copy(update={"at": self.now()})
        with self._lock:
            written = self._written(event, None)
            self._gathered.add(written)
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
            return self._gathered.record(self._role, self._claims)

    def until(self, condition: Callable[[Record], object], within: float) -> bool:
        """Wait until the evidence meets a condition; False when it does not within so many seconds."""
        deadline = self._clock.now() + within
        while True:
            seen = self._gathered.count
            if condition(self.record()):
                return True
            if self._clock.now() >= deadline:
                return False
            self._clock.pause(lambda: self._gathered.count != seen, deadline)  # noqa: B023 - asked before it changes
