"""One process of a live run: prepares its share of the fleet, begins when told, and tells what happens."""

import asyncio
import gc
import signal
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from simulator.fleet.live.connection import Target
from simulator.fleet.live.credentials import open_credentials
from simulator.fleet.live.line import Observe
from simulator.fleet.live.plan import LivePlan
from simulator.fleet.live.shard import Delta, Shard, ignore
from simulator.identity.errors import IdentityError

_EVERY = 100


@dataclass(frozen=True, slots=True)
class Prepared:
    """So many devices are ready."""

    count: int


@dataclass(frozen=True, slots=True)
class Ready:
    """All are."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The process cannot go on."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """The run is over in this process; what it used in all."""

    cpu_s: float
    rss_mib: float


Told = Prepared | Ready | Failed | Done | Delta


def work(pipe: Pipe, plan: LivePlan, identity: Path, lifetime: timedelta, target: Target, index: int) -> None:
    """Be one process, or a thread of a worker: told the moment to begin, and anything more to end early."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    with suppress(BrokenPipeError, EOFError):  # nobody listens any more
        try:
            observe: Observe | None = None if plan.sample.devices or plan.sample.refusals else ignore
            shard = Shard(plan, open_credentials(plan.revision, identity, lifetime), target, index, observe)
            for count in shard.prepare():
                if count % _EVERY == 0:
                    pipe.send(Prepared(count))
        except (IdentityError, ssl.SSLError, OSError) as error:
            pipe.send(Failed(str(error)))
            return
        pipe.send(Prepared(shard.size))
        # what was prepared lives as long as the process: the collector need not look at it in the middle of the run
        gc.collect()
        gc.freeze()
        pipe.send(Ready())
        began = pipe.recv()
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_run(shard, pipe, began))
        pipe.send(Done(time.process_time(), _rss_mib()))


async def _run(shard: Shard, pipe: Pipe, began: float) -> None:
    loop = asyncio.get_running_loop()

    def listen() -> None:
        with suppress(EOFError, OSError):
            pipe.recv()
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(shard.stop)

    threading.Thread(target=listen, daemon=True).start()
    await asyncio.sleep(max(0.0, began - time.monotonic()))
    await shard.run(began, pipe.send)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not there on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


def _rss_mib() -> float:
    try:
        import resource  # noqa: PLC0415 - not there on every platform
    except ImportError:
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
