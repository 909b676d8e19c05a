"""The loops of the compiled engine.

Independent devices run one after the other, each to the end. Where devices meet in the WFM's queue, time goes in
windows: every request that is due in a window is known at its start or comes from one that is, so requests are sorted
by (time, device), and those that arise inside the window are merged from a heap. Both are exact, not approximate.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.fleet.layout import (
    C_JITTER,
    C_LOSS,
    C_PERIOD,
    C_TIMEOUT,
    C_XFER,
    K_RTT,
    POLL,
    R_AGENT,
    R_LOSS,
    R_RTT,
    R_SERVICE,
    TABLE_STEPS,
    UNCHANGED,
    W_BURST,
    W_RATE,
    WIRE,
)
from simulator.fleet.life import (
    advance_device,
    arrive,
    calm_until,
    create,
    note_latency,
    note_queue,
    quiet,
    service_time,
)
from simulator.fleet.machine import INF, Counts, Model, State, compiled, trace, travel, uniform
from simulator.fleet.plan import Floats
from simulator.fleet.rows import (
    CALM,
    COHORT,
    DEVICE,
    HALF,
    N_AGENT,
    N_REQUEST,
    NUMBER,
    QUIET,
    SEEN_LOG,
    SENT,
    SERVED,
)
from simulator.fleet.serving import Log, Schedule, Server, advance_clock, enqueue, limited

LARGE_BUCKET = 48


class Queue(NamedTuple):
    """Requests to come: `at` per device, the devices of a window in order, and a heap of (time, device)."""

    at: Floats
    order: NDArray[np.int32]
    heap_at: Floats
    heap: NDArray[np.int32]
    start: NDArray[np.int32]
    n: NDArray[np.int64]


# --- independent devices ------------------------------------------------------------------------------


@compiled
def run_independent(m: Model, s: State, c: Counts, w: Server, log: Log, p: Schedule, first: int, count: int) -> None:
    for device in range(first, first + count):
        create(m, s, device)
        while True:
            slot = advance_device(m, s, c)
            if slot < 0:
                break
            if slot == WIRE + POLL and quiet(m, s):
                until = calm_until(m, s)
                if s.i[SEEN_LOG] < log.n[0]:
                    until = min(until, log.at[s.i[SEEN_LOG]])
                if s.t[WIRE] < until:
                    poll_on(m, s, c, until)
                    slot = WIRE + POLL
            if s.t[slot] < m.end:
                arrive(m, s, c, w, log, p, slot - WIRE)


@compiled
def poll_on(m: Model, s: State, c: Counts, until: float) -> None:
    """The unchanged polls of one quiet device in a row; ends with a poll on its way that may be another."""
    cohort, device = s.i[COHORT], s.i[DEVICE]
    rtt, work = m.kinds[cohort, K_RTT], m.services[UNCHANGED]
    xfer, timeout = m.cohorts[cohort, C_XFER + UNCHANGED], m.cohorts[cohort, C_TIMEOUT]
    interval, jitter, loss = m.cohorts[cohort, C_PERIOD], m.cohorts[cohort, C_JITTER], m.cohorts[cohort, C_LOSS]
    constants = (m.seed, device, until, xfer, timeout, interval, jitter, loss, c.settings[0])
    before = s.i[N_REQUEST]
    seen = c.trace_n[0]
    s.t[WIRE], s.f[HALF], s.f[SENT], s.i[NUMBER], s.i[N_AGENT], s.i[N_REQUEST] = poll_row(
        constants,
        m.tables[rtt],
        m.tables[work],
        m.constant[rtt] > 0,
        m.constant[work] > 0,
        c.requests[UNCHANGED],
        (s.t[WIRE], s.f[HALF], s.f[SENT], s.i[NUMBER], s.i[N_AGENT], s.i[N_REQUEST]),
        c.trace_f[seen : c.room[0]],
    )
    done = s.i[N_REQUEST] - before
    c.totals[cohort, UNCHANGED] += done
    if c.room[0]:
        c.trace_n[0] += done
        for n in range(seen, min(seen + done, c.room[0])):
            c.trace_i[n, 0], c.trace_i[n, 1], c.trace_i[n, 2] = device, 0, POLL
            c.trace_i[n, 3], c.trace_i[n, 4] = UNCHANGED, s.i[SERVED]


@compiled
def quantile(table: Floats, u: float) -> float:
    """As `sample`, of one row."""
    x = u * TABLE_STEPS
    i = int(x)
    low = table[i]
    return low + (x - i) * (table[i + 1] - low)


@compiled
def poll_row(
    constants: Any,
    rtt: Floats,
    work: Floats,
    rtt_constant: bool,
    work_constant: bool,
    counts: NDArray[np.int32],
    start: Any,
    records: Floats,
) -> Any:
    """The innermost loop, with nothing at hand but what it needs: calls and memory are what costs."""
    seed, device, until, xfer, timeout, interval, jitter, loss, per_s = constants
    at, half, sent, number, asked, requests = start
    width, jumps, room, n = interval * jitter, jitter > 0.0, records.shape[0], 0
    fixed_half, fixed_work = 0.5 * rtt[0], work[0]
    while at < until:
        service = fixed_work if work_constant else quantile(work, uniform(seed, device, R_SERVICE, number))
        answer = at + service + (half + xfer)
        spread = width * (uniform(seed, device, R_AGENT, asked) - 0.5) if jumps else 0.0
        following = answer + (interval + spread)
        if answer > sent + timeout or following >= until:
            break
        if loss > 0.0 and uniform(seed, device, R_LOSS, requests) < loss:
            break
        counts[int(at * per_s)] += 1
        if n < room:
            records[n, 0], records[n, 1] = sent, answer
        n += 1
        half = fixed_half if rtt_constant else 0.5 * quantile(rtt, uniform(seed, device, R_RTT, requests))
        asked += 1 if jumps else 0
        number = requests
        requests += 1
        sent = following
        at = following + half
    return at, half, sent, number, asked, requests


# --- devices that meet in a queue ---------------------------------------------------------------------


@compiled
def begin_coupled(m: Model, rows: State, c: Counts, at: Floats, first: int, count: int) -> None:
    for device in range(first, first + count):
        create(m, rows[device], device)
        at[device] = look_ahead(m, rows[device], c)


@compiled
def look_ahead(m: Model, s: State, c: Counts) -> float:
    """Bring a device to its next request; gives its time."""
    slot = advance_device(m, s, c)
    s.i[QUIET] = 0
    if slot < 0:
        return INF
    if slot == WIRE + POLL and quiet(m, s):
        s.i[QUIET] = 1
        s.f[CALM] = calm_until(m, s)
    return s.t[slot]


@compiled
def request(m: Model, s: State, c: Counts, w: Server, log: Log, p: Schedule, at: float) -> float:
    """One request at the WFM, and the device's way to its next; gives the time of that."""
    if p.at[p.next[0]] <= at:
        advance_clock(p, log, at)
    slot = WIRE
    if s.i[QUIET]:
        if at < s.f[CALM] and s.i[SEEN_LOG] == log.n[0]:
            following = quiet_poll(m, s, c, w, at)
            if following >= 0.0:
                return following
        s.t[WIRE] = at
    else:
        for other in range(WIRE + 1, WIRE + 4):
            if s.t[other] < s.t[slot]:
                slot = other
    arrive(m, s, c, w, log, p, slot - WIRE)
    return look_ahead(m, s, c)


