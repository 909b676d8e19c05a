"""A fleet as arrays of fixed layout, which both engines read and count in. Times in microseconds, sizes in bytes."""

from typing import Any, NamedTuple

import numpy as np

from simulator.fleet.description import MAX_WINDOWS, Application, Cohort, Fleet, Outage
from simulator.fleet.quantities import Sampled, quantile

Array = np.ndarray[Any, Any]
US = 1_000_000
STEPS = 256
KINDS = 6
COLUMNS = 9
TALLIES = 6
WAITS = 14
"""What a device may wait for beside its next poll (`model.POWER_DUE` and on)."""
TALKS = 4
OUTBOX = 9
MAX_BINS = 14_400


def _record(ints: str, floats: str = "", windows: tuple[str, ...] = ()) -> np.dtype[Any]:
    fields: list[Any] = [(name, np.int64) for name in ints.split()] + [(name, np.float64) for name in floats.split()]
    return np.dtype(fields + [(name, np.float64, (MAX_WINDOWS,)) for name in windows])


def _device() -> np.dtype[Any]:
    """A device's record: what every poll touches comes first, in one cache line.

    Each number is as short as the limits of `description` let it be. A record that is called comes from memory, and
    the more lines of the cache it has, the longer that takes.
    """
    fields: list[Any] = [(name, np.int64) for name in ("at", "poll", "rest", "change_at")]
    fields += [(name, np.int32) for name in ("draws", "requests", "number", "site", "wanted", "etag", "epoch")]
    fields += [("cohort", np.int16), ("off", np.int8), ("quiet", np.int8)]
    fields += [("due", np.int64, (WAITS,)), ("not_before", np.float64, (TALKS,))]
    fields += [("last_delay", np.float64, (TALKS,)), ("failures", np.int32, (TALKS,))]
    fields += [(name, np.int32) for name in ("retries", "ops", "boots", "reboots", "drifts")]
    codes = "goal held seen disk offered starting target version accepted work_version held_version offer given adopted"
    fields += [(name, np.int16) for name in (*codes.split(), "reported")]
    fields += [("told", np.int16, (TALKS,)), ("outbox", np.int16, (OUTBOX,)), ("outcome", np.int16, (TALKS,))]
    fields += [(name, np.int8, (TALKS,)) for name in ("busy", "broken", "waiting", "sending")]
    flags = "power ready offline reconciled settled running kept_old state phase outbox_size sends tells newly gave_up"
    fields += [(name, np.int8) for name in (*flags.split(), "verdict")]
    size = np.dtype(fields).itemsize
    return np.dtype([*fields, ("padding", np.int8, (-size % 64,))])


SETTINGS = ("duration", "devices", "servers", "queue_limit", "in_order", "window")
DEVICE = _device()
COHORT = _record(
    "seed end application revision first_site sites first_outage last_outage start_spread timeout retry_after artefact "
    "install_tries boot rtt powered windows",
    "period spread boot_spread retry_base retry_cap retry_jitter install_wait install_limit loss reboots drifts "
    "us_per_byte",
    ("opens", "closes"),
)
OUTAGE = _record("start end kind salt", "share")
ROLLOUT = _record("revision previous rollback minimum", "failure_rate")
WAVE = _record("rollout application at", "low high")
REVISION = _record("size takes timeout", "fails")
RESTORE = _record("at until backup")
FIXED = np.dtype([("seed", np.uint64), ("per_us", np.float64)] + [(name, np.int64) for name in SETTINGS])


