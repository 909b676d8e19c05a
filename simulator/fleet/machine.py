"""The agent core once more, for one row of arrays, in code that numba compiles.

Function by function the words of `simulator.device` (apply, desired_state, announce, status, core), reduced to one
deployment with up to four components, the default policies and bundles. Float expressions stand in the same order, so
that times come out bit for bit as the core's; `tests/fleet/test_equal_traces.py` holds the two against each other.
"""

from typing import Any

import numpy as np
from numba import njit

from simulator.fleet.layout import (
    ANNOUNCE,
    ANSWER,
    BACKOFF_JITTER,
    C_FAIL_AFTER,
    C_HOURS_LENGTH,
    C_HOURS_START,
    C_INSTALL_CAP,
    C_INSTALL_RETRY,
    C_JITTER,
    C_LOSS,
    C_PERIOD,
    C_RETRY_BASE,
    C_RETRY_CAP,
    C_TIMEOUT,
    FAILED,
    FETCH,
    INSTALLED,
    K_RETRIES,
    K_RTT,
    LOST,
    OPERATION,
    OUTBOX,
    POLL,
    R_AGENT,
    R_DEFECT,
    R_DURATION,
    R_FAILURE,
    R_LOSS,
    R_MEMORY,
    R_RTT,
    RETRY,
    STATUS,
    TABLE_STEPS,
    TALKS,
    TIMEOUT,
    TIMER,
    TOO_SMALL,
    UNREACHABLE,
    W_RETRY_429,
    W_RETRY_503,
    WIRE,
)
from simulator.fleet.rows import (
    ACCEPTED,
    ANSWERED,
    BOX,
    BROKEN,
    BUSY,
    CAUSE,
    COARSE,
    COHORT,
    CONVERGED,
    DEVICE,
    ETAG,
    FAILED_PART,
    FAILS,
    GOAL,
    HALF,
    HELD,
    HELD_VERSION,
    INSTALLED_PART,
    INSTALLING_PART,
    KEPT_OLD,
    LAST_DELAY,
    N_AGENT,
    N_OPERATION,
    N_REQUEST,
    NOT_BEFORE,
    NUMBER,
    OFFER,
    OFFLINE,
    OP_CONTENT,
    OP_RESULT,
    OUT,
    PART,
    PENDING_PART,
    PLACE,
    READY,
    RECONCILED,
    REPORTED,
    RESTORING,
    RETRIES,
    SEEN,
    SENT,
    SETTLED,
    STATE,
    VERSION,
    WAITING,
    WAVE,
    WORK_VERSION,
    WRAPPED,
)

Model = Any
State = Any
Counts = Any
DAY = 86400.0
INF = np.inf
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_BY_DEVICE = np.uint64(0xBF58476D1CE4E5B9)
_BY_COUNT = np.uint64(0x94D049BB133111EB)
_SIXTEEN = np.uint64(16)
_SCALE = 2.0**-53
compiled = njit(cache=True, nogil=True, error_model="numpy")


@compiled
def uniform(seed: np.uint64, device: int, purpose: int, n: int) -> float:
    """The same number as `simulator.fleet.numbers.uniform`."""
    z = seed * _GOLDEN + np.uint64(device) * _BY_DEVICE + (np.uint64(n) * _SIXTEEN + np.uint64(purpose)) * _BY_COUNT
    z = (z ^ (z >> np.uint64(30))) * _BY_DEVICE
    z = (z ^ (z >> np.uint64(27))) * _BY_COUNT
    z ^= z >> np.uint64(31)
    return float(z >> np.uint64(11)) * _SCALE


@compiled
def sample(m: Model, table: int, u: float) -> float:
    """The same quantile as `simulator.fleet.numbers.sample`."""
    x = u * TABLE_STEPS
    i = int(x)
    low = m.tables[table, i]
    return low + (x - i) * (m.tables[table, i + 1] - low)


