"""Markdown and console: what stands in a job page and at the end of a terminal session."""

import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from reports import console, markdown
from reports.text import printable, shorten
from tests.reports import samples


def test_markdown_has_headline_counts_failures_and_what_is_open(tmp_path: Path) -> None:
    text = markdown.render(samples.mixed(tmp_path))
    assert text.startswith("# ❌ Margo conformance: not conformant\n")
    assert "**not conformant: 4 of 10 applicable MUSTs exercised, 1 failed**" in text
    assert "| applicable MUSTs | 1 | 1 | 1 | 1 | 1 | 2 | 0 | 1 | 1 | 1 |" in text
    assert "- **DS-069** An older manifest is refused." in text
    assert "expected: `3 kept`" in text
    assert "found: `2 adopted`" in text
    assert "reproduce: `margo-conformance run device --revision 1.0.0-rc.3 --listen 0.0.0.0:8443 --req DS-069`" in text
    assert "the hook power-cut is missing" in text
    assert "6 of 10 applicable MUSTs were not exercised." in text
    assert "- Needs a second device. DC-014 (1)" in text


def test_markdown_of_a_good_run_lists_no_failures(tmp_path: Path) -> None:
    text = markdown.render(samples.passing(tmp_path))
    assert text.startswith("# ✅ Margo conformance: conformant\n")
    assert "### " not in text


def test_markdown_says_when_only_a_part_was_run(tmp_path: Path) -> None:
    assert "only DS-069 was run" in markdown.render(samples.passing(tmp_path, selection="DS-069"))


def test_hostile_text_stays_text_in_markdown(tmp_path: Path) -> None:
    rendered = MarkdownIt("commonmark", {"html": True}).render(markdown.render(samples.hostile(tmp_path)))
    tags = {tag.lower() for tag in re.findall(r"<\s*/?\s*([a-zA-Z0-9]+)", rendered)}
    assert not tags & {"script", "img", "a", "iframe"}
    assert "\x1b" not in rendered


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80))
def test_no_finding_can_write_markup_of_its_own(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    directory = tmp_path_factory.mktemp("run")
    run = samples.passing(directory, run=f"<b>{text}</b> [x](http://evil) ![x](y) {text}")
    last = markdown.render(run).splitlines()[-1]
    rendered = MarkdownIt("commonmark", {"html": True}).render(last)
    assert set(re.findall(r"<\s*/?\s*([a-zA-Z0-9]+)", rendered)) <= {"p", "sub"}


def test_the_console_ends_with_the_verdict_and_the_path_of_the_report(tmp_path: Path) -> None:
    run = samples.mixed(tmp_path)
    out = Console(file=io.StringIO(), width=120, color_system=None)
    with out.capture() as captured:
        out.print(console.summary(run, tmp_path / "report.html"))
    lines = captured.get().replace("\n", " ")
    assert "report.html" in lines[-len(str(tmp_path)) - 40 :]
    assert "✘ not conformant: 4 of 10 applicable MUSTs exercised, 1 failed" in lines
    assert "blocked Reboot keeps deployments (scenario 4): the hook power-cut is missing" in lines


def test_the_plain_text_shows_failures_with_expected_and_found(tmp_path: Path) -> None:
    text = console.render(samples.mixed(tmp_path))
    assert "✘ DS-069 An older manifest is refused." in text
    assert "expected 3 kept" in text
    assert "found    2 adopted" in text
    assert "margo-conformance run device --revision 1.0.0-rc.3 --listen 0.0.0.0:8443 --req DS-069" in text


def test_no_escape_sequence_reaches_the_terminal(tmp_path: Path) -> None:
    run = samples.hostile(tmp_path)
    out = Console(file=io.StringIO(), width=120, color_system=None, force_terminal=False)
    with out.capture() as captured:
        out.print(console.summary(run))
    for bad in ("\x1b", "\x07", "\u202e"):
        assert bad not in captured.get()
        assert bad not in console.render(run)


@given(st.text())
def test_shortened_text_is_one_bounded_printable_line(text: str) -> None:
    short = shorten(text, 20)
    assert len(short) <= 20
    assert all(char.isprintable() for char in short)
    assert printable(printable(text)) == printable(text)
