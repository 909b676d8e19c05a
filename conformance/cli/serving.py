"""What the serve verbs share: the fastest event loop there is, and an orderly end on SIGINT or SIGTERM."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

Serve = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


def serve_until_stopped(serve: Serve) -> None:
    """Run a server; `serve` gets the event that says when to end. Raises what `serve` raises."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_with_signals(serve))


async def _with_signals(serve: Serve) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows: Ctrl-C arrives as KeyboardInterrupt
            break
    await serve(stop)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not there on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop
