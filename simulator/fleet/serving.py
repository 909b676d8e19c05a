"""The WFM as a model: who is served which manifest, queue and limits, and rollouts that stop; compiled.

`simulator.fleet.reference` has the same model in Python, for the SimPy engine.
"""

from typing import Any

import numpy as np

from simulator.fleet.layout import R_WAVE, RESTORE, ROLLBACK, W_BURST, W_RATE
from simulator.fleet.machine import Model, State, compiled, uniform
from simulator.fleet.plan import MAX_ROLLOUTS, Floats, Plan, events_of
from simulator.fleet.rows import BOX, COHORT, COUNTED, DEVICE, SEEN_LOG, SERVED, WAVE

K_APP = 5


MAX_LOG = 600
MAX_EVENTS = 120_000
MAX_RING = 1_000_002
MAX_SERVERS = 4096
LOG = np.dtype(
    [("n", "i8", (1,)), ("at", "f8", (MAX_LOG,)), ("share", "f8", (MAX_LOG, 2)), ("what", "i8", (MAX_LOG, 5))]
)
"""What was published so far: `n` entries; columns of `what` are kind, rollout, wave, cohorts, manifest."""
SCHEDULE = np.dtype(
    [
        ("next", "i8", (1,)),
        ("at", "f8", (MAX_EVENTS,)),
        ("share", "f8", (MAX_EVENTS, 2)),
        ("what", "i8", (MAX_EVENTS, 5)),
        ("rules", "f8", (MAX_ROLLOUTS, 2)),
        ("state", "i8", (MAX_ROLLOUTS, 5)),
        ("high", "f8", (MAX_ROLLOUTS,)),
    ]
)
"""What will be published or checked, in order of time, and how far that is.

Columns of `what`: -1 for a check, else the kind; rollout, wave, cohorts, manifest. `rules` per rollout: threshold,
minimum; `state` per rollout: halted, installed, failed, rollback manifest, cohorts reached; `high`: the part reached.
"""
SERVER = np.dtype(
    [("free", "f8", (MAX_SERVERS,)), ("ring", "f8", (MAX_RING,)), ("n", "i8", (2,)), ("bucket", "f8", (2,))]
)
"""The queue: `free` is a heap of the times at which servers are free, `ring` holds starts that lie ahead."""
Log = Any
Schedule = Any
Server = Any


def new_log() -> Log:
    """An empty log."""
    log = np.zeros(1, LOG)
    log["at"] = np.inf
    return log[0]


def new_server(plan: Plan) -> Server:
    """A server that has done nothing yet."""
    server = np.zeros(1, SERVER)
    server["bucket"][0] = plan.numbers.wfm[W_BURST], 0.0
    return server[0]


def new_schedule(plan: Plan) -> Schedule:
    """The events of the WFM as a record."""
    schedule = np.zeros(1, SCHEDULE)
    schedule["at"] = np.inf
    events = events_of(plan)
    if events:
        schedule["at"][0, : len(events)] = [event.at for event in events]
        schedule["share"][0, : len(events)] = [(event.low, event.high) for event in events]
        schedule["what"][0, : len(events)] = [event[4:] for event in events]
    schedule["rules"] = 1.0
    for rollout, gate in enumerate(plan.gates):
        schedule["state"][0, rollout, 3] = gate.rollback
        schedule["rules"][0, rollout] = gate.threshold, gate.minimum
    return schedule[0]


@compiled
def check(p: Schedule, log: Log, rollout: int, at: float) -> None:
    """Stop a rollout whose failure rate is too high, and roll it back where that is wanted."""
    installed, failed = p.state[rollout, 1], p.state[rollout, 2]
    n = installed + failed
    if p.state[rollout, 0] or p.rules[rollout, 0] >= 1.0 or n == 0 or n < p.rules[rollout, 1]:
        return
    if failed / n <= p.rules[rollout, 0]:
        return
    p.state[rollout, 0] = 1
    if p.state[rollout, 3] >= 0:
        append(log, at, ROLLBACK, rollout, 0, p.state[rollout, 4], p.state[rollout, 3], 0.0, p.high[rollout])


@compiled
def append(
    log: Log, at: float, kind: int, rollout: int, wave: int, cohorts: int, manifest: int, low: float, high: float
) -> None:
    n = log.n[0]
    log.at[n] = at
    log.share[n, 0] = low
    log.share[n, 1] = high
    log.what[n, 0] = kind
    log.what[n, 1] = rollout
    log.what[n, 2] = wave
    log.what[n, 3] = cohorts
    log.what[n, 4] = manifest
    log.n[0] = n + 1


