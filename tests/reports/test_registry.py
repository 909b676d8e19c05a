"""Writing reports: all formats, at once or not at all."""

from collections.abc import Callable
from pathlib import Path

import pytest

import reports
from conformance.record.run import Run
from tests.reports import samples


def test_every_format_is_written_under_its_name(tmp_path: Path) -> None:
    run = samples.mixed(tmp_path)
    paths = reports.write_all(run, tmp_path / "new" / "folder")
    assert {name: path.name for name, path in paths.items()} == {
        "html": "report.html",
        "json": "report.json",
        "junit": "junit.xml",
        "markdown": "summary.md",
        "text": "summary.txt",
    }
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == sorted(
        path.name for path in paths.values()
    )
    assert all(path.read_text(encoding="utf-8").strip() for path in paths.values())


def test_only_the_wanted_formats_are_written(tmp_path: Path) -> None:
    assert list(reports.write_all(samples.passing(tmp_path), tmp_path / "out", ["junit", "junit"])) == ["junit"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["junit.xml"]


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(reports.UnknownFormat, match=r"'pdf': expected one of html, json, junit, markdown, text"):
        reports.write_all(samples.passing(tmp_path), tmp_path / "out", ["html", "pdf"])
    assert not (tmp_path / "out").exists()


def test_a_renderer_that_fails_leaves_the_former_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = samples.passing(tmp_path)
    before = {path: path.read_bytes() for path in reports.write_all(run, tmp_path / "out").values()}

    def broken(_: object) -> str:
        raise RuntimeError("no")

    monkeypatch.setattr(reports, "FORMATS", {**reports.FORMATS, "text": reports.Renderer("summary.txt", broken)})
    with pytest.raises(RuntimeError):
        reports.write_all(run, tmp_path / "out")
    assert {path: path.read_bytes() for path in before} == before
    assert len(list((tmp_path / "out").iterdir())) == len(before)


def test_a_file_that_cannot_be_replaced_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OSError, match=r"report\.html"):
        reports.write_atomically(tmp_path / "report.html", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize("sample", [samples.mixed, samples.both_roles, samples.hostile, samples.nothing])
def test_the_same_run_gives_the_same_files(sample: Callable[[Path], Run], tmp_path: Path) -> None:
    run = sample(tmp_path)
    for renderer in reports.FORMATS.values():
        assert renderer.render(run) == renderer.render(run)
