"""An event loop in a thread of its own: servers and devices run there while steps wait for evidence."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from conformance.bench.clock import Clock, ClockKind, SimulatedLoop, WallClock

T = TypeVar("T")
DEFAULT_TIMEOUT_S = 30.0
"""How long a coroutine may take, in real time: beyond that, something hangs."""
SETTLE_S = 0.05


class BackgroundLoop:
    """Runs coroutines for synchronous callers. Start once, close once. `clock` is the time that its timers go by."""

    def __init__(self, kind: ClockKind = "wall") -> None:
        self._loop: asyncio.AbstractEventLoop
        self.clock: Clock
        if kind == "simulated":
            self._loop = simulated = SimulatedLoop()
            self.clock = _SimulatedClock(self, simulated)
        else:
            self._loop = asyncio.new_event_loop()
            self.clock = WallClock()
        self._endings: list[Callable[[], Coroutine[Any, Any, object]]] = []
        self._thread = threading.Thread(target=self._serve, name="bench", daemon=True)
        self._thread.start()

    @property
    def thread(self) -> int | None:
        """The thread that it runs in."""
        return self._thread.ident

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None = DEFAULT_TIMEOUT_S) -> T:
        """Carry out a coroutine and give its result; raises what it raises.

        Raises TimeoutError after `timeout` seconds of real time.
        """
        if isinstance(self._loop, SimulatedLoop):
            work = self._loop.waited_for(work)
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise

    def at_close(self, ending: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Have something ended in an orderly way before what is left is cancelled."""
        self._endings.append(ending)

    def close(self) -> None:
        """End what asked for it, cancel what is left and end the thread."""
        if self._loop.is_closed():
            return
        for ending in self._endings:
            self.run(ending())
        self.run(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())


class _SimulatedClock:
    """The time of a simulated loop, for the thread that carries out the steps."""

    def __init__(self, background: BackgroundLoop, loop: SimulatedLoop) -> None:
        self._background = background
        self._loop = loop
        self._to_unix = time.time() - time.monotonic()
        self._stirred = asyncio.Event()
        self._pausing = 0

    def now(self) -> float:
        """Give the simulated monotonic time."""
        return self._loop.time()

    def unix(self) -> float:
        """Give the simulated time since the epoch."""
        return self.now() + self._to_unix

    def pause(self, over: Callable[[], bool], deadline: float) -> None:
        """Wait on the loop, so that time may jump meanwhile."""
        self._background.run(self._paused(over, deadline), timeout=None)

    def stir(self) -> None:
        """Wake whoever pauses; where nobody does, nothing is woken, since waking a loop costs more than most events."""
        if threading.get_ident() == self._background.thread:
            self._stirred.set()
        elif self._pausing:
            self._loop.call_soon_threadsafe(self._stirred.set)

    async def _paused(self, over: Callable[[], bool], deadline: float) -> None:
        self._pausing += 1  # before `over` is asked: what comes from here on is heard
        try:
            async with asyncio.timeout_at(deadline):
                while not over():
                    self._stirred.clear()
                    await self._stirred.wait()
        except TimeoutError:
            pass
        finally:
            self._pausing -= 1


async def _cancel_others() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    # peers that just hung up are noticed before the loop is gone, so that no socket is left to the garbage collector
    await asyncio.sleep(SETTLE_S)
