"""What a live run is to do: how many devices, how they poll, connect and behave over time. Frozen data, checked."""

import math
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import pairwise
from typing import Literal, Self

from simulator.identity.spiffe import is_segment

Retrieval = Literal["bundle", "individual"]
Phase = Literal["ramp-up", "steady", "spike", "storm"]


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
    """Which exchanges are handed to the caller whole: the first ones of some devices, spread over the fleet."""

    devices: int = 0
    exchanges: int = 50

    def __post_init__(self) -> None:
        _at_least("sample.devices", self.devices, 0)
        _at_least("sample.exchanges", self.exchanges, 0)


@dataclass(frozen=True, slots=True)
class LivePlan:
    """One live run. Times in seconds from its start; everything random follows from `seed` and the device's number.

    Devices start evenly over `ramp_s` (none: one period, which also spreads their polls evenly). `install_s` bounds the
    time from `installing` to `installed`. A WFM that gave no answer at all for `gone_after_s` ends the run.
    `settle_s` belongs to the ramp-up: what was begun in it may still be on its way when the last device has started.
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

    def __post_init__(self) -> None:
        _between("devices", self.devices, 1, 1_000_000)
        _at_least("duration_s", self.duration_s, 0.001)
        _between("processes", self.processes, 1, 256)
        _between("seed", self.seed, 0, 2**64 - 1)
        _at_least("ramp_s", self.ramp, 0.0)
        _at_least("gone_after_s", self.gone_after_s, 0.1)
        if not is_segment(f"{self.name_prefix}0"):
            raise PlanInvalid("name_prefix", "letters, digits, '.', '_' and '-' (ID-07)", self.name_prefix)
        low, high = self.install_s
        if not 0.0 <= low <= high or not math.isfinite(high):
            raise PlanInvalid("install_s", "0 <= least <= most", self.install_s)
        _apart(self.spikes)

    @property
    def ramp(self) -> float:
        """Over how many seconds the devices start."""
        return self.polling.period_s if self.ramp_s is None else self.ramp_s

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

    def phase_of(self, second: float) -> Phase:
        """What was going on at a time: results are told apart by it."""
        if any(storm.at_s <= second < storm.at_s + self._storm_lasts(storm) for storm in self.storms):
            return "storm"
        if any(spike.at_s <= second < spike.at_s + spike.duration_s for spike in self.spikes):
            return "spike"
        return "ramp-up" if second < self.ramp + self.settle_s else "steady"

    def _storm_lasts(self, storm: RebootStorm) -> float:
        return storm.off_s + storm.spread_s + self.storm_lasts_s

    @classmethod
    def soak(cls, devices: int, duration_s: float, period_s: float = 60.0) -> Self:
        """A ramp-up over one period, then steady polling."""
        return cls(devices, duration_s, Polling(period_s))


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
