"""The clock of a live device, so that another can be put in its place."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """Do not call."""
        ...


class DeviceClock(Protocol):
    """Tells the time in seconds and calls later."""

    def now(self) -> float:
        """The time."""
        ...

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call after a time; must be used inside a running event loop."""
        ...


class SystemClock:
    """The Unix clock, or another that goes with the event loop's, and the event loop's timers."""

    def __init__(self, unix: Callable[[], float] = time.time) -> None:
        self._unix = unix

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._unix()

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call after a time on the running loop."""
        return asyncio.get_running_loop().call_later(delay_s, callback)
