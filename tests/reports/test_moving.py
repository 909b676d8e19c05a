"""What a move to another revision asks, from records of real runs of both and from the catalogue alone."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.bench.device_seat import simulated_seat
from conformance.bench.ics import Ics
from conformance.bench.run import RunPlan, run
from conformance.bench.scenarios import Selection
from conformance.catalogue import load
from conformance.cli.compared import sides_of, way_of
from conformance.record.file import EVENT_FILE
from reports.difference import Difference, RoleDifference, difference
from reports.difference_page import words
from reports.moving import Ask, Change, Statement
from tests.cli.commands import assert_refused, call

SIGNED, NEWEST = "1.0.0-rc.2-signed", "1.0.0-rc.3"
SCENARIO = "The device says which desired state it has"
"""What the runs carry out."""


@dataclass(frozen=True)
class Records:
    """Runs of the built-in device in both revisions, and of one that reports its memory in decimal units (DC-014)."""

    signed: Path
    newest: Path
    signed_broken: Path
    newest_broken: Path


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Records:
    folder = tmp_path_factory.mktemp("runs")

    def ran(name: str, revision: str, mutant: str | None = None) -> Path:
        seat = simulated_seat(Ics.of_reference("device", revision), mutant)
        run(RunPlan((seat,), folder / name, revision, Selection(texts=(SCENARIO,))))
        return folder / name

    return Records(
        ran("signed", SIGNED),
        ran("newest", NEWEST),
        ran("signed-broken", SIGNED, "decimal-memory"),
        ran("newest-broken", NEWEST, "decimal-memory"),
    )


def told(before: object, after: object) -> Difference:
    sides = sides_of(str(before), str(after), ("device", "wfm"))
    return difference(*sides, way_of(*sides))


def of(role: RoleDifference, name: str) -> Statement:
    return next(item for item in role.statements if item.id == name)


def test_runs_of_both_revisions_tell_every_statement_once_with_what_was_seen(records: Records) -> None:
    found = told(records.signed, records.newest)
    (role,) = found.roles
    assert role.role == "device"
    bound = {item.id for revision in (SIGNED, NEWEST) for item in load(revision).for_role("device")}
    assert sorted(item.id for item in role.statements) == sorted(bound)
    stays = of(role, "DC-014")
    assert (stays.change, stays.ask, stays.verdict_before, stays.verdict_after) == ("same", "stays", "pass", "pass")
    reworded = of(role, "ST-003")
    assert (reworded.change, reworded.ask) == (Change.REWORDED, Ask.STAYS)
    assert "apiVersion" in (reworded.before or "")
    assert "adoptedManifestVersion" in (reworded.after or "")
    assert of(role, "ST-020").ask is Ask.STAYS, "new, and the later run shows it"
    assert of(role, "ID-52").ask is Ask.TO_DO, "new, and nothing shows it"
    gone = of(role, "SIG-001")
    assert (gone.change, gone.ask, gone.replaced_by) == (Change.WITHDRAWN, Ask.FALLS_AWAY, ("SEC-002",))
    assert gone.verdict_before == "pass"
    assert "SIG-001" in of(role, "SEC-002").replaces
    assert sum(role.asked.values()) == sum(item.ask is not None for item in role.statements)


def test_what_fails_in_the_later_run_is_to_do_and_closes_the_gate(records: Records) -> None:
    found = told(records.signed, records.newest_broken)
    broken = of(found.roles[0], "DC-014")
    assert (broken.ask, broken.verdict_before, broken.verdict_after) == (Ask.TO_DO, "pass", "fail")
    assert found.alarming
    assert call("report", "diff", records.signed, records.newest_broken).code == 1
    assert not told(records.signed_broken, records.newest).alarming, "what was mended is no alarm"


def test_a_run_beside_a_revision_tells_what_moving_there_asks(records: Records) -> None:
    whole, broken = (told(path, NEWEST).roles[0] for path in (records.signed, records.signed_broken))
    assert of(whole, "DC-014").ask is Ask.STAYS
    assert of(broken, "DC-014").ask is Ask.TO_DO
    assert of(broken, "DC-014").why == "fails today, and is still asked"
    assert of(whole, "ST-003").ask is Ask.AT_RISK, "it passed in words that do not hold any more"
    assert of(whole, "DS-069").ask is Ask.AT_RISK, "asked as before, and the run did not look at it"
    assert of(whole, "ST-020").ask is Ask.TO_DO
    assert all(item.verdict_after is None for item in whole.statements)


def test_features_that_the_run_does_not_claim_are_not_asked_there(records: Records) -> None:
    role = told(records.signed, NEWEST).roles[0]
    assert of(role, "DC-032").ask is None, "no see-thru gateway"
    assert of(role, "ID-82").ask is Ask.TO_DO
    assert of(role, "ID-76").ask is Ask.TO_DO, "the usual claim where the earlier revision knows no such feature"


def test_two_revisions_are_compared_with_no_run_at_all() -> None:
    found = told(SIGNED, NEWEST)
    assert [role.role for role in found.roles] == ["device", "wfm"]
    device = found.roles[0]
    assert of(device, "OBS-10").change is Change.UNREAD
    assert of(device, "EXT-01").change is Change.RESTATED
    assert of(device, "DC-013").change is Change.SAME, "its words differ in a remark only"
    wfm = found.roles[1]
    stricter = of(wfm, "DS-037")
    assert (stricter.severity_before, stricter.severity, stricter.ask) == ("should", "must", Ask.AT_RISK)
    assert all(item.verdict_before is None and item.verdict_after is None for item in device.statements)
    assert not found.alarming


def test_the_way_back_is_told_too_and_an_unknown_one_is_admitted() -> None:
    back = told(NEWEST, SIGNED).roles[0]
    assert "SEC-002" in of(back, "SIG-001").replaces
    assert of(back, "ID-24").replaced_by == ("API-007",)
    found = told("2024-10", NEWEST)
    assert found.by_id_only
    assert "compared by their ids alone" in call("report", "diff", "2024-10", NEWEST).out


def test_every_format_tells_the_same(records: Records, tmp_path: Path) -> None:
    arguments = ("report", "diff", records.signed, records.newest)
    text, markdown = call(*arguments), call(*arguments, "--format", "markdown")
    assert text.code == markdown.code == 0
    role = told(records.signed, records.newest).roles[0]
    counts = f"{role.asked[Ask.TO_DO]} to do, {role.asked[Ask.AT_RISK]} at risk"
    assert counts in text.out
    assert f"| to do | {role.asked[Ask.TO_DO]} |" in markdown.out
    assert "- **ID-52** (must; new, and not shown" in markdown.out
    target = tmp_path / "moving.json"
    assert call(*arguments, "--format", "json", "--out", target).code == 0
    document = json.loads(target.read_text())
    assert document["roles"][0]["asked"]["to do"] == role.asked[Ask.TO_DO]
    assert len(document["roles"][0]["statements"]) == len(role.statements)
    page = tmp_path / "moving.html"
    assert call(*arguments, "--format", "html", "--out", page).code == 0
    html = page.read_text()
    assert html.count('class="item"') >= sum(item.ask is not None for item in role.statements)
    assert not re.search(r'(src|href)="(?!#|data:)', html), "nothing is fetched from anywhere"


def test_differing_words_are_marked_and_escaped() -> None:
    item = of(told(SIGNED, NEWEST).roles[1], "DS-037")
    marked = words(item)
    assert "<del>public</del>" in marked.before
    assert "<ins>private</ins>" in marked.after
    hostile = item.model_copy(update={"before": "a <script>", "after": "a <b>"})
    assert "<script>" not in words(hostile).before
    assert "&lt;" in words(hostile).before


def test_what_cannot_be_compared_is_refused(records: Records, tmp_path: Path) -> None:
    assert_refused(call("report", "diff", "1.0.0-rc.2-sign", NEWEST), "missing-file", SIGNED)
    assert_refused(call("report", "diff", NEWEST, NEWEST), "nothing-to-compare", NEWEST)
    assert_refused(call("report", "diff", records.newest, NEWEST), "nothing-to-compare")
    assert_refused(call("report", "diff", records.signed, NEWEST, "--role", "wfm"), "roles", "device")
    cut = tmp_path / EVENT_FILE
    cut.write_bytes((records.signed / EVENT_FILE).read_bytes()[:-200])
    assert_refused(call("report", "diff", cut, NEWEST), "broken-record")
