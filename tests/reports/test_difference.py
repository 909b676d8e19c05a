"""Two runs held against each other: what got worse is told as such, whatever else moved."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.record.events import (
    CatalogueEvent,
    Finding,
    Outcome,
    RequirementEntry,
    ScenarioFinished,
    ScenarioOutcome,
    ScenarioStarted,
)
from conformance.record.file import EVENT_FILE, EventWriter, read
from conformance.record.run import Run
from conformance.record.verdict import EXERCISED, RequirementVerdict
from reports.difference import ALARMING, Movement, difference, movement_of
from reports.sides import Side
from tests.cli.commands import call
from tests.reports.samples import header

VERDICTS = st.sampled_from(RequirementVerdict)


def entry(name: str) -> RequirementEntry:
    return RequirementEntry(
        id=name,
        area="Desired state",
        severity="must",
        level="MUST",
        roles=("device",),
        statement=name,
        source="somewhere",
        observable="black-box",
        mandatory=("device",),
    )


def record(folder: Path, outcomes: Mapping[str, Outcome | None]) -> Path:
    """A sealed record with one scenario a statement; None is a blocked one."""
    folder.mkdir()
    with EventWriter(folder / EVENT_FILE) as writer:
        writer.append(header(revision="one"))
        writer.append(CatalogueEvent(requirements=tuple(entry(name) for name in outcomes)))
        for number, (name, outcome) in enumerate(outcomes.items(), 1):
            writer.append(
                ScenarioStarted(
                    scenario=number, role="device", feature="F", name=name, uri="x", line=3, requirements=(name,)
                )
            )
            if outcome is not None:
                writer.append(Finding(scenario=number, requirement=name, check="c", outcome=outcome, message="seen"))
            ended = {Outcome.PASS: ScenarioOutcome.PASSED, None: ScenarioOutcome.BLOCKED}
            writer.append(ScenarioFinished(scenario=number, outcome=ended.get(outcome, ScenarioOutcome.FAILED)))
    return folder / EVENT_FILE


def side_of(path: Path) -> Side:
    return Side.of_run(Run.of(read(path)))


def test_each_movement_is_named(tmp_path: Path) -> None:
    before = record(
        tmp_path / "a",
        {"A-01": Outcome.PASS, "A-02": Outcome.FAIL, "A-03": Outcome.PASS, "A-04": None, "A-05": Outcome.PASS},
    )
    after = record(
        tmp_path / "b",
        {"A-01": Outcome.FAIL, "A-02": Outcome.PASS, "A-03": None, "A-04": Outcome.PASS, "A-05": Outcome.PASS},
    )
    found = difference(side_of(before), side_of(after))
    assert {item.id: item.movement for item in found.roles[0].moved} == {
        "A-01": Movement.BROKEN,
        "A-02": Movement.MENDED,
        "A-03": Movement.LOST,
        "A-04": Movement.GAINED,
    }
    assert found.roles[0].same == 1
    assert found.alarming


@given(VERDICTS)
def test_the_same_verdict_is_no_movement(verdict: RequirementVerdict) -> None:
    assert movement_of(verdict, verdict) is None


@given(VERDICTS, VERDICTS)
def test_a_green_that_goes_is_always_alarming(was: RequirementVerdict, now: RequirementVerdict) -> None:
    movement = movement_of(was, now)
    if was is RequirementVerdict.PASS and now is not RequirementVerdict.PASS:
        assert movement in ALARMING
    if now is RequirementVerdict.PASS:
        assert movement not in ALARMING
    if was not in EXERCISED and now not in EXERCISED:
        assert movement in (None, Movement.BROKEN)


@pytest.mark.parametrize(("second", "code"), [(Outcome.PASS, 0), (Outcome.FAIL, 1), (None, 1)])
def test_the_verb_closes_a_gate_when_something_got_worse(tmp_path: Path, second: Outcome | None, code: int) -> None:
    before = record(tmp_path / "a", {"A-01": Outcome.PASS})
    after = record(tmp_path / "b", {"A-01": second})
    ended = call("report", "diff", before, after)
    assert ended.code == code
    assert "Difference of two runs" in ended.out


def test_the_verb_writes_json_and_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    before = record(tmp_path / "a", {"A-01": Outcome.PASS})
    target = tmp_path / "diff.json"
    assert call("report", "diff", before, before.parent, "--format", "json", "--out", target).code == 0
    told = json.loads(target.read_text())
    assert told["roles"][0]["same"] == 1
    assert told["alarming"] is False
    ended = call("report", "diff", before, before, "--format", "jsn")
    assert ended.code == 2
    assert "json" in ended.err
    assert call("report", "diff", before, tmp_path / "none").code == 2