@compiled
def draw(m: Model, s: State) -> float:
    n = s.i[N_AGENT]
    s.i[N_AGENT] = n + 1
    return uniform(m.seed, s.i[DEVICE], R_AGENT, n)


@compiled
def travel(m: Model, cohort: int, device: int, n: int) -> float:
    """Half of a request's round trip."""
    table = m.kinds[cohort, K_RTT]
    if m.constant[table]:
        return 0.5 * m.tables[table, 0]
    return 0.5 * sample(m, table, uniform(m.seed, device, R_RTT, n))


@compiled
def tally(s: State, c: Counts, kind: int, at: float) -> None:
    c.requests[kind, int(at * c.settings[0])] += 1
    c.totals[s.i[COHORT], kind] += 1


@compiled
def coarse(c: Counts, at: float) -> int:
    return min(int(at * c.settings[1]), COARSE - 1)


@compiled
def trace(c: Counts, device: int, what: int, one: int, two: int, three: int, at: float, then: float) -> None:
    n = c.trace_n[0]
    c.trace_n[0] = n + 1
    if n < c.room[0]:
        c.trace_f[n, 0] = at
        c.trace_f[n, 1] = then
        c.trace_i[n, 0] = device
        c.trace_i[n, 1] = what
        c.trace_i[n, 2] = one
        c.trace_i[n, 3] = two
        c.trace_i[n, 4] = three


# --- requests -----------------------------------------------------------------------------------------


@compiled
def site_offline(m: Model, site: int, at: float) -> bool:
    for w in range(m.net_at[site], m.net_at[site + 1]):
        if m.net[w, 0] <= at < m.net[w, 1]:
            return True
    return False


@compiled
def send(m: Model, s: State, c: Counts, k: int, now: float) -> None:
    s.i[BUSY + k] = 1
    s.i[WAITING + k] = 0
    n = s.i[N_REQUEST]
    s.i[N_REQUEST] = n + 1
    cohort = s.i[COHORT]
    device = s.i[DEVICE]
    s.i[NUMBER + k] = n
    s.f[SENT + k] = now
    if site_offline(m, s.i[PLACE], now):
        fail(m, s, c, k, UNREACHABLE, now, now + m.cohorts[cohort, C_FAIL_AFTER])
        return
    loss = m.cohorts[cohort, C_LOSS]
    if loss > 0.0 and uniform(m.seed, device, R_LOSS, n) < loss:
        fail(m, s, c, k, LOST, now, now + m.cohorts[cohort, C_TIMEOUT])
        return
    half = travel(m, cohort, device, n)
    s.f[HALF + k] = half
    s.t[WIRE + k] = now + half


@compiled
def fail(m: Model, s: State, c: Counts, k: int, kind: int, sent: float, at: float) -> None:
    s.i[STATE + k] = 0
    s.t[ANSWER + k] = at
    tally(s, c, kind, sent)
    if c.room[0]:
        trace(c, s.i[DEVICE], 0, k, kind, 0, sent, at)


@compiled
def succeeded(s: State, k: int) -> None:
    s.i[FAILS + k] = 0
    s.f[LAST_DELAY + k] = 0.0


@compiled
def next_delay(m: Model, s: State, k: int, start: float) -> float:
    s.i[FAILS + k] += 1
    cap = max(m.cohorts[s.i[COHORT], C_RETRY_CAP], start)
    delay = min(start * float(1 << min(s.i[FAILS + k] - 1, 32)), cap)
    delay *= 1.0 + BACKOFF_JITTER * draw(m, s)
    delay = max(delay, s.f[LAST_DELAY + k])
    s.f[LAST_DELAY + k] = delay
    return delay


@compiled
def wait_after(m: Model, s: State, k: int, now: float) -> float:
    base = m.cohorts[s.i[COHORT], C_RETRY_BASE]
    status = s.i[STATE + k]
    if status == 0:
        return next_delay(m, s, k, base)
    floor = m.wfm[W_RETRY_429] if status == 429 else m.wfm[W_RETRY_503]
    s.f[NOT_BEFORE + k] = max(s.f[NOT_BEFORE + k], now + floor)
    return next_delay(m, s, k, floor if floor > 0.0 else base)


