"""Behaviours in failure and recovery: each is shown, and what a device does is held against what is declared of it."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.bench.coverage import BehaviourCoverage, behaviour_coverage
from conformance.bench.device_seat import simulated_seat
from conformance.bench.device_subject import DRIFT_S, SimulatedSeat
from conformance.bench.ics import Ics
from conformance.bench.run import RunPlan, load_checks, run
from conformance.bench.scenarios import BEHAVIOUR_TAG, Selection
from conformance.catalogue import load
from conformance.record.run import Run
from simulator.device.config import DeviceConfig
from simulator.device.driver import Tampering
from simulator.device.mutant import Mutant
from simulator.device.mutants import MUTANTS
from simulator.device.policies import Policies
from tests.suite_device.runs import IMPATIENT, carried_out, told

load_checks()
CATALOGUE = load()
COVERED = behaviour_coverage(CATALOGUE)
POLICIES = {name: values for item in CATALOGUE.behaviours for name, values in item.policy.items()}
WAY_OUT = "version-regression"
"""Shows only in a device that keeps its state through a reset, and hides how it keeps it: tried by itself."""


def nth(number: int) -> dict[str, str]:
    chosen = {name: values[min(number, len(values) - 1)] for name, values in POLICIES.items()}
    return chosen | {WAY_OUT: POLICIES[WAY_OUT][0]}


FIRST, SECOND, THIRD, LAST = nth(0), nth(1), nth(2), nth(9)
MANY = {name for name, values in POLICIES.items() if len(values) > 2}
"""Policies of which a third value is another than the second."""
KEEPS = FIRST | {"factory-reset": "keep"}
FOLLOWS = KEEPS | {WAY_OUT: "accept-after-reset"}
RESETS = (f"{BEHAVIOUR_TAG}DR-01", f"{BEHAVIOUR_TAG}FB-06")
BY_ID = {item.behaviour.id: item for item in COVERED}
DECLARABLE = tuple(
    f"{BEHAVIOUR_TAG}{item.behaviour.id}" for item in COVERED if item.behaviour.policy and item.scenarios
)
POWER_CUT = next(item for item in BY_ID["RB-03"].scenarios if item.example.get("change") == "an update")
TELEMETRY = "runtime-status"
"""The one policy whose default the bench cannot watch: a telemetry path."""


def judged(folder: Path, declared: Mapping[str, str], mutant: str | None = None, *tags: str) -> Run:
    ics = Ics.of_reference("device").model_copy(update={"policies": dict(declared), "limits": IMPATIENT})
    return run(RunPlan((simulated_seat(ics, mutant),), folder, selection=Selection(tags=tags or DECLARABLE)))


@pytest.mark.parametrize("item", COVERED, ids=lambda item: item.behaviour.id)
def test_every_behaviour_has_scenarios_or_a_reason(item: BehaviourCoverage) -> None:
    assert item.scenarios or item.behaviour.not_tested, f"{item.behaviour.id} is shown by nothing"
    if item.behaviour.basis == "undefined" and item.scenarios:
        assert item.checks, "what no statement demands has to be judged by a check that names the behaviour"


def test_all_behaviours_are_shown() -> None:
    assert len(COVERED) == 57
    assert [item.behaviour.id for item in COVERED if not item.scenarios] == []


@pytest.mark.parametrize("declared", [LAST, FOLLOWS], ids=["last", "follows"])
def test_a_device_that_does_what_it_declares_raises_no_alarm(declared: Mapping[str, str], tmp_path: Path) -> None:
    done = judged(tmp_path, declared, None, *(RESETS if declared is FOLLOWS else ()))
    assert {scenario.outcome.value for scenario in carried_out(done)} == {"passed"}, told(done)


@pytest.mark.parametrize(
    ("declared", "does"), [(FIRST, SECOND), (SECOND, FIRST), (FIRST, THIRD), (FOLLOWS, KEEPS), (KEEPS, FOLLOWS)]
)
def test_a_device_that_does_other_than_it_declares_fails(
    declared: Mapping[str, str], does: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(config: DeviceConfig) -> DeviceConfig:
        return replace(config, policies=Policies.of(does))

    monkeypatch.setitem(MUTANTS, "does-otherwise", Mutant("does-otherwise", "PF-02", "does otherwise", change))
    others = {name for name in POLICIES if declared[name] != does[name] and (does is not THIRD or name in MANY)}
    tags = [f"{BEHAVIOUR_TAG}{item.id}" for item in CATALOGUE.behaviours if others & item.policy.keys()]
    verdicts = judged(tmp_path, declared, "does-otherwise", *tags).behaviour_verdicts("device")
    for name in others - {TELEMETRY}:
        of = [item.id for item in CATALOGUE.behaviours if name in item.policy]
        assert "fail" in {verdicts[one].value for one in of if one in verdicts}, f"{name}: {verdicts}"


def test_without_a_declaration_nothing_is_judged_and_everything_told(tmp_path: Path) -> None:
    done = judged(tmp_path, {})
    assert {scenario.outcome.value for scenario in carried_out(done)} == {"passed"}, told(done)
    verdicts = done.behaviour_verdicts("device")
    for name, item in BY_ID.items():
        if item.behaviour.policy and item.behaviour.basis == "undefined" and item.scenarios:
            found = [
                finding
                for scenario in done.scenarios
                for finding in scenario.findings
                if finding.requirement == name and finding.outcome == "observation"
            ]
            assert found, f"{name}: {verdicts[name]}"
            assert all(finding.found for finding in found)


def test_power_is_cut_at_every_point_of_an_update(tmp_path: Path) -> None:
    done = run(
        RunPlan(
            (simulated_seat(Ics.of_reference("device")),),
            tmp_path,
            selection=Selection(keys=(POWER_CUT.key,)),
        )
    )
    facts = [fact for scenario in carried_out(done) for fact in scenario.facts]
    points = sum(fact.data["points"] for fact in facts if fact.kind == "power-cuts")
    tried = [fact.data["point"] for fact in facts if fact.kind == "power-cut"]
    judgements = [
        finding
        for scenario in done.scenarios
        for finding in scenario.findings
        if finding.check.endswith("nothing_is_half_done_after_lost_power")
    ]
    assert points == len(tried) == len(judgements) >= 20, "one finding for each point"
    assert all(any(word in point for point in tried) for word in ("storing its state", "sending POST", "starting"))
    assert done.behaviour_verdicts("device")["RB-03"].value == "pass", told(done)


TAMPERED = {
    "MM-01": "stopped|removed",
    "MM-02": "edited",
    "MM-03": "started",
    "PF-09": "filled the storage",
} | dict.fromkeys(("RS-01", "RS-02"), "stopped")
"""Behaviours that begin with something done behind the device's back, and the words that tell what."""


