"""A finding that rests on a reading of an ambiguous text says so in every report, and the register stands there too."""

import json
from pathlib import Path

from conformance.record.events import CatalogueEvent, InterpretationEntry, Outcome, ScenarioOutcome
from conformance.record.run import Run
from reports import html_report, json_report, markdown
from tests.reports.samples import Bench, header, requirement

READING = InterpretationEntry(
    id="AMB-X-90",
    where="desired-state, Workflow",
    issue="Equal or older: the text says `both`.",
    reading="Equal counts as older.",
    why="Nothing is gained by an equal version.",
    upstream=("margo/specification#900",),
    requirements=("DS-069",),
    checks=("check_of_DS-069",),
)
UNUSED = InterpretationEntry(
    id="AMB-X-91", where="elsewhere", issue="Nobody knows.", reading="Leave it.", reason="No test."
)


def run_with(directory: Path, outcome: Outcome) -> Run:
    bench = Bench(directory, header(), requirement("DS-069"), requirement("DS-070"))
    bench.write(CatalogueEvent(requirements=(), interpretations=(READING, UNUSED)))
    bench.begin("An older manifest is refused", "DS-069")
    bench.step("the device runs version 3")
    bench.finding("DS-069", outcome, bench.exchange(), expected="refused", found="adopted")
    bench.finding("DS-070", Outcome.FAIL, bench.exchange(), expected="logged", found="nothing")
    bench.end(ScenarioOutcome.FAILED)
    return bench.run()


def test_a_finding_names_the_reading_it_rests_on_and_others_do_not(tmp_path: Path) -> None:
    report = json.loads(json_report.render(run_with(tmp_path, Outcome.FAIL)))
    found = {item["requirement"]: item["interpretations"] for item in report["scenarios"][0]["findings"]}
    assert found == {"DS-069": ["AMB-X-90"], "DS-070": []}
    register = {item["id"]: item for item in report["interpretations"]}
    assert register["AMB-X-90"]["findings"] == {"fail": 1}
    assert register["AMB-X-90"]["upstream"] == ["margo/specification#900"]
    assert register["AMB-X-91"]["reason"] == "No test."
    assert register["AMB-X-91"]["findings"] == {}


def test_a_pass_rests_on_it_as_well(tmp_path: Path) -> None:
    report = json.loads(json_report.render(run_with(tmp_path, Outcome.PASS)))
    told = {item["id"]: item for item in report["roles"][0]["requirements"]}
    assert told["DS-069"]["condensed"][0]["interpretations"] == ["AMB-X-90"]


def test_the_page_links_the_finding_to_the_register(tmp_path: Path) -> None:
    page = html_report.render(run_with(tmp_path, Outcome.FAIL))
    assert page.count('id="reading-AMB-X-90"') == page.count('id="reading-AMB-X-91"') == 1
    assert 'href="#reading-AMB-X-90"' in page
    assert 'href="#reading-AMB-X-91"' not in page
    assert "Nothing is gained by an equal version." in page
    assert "margo/specification#900" in page


def test_the_summary_tells_the_reading_with_the_failure(tmp_path: Path) -> None:
    failed = markdown.render(run_with(tmp_path / "a", Outcome.FAIL))
    assert "read as AMB-X-90: Equal counts as older." in failed
    assert "By 1 of them something failed" in failed
    passed = markdown.render(run_with(tmp_path / "b", Outcome.PASS))
    assert "nothing failed by one of them" in passed
    assert "read as AMB-X-90" not in passed
