"""How near the simulation is to a live run of the same fleet: the same figures of both, and their differences.

What is compared: requests by kind, bytes of HTTP, how long a rollout takes to reach a part of the devices, and how long
an answer takes by kind. Both engines are shown, and the compiled one again with what the live run calibrated.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.fleet import calibration, compiled, model, results, simpy_engine
from simulator.fleet.description import Fleet, Rollout, Wave
from simulator.fleet.live import results as live_results
from simulator.fleet.live.histogram import Histogram
from simulator.fleet.live.result import LiveResult
from simulator.fleet.live.tally import FIRST_MANIFEST
from simulator.fleet.plan import US, World, bin_width, plan_of
from simulator.fleet.quantities import Sampled, quantile

ENGINES: Mapping[str, Callable[[Fleet, World], object]] = {
    "compiled": lambda _, world: compiled.simulate(world),
    "simpy": simpy_engine.simulate,
}
PARTS = (0.5, 0.9, 0.99, 1.0)
TRACED = {
    "unchanged": model.UNCHANGED,
    "manifest": model.CHANGED,
    "bundle": model.BUNDLE,
    "status": model.STATUS,
    "capabilities": model.CAPABILITIES,
}
"""The kinds of the description as lines of the trace."""
LINES_PER_DEVICE = 20
MAX_WAVES = 50
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
        raise CannotCompare("cohorts: expected one, as answer times are not told apart by cohort")
    network = fleet.cohorts[0].network
    if network.loss or network.bandwidth or fleet.wfm.down or fleet.wfm.restored:
        raise CannotCompare("loss, bandwidth, down and restored: expected none, as the network and WFM are real")


def of_live(fleet: Fleet, result: LiveResult) -> Figures:
    """The figures of a live run."""
    tally = result.tally
    summary = live_results.summary_of(fleet, result, 0.0)
    operation, statuses = calibration.OPERATIONS["capabilities"]
    announced = sum(tally.requests[operation, status] for status in statuses)
    counts, first = summary["requests"], first_manifests(result)
    polls = {"unchanged": counts["unchanged"] + first, "changed": counts["changed"] - first}
    values = _counts({**counts, **polls, "capabilities": announced}, summary["bytes"])
    for number, rollout in enumerate(fleet.rollouts):
        reached = [0] * (max(tally.seconds, default=0) + 1)
        for second, row in tally.seconds.items():
            reached[second] = sum(count for (of, _), count in row.reached.items() if of == number)
        values |= _convergence(fleet, rollout, np.array(reached), 1.0)
    for kind, (operation, statuses) in calibration.OPERATIONS.items():
        times = Histogram.merged(tally.service[operation, s] for s in statuses if (operation, s) in tally.service)
        if times.count and kind in TRACED:
            values |= {f"answer p50: {kind}, s": times.quantile(0.5), f"answer p95: {kind}, s": times.quantile(0.95)}
    return Figures(values)


def first_manifests(result: LiveResult) -> int:
    """How many live devices took a first manifest: a simulated one has it already, and its poll finds nothing new.

    These polls count as unchanged.
    """
    return result.tally.noticed[FIRST_MANIFEST]


def of_simulation(fleet: Fleet, engine: str, described: Fleet | None = None) -> Figures:
    """Simulate, and give the figures; rollouts begin when they are `described` to."""
    polls = fleet.duration / fleet.cohorts[0].polling.period
    world = plan_of(fleet, trace=int(fleet.devices * (polls * 2 + LINES_PER_DEVICE)))
    ENGINES[engine](fleet, world)
    summary = results.summary_of(fleet, world, results.Run(engine, 0.0))
    values = _counts(summary["requests"], summary["bytes"])
    for number, rollout in enumerate((described or fleet).rollouts):
        adopted = world.adopted[world.waves["rollout"] == number].sum(axis=0)
        values |= _convergence(fleet, rollout, adopted, bin_width(fleet))
    rtt = fleet.cohorts[0].network.rtt
    for kind, code in TRACED.items():
        values |= _answers(world, code, rtt, kind)
    return Figures(values)


def paced(fleet: Fleet, given: Mapping[tuple[int, int], tuple[float, float]]) -> Fleet:
    """The fleet with waves that begin bit by bit, as an operator gave them out: by rollout and wave, from when to when.

    A wave becomes parts of equal share; what was not given out stays as it is described.
    """
    rollouts = []
    for number, rollout in enumerate(fleet.rollouts):
        pieces = max(1, MAX_WAVES // len(rollout.waves))
        waves: list[Wave] = []
        for place, wave in enumerate(rollout.waves):
            begin, end = given.get((number, place), (wave.at, wave.at))
            step = (end - begin) / pieces
            waves += [Wave(at=begin + step * (k + 0.5), share=wave.share / pieces) for k in range(pieces)]
        in_order = tuple(sorted(waves, key=lambda wave: wave.at))
        rollouts.append(rollout.model_copy(update={"waves": in_order}))
    return fleet.model_copy(update={"rollouts": tuple(rollouts)})


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


def _counts(requests: Mapping[str, int], size: int) -> dict[str, float | None]:
    """Requests by kind and bytes; what a run does not know of, it has none of."""
    known = ("capabilities", *results.OUTCOMES)
    return {**{f"requests: {kind}": requests.get(kind, 0) for kind in dict.fromkeys(known)}, "bytes of HTTP": size}


def _convergence(fleet: Fleet, rollout: Rollout, reached: Any, width: float) -> dict[str, float | None]:
    """Seconds from a rollout's begin until a part of its devices run it, to the end of a time step."""
    total = fleet.devices * sum(wave.share for wave in rollout.waves)
    counted = np.cumsum(reached)
    found: dict[str, float | None] = {}
    for part in PARTS:
        first = np.flatnonzero(counted >= part * total - 1e-6)
        at = float((first[0] + 1) * width) - rollout.waves[0].at if len(first) else None
        found[f"{rollout.revision} on {part:.0%} of devices, s"] = at
    return found


def _answers(world: World, code: int, rtt: Sampled, kind: str) -> dict[str, float | None]:
    """How long answers took: what the WFM took from the trace, and the round trip by chance."""
    lines = world.trace[: world.marks[0]]
    took = np.sort((lines[:, 4] - lines[:, 2])[lines[:, 3] == code] / US)
    if not len(took):
        return {}
    work = took[(_GRID * len(took)).astype(int)]
    total = np.sort((work[:, None] + np.array([quantile(rtt, float(p)) for p in _GRID])[None, :]).ravel())
    return {f"answer {name}: {kind}, s": float(total[int(p * len(total))]) for name, p in (("p50", 0.5), ("p95", 0.95))}
