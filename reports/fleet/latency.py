"""Percentiles of latency, from the histograms that a live run left: exact to the width of a bucket."""

from collections.abc import Mapping, Sequence

from reports.fleet.folder import Folder
from reports.fleet.units import NOTHING, duration

PARTS = (0.5, 0.9, 0.99, 0.999)
HEADER = (
    "Phase",
    "Due polls answered",
    "Median",
    "90 %",
    "99 %",
    "99.9 %",
    "Highest",
    "Never answered",
    "Under way at the end",
)
WITHOUT = ("unanswered", "under_way")


def percentiles(folder: Folder) -> tuple[Sequence[str], list[list[str]]]:
    """A row for each phase and one for all; the upper ends of the buckets in which the percentiles lie.

    Polls that never got an answer have no latency, and stand beside.
    """
    table = folder.table("latency")
    told = folder.summary.poll_latency_s
    phases: dict[str, dict[float, int]] = {name: {} for name, of in told.items() if any(map(of.get, WITHOUT))}
    for phase, to_s, count in zip(*(table.get(name, ()) for name in ("phase", "to_s", "count")), strict=True):
        for name in (str(phase), "all"):
            of = phases.setdefault(name, {})
            of[to_s] = of.get(to_s, 0) + count
    if not phases:
        return HEADER, []
    if len(phases) == 2:  # one phase and all are the same
        del phases["all"]
    names = sorted(phases, key=lambda name: (name == "all", name))
    return HEADER, [[name, *_row(phases[name]), *_without(told.get(name, {}))] for name in names]


def _row(buckets: dict[float, int]) -> list[str]:
    if not buckets:
        return ["0", *[NOTHING] * (len(PARTS) + 1)]
    total = sum(buckets.values())
    ordered = sorted(buckets.items())
    reached = [_within(ordered, part * total) for part in PARTS]
    return [f"{total:,}", *map(duration, reached), duration(ordered[-1][0])]


def _without(of: Mapping[str, int | float | None]) -> list[str]:
    counts = [of.get(name) for name in WITHOUT]
    return [NOTHING if count is None else f"{count:,}" for count in counts]


def _within(ordered: Sequence[tuple[float, int]], wanted: float) -> float:
    seen = 0
    for to_s, count in ordered:
        seen += count
        if seen >= wanted:
            return to_s
    return ordered[-1][0]
