"""The compiled engine: device by device where none influences another, else everything in order of (time, device).

In order: time is cut into windows; what lies in a window is sorted, and what devices do again within it waits in a
binary heap. The WFM's queue needs no events of its own: first come, first served means that a request's start is known
when it arrives.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import njit

from simulator.fleet import model
from simulator.fleet.description import Fleet
from simulator.fleet.plan import DEVICE, World, clear, copy_of, merge

CHUNK = 16_384
Progress = Callable[[float], None]


@njit(cache=True, nogil=True)
def _alone(w: Any, devices: Any, first: Any) -> None:
    """The whole lives of some devices, one after the other."""
    for i in range(devices.shape[0]):
        d = devices[i]
        model.start(w, d, first + i)
        calm = w.cohorts[d.cohort].calm != 0 and w.trace.shape[0] == 0
        while d.at < w.fixed[0].duration:
            if calm and d.phase == model.POLL and d.adopted == d.wanted and d.off == 0 and d.tries == 0:
                model.poll_on(w, d)
                if d.at >= w.fixed[0].duration:
                    break
            if model.begin(w, d) == model.REQUEST:
                model.answered(w, d, d.at + d.service)


@njit(cache=True)
def _admit(queue: Any, limit: Any, t: Any, service: Any) -> Any:
    """When a request that arrives at `t` is done; -1 if too many wait. `queue`: servers, starts of those waiting."""
    free, starts, where = queue
    while where[1] > 0 and starts[where[0]] <= t:
        where[0] = (where[0] + 1) % starts.shape[0]
        where[1] -= 1
    begins = max(t, free[0])
    if begins > t:
        if where[1] >= limit:
            return -1
        starts[(where[0] + where[1]) % starts.shape[0]] = begins
        where[1] += 1
    done = begins + service
    at = 0
    while 2 * at + 1 < free.shape[0]:  # the server that is free first stays on top
        below = 2 * at + 1
        if below + 1 < free.shape[0] and free[below + 1] < free[below]:
            below += 1
        if free[below] >= done:
            break
        free[at] = free[below]
        at = below
    free[at] = done
    return done


@njit(cache=True)
def _push(times: Any, who: Any, size: Any, t: Any, i: Any) -> None:
    at = size
    while at > 0:
        above = (at - 1) // 2
        if times[above] < t or (times[above] == t and who[above] < i):
            break
        times[at], who[at] = times[above], who[above]
        at = above
    times[at], who[at] = t, i


@njit(cache=True)
def _pop(times: Any, who: Any, size: Any) -> None:
    """Take away the first of `size`."""
    size -= 1
    t, i = times[size], who[size]
    at = 0
    while 2 * at + 1 < size:
        k = 2 * at + 1
        if k + 1 < size and (times[k + 1] < times[k] or (times[k + 1] == times[k] and who[k + 1] < who[k])):
            k += 1
        if times[k] > t or (times[k] == t and who[k] > i):
            break
        times[at], who[at] = times[k], who[k]
        at = k
    times[at], who[at] = t, i


@njit(cache=True)
def _sorted_window(devices: Any, begin: Any, end: Any, times: Any, who: Any) -> Any:
    """Fill `times` and `who` with what lies before `end`, in order: into narrow slots, then sorted within each."""
    n = devices.shape[0]
    slots = n // 4 + 1
    per = slots / (end - begin)
    counts = np.zeros(slots + 1, np.int64)
    for i in range(n):
        if devices[i].at < end:
            counts[int((devices[i].at - begin) * per) + 1] += 1
    for s in range(slots):
        counts[s + 1] += counts[s]
    size = counts[slots]
    for i in range(n):
        t = devices[i].at
        if t < end:
            s = int((t - begin) * per)
            times[counts[s]], who[counts[s]] = t, i
            counts[s] += 1
    for k in range(1, size):
        t, i = times[k], who[k]
        at = k
        while at > 0 and (times[at - 1] > t or (times[at - 1] == t and who[at - 1] > i)):
            times[at], who[at] = times[at - 1], who[at - 1]
            at -= 1
        times[at], who[at] = t, i
    return size


@njit(cache=True)
def _turn(w: Any, d: Any, queue: Any) -> None:
    if model.begin(w, d) != model.REQUEST:
        return
    t = d.at
    done = t + d.service
    if w.fixed[0].servers > 0:
        done = _admit(queue, w.fixed[0].queue_limit, t, d.service)
        at = np.int64(t * w.fixed[0].per_us)
        w.waiting[at] = max(w.waiting[at], queue[2][1])
    if done < 0:
        model.refused(w, d, t)
    else:
        model.answered(w, d, done)


@njit(cache=True, nogil=True)
def _together(w: Any, devices: Any, queue: Any, begin: Any, end: Any, scratch: Any) -> None:
    """Everything from `begin` until `end` in order of (time, device)."""
    times, who, again, again_who = scratch
    size = _sorted_window(devices, begin, end, times, who)
    k = heaped = 0
    while k < size or heaped > 0:
        from_heap = heaped > 0 and (
            k == size or again[0] < times[k] or (again[0] == times[k] and again_who[0] < who[k])
        )
        if from_heap:
            i = again_who[0]
            _pop(again, again_who, heaped)
            heaped -= 1
        else:
            i = who[k]
            k += 1
        d = devices[i]
        _turn(w, d, queue)
        if d.at < end:
            _push(again, again_who, heaped, d.at, i)
            heaped += 1


@njit(cache=True)
def _set_up(w: Any, devices: Any) -> None:
    for i in range(devices.shape[0]):
        model.start(w, devices[i], i)


def simulate(world: World, *, threads: int = 2, progress: Progress = lambda _: None, keep: bool = False) -> Any:
    """Run the fleet; the counts are in `world` afterwards. Gives the devices' last records when they are kept."""
    if world.fixed[0]["in_order"]:
        return _in_order(world, progress)
    total = int(world.fixed[0]["devices"])
    if keep or total <= CHUNK:
        devices = np.zeros(total, DEVICE)
        _alone(world, devices, 0)
        progress(1.0)
        return devices
    _in_threads(world, total, threads, progress)
    return None


