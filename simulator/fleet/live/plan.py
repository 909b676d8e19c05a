"""What a live run is to do: how many devices, how they poll, connect and behave over time. Frozen data, checked."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from ipaddress import ip_address
from itertools import pairwise
from typing import Any, Literal, Self

from simulator.fleet.description import Outage, Profile
from simulator.fleet.quantities import Distribution, Sampled
from simulator.identity.spiffe import is_segment

Retrieval = Literal["bundle", "individual"]
Revision = Literal["1.0.0-rc.3", "1.0.0-rc.2-signed"]
Phase = Literal["ramp-up", "steady", "spike", "storm", "outage"]


class PlanInvalid(ValueError):
    """A plan that cannot be carried out: names the field, what was expected and what was found."""

    def __init__(self, name: str, expected: str, found: object) -> None:
        super().__init__(f"{name}: expected {expected}, found {found!r}")
        self.field = name


@dataclass(frozen=True, slots=True)
class Polling:
    """How often a device polls: seconds, and by which share of them an interval may differ, each way (0.1: 54..66)."""

    period_s: float = 60.0
    jitter: float = 0.1

    def __post_init__(self) -> None:
        _at_least("polling.period_s", self.period_s, 0.001)
        _between("polling.jitter", self.jitter, 0.0, 0.95)


@dataclass(frozen=True, slots=True)
class Retries:
    """After a failed request: `base_s`, doubled up to `limit_s`; `jitter` makes a wait longer, up to its part."""

    base_s: float = 1.0
    limit_s: float = 60.0
    jitter: float = 0.1

    def __post_init__(self) -> None:
        _at_least("retries.base_s", self.base_s, 0.001)
        _at_least("retries.limit_s", self.limit_s, 0.001)
        _between("retries.jitter", self.jitter, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Installing:
    """How an installation goes: seconds it takes, and the chance that a try fails, as it does after `timeout_s`.

    Then it is tried again after `wait_s`, doubled up to `limit_s`; without `tries` as often as it takes.
    """

    takes_s: Sampled = field(default_factory=lambda: Distribution(uniform=(0.5, 2.0)))
    fails: float = 0.0
    tries: int | None = 1
    wait_s: float = 60.0
    limit_s: float = 3600.0
    timeout_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Cohort:
    """Devices of one kind. `revisions` are those known by (application, revision); others go as `installing` says.

    Devices start within `start_spread_s` (none: one period). `sites` are numbered over the fleet from `first_site` on;
    chance spreads the devices over them. Reboots and drifts come by chance before a poll; a device that was off is back
    after `boot_s` and by chance within `boot_spread_s` more.
    """

    name: str
    devices: int
    polling: Polling = field(default_factory=Polling)
    start_spread_s: float | None = None
    retries: Retries | None = None
    request_timeout_s: float | None = None
    installing: Installing = field(default_factory=Installing)
    revisions: Mapping[tuple[str, str], Installing] = field(default_factory=dict)
    first_site: int = 0
    sites: int = 1
    outages: tuple[Outage, ...] = ()
    reboots_per_day: float = 0.0
    drifts_per_day: float = 0.0
    boot_s: Sampled = 0.0
    boot_spread_s: float = 0.0
    profile: Profile = field(default_factory=Profile)

    @property
    def backoff(self) -> Retries:
        """What is waited after failures: as it is given, or at most a period."""
        period = self.polling.period_s
        return self.retries or Retries(min(1.0, period), period)

    @property
    def starts_within_s(self) -> float:
        """Over how many seconds the devices start when the plan has no ramp of its own."""
        return self.polling.period_s if self.start_spread_s is None else self.start_spread_s


@dataclass(frozen=True, slots=True)
class Rollout:
    """A revision that somebody rolls out during the run, and the parts [low, high) of the devices that wave by wave."""

    application: str
    revision: str
    waves: tuple[tuple[float, float], ...]

    def wave_of(self, chance: float) -> int | None:
        """The number of the wave that a device belongs to by its chance; None without one."""
        return next((n for n, (low, high) in enumerate(self.waves) if low <= chance < high), None)


@dataclass(frozen=True, slots=True)
class Connections:
    """How devices connect.

    `keep_alive` false: every poll opens a connection of its own and closes it when the cycle (poll, fetches) is done.
    `limit` bounds the connections that are open at once over the whole fleet; where it is reached, the connection that
    was idle longest is closed for the next device. `source_ips` are taken in turn by device.
    """

    keep_alive: bool = True
    limit: int | None = None
    connect_timeout_s: float = 30.0
    request_timeout_s: float = 30.0
    source_ips: tuple[str, ...] = ()
    max_body_bytes: int = 8 * 1024 * 1024

    def __post_init__(self) -> None:
        if self.limit is not None:
            _at_least("connections.limit", self.limit, 1)
        _at_least("connections.connect_timeout_s", self.connect_timeout_s, 0.01)
        _at_least("connections.request_timeout_s", self.request_timeout_s, 0.01)
        for text in self.source_ips:
            try:
                ip_address(text)
            except ValueError:
                raise PlanInvalid("connections.source_ips", "IP addresses of this machine", text) from None


@dataclass(frozen=True, slots=True)
class Spike:
    """For a time, all devices poll `factor` times as often (below 1: a lull)."""

    at_s: float
    duration_s: float
    factor: float

    def __post_init__(self) -> None:
        _at_least("spike.at_s", self.at_s, 0.0)
        _at_least("spike.duration_s", self.duration_s, 0.001)
        _between("spike.factor", self.factor, 0.001, 1e6)


@dataclass(frozen=True, slots=True)
class RebootStorm:
    """At a moment a share of the devices loses its connection, and comes back after `off_s` plus up to `spread_s`.

    A device that comes back makes a new handshake and polls at once, without an entity tag.
    """

    at_s: float
    share: float = 1.0
    off_s: float = 1.0
    spread_s: float = 0.0

    def __post_init__(self) -> None:
        _at_least("storm.at_s", self.at_s, 0.0)
        _between("storm.share", self.share, 0.0, 1.0)
        _at_least("storm.off_s", self.off_s, 0.0)
        _at_least("storm.spread_s", self.spread_s, 0.0)


@dataclass(frozen=True, slots=True)
class Sample:
    """Which exchanges are handed to the caller whole: the first ones of some devices, spread over the fleet.

    Beside them, of any device, `refusals` for each process: the first answers with a status from 400 on.
    """

    devices: int = 0
    exchanges: int = 50
    refusals: int = 0

    def __post_init__(self) -> None:
        _at_least("sample.devices", self.devices, 0)
        _at_least("sample.exchanges", self.exchanges, 0)
        _at_least("sample.refusals", self.refusals, 0)


@dataclass(frozen=True, slots=True)
class LivePlan:
    """One live run. Times in seconds from its start; everything random follows from `seed` and the device's number.

    Devices start by chance within `ramp_s` (none: as their cohort says, or one period). Without `cohorts` all devices
    are of one, which `polling` and `install_s` (least and most seconds from `installing` to `installed`) describe. A
    WFM that gave no answer at all for `gone_after_s` ends the run. `settle_s` belongs to the ramp-up: what was begun in
    it may still be on its way when the last device has started. `rollouts` only say what belongs to which wave;
    `described` are the (application, revision) of a package's (id, version), where they are not the same.
    """

    devices: int
    duration_s: float
    polling: Polling = field(default_factory=Polling)
    ramp_s: float | None = None
    settle_s: float = 5.0
    connections: Connections = field(default_factory=Connections)
    spikes: tuple[Spike, ...] = ()
    storms: tuple[RebootStorm, ...] = ()
    storm_lasts_s: float = 30.0
    install_s: tuple[float, float] = (0.5, 2.0)
    retrieval: Retrieval = "bundle"
    processes: int = 1
    seed: int = 1
    name_prefix: str = "fleet-"
    gone_after_s: float = 15.0
    sample: Sample = field(default_factory=Sample)
    cohorts: tuple[Cohort, ...] = ()
    rollouts: tuple[Rollout, ...] = ()
    described: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    revision: Revision = "1.0.0-rc.3"

    def __post_init__(self) -> None:
        _between("devices", self.devices, 1, 1_000_000)
        _at_least("duration_s", self.duration_s, 0.001)
        _between("processes", self.processes, 1, 256)
        _between("seed", self.seed, 0, 2**64 - 1)
        _at_least("gone_after_s", self.gone_after_s, 0.1)
        if not is_segment(f"{self.name_prefix}0"):
            raise PlanInvalid("name_prefix", "letters, digits, '.', '_' and '-' (ID-07)", self.name_prefix)
        low, high = self.install_s
        if not 0.0 <= low <= high or not math.isfinite(high):
            raise PlanInvalid("install_s", "0 <= least <= most", self.install_s)
        members = sum(cohort.devices for cohort in self.groups)
        if members != self.devices:
            raise PlanInvalid("cohorts", f"{self.devices} devices in all", members)
        _at_least("ramp_s", self.ramp, 0.0)
        _apart(self.spikes)
        for name, at_s in (*(("spike", s.at_s) for s in self.spikes), *(("storm", s.at_s) for s in self.storms)):
            if at_s >= self.duration_s:
                raise PlanInvalid(f"{name}.at_s", f"a time before the end of the run, {self.duration_s:g} s", at_s)

    @property
    def groups(self) -> tuple[Cohort, ...]:
        """The cohorts; one when the plan has none of its own. Devices are numbered through them in order."""
        if self.cohorts:
            return self.cohorts
        installing = Installing(Distribution(uniform=self.install_s))
        return (Cohort("fleet", self.devices, self.polling, installing=installing),)

    def cohort_of(self, device: int) -> int:
        """The number of a device's cohort."""
        for number, cohort in enumerate(self.groups):
            device -= cohort.devices
            if device < 0:
                return number
        raise IndexError(device)

    def start_within(self, cohort: Cohort) -> float:
        """Over how many seconds the devices of a cohort start."""
        return cohort.starts_within_s if self.ramp_s is None else self.ramp_s

    @property
    def ramp(self) -> float:
        """Over how many seconds all devices start."""
        return max(self.start_within(cohort) for cohort in self.groups)

    @property
    def shards(self) -> int:
        """How many processes there is work for."""
        return min(self.processes, self.devices)

    def client_id(self, device: int) -> str:
        """The wfm-client-id of a device, which is its device id too."""
        return f"{self.name_prefix}{device:06d}"

    def limit_of(self, shard: int) -> int | None:
        """How many connections one process may hold; the shares add up to the limit, at least one each."""
        limit = self.connections.limit
        if limit is None:
            return None
        return max(1, limit // self.shards + (1 if shard < limit % self.shards else 0))

    @property
    def outage_times(self) -> tuple[tuple[float, float], ...]:
        """When some sites are off, in the order of the cohorts."""
        return tuple(
            time for cohort in self.groups for outage in cohort.outages for time in times_of(outage, self.duration_s)
        )

    def settings(self) -> dict[str, Any]:
        """What a run was asked for beside the fleet's description, in plain values."""
        return {
            "revision": self.revision,
            "ramp_s": self.ramp,
            "processes": self.processes,
            "connections": {"keep_alive": self.connections.keep_alive, "limit": self.connections.limit},
            "retrieval": self.retrieval,
            "spikes": [asdict(spike) for spike in self.spikes],
            "storms": [asdict(storm) for storm in self.storms],
        }

    @classmethod
    def soak(cls, devices: int, duration_s: float, period_s: float = 60.0) -> Self:
        """A ramp-up over one period, then steady polling."""
        return cls(devices, duration_s, Polling(period_s))


class Phases:
    """What was going on at a time of a run: results are told apart by it.

    An outage and a storm last on while devices return, for `storm_lasts_s`, unless a spike comes meanwhile.
    """

    def __init__(self, plan: LivePlan) -> None:
        off: list[tuple[Phase, float, float]] = [
            *(("storm", storm.at_s, storm.at_s + storm.off_s + storm.spread_s) for storm in plan.storms),
            *(("outage", begin, end) for begin, end in plan.outage_times),
        ]
        self._times: list[tuple[Phase, float, float]] = [
            *off,
            *(("spike", spike.at_s, spike.at_s + spike.duration_s) for spike in plan.spikes),
            *((phase, end, end + plan.storm_lasts_s) for phase, _, end in off),
        ]
        self._ramp_s = plan.ramp + plan.settle_s

    def at(self, second: float) -> Phase:
        """The phase of a time."""
        for phase, begin, end in self._times:
            if begin <= second < end:
                return phase
        return "ramp-up" if second < self._ramp_s else "steady"


def times_of(outage: Outage, duration_s: float) -> list[tuple[float, float]]:
    """Beginnings and ends of an outage within a run."""
    times: list[tuple[float, float]] = []
    at: float = outage.at
    while at < duration_s:
        times.append((at, at + outage.lasts))
        if outage.every is None:
            break
        at += outage.every
    return times


def _apart(spikes: tuple[Spike, ...]) -> None:
    ordered = sorted(spikes, key=lambda spike: spike.at_s)
    for first, second in pairwise(ordered):
        if second.at_s < first.at_s + first.duration_s:
            raise PlanInvalid("spikes", f"none to begin before {first.at_s + first.duration_s:g} s", second.at_s)


def _at_least(name: str, value: float, least: float) -> None:
    if not math.isfinite(value) or value < least:
        raise PlanInvalid(name, f"at least {least:g}", value)


def _between(name: str, value: float, least: float, most: float) -> None:
    if not math.isfinite(value) or not least <= value <= most:
        raise PlanInvalid(name, f"{least:g}..{most:g}", value)
