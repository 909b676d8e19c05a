"""A WFM that departs in every known way of its era: each is told once, and everything behind it is judged."""

from collections import Counter
from pathlib import Path

import pytest

from conformance.record.events import Outcome, ScenarioOutcome
from conformance.record.run import Run
from conformance.record.verdict import Conformity, RequirementVerdict
from tests.accommodations.runs import SAMPLE, sample

SET = "sandbox-era-a"


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return sample("era-a", [SET], tmp_path_factory.mktemp("past"))


def carried_out(run: Run) -> Counter[ScenarioOutcome]:
    outcomes = Counter(item.outcome for item in run.scenarios)
    del outcomes[ScenarioOutcome.NOT_RUN]
    return outcomes


def test_every_departure_is_shown_and_fails_under_its_own_statements(past: Run) -> None:
    verdicts = past.verdicts("wfm")
    assert len(past.departures) == 19
    for item in past.departures:
        assert item.uses, item.name
        assert item.shown_by, item.name
        assert {verdicts[name] for name in item.breaks} == {RequirementVerdict.FAIL}, item.name
        hidden = {verdicts[name] for name in item.hides}
        assert hidden <= {RequirementVerdict.INCONCLUSIVE, RequirementVerdict.FAIL}, item.name


def test_nothing_fails_a_second_time_and_what_lies_behind_is_judged(past: Run) -> None:
    failed = [item for scenario in past.scenarios for item in scenario.findings if item.outcome is Outcome.FAIL]
    assert not failed
    assert set(carried_out(past)) <= {ScenarioOutcome.PASSED, ScenarioOutcome.INCONCLUSIVE}
    behind = ("DS-062", "DS-021", "DS-011", "DS-009", "SIG-009", "API-010")
    assert {past.verdicts("wfm")[name] for name in behind} == {RequirementVerdict.PASS}


def test_a_scenario_about_a_statement_that_is_departed_from_is_not_green(past: Run) -> None:
    passed = [item for item in past.scenarios if item.outcome is ScenarioOutcome.PASSED]
    for scenario in passed:
        for finding in scenario.findings:
            assert not (finding.departures and finding.requirement in scenario.started.requirements)
    assert past.conformity is Conformity.NOT_CONFORMANT


def test_without_accommodations_nothing_can_be_seen(tmp_path: Path) -> None:
    run = sample("era-a", [], tmp_path, SAMPLE[:4])
    assert not carried_out(run)[ScenarioOutcome.PASSED]
    assert not run.departures
    assert run.verdicts("wfm")["DS-062"] is not RequirementVerdict.PASS


def test_a_departure_that_is_not_accommodated_fails_as_ever(tmp_path: Path) -> None:
    names = [item.name for item in sample("era-a", [SET], tmp_path / "all", SAMPLE[3:4]).departures]
    but_one = [name for name in names if name != "manifest-immutable"]
    run = sample("era-a", but_one, tmp_path / "but-one", SAMPLE[3:4])
    failed = {item.requirement for one in run.scenarios for item in one.findings if item.outcome is Outcome.FAIL}
    assert failed == {"DS-059"}
    assert carried_out(run) == {ScenarioOutcome.FAILED: 1}


def test_at_a_wfm_that_needs_none_of_them_nothing_changes(tmp_path: Path) -> None:
    plain = sample("reference", [], tmp_path / "plain")
    given = sample("reference", [SET, "sandbox-era-b", "manifest-tag-foreign"], tmp_path / "given")
    assert not any(item.uses for item in given.departures)
    assert _found(given) == _found(plain)
    assert given.verdicts("wfm") == plain.verdicts("wfm")
    assert set(carried_out(given)) == {ScenarioOutcome.PASSED}
    assert given.conformity is plain.conformity


def _found(run: Run) -> dict[str, set[tuple[str, str, Outcome]]]:
    return {
        item.started.title: {(one.requirement, one.check, one.outcome) for one in item.findings}
        for item in run.scenarios
    }
