"""A Dask cluster: one of processes on this machine, or one that is there already, on as many machines as it has.

Every worker must have the very same simulator: what differs is told before anything is carried out. A cluster of our
own speaks mutual TLS with credentials made for it, on the loopback, since whoever reaches a scheduler can have it run
anything.
"""

from __future__ import annotations

import contextlib
import logging
import platform
import queue
import warnings
from collections.abc import Iterator, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dask
from distributed import Client, Future, LocalCluster, Security

from simulator.fleet.description import Fleet
from simulator.fleet.plan import World
from simulator.fleet.shards import Counts, carry_out

DISTRIBUTIONS = ("margo-conformance", "numpy", "numba", "simpy")
CONNECT_S = 10.0
PATIENCE_S = 30.0
"""How long a cluster without any worker is waited for before what is left counts as missing."""
_LOOK_S = 1.0
_TRIM = "MALLOC_TRIM_THRESHOLD_"


class ClusterProblem(Exception):
    """The cluster cannot be used: says why, and what to do."""


def fingerprint() -> dict[str, str]:
    """What has to be the same everywhere: versions, and the simulator's own text."""
    folder = Path(__file__).parents[1]
    text = sha256()
    for file in sorted(folder.rglob("*.py")):
        text.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes())
    python = ".".join(platform.python_version_tuple()[:2])
    return {
        "python": python,
        **{name: version(name) for name in DISTRIBUTIONS},
        "simulator": text.hexdigest()[:12],
    }


class Cluster:
    """The workers of a cluster, as a pool for shards."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._first = self.present()

    @property
    def workers(self) -> int:
        """How many workers there were in the beginning."""
        return len(self._first)

    def present(self) -> list[str]:
        """The addresses of the workers that are there now, in order; none when the scheduler is gone."""
        try:
            return sorted(self.client.scheduler_info(n_workers=-1)["workers"])
        except (OSError, ValueError):  # what Dask raises of a connection that is closed
            return []

    def lost(self) -> int:
        """How many of them are gone; on this machine others have taken their places."""
        return len(set(self._first) - set(self.present()))

    def run(self, fleet: Fleet, world: World, engine: str, ranges: Sequence[range]) -> Iterator[tuple[int, Counts]]:
        """Carry ranges out; those of a lost worker are carried out again by others. What is not given is missing."""
        done: queue.SimpleQueue[tuple[int, Future[Any]]] = queue.SimpleQueue()
        plain = world._replace(trace=world.trace[:0])
        data = self.client.scatter([plain], broadcast=True, hash=False)[0]
        asked: dict[int, Future[Any]] = {}
        try:
            for position, devices in enumerate(ranges):
                asked[position] = self.client.submit(carry_out, fleet, data, engine, devices, pure=False)
                _announce(asked[position], position, done)
            yield from self._gathered(asked, done)
        finally:
            with contextlib.suppress(Exception):  # the cluster may be gone
                self.client.cancel(list(asked.values()))

    def _gathered(
        self, asked: dict[int, Future[Any]], done: queue.SimpleQueue[tuple[int, Future[Any]]]
    ) -> Iterator[tuple[int, Counts]]:
        left = set(asked)
        alone_s = 0.0
        while left and alone_s < PATIENCE_S:
            try:
                position, future = done.get(timeout=_LOOK_S)
            except queue.Empty:
                alone_s = 0.0 if self.present() else alone_s + _LOOK_S
                continue
            if future.status in ("pending", "lost"):  # its worker was lost with the result, which is made again
                _announce(future, position, done)
                continue
            left.discard(position)
            if future.status == "finished":
                yield position, future.result()
            future.release()


def _announce(future: Future[Any], position: int, done: queue.SimpleQueue[tuple[int, Future[Any]]]) -> None:
    future.add_done_callback(lambda ended: done.put((position, ended)))


@contextlib.contextmanager
def opened(workers: int | None = None, scheduler: str | None = None) -> Iterator[Cluster]:
    """Start so many workers on this machine, or join the cluster of a scheduler. Raises ClusterProblem."""
    quiet = logging.getLogger("distributed")
    level = quiet.level
    quiet.setLevel(logging.CRITICAL)  # what is worth knowing is told by the result
    try:
        with _client(workers or 1, scheduler) as client:
            check(client, scheduler, fingerprint())
            yield Cluster(client)
    finally:
        quiet.setLevel(level)


@contextlib.contextmanager
def _client(workers: int, scheduler: str | None) -> Iterator[Client]:
    if scheduler is not None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # other versions of Dask: what matters is checked below
                client = Client(scheduler, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            told = " ".join(str(error).split()) or type(error).__name__
            raise ClusterProblem(f"no scheduler answers at {scheduler}: {told}") from None
        with client:
            yield client
        return
    # the variable has every larger NumPy array mapped and unmapped anew, which halves the speed
    environ = {name: value for name, value in dask.config.get(_PRE_SPAWN).items() if name != _TRIM}
    with (
        dask.config.set({_PRE_SPAWN: environ}),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=0,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            security=Security.temporary(),
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


_PRE_SPAWN = "distributed.nanny.pre-spawn-environ"


def check(client: Client, scheduler: str | None, ours: dict[str, str]) -> None:
    """See that there are workers, and that they have this very simulator. Raises ClusterProblem."""
    where = scheduler or "on this machine"
    try:
        client.wait_for_workers(1, timeout=CONNECT_S)
    except TimeoutError:
        raise ClusterProblem(
            f"the scheduler {where} has no worker; start some: `dask worker {where}` where margo-conformance[scale] is"
        ) from None
    told: dict[str, Any] = client.run(fingerprint, on_error="return")
    for address, theirs in sorted(told.items()):
        if not isinstance(theirs, dict):
            raise ClusterProblem(
                f"the worker {address} cannot run the simulator ({theirs}); install it there: {_pip(ours)}"
            )
        other = [
            f"{name} {ours[name]} here, {theirs.get(name)} there" for name in ours if ours[name] != theirs.get(name)
        ]
        if other:
            raise ClusterProblem(
                f"the worker {address} has another simulator: {'; '.join(other)}; install the same there: {_pip(ours)}"
            )


def _pip(ours: dict[str, str]) -> str:
    pinned = " ".join(f"{name}=={ours[name]}" for name in ("numpy", "numba", "simpy"))
    return f"pip install 'margo-conformance[scale]=={ours['margo-conformance']}' {pinned}"
