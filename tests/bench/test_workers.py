"""A run that is spread over processes leaves the same record as one that is not."""

import ast
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import conformance
from conformance.bench.recorder import Recorder
from conformance.bench.workers import Part, WorkerFailed, follow
from conformance.record.events import (
    Event,
    Exchange,
    Fact,
    Finding,
    Header,
    Outcome,
    ScenarioStarted,
    Subject,
    references,
    renumbered,
)
from conformance.record.file import EventWriter, read
from tests.cli.commands import call

WORKER = """
import sys
from pathlib import Path
from conformance.bench.recorder import Recorder
from conformance.record.events import *
from conformance.record.file import EventWriter

scenario, good = int(sys.argv[1]), sys.argv[2] == "good"
writer = EventWriter(Path(sys.argv[sys.argv.index("--out") + 1]) / "events.ndjson")
recorder = Recorder(writer)
subject = Subject(role="device", name="x", target="simulated", profile="standalone")
recorder.append(Header(run="worker", started="now", suite="1", revision="1.0.0-rc.3", subjects=(subject,)))
recorder.append(ScenarioStarted(scenario=scenario, role="device", feature="f", name="n", uri="u", line=1))
recorder.begin(scenario, "device", {})
fact = recorder.note("seen", by=scenario)
recorder.note("compared", {"before": fact, "after": [fact, fact]}, by=scenario)
shown = {"shown_by": (fact.n,), "check": "c", "message": "m"}
recorder.append(Finding(scenario=scenario, requirement="DS-069", outcome="pass", **shown))
if not good:
    sys.exit("the worker fell over")
recorder.append(ScenarioFinished(scenario=scenario, outcome="passed"))
writer.close()
"""


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    recorder = Recorder(EventWriter(tmp_path / "events.ndjson"))
    subject = Subject(role="device", name="x", target="simulated", profile="standalone")
    recorder.append(Header(run="main", started="now", suite="1", revision="1.0.0-rc.3", subjects=(subject,)))
    return recorder


def test_findings_still_point_at_what_shows_them(tmp_path: Path, recorder: Recorder) -> None:
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    follow([(sys.executable, str(script), str(number), "good") for number in (1, 2, 3)], tmp_path / "work", recorder)
    recorder.close()
    events = read(tmp_path / "events.ndjson")
    assert [event.run for event in events if isinstance(event, Header)] == ["main"]
    assert {event.scenario for event in events if isinstance(event, ScenarioStarted)} == {1, 2, 3}
    for finding in (event for event in events if isinstance(event, Finding)):
        shown = events[finding.shown_by[0]]
        assert isinstance(shown, Fact)
        assert shown.data["by"] == finding.scenario
    compared = [event for event in events if isinstance(event, Fact) and event.kind == "compared"]
    assert len(compared) == 3
    for fact in compared:
        assert {name: len(numbers) for name, numbers in fact.refs.items()} == {"before": 1, "after": 2}
        for number in references(fact):
            pointed = events[number]
            assert isinstance(pointed, Fact)
            assert (pointed.kind, pointed.data["by"]) == ("seen", fact.scenario)


def test_a_worker_that_falls_over_is_an_error_that_says_why(tmp_path: Path, recorder: Recorder) -> None:
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    with pytest.raises(WorkerFailed, match="the worker fell over"):
        follow([(sys.executable, str(script), "1", "bad")], tmp_path / "work", recorder)
    recorder.close()


@given(st.integers(1, 9), st.integers(0, 1000))
def test_every_scenario_belongs_to_exactly_one_part(of: int, position: int) -> None:
    parts = [Part(index, of, 1, 0.0) for index in range(of)]
    assert sum(part.takes(position) for part in parts) == 1
    assert all(Part.parse(str(part)) == part for part in parts)


@st.composite
def parts(draw: st.DrawFn) -> list[list[Event]]:
    """Give records of several workers, each numbered from 0, whose events refer to ones before them."""
    made: list[list[Event]] = []
    for worker in range(draw(st.integers(1, 3))):
        events: list[Event] = []
        for number in range(draw(st.integers(1, 8))):
            earlier = st.lists(st.integers(0, number - 1), max_size=3).map(tuple) if number else st.just(())
            if draw(st.booleans()):
                refs = draw(st.dictionaries(st.sampled_from(["exchange", "exchanges", "before"]), earlier))
                events.append(Fact(n=number, scenario=worker, kind=f"{worker}.{number}", refs=refs))
            else:
                text = f"{worker}.{number}"
                about = {"scenario": worker, "requirement": "DS-069", "check": "c", "outcome": Outcome.PASS}
                events.append(Finding(n=number, message=text, shown_by=draw(earlier), **about))
        made.append(events)
    return made


def label(event: Event) -> str:
    return event.kind if isinstance(event, Fact) else event.message if isinstance(event, Finding) else ""


def resolved(event: Event, within: Sequence[Event]) -> tuple[str, ...]:
    by_number = {item.n: item for item in within}
    return tuple(label(by_number[number]) for number in references(event))


@given(parts(), st.randoms(use_true_random=False))
def test_merged_parts_refer_to_what_each_part_referred_to(made: list[list[Event]], order: Random) -> None:
    left, merged = [list(events) for events in made], list[Event]()
    numbers: list[dict[int, int]] = [{} for _ in made]
    while waiting := [index for index, events in enumerate(left) if events]:
        index = order.choice(waiting)
        event = left[index].pop(0)
        numbers[index][event.n] = len(merged) + 7
        merged.append(renumbered(event, numbers[index]).model_copy(update={"n": len(merged) + 7}))
    originals = {label(event): (event, events) for events in made for event in events}
    for event in merged:
        assert resolved(event, merged) == resolved(*originals[label(event)])


@pytest.mark.parametrize("event", [Fact(n=4, scenario=1, kind="x", refs={"exchange": (3,)})])
def test_a_reference_to_what_is_not_there_is_no_reference_to_something_else(event: Event) -> None:
    with pytest.raises(ValueError, match=r"event 4 \(fact\) refers to event 3"):
        renumbered(event, {2: 9})


def test_no_fact_of_a_bench_hides_the_number_of_an_event_in_its_data() -> None:
    """Numbers in `data` would not be renumbered: references are given as events, which only `refs` takes."""
    hidden = [
        f"{path.name}:{call.lineno}"
        for folder in ("bench", "steps", "search")
        for path in sorted((Path(conformance.__file__).parent / folder).rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in ("note", "wanted")
        for part in (*call.args, *(word.value for word in call.keywords))
        for node in ast.walk(part)
        if isinstance(node, ast.Attribute) and node.attr == "n"
    ]
    assert hidden == []


def test_a_run_by_several_processes_refers_to_exchanges_of_the_same_scenario(tmp_path: Path) -> None:
    requirements = ("--req", "DS-013", "--req", "DC-034", "--req", "DC-040")
    ended = call("run", "wfm", "--jobs", "2", *requirements, "--out", tmp_path)
    assert ended.code in (0, 4), ended
    events = read(tmp_path / "events.ndjson")
    facts = [event for event in events if isinstance(event, Fact) and event.refs]
    assert len({fact.scenario for fact in facts}) > 1
    for fact in facts:
        for number in references(fact):
            assert number < fact.n
            assert events[number].scenario == fact.scenario, fact  # type: ignore[union-attr]
    sent = [fact for fact in facts if fact.kind == "sent"]
    assert sent
    for fact in sent:
        item = events[fact.ref("exchange") or 0]
        assert isinstance(item, Exchange)
        if fact.data["request"] == "report-status":
            assert fact.data["subject"] == item.params.get("deploymentId")
