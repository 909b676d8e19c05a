"""One sequence of actions carried out on the bench: what became of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from types import TracebackType
from typing import Any, Self, TypeVar

from conformance.bench.bench import Bench
from conformance.bench.errors import Blocked, ConformanceFailure, NotSeen
from conformance.bench.loop import BackgroundLoop
from conformance.bench.recorder import Recorder
from conformance.bench.run import Seat, load_checks
from conformance.catalogue import load
from conformance.record.events import Outcome, _Event
from conformance.record.file import EventWriter
from conformance.search.actions import AnyAction
from conformance.search.violations import Broken, Violation, violations_of

E = TypeVar("E", bound=_Event)


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a sequence: how many of its actions were carried out, what was broken, why it ended early."""

    carried: int
    violations: tuple[Violation, ...] = ()
    ended: str = ""

    @property
    def told_something(self) -> bool:
        """Whether the subject was there at all."""
        return self.carried > 0 or bool(self.violations)


@dataclass(frozen=True, slots=True)
class Game:
    """What is particular to a role: how a sequence begins and ends, and which promise each check is behind."""

    begin: Callable[[Any], None]
    finish: Callable[[Any, Sequence[AnyAction]], None]
    invariants: dict[str, str] = field(default_factory=dict)


class Arena:
    """A subject's seat, open for one search: each trial has a bench of its own, and nothing is written down."""

    def __init__(self, seat: Seat, game: Game) -> None:
        load_checks()  # the monitors are among them
        self.seat = seat
        self._game = game
        self._catalogue = load(seat.ics.revision)
        self._recorder = Recorder(_Unwritten())
        self._loop = BackgroundLoop(seat.clock)
        self._recorder.use(self._loop.clock)
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.close()

    def tried(self, actions: Sequence[AnyAction]) -> Trial:
        """Carry out a sequence and say what became of it. Raises UsageError when a real subject never comes."""
        self._count += 1
        ics = self.seat.ics
        claims = {
            "features": ics.claims(self._catalogue),
            "policies": dict(ics.policies),
            "deadlines": ics.deadlines.as_dict(),
        }
        self._recorder.begin(self._count, ics.role, claims)
        bench = self.seat.make_bench(ics, self._recorder, self._catalogue, self._loop)
        try:
            return self._carried_out(bench, actions)
        finally:
            bench.close()
            self._recorder.end()

    def _carried_out(self, bench: Bench, actions: Sequence[AnyAction]) -> Trial:
        carried, ended, broken = 0, "", tuple[Violation, ...]()
        try:
            bench.open()
            self._game.begin(bench)
            for action in actions:
                action.perform(bench)
                carried += 1
            self._game.finish(bench, actions)
        except ConformanceFailure as failure:
            broken = violations_of(failure.findings, self._game.invariants)
        except Broken as found:
            broken = (found.violation,)
        except (Blocked, NotSeen, TimeoutError) as early:
            ended = str(early) or type(early).__name__
        watched = violations_of((item for item in bench.watch() if item.outcome is Outcome.FAIL), self._game.invariants)
        return Trial(carried, (*broken, *watched), ended)


class _Unwritten(EventWriter):
    """Numbers events and forgets them: a search makes too many to keep; a counterexample is carried out again."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0

    def append(self, event: E) -> E:
        """Number the event."""
        with self._lock:
            self._count += 1
            return event.model_copy(update={"n": self._count})

    def close(self) -> None:
        """Do nothing: there is no file."""
