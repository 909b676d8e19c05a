"""A run as reports read it: events gathered without losing one."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.record.events import (
    CatalogueEvent,
    Event,
    Exchange,
    Finding,
    Header,
    Outcome,
    RequirementEntry,
    Role,
    ScenarioFinished,
    ScenarioOutcome,
    ScenarioStarted,
    Subject,
)
from conformance.record.run import Run
from conformance.record.verdict import Conformity, RequirementVerdict

IDS = ("DS-053", "DS-069", "ID-27")


def header(*roles: Role, selection: str | None = None) -> Header:
    subjects = tuple(Subject(role=role, name=role, target="simulated", profile="standalone") for role in roles)
    return Header(run="r", started="s", suite="1", revision="1.0.0-rc.3", subjects=subjects, selection=selection)


def catalogue(*, mandatory: tuple[Role, ...] = ("device",)) -> CatalogueEvent:
    return CatalogueEvent(
        requirements=tuple(
            RequirementEntry(
                id=name,
                area="a",
                severity="must",
                level="MUST",
                roles=("device",),
                statement="s",
                source="s",
                observable="black-box",
                mandatory=mandatory,
            )
            for name in IDS
        )
    )


def begun(scenario: int, *requirements: str, role: Role = "device") -> ScenarioStarted:
    return ScenarioStarted(
        scenario=scenario, role=role, feature="f", name="n", uri="u", line=1, requirements=requirements
    )


def found(scenario: int, requirement: str, outcome: Outcome) -> Finding:
    return Finding(scenario=scenario, requirement=requirement, check="c", outcome=outcome, message="m")


def ended(scenario: int, outcome: ScenarioOutcome) -> ScenarioFinished:
    return ScenarioFinished(scenario=scenario, outcome=outcome)


def run_of(*events: Event) -> Run:
    return Run.of(event.model_copy(update={"n": n}) for n, event in enumerate(events))


def numbered(events: Iterable[Event]) -> Run:
    return run_of(header("device"), catalogue(), *events)


def test_parts_are_gathered_by_scenario_in_order() -> None:
    exchange = Exchange(scenario=1, seat="client", operation="fetch-manifest", method="GET", target="/m", status=304)
    run = numbered(
        [
            begun(1, "DS-069"),
            begun(2, "DS-053"),
            exchange,
            found(2, "DS-053", Outcome.PASS),
            found(1, "DS-069", Outcome.FAIL),
            ended(2, ScenarioOutcome.PASSED),
            ended(1, ScenarioOutcome.FAILED),
        ]
    )
    first, second = run.scenarios
    assert (first.number, second.number) == (1, 2)
    assert [item.operation for item in first.exchanges] == ["fetch-manifest"]
    assert first.exchanges[0] is run.by_number[first.exchanges[0].n]
    assert second.exchanges == ()
    assert run.verdicts("device") == {"DS-053": RequirementVerdict.PASS, "DS-069": RequirementVerdict.FAIL}
    assert run.conformity is Conformity.NOT_CONFORMANT


def test_a_scenario_that_never_ended_is_an_error_whatever_it_found() -> None:
    run = numbered([begun(1, "DS-069"), found(1, "DS-069", Outcome.PASS)])
    assert run.scenarios[0].outcome is ScenarioOutcome.ERROR
    assert run.verdicts("device")["DS-069"] is RequirementVerdict.ERROR
    assert run.conformity is Conformity.ERROR


def test_an_inconclusive_scenario_opens_only_what_it_did_not_judge() -> None:
    run = numbered(
        [
            begun(1, "DS-069", "DS-053"),
            found(1, "DS-069", Outcome.PASS),
            ended(1, ScenarioOutcome.INCONCLUSIVE),
        ]
    )
    assert run.verdicts("device") == {"DS-069": RequirementVerdict.PASS, "DS-053": RequirementVerdict.INCONCLUSIVE}
    assert run.conformity is Conformity.INCOMPLETE


def test_a_finding_of_a_requirement_that_the_scenario_did_not_announce_counts() -> None:
    run = numbered([begun(1), found(1, "ID-27", Outcome.FAIL), ended(1, ScenarioOutcome.PASSED)])
    assert run.verdicts("device")["ID-27"] is RequirementVerdict.FAIL
    assert run.conformity is Conformity.NOT_CONFORMANT


def test_roles_are_judged_apart_and_the_run_is_the_worst() -> None:
    run = run_of(
        header("device", "wfm"),
        catalogue(mandatory=("device", "wfm")),
        begun(1, "DS-069"),
        found(1, "DS-069", Outcome.PASS),
        ended(1, ScenarioOutcome.PASSED),
        begun(2, "DS-069", role="wfm"),
        found(2, "DS-069", Outcome.FAIL),
        ended(2, ScenarioOutcome.FAILED),
    )
    words = {item.role: item.conformity for item in run.assessments}
    assert words == {"device": Conformity.CONFORMANT, "wfm": Conformity.NOT_CONFORMANT}
    assert run.conformity is Conformity.NOT_CONFORMANT


def test_a_selection_never_ends_conformant() -> None:
    passed = (begun(1, "DS-069"), found(1, "DS-069", Outcome.PASS), ended(1, ScenarioOutcome.PASSED))
    whole = run_of(header("device"), catalogue(), *passed)
    part = run_of(header("device", selection="DS-069"), catalogue(), *passed)
    assert whole.conformity is Conformity.CONFORMANT
    assert part.conformity is Conformity.INCOMPLETE


@pytest.mark.parametrize(
    ("events", "problem"),
    [
        ([begun(1), begun(1)], "scenario 1 begins 2 times"),
        (
            [begun(1), ended(1, ScenarioOutcome.FAILED), ended(1, ScenarioOutcome.PASSED)],
            "scenario 1 ends 2 times",
        ),
        ([found(7, "DS-069", Outcome.FAIL)], "belongs to scenario 7, which never began"),
        ([begun(1, role="wfm")], "role wfm, which has no subject"),
    ],
)
def test_events_that_belong_nowhere_are_refused_rather_than_lost(events: list[Event], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        numbered(events)


def test_events_of_one_number_are_refused_rather_than_lost() -> None:
    with pytest.raises(ValueError, match="have the number 0"):
        Run.of([header("device"), begun(1)])


def test_events_without_a_header_are_no_run() -> None:
    with pytest.raises(ValueError, match="header"):
        run_of(begun(1))


SCENARIO_RESULTS = st.lists(
    st.tuples(
        st.sampled_from(ScenarioOutcome),
        st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(Outcome)), max_size=3),
    ),
    max_size=4,
)


def events_of(results: list[tuple[ScenarioOutcome, list[tuple[str, Outcome]]]]) -> list[Event]:
    events: list[Event] = []
    for number, (outcome, findings) in enumerate(results, start=1):
        events.append(begun(number, *(name for name, _ in findings)))
        events += [found(number, name, said) for name, said in findings]
        events.append(ended(number, outcome))
    return events


@given(SCENARIO_RESULTS, st.sampled_from(IDS))
def test_one_more_failing_finding_never_improves_a_run(
    results: list[tuple[ScenarioOutcome, list[tuple[str, Outcome]]]], requirement: str
) -> None:
    before = numbered(events_of(results))
    worse = numbered(events_of([*results, (ScenarioOutcome.PASSED, [(requirement, Outcome.FAIL)])]))
    assert worse.verdicts("device")[requirement] is RequirementVerdict.FAIL
    assert worse.conformity is Conformity.NOT_CONFORMANT
    others = {name: verdict for name, verdict in before.verdicts("device").items() if name != requirement}
    assert others.items() <= worse.verdicts("device").items()


@given(SCENARIO_RESULTS)
def test_the_order_of_scenarios_is_of_no_matter(
    results: list[tuple[ScenarioOutcome, list[tuple[str, Outcome]]]],
) -> None:
    forwards, backwards = numbered(events_of(results)), numbered(events_of(results[::-1]))
    assert forwards.verdicts("device") == backwards.verdicts("device")
    assert forwards.assessments == backwards.assessments


@pytest.mark.parametrize(
    ("name", "example", "title"),
    [
        ("A device is given <count> applications", {"count": "3"}, "A device is given 3 applications"),
        ("Nothing happens", {}, "Nothing happens"),
        ("A refresh that fails changes nothing", {"broken": "empty"}, "A refresh that fails changes nothing [empty]"),
        ("A version of <size> is exact", {"size": "<b>", "b": "7"}, "A version of <b> is exact [7]"),
        ("It says <what>", {}, "It says <what>"),
    ],
)
def test_the_title_of_a_scenario_has_the_values_of_its_row(name: str, example: dict[str, str], title: str) -> None:
    started = ScenarioStarted(scenario=1, role="wfm", feature="f", name=name, uri="u", line=1, example=example)
    assert started.title == title
