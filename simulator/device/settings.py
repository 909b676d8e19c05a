"""Settings of the agent core: how often, how long, and which policies; shared by every device of a kind."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from simulator.device.policies import Policies
from simulator.device.retry import JITTER

DAY_S = 86400.0
Retrieval = Literal["bundle", "individual"]


@dataclass(frozen=True, slots=True)
class Window:
    """A span of the agent's clock, in seconds, from `start_s` up to but not including `end_s` (DT-002)."""

    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        """Refuse a window that ends before it starts."""
        if self.end_s <= self.start_s:
            raise ValueError(f"window: expected an end after the start {self.start_s}, found {self.end_s}")


@dataclass(frozen=True, slots=True)
class DailyWindow:
    """Hours of each day in which to poll, as seconds of the day; may reach over midnight (DT-004)."""

    start_s: float
    end_s: float

    def wait_s(self, now: float) -> float:
        """Seconds from `now` until the window is open; 0 inside it."""
        since_start = (now - self.start_s) % DAY_S
        length = (self.end_s - self.start_s) % DAY_S or DAY_S
        return 0.0 if since_start < length else DAY_S - since_start


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """All that the agent core is told; times in seconds.

    `poll_jitter` is the part of the interval by which polls are spread; `start_spread_s` the time over which devices
    that start together begin. `retry_attempts` bounds tries in a row before the next regular poll; `retry_jitter` is
    the part of a wait by which chance makes it longer. `install_attempts` of 0 means that a failed installation is
    tried again without end, a `drift_interval_s` of 0 that the machine is never looked at.
    """

    policies: Policies = field(default_factory=Policies)
    retrieval: Retrieval = "bundle"
    poll_interval_s: float = 60.0
    poll_jitter: float = 0.0
    start_spread_s: float = 0.0
    retry_base_s: float = 1.0
    retry_cap_s: float = 300.0
    retry_attempts: int = 5
    retry_jitter: float = JITTER
    install_attempts: int = 0
    install_retry_s: float = 60.0
    install_retry_cap_s: float = 3600.0
    removal_retry_s: float = 10.0
    drift_interval_s: float = 30.0
    offline_stop_after_s: float = 3600.0
    check_capacity: bool = True
    downtime: tuple[Window, ...] = ()
    polling_hours: tuple[DailyWindow, ...] = ()
    outbox_limit: int = 1000


def downtime_left(windows: Sequence[Window], at: float) -> float:
    """Seconds of known downtime left at a time; 0 outside every window (DT-002)."""
    left = 0.0
    for window in sorted(windows, key=lambda item: item.start_s):
        if window.start_s <= at + left < window.end_s:
            left = window.end_s - at
    return left


def regular_distance(settings: AgentSettings, chance: float) -> float:
    """Seconds from an answer to the next poll; `chance` in [0, 1) counts where there is jitter."""
    interval, jitter = settings.poll_interval_s, settings.poll_jitter
    return interval + interval * jitter * (chance - 0.5) if jitter else interval


def polling_wait(windows: Sequence[DailyWindow], at: float) -> float:
    """Seconds until polling is allowed; 0 when it is, or when no hours are configured (DT-004)."""
    return min((window.wait_s(at) for window in windows), default=0.0)
