"""Known departures stand in every report, each once: as failures where they were shown, as needless where not."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

from conformance.record.events import ScenarioOutcome
from conformance.record.verdict import Conformity, RequirementVerdict
from reports import console, html_report, json_report, junit, markdown
from tests.reports import samples


def test_a_departure_fails_its_statement_and_nothing_else_whatever_passed(tmp_path: Path) -> None:
    run = samples.departed(tmp_path)
    assert run.verdicts("device") == {"DS-054": RequirementVerdict.PASS, "DS-069": RequirementVerdict.FAIL}
    assert run.conformity is Conformity.NOT_CONFORMANT
    assert [item.outcome for item in run.scenarios] == [ScenarioOutcome.PASSED]


def test_the_machine_report_tells_each_with_its_evidence(tmp_path: Path) -> None:
    role = json.loads(json_report.render(samples.departed(tmp_path)))["roles"][0]
    used, stale = role["departures"]
    assert (used["name"], used["uses"], used["scenarios"]) == ("older-taken", 7, [1])
    assert (stale["name"], stale["uses"], stale["shown_by"]) == ("never-there", 0, [])


def test_terminal_and_job_page_tell_the_used_and_the_needless(tmp_path: Path) -> None:
    run = samples.departed(tmp_path)
    text = console.render(run)
    assert (
        "known departure older-taken (DS-069): It departs: older-taken. Expected this, found that; 7 times"
        in " ".join(text.split())
    )
    assert "accommodated, never needed never-there" in text
    rows = [line for line in markdown.render(run).splitlines() if line.startswith(("| older", "| never"))]
    assert [row.split(" | ")[4] for row in rows] == ["7", "0"]
    assert "- known departure older-taken" in markdown.render(run)


def test_a_ci_server_finds_one_failure_for_each_statement(tmp_path: Path) -> None:
    suite = ET.fromstring(junit.render(samples.departed(tmp_path))).find("testsuite")  # noqa: S314 - our own document
    assert suite is not None
    failed = [case.get("name") for case in suite.iterfind("testcase") if case.find("failure") is not None]
    assert failed == ["DS-069"]
    names = {item.get("name") for item in suite.iterfind("properties/property")}
    assert {"departure.used", "departure.stale"} <= names


def test_the_page_has_a_section_that_leads_to_statement_and_exchange(tmp_path: Path) -> None:
    for name in ("departed", "passing"):
        (tmp_path / name).mkdir()
    page = html_report.render(samples.departed(tmp_path / "departed"))
    section = page.split('<section id="departures"')[1].split("</section>")[0]
    assert section.index("older-taken") < section.index("never-there")
    assert 'href="#req-DS-069"' in section
    assert "data-event=" in section
    assert "never needed in this run" in section
    assert 'id="departures"' not in html_report.render(samples.passing(tmp_path / "passing"))
