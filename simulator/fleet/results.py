"""What a run leaves: summary.json, tables as Parquet and CSV, and the fleet as it was run.

They are counts: the same fleet and seed give the same. `rates` and `convergence` have a row for each step of
`plan.bin_width`; `waves`, `cohorts`, `bytes` and `events` one for each thing they are named after.

A run that was interrupted leaves what it counted: all devices until some time, or some devices for the whole time. Its
figures and tables are cut alike, and whatever is a share or a mean is one of what was simulated.
"""

import csv
import json
import resource
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from simulator.fleet import model, profiles
from simulator.fleet.description import Fleet
from simulator.fleet.notes import notes_of
from simulator.fleet.plan import US, Array, World, bin_width
from simulator.fleet.stamp import stamp

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
CHUNK = 1 << 20
PARTS = (0.5, 0.9, 0.99)
Table = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Run:
    """How a run was made: engine, seconds, and whether it came to its end.

    `covered_s`: how much of the fleet's time was counted, when that is not all of it. `missing`: devices that were not
    simulated at all.
    """

    engine: str
    wall_s: float
    compile_s: float = 0.0
    complete: bool = True
    covered_s: float | None = None
    missing: Sequence[range] = ()


def summary_of(fleet: Fleet, world: World, run: Run) -> dict[str, Any]:
    """The figures of a run. `polls`: requests for the manifest that the WFM answered; refused ones count apart."""
    totals = {name: int(world.rates[row].sum()) for name, row in OUTCOMES.items()}
    polls = totals["unchanged"] + totals["changed"] + totals["older"]
    per_bin = world.rates[: model.UNREACHABLE].sum(axis=0)
    covered = fleet.duration if run.covered_s is None else run.covered_s
    size = int(world.tally[:, model.BYTES].sum())
    simulated = sum(_simulated(fleet, run.missing))
    sizes = wave_sizes(fleet, world, run.missing)
    return {
        "name": fleet.name,
        "question": fleet.question,
        "engine": run.engine,
        "seed": fleet.seed,
        "complete": run.complete,
        "devices": fleet.devices,
        "simulated_devices": simulated,
        "missing_devices": [[part.start, part.stop - 1] for part in run.missing],
        "duration_s": fleet.duration,
        "covered_s": covered,
        "polls": polls,
        "requests": totals,
        "peak_requests_per_s": round(float(per_bin.max()) / bin_width(fleet), 3),
        "peak_over_s": bin_width(fleet),
        "longest_queue": int(world.waiting.max()),
        "refused_with": fleet.wfm.refuses_with,
        "bytes": size,
        "bytes_per_device_and_day": round(_per_day(size, simulated, covered), 1),
        "failures": {name: int(world.tally[:, column].sum()) for name, column in CAUSES.items()},
        "rollouts": [_rollout(fleet, world, n, sizes) for n in range(len(fleet.rollouts))],
        "notes": notes_of(fleet),
        "wall_s": round(run.wall_s, 3),
        "compile_s": round(run.compile_s, 3),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        **stamp(),
    }


def _per_day(size: int, devices: int, covered: float) -> float:
    return size / devices / (covered / 86400) if devices and covered else 0.0


def _simulated(fleet: Fleet, missing: Sequence[range]) -> list[int]:
    """How many devices of each cohort were simulated."""
    found, first = [], 0
    for cohort in fleet.cohorts:
        last = first + cohort.count
        away = sum(max(0, min(last, part.stop) - max(first, part.start)) for part in missing)
        found.append(cohort.count - away)
        first = last
    return found


def _rollout(fleet: Fleet, world: World, n: int, sizes: Sequence[int]) -> dict[str, Any]:
    """`seconds_until`: a part of all devices of its waves, from its first wave on."""
    rollout = fleet.rollouts[n]
    succeeded, failed, paused = map(int, world.results[n])
    its = world.waves["rollout"] == n
    adopted, devices = world.adopted[its].sum(axis=0), int(np.array(sizes)[its].sum())
    return {
        "application": rollout.application,
        "revision": rollout.revision,
        "begins_at_s": rollout.waves[0].at,
        "devices": devices,
        "succeeded": succeeded,
        "failed": failed,
        "paused_at_s": (paused - 1) / 1e6 if paused else None,
        "seconds_until": {
            f"{part:.0%}": _reached(adopted, part * devices, bin_width(fleet), rollout.waves[0].at) for part in PARTS
        },
    }


