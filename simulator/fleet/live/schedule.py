"""When each device does what: pure functions of the plan, the seed and the device's number.

Random numbers are keyed by counters, so that the times of a device depend neither on the other devices nor on how
the fleet is cut into processes. Keys and formulas are those of the simulation (`simulator.fleet.model`): the same fleet
and seed give the same sites, waves and first polls. Spikes bend time: a device polls at regular distances of its own
time, which runs `factor` times as fast during a spike.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from simulator.fleet.live.plan import Cohort, Installing, LivePlan, Retries, Spike, times_of
from simulator.fleet.quantities import quantile

_MASK = 2**64 - 1
SITE, START, PERIOD = 0, 1, 2
REBOOT, DRIFT, TAKES, FAILS, BOOT, WAVE, OUTAGE, WAIT, STORM, RETURN = range(6, 16)
"""What a random number is for; those not here are the simulation's alone."""
Cause = Literal["storm", "power"]


def uniform(seed: int, who: int, purpose: int, number: int = 0) -> float:
    """A number in [0, 1) that depends on its key alone (splitmix64, the upper 53 bits)."""
    z = seed * 0x9E3779B97F4A7C15 + who * 0xBF58476D1CE4E5B9 + (number * 16 + purpose) * 0x94D049BB133111EB & _MASK
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _MASK
    return ((z ^ z >> 31) >> 11) * 2.0**-53


class Warp:
    """Maps the run's time to the devices' own time and back; both start at 0 and only grow."""

    def __init__(self, spikes: Sequence[Spike]) -> None:
        self._real, self._own, self._rate = [0.0], [0.0], [1.0]
        for spike in sorted(spikes, key=lambda spike: spike.at_s):
            self._turn(spike.at_s, spike.factor)
            self._turn(spike.at_s + spike.duration_s, 1.0)

    def own(self, real: float) -> float:
        """The devices' time at a time of the run."""
        piece = bisect_right(self._real, real) - 1
        return self._own[piece] + (real - self._real[piece]) * self._rate[piece]

    def real(self, own: float) -> float:
        """The time of the run at a time of the devices."""
        piece = bisect_right(self._own, own) - 1
        return self._real[piece] + (own - self._own[piece]) / self._rate[piece]

    def _turn(self, at: float, rate: float) -> None:
        own = self.own(at)
        if at == self._real[-1]:
            self._rate[-1] = rate
            return
        self._real.append(at)
        self._own.append(own)
        self._rate.append(rate)


@dataclass(frozen=True, slots=True)
class Reboot:
    """When a device goes off and when it is back."""

    off_at: float
    on_at: float
    cause: Cause = "storm"


class Schedule:
    """The times of one device."""

    __slots__ = (
        "_device",
        "_moments",
        "_polls",
        "_retries",
        "_seed",
        "_unplugged",
        "_warp",
        "cohort",
        "reboots",
        "starts_at",
    )

    def __init__(self, plan: LivePlan, warp: Warp, device: int) -> None:
        self._warp, self._device, self._seed = warp, device, plan.seed
        self.cohort: Cohort = plan.groups[plan.cohort_of(device)]
        self._polls = self._retries = self._moments = 0
        self.starts_at = plan.start_within(self.cohort) * uniform(plan.seed, device, START)
        off = list(_outages(plan, self.cohort, device))
        self._unplugged = [(begin, end) for kind, begin, end in off if kind == "network"]
        power = [
            Reboot(begin, end + self._boots_s(number), "power")
            for number, (kind, begin, end) in enumerate(off)
            if kind == "power"
        ]
        self.reboots = tuple(_apart([*_storms(plan, device), *power]))

    def after(self, due: float) -> float:
        """When the poll after one that was due then is due; every call draws a new interval."""
        self._polls += 1
        polling = self.cohort.polling
        spread = polling.jitter * (2.0 * self._chance(PERIOD, self._polls) - 1.0)
        return self._warp.real(self._warp.own(due) + polling.period_s * (1.0 + spread))

    def unplugged(self, at: float) -> bool:
        """Whether the network of the device's site is out."""
        return any(begin <= at < end for begin, end in self._unplugged)

    def retry_s(self, failures: int) -> float:
        """How long to wait after so many failures in a row, one at least."""
        self._retries += 1
        how: Retries = self.cohort.backoff
        wait = min(how.base_s * 2.0 ** min(failures - 1, 40), how.limit_s)
        return wait * (1.0 + how.jitter * self._chance(WAIT, self._retries))

    def reboots_now(self) -> float | None:
        """Whether the device reboots instead of polling now, and how long that takes."""
        self._moments += 1
        if not self._hit(self.cohort.reboots_per_day, REBOOT):
            return None
        return self._boots_s(self._moments)

    def drifts_now(self) -> bool:
        """Whether something is found not to be as it should be, instead of polling now; asked after `reboots_now`."""
        return self._hit(self.cohort.drifts_per_day, DRIFT)

    def installing(self, application: str, revision: str) -> Installing:
        """How a revision is installed."""
        return self.cohort.revisions.get((application, revision), self.cohort.installing)

    def takes_s(self, how: Installing, number: int) -> float:
        """How long the installation of that number takes, or until it is given up."""
        return min(quantile(how.takes_s, self._chance(TAKES, number)), how.timeout_s)

    @staticmethod
    def install_wait_s(how: Installing, failures: int) -> float:
        """How long to wait after so many failed tries."""
        return min(how.wait_s * 2.0 ** min(failures - 1, 40), how.limit_s)

    def fails(self, how: Installing, number: int) -> bool:
        """Whether the installation of that number fails, by chance or for the time it takes."""
        return (
            self._chance(FAILS, number) < how.fails
            or quantile(how.takes_s, self._chance(TAKES, number)) > how.timeout_s
        )

    def _boots_s(self, number: int) -> float:
        """How long it takes from power until the device polls."""
        spread = self.cohort.boot_spread_s * self._chance(RETURN, number)
        return quantile(self.cohort.boot_s, self._chance(BOOT, number)) + spread

    def _hit(self, per_day: float, purpose: int) -> bool:
        if not per_day:
            return False
        return self._chance(purpose, self._moments) < per_day * self.cohort.polling.period_s / 86400.0

    def _chance(self, purpose: int, number: int) -> float:
        return uniform(self._seed, self._device, purpose, number)


def wave_chance(seed: int, device: int, rollout: int) -> float:
    """Where a device stands in a rollout of that number: waves are parts of [0, 1)."""
    return uniform(seed, device, WAVE, rollout)


def _in_storm(plan: LivePlan, storm: int, device: int) -> bool:
    """Whether a device is one of those that the storm of that number takes."""
    return uniform(plan.seed, device, STORM, storm) < plan.storms[storm].share


def takes(plan: LivePlan, storm: int, device: int) -> bool:
    """Whether the device is on when that storm switches it off."""
    if not _in_storm(plan, storm, device):
        return False
    at, schedule = plan.storms[storm].at_s, Schedule(plan, Warp(()), device)
    return schedule.starts_at < at and any(
        reboot.off_at == at and reboot.cause == "storm" for reboot in schedule.reboots
    )


def _outages(plan: LivePlan, cohort: Cohort, device: int) -> Iterator[tuple[str, float, float]]:
    """The outages that the device's site has: kind, beginning, end."""
    if not cohort.outages:
        return
    site = cohort.first_site + int(uniform(plan.seed, device, SITE) * cohort.sites)
    for salt, outage in enumerate(cohort.outages):
        if uniform(plan.seed, site, OUTAGE, salt) < outage.share:
            yield from ((outage.kind, begin, end) for begin, end in times_of(outage, plan.duration_s))


def _storms(plan: LivePlan, device: int) -> Iterator[Reboot]:
    for number, storm in enumerate(plan.storms):
        if _in_storm(plan, number, device):
            back = storm.off_s + storm.spread_s * uniform(plan.seed, device, RETURN, number)
            yield Reboot(storm.at_s, storm.at_s + back)


def _apart(found: list[Reboot]) -> Iterator[Reboot]:
    """In order; a device that is off already does not go off again."""
    on_at = -1.0
    for reboot in sorted(found, key=lambda reboot: reboot.off_at):
        if reboot.off_at >= on_at:
            on_at = reboot.on_at
            yield reboot
