"""Reports of a fleet run say what its folder holds, and comparisons are right about what got worse."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.cli.main import main
from reports.fleet import comparison, folder, page, svg, units, words
from reports.fleet.comparison import Change
from reports.fleet.convergence import convergence
from reports.fleet.figures import Figure, figures_of
from reports.fleet.herd import herds

STEP = 10
RATES = {
    # ten minutes of 5/s, an outage of five, a herd of 50/s for one step, then quiet
    "unchanged": [50] * 60 + [0] * 30 + [500] + [50] * 89,
    "refused": [0] * 90 + [30] + [0] * 89,
    "longest_queue": [0] * 90 + [7] + [0] * 89,
}
EVENTS = "from_s,until_s,kind,what,share\n600,900,power outage,<plant>,1.0\n"
WAVES = (
    "rollout,application,revision,wave,at_s,devices,adopted,s_until_50%,s_until_90%,s_until_99%\n"
    "1,app,2.0,1,1000,100,100,40,80,100\n"
)


def left(path: Path, **changes: Any) -> Path:
    """A folder as a run leaves it."""
    path.mkdir(parents=True, exist_ok=True)
    summary = {
        "name": "sample",
        "question": "What <b>happens</b>?",
        "engine": "compiled",
        "seed": 3,
        "complete": True,
        "devices": 100,
        "duration_s": 1800,
        "polls": 9000,
        "requests": {"unchanged": sum(RATES["unchanged"]), "refused": 30},
        "longest_queue": 7,
        "refused_with": 429,
        "bytes_per_device_and_day": 1000.0,
        "failures": {"gave_up": 2},
        "rollouts": [{"application": "app", "revision": "2.0", "succeeded": 98, "failed": 2}],
        **changes,
    }
    (path / "summary.json").write_text(json.dumps(summary))
    rows = zip(range(0, 1800, STEP), *RATES.values(), strict=True)
    table(path / "rates.csv", ["time_s", *RATES], rows)
    convergence = ((t + STEP, max(0, min(100, t - 1000))) for t in range(0, 1800, STEP))
    table(path / "convergence.csv", ["time_s", "rollout 1 (2.0) wave 1"], convergence)
    table(path / "cohorts.csv", ["cohort", "devices", "gave_up", "bytes"], [("<plant>", 60, 2, 900), ("b", 40, 0, 100)])
    (path / "events.csv").write_text(EVENTS)
    (path / "waves.csv").write_text(WAVES)
    (path / "fleet.yaml").write_text("cohorts: [{name: a, polling: {period: 60.0}}]\n")
    return path


def table(file: Path, header: list[str], rows: Any) -> None:
    file.write_text("\n".join(",".join(map(str, row)) for row in [header, *rows]) + "\n")


def test_the_answer_is_made_of_what_was_counted(tmp_path: Path) -> None:
    told = " ".join(words.answer(folder.read(left(tmp_path))))
    assert "53/s reach the WFM at most" in told  # 500 answered and 30 refused in ten seconds
    assert "11 times the 5/s of before" in told
    assert "30 requests are refused" in told
    assert "99 % after 1 min 40 s" in told
    assert "PARTIAL" not in told


def test_a_herd_is_measured_from_the_end_of_its_outage(tmp_path: Path) -> None:
    (herd,) = herds(folder.read(left(tmp_path)))
    assert (herd.before, herd.peak, herd.peak_after, herd.refused, herd.longest_queue) == (5, 53, 0, 30, 7)
    assert herd.calm_after == 0  # only the first minute had a peak, at its first step


def test_a_spike_is_no_part_of_the_herd_before_it(tmp_path: Path) -> None:
    where = left(tmp_path)
    (herd,) = herds(folder.read(where))
    assert (herd.until, herd.peak) == (1800, 53)
    (where / "events.csv").write_text(EVENTS.replace("900,", "890,") + "900,930,spike,9 times as many polls,1.0\n")
    (herd,) = herds(folder.read(where))
    assert (herd.ended, herd.until, herd.peak) == (890, 900, 0)


def test_what_live_runs_were_asked_for_is_compared_too(tmp_path: Path) -> None:
    spike = {"at_s": 26.0, "duration_s": 3.0, "factor": 5.0}
    one = left(tmp_path / "one", settings={"revision": "1.0.0-rc.3", "spikes": [spike]})
    two = left(tmp_path / "two", settings={"revision": "1.0.0-rc.2-signed", "spikes": [spike | {"at_s": 33.0}]})
    found = comparison.compare(folder.read(one), [folder.read(two)], ["one", "two"])
    assert [(s.key, s.before, s.after) for s in found.runs[0].settings] == [
        ("live.revision", "1.0.0-rc.3", "1.0.0-rc.2-signed"),
        ("live.spikes.0.at_s", "26", "33"),
    ]


def test_a_wave_that_came_to_nothing_has_a_row_and_takes_no_other_ones_figures(tmp_path: Path) -> None:
    """Stands first in the table, without a curve."""
    where = left(tmp_path)
    header, row = WAVES.splitlines()
    (where / "waves.csv").write_text(f"{header}\n2,other,7.0,1,1000,20,0,,,\n{row}\n")
    section = convergence(folder.read(where))
    assert section is not None
    chart = section.charts[0]
    assert isinstance(chart, svg.Chart)
    assert [s.name for s in chart.series] == ["2.0 of app, wave 1"]
    assert chart.rows == [
        ["7.0 of other, wave 1", "20", "0", "0.00 %", "never", "never", "never"],
        ["2.0 of app, wave 1", "100", "100", "100.00 %", "40 s", "1 min 20 s", "1 min 40 s"],
    ]


def test_a_partial_run_is_marked_everywhere(tmp_path: Path) -> None:
    file = page.write_report(left(tmp_path, complete=False, covered_s=900))
    text = file.read_text()
    assert "<title>PARTIAL: " in text
    assert 'role="alert"' in text
    assert "PARTIAL: the run ended after 15 min of 30 min" in text
    assert "PARTIAL" not in page.write_report(left(tmp_path)).read_text()


def test_the_page_is_one_small_file_that_escapes_everything(tmp_path: Path) -> None:
    text = page.write_report(left(tmp_path)).read_text()
    assert "<b>happens" not in text
    assert "<plant>" not in text
    assert len(text) < 300_000
    assert not re.search(r"""(src|href)=["']?(https?:|//)""", text)
    assert "default-src &#39;none&#39;" in text
    assert " style=" not in text


