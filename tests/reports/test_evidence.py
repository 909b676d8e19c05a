"""Evidence for the page: bounded, said once, and harmless inside a script element."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from conformance.record.events import Outcome, ScenarioOutcome
from conformance.record.run import Run
from reports.evidence import FIRST_EVENTS, SHOWN_BYTES, SHOWN_CHARACTERS, evidence_of, script_safe
from tests.reports import samples


@given(st.recursive(st.text() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_script_safe_json_means_the_same_and_holds_no_markup(value: object) -> None:
    text = script_safe(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


def one_exchange(directory: Path, response: bytes) -> dict[str, object]:
    bench = samples.Bench(directory, samples.header(), samples.requirement("DS-069"))
    bench.begin("s")
    bench.exchange(response=response)
    bench.end(ScenarioOutcome.PASSED)
    evidence = evidence_of(bench.run())
    (event,) = evidence["events"].values()
    body: dict[str, object] = evidence["bodies"][event["response"]]
    return body


def test_a_text_body_is_shown_as_sent(tmp_path: Path) -> None:
    assert one_exchange(tmp_path, samples.MANIFEST)["text"] == samples.MANIFEST.decode()


def test_a_long_body_is_cut_and_says_so(tmp_path: Path) -> None:
    body = one_exchange(tmp_path, b"x" * 20_000)
    assert body["text"] == "x" * SHOWN_CHARACTERS
    assert body["note"] == "first 8,192 of 20,000 characters"
    assert body["size"] == 20_000


def test_a_binary_body_is_a_hex_dump(tmp_path: Path) -> None:
    body = one_exchange(tmp_path, b"\xff<b>" + bytes(1000))
    first, *_ = rows = str(body["hex"]).splitlines()
    assert first.startswith("000000  ff 3c 62 3e 00")
    assert first.endswith("·<b>············")
    assert len(rows) == SHOWN_BYTES // 16
    assert body["note"] == "first 512 of 1,004 bytes"


def busy(directory: Path) -> Run:
    bench = samples.Bench(directory, samples.header(), samples.requirement("DS-069"))
    bench.begin("many polls", "DS-069")
    for number in range(200):
        last = bench.exchange(response=b'{"poll": %d, "filler": "%s"}' % (number % 3, b"y" * 500))
    bench.finding("DS-069", Outcome.FAIL, last)
    bench.end(ScenarioOutcome.FAILED)
    return bench.run()


def gaps(evidence: dict[str, Any], scenario: int) -> list[dict[str, int]]:
    return [item for item in evidence["timeline"][scenario] if not isinstance(item, int)]


def test_equal_bodies_and_headers_stand_there_once(tmp_path: Path) -> None:
    evidence = evidence_of(busy(tmp_path))
    assert len(evidence["events"]) == 200
    assert len(evidence["bodies"]) == 3
    assert len(evidence["headers"]) == 2
    assert len(evidence["fields"]) == 3
    assert gaps(evidence, 1) == []


def test_what_shows_a_failure_is_there_whatever_the_budget_leaves_out(tmp_path: Path) -> None:
    run = busy(tmp_path)
    evidence = evidence_of(run, budget=10_000)
    failing = run.scenarios[0].findings[0].shown_by[0]
    assert failing in evidence["events"]
    assert len(script_safe(evidence)) < 20_000
    (gap,) = gaps(evidence, 1)
    kept = [n for n in evidence["timeline"][1] if isinstance(n, int)]
    assert kept == sorted(kept)
    assert gap["events"] == gap["exchanges"] == gap["last"] - gap["first"] + 1 == 200 - len(kept) > 0


def test_no_room_at_all_is_said_for_every_scenario(tmp_path: Path) -> None:
    evidence = evidence_of(busy(tmp_path), budget=0)
    assert evidence["events"] == {}
    assert [gap["events"] for gap in gaps(evidence, 1)] == [200]


def test_of_a_scenario_that_passed_there_is_the_beginning_and_what_is_pointed_at(tmp_path: Path) -> None:
    bench = samples.Bench(tmp_path, samples.header(), samples.requirement("DS-069"))
    bench.begin("many polls", "DS-069")
    numbers = [bench.exchange() for _ in range(30)]
    bench.finding("DS-069", Outcome.PASS, numbers[20])
    bench.end(ScenarioOutcome.PASSED)
    evidence = evidence_of(bench.run(), [numbers[20]])
    first, last = numbers[FIRST_EVENTS], numbers[19]
    assert evidence["timeline"][1] == [
        *numbers[:FIRST_EVENTS],
        {"events": 8, "exchanges": 8, "first": first, "last": last},
        numbers[20],
        {"events": 9, "exchanges": 9, "first": numbers[21], "last": numbers[29]},
    ]
    assert evidence["names"] == ["DS-069"]
    assert evidence["held"] == {1: [0]}
