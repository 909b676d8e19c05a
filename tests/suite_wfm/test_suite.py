"""The WFM suite carried out: against the reference, against each broken variant, and against WFMs that are no WFM."""

from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from conformance.bench.applications import applications
from conformance.bench.ics import Ics
from conformance.bench.run import RunPlan, Seat, run
from conformance.bench.scenarios import Scenario, Selection, scenarios
from conformance.bench.wfm_seat import seat_of, simulated_seat
from conformance.checks.evidence import Record
from conformance.checks.wfm.twins import NEGATIVE, NEUTRAL, negatives
from conformance.record.events import ScenarioOutcome, ScenarioStarted
from conformance.record.run import Run, ScenarioRun
from conformance.record.verdict import RequirementVerdict
from simulator.wfm.api import ManagementApi
from simulator.wfm.server import ReferenceWfm
from tests.suite_wfm import broken

ICS = Ics.of_reference("wfm")


def carried_out(seat: Seat, folder: Path, selection: Selection | None = None) -> Run:
    return run(RunPlan((seat,), folder, selection=selection or Selection()))


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return carried_out(simulated_seat(ICS, None, applications()), tmp_path_factory.mktemp("reference"))


def test_every_scenario_passes_against_the_reference(reference: Run) -> None:
    others = [
        (item.started.name, dict(item.started.example), item.outcome, item.finished.reason)
        for item in reference.scenarios
        if item.outcome is not ScenarioOutcome.PASSED
    ]
    assert others == []
    assert len(reference.scenarios) > 150


def test_no_statement_is_broken_by_the_reference(reference: Run) -> None:
    verdicts = reference.assessments[0].requirements
    bad = (RequirementVerdict.FAIL, RequirementVerdict.WARNING, RequirementVerdict.ERROR, RequirementVerdict.BLOCKED)
    assert {name: verdict for name, verdict in verdicts.items() if verdict in bad} == {}
    assert reference.assessments[0].exercised >= 155


def evidence(scenario: ScenarioRun) -> Record:
    return Record("wfm", scenario.exchanges, scenario.connections, scenario.facts)


def place_of(item: ScenarioStarted | Scenario) -> tuple[str, int, tuple[tuple[str, str], ...]]:
    return item.uri, item.line, tuple(sorted(item.example.items()))


def test_every_negative_has_a_good_twin_before_and_after_it(reference: Run) -> None:
    found = [(scenario, negative) for scenario in reference.scenarios for negative in negatives(evidence(scenario))]
    alone = [(scenario.started.title, dict(one.fact.data)) for scenario, one in found if not one.complete]
    assert alone == []
    assert len(found) > 120


def test_every_kind_of_fact_is_known_to_be_negative_or_not(reference: Run) -> None:
    kinds = {fact.kind for scenario in reference.scenarios for fact in scenario.facts}
    assert kinds <= NEGATIVE.keys() | NEUTRAL
    assert not NEGATIVE.keys() & NEUTRAL


@pytest.mark.parametrize("api", broken.ALL, ids=lambda api: str(api.__name__))
def test_what_is_no_wfm_passes_no_negative_scenario(api: type[ManagementApi], reference: Run, tmp_path: Path) -> None:
    # every negative is tried, each on one of them by turns: all on all takes minutes
    impatient = ICS.model_copy(update={"limits": {"publish": 0.5, "answer": 2.0}})
    seat = seat_of(impatient, "simulated:broken", applications(), partial(ReferenceWfm, api_class=api))
    wanted = {place_of(item.started) for item in reference.scenarios if any(negatives(evidence(item)))}
    keys = tuple(item.key for item in scenarios("wfm") if place_of(item) in wanted)[
        broken.ALL.index(api) :: len(broken.ALL)
    ]
    found = carried_out(seat, tmp_path, Selection(keys=keys))
    outcomes = Counter(item.outcome for item in found.scenarios if item.outcome is not ScenarioOutcome.NOT_RUN)
    passed = [item.started.title for item in found.scenarios if item.outcome is ScenarioOutcome.PASSED]
    assert passed == []
    assert outcomes.total() == len(keys) > 10
    assert outcomes[ScenarioOutcome.ERROR] == 0
    assert outcomes[ScenarioOutcome.FAILED] > 0
    assert found.assessments[0].conformity.exit_code == 1
