"""Running the device suite in this process."""

from collections import Counter
from pathlib import Path

from conformance.bench.device_seat import simulated_seat
from conformance.bench.device_shapes import fitting
from conformance.bench.ics import Ics
from conformance.bench.run import RunPlan, run
from conformance.bench.scenarios import Selection
from conformance.record.run import Run, ScenarioRun

IMPATIENT = {"connect": 2.0, "poll": 2.0, "apply": 2.0, "retry": 5.0, "settle": 1.5}
"""Deadlines for devices that are broken: what they never do is not waited for long."""


def suite(
    folder: Path,
    *,
    mutant: str | None = None,
    profile: str | None = None,
    needs: str | None = None,
    selection: Selection | None = None,
) -> Run:
    """Run the suite against the built-in device, or a broken one; `needs` is the profile or feature it is to claim."""
    ics = Ics.of_reference("device")
    changes = ({"profile": profile} if profile else {}) | ({"limits": IMPATIENT} if mutant else {})
    seat = simulated_seat(fitting(ics.model_copy(update=changes), needs), mutant)
    return run(RunPlan((seat,), folder, selection=selection or Selection()))


def carried_out(done: Run) -> list[ScenarioRun]:
    """Give the scenarios that were selected and apply."""
    return [scenario for scenario in done.scenarios if scenario.outcome not in ("not-run", "not-applicable")]


def told(done: Run) -> str:
    """Say what did not pass, and why."""
    lines = [str(Counter(scenario.outcome.value for scenario in done.scenarios))]
    lines += [
        f"{scenario.started.name} {dict(scenario.started.example)}: {scenario.outcome}: {scenario.finished.reason}"
        for scenario in carried_out(done)
        if scenario.outcome != "passed"
    ]
    return "\n".join(lines)
