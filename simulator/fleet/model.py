"""How a device lives: the one model that both engines call, compiled by numba.

Times are whole microseconds, so that no engine rounds differently. A device has one thing ahead of it, at `at`: a
request that reaches the WFM then, or the end of an installation. `begin` does what is due; when that is a request, the
engine says when the WFM is done with it (`answered`) or that it was turned away (`refused`). Whatever is random is a
pure function of (seed, device, purpose, n), so the order in which devices are treated never matters to it.

In every function `w` is a `simulator.fleet.plan.World` and `d` a record of its devices (`plan.DEVICE`). Errors: none.
"""

from typing import Any

import numpy as np
from numba import njit

POLL, FETCH, INSTALL, REPORT = 0, 1, 2, 3
"""Phases: what is at `at`."""
UNCHANGED, CHANGED, OLDER, BUNDLE, STATUS, REFUSED, UNREACHABLE, LOST = range(8)
"""Rows of `rates`, and what a line of the trace tells; the first five are answered requests."""
FAILED, GAVE_UP, REBOOTED, DRIFTED, POWER_CUT, BYTES = range(6)
"""Columns of `tally`."""
NETWORK, WFM_DOWN, POWER = 1, 2, 3
"""What is off; the greater hides the smaller."""
NEVER = 1 << 62
NOTHING, REQUEST = 0, 1
_SITE, _START, _PERIOD, _LOSS, _RTT, _SERVICE, _REBOOT, _DRIFT = range(8)
_TAKES, _FAILS, _WAIT, _BOOT, _WAVE, _OUTAGE = range(8, 14)
WAVE = _WAVE
"""The purpose of the number that puts a device into a wave."""
STEPS = 256


@njit(cache=True)
def uniform(seed: Any, who: Any, purpose: Any, n: Any) -> Any:
    """The number in [0, 1) for this device (or site), purpose and count: splitmix64, top 53 bits."""
    z = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(who) * np.uint64(0xBF58476D1CE4E5B9)
    z += (np.uint64(n) * np.uint64(16) + np.uint64(purpose)) * np.uint64(0x94D049BB133111EB)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return np.float64(z >> np.uint64(11)) * 2.0**-53


@njit(cache=True)
def sample(tables: Any, row: Any, u: Any) -> Any:
    """The quantile at `u` of a table in microseconds, on the line between the two points around it."""
    x = u * STEPS
    i = int(x)
    low = tables[row, i]
    return np.int64(low + (x - i) * (tables[row, i + 1] - low))


@njit(cache=True)
def _draw(w: Any, d: Any, row: Any, purpose: Any) -> Any:
    return sample(w.tables, row, uniform(w.fixed[0].seed, d.number, purpose, d.n))


@njit(cache=True)
def _interval(w: Any, d: Any, c: Any) -> Any:
    return c.period + np.int64(uniform(w.fixed[0].seed, d.number, _PERIOD, d.n) * c.spread)


@njit(cache=True)
def _backoff(w: Any, d: Any, c: Any) -> Any:
    """Doubles from try to try up to a limit; jitter takes away up to its part."""
    wait = min(c.backoff * 2.0 ** min(d.tries, 40), c.backoff_limit)
    d.tries += 1
    return np.int64(wait * (1.0 - c.backoff_jitter * uniform(w.fixed[0].seed, d.number, _WAIT, d.n))) + 1


@njit(cache=True)
def _note(w: Any, d: Any, what: Any, done: Any) -> None:
    w.rates[what, np.int64(d.at * w.fixed[0].per_us)] += 1
    if w.marks[0] < w.trace.shape[0]:
        line = w.trace[w.marks[0]]
        line[0], line[1], line[2], line[3], line[4] = d.number, d.n, d.at, what, done
        w.marks[0] += 1


@njit(cache=True)
def start(w: Any, d: Any, number: Any) -> None:
    """Set up device `number`: its cohort, its site, and when it polls first."""
    cohort = 0
    while number >= w.cohorts[cohort].end:
        cohort += 1
    c = w.cohorts[cohort]
    seed = w.fixed[0].seed
    d.number, d.cohort = number, cohort
    d.site = c.first_site + np.int64(uniform(seed, number, _SITE, 0) * c.sites)
    d.at = np.int64(uniform(seed, number, _START, 0) * c.start_spread)
    d.n = d.since = d.change_at = d.adopted = d.wanted = d.target = d.service = d.off_until = 0
    d.phase = d.kind = d.off = d.tries = d.fails = 0
    d.wave = d.epoch = -1


