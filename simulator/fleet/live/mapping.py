"""From a fleet's description to a plan for live devices, and what of the description cannot be done live, by name.

The network to a real WFM is what it is, and so is the WFM; everything that is the devices' own is done.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from simulator.fleet.description import Cohort as Described
from simulator.fleet.description import Fleet, Network, Wave, Wfm
from simulator.fleet.live.naming import packaged
from simulator.fleet.live.plan import (
    Cohort,
    Connections,
    Installing,
    LivePlan,
    PlanInvalid,
    Polling,
    RebootStorm,
    Retries,
    Retrieval,
    Revision,
    Rollout,
    Sample,
    Spike,
    times_of,
)

MAX_LIVE = 1_000_000


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What is decided for a live run beside the description; None leaves it as it is described.

    `operated`: somebody carries the rollouts out at the WFM.
    """

    devices: int | None = None
    duration_s: float | None = None
    ramp_s: float | None = None
    spikes: tuple[Spike, ...] = ()
    storms: tuple[RebootStorm, ...] = ()
    connections: Connections = field(default_factory=Connections)
    processes: int = 1
    revision: Revision = "1.0.0-rc.3"
    retrieval: Retrieval = "bundle"
    name_prefix: str = "fleet-"
    sample: Sample = field(default_factory=Sample)
    operated: bool = False
    gone_after_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Mapped:
    """A live run: the fleet as it is taken (scaled, with its duration), the plan, and what is left out, in words."""

    fleet: Fleet
    plan: LivePlan
    left_out: tuple[str, ...]


def mapped(fleet: Fleet, options: LiveOptions) -> Mapped:
    """Make the plan. Raises PlanInvalid for what cannot be a live run."""
    if options.devices is not None and options.devices > fleet.devices:
        more = "`--set cohorts.NAME.count=N` makes a cohort larger"
        raise PlanInvalid("devices", f"at most the {fleet.devices:,} of the fleet ({more})", options.devices)
    taken = scaled(fleet, min(options.devices or fleet.devices, MAX_LIVE))
    duration = fleet.duration if options.duration_s is None else options.duration_s
    taken = taken.model_copy(update={"duration": duration})
    first_site = 0
    cohorts: list[Cohort] = []
    for cohort in taken.cohorts:
        cohorts.append(_cohort(taken, cohort, first_site))
        first_site += cohort.sites.count
    plan = LivePlan(
        devices=taken.devices,
        duration_s=duration,
        ramp_s=options.ramp_s,
        connections=options.connections,
        spikes=options.spikes,
        storms=options.storms,
        retrieval=options.retrieval,
        processes=options.processes,
        seed=fleet.seed,
        name_prefix=options.name_prefix,
        sample=options.sample,
        gone_after_s=options.gone_after_s,
        cohorts=tuple(cohorts),
        rollouts=tuple(Rollout(r.application, r.revision, shares(r.waves)) for r in taken.rollouts)
        if options.operated
        else (),
        described={package: own for own, package in packaged(fleet).items() if own != package},
        revision=options.revision,
    )
    return Mapped(taken, plan, tuple(_left_out(fleet, taken, options)))


def scaled(fleet: Fleet, devices: int) -> Fleet:
    """The fleet with so many devices, each cohort by its share (largest remainders), at least one each if there are."""
    if devices >= fleet.devices:
        return fleet
    ideal = [cohort.count * devices / fleet.devices for cohort in fleet.cohorts]
    counts = [max(int(devices >= len(ideal)), math.floor(share)) for share in ideal]
    order = sorted(range(len(ideal)), key=lambda n: math.floor(ideal[n]) - ideal[n])
    while sum(counts) < devices:
        for n in order[: devices - sum(counts)]:
            counts[n] += 1
    while sum(counts) > devices:  # those that were given one at least
        counts[counts.index(max(counts))] -= 1
    kept = tuple(
        cohort.model_copy(update={"count": count}) for cohort, count in zip(fleet.cohorts, counts, strict=True) if count
    )
    return fleet.model_copy(update={"cohorts": kept})


