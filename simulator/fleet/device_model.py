"""The compiled engine's model of a device: power, the machine, and everything that is due, one after the other.

A device waits for several things at once (`model.POWER_DUE` and on): `step` does the first of them. Where nothing but
polls is ahead there are short cuts that give the same: `poll_at_rest` and `poll_on`.

In every function `w` is a `views.CONTEXT`, `d` the record of a device (`plan.DEVICE`). Errors: none.
"""

from typing import Any

import numpy as np
from numba import njit

from simulator.fleet import agent_model as agent
from simulator.fleet import agent_pace as pace
from simulator.fleet import views
from simulator.fleet.agent_model import NOTHING
from simulator.fleet.agent_pace import DONE, NO_ANSWER, TALK_ANNOUNCE, TALK_POLL, TURNED_AWAY
from simulator.fleet.model import (
    ADOPTED,
    AGENT,
    ANNOUNCE_ANSWER,
    BOOT,
    BYTES,
    DRIFT,
    DRIFT_DUE,
    DRIFTED,
    FAILED,
    FAILING,
    FAILS,
    FETCH_TIMER,
    GAVE_UP,
    INSTALLATION_END,
    INSTALLATION_TIMEOUT,
    INSTALLED,
    LOSS,
    LOST,
    NEVER,
    OUTAGE,
    POLL_ANSWER,
    POWER,
    POWER_CUT,
    POWER_DUE,
    REBOOT,
    REBOOT_DUE,
    REBOOTED,
    REFUSED,
    REPORTED,
    RETRY_TIMER,
    RTT,
    SERVICE,
    SITE,
    START,
    STATUS_ANSWER,
    STATUS_TIMER,
    TAKES,
    UNCHANGED,
    gap,
    sample,
    uniform,
)
from simulator.fleet.wfm_model import is_late, is_lost, look, note, send, serve, tell, wave_of, way_back


@njit(cache=True)
def start(w: Any, d: Any, number: Any) -> None:
    """Set up device `number`, not on yet: it runs its application's first revision, and its WFM knows that."""
    cohort = 0
    while number >= views.cohorts(w)[cohort].end:
        cohort += 1
    c = views.cohorts(w)[cohort]
    seed = w.seed
    d.number, d.cohort = number, cohort
    d.site = c.first_site + np.int64(uniform(seed, number, SITE, 0) * c.sites)
    d.draws = d.requests = d.wanted = d.etag = d.off = d.version = d.accepted = 0
    d.work_version = d.held_version = d.retries = d.given = d.verdict = d.adopted = 0
    d.ops = d.boots = d.reboots = d.drifts = 0
    d.goal = d.held = d.disk = c.revision
    d.state, d.reported, d.outbox_size = INSTALLED, INSTALLED, 0
    d.reconciled = d.settled = d.running = 1
    d.kept_old = 0
    d.epoch = -1
    d.newly = d.tells = d.gave_up = d.sends = 0
    d.starting = NOTHING
    d.change_at = 0
    d.due[:] = NEVER
    d.at = 0
    agent.power_off(d)
    d.power = 0
    d.due[POWER_DUE] = np.int64(uniform(seed, number, START, 0) * c.start_spread)
    if c.reboots > 0.0:
        d.due[REBOOT_DUE] = gap(seed, number, REBOOT, 0, c.reboots)
    if c.drifts > 0.0:
        d.due[DRIFT_DUE] = gap(seed, number, DRIFT, 0, c.drifts)
    ahead(d)


@njit(cache=True)
def _power(w: Any, d: Any) -> None:
    """Power is cut, or comes back."""
    c, t = views.cohorts(w)[d.cohort], d.at
    until, following = np.int64(0), np.int64(NEVER)
    if c.powered:
        for k in range(c.first_outage, c.last_outage):
            o = views.outages(w)[k]
            if o.kind == POWER and o.end > t and uniform(w.seed, d.site, OUTAGE, o.salt) < o.share:
                if o.start <= t:
                    until = max(until, o.end)
                else:
                    following = min(following, o.start)
    if until > t:
        if d.power:
            views.tally(w)[d.cohort, POWER_CUT] += 1
        _boot_after(w, d, c, until)
        return
    d.due[POWER_DUE] = following
    _power_on(c, d)


