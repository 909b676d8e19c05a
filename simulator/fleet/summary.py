"""What a run leaves as numbers: `summary.json` and tables of what was counted."""

import csv
import json
import resource
from pathlib import Path
from typing import Any

import numpy as np

from simulator.fleet.layout import CAUSE_NAMES, CLASS_NAMES
from simulator.fleet.plan import Plan
from simulator.fleet.rows import EVENT_NAMES, Tallies


def summary_of(plan: Plan, tallies: Tallies, wall_s: float, *, engine: str, whole: bool) -> dict[str, Any]:
    """The run in a few numbers; `partial` tells one that was interrupted."""
    totals = tallies.totals.sum(axis=0)
    return {
        "name": plan.fleet.name,
        "engine": engine,
        "seed": int(plan.numbers.seed),
        "devices": plan.devices,
        "simulated_s": plan.numbers.end,
        "partial": not whole,
        "polls": int(totals[0] + totals[1]),
        "requests": {name: int(count) for name, count in zip(CLASS_NAMES, totals, strict=True)},
        "events": {name: int(count) for name, count in zip(EVENT_NAMES, tallies.events, strict=True)},
        "failures": {
            name: int(count) for name, count in zip(CAUSE_NAMES, tallies.causes.sum(axis=0), strict=True) if count
        },
        "converged": {name: int(tallies.converged[n].sum()) for n, name in enumerate(plan.rollout_names)},
        "longest_queue": int(tallies.queue.max()),
        "busiest_bin_requests_per_s": float(tallies.requests.sum(axis=0).max() / plan.bin_s),
        "wall_s": round(wall_s, 3),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def write(folder: Path, plan: Plan, tallies: Tallies, summary: dict[str, Any]) -> None:
    """Write `summary.json`, `requests.csv` (over time) and `cohorts.csv` into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "requests.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["from_s", *CLASS_NAMES])
        used = np.flatnonzero(tallies.requests.sum(axis=0))
        table.writerows([n * plan.bin_s, *map(int, tallies.requests[:, n])] for n in used)
    with (folder / "cohorts.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["cohort", *CLASS_NAMES, *(f"failed-{name}" for name in CAUSE_NAMES[1:])])
        for n, name in enumerate(plan.cohort_names):
            table.writerow([name, *map(int, tallies.totals[n]), *map(int, tallies.causes[n][1:])])
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
