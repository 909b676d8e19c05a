"""How near the simulation is to a live run of the same fleet: the same figures of both, and their differences.

What is compared: requests by kind, bytes of HTTP, how long a rollout takes to reach a part of the devices, and how long
an answer takes by kind. Both engines are shown, and the compiled one again with what the live run calibrated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.fleet import calibration, compiled, model, results, simpy_engine
from simulator.fleet.description import Fleet, Sampled, quantile
from simulator.fleet.live.histogram import Histogram
from simulator.fleet.live.plan import LivePlan, Polling
from simulator.fleet.live.tally import INSTALLED, Tally
from simulator.fleet.plan import US, World, bin_width, plan_of

ENGINES = {"compiled": compiled.simulate, "simpy": simpy_engine.simulate}
PARTS = (0.5, 0.9, 0.99, 1.0)
TRACED = {"unchanged": model.UNCHANGED, "manifest": model.CHANGED, "bundle": model.BUNDLE, "status": model.STATUS}
"""The kinds of the description as lines of the trace."""
LINES_PER_DEVICE = 20
MAX_DEVICES = 5_000
_GRID = (np.arange(256) + 0.5) / 256


class CannotCompare(ValueError):
    """The fleet cannot be run live and simulated alike: says why, and what to change."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What is compared of one run: names to numbers; seconds, bytes and counts. None: it did not happen."""

    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of all runs, the live one first, and how far each other is from it, as a part of it."""

    name: str
    values: tuple[float | None, ...]
    differences: tuple[float | None, ...]


def check(fleet: Fleet) -> None:
    """See that the fleet is one that can be compared. Raises CannotCompare."""
    if fleet.devices > MAX_DEVICES:
        raise CannotCompare(
            f"expected at most {MAX_DEVICES:,} devices, as every request is traced; has {fleet.devices:,}"
        )
    if fleet.duration > 600:
        raise CannotCompare(f"duration: expected at most 600 s of real time, found {fleet.duration:g} s")
    if len(fleet.cohorts) > 1:
        raise CannotCompare("cohorts: expected one, as a live run of several is told apart by nothing that is compared")
    cohort = fleet.cohorts[0]
    if cohort.sites.outages or cohort.failures.reboots_per_day or cohort.failures.drifts_per_day:
        raise CannotCompare("outages, reboots and drifts: expected none, which only one of both would have")
    if cohort.network.loss or cohort.network.bandwidth or fleet.wfm.down or fleet.wfm.restored:
        raise CannotCompare("loss, bandwidth, down and restored: expected none, as the live network has none")
    if any(rollout.pause for rollout in fleet.rollouts) or any(
        revision.fails for application in fleet.applications for revision in application.revisions
    ):
        raise CannotCompare("pause and fails: expected none, as live devices install everything")


def live_plan(fleet: Fleet, processes: int = 1) -> LivePlan:
    """The live run of a fleet."""
    cohort = fleet.cohorts[0]
    application = next(a for a in fleet.applications if a.name == cohort.application)
    installs = application.revisions[-1].installs
    return LivePlan(
        fleet.devices,
        fleet.duration,
        Polling(cohort.polling.period, cohort.polling.jitter / 2),
        ramp_s=cohort.polling.start_spread,
        install_s=(quantile(installs, 0.0), quantile(installs, 1.0)),
        processes=processes,
        seed=fleet.seed,
    )


def of_live(fleet: Fleet, tally: Tally) -> Figures:
    """The figures of a live run."""
    values: dict[str, float | None] = {}
    for kind, (operation, statuses) in calibration.OPERATIONS.items():
        values[f"requests: {kind}"] = sum(tally.requests[operation, status] for status in statuses)
    refused = sum(count for (_, status), count in tally.requests.items() if status >= 400)
    values |= {"requests: refused": refused, "requests: unanswered": sum(tally.errors.values())}
    values["bytes of HTTP"] = tally.bytes_out + tally.bytes_in
    last = max(tally.seconds, default=0)
    installed = [tally.seconds[n].counts[INSTALLED] if n in tally.seconds else 0 for n in range(last + 1)]
    values |= _convergence(fleet, np.array(installed), 1.0)
    for kind, (operation, statuses) in calibration.OPERATIONS.items():
        times = Histogram.merged(tally.service[operation, s] for s in statuses if (operation, s) in tally.service)
        if times.count and kind in TRACED:
            values |= {f"answer p50: {kind}": times.quantile(0.5), f"answer p95: {kind}": times.quantile(0.95)}
    return Figures(values)


def of_simulation(fleet: Fleet, engine: str) -> Figures:
    """Simulate, and give the figures."""
    polls = fleet.duration / fleet.cohorts[0].polling.period
    world = plan_of(fleet, trace=int(fleet.devices * (polls * 2 + LINES_PER_DEVICE)))
    ENGINES[engine](world)
    summary = results.summary_of(fleet, world, results.Run(engine, 0.0))
    counted = summary["requests"]
    unanswered = counted["unreachable"] + counted["lost"]
    values: dict[str, float | None] = {
        "requests: unchanged": counted["unchanged"],
        "requests: manifest": counted["changed"] + counted["older"],
        "requests: bundle": counted["bundles"],
        "requests: status": counted["status"],
        "requests: capabilities": counted.get("capabilities", 0),
        "requests: refused": counted["refused"],
        "requests: unanswered": unanswered,
        "bytes of HTTP": summary["bytes"],
        **_convergence(fleet, world.adopted.sum(axis=0), bin_width(fleet)),
    }
    rtt = fleet.cohorts[0].network.rtt
    for kind, code in TRACED.items():
        values |= _answers(world, code, rtt, kind)
    return Figures(values)


def rows(runs: Sequence[Figures]) -> list[Row]:
    """The figures side by side; those of the first run come first, and are what the others are held against."""
    found: list[Row] = []
    for name in runs[0].values:
        values = tuple(run.values.get(name) for run in runs)
        truth = values[0]
        found.append(Row(name, values, tuple(_apart(truth, value) for value in values[1:])))
    return found


def to_plain(names: Sequence[str], found: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows as JSON values."""
    return [
        {
            "figure": row.name,
            **{name: _rounded(value) for name, value in zip(names, row.values, strict=True)},
            "difference": {name: _rounded(part) for name, part in zip(names[1:], row.differences, strict=True)},
        }
        for row in found
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _apart(truth: float | None, value: float | None) -> float | None:
    """How far a value is from the truth, as a part of it; None where one is missing, or the truth is none at all."""
    if truth is None or value is None:
        return None
    if not truth:
        return 0.0 if not value else None
    return (value - truth) / truth


def _convergence(fleet: Fleet, installed: Any, width: float) -> dict[str, float | None]:
    """Seconds from a rollout's begin until a part of its devices have it; each ends where the next begins."""
    begins = [rollout.waves[0].at for rollout in fleet.rollouts]
    ends = [*begins[1:], fleet.duration + width]
    found: dict[str, float | None] = {}
    for rollout, begin, end in zip(fleet.rollouts, begins, ends, strict=True):
        counted = np.cumsum(installed[int(begin / width) : int(end / width) + 1])
        total = fleet.devices * sum(wave.share for wave in rollout.waves)
        for part in PARTS:
            reached = np.flatnonzero(counted >= part * total - 1e-6)
            name = f"{rollout.revision} on {part:.0%} of devices, s"
            found[name] = float((reached[0] + 1) * width) if len(reached) else None
    return found


def _answers(world: World, code: int, rtt: Sampled, kind: str) -> dict[str, float | None]:
    """How long answers took: what the WFM took from the trace, and the round trip by chance."""
    lines = world.trace[: world.marks[0]]
    took = np.sort((lines[:, 4] - lines[:, 2])[lines[:, 3] == code] / US)
    if not len(took):
        return {}
    work = took[(_GRID * len(took)).astype(int)]
    total = np.sort((work[:, None] + np.array([quantile(rtt, float(p)) for p in _GRID])[None, :]).ravel())
    return {f"answer {name}: {kind}": float(total[int(p * len(total))]) for name, p in (("p50", 0.5), ("p95", 0.95))}