class World(NamedTuple):
    """Everything about a fleet but its devices. From `rates` on, it is what is counted while it runs.

    `tables`: quantiles, a row for each distribution; `constant`: the value of a row that never varies, else 0.
    `rates`: (COLUMNS, bins) requests by outcome and time; `adopted`: (waves, bins); `waiting`: the longest queue by
    time; `tally`: (cohorts, TALLIES); `results`: per rollout succeeded, failed, paused at + 1; `marks`: lines in the
    trace, pauses; `trace`: (lines, 5) device, n, time, outcome, done; as many as there is room for.
    """

    fixed: Array
    cohorts: Array
    outages: Array
    rollouts: Array
    waves: Array
    revisions: Array
    restores: Array
    tables: Array
    constant: Array
    sizes: Array
    rates: Array
    adopted: Array
    waiting: Array
    tally: Array
    results: Array
    marks: Array
    trace: Array


COUNTED = ("rates", "adopted", "tally", "results")


def copy_of(world: World) -> World:
    """The same fleet with counts of its own, for a thread."""
    fresh = {name: np.zeros_like(getattr(world, name)) for name in (*COUNTED, "waiting", "marks", "trace")}
    return world._replace(fixed=world.fixed.copy(), **fresh)


def us(seconds: float) -> int:
    """Seconds in whole microseconds."""
    return round(seconds * US)


def bin_width(fleet: Fleet) -> float:
    """Seconds of one step of the results over time: one, or more for runs of over four hours."""
    return max(1.0, fleet.duration / MAX_BINS)


class _Tables:
    def __init__(self) -> None:
        self.rows: list[list[float]] = []

    def add(self, of: Sampled) -> int:
        self.rows.append([quantile(of, k / STEPS) * US for k in range(STEPS + 1)])
        return len(self.rows) - 1


def plan_of(fleet: Fleet, *, trace: int = 0) -> World:
    """Lay a fleet out; `trace`: how many lines of what devices do are kept."""
    tables = _Tables()
    for kind in fleet.wfm.service.by_kind():
        tables.add(kind)
    revisions, first = _revisions(fleet, tables)
    cohorts, outages = _cohorts(fleet, tables, first)
    rollouts, waves = _rollouts(fleet, first)
    bins = int(fleet.duration / bin_width(fleet)) + 2
    return World(
        fixed=_array(FIXED, [_fixed(fleet)]),
        cohorts=_array(COHORT, cohorts),
        outages=_array(OUTAGE, outages),
        rollouts=_array(ROLLOUT, rollouts),
        waves=_array(WAVE, waves),
        revisions=_array(REVISION, revisions),
        restores=_array(RESTORE, [(us(r.at), us(r.at + r.lasts), us(r.backup)) for r in fleet.wfm.restored]),
        tables=np.array(tables.rows),
        constant=np.array([int(row[0]) if row[0] == row[-1] else 0 for row in tables.rows]),
        sizes=np.array([*fleet.wfm.sizes.by_kind(), 0, 0, 0]),
        rates=np.zeros((COLUMNS, bins), np.int64),
        adopted=np.zeros((len(waves), bins), np.int64),
        waiting=np.zeros(bins, np.int64),
        tally=np.zeros((len(cohorts), TALLIES), np.int64),
        results=np.zeros((len(rollouts), 3), np.int64),
        marks=np.zeros(2, np.int64),
        trace=np.zeros((trace, 5), np.int64),
    )


def _array(kind: np.dtype[Any], rows: list[tuple[Any, ...]]) -> Array:
    return np.array(rows, kind) if rows else np.zeros(0, kind)


def _fixed(fleet: Fleet) -> tuple[Any, ...]:
    wfm = fleet.wfm
    shared = wfm.servers is not None or any(rollout.pause for rollout in fleet.rollouts)
    window = min(cohort.polling.period * (1 - cohort.polling.jitter / 2) for cohort in fleet.cohorts)
    return (
        fleet.seed,
        1.0 / (bin_width(fleet) * US),
        us(fleet.duration),
        fleet.devices,
        wfm.servers or 0,
        wfm.queue_limit,
        int(shared),
        us(max(window, 0.5)),
    )


