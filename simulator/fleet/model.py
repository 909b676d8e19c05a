"""What both engines share: names of what is counted, and chance.

Whatever is random is a pure function of (seed, device, purpose, n), so the order in which devices are treated never
matters to it. Times are whole microseconds, so that no engine rounds differently. How a device and the WFM behave is
*not* shared: the SimPy engine drives the real agent (`simulator.device`), the compiled engine has models of both
(`agent_model`, `wfm_model`), and the tests demand equal traces.
"""

from typing import Any

import numpy as np
from numba import njit

UNCHANGED, CHANGED, OLDER, BUNDLE, STATUS, CAPABILITIES, REFUSED, UNREACHABLE, LOST = range(9)
"""Rows of `rates`, and what a line of the trace tells; the first six are answered requests."""
FAILED, GAVE_UP, REBOOTED, DRIFTED, POWER_CUT, BYTES = range(6)
"""Columns of `tally`: installations that failed, devices that stopped trying, and so on."""
NETWORK, WFM_DOWN, POWER = 1, 2, 3
"""Kinds of outages."""
PENDING, INSTALLING, INSTALLED, FAILING = range(4)
"""States in status reports."""
REPORTED, ADOPTED = 16, 20
"""Lines of the trace that are no requests: `REPORTED` + state when a report is written, `ADOPTED` when it runs."""
(
    POWER_DUE,
    REBOOT_DUE,
    DRIFT_DUE,
    ANNOUNCE_ANSWER,
    POLL_ANSWER,
    FETCH_ANSWER,
    STATUS_ANSWER,
    INSTALLATION_END,
    INSTALLATION_TIMEOUT,
    START_TIMER,
    ANNOUNCE_TIMER,
    FETCH_TIMER,
    STATUS_TIMER,
    RETRY_TIMER,
    POLL_TIMER,
) = range(15)
"""What a device waits for; what is due at the same microsecond happens in this order, device by device."""
NEVER = 1 << 62
OUTBOX = 8
"""Reports that a device keeps; of more only the latest."""
SITE, START, AGENT, LOSS, RTT, SERVICE, REBOOT, DRIFT, TAKES, FAILS, BOOT, WAVE, OUTAGE = range(13)
"""Purposes of chance; `AGENT`: what the agent itself leaves to chance (jitter, waits)."""
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
def uniforms(seed: Any, who: Any, purpose: Any, first: Any, count: Any) -> Any:
    """The numbers with the counts `first`, `first + 1` and so on."""
    found = np.empty(count, np.float64)
    for k in range(count):
        found[k] = uniform(seed, who, purpose, first + k)
    return found


@njit(cache=True)
def sample(tables: Any, row: Any, u: Any) -> Any:
    """The quantile at `u` of a table in microseconds, on the line between the two points around it."""
    x = u * STEPS
    i = int(x)
    low = tables[row, i]
    return np.int64(low + (x - i) * (tables[row, i + 1] - low))


@njit(cache=True)
def gap(seed: Any, who: Any, purpose: Any, n: Any, mean: Any) -> Any:
    """Microseconds until something happens again that happens by itself, at any time alike (exponential)."""
    return 1 + np.int64(min(-mean * np.log1p(-uniform(seed, who, purpose, n)), 1e17))
