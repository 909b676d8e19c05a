"""What happens to a device besides its agent: boots, cuts, drift, its requests at the WFM; and the way of a quiet poll.

Compiled; one row of `Rows` is one device.
"""

import math

from simulator.fleet.layout import (
    ANNOUNCE,
    ANSWER,
    BOOT,
    BUNDLE,
    C_DRIFTS,
    C_HOURS_LENGTH,
    C_REBOOTS,
    C_SPREAD,
    C_TIMEOUT,
    C_XFER,
    CAPABILITIES,
    DRIFT,
    EXP_TABLE,
    FETCH,
    K_APP,
    K_BLANK,
    K_BOOT,
    K_COUNT,
    K_FIRST,
    K_SITE,
    K_SITES,
    LATE,
    LIMITED,
    MANIFEST,
    OPERATION,
    OVERLOADED,
    POLL,
    R_BOOT,
    R_DRIFT,
    R_REBOOT,
    R_SERVICE,
    REBOOT,
    REFUSED,
    REPORT,
    RETRY,
    SITE,
    SLOTS,
    START,
    STATUS,
    TIMER,
    TOO_SMALL,
    UNCHANGED,
    WIRE,
)
from simulator.fleet.machine import (
    INF,
    Counts,
    Model,
    State,
    announce,
    any_part,
    begin,
    check_reconciled,
    coarse,
    code_of,
    compiled,
    draw,
    fetch_again,
    forget_talks,
    on_answer,
    on_workload,
    poll,
    sample,
    send_report,
    tally,
    trace,
    try_again,
    uniform,
)
from simulator.fleet.plan import MAX_BREAKS
from simulator.fleet.rows import (
    ACCEPTED,
    ANSWERED,
    BOX,
    CAUSE,
    COHORT,
    CONVERGED,
    DEVICE,
    ETAG,
    FAILED_PART,
    FAILS,
    FLOATS,
    GOAL,
    HALF,
    HELD,
    HELD_VERSION,
    INSTALLED_PART,
    INTS,
    LATENCY_BUCKETS,
    N_OTHER,
    NOT_BEFORE,
    NUMBER,
    OFFER,
    OFFLINE,
    OUT,
    PART,
    PENDING_PART,
    PLACE,
    READY,
    RECONCILED,
    REPORTED,
    RETRIES,
    SEEN,
    SENT,
    SERVED,
    SETTLED,
    SITE_NEXT,
    STATE,
    UP,
    VERSION,
    WAITING,
    WORK_VERSION,
)
from simulator.fleet.serving import Log, Schedule, Server, enqueue, is_down, limited, look_at_log, note_report


@compiled
def other(m: Model, s: State, purpose: int) -> float:
    n = s.i[N_OTHER]
    s.i[N_OTHER] = n + 1
    return uniform(m.seed, s.i[DEVICE], purpose, n)


@compiled
def cohort_of(m: Model, device: int) -> int:
    cohort = 0
    while device >= m.kinds[cohort, K_FIRST] + m.kinds[cohort, K_COUNT]:
        cohort += 1
    return cohort


@compiled
def create(m: Model, s: State, device: int) -> None:
    """The device as it is before it is switched on at time 0."""
    for n in range(INTS):
        s.i[n] = 0
    for n in range(FLOATS):
        s.f[n] = 0.0
    for n in range(SLOTS):
        s.t[n] = INF
    cohort = cohort_of(m, device)
    s.i[DEVICE] = device
    s.i[COHORT] = cohort
    site = (device - m.kinds[cohort, K_FIRST]) % m.kinds[cohort, K_SITES]
    s.i[PLACE] = m.kinds[cohort, K_SITE]
    for b in range(MAX_BREAKS):
        s.i[PLACE] += 1 if site >= m.breaks[cohort, b] else 0
    app = m.kinds[cohort, K_APP]
    s.i[SERVED] = app
    s.i[OFFER] = -1
    s.i[RECONCILED] = 1
    for n in (ACCEPTED, ETAG, GOAL, HELD, REPORTED, SEEN, SEEN + 1, SEEN + 2, SEEN + 3):
        s.i[n] = -1
    if not m.kinds[cohort, K_BLANK]:
        content = m.contents[app]
        s.i[ACCEPTED] = app
        s.i[ETAG] = app
        s.i[GOAL] = content
        s.i[HELD] = content
        s.i[VERSION] = 1
        s.i[WORK_VERSION] = 1
        s.i[HELD_VERSION] = 1
        s.i[CONVERGED] = 1
        s.i[SETTLED] = 1
        for part in range(m.components[content]):
            s.i[SEEN + part] = content
            s.i[PART + part] = INSTALLED_PART
        s.i[REPORTED] = code_of(m, s)
    s.t[BOOT] = 0.0
    place = s.i[PLACE]
    if m.power_at[place] < m.power_at[place + 1]:
        s.t[SITE] = m.power[m.power_at[place], 0]
    if m.cohorts[cohort, C_REBOOTS] > 0.0:
        s.t[REBOOT] = later(m, s, C_REBOOTS, R_REBOOT, 0.0)
    if m.cohorts[cohort, C_DRIFTS] > 0.0:
        s.t[DRIFT] = later(m, s, C_DRIFTS, R_DRIFT, 0.0)