def simulate_range(_fleet: Fleet, world: World, devices: range) -> None:
    """Run some devices of a fleet in which none influences another; the counts are in `world` afterwards."""
    room = np.zeros(min(CHUNK, len(devices)), DEVICE)
    for first in range(devices.start, devices.stop, CHUNK):
        _alone(world, room[: min(CHUNK, devices.stop - first)], first)


def prepare(world: World) -> None:
    """Have the engine compiled, or loaded from numba's cache, without running the fleet."""
    idle = copy_of(world)
    idle.fixed[0]["duration"] = 0
    nobody = np.zeros(1, DEVICE)
    if world.fixed[0]["in_order"]:
        _set_up(idle, nobody)
        _together(idle, nobody, _queue(world, 1), 0, 1, tuple(np.zeros(1, np.int64) for _ in range(4)))
    else:
        _alone(idle, nobody, 0)


def _queue(world: World, devices: int) -> tuple[Any, Any, Any]:
    room = int(min(world.fixed[0]["queue_limit"], devices)) + 1
    servers = max(1, int(world.fixed[0]["servers"]))
    return (np.zeros(servers, np.int64), np.zeros(room, np.int64), np.zeros(2, np.int64))


def _in_threads(world: World, total: int, threads: int, progress: Progress) -> None:
    own = [copy_of(world) for _ in range(threads)]
    room = [np.zeros(CHUNK, DEVICE) for _ in range(threads)]

    def some(thread: int, first: int) -> None:
        _alone(own[thread], room[thread][: min(CHUNK, total - first)], first)

    with ThreadPoolExecutor(threads) as pool:
        for first in range(0, total, CHUNK * threads):
            starts = range(first, min(first + CHUNK * threads, total), CHUNK)
            list(pool.map(some, range(threads), starts))
            for part in own:  # now and not in the end: so that it can be told how many events there were
                merge(world, part)
                clear(part)
            progress(min(1.0, (first + CHUNK * threads) / total))


def _in_order(world: World, progress: Progress) -> Any:
    fixed = world.fixed[0]
    devices = np.zeros(int(fixed["devices"]), DEVICE)
    _set_up(world, devices)
    scratch = tuple(np.zeros(len(devices), np.int64) for _ in range(4))
    queue = _queue(world, len(devices))
    duration, window = int(fixed["duration"]), int(fixed["window"])
    for begin in range(0, duration, window):
        end = min(begin + window, duration)
        _together(world, devices, queue, begin, end, scratch)
        progress(end / duration)
    return devices
