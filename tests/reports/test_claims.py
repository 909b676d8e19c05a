"""Claims stand in every report as they were compared: what does not fit first, what nothing shows never as a pass."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

from conformance.record.events import Standing
from reports import console, html_report, json_report, junit, markdown
from reports.model import Report
from reports.projection import report_of
from tests.reports import samples

ORDER = [Standing.CONTRADICTED, Standing.NOT_CLAIMED, Standing.NEVER_SEEN, Standing.SEEN]


def test_the_machine_report_tells_every_claim_and_the_scenarios_that_show_it(tmp_path: Path) -> None:
    report = Report.model_validate_json(json_report.render(samples.claimed(tmp_path)))
    claims = report.roles[0].claims
    assert [claim.standing for claim in claims] == ORDER
    assert claims[1].scenarios == (1,)
    assert claims[2].scenarios == ()


def test_the_terminal_says_what_to_mend_and_what_was_never_seen(tmp_path: Path) -> None:
    text = console.render(samples.claimed(tmp_path))
    assert "claim feature helm: seen (yes), but not claimed: add `helm` to `features`" in text
    assert "claim policy retry: claimed (fixed), but seen otherwise (otherwise): mend it" in text
    assert "claimed, never seen feature gateway-see-thru" in text
    assert "claims: 1 seen, 1 never seen, 1 not claimed, 1 otherwise" in text


def test_of_a_part_of_the_suite_nothing_is_held_against_what_was_not_seen(tmp_path: Path) -> None:
    run = samples.claimed(tmp_path, selection="requirement DS-069")
    assert "claimed, never seen" not in console.render(run)
    for text in (console.render(run), markdown.render(run)):
        assert "in the part that was run" in text
    assert "Only a part of the suite was run" in html_report.render(run)


def test_the_job_page_has_a_table_of_what_does_not_fit(tmp_path: Path) -> None:
    text = markdown.render(samples.claimed(tmp_path))
    rows = [line for line in text.splitlines() if line.startswith(("| policy", "| feature"))]
    assert [row.split(" | ")[3] for row in rows] == ["Otherwise", "Not claimed", "Never seen"]


def test_a_ci_server_finds_every_claim_as_a_property(tmp_path: Path) -> None:
    suite = ET.fromstring(junit.render(samples.claimed(tmp_path))).find("testsuite")  # noqa: S314 - our own document
    assert suite is not None
    properties = {item.get("name"): item.get("value") or "" for item in suite.iterfind("properties/property")}
    assert {f"claim.{standing}" for standing in Standing} <= set(properties)
    assert "add `helm`" in properties["claim.not-claimed"]
    assert (suite.get("failures"), suite.get("errors")) == ("0", "1"), "claims are no failures"
    error = suite.find("testcase[@name='conformant']/error")
    assert error is not None
    assert "seen but not claimed: helm" in (error.text or ""), "but what was seen and not claimed is not green"


def test_the_page_shows_no_claim_as_a_pass(tmp_path: Path) -> None:
    page = html_report.render(samples.claimed(tmp_path))
    section = page.split('<section id="claims"')[1].split("</section>")[0]
    rows = re.findall(r'<tr class="is-([a-z-]+)">.*?class="badge v-([a-z-]+)"', section)
    assert [row[0] for row in rows] == ORDER
    assert "pass" not in {row[1] for row in rows}
    assert 'href="#scenario-1"' in section


def test_records_that_compare_nothing_have_no_such_section(tmp_path: Path) -> None:
    run = samples.passing(tmp_path)
    assert report_of(run).roles[0].claims == ()
    assert 'id="claims"' not in html_report.render(run)
    for text in (console.render(run), markdown.render(run), junit.render(run)):
        assert "laim" not in text