def _revisions(fleet: Fleet, tables: _Tables) -> tuple[list[tuple[Any, ...]], dict[str, int]]:
    rows: list[tuple[Any, ...]] = []
    first: dict[str, int] = {}
    for application in fleet.applications:
        first[application.name] = len(rows)
        rows += [(r.bytes, tables.add(r.installs), us(r.timeout), r.fails) for r in application.revisions]
    return rows, first


Rows = list[tuple[Any, ...]]


def _cohorts(fleet: Fleet, tables: _Tables, first: dict[str, int]) -> tuple[Rows, Rows]:
    names = [application.name for application in fleet.applications]
    rows: Rows = []
    outages: Rows = []
    end = sites = 0
    for cohort in fleet.cohorts:
        end += cohort.count
        before = len(outages)
        outages += [row for n, outage in enumerate(cohort.sites.outages) for row in _times(fleet, outage, n)]
        outages += [(us(d.at), us(d.at + d.lasts), 2, 0, 1.0) for d in fleet.wfm.down]
        place = (end, names.index(cohort.application), first[cohort.application], sites, cohort.sites.count)
        rows.append(_cohort(fleet, cohort, tables, (*place, before, len(outages))))
        sites += cohort.sites.count
    return rows, outages


def _times(fleet: Fleet, outage: Outage, salt: int) -> Rows:
    kind = 3 if outage.kind == "power" else 1
    starts = [outage.at]
    while outage.every is not None and starts[-1] + outage.every < fleet.duration:
        starts.append(starts[-1] + outage.every)
    return [(us(at), us(at + outage.lasts), kind, salt, outage.share) for at in starts]


def _cohort(fleet: Fleet, cohort: Cohort, tables: _Tables, place: tuple[int, ...]) -> tuple[Any, ...]:
    polling, network, failures = cohort.polling, cohort.network, cohort.failures
    opens, closes = np.zeros((2, MAX_WINDOWS))
    for n, (start, end) in enumerate(polling.hours):
        opens[n], closes[n] = start, end
    return (
        fleet.seed,
        *place,
        us(polling.period if polling.start_spread is None else polling.start_spread),
        us(network.timeout),
        fleet.wfm.retry_after,
        cohort.retries.artefact,
        cohort.installs.tries or 0,
        tables.add(failures.boot),
        tables.add(network.rtt),
        int(any(outage.kind == "power" for outage in cohort.sites.outages)),
        len(polling.hours),
        polling.period,
        polling.period * polling.jitter,
        polling.boot_spread,
        cohort.retries.base,
        cohort.retries.limit,
        cohort.retries.jitter,
        cohort.installs.wait,
        cohort.installs.limit,
        network.loss,
        _between(failures.reboots_per_day),
        _between(failures.drifts_per_day),
        US / network.bandwidth if network.bandwidth else 0.0,
        opens,
        closes,
    )


def _between(per_day: float) -> float:
    """The mean time in microseconds from one to the next; 0 for never."""
    return 86400.0 * US / per_day if per_day else 0.0


def _rollouts(fleet: Fleet, first: dict[str, int]) -> tuple[Rows, Rows]:
    applications = {application.name: application for application in fleet.applications}
    names = list(applications)
    current = dict(first)
    rows: Rows = []
    waves: Rows = []
    for n, rollout in enumerate(fleet.rollouts):
        revision = first[rollout.application] + _position(applications[rollout.application], rollout.revision)
        gate = rollout.pause
        limits = (int(gate.rollback), gate.minimum, gate.failure_rate) if gate else (0, 1 << 60, 1.0)
        rows.append((revision, current[rollout.application], *limits))
        current[rollout.application] = revision
        low = 0.0
        for wave in rollout.waves:
            high = min(low + wave.share, 1.0)
            waves.append((n, names.index(rollout.application), us(wave.at), low, high if high < 1 - 1e-9 else 2.0))
            low = high
    return rows, waves


def _position(application: Application, name: str) -> int:
    return [revision.name for revision in application.revisions].index(name)
