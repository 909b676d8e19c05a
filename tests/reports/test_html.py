"""The HTML file as a document, without a browser."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from conformance.record.events import Outcome, ScenarioOutcome
from conformance.record.run import Run
from reports import html_report, json_report, page, write_all
from tests.reports import samples


class Document(HTMLParser):
    """Elements with their attributes, and the text of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.text = ""
        self._open = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in self.raw:
            self.raw[tag].append("")
            self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = "" if tag == self._open else self._open

    def handle_data(self, data: str) -> None:
        if self._open:
            self.raw[self._open][-1] += data
        else:
            self.text += data

    def attribute(self, name: str) -> list[str]:
        return [value for _, attributes in self.elements if (value := attributes.get(name)) is not None]


def document(run: Run) -> Document:
    return Document(html_report.render(run))


def test_the_page_says_verdict_coverage_and_every_count(tmp_path: Path) -> None:
    found = document(samples.mixed(tmp_path))
    text = " ".join(found.text.split())
    assert "Not conformant" in text
    assert "4 of 10 applicable MUSTs exercised, 1 failed" in text
    assert sorted(found.attribute("data-count")) == sorted(page.MEANING)
    for words in (
        "Edge Controller X40 2.3.1",
        "revision 1.0.0-rc.3",
        "4 March 2026, 05:06 UTC",
        "margo-conformance run device --revision 1.0.0-rc.3 --listen 0.0.0.0:8443 --req DS-069",
        "Equal counts as older.",
        "Needs a second device.",
        "the hook power-cut is missing",
        "3 kept",
        "2 adopted",
        "sha256:" + "c" * 64,
    ):
        assert words in text


def test_failures_come_before_everything_else(tmp_path: Path) -> None:
    text = html_report.render(samples.mixed(tmp_path))
    attention = text[text.index('id="attention"') : text.index('id="coverage"')]
    assert re.findall(r"#req-([A-Z]+-\d+)", attention)[0] == "DS-069"
    assert attention.index("an older manifest was adopted") < attention.index("bench fell over")


def test_a_partial_run_says_so_at_the_top(tmp_path: Path) -> None:
    assert "only a part was run: DS-069" in document(samples.passing(tmp_path, selection="DS-069")).text


def test_a_requirement_of_two_roles_is_one_row_with_both_verdicts(tmp_path: Path) -> None:
    found = document(samples.both_roles(tmp_path))
    rows = [attributes for _, attributes in found.elements if attributes.get("id") == "req-DS-069"]
    assert [row["data-verdicts"] for row in rows] == ["device=fail wfm=pass"]


@pytest.mark.parametrize("sample", [samples.mixed, samples.both_roles, samples.hostile, samples.nothing])
def test_anchors_are_unique_and_every_internal_link_leads_somewhere(
    sample: Callable[[Path], Run], tmp_path: Path
) -> None:
    found = document(sample(tmp_path))
    ids = found.attribute("id")
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+", name) for name in ids)
    for target in found.attribute("href"):
        assert target == "data:," or (target.startswith("#") and target[1:] in ids), target


def test_nothing_is_loaded_from_anywhere(tmp_path: Path) -> None:
    found = document(samples.hostile(tmp_path))
    assert found.attribute("src") == []
    assert {tag for tag, _ in found.elements} & {"img", "iframe", "object", "embed", "base"} == set()
    assert [attributes["rel"] for tag, attributes in found.elements if tag == "link"] == ["icon"]
    assert not re.search(r"@import|url\(", found.raw["style"][0])


def test_the_policy_allows_this_script_and_this_style_and_nothing_else(tmp_path: Path) -> None:
    found = document(samples.hostile(tmp_path))
    (policy,) = [
        attributes["content"] or ""
        for _, attributes in found.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]

    def digest(text: str) -> str:
        return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    assert "default-src 'none'" in policy
    assert f"script-src '{digest(found.raw['script'][1])}'" in policy
    assert f"style-src '{digest(found.raw['style'][0])}'" in policy
    assert "unsafe" not in policy


