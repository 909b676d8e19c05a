"""Behaviours stand in every report with the verdict that their findings and scenarios give."""

import pytest

from conformance.record.events import (
    BehaviourEntry,
    CatalogueEvent,
    Finding,
    Header,
    Outcome,
    ScenarioFinished,
    ScenarioOutcome,
    ScenarioStarted,
    Subject,
)
from conformance.record.run import Run
from reports import html_report
from reports.projection import report_of

KEPT, LOST = "PF-02", "RS-03"
DEVICE = Subject(
    role="device", name="one", target="simulated", profile="standalone", policies={"component-failure": "keep"}
)
ENTRIES = (
    BehaviourEntry(
        id=KEPT,
        title="Good components",
        basis="undefined",
        statement="They are kept.",
        policy={"component-failure": ("keep", "stop")},
    ),
    BehaviourEntry(id=LOST, title="One path", basis="undefined", statement="It flows.", reason="nobody can see it"),
)


def run_with(found: Outcome | None, outcome: ScenarioOutcome) -> Run:
    events = [
        Header(run="r", started="2026-01-01T00:00:00Z", suite="1", revision="1.0.0-rc.3", subjects=(DEVICE,)),
        CatalogueEvent(n=1, requirements=(), behaviours=ENTRIES),
        ScenarioStarted(
            n=2, scenario=1, role="device", feature="f", name="s", uri="device/f.feature", line=1, behaviours=(KEPT,)
        ),
        ScenarioFinished(n=4, scenario=1, outcome=outcome),
    ]
    if found is not None:
        said = Finding(
            n=3, scenario=1, requirement=KEPT, check="device.kept", outcome=found, message="Kept.", found="x"
        )
        events.insert(3, said)
    return Run.of(events)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "outcome", "verdict"),
    [
        (Outcome.PASS, ScenarioOutcome.PASSED, "pass"),
        (None, ScenarioOutcome.PASSED, "pass"),
        (Outcome.OBSERVATION, ScenarioOutcome.PASSED, "observation"),
        (Outcome.FAIL, ScenarioOutcome.FAILED, "fail"),
        (Outcome.PASS, ScenarioOutcome.FAILED, "fail"),
        (None, ScenarioOutcome.BLOCKED, "blocked"),
        (Outcome.INCONCLUSIVE, ScenarioOutcome.INCONCLUSIVE, "inconclusive"),
        (None, ScenarioOutcome.ERROR, "error"),
        (None, ScenarioOutcome.NOT_RUN, "not-run"),
    ],
)
def test_the_verdict_of_a_behaviour(found: Outcome | None, outcome: ScenarioOutcome, verdict: str) -> None:
    run = run_with(found, outcome)
    kept, lost = report_of(run).roles[0].behaviours
    assert (kept.id, kept.verdict, kept.declared) == (KEPT, verdict, {"component-failure": "keep"})
    assert (lost.id, lost.verdict, lost.reason) == (LOST, "not-exercised", "nobody can see it")
    assert KEPT not in run.verdicts("device"), "a behaviour is no statement of the specification"


def test_the_page_tells_what_was_declared_and_what_was_found() -> None:
    page = html_report.render(run_with(Outcome.FAIL, ScenarioOutcome.FAILED))
    section = page.partition('id="behaviours"')[2].partition('id="scenarios"')[0]
    assert "component-failure: <b>keep</b>" in section
    assert "nobody can see it" in section
    assert 'id="behaviour-PF-02"' in section
    assert "device.kept" in section
