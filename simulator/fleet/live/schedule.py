"""When each device does what: pure functions of the plan, the seed and the device's number.

Random numbers are keyed by counters, so that the times of a device depend neither on the other devices nor on how
the fleet is cut into processes. Spikes bend time: a device polls at regular distances of its own time, which runs
`factor` times as fast during a spike.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.fleet.live.plan import LivePlan, Spike

_MASK = 2**64 - 1
START, INTERVAL, REBOOT, RETURN, INSTALL, BACKOFF = range(6)
"""What a random number is for."""


def uniform(seed: int, device: int, purpose: int, number: int = 0) -> float:
    """A number in [0, 1) that depends on its key alone (splitmix64, the upper 53 bits)."""
    z = seed * 0x9E3779B97F4A7C15 + device * 0xBF58476D1CE4E5B9 + (purpose << 48 ^ number) * 0x94D049BB133111EB
    z = z + 0x9E3779B97F4A7C15 & _MASK
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


class Schedule:
    """The times of one device."""

    __slots__ = ("_device", "_plan", "_polls", "_warp", "reboots", "starts_at")

    def __init__(self, plan: LivePlan, warp: Warp, device: int) -> None:
        self._plan, self._warp, self._device = plan, warp, device
        self._polls = 0
        share = (device + uniform(plan.seed, device, START)) / plan.devices
        self.starts_at = plan.ramp * share
        self.reboots = tuple(_reboots(plan, device))

    def after(self, due: float) -> float:
        """When the poll after one that was due then is due; every call draws a new interval."""
        self._polls += 1
        polling = self._plan.polling
        spread = polling.jitter * (2.0 * uniform(self._plan.seed, self._device, INTERVAL, self._polls) - 1.0)
        return self._warp.real(self._warp.own(due) + polling.period_s * (1.0 + spread))

    def install_s(self, number: int) -> float:
        """How long the installation of that number takes."""
        low, high = self._plan.install_s
        return low + (high - low) * uniform(self._plan.seed, self._device, INSTALL, number)


def _reboots(plan: LivePlan, device: int) -> list[Reboot]:
    found: list[Reboot] = []
    for number, storm in enumerate(plan.storms):
        if uniform(plan.seed, device, REBOOT, number) < storm.share:
            back = storm.off_s + storm.spread_s * uniform(plan.seed, device, RETURN, number)
            found.append(Reboot(storm.at_s, storm.at_s + back))
    found.sort(key=lambda reboot: reboot.off_at)
    # a device that is off already does not go off again
    kept = found[:1]
    for reboot in found[1:]:
        if reboot.off_at >= kept[-1].on_at:
            kept.append(reboot)
    return kept
