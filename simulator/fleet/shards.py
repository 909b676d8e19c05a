"""One simulation cut into ranges of devices, which processes on this machine or on others carry out.

What a device does follows from the fleet and the device's number alone, as long as devices do not influence each other.
So the counts of the ranges, added up, are those of the whole fleet, however it is cut and whoever carries it out: a
range that was lost with its worker is simply carried out again. Fleets whose devices do influence each other are
refused, since their ranges would not add up to the truth.
"""

import resource
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from simulator.fleet import compiled, simpy_engine
from simulator.fleet.description import Fleet
from simulator.fleet.plan import COUNTED, Array, World, copy_of

ENGINES = {"compiled": compiled.simulate_range, "simpy": simpy_engine.simulate_range}
PER_WORKER = 8
"""Ranges for each worker: enough for a bar that moves, workers of unequal speed, and a lost one that costs little."""


class Coupled(ValueError):
    """Devices of the fleet influence each other: says by what, and what to change."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What one range gave: the counts by their names in `World`, and what the process used, in MiB."""

    counts: dict[str, Array]
    rss_mib: float


@dataclass(slots=True)
class Outcome:
    """How it went: ranges that are missing, workers that were lost, and the largest worker in MiB."""

    ranges: int
    workers: int
    missing: list[range] = field(default_factory=list)
    lost_workers: int = 0
    rss_mib: float = 0.0
    interrupted: bool = False

    def to_plain(self) -> dict[str, Any]:
        """Everything as JSON values; devices from the first to the last of each missing range."""
        return {
            "workers": self.workers,
            "ranges": self.ranges,
            "lost_workers": self.lost_workers,
            "interrupted": self.interrupted,
            "missing_devices": [[part.start, part.stop - 1] for part in joined(self.missing)],
            "worker_peak_rss_mb": round(self.rss_mib, 1),
        }


class Pool(Protocol):
    """Who carries ranges out."""

    @property
    def workers(self) -> int:
        """How many there are."""
        ...

    def lost(self) -> int:
        """How many of them are gone."""
        ...

    def run(self, fleet: Fleet, world: World, engine: str, ranges: Sequence[range]) -> Iterable[tuple[int, Counts]]:
        """Carry ranges out in any order; gives the position of each with its counts. What is not given is missing."""
        ...


class Here:
    """This process, one range after the other."""

    workers = 1

    def lost(self) -> int:
        """None is: it would be this one."""
        return 0

    def run(self, fleet: Fleet, world: World, engine: str, ranges: Sequence[range]) -> Iterable[tuple[int, Counts]]:
        """Carry ranges out."""
        for position, devices in enumerate(ranges):
            yield position, carry_out(fleet, world, engine, devices)


def carry_out(fleet: Fleet, world: World, engine: str, devices: range) -> Counts:
    """Carry one range out, in the process of whoever does it."""
    own = copy_of(World(*(np.array(part) for part in world)))  # what came over a network may be read-only
    ENGINES[engine](fleet, own, devices)
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Counts({name: getattr(own, name) for name in COUNTED}, rss)


def cut(devices: int, pieces: int) -> list[range]:
    """Cut device numbers into ranges that differ by at most one in length; none is empty."""
    pieces = max(1, min(pieces, devices))
    edges = [devices * piece // pieces for piece in range(pieces + 1)]
    return [range(first, last) for first, last in pairwise(edges)]


def joined(ranges: Iterable[range]) -> list[range]:
    """The same devices in as few ranges as possible, in order."""
    whole: list[range] = []
    for part in sorted(ranges, key=lambda part: part.start):
        if whole and whole[-1].stop == part.start:
            whole[-1] = range(whole[-1].start, part.stop)
        else:
            whole.append(part)
    return whole


def check_independent(fleet: Fleet, world: World) -> None:
    """See that no device influences another. Raises Coupled."""
    causes = []
    if fleet.wfm.servers is not None:
        causes.append("wfm.servers (requests wait for each other: leave it out for as many servers as needed)")
    causes += [
        f"rollouts.{n}.pause (the results of all devices decide together: leave it out)"
        for n, rollout in enumerate(fleet.rollouts)
        if rollout.pause
    ]
    if world.fixed[0]["in_order"] and not causes:
        causes.append("something in the description")
    if causes:
        raise Coupled(f"devices influence each other through {'; '.join(causes)}")


def simulate(
    fleet: Fleet,
    world: World,
    pool: Pool,
    *,
    engine: str = "compiled",
    pieces: int | None = None,
    progress: Callable[[float], object] = lambda _: None,
) -> Outcome:
    """Run a fleet in ranges; the counts are in `world` afterwards, those of missing ranges left out.

    Ctrl-C ends it early and in order. The fleet has to be one that `check_independent` lets pass.
    """
    ranges = cut(int(world.fixed[0]["devices"]), pieces or pool.workers * PER_WORKER)
    outcome = Outcome(len(ranges), pool.workers)
    waiting = dict(enumerate(ranges))
    done = 0
    try:
        for position, part in pool.run(fleet, world, engine, ranges):
            devices = waiting.pop(position)
            for name, counts in part.counts.items():
                getattr(world, name)[...] += counts
            outcome.rss_mib = max(outcome.rss_mib, part.rss_mib)
            done += len(devices)
            progress(done / ranges[-1].stop)
    except KeyboardInterrupt:
        outcome.interrupted = True
    outcome.lost_workers = pool.lost()
    outcome.missing = list(waiting.values())
    return outcome
