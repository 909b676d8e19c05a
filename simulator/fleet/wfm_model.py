"""The compiled engine's model of the way to the WFM and of the WFM itself.

The WFM's queue needs no events of its own: first come, first served means that a request's start is known when it
arrives, and so is whether its device will have given up. The WFM does the work nevertheless. What it gives, and what it
learns from a report, is decided when a request arrives.

In every function `w` is a `views.CONTEXT`, `d` the record of a device (`plan.DEVICE`). Errors: none.
"""

from typing import Any

import numpy as np
from numba import njit

from simulator.fleet import servers, views
from simulator.fleet.agent_pace import DONE, MANIFEST, NO_ANSWER, TALK_FETCH, TALK_POLL, TALK_STATUS, TURNED_AWAY
from simulator.fleet.model import (
    ANNOUNCE_ANSWER,
    BUNDLE,
    CAPABILITIES,
    CHANGED,
    FAILING,
    INSTALLED,
    LOSS,
    LOST,
    NETWORK,
    NEVER,
    OLDER,
    OUTAGE,
    POWER,
    REFUSED,
    RTT,
    SERVICE,
    STATUS,
    UNCHANGED,
    UNREACHABLE,
    WAVE,
    WFM_DOWN,
    sample,
    uniform,
)
from simulator.fleet.model import BYTES as BYTES_COLUMN


@njit(cache=True, forceinline=True)
def note(w: Any, d: Any, at: Any, what: Any, done: Any) -> None:
    """Count what happened to a request, and write it down while there is room."""
    views.rates(w)[what, np.int64(at * w.per_us)] += 1
    tell(w, d, d.requests, at, what, done)


@njit(cache=True)
def tell(w: Any, d: Any, n: Any, at: Any, what: Any, about: Any) -> None:
    """Write a line of the trace while there is room."""
    if views.marks(w)[0] < w.n_trace:
        line = views.trace(w)[views.marks(w)[0]]
        line[0], line[1], line[2], line[3], line[4] = d.number, n, at, what, about
        views.marks(w)[0] += 1


@njit(cache=True)
def look(w: Any, d: Any, c: Any, t: Any) -> None:
    """What holds for the device now (which part of the way is off, what it is wanted to run), and until when."""
    d.epoch = views.marks(w)[1]
    d.off, d.change_at = 0, NEVER
    for k in range(c.first_outage, c.last_outage):
        o = views.outages(w)[k]
        if o.kind == POWER or o.end <= t or uniform(w.seed, d.site, OUTAGE, o.salt) >= o.share:
            continue
        if o.start > t:
            d.change_at = min(d.change_at, o.start)
            continue
        d.change_at = min(d.change_at, o.end)
        if d.off != NETWORK:  # what does not leave the site does not come to the WFM either
            d.off = o.kind
    _look_wanted(w, d, c, t)


@njit(cache=True)
def _look_wanted(w: Any, d: Any, c: Any, t: Any) -> None:
    as_of = t
    for restored in views.restores(w):
        if restored.at > t:
            d.change_at = min(d.change_at, restored.at)
        elif restored.until > t:
            d.change_at = min(d.change_at, restored.until)
            as_of = restored.backup
    d.wanted = 0
    for wave in views.waves(w):
        if wave.application != c.application or not _in_wave(w, d, wave):
            continue
        if wave.at > t:
            d.change_at = min(d.change_at, wave.at)
        if wave.at <= as_of:
            code = _offered(w, d, wave.rollout)
            d.wanted = max(d.wanted, code)


@njit(cache=True)
def _in_wave(w: Any, d: Any, wave: Any) -> Any:
    return wave.low <= uniform(w.seed, d.number, WAVE, wave.rollout) < wave.high


@njit(cache=True)
def wave_of(w: Any, d: Any) -> Any:
    """The wave with which the device came to what it has adopted."""
    found = 0
    for k in range(w.n_waves):
        if views.waves(w)[k].rollout == d.adopted // 2 - 1 and _in_wave(w, d, views.waves(w)[k]):
            found = k
    return found


@njit(cache=True)
def _offered(w: Any, d: Any, rollout: Any) -> Any:
    """The desired state for a device whose wave began: 2 (rollout + 1), one more after a roll-back, 0 if paused."""
    code = 2 * (rollout + 1)
    if views.results(w)[rollout, 2] == 0:
        return code
    if d.given != code and d.given != code + 1:
        return 0
    return code + views.rollouts(w)[rollout].rollback