@compiled
def quiet_poll(m: Model, s: State, c: Counts, w: Server, at: float) -> float:
    """An unchanged poll of a quiet device; gives the time of the next, or -1 for anything else: nothing was done."""
    cohort, device = s.i[COHORT], s.i[DEVICE]
    loss, jitter, interval = m.cohorts[cohort, C_LOSS], m.cohorts[cohort, C_JITTER], m.cohorts[cohort, C_PERIOD]
    half, sent, requests, asked = s.f[HALF], s.f[SENT], s.i[N_REQUEST], s.i[N_AGENT]
    if loss > 0.0 and uniform(m.seed, device, R_LOSS, requests) < loss:
        return -1.0
    service = service_time(m, device, UNCHANGED, s.i[NUMBER])
    done = at + service
    if m.servers > 0:
        begin = max(at, w.free[0])
        if begin > at and w.n[1] >= m.queue_limit:
            return -1.0
        done = begin + service
    answer = done + (half + m.cohorts[cohort, C_XFER + UNCHANGED])
    spread = interval * jitter * (uniform(m.seed, device, R_AGENT, asked) - 0.5) if jitter > 0.0 else 0.0
    following = answer + (interval + spread)
    if answer > sent + m.cohorts[cohort, C_TIMEOUT] or following >= s.f[CALM]:
        return -1.0
    if m.wfm[W_RATE] > 0.0:
        if min(m.wfm[W_BURST], w.bucket[0] + (at - w.bucket[1]) * m.wfm[W_RATE]) < 1.0:
            return -1.0
        limited(m, w, at)
    if m.servers > 0:
        enqueue(m, w, at, service)
        note_queue(c, w, at, service)
        note_latency(c, at, answer - sent)
    c.requests[UNCHANGED, int(at * c.settings[0])] += 1
    c.totals[cohort, UNCHANGED] += 1
    if c.room[0]:
        trace(c, device, 0, POLL, UNCHANGED, s.i[SERVED], sent, answer)
    if jitter > 0.0:
        s.i[N_AGENT] = asked + 1
    half = travel(m, cohort, device, requests)
    s.f[HALF], s.f[SENT] = half, following
    s.i[NUMBER], s.i[N_REQUEST] = requests, requests + 1
    return following + half


