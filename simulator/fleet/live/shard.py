"""The devices of one process: prepared first, then run from one moment on."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from simulator.fleet import profiles
from simulator.fleet.live.budget import Budget
from simulator.fleet.live.connection import Target
from simulator.fleet.live.credentials import Credentials
from simulator.fleet.live.device import LiveDevice
from simulator.fleet.live.line import Exchange, Line, Observe, Office
from simulator.fleet.live.plan import LivePlan
from simulator.fleet.live.schedule import Schedule, Warp
from simulator.fleet.live.tally import Tally
from simulator.fleet.profiles import Catalogue
from simulator.protocol.documents import canonical_json

SWEEP_S = 0.2
DRAIN_S = 5.0
"""How long requests that are on their way when the run is over are waited for."""


@dataclass(frozen=True, slots=True)
class Delta:
    """What happened in one process since the last one of these; `open` and `peak` count connections.

    `announced`: devices whose capabilities the WFM took, with the client's name there.
    """

    shard: int
    until_s: float
    tally: Tally
    samples: tuple[Exchange, ...]
    open: int
    peak: int
    evicted: int
    announced: Mapping[int, str] = field(default_factory=dict)


def ignore(_exchange: Exchange) -> None:
    """Observe nothing."""


class Shard:
    """One process's share of the fleet: every `plan.shards`-th device, from number `index` on."""

    def __init__(
        self, plan: LivePlan, wallet: Credentials, target: Target, index: int = 0, observe: Observe | None = None
    ) -> None:
        self.plan, self.index = plan, index
        self._wallet = wallet
        self._samples: list[Exchange] = []
        self._office = Office(plan, target, Budget(plan.limit_of(index)), observe or self._samples.append, index)
        self._devices: list[LiveDevice] = []
        self._stop = asyncio.Event()

    @property
    def size(self) -> int:
        """How many devices this is."""
        return len(range(self.index, self.plan.devices, self.plan.shards))

    def prepare(self) -> Iterator[int]:
        """Make credentials and contexts; gives how many are done after each. Raises CredentialError, ssl.SSLError."""
        warp = Warp(self.plan.spikes)
        catalogues = catalogues_of(self.plan)
        for number in range(self.index, self.plan.devices, self.plan.shards):
            name = self.plan.client_id(number)
            line = Line(self._office, number, *self._wallet.enter(name))
            schedule = Schedule(self.plan, warp, number)
            report = partial(capabilities_body, catalogues[self.plan.cohort_of(number)], number, name)
            self._devices.append(LiveDevice(self._office, number, schedule, line, report))
            yield len(self._devices)

    def stop(self) -> None:
        """End the run before its time."""
        self._stop.set()

    async def run(self, began: float, tell: Callable[[Delta], object], every_s: float = 1.0) -> None:
        """Run the devices from a moment of `time.monotonic` on; tells what happened every so often and at the end."""
        self._office.began = began
        devices = [asyncio.ensure_future(device.run()) for device in self._devices]
        helpers = [asyncio.ensure_future(self._sweep()), asyncio.ensure_future(self._telling(tell, every_s))]
        try:
            await self._until_over(devices)
        finally:
            for task in (*devices, *helpers):
                task.cancel()
            results = await asyncio.gather(*devices, *helpers, return_exceptions=True)
            for device in self._devices:
                device.over()
            await self._hang_up()
            tell(self._delta())
        for result in results:
            if isinstance(result, Exception):
                raise result

    # --- inside ------------------------------------------------------------------------------------------

    async def _until_over(self, devices: Sequence[asyncio.Future[None]]) -> None:
        """Return when every device is done, when told to stop, or when what is on its way after the end takes long."""
        everyone = asyncio.ensure_future(_all(devices))
        stopped = asyncio.ensure_future(self._stop.wait())
        left = self.plan.duration_s - self._office.now() + DRAIN_S
        try:
            waited: set[asyncio.Future[Any]] = {everyone, stopped}
            await asyncio.wait(waited, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            everyone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await everyone

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self._office.give_up_late()

    async def _telling(self, tell: Callable[[Delta], object], every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            tell(self._delta())

    async def _hang_up(self) -> None:
        """Close all connections in order, and wait a little for that."""
        for device in self._devices:
            device.line.let_go()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self._office.budget.all_closed()

    def _delta(self) -> Delta:
        office = self._office
        tally, office.tally = office.tally, Tally()
        samples, self._samples[:] = tuple(self._samples), ()
        budget = office.budget
        announced, office.announced = office.announced, {}
        return Delta(self.index, office.now(), tally, samples, budget.open, budget.peak, budget.evicted, announced)


def catalogues_of(plan: LivePlan) -> tuple[Catalogue, ...]:
    """What the devices of each cohort are."""
    return profiles.catalogues_of(plan.seed, [cohort.profile for cohort in plan.groups])


def capabilities_body(catalogue: Catalogue, device: int, device_id: str) -> bytes:
    """A device's capabilities report."""
    return canonical_json(catalogue.capabilities(device, device_id).to_wire())


async def _all(devices: Sequence[asyncio.Future[None]]) -> None:
    await asyncio.gather(*devices)