@compiled
def retry_in(s: State, k: int, delay: float, now: float) -> None:
    s.i[WAITING + k] = 1
    s.t[TIMER + k] = now + max(0.0, max(delay, s.f[NOT_BEFORE + k] - now))


@compiled
def link_restored(s: State, now: float) -> None:
    if s.i[BROKEN + STATUS] and not s.i[BUSY + STATUS] and s.i[OUT] > 0:
        succeeded(s, STATUS)
        retry_in(s, STATUS, 0.0, now)
    if s.i[BROKEN + ANNOUNCE] and s.i[WAITING + ANNOUNCE]:
        succeeded(s, ANNOUNCE)
        retry_in(s, ANNOUNCE, 0.0, now)


@compiled
def on_answer(m: Model, s: State, c: Counts, k: int, now: float) -> None:
    s.i[BUSY + k] = 0
    if s.i[STATE + k] == 0:
        s.i[BROKEN + k] = 1
        s.i[OFFLINE] = 1
    else:
        s.i[BROKEN + k] = 0
        if s.i[OFFLINE]:
            s.i[OFFLINE] = 0
            link_restored(s, now)
    if k == POLL:
        on_manifest(m, s, c, now)
    elif k == FETCH:
        on_bundle(m, s, c, now)
    elif k == STATUS:
        on_reported(m, s, c, now)
    else:
        on_announced(m, s, c, now)


# --- polls --------------------------------------------------------------------------------------------


@compiled
def schedule_poll(m: Model, s: State, delay: float, now: float) -> None:
    delay = max(max(delay, s.f[NOT_BEFORE + POLL] - now), s.f[NOT_BEFORE + FETCH] - now)
    cohort = s.i[COHORT]
    length = m.cohorts[cohort, C_HOURS_LENGTH]
    wait = 0.0
    if length >= 0.0:
        since = (now + delay - m.cohorts[cohort, C_HOURS_START]) % DAY
        if since >= length:
            wait = DAY - since
    s.t[TIMER + POLL] = now + max(0.0, delay + wait)


@compiled
def next_regular_poll(m: Model, s: State, now: float) -> None:
    cohort = s.i[COHORT]
    interval, jitter = m.cohorts[cohort, C_PERIOD], m.cohorts[cohort, C_JITTER]
    spread = interval * jitter * (draw(m, s) - 0.5) if jitter > 0.0 else 0.0
    schedule_poll(m, s, max(interval + spread, s.f[LAST_DELAY + FETCH]), now)


@compiled
def poll(m: Model, s: State, c: Counts, now: float) -> None:
    if not s.i[BUSY + POLL] and s.i[OFFER] < 0:
        send(m, s, c, POLL, now)


@compiled
def on_manifest(m: Model, s: State, c: Counts, now: float) -> None:
    status = s.i[STATE + POLL]
    if status not in (200, 304):
        schedule_poll(m, s, wait_after(m, s, POLL, now), now)
        return
    succeeded(s, POLL)
    if status == 200:
        take_manifest(m, s, c, now)
    if s.i[OFFER] < 0:
        next_regular_poll(m, s, now)


@compiled
def take_manifest(m: Model, s: State, c: Counts, now: float) -> None:
    manifest = s.i[ANSWERED]
    if not s.i[RECONCILED] and manifest == s.i[ACCEPTED]:
        return
    if m.versions[manifest] <= s.i[VERSION]:
        c.events[3] += 1
        return
    s.i[OFFER] = manifest
    send(m, s, c, FETCH, now)


