"""The time of day as an argument, so that tests and shifted clocks need no patching."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the current time as an aware datetime."""


def utc_now() -> datetime:
    """Give the current time of this machine in UTC."""
    return datetime.now(UTC)
