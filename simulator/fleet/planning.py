"""From a fleet's description to the plan that both engines follow."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from simulator.fleet.description import Cohort, Distribution, Fleet, Outage, Sampled, Wave
from simulator.fleet.layout import (
    C_COLUMNS,
    C_XFER,
    MAX_COMPONENTS,
    POINTS,
    PULL,
    RELEASE,
    RESTORE,
    STARTUP,
    TABLE_STEPS,
    UNHEALTHY,
)
from simulator.fleet.plan import MAX_BREAKS, MAX_CUTS, Floats, Gate, Ints, Numbers, Plan, Publication

DAY = 86400.0
MIN_RTT = 1e-4
"""A request takes some time: without, effects could come before their causes."""
MAX_WINDOWS = 100_000
HEADERS = 180.0
"""Bytes of a request's or an answer's line and headers, about what the reference WFM sends."""
SIZES = (
    (HEADERS + 80.0, HEADERS),
    (HEADERS + 80.0, HEADERS + 560.0),
    (HEADERS + 90.0, HEADERS),
    (HEADERS + 420.0, HEADERS),
    (HEADERS + 700.0, HEADERS),
)
"""Bytes sent and received for each served class; a bundle's own size is added."""
_CAUSES = {"pull": PULL, "start": STARTUP, "health": UNHEALTHY}


class Tables:
    """Distributions as rows of quantiles, each once."""

    def __init__(self) -> None:
        self.rows: list[list[float]] = []
        self._numbers: dict[str, int] = {}
        raw = Distribution(exponential=1.0)
        self.number(raw)
        values = self.rows[0]
        mean = sum((a + b) / 2 for a, b in pairwise(values)) / TABLE_STEPS
        self.rows[0] = [value / mean for value in values]

    def number(self, what: Sampled, minimum: float = 0.0) -> int:
        """The row for a distribution."""
        key = f"{what!r} {minimum}"
        if key not in self._numbers:
            self._numbers[key] = len(self.rows)
            if isinstance(what, Distribution):
                points = [max(minimum, what.quantile(n / TABLE_STEPS)) for n in range(POINTS)]
            else:
                points = [max(minimum, float(what))] * POINTS
            self.rows.append(points)
        return self._numbers[key]


def plan_of(fleet: Fleet) -> Plan:
    """Work out the plan; raises ValueError with the field when something has no use or is too much."""
    tables = Tables()
    power, net, places, breaks = _sites(fleet)
    contents = [(a, revision) for a, app in enumerate(fleet.applications) for revision in app.revisions]
    first_content = {
        app.name: next(n for n, (a, _) in enumerate(contents) if a == i) for i, app in enumerate(fleet.applications)
    }
    manifests = _Manifests([(1, first_content[app.name]) for app in fleet.applications])
    publications, gates = _publications(fleet, manifests, first_content)
    memories, shares = _memories(fleet.cohorts)
    shape = (len(contents), MAX_COMPONENTS)
    durations, causes = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    limits, fails, defects = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for n, (_, revision) in enumerate(contents):
        for part, component in enumerate(revision.components):
            durations[n, part] = tables.number(component.takes)
            causes[n, part] = _CAUSES[component.cause]
            limits[n, part], fails[n, part], defects[n, part] = component.timeout, component.fails, component.defective
    columns, kinds = _cohorts(fleet, tables, places)
    service = fleet.wfm.service
    services = [service.unchanged, service.manifest, service.bundle, service.status, service.capabilities]
    wfm = fleet.wfm
    limit = wfm.limit
    service_rows = np.array([tables.number(item) for item in services])
    rows = np.array(tables.rows)
    numbers = Numbers(
        seed=np.uint64(fleet.seed),
        end=float(fleet.duration),
        cohorts=columns,
        kinds=kinds,
        breaks=breaks,
        tables=rows,
        constant=(rows.min(axis=1) == rows.max(axis=1)).astype(np.int64),
        components=np.array([len(revision.components) for _, revision in contents]),
        durations=durations,
        limits=limits,
        fails=fails,
        defects=defects,
        causes=causes,
        needs=np.array([revision.needs_memory_gib * 1024.0 for _, revision in contents]),
        memories=memories,
        shares=shares,
        app_of=np.array([app for app, _ in contents]),
        versions=np.array([version for version, _ in manifests.items]),
        contents=np.array([content for _, content in manifests.items]),
        rollouts=np.array([manifests.rollouts.get(n, -1) for n in range(len(manifests.items))]),
        gated=np.array([int(gate.threshold < 1.0) for gate in gates] or [0]),
        power_at=power[0],
        power=power[1],
        net_at=net[0],
        net=net[1],
        down=np.array([(item.at, item.at + item.lasts) for item in wfm.down] or np.zeros((0, 2))),
        services=service_rows,
        wfm=np.array(
            [
                float(wfm.retry_after or 0),
                float((limit.retry_after if limit else 0) or 0),
                limit.per_s if limit else 0.0,
                float(limit.burst) if limit else 0.0,
            ]
        ),
        servers=wfm.servers or 0,
        queue_limit=wfm.queue_limit,
    )
    return Plan(
        numbers=numbers,
        publications=tuple(publications),
        gates=tuple(gates),
        cohort_names=tuple(cohort.name for cohort in fleet.cohorts),
        rollout_names=tuple(rollout.name for rollout in fleet.rollouts),
        wave_counts=tuple(len(rollout.waves) for rollout in fleet.rollouts),
        component_names=tuple(tuple(item.name for item in revision.components) for _, revision in contents),
        sizes=tuple((float(sent), float(received)) for sent, received in SIZES),
        bin_s=max(1.0, fleet.duration / DAY),
        fleet=fleet,
    )


