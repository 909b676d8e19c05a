"""A calendar queue: which device is called next, in order of (time, device), without a look at those called later.

Time is cut into slots as wide as a power of two of microseconds, some hundred entries each. Whoever is to be called is
written into the slot of that time, in any order; a slot is sorted when its time has come. A slot is a chain of blocks;
blocks that were read are the next to be written, while they are still in the cache. What lies further ahead than there
are slots, or after the end, waits in a chain of its own, which is gone through twice a round.

An entry (`ENTRY`) has all that an unchanged poll needs, so that a device at rest is polled without its record, which
would have to come from memory. Errors: none.
"""

from typing import Any

import numpy as np
from numba import njit
from numba.np.numpy_support import carray

from simulator.fleet import views

ENTRY = np.dtype(
    [(name, np.int64) for name in ("at", "until")]
    + [(name, np.int32) for name in ("number", "draws", "requests")]
    + [(name, np.int16) for name in ("cohort", "epoch")]
)
"""Device `number` is called at `at`. It is at rest until `until`, and what its polls change is kept here."""
CHANCE = np.dtype([("back", np.int64), ("wait", np.float64), ("lost", np.int64)])
"""What chance has in store for the next poll of a device at rest."""
AWAKE = 0
"""`until` of a device that is not at rest."""
ENTRY_BYTES = ENTRY.itemsize
LINE = 64 // ENTRY_BYTES
"""Entries of a cache line."""
BLOCK = 16
"""Entries of a block."""
FEW = 768
"""How many entries a slot is meant to have."""
NARROW_BITS = 9
"""A slot is sorted in so many (2 to the power of it) narrow slots first."""
PARTS = 1 << NARROW_BITS
CROWD = 64
"""More than so many in one narrow slot are not sorted by insertion."""
NUMBER_BITS = 27
"""Of a sorting key's 63; the rest is the time since a slot began."""
SLOTS = 4096
"""At most."""
I32, I64 = np.dtype(np.int32), np.dtype(np.int64)


ARRAYS = ("entries", "links", "tails", "called", "chances", "counts")
CALENDAR = np.dtype([(name, np.int64) for name in ("bits", "mask", "longest", "end", "now", "free", "spare", *ARRAYS)])
"""Bits of a slot's width, number of slots - 1, the longest time until somebody comes again as a rule, the end of time;
the number of the slot since time began, the first free block, the last of `called`, which is for nobody; and where the
arrays are (see `views` for why).

`entries`: the blocks' entries; `links`: the block before each block, or the next that is free, -1 for none; `tails`:
where each slot's next entry comes, at last that of the chain of what is far; `called`: this slot's entries in order;
`chances`: theirs; `counts`: for sorting.
"""


def calendar_of(devices: int, distance: float, again: tuple[int, int], end: int) -> tuple[Any, dict[str, Any]]:
    """Room for so many, until `end`: as a rule one is called after `distance`, and comes `again` after least to most.

    All in microseconds. Nobody may come again within a slot, so slots are much shorter than the least. Gives one record
    (`CALENDAR`) and the arrays that it points at, to be kept.
    """
    shortest, longest = again
    bits = min(max(int(min(FEW * distance, shortest / 8)), 1).bit_length() - 1, 62 - NUMBER_BITS)
    slots = min(1 << ((longest >> bits) + 2).bit_length(), SLOTS)
    blocks = devices // BLOCK + slots + 4
    arrays = {
        "entries": views.aligned(blocks * BLOCK, ENTRY),
        "links": np.arange(1, blocks + 1, dtype=np.int32),
        "tails": np.zeros(slots + 1, np.int64),
        "called": views.aligned(devices + 64, ENTRY),
        "chances": views.aligned(devices + 64, CHANCE),
        "counts": np.zeros(PARTS + 1, np.int32),
    }
    arrays["links"][-1] = -1
    fixed = (bits, slots - 1, longest, end, 0, 0, devices + 63)
    return np.array([(*fixed, *(arrays[name].ctypes.data for name in ARRAYS))], CALENDAR), arrays


@njit(cache=True)
def entries(q: Any) -> Any:
    """Records of `ENTRY`."""
    return carray(views.pointer(q.entries), (1 << 40,), ENTRY)


@njit(cache=True)
def links(q: Any) -> Any:
    """Numbers of blocks by block."""
    return carray(views.pointer(q.links), (1 << 40,), I32)


@njit(cache=True)
def tails(q: Any) -> Any:
    """Positions by slot."""
    return carray(views.pointer(q.tails), (1 << 40,), I64)


@njit(cache=True)
def called(q: Any) -> Any:
    """Records of `ENTRY`."""
    return carray(views.pointer(q.called), (1 << 40,), ENTRY)


@njit(cache=True)
def chances(q: Any) -> Any:
    """Records of `CHANCE`."""
    return carray(views.pointer(q.chances), (1 << 40,), CHANCE)


@njit(cache=True)
def counts(q: Any) -> Any:
    """Positions by narrow slot."""
    return carray(views.pointer(q.counts), (PARTS + 1,), I32)


