"""The WFM suite carried out: against the reference, against each broken variant, and against WFMs that are no WFM."""

from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from conformance.bench.applications import applications
from conformance.bench.ics import Ics
from conformance.bench.run import RunPlan, Seat, run
from conformance.bench.scenarios import Selection
from conformance.bench.wfm_seat import seat_of, simulated_seat
from conformance.catalogue import load
from conformance.record.events import ScenarioOutcome
from conformance.record.run import Run
from conformance.record.verdict import RequirementVerdict
from simulator.wfm.api import ManagementApi
from simulator.wfm.mutants import WFM_MUTANTS
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


@pytest.mark.parametrize("name", sorted(WFM_MUTANTS))
def test_a_broken_variant_is_found_by_the_statement_it_breaks(name: str, tmp_path: Path) -> None:
    statement = WFM_MUTANTS[name].breaks
    found = carried_out(
        simulated_seat(ICS, name, applications()), tmp_path, Selection(requirements=(statement,))
    ).assessments[0]
    must = load().requirement(statement).severity == "must"
    wanted = RequirementVerdict.FAIL if must else RequirementVerdict.WARNING
    assert found.requirements[statement] is wanted


@pytest.mark.parametrize("api", broken.ALL, ids=lambda api: str(api.__name__))
def test_what_is_no_wfm_passes_no_negative_scenario(api: type[ManagementApi], tmp_path: Path) -> None:
    seat = seat_of(ICS, "simulated:broken", applications(), partial(ReferenceWfm, api_class=api))
    # themes in which the right answer is mostly a refusal
    found = carried_out(seat, tmp_path, Selection(tags=("req:SEC-003", "req:DS-034", "req:DS-004", "req:ST-018")))
    outcomes = Counter(item.outcome for item in found.scenarios if item.outcome is not ScenarioOutcome.NOT_RUN)
    assert outcomes[ScenarioOutcome.PASSED] == 0
    assert outcomes[ScenarioOutcome.ERROR] == 0
    assert outcomes[ScenarioOutcome.FAILED] > 0
    assert found.assessments[0].conformity.exit_code == 1