@compiled
def later(m: Model, s: State, column: int, purpose: int, now: float) -> float:
    return now + m.cohorts[s.i[COHORT], column] * sample(m, EXP_TABLE, other(m, s, purpose))


# --- power --------------------------------------------------------------------------------------------


@compiled
def power_off(s: State) -> None:
    s.i[UP] = 0
    s.t[BOOT] = INF
    for slot in range(START, SLOTS):
        s.t[slot] = INF


@compiled
def boot_later(m: Model, s: State, now: float) -> None:
    s.t[BOOT] = now + sample(m, m.kinds[s.i[COHORT], K_BOOT], other(m, s, R_BOOT))


@compiled
def boot(m: Model, s: State, c: Counts, now: float) -> None:
    """The agent's `on_started`: go on with what is under way, then begin to talk."""
    s.i[UP] = 1
    forget_talks(s)
    if s.i[GOAL] >= 0:
        if not s.i[SETTLED]:
            begin(m, s, c, not any_part(m, s, PENDING_PART), now)
        elif any_part(m, s, FAILED_PART) and s.i[CAUSE] != TOO_SMALL:
            s.t[RETRY] = now + min(m.cohorts[s.i[COHORT], 5], m.cohorts[s.i[COHORT], 6])
            s.i[RETRIES] = 1
        check_reconciled(s)
    spread = m.cohorts[s.i[COHORT], C_SPREAD]
    if spread > 0.0:
        s.t[START] = now + max(0.0, spread * draw(m, s))
    else:
        announce(m, s, c, now)


@compiled
def on_site(m: Model, s: State, c: Counts, now: float) -> None:
    """The site's power goes, or comes back."""
    n = s.i[SITE_NEXT]
    s.i[SITE_NEXT] = n + 1
    window = m.power_at[s.i[PLACE]] + (n >> 1)
    if n & 1 == 0:
        c.events[1] += 1
        power_off(s)
        s.t[SITE] = m.power[window, 1]
    else:
        boot_later(m, s, now)
        if window + 1 < m.power_at[s.i[PLACE] + 1]:
            s.t[SITE] = m.power[window + 1, 0]


@compiled
def on_reboot(m: Model, s: State, c: Counts, now: float) -> None:
    s.t[REBOOT] = later(m, s, C_REBOOTS, R_REBOOT, now)
    if s.i[UP]:
        c.events[0] += 1
        power_off(s)
        boot_later(m, s, now)


@compiled
def on_drift(m: Model, s: State, c: Counts, now: float) -> None:
    """A component is gone behind the agent's back, and the agent sees it; only where all was as wanted."""
    s.t[DRIFT] = later(m, s, C_DRIFTS, R_DRIFT, now)
    whole = s.i[UP] and s.i[GOAL] >= 0 and s.i[SETTLED] and s.i[HELD] == s.i[GOAL]
    if whole and not any_part(m, s, FAILED_PART):
        c.events[2] += 1
        part = int(other(m, s, R_DRIFT) * m.components[s.i[GOAL]])
        s.i[SEEN + part] = -1
        begin(m, s, c, True, now)


# --- events -------------------------------------------------------------------------------------------


@compiled
def next_slot(s: State) -> int:
    best = 0
    for slot in range(1, SLOTS):
        if s.t[slot] < s.t[best]:
            best = slot
    return best


@compiled
def advance_device(m: Model, s: State, c: Counts) -> int:
    """Let everything happen that concerns this device alone; gives the slot of its next request at the WFM, or -1."""
    while True:
        slot = next_slot(s)
        now = s.t[slot]
        if now >= m.end:
            return -1
        if slot >= WIRE:
            return slot
        s.t[slot] = INF
        happen(m, s, c, slot, now)


@compiled
def happen(m: Model, s: State, c: Counts, slot: int, now: float) -> None:
    if slot >= ANSWER:
        on_answer(m, s, c, slot - ANSWER, now)
    elif slot >= OPERATION:
        on_workload(m, s, c, slot - OPERATION, now)
    elif slot == TIMER + POLL:
        poll(m, s, c, now)
    elif slot == TIMER + FETCH:
        fetch_again(m, s, c, now)
    elif slot == TIMER + STATUS:
        send_report(m, s, c, now)
    elif slot == TIMER + ANNOUNCE:
        s.i[WAITING + ANNOUNCE] = 0
        announce(m, s, c, now)
    elif slot == RETRY:
        try_again(m, s, c, now)
    elif slot == START:
        announce(m, s, c, now)
    elif slot == BOOT:
        boot(m, s, c, now)
    elif slot == SITE:
        on_site(m, s, c, now)
    elif slot == REBOOT:
        on_reboot(m, s, c, now)
    else:
        on_drift(m, s, c, now)