@njit(cache=True, forceinline=True)
def place(q: Any, at: Any) -> Any:
    """Where the entry of someone who is called at `at`, after this slot, is to be written."""
    slot = at >> q.bits
    if slot - q.now <= q.mask and at < q.end:
        slot &= q.mask
    else:
        slot = q.mask + 1
    where = tails(q)[slot]
    if where % BLOCK == 0:  # the block is full, or there is none
        block = q.free
        q.free, links(q)[block] = links(q)[block], where // BLOCK - 1
        where = np.int64(block) * BLOCK
    tails(q)[slot] = where + 1
    return where


@njit(cache=True)
def next_to_fetch(q: Any) -> Any:
    """Where the last line of the next slot's entries ends; 0 if there are none."""
    return tails(q)[(q.now + 1) & q.mask]


@njit(cache=True, forceinline=True)
def fetch_before(q: Any, end: Any) -> Any:
    """Have the line of entries that ends there fetched into the cache. Gives where the line before it ends."""
    start = (end - 1) // LINE * LINE
    views.prefetch(q.entries + start * ENTRY_BYTES)
    if start % BLOCK == 0:
        start = (np.int64(links(q)[start // BLOCK]) + 1) * BLOCK
        views.prefetch(q.links + (start // BLOCK - 1) * 4)
    return start


@njit(cache=True)
def _give_back(q: Any, block: Any) -> Any:
    """The block is free. Gives where the block before it ends."""
    before = links(q)[block]
    links(q)[block], q.free = q.free, block
    return (np.int64(before) + 1) * BLOCK


@njit(cache=True)
def _look_far(q: Any) -> None:
    """Write what has come near into its slot."""
    far = q.mask + 1
    end = tails(q)[far]
    tails(q)[far] = 0
    while end > 0:
        block = (end - 1) // BLOCK
        for k in range(block * BLOCK, end):
            entries(q)[place(q, entries(q)[k].at)] = entries(q)[k]
        end = _give_back(q, block)


@njit(cache=True)
def call(q: Any, number: Any) -> Any:
    """Go on to the next slot, which has this number. Take its entries, in order, into `called`; gives how many."""
    q.now = number
    if number & (q.mask >> 1) == 0:
        _look_far(q)
    slot, start = number & q.mask, number << q.bits
    if tails(q)[slot] == 0:
        return np.int64(0)
    narrow = max(q.bits - NARROW_BITS, 0)
    _count(q, slot, start, narrow)
    end = tails(q)[slot]
    tails(q)[slot] = 0
    while end > 0:
        block = (end - 1) // BLOCK
        for k in range(block * BLOCK, end):
            part = (entries(q)[k].at - start) >> narrow
            called(q)[counts(q)[part]] = entries(q)[k]
            counts(q)[part] += 1
        end = _give_back(q, block)
    _put_in_order(q, start)
    return np.int64(counts(q)[PARTS])


@njit(cache=True)
def left(q: Any) -> Any:
    """Take what is far, in any order, into `called`; gives how many. In the end that is everybody."""
    end, size = tails(q)[q.mask + 1], 0
    tails(q)[q.mask + 1] = 0
    while end > 0:
        block = (end - 1) // BLOCK
        for k in range(block * BLOCK, end):
            called(q)[size] = entries(q)[k]
            size += 1
        end = _give_back(q, block)
    return size


@njit(cache=True)
def _count(q: Any, slot: Any, start: Any, narrow: Any) -> None:
    """Set `counts` to where each narrow slot begins."""
    begins, end = counts(q), tails(q)[slot]
    begins[:] = 0
    while end > 0:
        block = (end - 1) // BLOCK
        for k in range(block * BLOCK, end):
            begins[((entries(q)[k].at - start) >> narrow) + 1] += 1
        end = (np.int64(links(q)[block]) + 1) * BLOCK
    for part in range(1, PARTS + 1):
        begins[part] += begins[part - 1]


@njit(cache=True)
def _after(a: Any, b: Any) -> Any:
    return a.at > b.at or (a.at == b.at and a.number > b.number)


@njit(cache=True)
def _put_in_order(q: Any, start: Any) -> None:
    """Sort what lies in narrow slots already."""
    now, size, spare = called(q), counts(q)[PARTS], q.spare
    if size > 4 * FEW:
        _sort_crowds(q, start)
    for k in range(1, size):
        if _after(now[k - 1], now[k]):
            now[spare] = now[k]
            at = k
            while at > 0 and _after(now[at - 1], now[spare]):
                now[at] = now[at - 1]
                at -= 1
            now[at] = now[spare]


@njit(cache=True)
def _sort_crowds(q: Any, start: Any) -> None:
    first = 0
    for part in range(PARTS):
        last = counts(q)[part]
        if last - first > CROWD:
            crowd = called(q)[first:last]
            crowd[:] = crowd[np.argsort((crowd["at"] - start) << NUMBER_BITS | crowd["number"])]
        first = last
