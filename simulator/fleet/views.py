"""The arrays of a fleet as compiled functions see them: made from addresses in one record.

Handing the arrays themselves from function to function would have numba count references to each of them at every
call, which costs more than all the rest. Whoever makes a context keeps the arrays alive as long as it is used.
"""

import mmap
from contextlib import suppress
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.numpy_support import carray

from simulator.fleet.plan import COHORT, FIXED, OUTAGE, RESTORE, REVISION, ROLLOUT, WAVE, World

LINE = 64
"""Bytes of a cache line."""
I64, F64 = np.dtype(np.int64), np.dtype(np.float64)
QUEUE = ("line", "early", "starts", "where")
ARRAYS = tuple(name for name in World._fields if name != "fixed") + QUEUE
CONTEXT = np.dtype(FIXED.descr + [(name, np.int64) for name in ARRAYS] + [(f"n_{name}", np.int64) for name in ARRAYS])


def context_of(world: World, waiting: int) -> tuple[Any, Any]:
    """The record for a fleet whose WFM's queue has room for so many; and what it points at, to be kept."""
    servers = max(1, int(world.fixed[0]["servers"]))
    queue = tuple(np.zeros(count, np.int64) for count in (servers, servers, waiting + 1, 4))
    context = np.zeros(1, CONTEXT)
    for name in FIXED.names or ():
        context[name] = world.fixed[name]
    kept = {**world._asdict(), **dict(zip(QUEUE, queue, strict=True))}
    for name in ARRAYS:
        if not kept[name].flags.c_contiguous:
            raise ValueError(f"{name}: expected an array that is contiguous")
        context[name], context[f"n_{name}"] = kept[name].ctypes.data, kept[name].shape[-1 if kept[name].ndim > 1 else 0]
    context["n_trace"] = len(world.trace)
    return context, kept


def aligned(count: int, kind: Any) -> Any:
    """Zeros that begin where cache lines do, on huge pages where the system has them: they are visited at random."""
    size = max(1, count * kind.itemsize)
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return np.frombuffer(mmap.mmap(-1, size), kind, count)
    room = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # a kernel that was built without them
        room.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(room, kind, count)


def _to_pointer(_typing: Any, address: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate


def _to_prefetch(_typing: Any, address: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        number, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        function = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
            builder.module, kind, "llvm.prefetch.p0"
        )
        to_write, keep, data = number(1), number(3), number(1)
        builder.call(function, [builder.inttoptr(arguments[0], pointer), to_write, keep, data])
        return _context.get_dummy_value()

    return types.void(address), generate


pointer: Any = intrinsic(_to_pointer)
"""What `carray` takes for an address."""
prefetch: Any = intrinsic(_to_prefetch)
"""Have the cache line at an address fetched while something else is done."""


@njit(cache=True)
def cohorts(w: Any) -> Any:
    """Records of `plan.COHORT`."""
    return carray(pointer(w.cohorts), (w.n_cohorts,), COHORT)


@njit(cache=True)
def outages(w: Any) -> Any:
    """Records of `plan.OUTAGE`."""
    return carray(pointer(w.outages), (w.n_outages,), OUTAGE)


@njit(cache=True)
def rollouts(w: Any) -> Any:
    """Records of `plan.ROLLOUT`."""
    return carray(pointer(w.rollouts), (w.n_rollouts,), ROLLOUT)


@njit(cache=True)
def waves(w: Any) -> Any:
    """Records of `plan.WAVE`."""
    return carray(pointer(w.waves), (w.n_waves,), WAVE)


@njit(cache=True)
def revisions(w: Any) -> Any:
    """Records of `plan.REVISION`."""
    return carray(pointer(w.revisions), (w.n_revisions,), REVISION)


@njit(cache=True)
def restores(w: Any) -> Any:
    """Records of `plan.RESTORE`."""
    return carray(pointer(w.restores), (w.n_restores,), RESTORE)


@njit(cache=True)
def constant(w: Any) -> Any:
    """Values of rows that never vary."""
    return carray(pointer(w.constant), (w.n_constant,), I64)


@njit(cache=True)
def sizes(w: Any) -> Any:
    """Bytes by kind."""
    return carray(pointer(w.sizes), (w.n_sizes,), I64)


@njit(cache=True)
def waiting(w: Any) -> Any:
    """The longest queue by time."""
    return carray(pointer(w.waiting), (w.n_waiting,), I64)


@njit(cache=True)
def marks(w: Any) -> Any:
    """Lines in the trace, pauses."""
    return carray(pointer(w.marks), (w.n_marks,), I64)


@njit(cache=True)
def line(w: Any) -> Any:
    """When servers are free, in order."""
    return carray(pointer(w.line), (w.n_line,), I64)


@njit(cache=True)
def early(w: Any) -> Any:
    """When the other servers are free."""
    return carray(pointer(w.early), (w.n_early,), I64)


@njit(cache=True)
def starts(w: Any) -> Any:
    """When those waiting begin."""
    return carray(pointer(w.starts), (w.n_starts,), I64)


@njit(cache=True)
def where(w: Any) -> Any:
    """Places in these (see `servers`)."""
    return carray(pointer(w.where), (w.n_where,), I64)


@njit(cache=True)
def tables(w: Any) -> Any:
    """Quantiles."""
    return carray(pointer(w.tables), (1 << 30, w.n_tables), F64)


@njit(cache=True)
def rates(w: Any) -> Any:
    """Requests by outcome and time."""
    return carray(pointer(w.rates), (1 << 30, w.n_rates), I64)


@njit(cache=True)
def adopted(w: Any) -> Any:
    """Adoptions by wave and time."""
    return carray(pointer(w.adopted), (1 << 30, w.n_adopted), I64)


@njit(cache=True)
def tally(w: Any) -> Any:
    """Counts by cohort."""
    return carray(pointer(w.tally), (1 << 30, w.n_tally), I64)


@njit(cache=True)
def results(w: Any) -> Any:
    """By rollout: succeeded, failed, paused at + 1."""
    return carray(pointer(w.results), (1 << 30, w.n_results), I64)


@njit(cache=True)
def trace(w: Any) -> Any:
    """Device, n, time, outcome, done."""
    return carray(pointer(w.trace), (w.n_trace, 5), I64)
