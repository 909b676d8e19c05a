"""Tables over time made short enough to be drawn: rows put together in steps, with percentiles of what is in a step."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

from reports.fleet.figures import quantile

T = TypeVar("T")
STEPS = 360
"""Steps that a chart has at most."""
FEWEST = 5
"""Rows of which a percentile says something."""


def rows_in_step(rows: int) -> int:
    """How many rows go into a step: enough for percentiles when there are many, else one."""
    return 1 if rows < 40 * FEWEST else max(FEWEST, -(-rows // STEPS))


def by_step(values: Sequence[T], each: int, put: Callable[[list[T]], T | None]) -> list[T | None]:
    """One value for each step of so many rows; None where all of the step is missing."""
    steps = (values[first : first + each] for first in range(0, len(values), each))
    return [put(there) if (there := [value for value in some if value is not None]) else None for some in steps]


def percentile(part: float) -> Callable[[list[float]], float]:
    """The nearest-rank percentile of a step."""
    return lambda values: quantile(sorted(values), part)


def within(times: Sequence[float], values: Sequence[float], low: float, high: float) -> tuple[list[float], list[float]]:
    """The part of a curve in a span of time."""
    kept = [(time, value) for time, value in zip(times, values, strict=True) if low <= time <= high]
    return [time for time, _ in kept], [value for _, value in kept]


def thinned(xs: Sequence[float], ys: Sequence[float], most: int = STEPS) -> tuple[list[float], list[float]]:
    """A curve that only rises, with about so many points: at even distances, and at even heights where it rises."""
    if len(xs) <= most:
        return list(xs), list(ys)
    half = most // 2
    even = {round(n * (len(xs) - 1) / (half - 1)) for n in range(half)}
    rise = (ys[-1] - ys[0]) / half
    rising = {min(bisect_left(ys, ys[0] + n * rise), len(xs) - 1) for n in range(1, half + 1)} if rise > 0 else set()
    kept = sorted(even | rising | {n - 1 for n in rising if n})
    return [xs[n] for n in kept], [ys[n] for n in kept]


def last_rise(times: Sequence[float], values: Sequence[float]) -> float:
    """When a cumulative curve rose last; its first time when it never did."""
    rises = [time for time, (before, after) in zip(times[1:], pairwise(values), strict=True) if after > before]
    return max(rises, default=times[0] if times else 0.0)


def until(xs: Sequence[float], ys: Sequence[Any], last: float) -> tuple[list[float], list[float]]:
    """A curve up to the end of the axis: the rest would fall off the plane."""
    kept = [(x, y) for x, y in zip(xs, ys, strict=True) if x <= last]
    return [x for x, _ in kept] + [last], [y for _, y in kept] + [kept[-1][1]]
