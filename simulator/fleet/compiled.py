"""The compiled engine: device by device where none influences another, else everything in order of (time, device).

In order: a calendar queue tells who is next; what devices do again within one of its slots waits in a binary heap.
What happens is the business of `device_model`, `agent_model` and `wfm_model`.
"""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from simulator.fleet import device_model, views
from simulator.fleet.calendar_queue import (
    AWAKE,
    calendar_of,
    call,
    called,
    chances,
    entries,
    fetch_before,
    left,
    next_to_fetch,
    place,
)
from simulator.fleet.description import Fleet
from simulator.fleet.plan import COUNTED, DEVICE, US, World, copy_of, plan_of
from simulator.fleet.views import context_of

CHUNK = 16_384
RECORD = DEVICE.itemsize
SOON = 12
"""How many devices ahead a record is fetched into the cache."""
COMPILED = (
    "agent_model",
    "agent_pace",
    "calendar_queue",
    "compiled",
    "device_model",
    "model",
    "plan",
    "servers",
    "views",
    "wfm_model",
)
"""The modules that are compiled, or whose layouts are compiled in."""
Progress = Callable[[float], None]


@njit(cache=True, nogil=True)
def _alone(context: Any, devices: Any, first: Any) -> None:
    """The whole lives of some devices, one after the other."""
    w = context[0]
    duration, traced = w.duration, w.n_trace > 0
    for i in range(devices.shape[0]):
        d = devices[i]
        device_model.start(w, d, first + i)
        while d.at < duration:
            if d.quiet and not traced and d.off == 0 and d.wanted == d.etag and d.epoch == views.marks(w)[1]:
                device_model.poll_on(w, d)
                if d.at >= duration:
                    break
            device_model.step(w, d)


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


@njit(cache=True, nogil=True)
def _together(context: Any, devices: Any, calendar: Any, slots: Any, heap: Any) -> None:
    """Everything in some slots of the calendar, in order of (time, device)."""
    for slot in range(slots[0], slots[1]):
        _slot(context[0], devices, calendar[0], slot, heap)


@njit(cache=True)
def _slot(w: Any, devices: Any, q: Any, slot: Any, heap: Any) -> None:
    times, who = heap
    records = devices.ctypes.data  # an array that was handed on would have its references counted every time
    end = min((slot + 1) << q.bits, w.duration)
    size = call(q, slot)
    _foresee(w, q, size)
    following = next_to_fetch(q)
    k = heaped = 0
    while k < size or heaped > 0:
        if following > 0:
            following = fetch_before(q, following)
        at = k
        e = called(q)[k]
        if heaped > 0 and (k == size or times[0] < e.at or (times[0] == e.at and who[0] < e.number)):
            at = q.spare
            e = called(q)[at]
            e.number, e.until = who[0], AWAKE
            _pop(times, who, heaped)
            heaped -= 1
        else:
            k += 1
            _fetch_record(records, called(q)[k + SOON], q.longest)
        d = devices[e.number]
        again = _happens(w, d, e, chances(q)[at])
        if again > 0:
            device_model.rest_on(w, e, again, entries(q)[place(q, again)])
        elif d.at < end:
            _push(times, who, heaped, d.at, d.number)
            heaped += 1
        else:
            e = entries(q)[place(q, d.at)]
            e.at, e.until, e.number = d.at, AWAKE, d.number


