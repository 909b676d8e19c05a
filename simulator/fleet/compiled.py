"""The compiled engine: device by device where none influences another, else everything in order of (time, device).

In order: time is cut into windows; what lies in a window is sorted, and what devices do again within it waits in a
binary heap. What happens is the business of `device_model`, `agent_model` and `wfm_model`.
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
from simulator.fleet.description import Fleet
from simulator.fleet.plan import DEVICE, TALKS, World, clear, copy_of, merge, plan_of
from simulator.fleet.views import context_of

CHUNK = 16_384
DEVICE_BITS = 27
"""Of a key's 63; the rest leaves room for windows of 19 hours."""
DEVICE_MASK = (1 << DEVICE_BITS) - 1
FEW = 512
"""How many are to be sorted at once."""
RECORD = DEVICE.itemsize
LINE = 64
SOON = 12
"""How many devices ahead a record is fetched into the cache."""
COMPILED = ("agent_model", "compiled", "device_model", "model", "plan", "views", "wfm_model")
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


@njit(cache=True)
def _part(times: Any, begin: Any, end: Any, counts: Any) -> Any:
    """Set `counts` to where each slot of the time until `end` begins. Gives how many times lie there, slots a time."""
    slots = counts.shape[0] - 1
    per = slots / (end - begin)
    counts[:] = 0
    for k in range(times.shape[0]):
        if times[k] < end:
            counts[np.uint64((times[k] - begin) * per) + np.uint64(1)] += 1
    for s in range(1, slots + 1):
        counts[s] += counts[s - 1]
    return counts[slots], per


@njit(cache=True)
def _put_in_order(keys: Any, room: Any) -> None:
    """Sort the few keys of a slot, in `room` that stays in the cache: into narrow slots, then within each."""
    size = keys.shape[0]
    copy, counts = room
    first, last = keys.min(), keys.max()
    per = min(size, counts.shape[0] - 1) / (last - first + 1)
    if size > copy.shape[0]:
        keys.sort()
        return
    counts[:] = 0
    for k in range(size):
        copy[k] = keys[k]
        counts[np.uint64((keys[k] - first) * per) + np.uint64(1)] += 1
    for s in range(1, counts.shape[0]):
        counts[s] += counts[s - 1]
    for k in range(size):
        slot = np.uint64((copy[k] - first) * per)
        keys[counts[slot]] = copy[k]
        counts[slot] += 1
    for k in range(1, size):
        key = keys[k]
        at = k
        while at > 0 and keys[at - 1] > key:
            keys[at] = keys[at - 1]
            at -= 1
        keys[at] = key


@njit(cache=True)
def _sorted_window(ahead: Any, begin: Any, end: Any, keys: Any, room: Any) -> Any:
    """Fill `keys` with what lies before `end`, in order. Gives how many there are, and how many of `ahead` are left.

    A key is the time since `begin` and the device, so that one comparison orders both.
    """
    times, who = ahead
    slots, few = room
    size, per = _part(times, begin, end, slots)
    left = 0
    for k in range(times.shape[0]):
        t, i = times[k], who[k]
        if t < end:
            slot = np.uint64((t - begin) * per)
            keys[slots[slot]] = (t - begin) << DEVICE_BITS | i
            slots[slot] += 1
        else:
            times[left], who[left] = t, i
            left += 1
    first = 0
    for s in range(slots.shape[0] - 1):
        if slots[s] - first > 1:
            _put_in_order(keys[first : slots[s]], few)
        first = slots[s]
    return size, left


