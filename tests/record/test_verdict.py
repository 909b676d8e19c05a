"""The arithmetic of verdicts, over every combination hypothesis can think of."""

import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.record.events import Outcome, RequirementEntry, ScenarioOutcome
from conformance.record.verdict import (
    EXERCISED,
    RANK,
    Assessment,
    Conformity,
    RequirementVerdict,
    assess,
    overall,
    verdict_of,
    worst,
)

OUTCOMES = st.lists(st.sampled_from(Outcome), max_size=6)
SCENARIOS = st.lists(st.sampled_from(ScenarioOutcome), max_size=6)
VERDICT = st.sampled_from(RequirementVerdict)
IDS = tuple(f"DS-{number:03}" for number in range(1, 7))
JUDGED = st.dictionaries(st.sampled_from(IDS), VERDICT)
NEVER_GREEN = (
    RequirementVerdict.FAIL,
    RequirementVerdict.ERROR,
    RequirementVerdict.BLOCKED,
    RequirementVerdict.INCONCLUSIVE,
)
# best first: what a vendor would like to read
LADDER = (Conformity.CONFORMANT, Conformity.INCOMPLETE, Conformity.ERROR, Conformity.NOT_CONFORMANT)


def entries(*, mandatory: bool = True) -> tuple[RequirementEntry, ...]:
    return tuple(
        RequirementEntry(
            id=name,
            area="Desired state",
            severity="must",
            level="MUST",
            roles=("device",),
            statement=f"Statement {name}.",
            source="Desired state",
            observable="black-box",
            mandatory=("device",) if mandatory else (),
        )
        for name in IDS
    )


def judge(
    verdicts: Mapping[str, RequirementVerdict], scenarios: list[ScenarioOutcome], *, partial: bool = False
) -> Assessment:
    return assess("device", entries(), verdicts, scenarios, partial=partial)


@given(OUTCOMES, SCENARIOS)
def test_a_failing_finding_is_always_the_verdict_of_its_requirement(
    findings: list[Outcome], scenarios: list[ScenarioOutcome]
) -> None:
    assert verdict_of([*findings, Outcome.FAIL], scenarios) is RequirementVerdict.FAIL


@given(OUTCOMES, SCENARIOS, st.sampled_from([Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.WARNING]))
def test_more_bad_news_never_improves_a_requirement_that_has_findings(
    findings: list[Outcome], scenarios: list[ScenarioOutcome], news: Outcome
) -> None:
    with_pass = [Outcome.PASS, *findings]
    before, after = verdict_of(with_pass, scenarios), verdict_of([*with_pass, news], scenarios)
    assert RANK[after] <= RANK[before]


@given(OUTCOMES, SCENARIOS)
def test_a_requirement_passes_only_on_a_passing_finding_and_nothing_worse(
    findings: list[Outcome], scenarios: list[ScenarioOutcome]
) -> None:
    if verdict_of(findings, scenarios) is RequirementVerdict.PASS:
        assert Outcome.PASS in findings
        assert not {Outcome.FAIL, Outcome.WARNING, Outcome.INCONCLUSIVE} & set(findings)
        assert not {ScenarioOutcome.ERROR, ScenarioOutcome.BLOCKED, ScenarioOutcome.INCONCLUSIVE} & set(scenarios)


@given(SCENARIOS)
def test_without_findings_nothing_passes(scenarios: list[ScenarioOutcome]) -> None:
    assert verdict_of([], scenarios) not in EXERCISED


@pytest.mark.parametrize(
    ("scenario", "verdict"),
    [
        (ScenarioOutcome.BLOCKED, RequirementVerdict.BLOCKED),
        (ScenarioOutcome.ERROR, RequirementVerdict.ERROR),
        (ScenarioOutcome.INCONCLUSIVE, RequirementVerdict.INCONCLUSIVE),
    ],
)
def test_a_pass_elsewhere_does_not_hide_a_scenario_that_could_not_be_judged(
    scenario: ScenarioOutcome, verdict: RequirementVerdict
) -> None:
    assert verdict_of([Outcome.PASS], [ScenarioOutcome.PASSED, scenario]) is verdict


def test_each_kind_of_not_run_stays_itself() -> None:
    assert verdict_of([], [ScenarioOutcome.NOT_RUN]) is RequirementVerdict.NOT_RUN
    assert verdict_of([], [ScenarioOutcome.NOT_APPLICABLE]) is RequirementVerdict.NOT_APPLICABLE
    assert verdict_of([], []) is RequirementVerdict.NOT_EXERCISED
    assert verdict_of([Outcome.OBSERVATION], []) is RequirementVerdict.OBSERVATION


@given(OUTCOMES, SCENARIOS, st.randoms(use_true_random=False))
def test_the_order_of_findings_and_scenarios_is_of_no_matter(
    findings: list[Outcome], scenarios: list[ScenarioOutcome], shuffler: random.Random
) -> None:
    before = verdict_of(findings, scenarios)
    shuffler.shuffle(findings)
    shuffler.shuffle(scenarios)
    assert verdict_of(findings, scenarios) is before


@given(st.lists(VERDICT, min_size=1))
def test_the_parent_is_the_worst_child(verdicts: list[RequirementVerdict]) -> None:
    parent = worst(verdicts)
    assert parent in verdicts
    assert all(RANK[parent] <= RANK[child] for child in verdicts)


