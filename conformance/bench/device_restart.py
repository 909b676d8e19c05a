"""Whether a real device restarted: it is asked again and again, since it answers to nobody on its way down and up."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from conformance.bench.device_subject import RESTART_S
from conformance.bench.errors import Blocked
from conformance.checks.device.effects import CLOCKS_S

DOWN_S = 15.0
"""How long a device that was told to restart may still say that it is up as it was."""
LOOK_S = 0.1


async def uptime_after_restart(
    look: Callable[[], Awaitable[Any]], since: Callable[[], float], timeout_s: float
) -> float | None:
    """Give for how many seconds a device says to be up, once that is no longer than `since` it was told to restart.

    Otherwise the last that it said when its time to go down was over; None when it never answered. `look` asks it once,
    and takes `timeout_s` at most. Raises Blocked for an answer of another form.
    """
    while True:
        try:
            answer = await look()
        except Blocked:  # nobody answered, which stands in the record
            if since() > RESTART_S - timeout_s:
                return None
        else:
            up = _seconds(answer)
            if up <= since() + CLOCKS_S or since() > DOWN_S:
                return up
        await asyncio.sleep(LOOK_S)


def _seconds(told: Any) -> float:
    seconds = told.get("seconds") if isinstance(told, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise Blocked("the hook uptime did not answer with {seconds: how long the device is up}")
    return float(seconds)
