"""The seats that a run of the device suite can have: the built-in device, a broken one, or a real one."""

from dataclasses import replace
from pathlib import Path

from conformance.bench.accommodations.model import Accommodation
from conformance.bench.applications import applications
from conformance.bench.bench import Bench
from conformance.bench.clock import ClockKind
from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_external import Arrangement, ExternalSeat
from conformance.bench.device_subject import SimulatedSeat
from conformance.bench.errors import UsageError
from conformance.bench.ics import Ics
from conformance.bench.loop import BackgroundLoop
from conformance.bench.order import Effort
from conformance.bench.recorder import Recorder
from conformance.bench.run import Seat
from conformance.catalogue import Catalogue
from simulator.device.mutants import MUTANTS

REAL_WINDOW_S = 4.0
"""How long a second lasts that a scenario sets, for a real device whose statement does not say how often it polls."""


def simulated_seat(
    ics: Ics, mutant: str | None = None, apps: tuple[Path, ...] = (), clock: ClockKind = "simulated"
) -> Seat:
    """Give the seat of the built-in device, or of one of its broken variants. Raises UsageError for an unknown one."""
    if mutant is not None and mutant not in MUTANTS:
        raise UsageError(f"there is no broken device {mutant!r}; there are {', '.join(MUTANTS)}")
    roles = applications(apps)

    def make(stated: Ics, recorder: Recorder, catalogue: Catalogue, loop: BackgroundLoop) -> Bench:
        return DeviceBench(stated, recorder, catalogue, loop, SimulatedSeat(stated, mutant), roles)

    target = f"simulated:{mutant}" if mutant else "simulated"
    return Seat(ics, target, make, SimulatedSeat.hooks, clock)


def accommodating(seat: Seat, accommodations: tuple[Accommodation, ...]) -> Seat:
    """Have the counterpart of a device get past known departures of it."""
    if not accommodations:
        return seat
    make = seat.make_bench

    def made(ics: Ics, recorder: Recorder, catalogue: Catalogue, loop: BackgroundLoop) -> Bench:
        bench = make(ics, recorder, catalogue, loop)
        assert isinstance(bench, DeviceBench)  # noqa: S101 - every seat of this module makes one
        bench.world.get_past(accommodations)
        return bench

    return replace(seat, make_bench=made, accommodations=accommodations)


def external_seat(ics: Ics, arrangement: Arrangement, apps: tuple[Path, ...] = (), wait_s: float = 300.0) -> Seat:
    """Give the seat of a real device, which connects as arranged with the credentials it finds on the sheet.

    `wait_s` bounds the wait for its first request. Raises UsageError for an application that cannot be used.
    """
    roles = applications(apps)
    seat = ExternalSeat(arrangement)
    unhurried = {} if ics.poll_interval else {"window": REAL_WINDOW_S}
    patient = ics.model_copy(update={"limits": {"connect": wait_s, **unhurried, **ics.limits}})

    def make(_: Ics, recorder: Recorder, catalogue: Catalogue, loop: BackgroundLoop) -> Bench:
        return DeviceBench(patient, recorder, catalogue, loop, seat, roles)

    where = arrangement.endpoint
    by_hand = frozenset(name for name, hook in arrangement.hooks.items() if hook.kind == "manual")
    return Seat(patient, f"{where.host}:{where.port}", make, seat.hooks, effort=Effort(by_hand))