@njit(cache=True)
def _revision(w: Any, c: Any, code: Any) -> Any:
    """The revision that a desired state names."""
    if code == 0:
        return c.revision
    rollout = views.rollouts(w)[code // 2 - 1]
    return rollout.previous if code % 2 else rollout.revision


@njit(cache=True)
def _hear(w: Any, d: Any, t: Any, report: Any) -> None:
    """Count a device for its rollout by what it reports last, and pause the rollout once too many failed."""
    state, version = report % 4, report // 4
    if d.given == 0 or d.given % 2:
        return
    verdict = 0
    if state == FAILING:
        verdict = 1
    elif state == INSTALLED and version == d.given:
        verdict = 2
    if verdict == 0 or verdict == d.verdict:  # noqa: PLR1714 - numba
        return
    rollout = d.given // 2 - 1
    result = views.results(w)[rollout]
    if d.verdict != 0:
        result[2 - d.verdict] -= 1
    result[2 - verdict] += 1
    d.verdict = verdict
    gate = views.rollouts(w)[rollout]
    heard = result[0] + result[1]
    if result[2] == 0 and heard >= gate.minimum and result[1] > gate.failure_rate * heard:
        result[2] = t + 1
        views.marks(w)[1] += 1


@njit(cache=True, forceinline=True)
def serve(w: Any, d: Any, t: Any, kind: Any) -> Any:
    """When the WFM is done with a request of this kind; -1 when it is turned away."""
    service = views.constant(w)[kind]
    if service == 0:
        service = 1 + sample(views.tables(w), kind, uniform(w.seed, d.number, SERVICE, d.requests))
    if w.servers == 0:
        return t + service
    done = servers.admit(w, t, service)
    at = np.int64(t * w.per_us)
    views.waiting(w)[at] = max(views.waiting(w)[at], servers.waiting_now(w))
    return done


@njit(cache=True, forceinline=True)
def way_back(w: Any, d: Any, c: Any, size: Any) -> Any:
    """Microseconds until an answer is there."""
    rtt = views.constant(w)[c.rtt]
    if rtt == 0:
        rtt = sample(views.tables(w), c.rtt, uniform(w.seed, d.number, RTT, d.requests))
    return 1 + rtt + np.int64(size * c.us_per_byte)


@njit(cache=True, forceinline=True)
def is_lost(w: Any, d: Any, c: Any) -> Any:
    """Whether the request gets lost."""
    return c.loss > 0 and uniform(w.seed, d.number, LOSS, d.requests) < c.loss


@njit(cache=True, forceinline=True)
def is_late(c: Any, sent: Any, arrives: Any, size: Any) -> Any:
    """Whether the device has given up before an answer that is there at `arrives` begins to come."""
    limit = sent + c.timeout
    return arrives > limit and arrives - np.int64(size * c.us_per_byte) > limit


@njit(cache=True)
def _ends(d: Any, talk: Any, at: Any, outcome: Any) -> None:
    d.due[ANNOUNCE_ANSWER + talk], d.outcome[talk] = at, outcome


@njit(cache=True)
def send(w: Any, d: Any, talk: Any) -> None:
    """Send the request of a conversation at `d.at`; when and how it ends is known at once."""
    c, t = views.cohorts(w)[d.cohort], d.at
    d.requests += 1
    if t >= d.change_at or d.epoch != views.marks(w)[1]:
        look(w, d, c, t)
    if d.off == NETWORK:
        note(w, d, t, UNREACHABLE, 0)
        _ends(d, talk, t + c.timeout, NO_ANSWER)
    elif d.off == WFM_DOWN:
        note(w, d, t, UNREACHABLE, 0)
        _ends(d, talk, t + way_back(w, d, c, 0), NO_ANSWER)
    elif is_lost(w, d, c):
        note(w, d, t, LOST, 0)
        _ends(d, talk, t + c.timeout, NO_ANSWER)
    else:
        _reach(w, d, c, talk)


@njit(cache=True)
def _reach(w: Any, d: Any, c: Any, talk: Any) -> None:
    t, size = d.at, 0
    kind = CAPABILITIES
    if talk == TALK_STATUS:
        kind = STATUS
    elif talk == TALK_FETCH:
        kind = BUNDLE
        size = views.revisions(w)[d.offered].size
    elif talk == TALK_POLL:
        kind = UNCHANGED
        if d.wanted != d.etag:
            kind = CHANGED if d.wanted >= d.version else OLDER
    done, outcome = serve(w, d, t, kind), DONE
    if done < 0:
        done, kind, size, outcome = t, REFUSED, 0, TURNED_AWAY
    else:
        size += views.sizes(w)[kind]
        if talk == TALK_STATUS:
            _hear(w, d, t, d.outbox[0])
        elif kind in (CHANGED, OLDER):
            outcome = MANIFEST + d.wanted
            d.offered = _revision(w, c, d.wanted)
            if d.wanted > d.given:
                d.given, d.verdict = d.wanted, 0
    arrives = done + way_back(w, d, c, size)
    if is_late(c, t, arrives, size):
        note(w, d, t, LOST, done)
        _ends(d, talk, t + c.timeout, NO_ANSWER)
        return
    note(w, d, t, kind, done)
    views.tally(w)[d.cohort, BYTES_COLUMN] += size
    _ends(d, talk, arrives, outcome)