class _Manifests:
    """Manifests by what is in them: equal version and content are equal bytes, and so one manifest."""

    def __init__(self, items: list[tuple[int, int]]) -> None:
        self.items = items
        self.rollouts: dict[int, int] = {}

    def number(self, version: int, content: int, rollout: int) -> int:
        if (version, content) not in self.items:
            self.items.append((version, content))
        number = self.items.index((version, content))
        self.rollouts.setdefault(number, rollout)
        return number


def _publications(fleet: Fleet, manifests: _Manifests, first: dict[str, int]) -> tuple[list[Publication], list[Gate]]:
    entries: list[Publication] = []
    gates: list[Gate] = []
    versions = _versions(fleet)
    for number, rollout in enumerate(fleet.rollouts):
        app = next(item for item in fleet.applications if item.name == rollout.application)
        names = [revision.name for revision in app.revisions]
        content = first[app.name] + names.index(rollout.revision)
        manifest = manifests.number(versions[number], content, number)
        entries += _waves(fleet, rollout.waves, number, manifest, rollout.application)
        rollback = -1
        gate = rollout.pause
        if gate is not None and gate.rollback:
            former = max(0, names.index(rollout.revision) - 1)
            rollback = manifests.number(versions[number] + 1, first[app.name] + former, -1)
        start = rollout.waves[0].at
        gates.append(
            Gate(gate.failure_rate, gate.minimum, gate.check_every, _until(fleet, start, gate.check_every), rollback)
            if gate
            else Gate(1.0, 0, 1.0, start, -1)
        )
    entries += [Publication(item.at, RESTORE, -1, 0, item.backup, 0.0, 0, 0) for item in fleet.wfm.restored]
    entries.sort(key=lambda entry: entry.at)
    return entries, gates


def _until(fleet: Fleet, start: float, every: float) -> float:
    if (fleet.duration - start) / every > MAX_WINDOWS:
        raise ValueError(f"rollouts: pause.check_every: {every:g} s means more than {MAX_WINDOWS} checks")
    return fleet.duration


def _versions(fleet: Fleet) -> list[int]:
    """Manifest versions in order of first waves, two for each rollout; a restored WFM counts on from its backup."""
    versions = [0] * len(fleet.rollouts)
    issued: list[tuple[float, int]] = [(0.0, 1)]
    events: list[tuple[float, int, int]] = [(r.waves[0].at, 1, n) for n, r in enumerate(fleet.rollouts)]
    events += [(item.at, 0, n) for n, item in enumerate(fleet.wfm.restored)]
    for at, kind, number in sorted(events):
        if kind == 0:
            restore = fleet.wfm.restored[number]
            known = max(version for when, version in issued if when <= restore.backup)
            issued = [(0.0, known + restore.skip)]
        else:
            versions[number] = issued[-1][1] + 1
            issued += [(at, versions[number]), (at, versions[number] + 1)]
    return versions


def _waves(fleet: Fleet, waves: Sequence[Wave], rollout: int, manifest: int, application: str) -> Iterable[Publication]:
    done = [0.0] * len(fleet.cohorts)
    for number, wave in enumerate(waves):
        ranges: dict[tuple[float, float], int] = {}
        for index, cohort in enumerate(fleet.cohorts):
            if cohort.application != application or (wave.cohorts and cohort.name not in wave.cohorts):
                continue
            low, high = done[index], min(1.0, done[index] + wave.share)
            if high > 1.0 - 1e-9:
                high = 1.0
            if high > low:
                ranges[low, high] = ranges.get((low, high), 0) | 1 << index
            done[index] = high
        for (low, high), bits in ranges.items():
            yield Publication(wave.at, RELEASE, rollout, number, low, high, bits, manifest)


