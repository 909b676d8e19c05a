"""What pytest and pytest-bdd make of a scenario is never taken for a verdict: every trap shows as not green."""

from collections.abc import Iterable
from pathlib import Path

import pytest
import pytest_bdd.plugin

from conformance.bench.bench import Bench
from conformance.bench.errors import Blocked, NotSeen
from conformance.bench.ics import Ics
from conformance.bench.loop import BackgroundLoop
from conformance.bench.plugin import Order, ScenarioPlugin
from conformance.bench.recorder import Recorder
from conformance.bench.scenarios import Selection
from conformance.catalogue import load
from conformance.checks.evidence import Record
from conformance.checks.registry import Check, Judgement, expect, unseen
from conformance.record.events import CatalogueEvent, Header, ScenarioOutcome, Subject
from conformance.record.file import EventWriter, read
from conformance.record.run import Run, ScenarioRun
from conformance.record.verdict import RequirementVerdict

STEPS = """
import pytest
from pytest_bdd import given, then, scenarios
from tests.bench.test_plugin import BROKEN, HOLDS, UNSEEN, blocked, crash, never_reached

scenarios("trap.feature")

@given("nothing")
def _(bench): pass

@then("it holds")
def _(bench): bench.judge(HOLDS)

@then("it is broken")
def _(bench): bench.judge(BROKEN)

@then("it cannot be seen")
def _(bench): bench.judge(UNSEEN)

@then("the step gives up")
def _(bench): pytest.fail("given up")

@then("the step skips")
def _(bench): pytest.skip("not today")

@then("the step is blocked")
def _(bench): blocked()

@then("the state is never reached")
def _(bench): never_reached()

@then("the step crashes")
def _(bench): crash()
"""


class Rig(Bench):
    """A bench with empty seats."""

    role = "device"


def _holds(record: Record) -> Iterable[Judgement]:
    return [expect(True, expected="x", found="x")]


def _broken(record: Record) -> Iterable[Judgement]:
    return [expect(False, expected="x", found="y")]


def _unseen(record: Record) -> Iterable[Judgement]:
    return [unseen("x", "nothing came")]


HOLDS = Check("device.holds", "device", ("DS-069",), _holds, "It holds.")
BROKEN = Check("device.broken", "device", ("DS-069",), _broken, "It holds.")
UNSEEN = Check("device.unseen", "device", ("DS-069",), _unseen, "It holds.")


def blocked() -> None:
    raise Blocked("no hook for it")


def never_reached() -> None:
    raise NotSeen("nothing was seen")


def crash() -> None:
    raise RuntimeError("boom")


def carry_out(
    folder: Path,
    body: str,
    *,
    tags: str = "@req:DS-069",
    hooks: frozenset[str] = frozenset(),
    selection: Selection | None = None,
) -> tuple[ScenarioRun, Run]:
    """Run one scenario through the real plugin, in a pytest of its own."""
    (folder / "trap.feature").write_text(f"Feature: Traps\n\n  {tags}\n  Scenario: One\n{body}\n")
    (folder / f"test_{folder.name}.py").write_text(STEPS)  # a module of its own: pytest keeps those of one name
    ics, catalogue, loop = Ics.of_reference("device"), load(), BackgroundLoop()
    try:
        with EventWriter(folder / "events.ndjson") as writer:
            recorder = Recorder(writer)
            subject = Subject(role="device", name="x", target="simulated", profile=ics.profile)
            recorder.append(
                Header(
                    run="r", started="2026-01-01T00:00:00+00:00", suite="1", revision="1.0.0-rc.3", subjects=(subject,)
                )
            )
            recorder.append(CatalogueEvent(requirements=()))
            plugin = ScenarioPlugin(
                "device",
                ics,
                catalogue,
                recorder,
                lambda: Rig(ics, recorder, catalogue, loop),
                hooks,
                Order(selection or Selection()),
            )
            recorder.listen(plugin.heard)
            arguments = [str(folder), "-c", "/dev/null", f"--rootdir={folder}", "--import-mode=importlib"]
            without = ["-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:faulthandler"]
            pytest.main([*arguments, *without, "--disable-plugin-autoload"], plugins=[pytest_bdd.plugin, plugin])
    finally:
        loop.close()
    run = Run.of(read(folder / "events.ndjson"))
    return run.scenarios[0], run


