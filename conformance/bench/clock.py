"""The bench's clocks: the one on the wall, and a simulated one for subjects that live in this process.

On the simulated clock sockets and TLS are real and time is not: while something is under way time hardly passes, and
when nothing is, it jumps to the next timer. Hours of outage pass in milliseconds, and a busy machine makes no deadline
slip. `SimulatedLoop` says when it may jump.
"""

import asyncio
import selectors
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Literal, Protocol, TypeVar, TypeVarTuple, Unpack

ClockKind = Literal["wall", "simulated"]
T = TypeVar("T")
Args = TypeVarTuple("Args")

READING_S = 1e-6
"""How long a reading of the simulated clock takes: no two readings are the same, so that what happens has an order."""
ROUND_S = 50e-6
"""How long a round of the simulated loop takes: about what it does in truth. One that never rests grows older too."""
LONG_S = 1.0
"""A jump further than this waits first."""
GRACE_S = 0.002
"""How long a long jump waits, in real seconds, for what the machine has not yet delivered."""


class Clock(Protocol):
    """The clock of a bench; seconds."""

    def now(self) -> float:
        """Monotonic time, of the same origin for all clocks of this machine."""
        ...

    def unix(self) -> float:
        """Time since the epoch."""
        ...

    def pause(self, over: Callable[[], bool], deadline: float) -> None:
        """Wait until `over` holds or the time has come; `over` is asked again after each `stir`."""
        ...

    def stir(self) -> None:
        """Have whoever pauses look again; may be called from any thread."""
        ...


class WallClock:
    """The machine's clock."""

    def __init__(self) -> None:
        self._stirred = threading.Condition()

    def now(self) -> float:
        """Monotonic time of the machine."""
        return time.monotonic()

    def unix(self) -> float:
        """Time since the epoch."""
        return time.time()

    def pause(self, over: Callable[[], bool], deadline: float) -> None:
        """Wait in real time."""
        with self._stirred:
            self._stirred.wait_for(over, max(0.0, deadline - self.now()))

    def stir(self) -> None:
        """Wake whoever pauses."""
        with self._stirred:
            self._stirred.notify_all()


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is simulated, and jumps to the next timer.

    It jumps when no callback is ready and no socket is; no work is left in its executor; and the thread that carries
    out the steps waits for the loop, by `waited_for`. While that thread computes, time stands still.

    What the loopback has not yet delivered is not seen by this. Therefore a jump over `LONG_S`, such as one to a
    timeout, happens only after `GRACE_S` of real silence. Threads other than those of the executor are not known here:
    a subject that has some, or is another process, needs the wall clock.
    """

    def __init__(self) -> None:
        self._time = time.monotonic()
        self._lock = threading.Lock()
        self._waiting = 0
        self._in_threads = 0
        super().__init__(_Jumping(selectors.DefaultSelector(), self))

    def time(self) -> float:
        """Give the simulated time, which begins with the machine's monotonic time."""
        return self.elapse(READING_S)

    def elapse(self, seconds: float) -> float:
        """Let time pass; gives the new time."""
        with self._lock:
            self._time += seconds
            return self._time

    @property
    def may_jump(self) -> bool:
        """Whether nothing outside of the loop is under way."""
        return self._waiting > 0 and self._in_threads == 0

    async def waited_for(self, work: Coroutine[Any, Any, T]) -> T:
        """Carry out what another thread waits for, and does nothing else meanwhile."""
        self._waiting += 1
        try:
            return await work
        finally:
            self._waiting -= 1

    def run_in_executor(self, executor: Any, func: Callable[[Unpack[Args]], T], *args: *Args) -> asyncio.Future[T]:
        """Run in a thread, which time waits for."""
        self._in_threads += 1
        try:
            future = super().run_in_executor(executor, func, *args)
        except BaseException:
            self._in_threads -= 1
            raise
        future.add_done_callback(self._out_of_thread)
        return future

    def _out_of_thread(self, _: object) -> None:
        self._in_threads -= 1


class _Jumping(selectors.BaseSelector):
    """A selector that jumps where another would wait."""

    def __init__(self, real: selectors.BaseSelector, loop: SimulatedLoop) -> None:
        self._real = real
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Give what is ready; else wait in real time or, where that is allowed, jump over the time-out."""
        self._loop.elapse(ROUND_S)
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None or not self._loop.may_jump:
            # whatever changes that wakes the loop: a call from the other thread, a result of the executor, a socket
            return self._real.select(None)
        if timeout > LONG_S and (ready := self._real.select(GRACE_S)):
            return ready
        self._loop.elapse(timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """As the real one."""
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """As the real one."""
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """As the real one."""
        return self._real.modify(fileobj, events, data)

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        """As the real one."""
        return self._real.get_key(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """As the real one."""
        return self._real.get_map()

    def close(self) -> None:
        """As the real one."""
        self._real.close()