def shares(waves: tuple[Wave, ...]) -> tuple[tuple[float, float], ...]:
    """The part [low, high) of the devices that each wave is for, as in the simulation."""
    parts: list[tuple[float, float]] = []
    low = 0.0
    for wave in waves:
        high = min(low + wave.share, 1.0)
        parts.append((low, high if high < 1 - 1e-9 else 2.0))
        low = high
    return tuple(parts)


def _cohort(fleet: Fleet, cohort: Described, first_site: int) -> Cohort:
    how = cohort.installs
    known = {
        (application.name, revision.name): Installing(
            revision.installs, revision.fails, how.tries, how.wait, how.limit, revision.timeout
        )
        for application in fleet.applications
        for revision in application.revisions
    }
    own = next(application for application in fleet.applications if application.name == cohort.application)
    last = own.revisions[-1]
    polling, retries = cohort.polling, cohort.retries
    return Cohort(
        cohort.name,
        cohort.count,
        # the description spreads polls over a part of the period, the plan by so much each way
        Polling(polling.period, polling.jitter / 2),
        polling.start_spread,
        Retries(retries.base, retries.limit, retries.jitter),
        cohort.network.timeout,
        # what the WFM offers beside the description's own revisions goes as the newest of the cohort's application
        known[own.name, last.name],
        known,
        first_site,
        cohort.sites.count,
        cohort.sites.outages,
        cohort.failures.reboots_per_day,
        cohort.failures.drifts_per_day,
        cohort.failures.boot,
        polling.boot_spread,
        cohort.profile,
    )


def _left_out(fleet: Fleet, taken: Fleet, options: LiveOptions) -> Iterator[str]:
    if taken.devices < fleet.devices:
        kept = {cohort.name for cohort in taken.cohorts}
        dropped = [cohort.name for cohort in fleet.cohorts if cohort.name not in kept]
        more = f"; no device of {', '.join(dropped)}" if dropped else ""
        yield f"devices: {taken.devices:,} of {fleet.devices:,}, each cohort by its share{more}"
    usual = Network()
    for cohort in taken.cohorts:
        names = ("rtt", "loss", "bandwidth")
        changed = [name for name in names if getattr(cohort.network, name) != getattr(usual, name)]
        if changed:
            yield f"cohort {cohort.name}, network.{', network.'.join(changed)}: the network to the WFM is what it is"
        if cohort.polling.hours:
            yield f"cohort {cohort.name}, polling.hours: a live run is at no time of the day; devices poll at any"
        late = [outage for outage in cohort.sites.outages if not times_of(outage, taken.duration)]
        if late:
            yield f"cohort {cohort.name}, {len(late)} outage(s): begin after the run's {taken.duration:,.0f} s"
    set_of_wfm = [name for name in Wfm.model_fields if getattr(taken.wfm, name) != getattr(Wfm(), name)]
    if set_of_wfm:
        yield f"wfm.{', wfm.'.join(set_of_wfm)}: the WFM is the real one"
    yield from _of_rollouts(taken, options)


def _of_rollouts(taken: Fleet, options: LiveOptions) -> Iterator[str]:
    if not options.operated:
        if taken.rollouts:
            yield "rollouts: nobody carries them out without --northbound; devices follow what the WFM offers"
        return
    yield "applications: devices begin with nothing; the first revision of a rollout is installed anew"
    rolled_out = {(rollout.application, rollout.revision) for rollout in taken.rollouts}
    renamed = [
        f"{' '.join(own)} as {' '.join(to)}" for own, to in packaged(taken).items() if own in rolled_out and own != to
    ]
    if renamed:
        yield f"applications: packages have ids without dots and semantic versions: {', '.join(renamed)}"
    for rollout in taken.rollouts:
        for number, wave in enumerate(rollout.waves, 1):
            if wave.at >= taken.duration:
                when = f"begins at {wave.at:,.0f} s, after the run's {taken.duration:,.0f} s"
                yield f"rollouts: {rollout.application} {rollout.revision}, wave {number} {when}"