@njit(cache=True, forceinline=True)
def _fetch_record(records: Any, e: Any, longest: Any) -> None:
    """Have it fetched into the cache if it will be needed: by one that is awake, or gets up before it polls again."""
    if e.until - e.at < longest:
        for line in range(RECORD // views.LINE):
            views.prefetch(records + e.number * RECORD + line * views.LINE)


@njit(cache=True)
def _foresee(w: Any, q: Any, size: Any) -> None:
    """In a loop of its own the processor can do for several devices at once."""
    for k in range(size):
        if called(q)[k].until != AWAKE:
            device_model.foresee(w, called(q)[k], chances(q)[k])


@njit(cache=True, forceinline=True)
def _happens(w: Any, d: Any, e: Any, chance: Any) -> Any:
    """Do what a device is called for. When it polls again at rest; if 0, its record tells when it is called."""
    if e.until == AWAKE or e.epoch != views.marks(w)[1]:
        if e.until != AWAKE:
            device_model.get_up(d, e)
        if not (d.quiet and device_model.lie_down(w, d, e)):
            device_model.step(w, d)
            return np.int64(0)
        device_model.foresee(w, e, chance)
    return device_model.poll_at_rest(w, d, e, chance)


@njit(cache=True)
def _set_up(context: Any, devices: Any, calendar: Any) -> None:
    q = calendar[0]
    for i in range(devices.shape[0]):
        device_model.start(context[0], devices[i], i)
        e = entries(q)[place(q, devices[i].at)]
        e.at, e.until, e.number = devices[i].at, AWAKE, i


@njit(cache=True)
def _get_all_up(devices: Any, calendar: Any) -> None:
    q = calendar[0]
    for k in range(left(q)):
        e = called(q)[k]
        if e.until != AWAKE:
            device_model.get_up(devices[e.number], e)


def simulate(world: World, *, threads: int = 2, progress: Progress = lambda _: None, keep: bool = False) -> Any:
    """Run the fleet; the counts are in `world` afterwards. Gives the devices' last records when they are kept.

    `progress` hears the part that is done: of the time when devices are run in order, else of the devices. When the run
    is interrupted, it hears last of all what the counts are of.
    """
    ready(in_order=bool(world.fixed[0]["in_order"]))
    if world.fixed[0]["in_order"]:
        return _in_order(world, progress)
    total = int(world.fixed[0]["devices"])
    if keep or total <= CHUNK:
        devices = np.zeros(total, DEVICE)
        context, _arrays = context_of(world, 0)
        try:
            _alone(context, devices, 0)
        finally:  # it is never interrupted itself
            progress(np.count_nonzero(devices["at"] >= int(world.fixed[0]["duration"])) / total)
        return devices
    _in_threads(world, total, threads, progress)
    return None


def simulate_range(_fleet: Fleet, world: World, devices: range) -> None:
    """Run some devices of a fleet in which none influences another; the counts are in `world` afterwards."""
    ready(in_order=False)
    context, _arrays = context_of(world, 0)
    room = np.zeros(min(CHUNK, len(devices)), DEVICE)
    for first in range(devices.start, devices.stop, CHUNK):
        _alone(context, room[: min(CHUNK, devices.stop - first)], first)


def prepare(world: World) -> None:
    """Have the engine compiled, or loaded from numba's cache, without running the fleet."""
    in_order = bool(world.fixed[0]["in_order"])
    ready(in_order=in_order)
    _load(copy_of(world), in_order=in_order)


def _load(idle: World, *, in_order: bool) -> None:
    idle.fixed[0]["duration"] = 0
    nobody = np.zeros(1, DEVICE)
    context, _arrays = context_of(idle, 0)
    if in_order:
        calendar, _parts, heap = _calendar(idle)
        _set_up(context, nobody, calendar)
        _together(context, nobody, calendar, (0, 0), heap)
        _get_all_up(nobody, calendar)
    else:
        _alone(context, nobody, 0)


@cache
def ready(*, in_order: bool) -> None:
    """Compile in a process of its own, unless this very code was compiled before.

    The compiler needs more memory than most fleets; and its cache does not notice that a function of another module
    was changed.
    """
    folder = getattr(getattr(_alone, "_cache", None), "cache_path", None)  # nothing else tells where numba keeps it
    if folder is None:
        return
    sources = sorted(Path(__file__).with_name(f"{name}.py") for name in COMPILED)
    mark = Path(folder) / f"fleet-{sha256(b''.join(file.read_bytes() for file in sources)).hexdigest()[:16]}"
    if not mark.with_suffix(f".{in_order}").exists():
        Path(folder).mkdir(parents=True, exist_ok=True)
        if not any(mark.parent.glob(f"{mark.name}.*")):
            for name in ("fleet-*", *(f"{name}.*.nb?" for name in COMPILED)):
                for file in mark.parent.glob(name):
                    file.unlink(missing_ok=True)
        code = f"from simulator.fleet import compiled; compiled.compile_now(in_order={in_order})"
        subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - nothing of it comes from outside
        mark.with_suffix(f".{in_order}").touch()


def compile_now(*, in_order: bool) -> None:
    """Fill numba's cache."""
    fleet = {"cohorts": [{"name": "a", "count": 1, "application": "a"}]}
    fleet["applications"] = [{"name": "a", "revisions": [{"name": "1"}]}]
    _load(plan_of(Fleet.model_validate(fleet)), in_order=in_order)


def _count(world: World, own: list[World]) -> None:
    """Put together what threads have counted so far, so that it can be told how many events there were.

    Done twice, as when it is interrupted, it gives the same.
    """
    for name in COUNTED:
        getattr(world, name)[...] = sum(getattr(part, name) for part in own)


def _in_threads(world: World, total: int, threads: int, progress: Progress) -> None:
    own = [copy_of(world) for _ in range(threads)]
    contexts = [context_of(part, 0) for part in own]  # with the arrays that they point at
    room = [np.zeros(CHUNK, DEVICE) for _ in range(threads)]
    done: list[int] = []

    def some(thread: int, first: int) -> None:
        devices = room[thread][: min(CHUNK, total - first)]
        _alone(contexts[thread][0], devices, first)
        done.append(len(devices))

    try:
        with ThreadPoolExecutor(threads) as pool:
            for first in range(0, total, CHUNK * threads):
                starts = range(first, min(first + CHUNK * threads, total), CHUNK)
                list(pool.map(some, range(threads), starts))
                _count(world, own)
                progress(sum(done) / total)
    finally:  # what was counted before an interruption counts; the threads have come to the end of what they began
        _count(world, own)
        progress(sum(done) / total)


def _calendar(world: World) -> tuple[Any, Any, tuple[Any, Any]]:
    """An empty calendar, what it points at, and a heap for those that are called once more within a slot."""
    fixed, cohorts = world.fixed[0], world.cohorts
    rate = (np.diff(cohorts["end"], prepend=0) / cohorts["period"]).sum()
    shortest = int((cohorts["period"] - cohorts["spread"] / 2).min() * US)
    longest = int((cohorts["period"] + cohorts["spread"] / 2).max() * US) + US
    many = int(fixed["devices"])
    calendar, arrays = calendar_of(many, US / rate, (shortest, longest), int(fixed["duration"]))
    return calendar, arrays, (np.zeros(many, np.int64), np.zeros(many, np.int64))


def _in_order(world: World, progress: Progress) -> Any:
    fixed = world.fixed[0]
    devices = views.aligned(int(fixed["devices"]), DEVICE)
    context, _arrays = context_of(world, int(fixed["queue_limit"]))
    calendar, _parts, heap = _calendar(world)
    _set_up(context, devices, calendar)
    bits, duration = int(calendar[0]["bits"]), int(fixed["duration"])
    slots, some = ((duration - 1) >> bits) + 1, max(1, int(fixed["window"]) >> bits)
    calendar[0]["now"] = -1  # no slot is done yet
    try:
        for first in range(0, slots, some):
            progress(min(1.0, (first << bits) / duration))
            _together(context, devices, calendar, (first, min(first + some, slots)), heap)
    finally:  # an interruption is noticed between slots only
        progress(min(1.0, (int(calendar[0]["now"]) + 1 << bits) / duration))
    _get_all_up(devices, calendar)
    return devices