@pytest.mark.parametrize(
    "missing", ["rates.csv", "waves.csv", "convergence.csv", "cohorts.csv", "events.csv", "fleet.yaml"]
)
def test_what_is_absent_is_said_and_the_rest_is_shown(missing: str, tmp_path: Path) -> None:
    (left(tmp_path) / missing).unlink()
    text = page.write_report(tmp_path).read_text()
    assert "Not in this run" in text
    assert "Bytes per device and day" in text


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("summary.json", None, "summary.json: expected the results of a fleet run, found no such file"),
        ("summary.json", "{\n", "summary.json:2: expected JSON"),
        ("summary.json", '{"engine": "x", "devices": "many"}', "summary.json: complete: Field required"),
        ("rates.csv", "time_s,unchanged\n0,1\n60\n", "rates.csv:3: expected 2 fields, found 1"),
        ("rates.csv", "", "rates.csv: expected a header"),
    ],
)
def test_a_wrong_folder_is_told_by_file_and_line(
    file: str, content: str | None, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left(tmp_path)
    if content is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_text(content)
    assert main(["simulate", "report", str(tmp_path)]) == 2
    assert told in capsys.readouterr().err


def test_a_live_run_shows_its_latency_and_findings(tmp_path: Path) -> None:
    left(tmp_path, engine="live", seed=None)
    table(
        tmp_path / "rates.csv",
        ["time_s", "unchanged", "poll_p50_s", "poll_p99_s", "poll_max_s"],
        [(t, 5, 0.01, 0.05, 0.2 if t == 30 else "") for t in range(60)],
    )
    table(
        tmp_path / "findings.csv", ["requirement", "outcome", "count", "message"], [("DS-069", "fail", 3, "went back")]
    )
    text = page.write_report(tmp_path).read_text()
    assert "Latency of polls" in text
    assert "highest at most 200 ms" in text
    assert "DS-069" in text
    assert "Queue and refusals of the WFM" in text  # absent, and told


def test_a_comparison_of_runs_that_differ_in_shape_is_shown_and_never_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = left(tmp_path / "one"), left(tmp_path / "two", complete=False)
    command = ["simulate", "compare", str(one), str(two)]
    assert main(command) == 0
    assert "NOT COMPARABLE" in capsys.readouterr().out
    assert main([*command, "--fail-on", "10%"]) == 4
    assert "no verdict" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("after", "limit", "code"),
    [
        (1000.0, "0", 0),
        (1099.0, "10%", 0),
        (1101.0, "10%", 1),
        (1101.0, "bytes_per_device_and_day=20%", 0),
        (1201.0, "bytes_per_device_and_day=20%", 1),
        (1201.0, "refused=20%", 0),
        (900.0, "0", 0),
        (900.0, "bytes_per_device=1", 2),
        (900.0, "much", 2),
    ],
)
def test_a_gate_fails_on_what_got_worse_by_more_than_its_limit(
    after: float, limit: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = left(tmp_path / "one"), left(tmp_path / "two", bytes_per_device_and_day=after)
    assert main(["simulate", "compare", str(one), str(two), "--fail-on", limit]) == code
    said = capsys.readouterr()
    if limit == "bytes_per_device=1":
        assert "nearest: bytes_per_device_and_day" in said.err


@pytest.mark.parametrize(
    ("after", "tolerance", "mark"),
    [
        (1049.0, "5%", "about the same"),
        (1051.0, "5%", "worse"),
        (1049.0, "0", "worse"),
        (951.0, "5%", "about the same"),
    ],
)
def test_what_differs_by_less_than_the_tolerance_is_about_the_same(
    after: float, tolerance: str, mark: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = left(tmp_path / "one"), left(tmp_path / "two", bytes_per_device_and_day=after)
    html = tmp_path / "compare.html"
    command = ["simulate", "compare", str(one), str(two), "--tolerance", tolerance, "--html", str(html)]
    assert main(command) == 0
    (row,) = (line for line in capsys.readouterr().out.splitlines() if "Bytes per device and day" in line)
    assert row.endswith(mark)
    assert f">{mark}</td>" in html.read_text()
    if after > 1000:  # a gate has a limit of its own
        assert main([*command, "--fail-on", "1%"]) == 1
    assert main([*command[:-4], "--tolerance", "much"]) == 2


def test_what_neither_run_reached_is_no_row(tmp_path: Path) -> None:
    """A figure without a value in one run, of which the other has nothing at all."""
    one, two = left(tmp_path / "one"), left(tmp_path / "two")
    (two / "waves.csv").write_text((one / "waves.csv").read_text().splitlines()[0] + "\n")
    lines = (one / "waves.csv").read_text().splitlines()
    cells = lines[1].split(",")
    (one / "waves.csv").write_text("\n".join([lines[0], ",".join([*cells[:-3], "", "", cells[-1]])]) + "\n")
    (run,) = comparison.compare(folder.read(one), [folder.read(two)], ["one", "two"]).runs
    rows = [row for row in run.rows if row.group == "Convergence"]
    assert [row.change for row in rows] == [Change.ABSENT], "the one that has a value in one run"


def test_settings_that_differ_are_told(tmp_path: Path) -> None:
    one, two = left(tmp_path / "one"), left(tmp_path / "two")
    (two / "fleet.yaml").write_text("cohorts: [{name: a, polling: {period: 30.0, jitter: 0}}]\n")
    found = comparison.compare(folder.read(one), [folder.read(two)], ["one", "two"])
    assert [(s.key, s.before, s.after) for s in found.runs[0].settings] == [
        ("cohorts.a.polling.period", "60", "30"),
        ("cohorts.a.polling.jitter", None, "0"),
    ]
    assert found.runs[0].comparable


values = st.one_of(st.none(), st.floats(1e-6, 1e12), st.just(0.0))


@given(one=values, two=values, lower=st.sampled_from([True, False, None]))
def test_a_figure_moves_one_way_and_back_the_other(one: float | None, two: float | None, lower: bool | None) -> None:
    def figure(value: float | None) -> Figure:
        return Figure("k", "g", "l", "s", value, lower)

    there, back = comparison.row_of(figure(one), figure(two)), comparison.row_of(figure(two), figure(one))
    turned = {Change.WORSE: Change.BETTER, Change.BETTER: Change.WORSE}
    assert back.change is turned.get(there.change, there.change)
    assert (there.change is Change.SAME) == (comparison.row_of(figure(two), figure(one)).change is Change.SAME)
    if one is not None and two is not None:
        assert there.difference == -(back.difference or 0)
        if one and two:
            assert there.ratio is not None
            assert there.ratio * (back.ratio or 0) == pytest.approx(1)
    assert comparison.row_of(figure(one), None).change is Change.ABSENT


@given(highest=st.floats(1e-6, 1e15))
def test_an_axis_begins_at_nothing_and_holds_everything(highest: float) -> None:
    axis = svg.zero_based("x", highest, units.number)
    assert axis.low == axis.ticks[0] == 0
    assert axis.high >= highest * (1 - 1e-9)
    assert 2 <= len(axis.ticks) <= 7
    assert 0 <= axis.part(highest) <= 1 + 1e-9


@given(span=st.floats(1, 1e8), begin=st.floats(0, 1e6))
def test_ticks_of_time_lie_within_and_are_few(span: float, begin: float) -> None:
    axis = svg.of_time("t", begin, begin + span, units.duration)
    assert all(axis.low - 1 <= tick <= axis.high + 1 for tick in axis.ticks)
    assert len(axis.ticks) <= 90  # at most a year and a half in fortnights


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.0502, "50.2 ms"),
        (8.24, "8.24 s"),
        (59.9, "59.9 s"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (23400, "6 h 30 min"),
        (216000, "2 d 12 h"),
        (3599.9, "1 h"),
        (-5, "-5 s"),
    ],
)
def test_durations_are_written_as_people_say_them(seconds: float, said: str) -> None:
    assert units.duration(seconds) == said


def test_every_figure_has_a_key_of_its_own(tmp_path: Path) -> None:
    keys = [figure.key for figure in figures_of(folder.read(left(tmp_path)))]
    assert len(keys) == len(set(keys)) > 12