@njit(cache=True)
def _look(w: Any, d: Any, c: Any) -> None:
    """What holds for the device now (what is off, what it is wanted to run), and until when."""
    d.epoch = w.marks[1]
    d.off, d.change_at, d.off_until = 0, NEVER, 0
    for k in range(c.first_outage, c.last_outage):
        o = w.outages[k]
        if o.end <= d.at or uniform(w.fixed[0].seed, d.site, _OUTAGE, o.salt) >= o.share:
            continue
        if o.start > d.at:
            d.change_at = min(d.change_at, o.start)
            continue
        d.change_at = min(d.change_at, o.end)
        if o.kind >= d.off:
            d.off_until = max(d.off_until, o.end) if o.kind == d.off else o.end
            d.off = o.kind
    _look_wanted(w, d, c)


@njit(cache=True)
def _look_wanted(w: Any, d: Any, c: Any) -> None:
    as_of = d.at
    for restored in w.restores:
        if restored.at > d.at:
            d.change_at = min(d.change_at, restored.at)
        elif restored.until > d.at:
            d.change_at = min(d.change_at, restored.until)
            as_of = restored.backup
    d.wanted = 0
    for k in range(w.waves.shape[0]):
        wave = w.waves[k]
        if wave.application != c.application:
            continue
        u = uniform(w.fixed[0].seed, d.number, _WAVE, wave.rollout)
        if u < wave.low or u >= wave.high:
            continue
        if wave.at > d.at:
            d.change_at = min(d.change_at, wave.at)
        if wave.at <= as_of:
            code = _offered(w, d, wave.rollout)
            if code > d.wanted:
                d.wanted, d.wave = code, k


@njit(cache=True)
def _offered(w: Any, d: Any, rollout: Any) -> Any:
    """The desired state for a device whose wave began: 2 (rollout + 1), one more after a roll-back, 0 if paused."""
    code = 2 * (rollout + 1)
    if w.results[rollout, 2] == 0:
        return code
    if d.adopted != code and d.adopted != code + 1:
        return 0
    return code + w.rollouts[rollout].rollback


