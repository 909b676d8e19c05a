"""The seats that a run of the device suite can have: the built-in device, a broken one, or a real one."""

from pathlib import Path

from conformance.bench.applications import applications
from conformance.bench.bench import Bench
from conformance.bench.clock import ClockKind
from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_subject import ExternalSeat, SimulatedSeat
from conformance.bench.device_world import Endpoint
from conformance.bench.errors import UsageError
from conformance.bench.ics import Ics
from conformance.bench.loop import BackgroundLoop
from conformance.bench.recorder import Recorder
from conformance.bench.run import Seat
from conformance.catalogue import Catalogue
from simulator.device.mutants import MUTANTS


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


def external_seat(
    ics: Ics, host: str, port: int, directory: Path, apps: tuple[Path, ...] = (), wait_s: float = 300.0
) -> Seat:
    """Give the seat of a real device, which connects to `host:port` with the credentials it finds in `directory`.

    `wait_s` bounds the wait for its first request. Raises UsageError for an application that cannot be used.
    """
    roles = applications(apps)
    seat = ExternalSeat(Endpoint(host, port), directory)
    patient = ics.model_copy(update={"limits": {"connect": wait_s, **ics.limits}})

    def make(_: Ics, recorder: Recorder, catalogue: Catalogue, loop: BackgroundLoop) -> Bench:
        return DeviceBench(patient, recorder, catalogue, loop, seat, roles)

    return Seat(patient, f"{host}:{port}", make, ExternalSeat.hooks)
