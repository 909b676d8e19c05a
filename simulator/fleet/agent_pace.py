"""The compiled engine's model of the agent's waits: polls, tries and what chance has in them.

Calculated in seconds with the agent's own expressions (`simulator.device`), in the same order, so that not even a
rounding differs. In every function `c` is the device's cohort (`plan.COHORT`), `d` its record (`plan.DEVICE`), and
`talk` one of its conversations. Errors: none.
"""

from typing import Any

import numpy as np
from numba import njit

from simulator.fleet.model import AGENT, uniform

TALK_ANNOUNCE, TALK_POLL, TALK_FETCH, TALK_STATUS = range(4)
NO_ANSWER, TURNED_AWAY, DONE, MANIFEST = -1, 0, 1, 2
"""How a request ends; `MANIFEST` + code for a manifest (200)."""
DAY_S = 86400.0


@njit(cache=True)
def seconds(d: Any) -> Any:
    """The time of what happens to the device."""
    return d.at / 1e6


@njit(cache=True)
def draw(c: Any, d: Any) -> Any:
    """What the agent's next call of `random` gives."""
    d.draws += 1
    return uniform(c.seed, d.number, AGENT, d.draws)


@njit(cache=True)
def after(at: Any, delay: Any) -> Any:
    """When a timer of so many seconds fires."""
    return at + np.int64(max(0.0, delay) * 1e6 + 0.5)


@njit(cache=True)
def next_delay(c: Any, d: Any, talk: Any, start: Any) -> Any:
    """Seconds until the next try after another failure."""
    d.failures[talk] += 1
    delay = min(start * 2.0 ** min(d.failures[talk] - 1, 32), max(c.retry_cap, start))
    delay *= 1.0 + c.retry_jitter * draw(c, d)
    d.last_delay[talk] = max(delay, d.last_delay[talk])
    return d.last_delay[talk]


@njit(cache=True)
def succeeded(d: Any, talk: Any) -> None:
    """The next failure is a first one."""
    d.failures[talk], d.last_delay[talk] = 0, 0.0


@njit(cache=True)
def wait_after(c: Any, d: Any, talk: Any) -> Any:
    """Seconds until a request that failed or was turned away may be sent again."""
    if d.outcome[talk] == NO_ANSWER:
        return next_delay(c, d, talk, c.retry_base)
    floor = np.float64(c.retry_after)
    d.not_before[talk] = max(d.not_before[talk], seconds(d) + floor)
    return next_delay(c, d, talk, floor if floor > 0.0 else c.retry_base)


@njit(cache=True)
def retry_in(d: Any, talk: Any, timer: Any, delay: Any) -> None:
    """Try again after a time, not before the WFM allows it."""
    d.waiting[talk] = 1
    d.due[timer] = after(d.at, max(delay, d.not_before[talk] - seconds(d)))


@njit(cache=True)
def closed_for(c: Any, at: Any) -> Any:
    """Seconds until polling is allowed."""
    best = 0.0
    for k in range(c.windows):
        start, end = c.opens[k], c.closes[k]
        since, length = (at - start) % DAY_S, (end - start) % DAY_S
        left = 0.0 if since < length else DAY_S - since
        if k == 0 or left < best:
            best = left
    return best


@njit(cache=True)
def schedule_poll(c: Any, d: Any, delay: Any) -> None:
    """Poll after a time, within the hours of polling and not before the WFM allows it."""
    now = seconds(d)
    delay = max(delay, d.not_before[TALK_POLL] - now, d.not_before[TALK_FETCH] - now)
    if c.windows > 0:
        delay += closed_for(c, now + delay)
    d.poll = after(d.at, delay)


@njit(cache=True)
def next_regular_poll(c: Any, d: Any) -> None:
    """Poll at the regular distance from `d.at`."""
    spread = c.spread * (draw(c, d) - 0.5) if c.spread > 0.0 else 0.0
    schedule_poll(c, d, max(c.period + spread, d.last_delay[TALK_FETCH]))


@njit(cache=True, forceinline=True)
def resting_wait(c: Any, e: Any) -> Any:
    """Seconds from an answer to the next poll where nothing else is ahead, as in `next_regular_poll`.

    The entry `e` (`calendar_queue.ENTRY`) has the number of the device's next draw.
    """
    return c.period + (c.spread * (uniform(c.seed, e.number, AGENT, e.draws) - 0.5) if c.spread > 0.0 else 0.0)


@njit(cache=True, forceinline=True)
def resting_poll(c: Any, answered: Any, wait: Any) -> Any:
    """When a device polls next that would wait so many seconds, if it may at any time."""
    if c.windows > 0:
        wait += closed_for(c, answered / 1e6 + wait)
    return after(answered, wait)