def test_hostile_evidence_adds_no_element_and_no_attribute(tmp_path: Path) -> None:
    found = document(samples.hostile(tmp_path))
    assert len(found.raw["script"]) == 2
    assert not [name for _, attributes in found.elements for name in attributes if name.startswith("on")]
    assert samples.HOSTILE in found.text
    evidence = json.loads(found.raw["script"][0])
    assert any(samples.HOSTILE in body.get("text", "") for body in evidence["bodies"])


def test_a_big_run_gives_a_file_of_a_sane_size(tmp_path: Path) -> None:
    bench = samples.Bench(tmp_path, samples.header(), *(samples.requirement(f"DS-{n:03}") for n in range(250)))
    for scenario in range(60):
        bench.begin(f"scenario {scenario}", f"DS-{scenario:03}")
        for poll in range(35):
            bench.exchange(response=b"%d-%d <&>" % (scenario, poll) + b"<" * 9000)
        bench.end(ScenarioOutcome.PASSED)
    size = len(html_report.render(bench.run()).encode())
    assert size < 5_000_000


def test_what_monitors_repeat_in_every_scenario_does_not_fill_the_reports(tmp_path: Path) -> None:
    names = [f"DS-{number:03}" for number in range(80)]
    bench = samples.Bench(tmp_path, samples.header(), *(samples.requirement(name) for name in names))
    for number in range(120):
        bench.begin(f"scenario {number}", names[number % 80])
        seen = bench.exchange()
        for name in names:
            bench.finding(name, Outcome.PASS, seen, message="every request is sound", found=f"{number} of {number}")
        bench.end(ScenarioOutcome.PASSED)
    run = bench.run()
    assert len(html_report.render(run)) < 800_000
    assert len(json_report.render(run)) < 800_000


def test_an_outline_is_named_by_its_values_in_every_format(tmp_path: Path) -> None:
    run = samples.long(tmp_path)
    for name, path in write_all(run, tmp_path / "out", ["html", "junit"]).items():
        text = path.read_text(encoding="utf-8")
        assert "A device is given 5 applications" in text, name
        assert "count&gt;" not in text, name


def test_the_headline_leads_to_what_was_not_exercised(tmp_path: Path) -> None:
    bench = samples.Bench(tmp_path, samples.header(), *(samples.requirement(f"DS-{n:03}") for n in range(3)))
    bench.begin("all well", "DS-000")
    bench.finding("DS-000", Outcome.PASS)
    bench.finding("DS-001", Outcome.OBSERVATION)
    bench.end(ScenarioOutcome.PASSED)
    text = " ".join(document(bench.run()).text.split())
    assert "Conformant 1 of 3 applicable MUSTs exercised, 0 failed 2 were not exercised: which, and why" in text
    left = text[text.index("2 of 3 applicable MUSTs were not exercised") :]
    assert (
        left.index("DS-001")
        < left.index("nothing in this run gave its checks anything to judge")
        < left.index("DS-002")
    )


def test_text_between_ticks_is_code_and_stays_escaped() -> None:
    assert html_report.ticks("a `<b>` c") == "a <code>&lt;b&gt;</code> c"
    assert html_report.ticks("one ` tick <b>") == "one ` tick &lt;b&gt;"


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0 ms"), (0.35, "350 ms"), (1.2, "1.2 s"), (10, "10 s"), (59.999, "60 s"), (125, "2 min 5 s")],
)
def test_durations_read_like_durations(value: float, words: str) -> None:
    assert html_report.seconds(value) == words


def test_a_start_that_is_no_time_stays_as_it_is() -> None:
    assert html_report.moment("yesterday") == "yesterday"
    assert html_report.moment("2026-03-04T06:06:07+01:00") == "4 March 2026, 05:06 UTC"