@compiled
def on_bundle(m: Model, s: State, c: Counts, now: float) -> None:
    if s.i[STATE + FETCH] == 200:
        succeeded(s, FETCH)
        if s.i[OFFER] >= 0:
            manifest = s.i[OFFER]
            s.i[OFFER] = -1
            adopt(m, s, c, manifest, now)
            next_regular_poll(m, s, now)
        return
    wait = wait_after(m, s, FETCH, now)
    if s.i[FAILS + FETCH] < m.kinds[s.i[COHORT], K_RETRIES]:
        retry_in(s, FETCH, wait, now)
    else:
        s.i[OFFER] = -1
        s.t[TIMER + FETCH] = INF
        next_regular_poll(m, s, now)


@compiled
def fetch_again(m: Model, s: State, c: Counts, now: float) -> None:
    if s.i[OFFER] >= 0 and not s.i[BUSY + FETCH]:
        send(m, s, c, FETCH, now)


@compiled
def adopt(m: Model, s: State, c: Counts, manifest: int, now: float) -> None:
    s.i[VERSION] = m.versions[manifest]
    s.i[ACCEPTED] = manifest
    s.i[RECONCILED] = 0
    content = m.contents[manifest]
    if s.i[GOAL] == content:
        if not s.i[KEPT_OLD]:
            s.i[WORK_VERSION] = s.i[VERSION]
            if s.i[HELD] == content:
                s.i[HELD_VERSION] = s.i[VERSION]
    else:
        s.i[GOAL] = content
        s.i[WORK_VERSION] = s.i[VERSION]
        s.i[SETTLED] = 0
        s.i[RETRIES] = 0
        begin(m, s, c, False, now)
    check_reconciled(s)


# --- applying -----------------------------------------------------------------------------------------


@compiled
def runs(m: Model, s: State, content: int, part: int) -> bool:
    return s.i[SEEN + part] == content


@compiled
def too_small(m: Model, s: State, content: int) -> bool:
    if m.needs[content] <= 0.0:
        return False
    cohort = s.i[COHORT]
    u = uniform(m.seed, s.i[DEVICE], R_MEMORY, 0)
    v = 0
    while v < m.sizes - 1 and u >= m.shares[cohort, v]:
        v += 1
    return m.memories[cohort, v] < m.needs[content]


@compiled
def any_part(m: Model, s: State, state: int) -> bool:
    for part in range(m.components[s.i[GOAL]]):
        if s.i[PART + part] == state:
            return True
    return False


@compiled
def operating(s: State) -> bool:
    for part in range(4):
        if s.t[OPERATION + part] < INF:
            return True
    return False


@compiled
def begin(m: Model, s: State, c: Counts, resumed: bool, now: float) -> None:
    for part in range(4):
        s.t[OPERATION + part] = INF
    s.t[RETRY] = INF
    s.i[SETTLED] = 0
    s.i[KEPT_OLD] = 0
    s.i[RESTORING] = 0
    s.i[CAUSE] = 0
    s.i[WRAPPED] = 0
    content = s.i[GOAL]
    if too_small(m, s, content):
        for part in range(m.components[content]):
            s.i[PART + part] = FAILED_PART
        s.i[CAUSE] = TOO_SMALL
        finish_failed(m, s, c, now)
        return
    for part in range(m.components[content]):
        s.i[PART + part] = INSTALLED_PART if runs(m, s, content, part) else PENDING_PART
    if not resumed and any_part(m, s, PENDING_PART):
        report(m, s, c, now)
    advance(m, s, c, now)


@compiled
def advance(m: Model, s: State, c: Counts, now: float) -> None:
    content = s.i[GOAL]
    for part in range(m.components[content]):
        if s.i[PART + part] == PENDING_PART:
            s.i[PART + part] = INSTALLING_PART
            start(m, s, content, part, now)
        if s.i[PART + part] != INSTALLED_PART:
            break
    if operating(s):
        report(m, s, c, now)
    elif any_part(m, s, FAILED_PART):
        finish_failed(m, s, c, now)
    else:
        s.i[HELD] = content
        s.i[HELD_VERSION] = s.i[WORK_VERSION]
        s.i[RETRIES] = 0
        report(m, s, c, now)
        settle(m, s, c, now)


