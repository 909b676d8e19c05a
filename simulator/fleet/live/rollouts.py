"""What became of the rollouts of a live run, wave by wave, and what happened to the fleet in its time.

Which devices a wave is for, chance decides by the numbers of the simulation; shares are of those, as in a simulated
run.
"""

from collections.abc import Iterator
from typing import Any

from simulator.fleet.description import Fleet
from simulator.fleet.live.plan import times_of
from simulator.fleet.live.result import LiveResult
from simulator.fleet.live.schedule import takes, wave_chance

Table = dict[str, list[Any]]
REACHED = (0.5, 0.9, 0.99)
Wave = tuple[int, int]
"""The number of a rollout, and of a wave in it."""


def wave_sizes(fleet: Fleet, result: LiveResult) -> dict[Wave, int]:
    """How many devices each wave is for."""
    plan = result.plan
    sizes = {(n, k): 0 for n, rollout in enumerate(plan.rollouts) for k in range(len(rollout.waves))}
    first = 0
    for cohort in fleet.cohorts:
        for n, rollout in enumerate(plan.rollouts):
            if rollout.application != cohort.application:
                continue
            for device in range(first, first + cohort.count):
                wave = rollout.wave_of(wave_chance(plan.seed, device, n))
                if wave is not None:
                    sizes[n, wave] += 1
        first += cohort.count
    return sizes


def rollouts_of(fleet: Fleet, result: LiveResult) -> list[dict[str, Any]]:
    """The figures of each rollout; `seconds_until` a part of all devices of its waves, None where never."""
    sizes = wave_sizes(fleet, result)
    found = []
    for n, rollout in enumerate(result.plan.rollouts):
        key = (rollout.application, rollout.revision)
        waves = {wave for wave in sizes if wave[0] == n}
        began = fleet.rollouts[n].waves[0].at
        devices = sum(sizes[wave] for wave in waves)
        found.append(
            {
                "application": rollout.application,
                "revision": rollout.revision,
                "begins_at_s": began,
                "devices": devices,
                "succeeded": result.tally.results[(*key, "installed")],
                "failed": result.tally.results[(*key, "failed")],
                "paused_at_s": None,
                "seconds_until": {f"{part:.0%}": _until(result, waves, part * devices, began) for part in REACHED},
            }
        )
    return found


def waves_of(fleet: Fleet, result: LiveResult) -> Table:
    """A row for each wave, as a simulation has it."""
    names = ("rollout", "application", "revision", "wave", "at_s", "devices", "adopted")
    rows: Table = {name: [] for name in (*names, *(f"s_until_{part:.0%}" for part in REACHED))}
    for (n, k), devices in wave_sizes(fleet, result).items():
        rollout, at = fleet.rollouts[n], fleet.rollouts[n].waves[k].at
        adopted = sum(row.reached[n, k] for row in result.tally.seconds.values())
        until = (_until(result, {(n, k)}, part * devices, at) for part in REACHED)
        row = (n + 1, rollout.application, rollout.revision, k + 1, at, devices, adopted, *until)
        for column, value in zip(rows.values(), row, strict=True):
            column.append(value)
    return rows


def events_of(fleet: Fleet, result: LiveResult) -> Table:
    """What happened to the fleet in the time of the run, in order: outages, reboot storms, spikes, waves."""
    rows = sorted(row for row in {*_shapes(result), *_waves(fleet, result)} if row[0] < result.ran_s)
    names = ("from_s", "until_s", "kind", "what", "share")
    return {name: [row[n] for row in rows] for n, name in enumerate(names)}


_Event = tuple[float, float, str, str, float]


def _shapes(result: LiveResult) -> Iterator[_Event]:
    plan = result.plan
    for cohort in plan.groups:
        for outage in cohort.outages:
            for begin, end in times_of(outage, plan.duration_s):
                yield begin, end, f"{outage.kind} outage", cohort.name, outage.share
    for number, storm in enumerate(plan.storms):
        devices = sum(takes(plan, number, device) for device in range(plan.devices))
        what = f"{devices:,} devices, back within {storm.off_s + storm.spread_s:g} s"
        # its herd begins when the first are back
        yield storm.at_s, storm.at_s + storm.off_s, "reboot storm", what, storm.share
    for spike in plan.spikes:
        yield spike.at_s, spike.at_s + spike.duration_s, "spike", f"{spike.factor:g} times as many polls", 1.0


def _waves(fleet: Fleet, result: LiveResult) -> Iterator[_Event]:
    for rollout in fleet.rollouts[: len(result.plan.rollouts)]:
        for k, wave in enumerate(rollout.waves, 1):
            yield wave.at, wave.at, "wave", f"{rollout.revision} wave {k}", wave.share


def _until(result: LiveResult, waves: set[Wave], devices: float, began: float) -> float | None:
    """Seconds after the beginning until so many devices of the waves ran the revision, to the end of a second."""
    seen = 0
    for second, row in sorted(result.tally.seconds.items()):
        seen += sum(count for wave, count in row.reached.items() if wave in waves)
        if seen and seen >= devices:
            return second + 1 - began
    return None
