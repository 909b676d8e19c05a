"""The reference in its other shapes raises no false alarm; the plain one is what the demo runs."""

from dataclasses import replace
from pathlib import Path

import pytest

from conformance.bench.coverage import coverage, is_observable_must
from conformance.bench.device_subject import SimulatedSeat
from conformance.bench.run import load_checks
from conformance.bench.scenarios import Selection, scenarios
from conformance.catalogue import load
from tests.suite_device.runs import carried_out, suite, told


@pytest.mark.parametrize(("profile", "least"), [("gateway", 8), ("hosting-gateway", 9), ("opaque-gateway", 2)])
def test_reference_gateway_passes_what_is_for_gateways(profile: str, least: int, tmp_path: Path) -> None:
    done = suite(tmp_path, profile=profile, selection=Selection(texts=("gateway",)))
    assert len(carried_out(done)) >= least
    assert {scenario.outcome for scenario in carried_out(done)} == {"passed"}, told(done)


def test_no_finding_of_the_reference_is_a_failure_or_warning(tmp_path: Path) -> None:
    done = suite(tmp_path, selection=Selection(texts=("Desired state",)))
    found = {finding.outcome.value for scenario in done.scenarios for finding in scenario.findings}
    assert found <= {"pass", "observation"}
    assert "pass" in found


def test_device_that_fetches_one_by_one_raises_no_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = SimulatedSeat.config
    monkeypatch.setattr(
        SimulatedSeat, "config", lambda seat, world: replace(plain(seat, world), retrieval="individual")
    )
    done = suite(tmp_path, selection=Selection(texts=("Integrity",)))
    assert {scenario.outcome for scenario in carried_out(done)} == {"passed"}, told(done)


@pytest.mark.parametrize("profile", ["standalone", "gateway", "hosting-gateway", "opaque-gateway"])
def test_every_must_that_can_be_seen_has_a_check(profile: str) -> None:
    load_checks()
    catalogue = load()
    claims = catalogue.profile("device", profile).claims
    applicable = {item.id for item in catalogue.applicable("device", claims)}
    open_musts = {
        item.requirement.id
        for item in coverage("device", catalogue)
        if is_observable_must(item.requirement) and item.requirement.id in applicable and not item.checks
    }
    assert open_musts == set()


def test_what_has_no_check_has_a_reason() -> None:
    load_checks()
    assert [item.requirement.id for item in coverage("device", load()) if item.reason == "no check yet"] == []


def test_scenarios_speak_of_behaviour() -> None:
    for scenario in scenarios("device"):
        for word in ("http", "rc.3", "/api", "json", "yaml", "304", "404", "503", "etag"):
            text = f"{scenario.feature} {scenario.name} {' '.join(scenario.example.values())}".lower()
            assert word not in text, scenario.key