# --- at the WFM ---------------------------------------------------------------------------------------


@compiled
def class_of(s: State, k: int) -> int:
    if k == POLL:
        return UNCHANGED if s.i[SERVED] == s.i[ETAG] else MANIFEST
    if k == FETCH:
        return BUNDLE
    return REPORT if k == STATUS else CAPABILITIES


@compiled
def service_time(m: Model, device: int, kind: int, number: int) -> float:
    table = m.services[kind]
    if m.constant[table]:
        return m.tables[table, 0]
    return sample(m, table, uniform(m.seed, device, R_SERVICE, number))


@compiled
def note_latency(c: Counts, at: float, seconds: float) -> None:
    mantissa, exponent = math.frexp(seconds)
    bucket = (exponent + 9) * 8 + int((mantissa - 0.5) * 16.0)
    c.latency[coarse(c, at), min(max(bucket, 0), LATENCY_BUCKETS - 1)] += 1


@compiled
def note_queue(c: Counts, w: Server, at: float, service: float) -> None:
    b = coarse(c, at)
    c.queue[b] = max(c.queue[b], w.n[1])
    c.busy[b] += service


@compiled
def arrive(m: Model, s: State, c: Counts, w: Server, log: Log, p: Schedule, k: int) -> None:
    """A request comes to the WFM; sets when and how it is answered."""
    at = s.t[WIRE + k]
    s.t[WIRE + k] = INF
    device, cohort = s.i[DEVICE], s.i[COHORT]
    look_at_log(m, log, s, at)
    kind = class_of(s, k)
    half = s.f[HALF + k]
    status = 304 if kind == UNCHANGED else 200
    answer = at + half
    if is_down(m, at):
        kind, status = REFUSED, 0
    elif limited(m, w, at):
        kind, status = LIMITED, 429
    else:
        service = service_time(m, device, kind, s.i[NUMBER + k])
        done = enqueue(m, w, at, service) if m.servers > 0 else at + service
        if done < 0.0:
            kind, status = OVERLOADED, 503
        else:
            answer = done + (half + m.cohorts[cohort, C_XFER + kind])
            if m.servers > 0:
                note_queue(c, w, at, service)
                note_latency(c, at, answer - s.f[SENT + k])
            if kind == REPORT:
                note_report(m, p, s)
            if answer > s.f[SENT + k] + m.cohorts[cohort, C_TIMEOUT]:
                answer, kind, status = s.f[SENT + k] + m.cohorts[cohort, C_TIMEOUT], LATE, 0
    tally(s, c, kind, at)
    if c.room[0]:
        detail = s.i[BOX] if k == STATUS else s.i[SERVED]
        trace(c, device, 0, k, kind, detail, s.f[SENT + k], answer)
    s.i[STATE + k] = status
    s.i[ANSWERED] = s.i[SERVED] if k == POLL else s.i[ANSWERED]
    s.t[ANSWER + k] = answer


# --- quiet polls --------------------------------------------------------------------------------------


@compiled
def quiet(m: Model, s: State) -> bool:
    """Whether a device does nothing but poll, with a poll on its way, and nothing is left over from before."""
    for slot in range(START, SLOTS):
        if slot != WIRE + POLL and s.t[slot] < INF:
            return False
    if s.i[OUT] or s.i[OFFLINE] or not s.i[RECONCILED] or not s.i[READY]:
        return False
    if s.i[FAILS + POLL] or s.i[FAILS + FETCH] or s.i[FAILS + STATUS] or s.i[FAILS + ANNOUNCE]:
        return False
    now = s.t[WIRE + POLL]
    if s.f[NOT_BEFORE + POLL] > now or s.f[NOT_BEFORE + FETCH] > now:
        return False
    return m.cohorts[s.i[COHORT], C_HOURS_LENGTH] < 0.0 and s.i[SERVED] == s.i[ETAG]


@compiled
def calm_until(m: Model, s: State) -> float:
    """Until when nothing can come between the polls of a quiet device, as far as it and its site are concerned."""
    until = min(min(s.t[SITE], s.t[REBOOT]), min(s.t[DRIFT], m.end))
    place = s.i[PLACE]
    now = s.t[WIRE + POLL]
    for w in range(m.net_at[place], m.net_at[place + 1]):
        if m.net[w, 1] > now:
            until = min(until, m.net[w, 0])
    for w in range(m.downs):
        if m.down[w, 1] > now:
            until = min(until, m.down[w, 0])
    return until
