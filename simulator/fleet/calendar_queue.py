"""A calendar queue: which device is called next, in order of (time, device), without a look at those called later.

Time is cut into slots as wide as a power of two of microseconds, some hundred entries each. Whoever is to be called is
written into the slot of that time, in any order; a slot is sorted when its time has come. A slot is a chain of blocks;
blocks that were read are the next to be written, while they are still in the cache. What lies further ahead than there
are slots, or after the end, waits in a chain of its own, which is gone through twice a round.

An entry (`ENTRY`) has all that an unchanged poll needs, so that a device at rest is polled without its record, which
would have to come from memory. Errors: none.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

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
FEW = 512
"""How many entries a slot is meant to have."""
NARROW_BITS = 10
"""A slot is sorted in so many (2 to the power of it) narrow slots first."""
CROWD = 64
"""More than so many in one narrow slot are not sorted by insertion."""
NUMBER_BITS = 27
"""Of a sorting key's 63; the rest is the time since a slot began."""
SLOTS = 4096
"""At most."""
NOW, FREE = range(2)


class Calendar(NamedTuple):
    """What is ahead.

    `entries`: the blocks' entries; `links`: the block before each block, or the next that is free, -1 for none;
    `tails`: where each slot's next entry comes, at last that of the chain of what is far; `limits`: bits of a slot's
    width, slots - 1, the end of time; `state`: the number of the slot since time began, the first free block;
    `called`: the entries of that slot in order, and room for one more; `chances`: the same; `counts`: for sorting.
    """

    entries: Any
    links: Any
    tails: Any
    limits: Any
    state: Any
    called: Any
    chances: Any
    counts: Any


def calendar_of(devices: int, distance: float, again: tuple[int, int], end: int) -> Calendar:
    """Room for so many, until `end`: as a rule one is called after `distance`, and comes `again` after least to most.

    All in microseconds. Slots are short enough that hardly anyone comes again within one.
    """
    shortest, longest = again
    bits = min(max(int(min(FEW * distance, shortest / 8)), 1).bit_length() - 1, 62 - NUMBER_BITS)
    slots = min(1 << ((longest >> bits) + 2).bit_length(), SLOTS)
    blocks = devices // BLOCK + slots + 4
    links = np.arange(1, blocks + 1, dtype=np.int32)
    links[-1] = -1
    return Calendar(
        entries=views.aligned(blocks * BLOCK, ENTRY),
        links=links,
        tails=np.zeros(slots + 1, np.int64),
        limits=np.array([bits, slots - 1, end]),
        state=np.zeros(2, np.int64),
        called=views.aligned(devices + 64, ENTRY),
        chances=views.aligned(devices + 64, CHANCE),
        counts=np.zeros((1 << NARROW_BITS) + 1, np.int32),
    )


@njit(cache=True, forceinline=True)
def place(q: Any, at: Any) -> Any:
    """Where the entry of someone who is called at `at`, after this slot, is to be written."""
    slot = at >> q.limits[0]
    if slot - q.state[NOW] <= q.limits[1] and at < q.limits[2]:
        slot &= q.limits[1]
    else:
        slot = q.limits[1] + 1
    where = q.tails[slot]
    if where % BLOCK == 0:  # the block is full, or there is none
        block = q.state[FREE]
        q.state[FREE], q.links[block] = q.links[block], where // BLOCK - 1
        where = np.int64(block) * BLOCK
    q.tails[slot] = where + 1
    return where


@njit(cache=True)
def next_to_fetch(q: Any) -> Any:
    """Where the last line of the next slot's entries ends; 0 if there are none."""
    return q.tails[(q.state[NOW] + 1) & q.limits[1]]


@njit(cache=True, forceinline=True)
def fetch_before(q: Any, end: Any) -> Any:
    """Have the line of entries that ends there fetched into the cache. Gives where the line before it ends."""
    start = (end - 1) // LINE * LINE
    views.prefetch(q.entries.ctypes.data + start * ENTRY_BYTES)
    return start if start % BLOCK != 0 else (np.int64(q.links[start // BLOCK]) + 1) * BLOCK


@njit(cache=True)
def _give_back(q: Any, block: Any) -> Any:
    """The block is free. Gives where the block before it ends."""
    before = q.links[block]
    q.links[block], q.state[FREE] = q.state[FREE], block
    return (np.int64(before) + 1) * BLOCK


@njit(cache=True)
def _look_far(q: Any) -> None:
    """Write what has come near into its slot."""
    far = q.limits[1] + 1
    end = q.tails[far]
    q.tails[far] = 0
    while end > 0:
        block = (end - 1) // BLOCK
        for k in range(block * BLOCK, end):
            q.entries[place(q, q.entries[k].at)] = q.entries[k]
        end = _give_back(q, block)


@njit(cache=True)
def call(q: Any, number: Any) -> Any:
    """Go on to the next slot, which has this number. Take its entries, in order, into `called`; gives how many."""
    q.state[NOW] = number
    if number & (q.limits[1] >> 1) == 0:
        _look_far(q)
    slot, start = number & q.limits[1], number << q.limits[0]
    narrow = max(q.limits[0] - NARROW_BITS, 0)
    _count(q, slot, start, narrow)
    end = q.tails[slot]
    q.tails[slot] = 0
    while end > 0:
        block = (end - 1) // BLOCK
        for k in range(block * BLOCK, end):
            part = (q.entries[k].at - start) >> narrow
            q.called[q.counts[part]] = q.entries[k]
            q.counts[part] += 1
        end = _give_back(q, block)
    _put_in_order(q, start)
    return np.int64(q.counts[-1])


@njit(cache=True)
def left(q: Any) -> Any:
    """Take what is far, in any order, into `called`; gives how many. In the end that is everybody."""
    end, size = q.tails[-1], 0
    q.tails[-1] = 0
    while end > 0:
        block = (end - 1) // BLOCK
        for k in range(block * BLOCK, end):
            q.called[size] = q.entries[k]
            size += 1
        end = _give_back(q, block)
    return size


@njit(cache=True)
def _count(q: Any, slot: Any, start: Any, narrow: Any) -> None:
    """Set `counts` to where each narrow slot begins."""
    counts, end = q.counts, q.tails[slot]
    counts[:] = 0
    while end > 0:
        block = (end - 1) // BLOCK
        for k in range(block * BLOCK, end):
            counts[((q.entries[k].at - start) >> narrow) + 1] += 1
        end = (np.int64(q.links[block]) + 1) * BLOCK
    for part in range(1, counts.shape[0]):
        counts[part] += counts[part - 1]


@njit(cache=True)
def _after(a: Any, b: Any) -> Any:
    return a.at > b.at or (a.at == b.at and a.number > b.number)


@njit(cache=True)
def _put_in_order(q: Any, start: Any) -> None:
    """Sort what lies in narrow slots already."""
    called, size, spare = q.called, q.counts[-1], q.called.shape[0] - 1
    if size > 4 * FEW:
        _sort_crowds(q, start)
    for k in range(1, size):
        if _after(called[k - 1], called[k]):
            called[spare] = called[k]
            at = k
            while at > 0 and _after(called[at - 1], called[spare]):
                called[at] = called[at - 1]
                at -= 1
            called[at] = called[spare]


@njit(cache=True)
def _sort_crowds(q: Any, start: Any) -> None:
    first = 0
    for part in range(q.counts.shape[0] - 1):
        last = q.counts[part]
        if last - first > CROWD:
            crowd = q.called[first:last]
            crowd[:] = crowd[np.argsort((crowd["at"] - start) << NUMBER_BITS | crowd["number"])]
        first = last
