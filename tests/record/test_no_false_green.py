"""Ways in which a record could look green although something is wrong with it: none of them is conformant."""

from collections.abc import Sequence

import pytest

from conformance.record.events import (
    CatalogueEvent,
    Claim,
    Event,
    Finding,
    Header,
    Outcome,
    RequirementEntry,
    ScenarioFinished,
    ScenarioOutcome,
    ScenarioStarted,
    Standing,
    StepFinished,
    Subject,
)
from conformance.record.run import Run
from conformance.record.verdict import Conformity

SUBJECT = Subject(role="device", name="x", target="simulated", profile="standalone")
MUST = RequirementEntry(
    id="DS-069", area="a", severity="must", level="MUST", roles=("device",), statement="s", source="s",
    observable="black-box", mandatory=("device",),
)  # fmt: skip


def finding(requirement: str, outcome: Outcome) -> Finding:
    return Finding(scenario=1, requirement=requirement, check="c", outcome=outcome, message="m")


def judged(
    outcome: ScenarioOutcome = ScenarioOutcome.PASSED, more: Sequence[Event] = (), planned: int = 1
) -> Conformity:
    return record(outcome, more, planned).conformity


def record(outcome: ScenarioOutcome = ScenarioOutcome.PASSED, more: Sequence[Event] = (), planned: int = 1) -> Run:
    events: list[Event] = [
        Header(
            run="r", started="now", suite="1", revision="1.0.0-rc.3", subjects=(SUBJECT,), planned={"device": planned}
        ),
        CatalogueEvent(requirements=(MUST,)),
        ScenarioStarted(scenario=1, role="device", feature="f", name="n", uri="u", line=1, requirements=("DS-069",)),
        finding("DS-069", Outcome.PASS),
        *more,
        ScenarioFinished(scenario=1, outcome=outcome),
    ]
    return Run.of(event.model_copy(update={"n": n}) for n, event in enumerate(events))


def test_a_whole_good_record_is_conformant() -> None:
    assert judged() is Conformity.CONFORMANT


def test_a_scenario_that_was_inconclusive_leaves_the_run_incomplete() -> None:
    assert judged(ScenarioOutcome.INCONCLUSIVE) is Conformity.INCOMPLETE


def test_a_blocked_scenario_of_no_statement_leaves_the_run_incomplete() -> None:
    more = ScenarioStarted(scenario=2, role="device", feature="f", name="m", uri="u", line=9, behaviours=("RB-03",))
    ended = ScenarioFinished(scenario=2, outcome=ScenarioOutcome.BLOCKED, reason="there is no hook power-cut")
    run = record(more=[more, ended], planned=2)
    assert run.conformity is Conformity.INCOMPLETE
    assert run.assessments[0].reasons == ("1 scenario blocked",)


@pytest.mark.parametrize("requirement", ["DS-070", "XX-999"])
def test_a_failure_of_any_statement_is_a_failure(requirement: str) -> None:
    assert judged(more=[finding(requirement, Outcome.FAIL)]) is Conformity.NOT_CONFORMANT


@pytest.mark.parametrize("step", ["failed", "not-reached"])
def test_a_passed_scenario_with_a_step_that_was_not_carried_out_is_an_error(step: str) -> None:
    open_step = StepFinished.model_validate(
        {"scenario": 1, "keyword": "Then", "text": "t", "line": 2, "outcome": step, "type": "step"}
    )
    assert judged(more=[open_step]) is Conformity.ERROR


def test_a_feature_that_was_seen_and_is_not_claimed_leaves_the_run_incomplete() -> None:
    seen = [claim("feature", name, Standing.NOT_CLAIMED) for name in ("hosting", "helm")]
    run = record(more=seen)
    assert run.conformity is Conformity.INCOMPLETE
    (reason,) = run.assessments[0].reasons
    assert reason.startswith("seen but not claimed: hosting, helm; claim them in the statement")


@pytest.mark.parametrize(
    ("about", "standing"),
    [("feature", Standing.SEEN), ("feature", Standing.NEVER_SEEN), ("policy", Standing.NOT_CLAIMED)],
)
def test_a_claim_that_was_seen_and_a_policy_that_may_be_left_undeclared_change_nothing(
    about: str, standing: Standing
) -> None:
    assert judged(more=[claim(about, "helm", standing)]) is Conformity.CONFORMANT


def claim(about: str, name: str, standing: Standing) -> Claim:
    return Claim.model_validate(
        {"role": "device", "about": about, "name": name, "standing": standing, "evidence": "seen"}
    )


def test_a_record_with_fewer_scenarios_than_the_suite_has_is_incomplete() -> None:
    assert judged(planned=2) is Conformity.INCOMPLETE
