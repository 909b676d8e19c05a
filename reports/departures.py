"""Known departures that were to be got past, as every report tells them: each once, used or never needed."""

from conformance.record.events import Departure, Role
from conformance.record.run import Run
from reports.model import DepartureReport, RoleReport

STALE = "it was given, and nothing in this run shows it: leave it out"


def departures_of(run: Run, role: Role) -> tuple[DepartureReport, ...]:
    """The departures of a role, those that the run shows first."""
    return tuple(
        DepartureReport(**item.model_dump(exclude={"n", "at", "type", "role"}), scenarios=_scenarios_of(run, item))
        for item in sorted(run.departures_of(role), key=lambda item: not item.uses)
    )


def used(role: RoleReport) -> tuple[DepartureReport, ...]:
    """The departures that the run shows."""
    return tuple(item for item in role.departures if item.uses)


def stale(role: RoleReport) -> tuple[DepartureReport, ...]:
    """The accommodations that were given and never needed."""
    return tuple(item for item in role.departures if not item.uses)


def departure_in_words(item: DepartureReport) -> str:
    """One departure as a sentence."""
    if not item.uses:
        return f"{item.name}: {STALE}"
    times = "once" if item.uses == 1 else f"{item.uses} times"
    return (
        f"{item.name} ({', '.join(item.breaks)}): {item.departs} Expected {item.expected}, found {item.found}; {times}"
    )


def breaking(role: RoleReport, requirement: str) -> tuple[DepartureReport, ...]:
    """The departures by which a statement fails."""
    return tuple(item for item in used(role) if requirement in item.breaks)


def _scenarios_of(run: Run, item: Departure) -> tuple[int, ...]:
    found = (getattr(run.by_number.get(number), "scenario", None) for number in item.shown_by)
    return tuple(sorted({number for number in found if number is not None}))