def _memories(cohorts: Sequence[Cohort]) -> tuple[Floats, Floats]:
    most = max(len(cohort.profile.memory_gib) for cohort in cohorts)
    memories, shares = np.zeros((len(cohorts), most)), np.ones((len(cohorts), most))
    for n, cohort in enumerate(cohorts):
        weights = cohort.profile.memory_gib
        whole, sum_ = sum(weights.values()), 0.0
        for v, (size, weight) in enumerate(weights.items()):
            sum_ += weight
            memories[n, v:] = size * 1024.0
            shares[n, v] = sum_ / whole if v < len(weights) - 1 else 1.0
    return memories, shares


def _cohorts(fleet: Fleet, tables: Tables, places: list[int]) -> tuple[Floats, Ints]:
    apps = [app.name for app in fleet.applications]
    columns: list[list[float]] = []
    kinds: list[list[int]] = []
    first = 0
    for n, cohort in enumerate(fleet.cohorts):
        polling, retries, network, failures = cohort.polling, cohort.retries, cohort.network, cohort.failures
        spread = polling.start_spread if polling.start_spread is not None else polling.period
        hours = polling.hours
        length = ((hours.end - hours.start) % DAY or DAY) if hours else -1.0
        application = fleet.applications[apps.index(cohort.application)]
        bundle = max(revision.bundle_bytes for revision in application.revisions)
        columns.append(
            [
                polling.period,
                polling.jitter,
                spread,
                retries.base,
                retries.cap,
                retries.install,
                retries.install_cap,
                network.timeout,
                network.loss,
                network.unreachable_after,
                hours.start if hours else 0.0,
                length,
                DAY / failures.reboots_per_day if failures.reboots_per_day else 0.0,
                DAY / failures.drifts_per_day if failures.drifts_per_day else 0.0,
                *_transfers(network.bandwidth, bundle),
            ]
        )
        rtt, boot = tables.number(network.rtt, MIN_RTT), tables.number(failures.boot)
        kinds.append(
            [
                first,
                cohort.count,
                retries.fetches,
                rtt,
                boot,
                apps.index(cohort.application),
                places[n],
                cohort.sites.count,
                int(cohort.starts == "blank"),
            ]
        )
        first += cohort.count
    result = np.array(columns)
    if result.shape[1] != C_COLUMNS:
        raise AssertionError(f"expected {C_COLUMNS} columns, found {result.shape[1]}")
    return result, np.array(kinds)


def _transfers(bandwidth: float | None, bundle: int) -> list[float]:
    if bandwidth is None:
        return [0.0] * (C_COLUMNS - C_XFER)
    return [(received + (bundle if n == 2 else 0.0)) / bandwidth for n, (_, received) in enumerate(SIZES)]


def _sites(fleet: Fleet) -> tuple[tuple[Ints, Floats], tuple[Ints, Floats], list[int], Ints]:
    """Schedules of cuts: sites with the same outages share one; `breaks` are the sites at which the next one begins."""
    windows: dict[str, list[tuple[float, float]]] = {"power": [], "network": []}
    starts: dict[str, list[int]] = {"power": [0], "network": [0]}
    places: list[int] = []
    breaks = np.full((len(fleet.cohorts), MAX_BREAKS), np.iinfo(np.int64).max)
    for n, cohort in enumerate(fleet.cohorts):
        places.append(len(starts["power"]) - 1)
        reach = [(math.ceil(outage.share * cohort.sites.count), outage) for outage in cohort.sites.outages]
        edges = sorted({site for site, _ in reach if 0 < site < cohort.sites.count})
        if len(edges) > MAX_BREAKS:
            raise ValueError(f"cohorts.{n}.sites.outages: at most {MAX_BREAKS} different shares")
        breaks[n, : len(edges)] = edges
        for first in (0, *edges):
            for kind in ("power", "network"):
                hit = [outage for site, outage in reach if first < site and outage.kind == kind]
                windows[kind] += _joined([w for outage in hit for w in _windows(outage, fleet.duration)])
                starts[kind].append(len(windows[kind]))
        if max(map(len, windows.values())) > MAX_CUTS:
            raise ValueError(f"cohorts.{n}.sites.outages: more than {MAX_CUTS} outages; choose longer distances")
    power, net = ((np.array(starts[k]), np.array(windows[k] or np.zeros((0, 2)))) for k in ("power", "network"))
    return power, net, places, breaks


def _windows(outage: Outage, end: float) -> Iterable[tuple[float, float]]:
    at = outage.at
    while at < end:
        yield at, at + outage.lasts
        if outage.every is None:
            return
        at += outage.every


def _joined(windows: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Overlapping windows as one."""
    result: list[tuple[float, float]] = []
    for start, end in sorted(windows):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result