@pytest.mark.parametrize(
    ("last_step", "outcome", "verdict"),
    [
        ("Then it holds", ScenarioOutcome.PASSED, RequirementVerdict.PASS),
        ("Then it is broken", ScenarioOutcome.FAILED, RequirementVerdict.FAIL),
        ("Then it cannot be seen", ScenarioOutcome.INCONCLUSIVE, RequirementVerdict.INCONCLUSIVE),
        ("Then the state is never reached", ScenarioOutcome.INCONCLUSIVE, RequirementVerdict.INCONCLUSIVE),
        ("Then the step is blocked", ScenarioOutcome.BLOCKED, RequirementVerdict.BLOCKED),
        ("Then the step gives up", ScenarioOutcome.ERROR, RequirementVerdict.ERROR),
        ("Then the step crashes", ScenarioOutcome.ERROR, RequirementVerdict.ERROR),
        ("Then the step skips", ScenarioOutcome.NOT_RUN, RequirementVerdict.NOT_RUN),
        ("Then a step that nobody wrote", ScenarioOutcome.ERROR, RequirementVerdict.ERROR),
        ("And nothing", ScenarioOutcome.ERROR, RequirementVerdict.ERROR),
    ],
)
def test_only_a_scenario_whose_checks_held_is_passed(
    tmp_path: Path, last_step: str, outcome: ScenarioOutcome, verdict: RequirementVerdict
) -> None:
    scenario, run = carry_out(tmp_path, f"    Given nothing\n    {last_step}\n")
    assert scenario.outcome is outcome
    assert run.verdicts("device")["DS-069"] is verdict


def test_a_failure_after_a_pass_is_a_failure(tmp_path: Path) -> None:
    scenario, run = carry_out(tmp_path, "    Then it holds\n    Then it is broken\n")
    assert scenario.outcome is ScenarioOutcome.FAILED
    assert run.verdicts("device")["DS-069"] is RequirementVerdict.FAIL


def test_a_tag_that_no_check_names_is_an_error(tmp_path: Path) -> None:
    scenario, _ = carry_out(tmp_path, "    Then it holds\n", tags="@req:DS-069 @req:ST-008")
    assert scenario.outcome is ScenarioOutcome.ERROR
    assert "ST-008" in (scenario.finished.reason or "")


def test_an_unknown_requirement_in_a_tag_is_an_error(tmp_path: Path) -> None:
    scenario, _ = carry_out(tmp_path, "    Then it holds\n", tags="@req:DS-069 @req:XX-999")
    assert scenario.outcome is ScenarioOutcome.ERROR


def test_a_missing_hook_blocks_by_name_and_runs_nothing(tmp_path: Path) -> None:
    scenario, _ = carry_out(tmp_path, "    Then it holds\n", tags="@req:DS-069 @needs:reboot")
    assert scenario.outcome is ScenarioOutcome.BLOCKED
    assert "reboot" in (scenario.finished.reason or "")
    assert not scenario.findings


def test_a_claim_that_is_not_made_is_not_applicable(tmp_path: Path) -> None:
    scenario, _ = carry_out(tmp_path, "    Then it holds\n", tags="@req:DS-069 @feature:gateway-see-thru")
    assert scenario.outcome is ScenarioOutcome.NOT_APPLICABLE


def test_what_is_not_selected_is_not_run(tmp_path: Path) -> None:
    scenario, _ = carry_out(tmp_path, "    Then it holds\n", selection=Selection(requirements=("ST-008",)))
    assert scenario.outcome is ScenarioOutcome.NOT_RUN


def test_steps_say_what_was_reached(tmp_path: Path) -> None:
    scenario, _ = carry_out(tmp_path, "    Given nothing\n    Then the step crashes\n    Then it holds\n")
    assert [step.outcome for step in scenario.steps] == ["passed", "failed", "not-reached"]


def test_a_statement_not_reached_after_a_failure_is_inconclusive(tmp_path: Path) -> None:
    _, run = carry_out(tmp_path, "    Then it is broken\n", tags="@req:DS-069 @req:ST-008")
    assert run.verdicts("device")["ST-008"] is RequirementVerdict.INCONCLUSIVE
