"""Who carries a live run: processes of this machine here, workers of a cluster in `remote`. Both tell the same."""

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from pathlib import Path
from typing import Protocol

from simulator.fleet.live.plan import LivePlan
from simulator.fleet.live.ready import check_machine, find
from simulator.fleet.live.worker import Told, work

_HEAR_S = 0.5


class Hands(Protocol):
    """As many as the plan has shards, numbered from 0."""

    head_start_s: float
    """How long before the moment to begin it has to be told."""

    def name(self, index: int) -> str:
        """What a user calls it."""
        ...

    def hear(self, running: set[int]) -> list[tuple[int, Told | None]]:
        """What they have to tell, after waiting a little; None from one that is gone."""
        ...

    def begin(self, at: float) -> None:
        """Have all begin at a moment of this machine's `time.monotonic`."""
        ...

    def stop(self, index: int) -> None:
        """Have one end early."""
        ...

    def dismiss(self) -> None:
        """See that none is left."""
        ...


Hire = Callable[[LivePlan, str, Path, timedelta], Hands]
"""From a plan, the WFM's URL, the identity folder and how long credentials have to last. Raises NotReady."""


class Processes:
    """Processes of this machine."""

    head_start_s = 0.3

    def __init__(self, plan: LivePlan, url: str, identity: Path, lifetime: timedelta) -> None:
        check_machine(plan)
        target = find(url)
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Pipe] = []
        self._processes: list[multiprocessing.process.BaseProcess] = []
        try:
            for index in range(plan.shards):
                ours, theirs = context.Pipe()
                arguments = (theirs, plan, identity, lifetime, target, index)
                process = context.Process(target=work, args=arguments, name=f"fleet-{index}", daemon=True)
                with _uninterrupted():
                    process.start()
                theirs.close()
                self._pipes.append(ours)
                self._processes.append(process)
        except BaseException:
            self.dismiss()
            raise

    def name(self, index: int) -> str:
        """What a user calls it."""
        return f"process {index} of the driver"

    def hear(self, running: set[int]) -> list[tuple[int, Told | None]]:
        """What they have to tell, after waiting a little; None from one that is gone."""
        waiting = {self._pipes[index]: index for index in running}
        heard: list[tuple[int, Told | None]] = []
        for pipe in wait(list(waiting), _HEAR_S):
            if not isinstance(pipe, Pipe):
                continue
            try:
                heard.append((waiting[pipe], pipe.recv()))
            except (EOFError, OSError):
                heard.append((waiting[pipe], None))
        return heard

    def begin(self, at: float) -> None:
        """Have all begin; the clock is the same for all processes."""
        for pipe in self._pipes:
            pipe.send(at)

    def stop(self, index: int) -> None:
        """Have one end early; one that is gone will be heard to be."""
        try:
            self._pipes[index].send(None)
        except OSError:
            return

    def dismiss(self) -> None:
        """See that no process is left."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(1.0)
            if process.is_alive():
                process.terminate()
                process.join()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """A process that is started here does not hear Ctrl-C, not even while it starts: it is told by this one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