def _reached(adopted: Array, devices: float, width: float, since: float) -> float | None:
    """Seconds since then until so many devices had adopted, to the end of a time step; None if they never did."""
    if not devices or adopted.sum() < devices:
        return None
    return round(float((np.searchsorted(np.cumsum(adopted), devices) + 1) * width - since), 3)


def tables_of(
    fleet: Fleet, world: World, covered: float | None = None, missing: Sequence[range] = ()
) -> dict[str, Table]:
    """All tables. `covered`: the seconds that were counted, when that is not all of them; `missing`: see `Run`."""
    width = bin_width(fleet)
    bins = int(np.ceil(fleet.duration / width)) if covered is None else _bins(world, covered, width)
    covered = fleet.duration if covered is None else covered
    simulated = _simulated(fleet, missing)
    rates: Table = {"time_s": [round(n * width, 6) for n in range(bins)]}
    rates |= {name: world.rates[row, :bins].tolist() for name, row in OUTCOMES.items()}
    rates["longest_queue"] = world.waiting[:bins].tolist()
    waves = _waves(fleet, world, missing)
    convergence: Table = {"time_s": [round((n + 1) * width, 6) for n in range(bins)]}
    for k, (rollout, revision, wave) in enumerate(
        zip(*(waves[c] for c in ("rollout", "revision", "wave")), strict=True)
    ):
        convergence[f"rollout {rollout} ({revision}) wave {wave}"] = np.cumsum(world.adopted[k, :bins]).tolist()
    catalogues = profiles.catalogues_of(fleet.seed, [cohort.profile for cohort in fleet.cohorts])
    cohorts: Table = {
        "cohort": [cohort.name for cohort in fleet.cohorts],
        "vendor": [catalogue.vendor for catalogue in catalogues],
        "model": [catalogue.number for catalogue in catalogues],
        "devices": [cohort.count for cohort in fleet.cohorts],
        "simulated": simulated,
        **{name: world.tally[:, column].tolist() for name, column in CAUSES.items()},
        "bytes": world.tally[:, model.BYTES].tolist(),
    }
    return {
        "rates": rates,
        "convergence": convergence,
        "cohorts": cohorts,
        "profiles": profiles.table(cohorts["cohort"], cohorts["devices"], catalogues),
        "waves": waves,
        "bytes": _bytes(fleet, world, sum(simulated), covered),
        "events": _events(fleet, world, covered),
    }


def _bins(world: World, covered: float, width: float) -> int:
    """Time steps that were counted, with those in which what was under way then will be answered."""
    counted = np.flatnonzero(world.rates.any(axis=0) | world.adopted.any(axis=0))
    return max(int(np.ceil(covered / width)), int(counted[-1]) + 1 if len(counted) else 0)


def wave_sizes(fleet: Fleet, world: World, missing: Sequence[range] = ()) -> list[int]:
    """How many devices each wave is for, of those simulated: chance decides, by the same numbers as in a run."""
    sizes = np.zeros(len(world.waves), np.int64)
    first = 0
    for cohort in world.cohorts:
        for begin in range(first, int(cohort["end"]), CHUNK):
            numbers = np.arange(begin, min(begin + CHUNK, int(cohort["end"])), dtype=np.uint64)
            for part in missing:
                numbers = numbers[(numbers < part.start) | (numbers >= part.stop)]
            for n in range(len(fleet.rollouts)):
                with np.errstate(over="ignore"):
                    drawn = model.uniform.py_func(world.fixed[0]["seed"], numbers, model.WAVE, n)
                for k, wave in enumerate(world.waves):
                    if wave["rollout"] == n and wave["application"] == cohort["application"]:
                        sizes[k] += ((drawn >= wave["low"]) & (drawn < wave["high"])).sum()
        first = int(cohort["end"])
    return [int(size) for size in sizes]