@compiled
def start(m: Model, s: State, content: int, part: int, now: float) -> None:
    n = s.i[N_OPERATION]
    s.i[N_OPERATION] = n + 1
    device = s.i[DEVICE]
    duration = sample(m, m.durations[content, part], uniform(m.seed, device, R_DURATION, n))
    result = 0
    if uniform(m.seed, device, R_FAILURE, n) < m.fails[content, part] or (
        uniform(m.seed, device, R_DEFECT, content * 4 + part) < m.defects[content, part]
    ):
        result = m.causes[content, part]
    limit = m.limits[content, part]
    if duration >= limit:
        duration, result = limit, TIMEOUT
    s.i[OP_CONTENT + part] = content
    s.i[OP_RESULT + part] = result
    s.t[OPERATION + part] = now + duration


@compiled
def on_workload(m: Model, s: State, c: Counts, part: int, now: float) -> None:
    result = s.i[OP_RESULT + part]
    if result == 0:
        s.i[SEEN + part] = s.i[OP_CONTENT + part]
    if s.i[RESTORING]:
        if not operating(s) and s.i[HELD] >= 0:
            finish_restoring(m, s, c, now)
        return
    if result:
        s.i[CAUSE] = result
        s.i[PART + part] = FAILED_PART
    else:
        s.i[PART + part] = INSTALLED_PART
    advance(m, s, c, now)


@compiled
def finish_failed(m: Model, s: State, c: Counts, now: float) -> None:
    held, goal = s.i[HELD], s.i[GOAL]
    if held >= 0 and held != goal:
        s.i[RESTORING] = 1
        for part in range(m.components[held]):
            if not runs(m, s, held, part):
                start(m, s, held, part, now)
        if operating(s):
            report(m, s, c, now)
        else:
            finish_restoring(m, s, c, now)
        return
    if held != goal:
        s.i[HELD] = -1
    report(m, s, c, now)
    settle(m, s, c, now)


@compiled
def finish_restoring(m: Model, s: State, c: Counts, now: float) -> None:
    held = s.i[HELD]
    kept = 1
    for part in range(m.components[held]):
        if not runs(m, s, held, part):
            kept = 0
    s.i[KEPT_OLD] = kept
    if kept:
        s.i[WORK_VERSION] = s.i[HELD_VERSION]
        s.i[WRAPPED] = 1
    else:
        s.i[HELD] = -1
    report(m, s, c, now)
    settle(m, s, c, now)


@compiled
def settle(m: Model, s: State, c: Counts, now: float) -> None:
    s.i[SETTLED] = 1
    failed = any_part(m, s, FAILED_PART)
    note_settled(m, s, c, failed, now)
    cohort = s.i[COHORT]
    if failed and s.i[CAUSE] != TOO_SMALL:
        first, cap = m.cohorts[cohort, C_INSTALL_RETRY], m.cohorts[cohort, C_INSTALL_CAP]
        wait = min(first * float(1 << min(s.i[RETRIES], 32)), cap)
        s.i[RETRIES] += 1
        s.t[RETRY] = now + max(0.0, wait)
    check_reconciled(s)


@compiled
def note_settled(m: Model, s: State, c: Counts, failed: bool, now: float) -> None:
    """What came of it is counted; not in the core."""
    c.events[4] += 1
    version = s.i[VERSION]
    rollout = m.rollouts[s.i[ACCEPTED]]
    if failed:
        c.causes[s.i[COHORT], s.i[CAUSE]] += 1
        if rollout >= 0:
            c.failed[rollout, coarse(c, now)] += 1
    elif version > s.i[CONVERGED]:
        s.i[CONVERGED] = version
        if rollout >= 0:
            c.converged[rollout, s.i[WAVE], coarse(c, now)] += 1
    if c.room[0]:
        trace(c, s.i[DEVICE], 1, FAILED if failed else INSTALLED, version, s.i[CAUSE], now, 0.0)