@pytest.mark.parametrize("declared", [FIRST, LAST], ids=["first", "last"])
def test_a_hook_that_does_nothing_shows_nothing(
    declared: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> None:
        pass

    monkeypatch.setattr(SimulatedSeat, "tamper", nothing)
    done = judged(tmp_path, declared, None, *(f"{BEHAVIOUR_TAG}{name}" for name in TAMPERED))
    verdicts = done.behaviour_verdicts("device")
    assert {name: verdicts[name].value for name in TAMPERED} == dict.fromkeys(TAMPERED, "inconclusive"), told(done)
    for name, words in TAMPERED.items():
        said = [item.found or "" for one in done.scenarios for item in one.findings if item.requirement == name]
        assert said, name
        assert all("the hook `tamper`" in text and re.search(words, text) for text in said), said


def test_state_that_is_still_there_was_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> None:
        pass

    monkeypatch.setattr(SimulatedSeat, "tamper", nothing)
    done = judged(tmp_path, FIRST, None, f"{BEHAVIOUR_TAG}MM-06")
    assert {scenario.outcome.value for scenario in carried_out(done)} == {"inconclusive"}, told(done)
    assert told(done).count("the hook `tamper`") == 2


@pytest.mark.parametrize("mutant", [None, "blind-to-drift"])
def test_a_device_that_puts_it_right_while_the_hook_is_still_at_work_is_judged_by_its_reports(
    mutant: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tamper = SimulatedSeat.tamper

    async def slowly(seat: SimulatedSeat, what: Tampering, deployment_id: str = "", component: str = "") -> object:
        told = await tamper(seat, what, deployment_id, component)
        await asyncio.sleep(3 * DRIFT_S)
        return told

    monkeypatch.setattr(SimulatedSeat, "tamper", slowly)
    done = judged(tmp_path, FIRST, mutant, f"{BEHAVIOUR_TAG}MM-01")
    assert done.behaviour_verdicts("device")["MM-01"].value == ("fail" if mutant else "pass"), told(done)


@pytest.mark.parametrize(
    "name", ["silent-on-refusal", "blind-to-drift", "begins-everything-anew", "floods-about-the-dead"]
)
def test_a_broken_agent_is_caught_by_the_behaviour_it_breaks(name: str, tmp_path: Path) -> None:
    mutant = MUTANTS[name]
    tags = (f"{BEHAVIOUR_TAG}{mutant.breaks}",)
    verdicts = judged(tmp_path, FIRST, name, *tags).behaviour_verdicts("device")
    assert verdicts[mutant.breaks].value == "fail"
