"""Fault plans: matching, counting, seeds, and reading them back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.faults.plan import (
    AlterHeaders,
    Answer,
    CorruptBody,
    Delay,
    DropConnection,
    FaultPlan,
    FaultRule,
    Faults,
    InvalidPlan,
    ReplaceBody,
    TruncateBody,
    corrupt,
    problem_answer,
)
from simulator.protocol.operations import Call
from simulator.protocol.problem import parse_problem

ACTIONS = st.one_of(
    st.builds(Answer, status=st.integers(200, 599), headers=st.just({"A": "b"}), body=st.binary(max_size=20)),
    st.builds(Delay, seconds=st.floats(0, 10)),
    st.builds(CorruptBody, how=st.sampled_from(["flip", "append", "reformat", "empty"])),
    st.builds(ReplaceBody, body=st.binary(max_size=20)),
    st.builds(TruncateBody, length=st.integers(0, 99), announce_all=st.booleans()),
    st.builds(DropConnection, when=st.sampled_from(["before", "after"])),
    st.builds(AlterHeaders, put=st.just({"ETag": "x"}), remove=st.just(("Vary",))),
)
RULES = st.builds(
    FaultRule,
    action=ACTIONS,
    match=st.sampled_from([None, "fetch-manifest", "report-status"]),
    nth=st.integers(1, 5),
    times=st.one_of(st.none(), st.integers(1, 5)),
    probability=st.sampled_from([0.0, 0.3, 1.0]),
)
PLANS = st.builds(FaultPlan, rules=st.lists(RULES, max_size=5).map(tuple), seed=st.integers(0, 2**32))
CALLS = st.lists(
    st.sampled_from([Call("fetch-manifest"), Call("report-status", {"deploymentId": "a"}), Call("fetch-bundle")]),
    max_size=30,
)


@given(PLANS)
def test_a_plan_reads_back_as_it_was(plan: FaultPlan) -> None:
    assert FaultPlan.from_json(plan.to_json()) == plan


@given(PLANS, CALLS)
def test_equal_plans_and_requests_give_equal_faults(plan: FaultPlan, calls: list[Call]) -> None:
    first, second = Faults(plan), Faults(FaultPlan.from_json(plan.to_json()))
    assert [first.take(call) for call in calls] == [second.take(call) for call in calls]


@given(RULES, CALLS)
def test_a_rule_applies_from_the_nth_match_and_no_more_often_than_it_may(rule: FaultRule, calls: list[Call]) -> None:
    faults = Faults(FaultPlan(rules=(rule,)))
    matching = [bool(faults.take(call)) for call in calls if rule.match in (None, call.operation)]
    assert not any(matching[: rule.nth - 1])
    assert rule.times is None or sum(matching) <= rule.times
    if rule.probability == 1.0:
        due = max(0, len(matching) - rule.nth + 1)
        assert sum(matching) == (due if rule.times is None else min(due, rule.times))


def test_the_first_due_rule_wins_and_the_others_go_on_counting() -> None:
    faults = Faults()
    faults.add(FaultRule(action=Delay(seconds=1), nth=2), FaultRule(action=DropConnection(), times=None, name="all"))
    names = [applied.name for _ in range(3) if (applied := faults.take(Call("fetch-manifest")))]
    assert names == ["all", "delay", "all"]
    assert not faults.spent


def test_rules_can_name_parameters_and_peers() -> None:
    rule = FaultRule(action=Delay(seconds=1), params={"deviceId": "gw/a"}, peer="spiffe://x/one", times=None)
    faults = Faults(FaultPlan(rules=(rule,)))
    assert faults.take(Call("report-capabilities", {"deviceId": "gw/a"}), "spiffe://x/one")
    assert not faults.take(Call("report-capabilities", {"deviceId": "gw/b"}), "spiffe://x/one")
    assert not faults.take(Call("report-capabilities", {"deviceId": "gw/a"}), "spiffe://x/two")
    faults.clear()
    assert not faults.take(Call("report-capabilities", {"deviceId": "gw/a"}), "spiffe://x/one")
    assert faults.spent


@given(st.binary(max_size=200), st.sampled_from(["flip", "append", "reformat", "empty"]), st.integers(0, 2**64 - 1))
def test_corruption_changes_the_body_always_in_the_same_way(body: bytes, how: str, draw: int) -> None:
    damaged = corrupt(body, how, draw)
    assert damaged == corrupt(body, how, draw)
    assert damaged != body or (how == "empty" and not body)
    if how == "flip" and body:
        assert sum((a ^ b).bit_count() for a, b in zip(damaged, body, strict=True)) == 1


def test_bad_plans_name_the_field() -> None:
    with pytest.raises(InvalidPlan, match=r"rules\.0\.action\.delay\.seconds"):
        FaultPlan.from_json('{"rules": [{"action": {"kind": "delay", "seconds": -1}}]}')
    with pytest.raises(InvalidPlan, match=r"rules\.0\.colour"):
        FaultPlan.from_json('{"rules": [{"action": {"kind": "drop-connection"}, "colour": 1}]}')
    with pytest.raises(InvalidPlan, match="fault plan"):
        FaultPlan.from_json("{")


def test_problem_answers_follow_the_retry_table() -> None:
    answer = problem_answer(503, "busy", retry_after_s=4)
    problem = parse_problem(answer.body)
    assert answer.headers["Retry-After"] == "4"
    assert problem is not None
    assert (problem.retryable, problem.backoff_strategy, problem.retry_after_seconds) == (True, "exponential", 4)
