"""What a description says that never happens in its run: allowed, since fleets are often cut down, and told."""

from collections.abc import Iterator

from simulator.fleet.description import Fleet


def notes_of(fleet: Fleet) -> list[str]:
    """One sentence for each, with the path of what it is about."""
    late = [
        f"{path}: begins at {at:,.0f} s, after the end of the run at {fleet.duration:,.0f} s; it never happens"
        for path, at in _beginnings(fleet)
        if at >= fleet.duration
    ]
    return [*late, *_gates(fleet), *_empty(fleet)]


def _beginnings(fleet: Fleet) -> Iterator[tuple[str, float]]:
    for cohort in fleet.cohorts:
        for n, outage in enumerate(cohort.sites.outages):
            yield f"cohorts.{cohort.name}.sites.outages.{n}", outage.at
    for n, down in enumerate(fleet.wfm.down):
        yield f"wfm.down.{n}", down.at
    for n, restored in enumerate(fleet.wfm.restored):
        yield f"wfm.restored.{n}", restored.at
    for n, rollout in enumerate(fleet.rollouts):
        for k, wave in enumerate(rollout.waves):
            yield f"rollouts.{n}.waves.{k} ({rollout.revision})", wave.at


def _gates(fleet: Fleet) -> Iterator[str]:
    """Rollouts that cannot pause, as they have fewer devices than reports are waited for."""
    for n, rollout in enumerate(fleet.rollouts):
        devices = sum(cohort.count for cohort in fleet.cohorts if cohort.application == rollout.application)
        if rollout.pause is not None and rollout.pause.minimum > devices:
            yield (
                f"rollouts.{n}.pause: waits for the reports of {rollout.pause.minimum:,} devices, and "
                f"{rollout.application} has {devices:,}; it never pauses"
            )


def _empty(fleet: Fleet) -> Iterator[str]:
    for cohort in fleet.cohorts:
        if cohort.sites.count > cohort.count:
            sites, devices = cohort.sites.count, cohort.count
            yield f"cohorts.{cohort.name}.sites.count: {sites:,} sites for {devices:,} devices: some have none"
