"""Percentiles of latency, from the histograms that a live run left: exact to the width of a bucket."""

from collections.abc import Sequence

from reports.fleet.folder import Folder
from reports.fleet.units import duration

PARTS = (0.5, 0.9, 0.99, 0.999)
HEADER = ("Phase", "Polls", "Median", "90 %", "99 %", "99.9 %", "Highest")


def percentiles(folder: Folder) -> tuple[Sequence[str], list[list[str]]]:
    """A row for each phase and one for all; the upper ends of the buckets in which the percentiles lie."""
    table = folder.table("latency")
    phases: dict[str, dict[float, int]] = {}
    for phase, to_s, count in zip(*(table.get(name, ()) for name in ("phase", "to_s", "count")), strict=True):
        for name in (str(phase), "all"):
            of = phases.setdefault(name, {})
            of[to_s] = of.get(to_s, 0) + count
    if not phases:
        return HEADER, []
    if len(phases) == 2:  # one phase and all are the same
        del phases["all"]
    return HEADER, [[name, *_row(phases[name])] for name in sorted(phases, key=lambda name: (name == "all", name))]


def _row(buckets: dict[float, int]) -> list[str]:
    total = sum(buckets.values())
    ordered = sorted(buckets.items())
    reached = [_within(ordered, part * total) for part in PARTS]
    return [f"{total:,}", *map(duration, reached), duration(ordered[-1][0])]


def _within(ordered: Sequence[tuple[float, int]], wanted: float) -> float:
    seen = 0
    for to_s, count in ordered:
        seen += count
        if seen >= wanted:
            return to_s
    return ordered[-1][0]
