"""Workers of a Dask cluster that carry a live run, on this machine or on several.

Each worker carries one shard in a thread of its own, exactly as a process of this machine does. No key is sent: every
machine has an identity folder of its own, at a path that is told. All begin at one moment, though their clocks differ:
the distance of each worker's clock is taken when it is asked for the time, to half of how long the answer took.
"""

import contextlib
import multiprocessing
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from distributed import Client

from simulator.fleet.live.plan import LivePlan
from simulator.fleet.live.ready import NotReady, check_machine, find
from simulator.fleet.live.worker import Failed, Told, work
from simulator.open_files import TooFewFiles

_ASK_S = 10.0
_HEAR_S = 0.2
_CLOCK_TRIES = 7


class Carrier:
    """On a worker: one shard, and what it has to tell."""

    def __init__(self, plan: LivePlan, url: str, identity: Path, lifetime: timedelta, index: int) -> None:
        self._ours, theirs = multiprocessing.Pipe()
        self._refused: Failed | None = None
        try:
            check_machine(plan, [index])
            target = find(url)
        except (NotReady, TooFewFiles) as error:
            self._refused = Failed(str(error))
            return
        arguments = (theirs, plan, identity, lifetime, target, index)
        self._thread = threading.Thread(target=work, args=arguments, name=f"fleet-{index}", daemon=True)
        self._thread.start()

    def clock(self) -> float:
        """The time on this machine's monotonic clock."""
        return time.monotonic()

    def hear(self) -> tuple[list[Told], bool]:
        """What there is to tell now, and whether that is all there will ever be."""
        if self._refused is not None:
            return [self._refused], True
        over = not self._thread.is_alive()  # looked at first: what it told last is heard below
        told: list[Told] = []
        try:
            while self._ours.poll():
                told.append(self._ours.recv())
        except (EOFError, OSError):
            over = True
        return told, over

    def send(self, what: float | None) -> None:
        """Tell the shard the moment to begin, or to end early."""
        with contextlib.suppress(OSError):  # it has ended
            self._ours.send(what)

    def dismiss(self) -> None:
        """End what is left."""
        self.send(None)


class Workers:
    """The workers of a cluster; `identity` is the folder on their machines, where it is not the same as here."""

    head_start_s = 1.0

    def __init__(self, client: Client, identity: Path | None = None) -> None:
        self._client, self._identity = client, identity
        self._addresses = sorted(client.scheduler_info(n_workers=-1)["workers"])
        self._carriers: list[Any] = []

    @property
    def count(self) -> int:
        """How many there are; a plan for them has as many processes."""
        return len(self._addresses)

    def hire(self, plan: LivePlan, url: str, identity: Path, lifetime: timedelta) -> "Workers":
        """Have each worker prepare its shard. Raises NotReady."""
        folder = self._identity or identity.resolve()
        asked = [
            self._client.submit(
                Carrier, plan, url, folder, lifetime, index,
                actor=True, pure=False, workers=[self._addresses[index]], allow_other_workers=False,
            )
            for index in range(plan.shards)
        ]  # fmt: skip
        try:
            with self._client.as_current():  # an actor belongs to the client that is current when it is first asked
                self._carriers = [future.result(_ASK_S) for future in asked]
                for carrier in self._carriers:
                    carrier.clock().result(_ASK_S)
        except Exception as error:  # noqa: BLE001 - whatever Dask says of a worker that is gone
            raise NotReady(f"a worker cannot carry its share: {' '.join(str(error).split())}") from None
        return self

    def name(self, index: int) -> str:
        """What a user calls it."""
        return f"worker {self._addresses[index]}"

    def hear(self, running: set[int]) -> list[tuple[int, Told | None]]:
        """What they have to tell, after waiting a little; None from one that is gone."""
        time.sleep(_HEAR_S)
        asked = {index: self._ask(index, "hear") for index in sorted(running)}
        heard: list[tuple[int, Told | None]] = []
        for index, answer in asked.items():
            told, over = _answered(answer)
            heard += [(index, one) for one in told]
            if over and not told:  # what was told last may be that it is done
                heard.append((index, None))
        return heard

    def begin(self, at: float) -> None:
        """Have all begin, each by its own clock. Raises NotReady."""
        try:
            for carrier in self._carriers:
                carrier.send(at + _distance(carrier))
        except Exception as error:  # noqa: BLE001 - whatever Dask says of a worker that is gone
            raise NotReady(f"a worker was lost before the run began: {' '.join(str(error).split())}") from None

    def stop(self, index: int) -> None:
        """Have one end early."""
        self._ask(index, "send", None)

    def dismiss(self) -> None:
        """See that none carries on."""
        for answer in [self._ask(index, "dismiss") for index in range(len(self._carriers))]:
            _answered(answer)
        self._carriers.clear()

    def _ask(self, index: int, what: str, *about: Any) -> Any:
        """Ask one; None when its worker is gone."""
        try:
            return getattr(self._carriers[index], what)(*about)
        except Exception:  # noqa: BLE001 - whatever Dask says of a worker that is gone
            return None


def _answered(answer: Any) -> tuple[list[Told], bool]:
    """What a carrier answered; of one that is gone, nothing and that it is over."""
    try:
        return answer.result(_ASK_S) or ([], False)
    except Exception:  # noqa: BLE001 - whatever Dask says of a worker that is gone
        return [], True


def _distance(carrier: Any) -> float:
    """How far a worker's clock is ahead of ours: of some answers, the quickest is the most exact."""
    best: tuple[float, float] | None = None
    for _ in range(_CLOCK_TRIES):
        asked = time.monotonic()
        theirs = carrier.clock().result(_ASK_S)
        heard = time.monotonic()
        took = (heard - asked, theirs - (asked + heard) / 2)
        best = took if best is None else min(best, took)
    assert best is not None  # noqa: S101 - it was asked
    return best[1]