@njit(cache=True)
def _boot_after(w: Any, d: Any, c: Any, until: Any) -> None:
    agent.power_off(d)
    d.power = 0
    d.boots += 1
    d.due[POWER_DUE] = until + 1 + sample(views.tables(w), c.boot, uniform(w.seed, d.number, BOOT, d.boots))


@njit(cache=True)
def _power_on(c: Any, d: Any) -> None:
    d.power = d.running = 1
    d.seen = d.disk
    agent.started(c, d)


@njit(cache=True)
def _reboot(w: Any, d: Any) -> None:
    c = views.cohorts(w)[d.cohort]
    d.reboots += 1
    d.due[REBOOT_DUE] = d.at + gap(w.seed, d.number, REBOOT, d.reboots, c.reboots)
    if d.power:
        views.tally(w)[d.cohort, REBOOTED] += 1
        _boot_after(w, d, c, d.at)


@njit(cache=True)
def _drift(w: Any, d: Any) -> None:
    """A component stops where it ran as wanted; the agent sees it."""
    c = views.cohorts(w)[d.cohort]
    d.drifts += 1
    d.due[DRIFT_DUE] = d.at + gap(w.seed, d.number, DRIFT, d.drifts, c.drifts)
    if d.power and d.settled and d.held == d.goal and d.state != FAILING:
        views.tally(w)[d.cohort, DRIFTED] += 1
        d.running = 0
        agent.drifted(c, d)


@njit(cache=True)
def _operation_ended(w: Any, d: Any, timed_out: Any) -> None:
    d.due[INSTALLATION_END] = d.due[INSTALLATION_TIMEOUT] = NEVER
    failed = timed_out or uniform(w.seed, d.number, FAILS, d.ops) < views.revisions(w)[d.target].fails
    if failed:
        views.tally(w)[d.cohort, FAILED] += 1
    else:
        d.disk = d.target
        d.running = 1
    agent.operation_ended(views.cohorts(w)[d.cohort], d, failed)


# --- what comes next -------------------------------------------------------------------------------------


@njit(cache=True)
def ahead(d: Any) -> None:
    """Set what comes next, and whether nothing but unchanged polls is ahead until then."""
    d.rest = d.due.min()
    d.at = min(d.rest, d.poll)
    d.quiet = agent.quiet(d)


@njit(cache=True)
def step(w: Any, d: Any) -> None:
    """Do what is due at `d.at` and what the agent wants done then; set what is due next."""
    if d.rest > d.poll:
        d.poll = NEVER
        agent.poll(d)
    else:
        what = 0
        while d.due[what] != d.at:
            what += 1
        d.due[what] = NEVER
        _happen(w, d, what)
    _carry_out(w, d)
    ahead(d)


@njit(cache=True)
def _happen(w: Any, d: Any, what: Any) -> None:
    if what == POWER_DUE:
        _power(w, d)
    elif what == REBOOT_DUE:
        _reboot(w, d)
    elif what == DRIFT_DUE:
        _drift(w, d)
    elif what <= STATUS_ANSWER:
        agent.answered(views.cohorts(w)[d.cohort], d, what - ANNOUNCE_ANSWER)
    elif what <= INSTALLATION_TIMEOUT:
        _operation_ended(w, d, what == INSTALLATION_TIMEOUT)
    elif what == FETCH_TIMER:
        agent.fetch_again(d)
    elif what == STATUS_TIMER:
        agent.send_report(d)
    elif what == RETRY_TIMER:
        agent.try_again(views.cohorts(w)[d.cohort], d)
    else:  # the start's timer, or another try
        d.waiting[TALK_ANNOUNCE] = 0
        agent.announce(d)


