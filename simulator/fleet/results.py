"""What a simulation leaves: summary.json and tables. They are counts: the same fleet and seed give the same."""

import csv
import json
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simulator.fleet import model
from simulator.fleet.description import Fleet
from simulator.fleet.plan import World, bin_width

OUTCOMES = {
    "unchanged": model.UNCHANGED,
    "changed": model.CHANGED,
    "older": model.OLDER,
    "bundles": model.BUNDLE,
    "status": model.STATUS,
    "capabilities": model.CAPABILITIES,
    "refused": model.REFUSED,
    "unreachable": model.UNREACHABLE,
    "lost": model.LOST,
}
CAUSES = {
    "failed_installations": model.FAILED,
    "gave_up": model.GAVE_UP,
    "reboots": model.REBOOTED,
    "drifts": model.DRIFTED,
    "power_cuts": model.POWER_CUT,
}
Table = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Run:
    """How a simulation was made: engine, seconds, and whether it came to its end."""

    engine: str
    wall_s: float
    compile_s: float = 0.0
    complete: bool = True


def summary_of(fleet: Fleet, world: World, run: Run) -> dict[str, Any]:
    """The figures of a run. `polls`: requests for the manifest that the WFM answered; refused ones count apart."""
    totals = {name: int(world.rates[row].sum()) for name, row in OUTCOMES.items()}
    polls = totals["unchanged"] + totals["changed"] + totals["older"]
    per_bin = world.rates[: model.UNREACHABLE].sum(axis=0)
    days = fleet.duration / 86400
    return {
        "name": fleet.name,
        "engine": run.engine,
        "seed": fleet.seed,
        "complete": run.complete,
        "devices": fleet.devices,
        "duration_s": fleet.duration,
        "polls": polls,
        "requests": totals,
        "peak_requests_per_s": round(float(per_bin.max()) / bin_width(fleet), 3),
        "longest_queue": int(world.waiting.max()),
        "refused_with": fleet.wfm.refuses_with,
        "bytes": int(world.tally[:, model.BYTES].sum()),
        "bytes_per_device_and_day": round(float(world.tally[:, model.BYTES].sum()) / fleet.devices / days, 1),
        "failures": {name: int(world.tally[:, column].sum()) for name, column in CAUSES.items()},
        "rollouts": [_rollout(fleet, world, n) for n in range(len(fleet.rollouts))],
        "wall_s": round(run.wall_s, 3),
        "compile_s": round(run.compile_s, 3),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def _rollout(fleet: Fleet, world: World, n: int) -> dict[str, Any]:
    rollout = fleet.rollouts[n]
    succeeded, failed, paused = map(int, world.results[n])
    adopted = world.adopted[world.waves["rollout"] == n].sum(axis=0)
    return {
        "application": rollout.application,
        "revision": rollout.revision,
        "succeeded": succeeded,
        "failed": failed,
        "paused_at_s": (paused - 1) / 1e6 if paused else None,
        "seconds_until": {
            f"{part:.0%}": _reached(adopted, part, bin_width(fleet), rollout.waves[0].at) for part in (0.5, 0.9, 0.99)
        },
    }


def _reached(adopted: Any, part: float, width: float, since: float) -> float | None:
    """Seconds after the rollout began until the part of those that adopted it had; to the end of a time step."""
    total = int(adopted.sum())
    if not total:
        return None
    return float((np.searchsorted(np.cumsum(adopted), part * total) + 1) * width - since)


def tables_of(fleet: Fleet, world: World) -> dict[str, Table]:
    """The tables: `rates` and `convergence` over time, `cohorts`."""
    width = bin_width(fleet)
    bins = int(np.ceil(fleet.duration / width))
    rates: Table = {"time_s": [n * width for n in range(bins)]}
    rates |= {name: world.rates[row, :bins].tolist() for name, row in OUTCOMES.items()}
    rates["longest_queue"] = world.waiting[:bins].tolist()
    convergence: Table = {"time_s": [(n + 1) * width for n in range(bins)]}
    for k, wave in enumerate(world.waves):
        rollout = int(wave["rollout"])
        number = k - int(np.argmax(world.waves["rollout"] == rollout)) + 1
        name = f"rollout {rollout + 1} ({fleet.rollouts[rollout].revision}) wave {number}"
        convergence[name] = np.cumsum(world.adopted[k, :bins]).tolist()
    cohorts: Table = {
        "cohort": [cohort.name for cohort in fleet.cohorts],
        "vendor": [cohort.profile.vendor for cohort in fleet.cohorts],
        "devices": [cohort.count for cohort in fleet.cohorts],
        **{name: world.tally[:, column].tolist() for name, column in CAUSES.items()},
        "bytes": world.tally[:, model.BYTES].tolist(),
    }
    return {"rates": rates, "convergence": convergence, "cohorts": cohorts}


def write(folder: Path, summary: dict[str, Any], tables: dict[str, Table]) -> None:
    """Write summary.json and one CSV file for each table. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(table)
            rows.writerows(zip(*table.values(), strict=True))
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