@compiled
def check_reconciled(s: State) -> None:
    if not s.i[RECONCILED] and s.i[SETTLED]:
        s.i[RECONCILED] = 1
        s.i[ETAG] = s.i[ACCEPTED]


@compiled
def try_again(m: Model, s: State, c: Counts, now: float) -> None:
    if s.i[SETTLED]:
        s.i[WORK_VERSION] = max(s.i[WORK_VERSION], s.i[VERSION])
        begin(m, s, c, False, now)


# --- reports ------------------------------------------------------------------------------------------


@compiled
def code_of(m: Model, s: State) -> int:
    """Two reports have the same code when their documents are the same: version, fault and states."""
    states = 0
    failed = False
    for part in range(m.components[s.i[GOAL]]):
        state = s.i[PART + part]
        states |= state << (2 * part)
        failed |= state == FAILED_PART
    fault = (s.i[WRAPPED] << 11) | (s.i[CAUSE] << 8) if failed else 0
    return (s.i[WORK_VERSION] << 12) | fault | states


@compiled
def report(m: Model, s: State, c: Counts, now: float) -> None:
    code = code_of(m, s)
    if code == s.i[REPORTED]:
        return
    s.i[REPORTED] = code
    n = s.i[OUT]
    s.i[BOX + n] = code
    s.i[OUT] = n + 1
    if n + 1 > OUTBOX or s.i[OFFLINE]:
        keep_latest(s)
    deliver(m, s, c, now)


@compiled
def keep_latest(s: State) -> None:
    n = s.i[OUT]
    fixed = 1 if s.i[BUSY + STATUS] else 0
    if n > fixed + 1:
        s.i[BOX + fixed] = s.i[BOX + n - 1]
        s.i[OUT] = fixed + 1


@compiled
def deliver(m: Model, s: State, c: Counts, now: float) -> None:
    if not s.i[WAITING + STATUS]:
        send_report(m, s, c, now)


@compiled
def send_report(m: Model, s: State, c: Counts, now: float) -> None:
    if s.i[OUT] > 0 and s.i[READY] and not s.i[BUSY + STATUS]:
        send(m, s, c, STATUS, now)


@compiled
def on_reported(m: Model, s: State, c: Counts, now: float) -> None:
    if s.i[STATE + STATUS] == 200:
        succeeded(s, STATUS)
        for n in range(1, s.i[OUT]):
            s.i[BOX + n - 1] = s.i[BOX + n]
        s.i[OUT] -= 1
        deliver(m, s, c, now)
        return
    wait = wait_after(m, s, STATUS, now)
    if s.i[STATE + STATUS] == 0:
        keep_latest(s)
    if s.i[OUT] > 0:
        retry_in(s, STATUS, wait, now)


# --- capabilities -------------------------------------------------------------------------------------


@compiled
def announce(m: Model, s: State, c: Counts, now: float) -> None:
    if not s.i[WAITING + ANNOUNCE] and not s.i[BUSY + ANNOUNCE]:
        send(m, s, c, ANNOUNCE, now)


@compiled
def on_announced(m: Model, s: State, c: Counts, now: float) -> None:
    if s.i[STATE + ANNOUNCE] != 200:
        retry_in(s, ANNOUNCE, wait_after(m, s, ANNOUNCE, now), now)
        return
    succeeded(s, ANNOUNCE)
    if not s.i[READY]:
        s.i[READY] = 1
        schedule_poll(m, s, 0.0, now)
        deliver(m, s, c, now)


@compiled
def forget_talks(s: State) -> None:
    """A new agent: nothing is known of conversations any more."""
    for k in range(TALKS):
        s.i[BUSY + k] = 0
        s.i[BROKEN + k] = 0
        s.i[WAITING + k] = 0
        s.f[NOT_BEFORE + k] = 0.0
        succeeded(s, k)
    s.i[READY] = 0
    s.i[OFFLINE] = 0
    s.i[OFFER] = -1
    s.i[RETRIES] = 0
