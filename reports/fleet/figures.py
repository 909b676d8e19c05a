"""The numbers of a run that people ask for, and that runs are compared by.

Each has its unit, and whether less of it is better.
`key` is stable: gates in CI name figures by it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from reports.fleet.derived import waves_of
from reports.fleet.folder import Folder
from reports.fleet.herd import herds, reached
from reports.fleet.units import clock

Unit = Literal["s", "bytes", "per_s", "count", "times"]
PARTS = ("50%", "90%", "99%")
FAILED = {
    "refused": "Requests refused by the WFM",
    "unreachable": "Requests that found no WFM",
    "lost": "Requests without an answer in time",
}
CAUSES = {
    "failed_installations": "Installations that failed",
    "gave_up": "Devices that gave up on a revision",
    "reboots": "Reboots",
    "drifts": "Drifts: installed again",
    "power_cuts": "Power cuts of devices",
}
_CHANCE = frozenset({"reboots", "drifts", "power_cuts"})
"""What the description asks for: more of it makes no run worse."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. `lower_is_better` is None where neither is; `value` None where it was never reached."""

    key: str
    group: str
    label: str
    unit: Unit
    value: float | None
    lower_is_better: bool | None = None


def figures_of(folder: Folder) -> list[Figure]:
    """Every figure that the folder has, in the order in which they are shown."""
    return [*_load(folder), *_waves(folder), *_rollouts(folder), *_herds(folder), *_failures(folder), *_latency(folder)]


def _load(folder: Folder) -> Iterator[Figure]:
    summary, group = folder.summary, "Load"
    yield Figure("polls", group, "Polls answered", "count", summary.polls)
    rates = sorted(reached(folder))
    if rates:
        yield Figure("requests_per_s_p50", group, "Requests per second, median", "per_s", quantile(rates, 0.5))
        yield Figure(
            "requests_per_s_p95", group, "Requests per second, 95th percentile", "per_s", quantile(rates, 0.95), True
        )
        yield Figure("peak_requests_per_s", group, "Requests per second, highest", "per_s", rates[-1], True)
    if summary.longest_queue is not None:
        yield Figure("longest_queue", group, "Longest queue at the WFM", "count", summary.longest_queue, True)
    for name, label in FAILED.items():
        if name in summary.requests:
            yield Figure(name, group, label, "count", summary.requests[name], True)
    if summary.bytes_per_device_and_day is not None:
        value = summary.bytes_per_device_and_day
        yield Figure("bytes_per_device_and_day", group, "Bytes per device and day", "bytes", value, True)


def quantile(ordered: list[float], part: float) -> float:
    """The nearest-rank quantile of values in order."""
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def _waves(folder: Folder) -> Iterator[Figure]:
    table = waves_of(folder)
    for n in range(len(table.get("wave", ()))):
        rollout, revision, wave = (table[name][n] for name in ("rollout", "revision", "wave"))
        for part in PARTS:
            column = table.get(f"s_until_{part}")
            if column is not None:
                key = f"rollout{rollout}.wave{wave}.s_until_{part}"
                label = f"{revision}, wave {wave}: until {part.replace('%', ' %')} of its devices"
                yield Figure(key, "Convergence", label, "s", column[n], True)


def _rollouts(folder: Folder) -> Iterator[Figure]:
    for n, rollout in enumerate(folder.summary.rollouts, 1):
        key, group = f"rollout{n}", "Rollouts"
        yield Figure(
            f"{key}.succeeded", group, f"{rollout.revision}: devices that installed it", "count", rollout.succeeded
        )
        yield Figure(f"{key}.failed", group, f"{rollout.revision}: devices that failed", "count", rollout.failed, True)
        if rollout.paused_at_s is not None:
            yield Figure(f"{key}.paused_at_s", group, f"{rollout.revision}: paused at", "s", rollout.paused_at_s)


def _herds(folder: Folder) -> Iterator[Figure]:
    for herd in herds(folder):
        key, after = f"herd@{herd.ended:.0f}s", f"After {clock(herd.ended)} ({herd.kind})"
        yield Figure(f"{key}.peak_per_s", "Herds", f"{after}: highest rate", "per_s", herd.peak, True)
        if herd.times is not None:
            yield Figure(f"{key}.times", "Herds", f"{after}: against the peaks before", "times", herd.times, True)
            yield Figure(f"{key}.calm_after_s", "Herds", f"{after}: until peaks are calm", "s", herd.calm_after, True)
        yield Figure(f"{key}.refused", "Herds", f"{after}: refused", "count", herd.refused, True)


def _failures(folder: Folder) -> Iterator[Figure]:
    for name, count in folder.summary.failures.items():
        label = CAUSES.get(name, name.replace("_", " ").capitalize())
        yield Figure(name, "Failures", label, "count", count, None if name in _CHANCE else True)


def _latency(folder: Folder) -> Iterator[Figure]:
    """Live runs count latency from the time for which a poll was due; the highest of any step is what is told."""
    rates = folder.table("rates")
    for name, label in (("poll_p50_s", "median"), ("poll_p99_s", "99th percentile"), ("poll_max_s", "highest")):
        values = [value for value in rates.get(name, ()) if value is not None]
        if values:
            key = f"worst_{name}"
            yield Figure(key, "Latency", f"Latency of polls, {label} of the worst step", "s", max(values), True)
