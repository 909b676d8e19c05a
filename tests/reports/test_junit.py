"""JUnit: what a CI server makes of a run."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.record.events import Outcome, ScenarioOutcome
from conformance.record.run import Run
from reports import junit
from tests.reports import samples


def parse(run: Run) -> ET.Element:
    return ET.fromstring(junit.render(run))  # noqa: S314 - written by ourselves a moment ago


def kinds(suite: ET.Element) -> dict[str, str]:
    return {
        case.get("name", ""): next(
            (kind for kind in ("failure", "error", "skipped") if case.find(kind) is not None), ""
        )
        for case in suite.iter("testcase")
    }


def test_only_passed_scenarios_pass(tmp_path: Path) -> None:
    root = parse(samples.mixed(tmp_path))
    assert kinds(root) == {
        "An older manifest is refused": "failure",
        "A damaged deployment is refused": "",
        "Status after an outage": "error",
        "Reboot keeps deployments": "error",
        "The suite stumbles": "error",
        "Expired credentials": "skipped",
        "Gateways only [helm]": "skipped",
    }
    assert [root.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["7", "1", "3", "2"]


def test_a_failure_says_what_was_expected_and_what_was_found(tmp_path: Path) -> None:
    failure = parse(samples.mixed(tmp_path)).find(".//failure")
    assert failure is not None
    assert failure.get("message") == "DS-069: an older manifest was adopted"
    assert "expected: 3 kept" in (failure.text or "")
    assert "found:    2 adopted" in (failure.text or "")


def test_cases_name_their_requirements_and_suites_their_verdict(tmp_path: Path) -> None:
    root = parse(samples.both_roles(tmp_path))
    device, wfm = root.findall("testsuite")
    verdicts = [
        next(item.get("value") for item in suite.findall("properties/property") if item.get("name") == "verdict")
        for suite in (device, wfm)
    ]
    assert verdicts == ["not conformant", "conformant"]
    named = [item.get("value") for item in device.findall("testcase/properties/property[@name='requirement']")]
    assert named == ["DS-069"]


def test_a_run_without_scenarios_is_not_green(tmp_path: Path) -> None:
    assert kinds(parse(samples.nothing(tmp_path))) == {"conformant": "error"}


def test_a_part_of_the_suite_is_not_green_although_all_of_it_passed(tmp_path: Path) -> None:
    root = parse(samples.passing(tmp_path, selection="DS-069"))
    assert kinds(root)["conformant"] == "error"


def test_a_conformant_run_is_green(tmp_path: Path) -> None:
    assert kinds(parse(samples.passing(tmp_path))) == {"An older manifest is refused": ""}


def test_a_scenario_that_says_it_passed_despite_a_failing_finding_is_a_failure(tmp_path: Path) -> None:
    bench = samples.Bench(tmp_path, samples.header(), samples.requirement("DS-069"))
    bench.begin("all well")
    bench.finding("DS-069", Outcome.FAIL, message="a monitor saw it")
    bench.end(ScenarioOutcome.PASSED)
    assert kinds(parse(bench.run())) == {"all well": "failure"}


def test_hostile_text_neither_breaks_nor_adds_elements(tmp_path: Path) -> None:
    root = parse(samples.hostile(tmp_path))
    assert {element.tag for element in root.iter()} == {
        "testsuites",
        "testsuite",
        "properties",
        "property",
        "testcase",
        "failure",
        "error",
    }
    assert samples.HOSTILE in root.findtext(".//failure", "")


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_gives_a_document_that_parses(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    directory = tmp_path_factory.mktemp("run")
    parse(samples.passing(directory, run=text, selection=text, suite=text))