@compiled
def run_window(
    m: Model, rows: State, c: Counts, w: Server, log: Log, p: Schedule, q: Queue, low: float, high: float
) -> None:
    """All requests before `high`; nothing is due before `low`."""
    count = sort_window(q, low, high)
    until = min(high, m.end)
    n = 0
    while n < count or q.n[0] > 0:
        if q.n[0] == 0 or (n < count and earlier(q.at[q.order[n]], q.order[n], q.heap_at[0], q.heap[0])):
            r = q.order[n]
            n += 1
        else:
            r = pop(q)
        if q.at[r] < m.end:
            following = request(m, rows[r], c, w, log, p, q.at[r])
            q.at[r] = following
            if following < until:
                push(q, following, r)


@compiled
def sort_window(q: Queue, low: float, high: float) -> int:
    """Put the devices with a request before `high` in order of (time, device); gives how many."""
    buckets = q.start.shape[0] - 1
    per_s = buckets / (high - low)
    q.start[:] = 0
    for r in range(q.at.shape[0]):
        if q.at[r] < high:
            q.start[bucket_of(q.at[r], low, per_s, buckets) + 1] += 1
    for b in range(buckets):
        q.start[b + 1] += q.start[b]
    count = q.start[buckets]
    for r in range(q.at.shape[0]):
        if q.at[r] < high:
            b = bucket_of(q.at[r], low, per_s, buckets)
            q.order[q.start[b]] = r
            q.start[b] += 1
    begin = 0
    for b in range(buckets):
        sort_bucket(q, begin, q.start[b])
        begin = q.start[b]
    return count


@compiled
def bucket_of(at: float, low: float, per_s: float, buckets: int) -> int:
    return min(max(int((at - low) * per_s), 0), buckets - 1)


@compiled
def sort_bucket(q: Queue, begin: int, end: int) -> None:
    if end - begin > LARGE_BUCKET:
        part = q.order[begin:end].copy()
        q.order[begin:end] = part[np.argsort(q.at[part], kind="mergesort")]
        return
    for n in range(begin + 1, end):
        r = q.order[n]
        at = q.at[r]
        place = n
        while place > begin and q.at[q.order[place - 1]] > at:
            q.order[place] = q.order[place - 1]
            place -= 1
        q.order[place] = r


@compiled
def earlier(at: float, r: int, than: float, other: int) -> bool:
    return at < than or (at == than and r < other)


@compiled
def push(q: Queue, at: float, r: int) -> None:
    n = q.n[0]
    q.n[0] = n + 1
    while n > 0:
        parent = (n - 1) >> 1
        if not earlier(at, r, q.heap_at[parent], q.heap[parent]):
            break
        q.heap_at[n], q.heap[n] = q.heap_at[parent], q.heap[parent]
        n = parent
    q.heap_at[n], q.heap[n] = at, r


@compiled
def pop(q: Queue) -> int:
    top = q.heap[0]
    q.n[0] -= 1
    count = q.n[0]
    at, r = q.heap_at[count], q.heap[count]
    n = 0
    while True:
        child = 2 * n + 1
        if child >= count:
            break
        if child + 1 < count and earlier(q.heap_at[child + 1], q.heap[child + 1], q.heap_at[child], q.heap[child]):
            child += 1
        if not earlier(q.heap_at[child], q.heap[child], at, r):
            break
        q.heap_at[n], q.heap[n] = q.heap_at[child], q.heap[child]
        n = child
    q.heap_at[n], q.heap[n] = at, r
    return top


__all__ = ["Queue", "begin_coupled", "run_independent", "run_window"]
