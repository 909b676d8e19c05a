"""The modelled WFM's servers and their queue: first come, first served, without an event of their own.

When each server will be free is kept in two parts: `line`, a ring in ascending order, and `early`, a heap of those that
came out earlier than the last of the line. Where requests take alike the next to be free is the first of the line, and
who is put to work becomes its last: the time for that does not grow with the number of servers, as a heap's does.

In every function `w` is a `views.CONTEXT`. Errors: none.
"""

from typing import Any

from numba import njit

from simulator.fleet import views

WAIT_FIRST, WAITING, LINE_FIRST, EARLY = range(4)
"""In `where`: the ring of those waiting begins there, and has so many; the line begins there; the heap has so many."""


@njit(cache=True)
def waiting_now(w: Any) -> Any:
    """How many waited when somebody came last."""
    return views.where(w)[WAITING]


@njit(cache=True, forceinline=True)
def admit(w: Any, t: Any, service: Any) -> Any:
    """When a request that arrives at `t`, and not before the last one, is done; -1 if too many wait."""
    line, early, where = views.line(w), views.early(w), views.where(w)
    size, first = line.shape[0] - where[EARLY], where[LINE_FIRST]
    free, from_line = line[first], True
    if free > t and where[EARLY] > 0 and early[0] < free:
        free, from_line = early[0], False
    begins = max(t, free)
    if not _may_begin(w, t, begins):
        return -1
    done = begins + service
    last = _in_ring(line, first + size - 1)
    if from_line:
        where[LINE_FIRST] = _in_ring(line, first + 1)
        if done < line[last]:
            _lift(early, where[EARLY], done)
            where[EARLY] += 1
            return done
    elif done < line[last]:
        _sink(early, where[EARLY], done)
        return done
    else:
        where[EARLY] -= 1
        _sink(early, where[EARLY], early[where[EARLY]])
    line[_in_ring(line, last + 1)] = done
    return done


@njit(cache=True, forceinline=True)
def _in_ring(ring: Any, at: Any) -> Any:
    return at if at < ring.shape[0] else at - ring.shape[0]


@njit(cache=True, forceinline=True)
def _may_begin(w: Any, t: Any, begins: Any) -> Any:
    """Whether there is room to wait from `t` until then; who has begun meanwhile waits no longer."""
    starts, where = views.starts(w), views.where(w)
    while where[WAITING] > 0 and starts[where[WAIT_FIRST]] <= t:
        where[WAIT_FIRST] = _in_ring(starts, where[WAIT_FIRST] + 1)
        where[WAITING] -= 1
    if begins > t:
        if where[WAITING] >= w.queue_limit:
            return False
        starts[_in_ring(starts, where[WAIT_FIRST] + where[WAITING])] = begins
        where[WAITING] += 1
    return True


@njit(cache=True)
def _lift(heap: Any, size: Any, value: Any) -> None:
    """Add it to a heap of so many."""
    at = size
    while at > 0 and heap[(at - 1) // 2] > value:
        heap[at] = heap[(at - 1) // 2]
        at = (at - 1) // 2
    heap[at] = value


@njit(cache=True)
def _sink(heap: Any, size: Any, value: Any) -> None:
    """Put it in the place of the first of a heap that has so many afterwards."""
    at = 0
    while 2 * at + 1 < size:
        below = 2 * at + 1
        if below + 1 < size and heap[below + 1] < heap[below]:
            below += 1
        if heap[below] >= value:
            break
        heap[at] = heap[below]
        at = below
    heap[at] = value
