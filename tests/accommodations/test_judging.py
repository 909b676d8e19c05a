"""Nothing is called kept for an accommodation, and nothing that is broken besides is excused by it."""

from typing import Any

import pytest

from conformance.catalogue import load
from conformance.checks.departures import as_read
from conformance.checks.evidence import Record
from conformance.checks.judging import judge
from conformance.checks.registry import Check, Judgement, Seen
from conformance.record.events import Body, Exchange, Fact, Outcome

STATED, OTHER = "DS-056", "DS-062"


def sent(number: int = 7, **changes: Any) -> Exchange:
    values = {
        "n": number,
        "scenario": 1,
        "seat": "server",
        "operation": "fetch-manifest",
        "method": "GET",
        "target": "/x",
    }
    return Exchange.model_validate({**values, "status": 200, "response": Body(size=2, text="{}"), **changes})


def departed(number: int = 7, *, hides: tuple[str, ...] = (), **read: Any) -> Fact:
    data = {"name": "odd", "breaks": [STATED], "hides": list(hides), "read": read}
    return Fact(n=number + 1, scenario=1, kind="departed", data=data, refs={"exchange": (number,)})


def outcomes(seen: Seen, fact: Fact, shown: tuple[int, ...] = (7,)) -> dict[str, Outcome]:
    judgement = Judgement(seen, "this", "that", shown)
    check = Check("wfm.a_check", "wfm", (STATED, OTHER), lambda _: [judgement], "It holds.")
    record = Record("wfm", as_read((sent(),), (fact,)), facts=(fact,))
    return {item.requirement: item.outcome for item in judge(check, record, load(), 1)}


@pytest.mark.parametrize("shown", [(7,), ()])
def test_what_is_kept_past_a_departure_is_no_pass_of_that_statement(shown: tuple[int, ...]) -> None:
    found = outcomes(Seen.KEPT, departed(), shown)
    assert (found[STATED], found[OTHER]) == (Outcome.OBSERVATION, Outcome.PASS)


def test_what_rests_on_another_exchange_is_judged_as_ever() -> None:
    assert set(outcomes(Seen.KEPT, departed(), (5,)).values()) == {Outcome.PASS}


def test_what_is_broken_besides_stays_broken() -> None:
    assert set(outcomes(Seen.BROKEN, departed()).values()) == {Outcome.FAIL}


def test_of_what_a_departure_hides_nothing_is_said_either_way() -> None:
    for seen in (Seen.KEPT, Seen.BROKEN):
        found = outcomes(seen, departed(hides=(OTHER,)))
        assert found[OTHER] is Outcome.OBSERVATION


def test_an_exchange_is_read_past_its_departures_and_keeps_its_number() -> None:
    plain = sent(status=500, response_headers=(("ETag", '"a"'), ("Date", "now")))
    read = as_read((plain,), (departed(status=406, headers={"etag": '"b"'}, response='{"error": "x"}'),))[0]
    assert (read.n, read.status, read.response_header("ETag")) == (7, 406, '"b"')
    assert read.response_header("Date") == "now"
    assert read.response.data == b'{"error": "x"}'
    assert plain.status == 500


def test_what_was_only_tried_is_no_evidence() -> None:
    tried = Fact(n=9, scenario=1, kind="departure-tried", refs={"exchange": (8,)})
    instead = Fact(n=10, scenario=1, kind="departed", data={"name": "odd"}, refs={"exchange": (7,), "instead-of": (6,)})
    assert [item.n for item in as_read((sent(6), sent(7), sent(8)), (tried, instead))] == [7]


def test_without_departures_evidence_is_as_it_was_recorded() -> None:
    items = (sent(6), sent(7))
    assert as_read(items, (Fact(n=9, scenario=1, kind="sent", refs={"exchange": (6,)}),)) == items
