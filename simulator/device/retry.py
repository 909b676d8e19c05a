"""When a refused or failed request may be sent again (RTY-006..RTY-009, ERR-013..ERR-016, behaviours RB-08, RB-09)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from simulator.device.events import ResponseArrived
from simulator.protocol.problem import TRANSIENT, Backoff, Problem, parse_problem

LONGEST_WAIT_S = 7 * 86400.0
"""A Retry-After beyond this is taken as this: nobody is to be able to switch a device off for good."""
JITTER = 0.1
"""The part of a wait by which chance makes it longer."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What an error answer says about trying again; `floor_s` seconds have to pass in any case (RTY-007)."""

    retryable: bool
    strategy: Backoff
    floor_s: float
    problem: Problem | None = None


def advice_of(answer: ResponseArrived) -> Advice:
    """Read an error answer; a body that is no problem document is judged by its status alone (ERR-010)."""
    problem = parse_problem(answer.body) if answer.body else None
    transient = answer.status in TRANSIENT
    retryable = problem.retryable if problem and problem.retryable is not None else transient
    strategy: Backoff = (problem.backoff_strategy if problem else None) or ("exponential" if transient else "none")
    floor = retry_after(answer.headers)
    if floor is None:
        floor = float(problem.retry_after_seconds or 0) if problem else 0.0
    return Advice(retryable, strategy, min(floor, LONGEST_WAIT_S), problem)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header; a date counts from the answer's own Date, so that no clock is needed."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - parsedate_to_datetime(headers["date"])).total_seconds())
    except (KeyError, TypeError, ValueError):
        return None


@dataclass(slots=True)
class Attempts:
    """Failures in a row and the waits between them: waits never get shorter until something succeeds."""

    failures: int = 0
    last_delay_s: float = 0.0

    def succeeded(self) -> None:
        """Begin anew."""
        self.failures = 0
        self.last_delay_s = 0.0

    def next_delay(
        self, strategy: Backoff, start_s: float, cap_s: float, random: Callable[[], float], jitter: float = JITTER
    ) -> float:
        """The next wait in seconds: `start_s` again (fixed), or doubling from it, up to `cap_s` (exponential).

        A little random time is added, never taken away, so that devices that failed together do not return together.
        """
        self.failures += 1
        delay = start_s
        if strategy == "exponential":
            delay = min(start_s * 2.0 ** min(self.failures - 1, 32), max(cap_s, start_s))
            delay *= 1.0 + jitter * random()
        self.last_delay_s = max(delay, self.last_delay_s) if strategy == "exponential" else delay
        return self.last_delay_s