@njit(cache=True)
def _carry_out(w: Any, d: Any) -> None:
    """What the agent left to be done."""
    if d.newly:
        d.newly = 0
        tell(w, d, 0, d.at, ADOPTED, d.adopted)
        if d.adopted % 2 == 0:
            views.adopted(w)[wave_of(w, d), np.int64(d.at * w.per_us)] += 1
    for k in range(d.tells):
        tell(w, d, 0, d.at, REPORTED + d.told[k] % 4, d.told[k] // 4)
    d.tells = 0
    if d.gave_up:
        d.gave_up = 0
        views.tally(w)[d.cohort, GAVE_UP] += 1
    if d.starting != NOTHING:
        r = views.revisions(w)[d.starting]
        d.target, d.starting = d.starting, NOTHING
        d.ops += 1
        takes = sample(views.tables(w), r.takes, uniform(w.seed, d.number, TAKES, d.ops))
        d.due[INSTALLATION_END], d.due[INSTALLATION_TIMEOUT] = d.at + 1 + takes, d.at + r.timeout
    for k in range(d.sends):
        send(w, d, d.sending[k])
    d.sends = 0


@njit(cache=True)
def lie_down(w: Any, d: Any, e: Any) -> Any:
    """Have an entry (`calendar_queue.ENTRY`) stand for a quiet device that polls now, until something else may come.

    False, and nothing is done, when the poll will not be answered unchanged.
    """
    c, t = views.cohorts(w)[d.cohort], d.poll
    if t >= d.change_at or d.epoch != views.marks(w)[1]:
        look(w, d, c, t)
    if d.off != 0 or d.wanted != d.etag:
        return False
    e.at, e.until, e.number, e.cohort, e.epoch = t, min(d.change_at, d.rest, w.duration), d.number, d.cohort, d.epoch
    e.draws, e.requests = d.draws + 1, d.requests + 1
    return True


@njit(cache=True, forceinline=True)
def rest_on(w: Any, e: Any, at: Any, to: Any) -> None:
    """Write to another entry that the device of this one has polled, and does so again at `at`."""
    to.at, to.until, to.number, to.cohort, to.epoch = at, e.until, e.number, e.cohort, e.epoch
    to.draws, to.requests = e.draws + (views.cohorts(w)[e.cohort].spread > 0.0), e.requests + 1


@njit(cache=True, forceinline=True)
def get_up(d: Any, e: Any) -> None:
    """Write into its record what a device's polls at rest have changed."""
    d.at = d.poll = e.at
    d.draws, d.requests = e.draws - 1, e.requests - 1


@njit(cache=True, forceinline=True)
def foresee(w: Any, e: Any, chance: Any) -> None:
    """What chance has in store for a poll at rest: nothing that happens until then changes it."""
    c = views.cohorts(w)[e.cohort]
    chance.lost = is_lost(w, e, c)
    chance.back = way_back(w, e, c, views.sizes(w)[UNCHANGED])
    chance.wait = pace.resting_wait(c, e)


@njit(cache=True, forceinline=True)
def poll_at_rest(w: Any, d: Any, e: Any, chance: Any) -> Any:
    """The poll of a device at rest that is answered before anything else comes is one event instead of two.

    When it polls again, if it still is at rest then: its record `d`, which is far away in memory, is not touched.
    Else 0. The entry stays as it is, since what was just written cannot be copied at once.
    """
    c, t = views.cohorts(w)[e.cohort], e.at
    if chance.lost:
        get_up(d, e)
        step(w, d)
        return np.int64(0)
    done = serve(w, e, t, UNCHANGED)
    answer = done + chance.back
    if done < 0 or is_late(c, t, answer, views.sizes(w)[UNCHANGED]):
        _fail_at_rest(w, d, e, done)
        return np.int64(0)
    note(w, e, t, UNCHANGED, done)
    views.tally(w)[e.cohort, BYTES] += views.sizes(w)[UNCHANGED]
    if answer >= e.until and answer >= min(d.rest, w.duration):
        get_up(d, e)
        d.requests += 1
        _await(d, answer, DONE)
        return np.int64(0)
    again = pace.resting_poll(c, answer, chance.wait)
    if again < e.until:
        return again
    rest_on(w, e, again, e)
    get_up(d, e)
    d.at = min(d.rest, d.poll)
    d.quiet = d.poll < d.rest
    return np.int64(0)


@njit(cache=True)
def _fail_at_rest(w: Any, d: Any, e: Any, done: Any) -> None:
    """The poll is turned away (`done` below 0), or answered when the device has given up."""
    c, t = views.cohorts(w)[e.cohort], e.at
    kind, ended = (REFUSED, t) if done < 0 else (LOST, done)
    get_up(d, e)
    d.requests += 1
    arrives = ended + way_back(w, d, c, 0)
    if kind == LOST or is_late(c, t, arrives, 0):
        note(w, d, t, LOST, ended)
        _await(d, t + c.timeout, NO_ANSWER)
    else:
        note(w, d, t, REFUSED, t)
        _await(d, arrives, TURNED_AWAY)


@njit(cache=True)
def _await(d: Any, at: Any, outcome: Any) -> None:
    d.poll = NEVER
    d.busy[TALK_POLL], d.waiting[TALK_POLL] = 1, 0
    d.due[POLL_ANSWER], d.outcome[TALK_POLL] = at, outcome
    ahead(d)


@njit(cache=True)
def poll_on(w: Any, d: Any) -> None:
    """All polls of a quiet device until something else may come, where it shares no WFM with others."""
    c = views.cohorts(w)[d.cohort]
    first = d.requests
    back = views.constant(w)[c.rtt]
    size = views.sizes(w)[UNCHANGED]
    service = views.constant(w)[UNCHANGED]
    took = service + (1 + back + np.int64(size * c.us_per_byte))
    if c.loss == 0.0 and c.windows == 0 and service > 0 and back > 0 and not is_late(c, 0, took, size):
        _poll_plainly(w, c, d, views.rates(w)[UNCHANGED], took)
    else:
        _poll_anyhow(w, c, d, views.rates(w)[UNCHANGED], (views.constant(w), views.tables(w), size))
    views.tally(w)[d.cohort, BYTES] += (d.requests - first) * size
    d.at = min(d.rest, d.poll)
    d.quiet = d.poll < d.rest


@njit(cache=True)
def _poll_plainly(w: Any, c: Any, d: Any, polls: Any, took: Any) -> None:
    """Where every answer takes the same time."""
    # plain variables, as the compiler cannot know that counting leaves the records alone
    seed, per_us, number, at, first, draws = w.seed, w.per_us, d.number, d.poll, d.draws, np.int64(d.draws)
    period, spread, n = c.period, c.spread, np.int64(0)
    stop = min(d.change_at, min(d.rest, w.duration) - took)
    while at < stop:
        polls[np.uint64(np.int64(at * per_us))] += 1
        n += 1
        at += took + np.int64((period + spread * (uniform(seed, number, AGENT, first + n) - 0.5)) * 1e6 + 0.5)
    d.poll, d.requests = at, d.requests + n
    if spread > 0.0:
        d.draws = draws + n


@njit(cache=True)
def _poll_anyhow(w: Any, c: Any, d: Any, polls: Any, times: Any) -> None:
    constant, tables, size = times
    seed, per_us, number, at, requests, draws = w.seed, w.per_us, d.number, d.poll, d.requests, d.draws
    service, rtt, transfer = constant[UNCHANGED], constant[c.rtt], np.int64(size * c.us_per_byte)
    stop, end = min(d.change_at, w.duration), min(d.rest, w.duration)
    while at < stop:
        n = requests + 1
        if c.loss > 0.0 and uniform(seed, number, LOSS, n) < c.loss:
            break
        took = service if service > 0 else 1 + sample(tables, UNCHANGED, uniform(seed, number, SERVICE, n))
        back = rtt if rtt > 0 else sample(tables, c.rtt, uniform(seed, number, RTT, n))
        answer = at + took + (1 + back + transfer)
        if answer >= end or is_late(c, at, answer, size):
            break
        polls[np.int64(at * per_us)] += 1
        requests = n
        delay = c.period
        if c.spread > 0.0:
            draws += 1
            delay += c.spread * (uniform(seed, number, AGENT, draws) - 0.5)
        if c.windows > 0:
            delay += pace.closed_for(c, answer / 1e6 + delay)
        at = answer + np.int64(delay * 1e6 + 0.5)
    d.poll, d.requests, d.draws = at, requests, draws
