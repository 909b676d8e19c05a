"""A statement made of others holds when each of them does."""

from hypothesis import given
from hypothesis import strategies as st

from conformance.record.verdict import RANK, RequirementVerdict, of_parts

VERDICTS = st.sampled_from(list(RequirementVerdict))
WHOLE = {"PRB-07": ("RTY-006", "RTY-007")}


def test_a_whole_is_green_only_when_every_part_is() -> None:
    both = {"RTY-006": RequirementVerdict.PASS, "RTY-007": RequirementVerdict.PASS}
    assert of_parts(both, WHOLE) == {"PRB-07": RequirementVerdict.PASS}
    assert of_parts({"RTY-006": RequirementVerdict.PASS}, WHOLE) == {"PRB-07": RequirementVerdict.NOT_EXERCISED}


def test_a_whole_that_nothing_touched_is_left_out() -> None:
    assert of_parts({"DS-001": RequirementVerdict.PASS}, WHOLE) == {}


@given(VERDICTS, VERDICTS)
def test_a_whole_is_never_better_than_any_part(one: RequirementVerdict, other: RequirementVerdict) -> None:
    whole = of_parts({"RTY-006": one, "RTY-007": other}, WHOLE)["PRB-07"]
    assert RANK[whole] <= min(RANK[one], RANK[other])


@given(VERDICTS)
def test_a_failed_part_fails_the_whole_even_when_the_other_was_not_exercised(own: RequirementVerdict) -> None:
    verdicts = {"RTY-006": RequirementVerdict.FAIL, "PRB-07": own}
    assert of_parts(verdicts, WHOLE)["PRB-07"] is RequirementVerdict.FAIL
