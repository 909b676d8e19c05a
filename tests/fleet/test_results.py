"""What a run leaves is whole, the same in every format, and can be run again; examples answer their questions."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from conformance.cli import simulate_progress
from conformance.cli.main import main
from reports.fleet import folder
from reports.fleet.figures import figures_of
from reports.fleet.folder import Folder
from simulator.fleet import compiled, plan, reading, results, variants
from simulator.fleet.description import Fleet

FLEET = """
name: small
seed: 5
duration: 40m
cohorts:
  - name: a
    count: 400
    application: app
    polling: {period: 30s}
    sites: {count: 3, outages: [{at: 10m, lasts: 5m, kind: power}]}
  - {name: b, count: 200, application: app}
applications:
  - name: app
    revisions: [{name: "1.0.0"}, {name: "1.1.0", fails: 0.1}]
rollouts:
  - {application: app, revision: "1.1.0", waves: [{at: 20m, share: 0.25}, {at: 25m, share: 0.5}]}
wfm: {servers: 2, queue_limit: 20, service: {unchanged: 0.02}}
"""


def simulated(fleet: Fleet, out: Path) -> Folder:
    world = plan.plan_of(fleet)
    compiled.simulate(world)
    summary = results.summary_of(fleet, world, results.Run("compiled", 1.0))
    results.write(out, summary, results.tables_of(fleet, world), fleet)
    return folder.read(out)


def figures(run: Folder) -> dict[str, Any]:
    return {figure.key: figure.value for figure in figures_of(run)}


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return simulated(reading.read(FLEET.encode(), "fleet.yaml"), tmp_path_factory.mktemp("left"))


def test_parquet_and_csv_hold_the_same(left: Folder) -> None:
    assert set(left.tables) == {"rates", "convergence", "cohorts", "profiles", "waves", "bytes", "events"}
    for name, table in left.tables.items():
        stored = pq.read_table(left.path / f"{name}.parquet").to_pydict()
        assert {column: list(cells) for column, cells in table.items()} == {
            column: [cell if cell != "" else None for cell in cells] for column, cells in stored.items()
        }


def test_tables_add_up_to_the_summary(left: Folder) -> None:
    rates, summary = left.table("rates"), left.summary
    assert {name: sum(rates[name]) for name in summary.requests} == dict(summary.requests)
    assert sum(left.table("bytes")["bytes"]) == sum(left.table("cohorts")["bytes"]) == summary.bytes
    assert len(rates["time_s"]) == 2400  # one row for each second
    waves = left.table("waves")
    assert sum(waves["adopted"]) == summary.rollouts[0].succeeded
    assert sum(waves["devices"]) >= summary.rollouts[0].succeeded + summary.rollouts[0].failed


def test_the_size_of_a_wave_is_that_of_the_run(tmp_path: Path) -> None:
    """Without failures everyone whom a wave is for adopts: chance is told by the same numbers."""
    fleet = reading.read(FLEET.replace("fails: 0.1", "fails: 0").encode(), "fleet.yaml")
    waves = simulated(fleet, tmp_path).table("waves")
    assert waves["devices"] == waves["adopted"]
    assert 90 < waves["devices"][0] < 210 < waves["devices"][1] < 390


def test_the_fleet_that_was_run_is_left_and_means_the_same(left: Folder, tmp_path: Path) -> None:
    again = simulated(reading.read(left.description.encode(), "fleet.yaml"), tmp_path)
    assert again.summary.requests == left.summary.requests
    assert again.tables == left.tables


def test_an_interrupted_run_is_kept_and_marked_partial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(world: Any, progress: Any = None, **_: Any) -> None:
        def then(part: float) -> None:
            progress(part)
            if part > 0.5:
                raise KeyboardInterrupt

        whole(world, progress=then)

    whole = compiled.simulate
    monkeypatch.setattr(compiled, "simulate", interrupted)
    file = tmp_path / "fleet.yaml"
    file.write_text(FLEET)
    assert main(["simulate", str(file), "--out", str(tmp_path / "out")]) == 130
    assert "PARTIAL" in capsys.readouterr().out
    run = folder.read(tmp_path / "out")
    assert not run.summary.complete
    assert run.summary.covered_s is not None
    assert 1200 <= run.summary.covered_s < 1300
    assert run.table("rates")["time_s"][-1] < 1300
    assert "PARTIAL: the run ended after 20 min" in (tmp_path / "out" / "report.html").read_text()


def test_settings_from_the_command_line_stand_in_the_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(FLEET)
    changes = ["--set", "cohorts.*.polling.period=60s", "--set", "applications.app.revisions.1.1.0.fails=0"]
    assert main(["simulate", str(file), "--out", str(tmp_path / "out"), *changes]) == 0
    run = yaml.safe_load((tmp_path / "out" / "fleet.yaml").read_text())
    assert [cohort["polling"]["period"] for cohort in run["cohorts"]] == [60.0, 60.0]
    assert run["applications"][0]["revisions"][1]["fails"] == 0
    capsys.readouterr()
    for wrong, told in (("cohorts.c.count=1", "expected one of a, b"), ("seed=x", "seed"), ("seed", "PATH=VALUE")):
        assert main(["simulate", str(file), "--set", wrong, "--out", str(tmp_path / "no")]) == 2
        assert told in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_variants_are_run_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(FLEET + "variants: {more-servers: {wfm.servers: 20}}\n")
    out = tmp_path / "out"
    assert main(["simulate", str(file), "--out", str(out)]) == 0
    assert "setting: wfm.servers: 2 -> 20" in capsys.readouterr().out
    (run,) = json.loads((out / "compare.json").read_text())["runs"]
    assert run["comparable"]
    assert "more-servers" in (out / "compare.html").read_text()
    file.write_text(FLEET + "variants: {wrong: {wfm.serverz: 20}}\n")
    assert main(["simulate", str(file), "--out", str(tmp_path / "no")]) == 2
    assert "variant wrong" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_progress_tells_events_and_time_left_in_a_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter([100.0, 105.0, 120.0, 121.0])
    monkeypatch.setattr(simulate_progress, "time", SimpleNamespace(monotonic=lambda: next(now)))
    with simulate_progress.showing(lambda: 400_000) as advance:
        for part in (0.1, 0.25, 0.5):
            advance(part)
    said = capsys.readouterr().err
    assert said == "simulated 25%, 20k events/s, 60 s left\n"  # too soon, now, too soon again


# --- the shipped examples ----------------------------------------------------------------------------------------

SHARE = {"herd": 0.2, "canary": 0.25, "polling-interval": 0.02, "offline-week": 0.1, "restored-backup": 0.01}
"""A part of the fleet (and of the WFM) that shows the same in a moment."""


def reduced(name: str) -> Fleet:
    fleet = reading.read_example(name)
    share = SHARE.get(name, 0.001)
    value = fleet.model_dump(mode="json", exclude_unset=True)
    for cohort in value["cohorts"]:
        cohort["count"] = round(cohort["count"] * share)
    if "servers" in value.get("wfm", {}):
        value["wfm"]["servers"] = max(1, round(value["wfm"]["servers"] * share))
        value["wfm"]["queue_limit"] = round(value["wfm"]["queue_limit"] * share)
    if name == "offline-week":  # the ships are as few as the days are long
        value["cohorts"][1]["retries"]["base"] = 60
    return Fleet.model_validate(value)


def told(name: str, tmp_path: Path) -> dict[str, dict[str, Any]]:
    """The figures of an example and of its variants."""
    fleet = reduced(name)
    runs = {"": fleet, **variants.variants_of(fleet)}
    return {key: figures(simulated(run, tmp_path / (key or "base"))) for key, run in runs.items()}


def test_every_example_has_a_question_and_a_text() -> None:
    for name, file in reading.examples().items():
        fleet = reading.read_example(name)
        assert fleet.name == name
        assert fleet.question.endswith("?")
        assert variants.variants_of(fleet).keys() == fleet.variants.keys()
        if name in SHARE:
            text = file.read_text()
            assert all(f"# {part}: " in text for part in ("Look at", "Seen", "Try"))


def test_examples_are_listed_with_their_questions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "examples"]) == 0
    listed = capsys.readouterr().out
    assert all(reading.read_example(name).question in listed for name in reading.examples())
    assert "compared with: without-jitter" in listed
    assert main(["simulate", "examples", "herd"]) == 0
    assert "# Look at: " in capsys.readouterr().out
    assert main(["simulate", "examples", "hrd"]) == 2
    assert "nearest: herd" in capsys.readouterr().err


def test_a_rollout_that_begins_after_the_end_is_not_told_as_one_of_which_nothing_came(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ["--set", "cohorts.*.count=10", "--set", "duration=6h"]
    assert main(["simulate", "--example", "million-day", *short, "--out", str(tmp_path)]) == 0
    assert "1.1.0: begins at 25,200 s, after the end of the run" in capsys.readouterr().out
    assert "its rollout begins at 07:00:00, after the end of the run" in (tmp_path / "report.html").read_text()


def test_a_herd_is_higher_and_longer_without_jitter(tmp_path: Path) -> None:
    runs = told("herd", tmp_path)
    jitter, none = runs[""], runs["without-jitter"]
    assert none["herd@2400s.peak_per_s"] > 4 * jitter["herd@2400s.peak_per_s"]
    assert none["refused"] > 0 == jitter["refused"]
    assert jitter["herd@2400s.calm_after_s"] < 600
    assert none["herd@2400s.calm_after_s"] is None


def test_the_canary_stops_a_bad_revision_and_lets_a_good_one_pass(tmp_path: Path) -> None:
    runs = told("canary", tmp_path)
    assert 1800 < runs[""]["rollout1.paused_at_s"] < 3600
    assert runs["without-canary"]["gave_up"] > 10 * runs[""]["gave_up"] > 0
    assert "rollout1.paused_at_s" not in runs["good-revision"]
    assert runs["good-revision"]["rollout1.succeeded"] > 4900


def test_polling_more_often_is_sooner_and_costs_more(tmp_path: Path) -> None:
    runs = told("polling-interval", tmp_path)
    order = [runs["every-15s"], runs[""], runs["every-5m"]]
    times = [run["rollout1.wave1.s_until_99%"] for run in order]
    bytes_ = [run["bytes_per_device_and_day"] for run in order]
    assert times == sorted(times)
    assert bytes_ == sorted(bytes_, reverse=True)
    assert times[2] > 2 * times[1]


def test_ships_skip_what_was_in_between_and_are_soon_up_to_date(tmp_path: Path) -> None:
    runs = told("offline-week", tmp_path)
    assert runs[""]["rollout1.succeeded"] == runs[""]["rollout2.succeeded"] == 100
    assert runs[""]["rollout3.succeeded"] == 200
    assert runs["patient-retries"]["unreachable"] < runs[""]["unreachable"]


def test_a_restored_backup_is_refused_and_delays_what_follows(tmp_path: Path) -> None:
    runs = told("restored-backup", tmp_path)
    late, soon = (run["rollout2.wave1.s_until_50%"] for run in (runs[""], runs["noticed-soon"]))
    assert soon < 600 < 4 * 3600 < late
    assert runs[""]["bytes_per_device_and_day"] > runs["noticed-soon"]["bytes_per_device_and_day"]
    older = folder.read(tmp_path / "base").table("rates")["older"]
    assert np.count_nonzero(older) > 0
    assert runs[""]["rollout1.succeeded"] == 200  # and nobody went back to install it again