def _waves(fleet: Fleet, world: World, missing: Sequence[range]) -> Table:
    """A row for each wave; how long after its beginning parts of its devices had the revision."""
    rows: Table = {name: [] for name in ("rollout", "application", "revision", "wave", "at_s", "devices", "adopted")}
    rows |= {f"s_until_{part:.0%}": [] for part in PARTS}
    sizes = wave_sizes(fleet, world, missing)
    number = dict.fromkeys(range(len(fleet.rollouts)), 0)
    for wave, adopted, devices in zip(world.waves, world.adopted, sizes, strict=True):
        n = int(wave["rollout"])
        number[n] += 1
        at = float(wave["at"]) / US
        row = (n + 1, fleet.rollouts[n].application, fleet.rollouts[n].revision, number[n], at, devices)
        until = (_reached(adopted, part * devices, bin_width(fleet), at) for part in PARTS)
        for column, value in zip(rows.values(), (*row, int(adopted.sum()), *until), strict=True):
            column.append(value)
    return rows


def _bytes(fleet: Fleet, world: World, devices: int, covered: float) -> Table:
    """What the bytes were for. Bundles are what the rest leaves, as each revision has its own size."""
    sizes = fleet.wfm.sizes.by_kind()
    counts = [int(world.rates[kind].sum()) for kind in range(len(sizes))]
    total = int(world.tally[:, model.BYTES].sum())
    spent = {name: counts[kind] * sizes[kind] for name, kind in OUTCOMES.items() if kind < len(sizes)}
    spent["bundles"] = total - sum(size for name, size in spent.items() if name != "bundles")
    return {
        "kind": list(spent),
        "requests": [counts[OUTCOMES[name]] for name in spent],
        "bytes": list(spent.values()),
        "bytes_per_device_and_day": [round(_per_day(size, devices, covered), 3) for size in spent.values()],
    }


def _events(fleet: Fleet, world: World, covered: float) -> Table:
    """What happened to the fleet in the time that was counted, in order: outages, waves, pauses."""
    rows = sorted({row for row in (*_outages(fleet), *_happened(fleet, world)) if row[0] < covered})
    names = ("from_s", "until_s", "kind", "what", "share")
    return (
        {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
        if rows
        else {name: [] for name in names}
    )


_Event = tuple[float, float, str, str, float]


def _outages(fleet: Fleet) -> Iterator[_Event]:
    for cohort in fleet.cohorts:
        for outage in cohort.sites.outages:
            at: float = outage.at
            while at < fleet.duration:
                yield at, at + outage.lasts, f"{outage.kind} outage", cohort.name, outage.share
                at += outage.every or fleet.duration
    for down in fleet.wfm.down:
        yield down.at, down.at + down.lasts, "WFM outage", "", 1.0
    for restored in fleet.wfm.restored:
        yield restored.at, restored.at + restored.lasts, "period on a backup", "", 1.0


def _happened(fleet: Fleet, world: World) -> Iterator[_Event]:
    for n, rollout in enumerate(fleet.rollouts):
        for k, wave in enumerate(rollout.waves):
            yield wave.at, wave.at, "wave", f"{rollout.revision} wave {k + 1}", wave.share
        if paused := int(world.results[n][2]):
            yield (paused - 1) / US, (paused - 1) / US, "paused", rollout.revision, 1.0


def write(folder: Path, summary: dict[str, Any], tables: dict[str, Table], fleet: Fleet | None = None) -> None:
    """Write the tables, the fleet, and summary.json last, so that it stands for a whole folder. Raises OSError."""
    import pyarrow as pa  # noqa: PLC0415 - takes longer to import than the rest of this file
    import pyarrow.parquet as pq  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").unlink(missing_ok=True)
    for name, table in tables.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(table)
            rows.writerows(zip(*table.values(), strict=True))
        pq.write_table(pa.table(table), folder / f"{name}.parquet")
    if fleet is not None:
        (folder / "fleet.yaml").write_text(described(fleet))
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")


def described(fleet: Fleet) -> str:
    """The fleet as YAML with every default written out, so that it means the same wherever it is read again."""
    return yaml.safe_dump(fleet.model_dump(mode="json", exclude_none=True), sort_keys=False, width=100)
