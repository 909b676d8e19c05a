"""The machine report says neither more nor less than the run."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from conformance.record.events import Outcome, ScenarioOutcome
from conformance.record.run import Run
from conformance.record.verdict import Conformity, RequirementVerdict
from reports import json_report, markdown, write_all
from reports.model import Report
from reports.projection import not_exercised, report_of, reproduce, unexplained_failures, why
from tests.reports import samples

ALL = (samples.passing, samples.mixed, samples.both_roles, samples.hostile, samples.nothing, samples.long)


def test_the_published_schema_is_the_one_of_the_models() -> None:
    assert json_report.SCHEMA_FILE.read_text(encoding="utf-8") == json_report.schema_text(), (
        "write reports.json_report.schema_text() to the file"
    )
    Draft202012Validator.check_schema(json_report.schema())


@pytest.mark.parametrize("sample", ALL)
def test_every_report_keeps_to_the_schema_and_reads_back(sample: Callable[[Path], Run], tmp_path: Path) -> None:
    run = sample(tmp_path)
    text = json_report.render(run)
    Draft202012Validator(json.loads(json_report.SCHEMA_FILE.read_text(encoding="utf-8"))).validate(json.loads(text))
    assert Report.model_validate_json(text) == report_of(run)


def test_counts_keep_every_kind_apart_and_add_up(tmp_path: Path) -> None:
    (role,) = report_of(samples.mixed(tmp_path)).roles
    assert role.counts == {
        RequirementVerdict.FAIL: 1,
        RequirementVerdict.ERROR: 1,
        RequirementVerdict.BLOCKED: 1,
        RequirementVerdict.INCONCLUSIVE: 1,
        RequirementVerdict.WARNING: 1,
        RequirementVerdict.PASS: 2,
        RequirementVerdict.OBSERVATION: 1,
        RequirementVerdict.NOT_RUN: 1,
        RequirementVerdict.NOT_APPLICABLE: 1,
        RequirementVerdict.NOT_EXERCISED: 1,
    }
    assert sum(role.counts_applicable.values()) == role.coverage.applicable == 10
    assert all(role.counts_scenarios[outcome] == 1 for outcome in ScenarioOutcome)
    assert role.coverage.exercised == 4
    assert role.conformity is Conformity.NOT_CONFORMANT


def test_requirements_come_worst_first_with_their_findings_and_scenarios(tmp_path: Path) -> None:
    (role,) = report_of(samples.mixed(tmp_path)).roles
    assert [item.id for item in role.requirements][:2] == ["DS-069", "DS-081"]
    failed = role.requirements[0]
    assert failed.scenarios == (1,)
    assert [(item.expected, item.found) for item in failed.findings] == [("3 kept", "2 adopted")]
    assert failed.interpretations == ("Equal counts as older.",)
    left = next(item for item in role.requirements if item.verdict is RequirementVerdict.NOT_EXERCISED)
    assert left.reason == "needs a second device"


def test_a_requirement_of_both_roles_is_judged_for_each(tmp_path: Path) -> None:
    device, wfm = report_of(samples.both_roles(tmp_path)).roles
    assert {item.id: item.verdict.value for item in device.requirements} == {"DS-069": "fail"}
    assert {item.id: item.verdict.value for item in wfm.requirements} == {"DS-008": "pass", "DS-069": "pass"}


def test_a_finding_of_an_unknown_requirement_is_shown_not_lost(tmp_path: Path) -> None:
    bench = samples.Bench(tmp_path, samples.header(), samples.requirement("DS-069"))
    bench.begin("s")
    bench.finding("XX-999", Outcome.FAIL)
    bench.end(ScenarioOutcome.FAILED)
    (role,) = report_of(bench.run()).roles
    unknown = role.requirements[0]
    assert (unknown.id, unknown.verdict, unknown.applicable) == ("XX-999", RequirementVerdict.FAIL, False)


def test_a_scenario_that_failed_without_a_finding_is_named(tmp_path: Path) -> None:
    bench = samples.Bench(tmp_path, samples.header(), samples.requirement("DS-069"))
    bench.begin("breaks off", "DS-069")
    bench.step("the device is there", "failed", message="no request within 10 s")
    bench.end(ScenarioOutcome.FAILED)
    report = report_of(bench.run())
    (scenario,) = unexplained_failures(report, "device")
    assert why(scenario) == "no request within 10 s"


def test_the_command_to_reproduce_is_safe_to_paste() -> None:
    assert reproduce("device", "DS-069") == "margo-conformance run device --req DS-069"
    assert reproduce("wfm", "x; rm -rf /") == "margo-conformance run wfm --req 'x; rm -rf /'"
    again = reproduce("device", "SIG-003", revision="1.0.0-rc.2-signed", past=("digest-uncovered", "own file.yaml"))
    assert again.endswith(
        "--revision 1.0.0-rc.2-signed --accommodate digest-uncovered --accommodate 'own file.yaml' --req SIG-003"
    )


def test_every_failure_is_told_and_passes_are_counted_with_examples(tmp_path: Path) -> None:
    (role,) = report_of(samples.long(tmp_path)).roles
    failed = role.requirements[0]
    assert [(item.scenario, item.found) for item in failed.findings] == [(5, "5 in a row"), (9, "9 in a row")]
    (group,) = failed.condensed
    assert (group.outcome, group.count) == (Outcome.PASS, 38)
    assert set(group.scenarios) == set(range(1, 41)) - {5, 9}
    assert [(item.scenario, item.found) for item in group.examples] == [
        (1, "1 in a row"),
        (2, "2 in a row"),
        (3, "3 in a row"),
    ]
    assert all(len(item.shown_by) == 1 for item in group.examples)


def test_a_scenario_counts_what_held_and_tells_what_failed(tmp_path: Path) -> None:
    fifth = report_of(samples.long(tmp_path)).scenarios[4]
    assert [item.requirement for item in fifth.findings] == ["DS-007"]
    assert len(fifth.passed) == 29
    assert fifth.counts == {Outcome.FAIL: 1, Outcome.PASS: 29}
    assert (fifth.name, fifth.title) == (
        "A device is given <count> applications",
        "A device is given 5 applications",
    )


def test_what_was_not_exercised_has_reasons_and_adds_up(tmp_path: Path) -> None:
    (role,) = report_of(samples.mixed(tmp_path)).roles
    left = not_exercised(role)
    assert ("Needs a second device.", ("DC-014",)) in [(reason, ids) for _, reason, ids in left]
    assert sum(len(ids) for _, _, ids in left) == role.coverage.applicable - role.coverage.exercised


def test_a_whole_fails_with_its_part_in_every_format(tmp_path: Path) -> None:
    whole = samples.requirement("DS-100", "Everything is refused.", parts=("DS-069",))
    bench = samples.Bench(tmp_path, samples.header(), samples.requirement("DS-069"), whole)
    bench.begin("all well")
    bench.finding("DS-069", Outcome.FAIL)
    bench.end(ScenarioOutcome.PASSED)
    run = bench.run()
    for path in write_all(run, tmp_path / "out").values():
        assert "DS-100" in path.read_text(encoding="utf-8")
    (role,) = report_of(run).roles
    assert {item.id: item.parts for item in role.requirements} == {"DS-069": (), "DS-100": ("DS-069",)}


def test_only_what_nothing_exercised_has_a_reason_and_one_with_a_check_is_not_said_to_have_none(tmp_path: Path) -> None:
    entries = (samples.requirement(name, reason="no check yet") for name in ("DS-069", "DS-001"))
    bench = samples.Bench(tmp_path, samples.header(), *entries, samples.requirement("EXT-003"))
    bench.begin("all well", "DS-069")
    bench.finding("DS-069", Outcome.PASS)
    bench.end(ScenarioOutcome.PASSED)
    run = bench.run()
    (role,) = report_of(run).roles
    assert {item.id: item.reason for item in role.requirements} == {
        "DS-069": None,
        "DS-001": "no check yet",
        "EXT-003": None,
    }
    told = {names: reason for _, reason, names in not_exercised(role)}
    assert told[("DS-001",)] == "No check yet."
    assert told[("EXT-003",)] == "Not exercised: nothing in this run gave its checks anything to judge."
    assert "No check yet. EXT" not in markdown.render(run)
