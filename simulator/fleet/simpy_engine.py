"""The SimPy engine: the real agent core of `simulator.device` on every device, in simulated time.

Slow and easy to follow, it is what the compiled engine is held against: nothing here looks ahead, sorts or calculates
when a server will be free. What is due at the same microsecond happens in the order of devices, and of what a device
waits for (`model.POWER_DUE` and on), after what the WFM finishes then.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import simpy

from simulator.device.settings import AgentSettings
from simulator.fleet import model
from simulator.fleet.description import Fleet
from simulator.fleet.documents import documents_of
from simulator.fleet.plan import COHORT, World
from simulator.fleet.resting import Pace
from simulator.fleet.simpy_device import Device
from simulator.fleet.simulated_wfm import Wfm


class Engine:
    """Devices, all or some, their WFM, and what they share."""

    def __init__(self, fleet: Fleet, world: World, numbers: range | None = None) -> None:
        some = numbers or range(fleet.devices)
        self.env = simpy.Environment(0)
        self.world, fixed = world, world.fixed[0]
        self.seed, self.per_us, self.duration = int(fixed["seed"]), float(fixed["per_us"]), int(fixed["duration"])
        self.documents = documents_of(fleet)
        self.unchanged, self.traced = int(world.sizes[model.UNCHANGED]), len(world.trace) > 0
        self.cohorts = [SimpleNamespace(**{name: c[name].item() for name in _PLAIN}) for c in world.cohorts]
        for c in self.cohorts:
            c.rtt_us, c.service_us = int(world.constant[c.rtt]), int(world.constant[model.UNCHANGED])
        self.paces = [self._pace(c, d.settings) for c, d in zip(self.cohorts, self.documents, strict=True)]
        self.wfm = Wfm(self.env, world, self.documents, fleet.wfm.refuses_with, self._paused)
        self._outages: dict[tuple[int, int], Any] = {}
        ends = [c.end for c in self.cohorts]
        self.devices = [
            Device(self, number, cohort)
            for cohort, (first, end) in enumerate(zip([0, *ends], ends, strict=False))
            for number in range(max(first, some.start), min(end, some.stop))
        ]

    def _pace(self, cohort: SimpleNamespace, settings: AgentSettings) -> Pace:
        """How devices of a cohort poll that are at rest."""
        service, rtt = cohort.service_us, cohort.rtt_us
        in_time = service + 1 + rtt <= cohort.timeout
        always = service and rtt and in_time and not cohort.loss and not self.world.fixed[0]["servers"]
        took = service + 1 + rtt + int(self.unchanged * cohort.us_per_byte) if always else 0
        polls = [0] * self.world.rates.shape[1]
        return Pace(self.env, settings, self.seed, service, took, self.per_us, self.duration, self.traced, polls)

    def run(self, progress: Callable[[float], None] = lambda _: None) -> None:
        """Let the fleet live; `progress` hears the part of the time that is done, last of all what was counted."""
        try:
            for part in range(1, 101):
                self.env.run(until=self.duration * part // 100)
                self._count()
                progress(part / 100)
            self.env.run()  # what the WFM is still at
            for device in self.devices:
                device.get_up()
        finally:  # what was counted before an interruption counts
            self._count()
            progress(min(1.0, self.env.now / self.duration))

    def _paused(self) -> None:
        for device in self.devices:
            device.look_again()

    def _count(self) -> None:
        """Add to the world's counts what devices at rest and the WFM have counted in plain numbers, for speed."""
        for k, pace in enumerate(self.paces):
            self.world.rates[model.UNCHANGED] += np.array(pace.polls)
            self.world.tally[k, model.BYTES] += sum(pace.polls) * self.unchanged
            pace.polls[:] = [0] * len(pace.polls)
        self.wfm.tell_queue()

    def sample(self, row: int, u: float) -> int:
        """Microseconds of a distribution."""
        return int(model.sample(self.world.tables, row, u))

    def revision_of(self, cohort: int, digest: str) -> Any:
        """The plan's record of a revision."""
        return self.world.revisions[self.documents[cohort].by_digest[digest]]

    def outages(self, device: Device) -> Any:
        """What is off at a device's site: (start, end, kind) on the way to the WFM, and of power."""
        c = self.cohorts[device.cohort]
        if c.first_outage == c.last_outage:
            return (), ()
        site = c.first_site + int(model.uniform(self.seed, device.number, model.SITE, 0) * c.sites)
        found = self._outages.get((device.cohort, site))
        if found is None:
            rows = [
                (int(o["start"]), int(o["end"]), int(o["kind"]))
                for o in self.world.outages[c.first_outage : c.last_outage]
                if model.uniform(self.seed, site, model.OUTAGE, int(o["salt"])) < o["share"]
            ]
            found = [r for r in rows if r[2] != model.POWER], [r for r in rows if r[2] == model.POWER]
            self._outages[device.cohort, site] = found
        return found


_PLAIN = [name for name in COHORT.names or () if not COHORT[name].shape]


def simulate_range(fleet: Fleet, world: World, devices: range) -> None:
    """Run some devices of a fleet in which none influences another; the counts are in `world` afterwards."""
    Engine(fleet, world, devices).run()


def simulate(fleet: Fleet, world: World, *, progress: Callable[[float], None] = lambda _: None) -> list[Device]:
    """Run the fleet; the counts are in `world` afterwards. Gives the devices as they are then."""
    engine = Engine(fleet, world)
    engine.run(progress)
    return engine.devices
