"""From options to seats: simulated subjects, broken ones, and real ones that are known to be there."""

from pathlib import Path
from typing import get_args

from conformance.bench import device_seat, wfm_seat
from conformance.bench.applications import applications
from conformance.bench.clock import ClockKind
from conformance.bench.device_shapes import fitting as declared_for
from conformance.bench.ics import Ics
from conformance.bench.run import Seat
from conformance.catalogue import DEFAULT_REVISION
from conformance.cli.mutants import mutants
from conformance.cli.problems import Misuse
from conformance.cli.roles import unknown
from conformance.record.events import Role

SIMULATED = "simulated"
GATEWAY = "gateway"
"""How the profiles of gateways end, and what some defects need to show."""


def mutant_of(target: str | None, role: Role, revision: str = DEFAULT_REVISION) -> str | None:
    """Read `simulated` or `simulated:MUTANT`; gives the mutant's name. Raises Misuse for anything else."""
    kind, colon, name = (target or SIMULATED).partition(":")
    if kind != SIMULATED:
        option = "--listen HOST:PORT" if role == "device" else "--url URL"
        cause = f"--target: expected simulated or simulated:MUTANT, found {target!r}"
        raise Misuse("unknown-target", cause, f"a real {role} is given with {option}")
    if not colon:
        return None
    names = [item.name for item in mutants(role, revision)]
    if name not in names:
        raise unknown("mutant", name, names)
    return name


def fitting(ics: Ics, mutant: str | None) -> Ics:
    """Give the reference's statement with the profile or feature in which the defect of a broken variant can show."""
    needs = next((item.needs for item in mutants(ics.role, ics.revision) if item.name == mutant), "")
    return declared_for(ics, needs)


def clock_of(text: str | None, *, real: bool) -> ClockKind:
    """Read the clock that a device's run goes by: a real device knows only the one on the wall. Raises Misuse."""
    kinds = get_args(ClockKind)
    if text is not None and text not in kinds:
        raise unknown("clock", text, kinds)
    if real and text == "simulated":
        cause = "--clock simulated: a device at --listen lives by the clock on the wall"
        raise Misuse("usage", cause, "leave --clock out, or take the simulated device")
    return "wall" if real or text == "wall" else "simulated"


def simulated(ics: Ics, mutant: str | None, packages: tuple[Path, ...], clock: ClockKind = "simulated") -> Seat:
    """Seat the built-in subject of a role, or a broken variant. Raises UsageError for a package.

    The clock is that of a device; a WFM is asked from outside, and always lives by the clock on the wall.
    """
    if ics.role == "device":
        return device_seat.simulated_seat(ics, mutant, packages, clock)
    return wfm_seat.simulated_seat(ics, mutant, applications(packages))
