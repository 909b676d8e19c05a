"""A live run in the form of a simulated one: the same figures and tables where they exist, and what only live tells.

Beside `rates`, `convergence`, `waves`, `events` and `cohorts` there are `latency` (a histogram for each phase),
`profiles` (devices by vendor and model) and `findings`.
"""

import math
import resource
from collections import Counter
from collections.abc import Iterator
from typing import Any

from simulator.fleet.description import Fleet
from simulator.fleet.live.plan import LivePlan
from simulator.fleet.live.result import LiveResult
from simulator.fleet.live.rollouts import Table, events_of, rollouts_of, waves_of
from simulator.fleet.live.shard import catalogues_of
from simulator.fleet.live.tally import (
    ADOPTED,
    BYTES,
    BYTES_IN,
    BYTES_OUT,
    COLUMNS,
    DUE,
    GROUP_COLUMNS,
    INSTALLED,
    MISSED,
    POWER_CUTS,
    STORM_CUTS,
    Second,
    Tally,
)
from simulator.fleet.profiles import table
from simulator.fleet.stamp import stamp

OUTCOMES = ("unchanged", "changed", "older", "bundles", "status", "capabilities", "refused", "unreachable", "lost")
MORE_RATES = ("due", "sent", "answered", "failed", "handshakes", "adopted", "installed", *MISSED)
MAX_STEPS = 1440


def step_s(duration_s: float) -> int:
    """Seconds of one row of the tables over time."""
    return max(1, math.ceil(duration_s / MAX_STEPS))


def summary_of(fleet: Fleet, result: LiveResult, wall_s: float) -> dict[str, Any]:
    """The figures of a run; keys that a simulation has too mean the same."""
    plan, tally = result.plan, result.tally
    totals = {name: tally.total(COLUMNS.index(name)) for name in OUTCOMES}
    size = tally.bytes_in + tally.bytes_out
    days = max(result.ran_s, 1e-9) / 86400
    peak = max((row.counts[COLUMNS.index("answered")] for row in tally.seconds.values()), default=0)
    answered = tally.total(COLUMNS.index("answered"))
    cuts, by_storm = _of_groups(tally, POWER_CUTS), _of_groups(tally, STORM_CUTS)
    return {
        "name": fleet.name,
        "engine": "live",
        "seed": plan.seed,
        "complete": not result.partial,
        "devices": plan.devices,
        "duration_s": plan.duration_s,
        "ran_s": round(result.ran_s, 3),
        "url": result.url,
        "revision": plan.revision,
        "settings": plan.settings(),
        "polls": totals["unchanged"] + totals["changed"] + totals["older"],
        "requests": totals,
        "requests_per_s": round(answered / result.ran_s, 3) if result.ran_s else 0.0,
        "peak_requests_per_s": peak,
        "bytes": size,
        "bytes_per_device_and_day": round(size / plan.devices / days, 1),
        "failures": {name: _of_groups(tally, name) for name in GROUP_COLUMNS if name not in (BYTES, STORM_CUTS)},
        "power_cuts_by_cause": {"outage": cuts - by_storm, "storm": by_storm},
        "rollouts": rollouts_of(fleet, result),
        "polls_due": polls_due(tally),
        "poll_latency_s": tally.latency_summary(),
        "handshakes": {"count": tally.handshake.count, **tally.handshake.summary()},
        "driver_lag_s": tally.lag.summary(),
        "connections": {
            "policy": "keep-alive" if plan.connections.keep_alive else "reconnect",
            "limit": plan.connections.limit,
            "peak": sum(process.peak_connections for process in result.processes),
            "evicted": sum(process.evicted for process in result.processes),
            "source_ips": list(plan.connections.source_ips),
        },
        "processes": len(result.processes),
        "driver_cpu_s": round(sum(process.cpu_s for process in result.processes), 2),
        "answers": [
            {"operation": operation, "status": status, "count": count}
            for (operation, status), count in sorted(tally.requests.items())
        ],
        "errors": [
            {"operation": operation, "kind": kind, "count": count}
            for (operation, kind), count in sorted(tally.errors.items())
        ],
        "noticed": dict(sorted(tally.noticed.items())),
        "wall_s": round(wall_s, 3),
        "peak_rss_mb": round(sum(process.rss_mib for process in result.processes) + _own_rss_mb(), 1),
        **stamp(),
    }


def tables_of(fleet: Fleet, result: LiveResult) -> dict[str, Table]:
    """The tables, each with columns of one length."""
    return {
        "rates": _rates(result),
        "convergence": _convergence(fleet, result),
        "events": events_of(fleet, result),
        **({"waves": waves_of(fleet, result)} if result.plan.rollouts else {}),
        "cohorts": _cohorts(result),
        "profiles": profiles_of(result.plan),
        "latency": _histograms(result.tally),
        "findings": findings_of(result),
    }


