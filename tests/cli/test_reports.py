import json
from pathlib import Path

import pytest

from conformance.record.events import ScenarioOutcome
from tests.cli.commands import assert_refused, call
from tests.cli.records import write_record


def test_verify_tells_what_a_whole_record_says(tmp_path: Path) -> None:
    ended = call("report", "verify", write_record(tmp_path))
    assert ended.code == 0
    assert "sealed and complete, 6 events" in ended.out
    assert "conformant: 1 of 1 applicable MUSTs exercised, 0 failed" in ended.out
    assert "pump" in ended.out


def test_verify_takes_the_folder_too(tmp_path: Path) -> None:
    write_record(tmp_path)
    assert call("report", "verify", tmp_path).code == 0


def test_verify_of_a_failed_run_succeeds_and_says_so(tmp_path: Path) -> None:
    ended = call("report", "verify", write_record(tmp_path, ScenarioOutcome.FAILED))
    assert ended.code == 0, "the record is in order; its verdict is another matter"
    assert "not conformant" in ended.out


def _without_footer(data: bytes) -> bytes:
    return b"".join(data.splitlines(keepends=True)[:-1])


def _without_end(data: bytes) -> bytes:
    return data[:-20]


def _edited(data: bytes) -> bytes:
    return data.replace(b'"message":"held"', b'"message":"HELD"')


def _line_gone(data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join([*lines[:3], *lines[4:]])


def _nothing(_: bytes) -> bytes:
    return b""


def _no_json(_: bytes) -> bytes:
    return b"hello\n"


def _other_format(data: bytes) -> bytes:
    return data.replace(b'"format":1', b'"format":9', 1)


DAMAGE = (_without_footer, _without_end, _edited, _line_gone, _nothing, _no_json, _other_format)


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("verb", ["verify", "render"])
def test_a_damaged_record_is_refused_and_nothing_written(tmp_path: Path, damage: object, verb: str) -> None:
    file = write_record(tmp_path)
    changed = damage(file.read_bytes())  # type: ignore[operator]
    assert changed != file.read_bytes()
    file.write_bytes(changed)
    assert_refused(call("report", verb, file), "broken-record", str(file))
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize("verb", ["verify", "render"])
def test_a_missing_record_is_refused(tmp_path: Path, verb: str) -> None:
    assert_refused(call("report", verb, tmp_path / "none.ndjson"), "missing-file", "none.ndjson")
    assert_refused(call("report", verb, tmp_path), "missing-file", "events.ndjson")


def test_render_writes_every_format_beside_the_record(tmp_path: Path) -> None:
    file = write_record(tmp_path)
    ended = call("report", "render", file)
    assert ended.code == 0
    assert {"report.html", "report.json", "junit.xml", "summary.md"} <= {path.name for path in tmp_path.iterdir()}
    assert str(tmp_path / "report.html") in ended.out
    assert json.loads((tmp_path / "report.json").read_text())["conformity"] == "conformant"


def test_render_writes_only_what_was_asked_for(tmp_path: Path) -> None:
    file = write_record(tmp_path / "in")
    assert call("report", "render", file, "--format", "junit, markdown", "--out", tmp_path / "out").code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"junit.xml", "summary.md"}


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    file = write_record(tmp_path / "in")
    ended = call("report", "render", file, "--format", "json,htm", "--out", tmp_path / "out")
    assert_refused(ended, "unknown-format", "'htm'", "html")
    assert not (tmp_path / "out").exists()


def test_an_out_that_is_a_file_is_refused(tmp_path: Path) -> None:
    file = write_record(tmp_path / "in")
    (tmp_path / "out").write_text("mine")
    ended = call("report", "render", file, "--out", tmp_path / "out")
    assert_refused(ended, "file-exists", str(tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "mine"