@compiled
def advance_clock(p: Schedule, log: Log, now: float) -> None:
    """Publish and check what is due."""
    while p.at[p.next[0]] <= now:
        e = p.next[0]
        p.next[0] = e + 1
        kind, rollout = p.what[e, 0], p.what[e, 1]
        if kind == -1:
            check(p, log, rollout, p.at[e])
        elif kind == RESTORE:
            entries = 0
            while entries < log.n[0] and log.at[entries] <= p.share[e, 0]:
                entries += 1
            append(log, p.at[e], RESTORE, -1, 0, 0, entries, 0.0, 0.0)
        else:
            check(p, log, rollout, p.at[e])
            if not p.state[rollout, 0]:
                p.high[rollout] = max(p.high[rollout], p.share[e, 1])
                p.state[rollout, 4] |= p.what[e, 3]
                append(
                    log,
                    p.at[e],
                    kind,
                    rollout,
                    p.what[e, 2],
                    p.what[e, 3],
                    p.what[e, 4],
                    p.share[e, 0],
                    p.share[e, 1],
                )


@compiled
def applies(m: Model, log: Log, e: int, s: State) -> bool:
    cohort = s.i[COHORT]
    if m.app_of[m.contents[log.what[e, 4]]] != m.kinds[cohort, K_APP] or not (log.what[e, 3] >> cohort) & 1:
        return False
    u = uniform(m.seed, s.i[DEVICE], R_WAVE, log.what[e, 1])
    return log.share[e, 0] <= u < log.share[e, 1]


@compiled
def look_at_log(m: Model, log: Log, s: State, now: float) -> None:
    """Bring the manifest that is served to a device up to date."""
    while s.i[SEEN_LOG] < log.n[0] and log.at[s.i[SEEN_LOG]] <= now:
        e = s.i[SEEN_LOG]
        s.i[SEEN_LOG] = e + 1
        if log.what[e, 0] == RESTORE:
            s.i[SERVED] = m.kinds[s.i[COHORT], K_APP]
            for former in range(log.what[e, 4]):
                if log.what[former, 0] != RESTORE and applies(m, log, former, s):
                    s.i[SERVED] = log.what[former, 4]
        elif applies(m, log, e, s):
            s.i[SERVED] = log.what[e, 4]
            s.i[WAVE] = log.what[e, 2]


@compiled
def note_report(m: Model, p: Schedule, s: State) -> None:
    """Count a device as installed or failed for the rollout it is served, once each."""
    served = s.i[SERVED]
    rollout = m.rollouts[served]
    if rollout < 0 or not m.gated[rollout]:
        return
    code = s.i[BOX]
    failed, installed = False, True
    for part in range(m.components[m.contents[served]]):
        state = (code >> (2 * part)) & 3
        failed |= state == 3
        installed &= state == 2
    current = (code >> 12) == m.versions[served]
    if s.i[COUNTED] >> 2 != rollout + 1:
        s.i[COUNTED] = (rollout + 1) << 2
    if failed and (current or (code >> 11) & 1) and not s.i[COUNTED] & 2:
        s.i[COUNTED] |= 2
        p.state[rollout, 2] += 1
    if installed and current and not s.i[COUNTED] & 1:
        s.i[COUNTED] |= 1
        p.state[rollout, 1] += 1


@compiled
def is_down(m: Model, at: float) -> bool:
    for w in range(m.downs):
        if m.down[w, 0] <= at < m.down[w, 1]:
            return True
    return False


@compiled
def limited(m: Model, w: Server, at: float) -> bool:
    """Take a token, if there is one."""
    rate = m.wfm[W_RATE]
    if rate <= 0.0:
        return False
    w.bucket[0] = min(m.wfm[W_BURST], w.bucket[0] + (at - w.bucket[1]) * rate)
    w.bucket[1] = at
    if w.bucket[0] < 1.0:
        return True
    w.bucket[0] -= 1.0
    return False


@compiled
def enqueue(m: Model, w: Server, at: float, service: float) -> float:
    """When a request is done; negative when the queue is full."""
    room = m.queue_limit + 2
    while w.n[1] > 0 and w.ring[w.n[0]] <= at:
        w.n[0] = w.n[0] + 1 if w.n[0] + 1 < room else 0
        w.n[1] -= 1
    begin = max(at, w.free[0])
    if begin > at:
        if w.n[1] >= m.queue_limit:
            return -1.0
        place = w.n[0] + w.n[1]
        w.ring[place if place < room else place - room] = begin
        w.n[1] += 1
    done = begin + service
    sift(w.free, m.servers, done)
    return done


@compiled
def sift(heap: Floats, n: int, value: float) -> None:
    """Replace the smallest value of a heap."""
    at = 0
    while True:
        child = 2 * at + 1
        if child >= n:
            break
        if child + 1 < n and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = value
