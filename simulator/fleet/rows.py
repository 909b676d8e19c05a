"""The state of devices as rows of arrays, for the compiled engine, and what all engines count.

Row columns mirror the agent core's attributes; the comment names them where the name alone does not.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.fleet.layout import CAUSES, CLASSES, OUTBOX, SLOTS
from simulator.fleet.plan import MAX_COHORTS, MAX_ROLLOUTS, Floats, Plan

DEVICE: Final = 0
COHORT: Final = 1
PLACE: Final = 2  # site
UP: Final = 3
READY: Final = 4
OFFLINE: Final = 5
RECONCILED: Final = 6
SETTLED: Final = 7
KEPT_OLD: Final = 8
OFFER: Final = 9  # manifest that is being fetched, or -1
VERSION: Final = 10
ACCEPTED: Final = 11  # accepted_etag, as manifest
ETAG: Final = 12
GOAL: Final = 13  # content, -1: no deployment
WORK_VERSION: Final = 14
HELD: Final = 15
HELD_VERSION: Final = 16
CAUSE: Final = 17
WRAPPED: Final = 18  # the fault says "update failed, ... runs on"
RESTORING: Final = 19  # phase is restore
RETRIES: Final = 20
REPORTED: Final = 21
OUT: Final = 22  # reports in the outbox
N_AGENT: Final = 23
N_REQUEST: Final = 24
N_OPERATION: Final = 25
N_OTHER: Final = 26
SERVED: Final = 27  # manifest that the WFM has for the device
SEEN_LOG: Final = 28  # log entries of the WFM that were looked at for it
SITE_NEXT: Final = 29
COUNTED: Final = 30  # rollout * 4 + 1 installed + 2 failed, for the gate
CONVERGED: Final = 31  # newest version that was whole
QUIET: Final = 32
PART: Final = 33
SEEN: Final = 37
OP_CONTENT: Final = 41
OP_RESULT: Final = 45
FAILS: Final = 49
BUSY: Final = 53
BROKEN: Final = 57
WAITING: Final = 61
STATE: Final = 65  # status of the answer under way; 0: none will come
ANSWERED: Final = 69  # manifest in the answer to a poll
WAVE: Final = 70  # of the rollout that is served
NUMBER: Final = 71  # of the request under way
BOX: Final = 75
INTS: Final = BOX + OUTBOX + 1

LAST_DELAY: Final = 0
NOT_BEFORE: Final = 4
HALF: Final = 8
SENT: Final = 12
CALM: Final = 16
FLOATS: Final = 17

PENDING_PART: Final = 0
INSTALLING_PART: Final = 1
INSTALLED_PART: Final = 2
FAILED_PART: Final = 3

COARSE: Final = 1440
"""Bins over time of everything but requests."""
LATENCY_BUCKETS: Final = 160
"""Eight for each octave, from 2^-10 s on."""


ROW = np.dtype([("t", "f8", (SLOTS,)), ("f", "f8", (FLOATS,)), ("i", "i4", (INTS,))])
"""The state of one device."""
MAX_BINS = 86_402
MAX_TRACE = 3_000_000
MAX_WAVES = 60
TALLIES = np.dtype(
    [
        ("settings", "f8", (3,)),
        ("room", "i8", (1,)),
        ("requests", "i4", (CLASSES, MAX_BINS)),
        ("totals", "i8", (MAX_COHORTS, CLASSES)),
        ("converged", "i4", (MAX_ROLLOUTS, MAX_WAVES, COARSE)),
        ("failed", "i4", (MAX_ROLLOUTS, COARSE)),
        ("causes", "i8", (MAX_COHORTS, CAUSES)),
        ("events", "i8", (5,)),
        ("queue", "i8", (COARSE,)),
        ("busy", "f8", (COARSE,)),
        ("latency", "i8", (COARSE, LATENCY_BUCKETS)),
        ("trace_n", "i8", (1,)),
        ("trace_f", "f8", (MAX_TRACE, 2)),
        ("trace_i", "i8", (MAX_TRACE, 5)),
    ]
)
"""What engines count, for compiled code; memory that is never touched is never used."""


class Tallies(NamedTuple):
    """What engines count: the same as views. `settings`: bins and coarse bins per second, whether latency counts."""

    settings: Floats
    room: NDArray[np.int64]
    requests: NDArray[np.int32]  # (CLASSES, bins)
    totals: NDArray[np.int64]  # (C, CLASSES)
    converged: NDArray[np.int32]  # (rollouts, waves, COARSE)
    failed: NDArray[np.int32]  # (rollouts, COARSE)
    causes: NDArray[np.int64]  # (C, CAUSES)
    events: NDArray[np.int64]  # reboots, power cuts, drifts, refused manifests, settled
    queue: NDArray[np.int64]  # (COARSE,) longest queue
    busy: Floats  # (COARSE,) seconds of service
    latency: NDArray[np.int64]  # (COARSE, LATENCY_BUCKETS)
    trace_n: NDArray[np.int64]
    trace_f: Floats  # (n, 2)
    trace_i: NDArray[np.int64]  # (n, 5)


EVENT_NAMES: Final = ("reboots", "power-cuts", "drifts", "manifests-refused", "settled")


def new_tallies(plan: Plan, trace: int = 0) -> Any:
    """Tallies of nothing, as a record; with room for so many trace records."""
    record = np.zeros(1, TALLIES)
    record["settings"][0] = 1.0 / plan.bin_s, COARSE / plan.numbers.end, float(plan.coupled)
    record["room"][0] = min(trace, MAX_TRACE)
    return record[0]


def tallies_of(plan: Plan, record: Any) -> Tallies:
    """The used part of a record."""
    cohorts, rollouts = len(plan.cohort_names), max(1, len(plan.rollout_names))
    waves, traced = max(plan.wave_counts, default=1), min(int(record["trace_n"][0]), int(record["room"][0]))
    used = {
        "requests": (slice(None), slice(0, plan.bins)),
        "totals": slice(0, cohorts),
        "causes": slice(0, cohorts),
        "converged": (slice(0, rollouts), slice(0, waves)),
        "failed": slice(0, rollouts),
        "trace_f": slice(0, traced),
        "trace_i": slice(0, traced),
    }
    return Tallies(**{name: record[name][used.get(name, ...)] for name in Tallies._fields})


def merge(parts: list[Tallies]) -> Tallies:
    """The sum of tallies of disjoint sets of devices; queues take the longest; traces are put one after the other."""
    first = parts[0]
    for other in parts[1:]:
        for name in ("requests", "totals", "converged", "failed", "causes", "events", "busy", "latency"):
            np.add(getattr(first, name), getattr(other, name), out=getattr(first, name))
        np.maximum(first.queue, other.queue, out=first.queue)
    return first._replace(
        trace_n=np.array([sum(int(part.trace_n[0]) for part in parts)]),
        trace_f=np.concatenate([part.trace_f for part in parts]),
        trace_i=np.concatenate([part.trace_i for part in parts]),
    )
