"""The SimPy engine: the same model, one SimPy process for each device, and a WFM with a queue of its own.

Slow and easy to follow, it is what the compiled engine is held against: nothing here looks ahead, sorts or calculates
when a server will be free. What is due at the same microsecond happens in the order of devices, after what the WFM
finishes then.
"""

from collections import deque
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import simpy

from simulator.fleet import model
from simulator.fleet.description import Fleet
from simulator.fleet.plan import DEVICE, World, copy_of

FINISHED = -1
"""Priority of what the WFM finishes, before any device's."""


class _Due(simpy.Event):
    """An event at a time in microseconds; `priority` orders those of the same time."""

    def __init__(self, env: simpy.Environment, at: int, priority: int) -> None:
        super().__init__(env)
        self._ok, self._value = True, None
        env.schedule(self, priority, at - env.now)  # type: ignore[arg-type] # any number orders


class Wfm:
    """Servers and a queue: first come, first served; more than `limit` waiting are turned away."""

    def __init__(self, env: simpy.Environment, world: World) -> None:
        self._env, self._world = env, world
        fixed = world.fixed[0]
        self._per_us = float(fixed["per_us"])
        self._unbounded = int(fixed["servers"]) == 0
        self._free, self._limit = int(fixed["servers"]), int(fixed["queue_limit"])
        self._queue: deque[simpy.Event] = deque()

    def serve(self, service: int) -> Generator[simpy.Event, Any, bool]:
        """Wait for a server and its work; False at once if too many wait."""
        if not self._unbounded and not self._free:
            if len(self._queue) >= self._limit:
                self._count()
                return False
            turn = self._env.event()
            self._queue.append(turn)
            self._count()
            yield turn
        elif not self._unbounded:
            self._free -= 1
        yield _Due(self._env, int(self._env.now) + service, FINISHED)
        if self._queue:
            following = self._queue.popleft()
            following._ok, following._value = True, None  # noqa: SLF001 - succeed() would order it after devices
            self._env.schedule(following, FINISHED)  # type: ignore[arg-type]
        elif not self._unbounded:
            self._free += 1
        return True

    def _count(self) -> None:
        at = int(int(self._env.now) * self._per_us)
        self._world.waiting[at] = max(self._world.waiting[at], len(self._queue))


def _life(env: simpy.Environment, w: World, d: Any, wfm: Wfm) -> Generator[simpy.Event, Any, None]:
    duration, number = int(w.fixed[0]["duration"]), int(d["number"])
    while (at := int(d["at"])) < duration:
        yield _Due(env, at, number)
        if model.begin(w, d) != model.REQUEST:
            continue
        if (yield from wfm.serve(int(d["service"]))):
            model.answered(w, d, int(env.now))
        else:
            model.refused(w, d, at)


def prepare(world: World) -> None:
    """Have the model compiled, or loaded from numba's cache."""
    idle = copy_of(world)
    device = np.zeros(1, DEVICE)[0]
    model.start(idle, device, 0)
    model.begin(idle, device)
    device["kind"] = model.UNCHANGED
    model.answered(idle, device, 0)
    model.refused(idle, device, 0)


def simulate_range(_fleet: Fleet, world: World, devices: range) -> None:
    """Run some devices of a fleet in which none influences another; the counts are in `world` afterwards."""
    _run(world, devices, lambda _: None)


def simulate(world: World, *, progress: Callable[[float], None] = lambda _: None) -> Any:
    """Run the fleet; the counts are in `world` afterwards. Gives the devices' last records."""
    return _run(world, range(int(world.fixed[0]["devices"])), progress)


def _run(world: World, numbers: range, progress: Callable[[float], None]) -> Any:
    devices = np.zeros(len(numbers), DEVICE)
    env = simpy.Environment(0)
    wfm = Wfm(env, world)
    for device, number in zip(devices, numbers, strict=True):
        model.start(world, device, number)
        env.process(_life(env, world, device, wfm))
    duration = int(world.fixed[0]["duration"])
    for part in range(1, 101):
        env.run(until=duration * part // 100)
        progress(part / 100)
    env.run()  # what the WFM is still at
    return devices