@njit(cache=True, nogil=True)
def _together(context: Any, devices: Any, begin: Any, end: Any, scratch: Any) -> None:
    """Everything from `begin` until `end` in order of (time, device)."""
    w = context[0]
    times, who, keys, again, again_who, room = scratch
    size, left = _sorted_window((times, who), begin, end, keys, room)
    records = devices.ctypes.data
    k = heaped = 0
    while k < size or heaped > 0:
        t = begin + (keys[k] >> DEVICE_BITS) if k < size else end
        i = keys[k] & DEVICE_MASK if k < size else 0
        if heaped > 0 and (again[0] < t or (again[0] == t and again_who[0] < i)):
            i = again_who[0]
            _pop(again, again_who, heaped)
            heaped -= 1
        else:
            if k + SOON < size:
                views.prefetch(records + (keys[k + SOON] & DEVICE_MASK) * RECORD)
            k += 1
        d = devices[i]
        if not (d.quiet and device_model.poll_once(w, d)):
            device_model.step(w, d)
        if d.at < end:
            _push(again, again_who, heaped, d.at, i)
            heaped += 1
        else:
            times[left], who[left] = d.at, i
            left += 1


@njit(cache=True)
def _set_up(context: Any, devices: Any) -> None:
    for i in range(devices.shape[0]):
        device_model.start(context[0], devices[i], i)


def simulate(world: World, *, threads: int = 2, progress: Progress = lambda _: None, keep: bool = False) -> Any:
    """Run the fleet; the counts are in `world` afterwards. Gives the devices' last records when they are kept."""
    ready(in_order=bool(world.fixed[0]["in_order"]))
    if world.fixed[0]["in_order"]:
        return _in_order(world, progress)
    total = int(world.fixed[0]["devices"])
    if keep or total <= CHUNK:
        devices = np.zeros(total, DEVICE)
        context, _arrays = context_of(world, 0)
        _alone(context, devices, 0)
        progress(1.0)
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
        _set_up(context, nobody)
        _together(context, nobody, 0, 1, _scratch(nobody))
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
    """Add what threads have counted so far, so that it can be told how many events there were."""
    for part in own:
        merge(world, part)
        clear(part)


def _in_threads(world: World, total: int, threads: int, progress: Progress) -> None:
    own = [copy_of(world) for _ in range(threads)]
    contexts = [context_of(part, 0) for part in own]  # with the arrays that they point at
    room = [np.zeros(CHUNK, DEVICE) for _ in range(threads)]

    def some(thread: int, first: int) -> None:
        _alone(contexts[thread][0], room[thread][: min(CHUNK, total - first)], first)

    try:
        with ThreadPoolExecutor(threads) as pool:
            for first in range(0, total, CHUNK * threads):
                starts = range(first, min(first + CHUNK * threads, total), CHUNK)
                list(pool.map(some, range(threads), starts))
                _count(world, own)
                progress(min(1.0, (first + CHUNK * threads) / total))
    finally:  # what was counted before an interruption counts
        _count(world, own)


def _aligned(count: int) -> Any:
    """Records that begin where cache lines do."""
    room = np.zeros(count * RECORD + LINE, np.uint8)
    first = -room.ctypes.data % LINE
    return room[first : first + count * RECORD].view(DEVICE)


def _scratch(devices: Any) -> tuple[Any, ...]:
    """What is ahead, beside the records (when, who), in any order; and room for a window: keys, a heap, slots."""
    many = len(devices)
    ahead = devices["at"].copy(), np.arange(many, dtype=np.int32)
    heap = np.zeros(many, np.int64), np.zeros(many, np.int64)
    room = np.zeros(many // FEW + 2, np.int32), (np.zeros(4 * FEW, np.int64), np.zeros(FEW + 1, np.int32))
    return *ahead, np.zeros(many, np.int64), *heap, room


def _in_order(world: World, progress: Progress) -> Any:
    fixed = world.fixed[0]
    devices = _aligned(int(fixed["devices"]))
    context, _arrays = context_of(world, int(min(fixed["queue_limit"], TALKS * len(devices))))
    _set_up(context, devices)
    scratch = _scratch(devices)
    duration, window = int(fixed["duration"]), int(fixed["window"])
    for begin in range(0, duration, window):
        end = min(begin + window, duration)
        _together(context, devices, begin, end, scratch)
        progress(end / duration)
    return devices
