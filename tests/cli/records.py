"""Event files as a run would leave them."""

from pathlib import Path

from conformance.record.events import (
    CatalogueEvent,
    Finding,
    Header,
    Outcome,
    RequirementEntry,
    ScenarioFinished,
    ScenarioOutcome,
    ScenarioStarted,
    Subject,
)
from conformance.record.file import EVENT_FILE, EventWriter

REQUIREMENT = RequirementEntry(
    id="DS-069",
    area="Desired state",
    severity="must",
    level="MUST",
    roles=("device",),
    statement="An older manifest is rejected.",
    source="desired-state",
    observable="black-box",
    mandatory=("device",),
)


def write_record(
    folder: Path, outcome: ScenarioOutcome = ScenarioOutcome.PASSED, *, uri: str = "device/x.feature", name: str = "X"
) -> Path:
    """Write a sealed record of one scenario for a device; gives the event file."""
    found = {ScenarioOutcome.PASSED: Outcome.PASS, ScenarioOutcome.FAILED: Outcome.FAIL}.get(outcome)
    with EventWriter(folder / EVENT_FILE) as writer:
        writer.append(
            Header(
                run="run-1",
                started="2026-01-01T00:00:00+00:00",
                suite="1.0",
                revision="1.0.0-rc.3",
                subjects=(Subject(role="device", name="pump", target="simulated", profile="standalone"),),
                digests={"catalogue": "sha256:00"},
            )
        )
        writer.append(CatalogueEvent(requirements=(REQUIREMENT,)))
        writer.append(
            ScenarioStarted(
                scenario=1, role="device", feature="F", name=name, uri=uri, line=3, requirements=("DS-069",)
            )
        )
        if found:
            writer.append(
                Finding(
                    scenario=1, requirement="DS-069", check="device.c", outcome=found, message="held", shown_by=(2,)
                )
            )
        writer.append(ScenarioFinished(scenario=1, outcome=outcome))
    return folder / EVENT_FILE