@njit(cache=True)
def _revision(w: Any, d: Any, c: Any) -> Any:
    if d.target == 0:
        return c.revision
    rollout = w.rollouts[d.target // 2 - 1]
    return rollout.previous if d.target % 2 else rollout.revision


@njit(cache=True)
def begin(w: Any, d: Any) -> Any:
    """Do what is due at `d.at`: NOTHING is left to do, or a REQUEST of `d.kind` and `d.service` reaches the WFM."""
    c = w.cohorts[d.cohort]
    d.n += 1
    if d.at >= d.change_at or d.epoch != w.marks[1]:
        _look(w, d, c)
    if d.off == POWER:
        w.tally[d.cohort, POWER_CUT] += 1
        d.at = d.off_until + 1 + _draw(w, d, c.boot, _BOOT)
        if d.phase == INSTALL:  # what was cut off begins again
            d.at += _draw(w, d, w.revisions[_revision(w, d, c)].takes, _TAKES)
        return NOTHING
    if d.phase == INSTALL:
        _installed(w, d, c)
        return NOTHING
    if d.off != 0:
        _note(w, d, UNREACHABLE, 0)
        d.at += _backoff(w, d, c)
        return NOTHING
    if c.hazards != 0 and _hit(w, d, c):
        return NOTHING
    _ask(w, d)
    return REQUEST


@njit(cache=True)
def _hit(w: Any, d: Any, c: Any) -> Any:
    """Whether a reboot, drift or a lost message came instead of the request."""
    seed = w.fixed[0].seed
    if d.phase == POLL and uniform(seed, d.number, _REBOOT, d.n) < c.reboots:
        w.tally[d.cohort, REBOOTED] += 1
        d.at += 1 + _draw(w, d, c.boot, _BOOT)
        return True
    if d.phase == POLL and uniform(seed, d.number, _DRIFT, d.n) < c.drifts:
        w.tally[d.cohort, DRIFTED] += 1
        d.target, d.phase = d.adopted, INSTALL
        d.at += 1 + _draw(w, d, w.revisions[_revision(w, d, c)].takes, _TAKES)
        return True
    if uniform(seed, d.number, _LOSS, d.n) < c.loss:
        _note(w, d, LOST, 0)
        d.at += c.timeout + _backoff(w, d, c)
        return True
    return False


@njit(cache=True)
def _ask(w: Any, d: Any) -> None:
    if d.phase == FETCH:
        d.kind = BUNDLE
    elif d.phase == REPORT:
        d.kind = STATUS
    elif d.wanted == d.adopted:
        d.kind = UNCHANGED
    else:
        d.kind = CHANGED if d.wanted > d.adopted else OLDER
        d.target = d.wanted
    row = w.fixed[0].service + d.kind
    d.service = w.constant[row] if w.constant[row] > 0 else 1 + _draw(w, d, row, _SERVICE)


@njit(cache=True)
def answered(w: Any, d: Any, done: Any) -> None:
    """The WFM finished the device's request at `done`; what comes next is set."""
    c = w.cohorts[d.cohort]
    _note(w, d, d.kind, done)
    size = w.sizes[d.kind]
    if d.kind == BUNDLE:
        size += w.revisions[_revision(w, d, c)].size
    w.tally[d.cohort, BYTES] += size
    d.tries = 0
    following = d.at + _interval(w, d, c)
    seen = following
    if done + c.slowest > following or d.kind != UNCHANGED:
        seen = done + 1 + _draw(w, d, c.rtt, _RTT) + np.int64(size * c.us_per_byte)
    if d.kind == CHANGED:
        d.phase, d.at = FETCH, seen
    elif d.kind == BUNDLE:
        d.phase, d.fails = INSTALL, 0
        d.at = seen + _draw(w, d, w.revisions[_revision(w, d, c)].takes, _TAKES)
    else:
        d.phase = POLL
        d.at = max(following, seen)


@njit(cache=True)
def refused(w: Any, d: Any, at: Any) -> None:
    """The WFM's queue was full: come back after Retry-After or the own back-off, whichever is longer."""
    _note(w, d, REFUSED, at)
    d.at += max(w.fixed[0].retry_after, _backoff(w, d, w.cohorts[d.cohort]))


@njit(cache=True)
def _installed(w: Any, d: Any, c: Any) -> None:
    revision = w.revisions[_revision(w, d, c)]
    failed = uniform(w.fixed[0].seed, d.number, _FAILS, d.n) < revision.fails
    if failed:
        w.tally[d.cohort, FAILED] += 1
        d.fails += 1
        if d.fails < revision.tries:
            d.at += 1 + revision.wait + _draw(w, d, revision.takes, _TAKES)
            return
        w.tally[d.cohort, GAVE_UP] += 1
    if d.target != d.adopted:
        _judge(w, d, failed)
    d.adopted, d.phase, d.change_at = d.target, REPORT, 0


@njit(cache=True)
def _judge(w: Any, d: Any, failed: Any) -> None:
    """Count the result for the rollout, and pause it once too many failed."""
    if d.target % 2:
        return
    rollout = d.target // 2 - 1
    if d.wave >= 0 and not failed and w.waves[d.wave].rollout == rollout:
        w.adopted[d.wave, np.int64(d.at * w.fixed[0].per_us)] += 1
    result = w.results[rollout]
    result[1 if failed else 0] += 1
    gate = w.rollouts[rollout]
    seen = result[0] + result[1]
    if result[2] == 0 and seen >= gate.minimum and result[1] > gate.failure_rate * seen:
        result[2] = d.at + 1
        w.marks[1] += 1


@njit(cache=True)
def poll_on(w: Any, d: Any) -> None:
    """Poll until something may be different: the same as `begin` and `answered`, for a device to which nothing happens.

    Only without a shared WFM, where no answer is ever late enough to move the next poll (`cohort.calm`).
    """
    c = w.cohorts[d.cohort]
    f = w.fixed[0]
    # plain variables, as the compiler cannot know that counting leaves the records alone
    seed, per_us, period, spread, number = f.seed, f.per_us, c.period, c.spread, d.number
    stop = min(d.change_at, f.duration)
    at, n, first = d.at, d.n, d.n
    polls = w.rates[UNCHANGED]
    while at < stop:
        polls[np.uint64(np.int64(at * per_us))] += 1
        n += 1
        at += period + np.int64(uniform(seed, number, _PERIOD, n) * spread)
    w.tally[d.cohort, BYTES] += (n - first) * w.sizes[UNCHANGED]
    d.at, d.n = at, n
