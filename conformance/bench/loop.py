"""An event loop in a thread of its own: servers and devices run there while steps wait for evidence."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
DEFAULT_TIMEOUT_S = 30.0
SETTLE_S = 0.05


class BackgroundLoop:
    """Runs coroutines for synchronous callers. Start once, close once."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._endings: list[Callable[[], Coroutine[Any, Any, object]]] = []
        self._thread = threading.Thread(target=self._serve, name="bench", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], timeout: float = DEFAULT_TIMEOUT_S) -> T:
        """Carry out a coroutine and give its result; raises what it raises, TimeoutError after `timeout` seconds."""
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


async def _cancel_others() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    # peers that just hung up are noticed before the loop is gone, so that no socket is left to the garbage collector
    await asyncio.sleep(SETTLE_S)
