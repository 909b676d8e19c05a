import io

import pytest
from rich.console import Console

from conformance.cli.progress import following
from conformance.record.events import Finding, Outcome, ScenarioFinished, ScenarioOutcome, ScenarioStarted, _Event

STARTED = ScenarioStarted(
    scenario=1, role="device", feature="F", name="Keeps its state", uri="device/f.feature", line=3
)
FAILURE = Finding(
    scenario=1,
    requirement="DS-069",
    check="device.c",
    outcome=Outcome.FAIL,
    message="An older manifest is refused.",
    expected="version 3 kept",
    found="version 2 \x1b[31m adopted",
)


def _shown(events: list[_Event], total: int, *, terminal: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=120, highlight=False)
    with following(console, total) as follower:
        for event in events:
            follower.heard(event)
    return out.getvalue()


def _ended(outcome: ScenarioOutcome, reason: str | None = None) -> ScenarioFinished:
    return ScenarioFinished(scenario=1, outcome=outcome, reason=reason, duration=1.25)


def test_a_log_gets_one_line_per_scenario() -> None:
    told = _shown([STARTED, _ended(ScenarioOutcome.PASSED)] * 2, 2, terminal=False)
    assert told == (
        "[1/2] passed       device: Keeps its state (1.2 s)\n[2/2] passed       device: Keeps its state (1.2 s)\n"
    )


def test_a_failure_says_what_was_expected_and_found_and_no_escape_sequence_gets_through() -> None:
    told = _shown([STARTED, FAILURE, _ended(ScenarioOutcome.FAILED)], 1, terminal=False)
    assert "failed" in told
    assert "DS-069: An older manifest is refused." in told
    assert "expected version 3 kept" in told
    assert "found    version 2" in told
    assert "\x1b" not in told


def test_failures_of_one_scenario_are_not_told_again_at_the_next() -> None:
    told = _shown(
        [STARTED, FAILURE, _ended(ScenarioOutcome.FAILED), STARTED, _ended(ScenarioOutcome.PASSED)], 2, terminal=False
    )
    assert told.count("version 3 kept") == 1


def test_a_blocked_scenario_says_why() -> None:
    told = _shown([STARTED, _ended(ScenarioOutcome.BLOCKED, "needs reboot")], 1, terminal=False)
    assert "blocked" in told
    assert "needs reboot" in told


def test_what_was_filtered_out_is_not_mentioned() -> None:
    assert _shown([STARTED, _ended(ScenarioOutcome.NOT_RUN, "not selected")], 0, terminal=False) == ""


def test_a_row_of_an_outline_is_told_apart() -> None:
    row = STARTED.model_copy(update={"example": {"what": "damaged"}})
    assert "Keeps its state [damaged]" in _shown([row, _ended(ScenarioOutcome.PASSED)], 1, terminal=False)


def test_a_terminal_gets_a_bar_with_running_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    told = _shown([STARTED, FAILURE, _ended(ScenarioOutcome.FAILED)], 4, terminal=True)
    assert "1/4" in told
    assert "0 passed, 1 failed, 0 blocked" in told
    assert "version 3 kept" in told


def test_a_ci_job_gets_lines_even_where_it_claims_to_be_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    told = _shown([STARTED, _ended(ScenarioOutcome.PASSED)], 1, terminal=True)
    assert told.count("\n") == 1
    assert "[1/1]" in told


def test_scenarios_that_are_under_way_at_once_keep_their_own_names_and_failures() -> None:
    other = STARTED.model_copy(update={"scenario": 2, "name": "Forgets nothing"})
    ends = [
        ScenarioFinished(scenario=2, outcome=ScenarioOutcome.PASSED),
        ScenarioFinished(scenario=1, outcome=ScenarioOutcome.FAILED),
    ]
    lines = _shown([STARTED, other, FAILURE, *ends], 2, terminal=False).splitlines()
    assert "passed" in lines[0]
    assert "Forgets nothing" in lines[0]
    assert "failed" in lines[1]
    assert "Keeps its state" in lines[1]
    assert "DS-069" in lines[2]