@given(JUDGED, SCENARIOS, st.sampled_from(IDS))
def test_a_failed_must_is_never_conformant_and_never_improves_a_role(
    verdicts: dict[str, RequirementVerdict], scenarios: list[ScenarioOutcome], failing: str
) -> None:
    before = judge(verdicts, scenarios)
    after = judge({**verdicts, failing: RequirementVerdict.FAIL}, scenarios)
    assert after.conformity is Conformity.NOT_CONFORMANT
    assert LADDER.index(after.conformity) >= LADDER.index(before.conformity)
    assert after.failed >= 1


@given(JUDGED, SCENARIOS, st.sampled_from(NEVER_GREEN), st.sampled_from(IDS))
def test_what_could_not_be_judged_is_never_green(
    verdicts: dict[str, RequirementVerdict], scenarios: list[ScenarioOutcome], bad: RequirementVerdict, name: str
) -> None:
    assert judge({**verdicts, name: bad}, scenarios).conformity is not Conformity.CONFORMANT


@given(
    JUDGED,
    SCENARIOS,
    st.sampled_from(sorted(set(ScenarioOutcome) - {ScenarioOutcome.PASSED, ScenarioOutcome.NOT_APPLICABLE})),
)
def test_a_scenario_that_could_have_been_and_did_not_pass_is_never_green(
    verdicts: dict[str, RequirementVerdict], scenarios: list[ScenarioOutcome], bad: ScenarioOutcome
) -> None:
    assert judge(verdicts, [*scenarios, bad]).conformity is not Conformity.CONFORMANT


@given(JUDGED, SCENARIOS, st.lists(st.sampled_from(["hosting", "helm"]), min_size=1, unique=True))
def test_a_feature_that_is_seen_and_not_claimed_is_never_green_and_never_improves_a_role(
    verdicts: dict[str, RequirementVerdict], scenarios: list[ScenarioOutcome], unclaimed: list[str]
) -> None:
    before = judge(verdicts, scenarios)
    after = assess("device", entries(), verdicts, scenarios, unclaimed=unclaimed)
    assert LADDER.index(after.conformity) == max(1, LADDER.index(before.conformity))
    assert after.requirements == before.requirements


@given(JUDGED, SCENARIOS)
def test_a_part_of_the_suite_is_never_conformant(
    verdicts: dict[str, RequirementVerdict], scenarios: list[ScenarioOutcome]
) -> None:
    assert judge(verdicts, scenarios, partial=True).conformity is not Conformity.CONFORMANT


@given(st.dictionaries(st.sampled_from(IDS), VERDICT.filter(lambda verdict: verdict not in EXERCISED)), SCENARIOS)
def test_nothing_exercised_is_never_conformant(
    verdicts: dict[str, RequirementVerdict], scenarios: list[ScenarioOutcome]
) -> None:
    assert judge(verdicts, scenarios).conformity is not Conformity.CONFORMANT


@given(JUDGED, SCENARIOS)
def test_what_is_not_conformant_says_why(
    verdicts: dict[str, RequirementVerdict], scenarios: list[ScenarioOutcome]
) -> None:
    assessment = judge(verdicts, scenarios)
    assert bool(assessment.reasons) is (assessment.conformity is not Conformity.CONFORMANT)


@given(JUDGED, SCENARIOS, st.randoms(use_true_random=False))
def test_a_role_does_not_depend_on_the_order_of_anything(
    verdicts: dict[str, RequirementVerdict], scenarios: list[ScenarioOutcome], shuffler: random.Random
) -> None:
    before = judge(verdicts, scenarios)
    items = list(verdicts.items())
    shuffler.shuffle(items)
    shuffler.shuffle(scenarios)
    assert judge(dict(items), scenarios) == before


def test_a_passed_run_is_conformant_and_its_headline_carries_the_coverage() -> None:
    verdicts = dict.fromkeys(IDS[:4], RequirementVerdict.PASS)
    assessment = judge(verdicts, [ScenarioOutcome.PASSED])
    assert assessment.conformity is Conformity.CONFORMANT
    assert assessment.headline == "conformant: 4 of 6 applicable MUSTs exercised, 0 failed"


def test_without_a_single_mandatory_statement_a_role_is_incomplete() -> None:
    verdicts = dict.fromkeys(IDS, RequirementVerdict.PASS)
    assessment = assess("device", entries(mandatory=False), verdicts, [ScenarioOutcome.PASSED])
    assert assessment.conformity is Conformity.INCOMPLETE


@given(st.lists(st.sampled_from(Conformity), min_size=1), st.randoms(use_true_random=False))
def test_the_run_is_its_worst_role(words: list[Conformity], shuffler: random.Random) -> None:
    def of(conformity: Conformity) -> Assessment:
        return Assessment("device", conformity, {}, 0, 0, 0)

    run = overall(of(word) for word in words)
    assert LADDER.index(run) == max(LADDER.index(word) for word in words)
    shuffler.shuffle(words)
    assert overall(of(word) for word in words) is run


def test_a_run_of_no_role_is_incomplete() -> None:
    assert overall([]) is Conformity.INCOMPLETE


def test_only_conformant_ends_with_zero() -> None:
    codes = {word: word.exit_code for word in Conformity}
    assert [word for word, code in codes.items() if code == 0] == [Conformity.CONFORMANT]
    assert codes == {
        Conformity.CONFORMANT: 0,
        Conformity.NOT_CONFORMANT: 1,
        Conformity.ERROR: 3,
        Conformity.INCOMPLETE: 4,
    }