def findings_of(result: LiveResult) -> Table:
    """What has to be known to read the figures; compliance findings are added where somebody judges."""
    found = result.findings
    return {
        "kind": [finding.kind for finding in found],
        "requirement": [""] * len(found),
        "outcome": [""] * len(found),
        "text": [finding.text for finding in found],
        "from_s": [round(finding.from_s, 3) for finding in found],
        "to_s": [round(finding.to_s, 3) for finding in found],
        "times": [1] * len(found),
        "shown_by": [""] * len(found),
    }


def profiles_of(plan: LivePlan) -> Table:
    """Devices by cohort, vendor and model."""
    groups = plan.groups
    return table([group.name for group in groups], [group.devices for group in groups], catalogues_of(plan))


def polls_due(tally: Tally) -> dict[str, int]:
    """The polls that came due, and what became of them; beside `due` and `one_answer_for_several` they add up to it.

    One answer may be the answer to several, so these are more than the requests that were answered.
    """
    return {
        "due": tally.total(DUE),
        "answered": sum(histogram.count for histogram in tally.latency.values()),
        **tally.missing(),
        "one_answer_for_several": tally.noticed["polls-merged"],
    }


def _of_groups(tally: Tally, what: str) -> int:
    return sum(group[what] for group in tally.groups.values())


def _steps(result: LiveResult) -> Iterator[tuple[int, Second]]:
    """Each row of the tables over time: where it begins, and what happened in it."""
    width = step_s(result.plan.duration_s)
    rows: dict[int, Second] = {}
    for second, row in result.tally.seconds.items():
        rows.setdefault(second // width, Second()).merge(row)
    last = max([*rows, math.ceil(result.ran_s / width) - 1], default=-1)
    for number in range(last + 1):
        yield number * width, rows.get(number, Second())


def _rates(result: LiveResult) -> Table:
    names = (*OUTCOMES, *MORE_RATES)
    rows: Table = {"time_s": [], **{name: [] for name in names}, "bytes": []}
    quantiles = {"poll_p50_s": 0.5, "poll_p99_s": 0.99, "poll_max_s": 1.0}
    rows |= {name: [] for name in quantiles}
    for time, row in _steps(result):
        rows["time_s"].append(float(time))
        for name in names:
            rows[name].append(row.counts[COLUMNS.index(name)])
        rows["bytes"].append(row.counts[BYTES_OUT] + row.counts[BYTES_IN])
        for name, share in quantiles.items():
            rows[name].append(row.latency.quantile(share))
    return rows


def _convergence(fleet: Fleet, result: LiveResult) -> Table:
    width = step_s(result.plan.duration_s)
    waves = [(n, k) for n, rollout in enumerate(result.plan.rollouts) for k in range(len(rollout.waves))]
    names = [f"rollout {n + 1} ({fleet.rollouts[n].revision}) wave {k + 1}" for n, k in waves]
    rows: Table = {"time_s": [], **{name: [] for name in names}, "adopted manifests": [], "installed": []}
    sums: Counter[str] = Counter()
    for time, row in _steps(result):
        rows["time_s"].append(float(time + width))
        sums.update({"adopted manifests": row.counts[ADOPTED], "installed": row.counts[INSTALLED]})
        sums.update({name: row.reached[wave] for name, wave in zip(names, waves, strict=True)})
        for name in (*names, "adopted manifests", "installed"):
            rows[name].append(sums[name])
    return rows


def _cohorts(result: LiveResult) -> Table:
    groups, tally = result.plan.groups, result.tally
    latency = [tally.latency_of(group.name) for group in groups]
    catalogues = catalogues_of(result.plan)
    return {
        "cohort": [group.name for group in groups],
        "vendor": [catalogue.vendor for catalogue in catalogues],
        "model": [catalogue.number for catalogue in catalogues],
        "devices": [group.devices for group in groups],
        "polls": [histogram.count for histogram in latency],
        "polls_without_answer": [sum(tally.missing(cohort=group.name).values()) for group in groups],
        **{name: [tally.groups[group.name][name] for group in groups] for name in GROUP_COLUMNS},
        "poll_p50_s": [histogram.quantile(0.5) for histogram in latency],
        "poll_p99_s": [histogram.quantile(0.99) for histogram in latency],
    }


def _histograms(tally: Tally) -> Table:
    """Buckets of the latency of polls: from above `over_s` up to `to_s`, how many of a phase."""
    rows: Table = {"phase": [], "to_s": [], "count": []}
    for phase, histogram in sorted(tally.latency.items()):
        for to_s, count in histogram.buckets():
            rows["phase"].append(phase)
            rows["to_s"].append(to_s)
            rows["count"].append(count)
    return rows


def _own_rss_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
