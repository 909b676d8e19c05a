"""What a run leaves is whole, the same in every format, and can be run again; examples answer their questions."""

import json
import os
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import simpy
import yaml

from conformance.cli import simulate_progress
from conformance.cli.interrupting import interrupted_once
from conformance.cli.main import main
from reports.fleet import folder
from reports.fleet.figures import figures_of
from reports.fleet.folder import Folder
from simulator.fleet import compiled, plan, reading, results, simpy_engine, variants
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
    assert sum(waves["devices"]) == summary.rollouts[0].devices
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


def test_the_summary_and_the_table_of_waves_tell_the_same_of_a_rollout(left: Folder, tmp_path: Path) -> None:
    """Parts are of all devices that it was for: a rollout that reached few of them never reached half."""
    spread = left.summary.rollouts[0].seconds_until
    assert spread["50%"] is not None
    assert spread["50%"] > 300, "the second wave, after 5 min, has more than half of them"
    paused = reading.read(
        FLEET.replace("fails: 0.1", "fails: 0.9").replace("share: 0.5}]", "share: 0.5}], pause: {minimum: 5}").encode(),
        "fleet.yaml",
    )
    run = simulated(paused, tmp_path)
    assert run.summary.rollouts[0].succeeded > 0
    assert set(run.summary.rollouts[0].seconds_until.values()) == {None}
    assert set(run.table("waves")["s_until_50%"]) == {None}


def stopped(fleet: Fleet, out: Path, monkeypatch: pytest.MonkeyPatch, engine: str, after: float = 0.3) -> Folder:
    """A run that a user ends after a part of it, as a signal does: between two steps of the engine."""

    def interrupt(part: float) -> None:
        if part >= after:
            raise KeyboardInterrupt

    @contextmanager
    def showing(_: Any) -> Iterator[Any]:
        yield interrupt

    monkeypatch.setattr(simulate_progress, "showing", showing)
    out.mkdir()
    (out / "described.yaml").write_text(results.described(fleet))
    assert main(["simulate", str(out / "described.yaml"), "--engine", engine, "--out", str(out)]) == 130
    return folder.read(out)


@pytest.mark.parametrize("engine", ["compiled", "simpy"])
def test_what_an_interrupted_run_covers_is_what_it_counted(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is interrupted wherever it happens to be, and counts and tables are cut alike."""
    fleet, at = reading.read(FLEET.replace("duration: 40m", "duration: 400m").encode(), "fleet.yaml"), 9000.0
    module = compiled if engine == "compiled" else simpy_engine
    whole = module.simulate

    def interrupted(*args: Any, progress: Any, **_: Any) -> None:
        if module is compiled:  # the signal comes while a window is simulated, and is noticed after it
            together = compiled._together

            def then(*inner: Any) -> None:
                together(*inner)
                if inner[3][1] << int(inner[2][0]["bits"]) > at * 1e6:
                    raise KeyboardInterrupt

            monkeypatch.setattr(compiled, "_together", then)
        else:

            def interrupt(env: simpy.Environment) -> Generator[simpy.Event]:
                yield env.timeout(int(at * 1e6))
                raise KeyboardInterrupt

            class Environment(simpy.Environment):
                def __init__(self, initial_time: float = 0) -> None:
                    super().__init__(initial_time)
                    self.process(interrupt(self))

            monkeypatch.setattr(simpy, "Environment", Environment)
        whole(*args, progress=progress)

    monkeypatch.setattr(module, "simulate", interrupted)
    (tmp_path / "fleet.yaml").write_text(results.described(fleet))
    out = tmp_path / "out"
    assert main(["simulate", str(tmp_path / "fleet.yaml"), "--engine", engine, "--out", str(out)]) == 130
    run = folder.read(out)
    assert at <= run.summary.covered < at + 60
    rates = run.table("rates")
    assert {name: sum(rates[name]) for name in run.summary.requests} == dict(run.summary.requests)
    assert rates["time_s"][-1] == pytest.approx(run.summary.covered, abs=40)
    begins = run.summary.covered - 600  # as busy until there as it was before: nothing is missing, nothing too much
    last = [n for time, n in zip(rates["time_s"], rates["unchanged"], strict=True) if begins <= time < begins + 600]
    assert sum(last) == pytest.approx(400 * 20 + 200 * 10, rel=0.05)
    assert run.summary.bytes is not None
    per_day = run.summary.bytes / 600 / run.summary.covered * 86400
    assert run.summary.bytes_per_device_and_day == pytest.approx(per_day, rel=1e-3)


def not_heard(*_: Any) -> None:
    raise AssertionError("the signal has its handler of before the run")


@pytest.mark.parametrize("engine", ["compiled", "simpy"])
def test_a_run_that_is_terminated_keeps_what_it_counted_as_one_of_ctrl_c_does(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def showing(_: Any) -> Iterator[Any]:
        ended: list[bool] = []

        def terminate(part: float) -> None:
            if part > 0.4 and not ended:
                ended.append(True)
                os.kill(os.getpid(), signal.SIGTERM)

        yield terminate

    monkeypatch.setattr(simulate_progress, "showing", showing)
    (tmp_path / "fleet.yaml").write_text(FLEET)
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    signal.signal(signal.SIGTERM, not_heard)
    try:
        assert (
            main(["simulate", str(tmp_path / "fleet.yaml"), "--engine", engine, "--out", str(tmp_path / "out")]) == 130
        )
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    assert "PARTIAL" in capsys.readouterr().out
    run = folder.read(tmp_path / "out")
    assert run.summary.polls
    assert 960 <= run.summary.covered < 1100


def test_of_devices_that_were_simulated_one_after_the_other_the_figures_are_of_those(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = FLEET.replace("count: 400", "count: 60000").replace("count: 200", "count: 40000").partition("wfm:")[0]
    fleet = reading.read(text.replace("fails: 0.1", "fails: 0").encode(), "fleet.yaml")
    run = stopped(fleet, tmp_path / "out", monkeypatch, "compiled")
    summary = run.summary
    assert (summary.simulated_devices, summary.devices) == (32768, 100000)
    assert summary.model_extra is not None
    assert summary.model_extra["missing_devices"] == [[32768, 99999]]
    assert summary.covered == summary.duration_s
    waves = run.table("waves")
    assert waves["devices"] == waves["adopted"]  # all that were simulated
    assert None not in waves["s_until_99%"]
    assert None not in summary.rollouts[0].seconds_until.values()
    assert run.table("cohorts")["simulated"] == [32768, 0]
    assert summary.bytes_per_device_and_day is not None
    assert summary.bytes_per_device_and_day > 2880 * 700 * 0.7  # polls every 30 s, but for the outage
    said = (run.path / "report.html").read_text()
    assert "PARTIAL: 32,768 of 100,000 devices were simulated, each for the whole 40 min" in said
    assert "32,768 of 100,000 devices polled" in said
    assert "never reached" not in said


@pytest.mark.parametrize(("took", "told"), [(31.6, "; compiled in 32 s (kept for the next time)"), (0.4, "")])
def test_the_time_that_compiling_took_is_told(
    took: float, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [0.0]

    def prepare(_: Any) -> None:
        clock[0] += took

    monkeypatch.setattr(compiled, "prepare", prepare)
    monkeypatch.setattr("conformance.cli.simulate.time", SimpleNamespace(perf_counter=lambda: clock[0]))
    (tmp_path / "fleet.yaml").write_text(FLEET)
    assert main(["simulate", str(tmp_path / "fleet.yaml"), "--out", str(tmp_path / "out")]) == 0
    assert f" polls in 0.0 s{told}\n" in capsys.readouterr().out


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
        if name != "fidelity-500":  # which is there to be measured
            text = file.read_text()
            assert all(f"# {part}: " in text for part in ("Look at", "Seen", "Try"))


def test_the_figures_in_the_text_of_the_herd_are_those_of_a_run(tmp_path: Path) -> None:
    fleet = reading.read_example("herd")
    other = variants.variants_of(fleet)["without-jitter"]
    text = " ".join(reading.examples()["herd"].read_text().replace("#", " ").split())
    jitter, none = figures(simulated(fleet, tmp_path / "a")), figures(simulated(other, tmp_path / "b"))
    herd = "herd@2400s"
    assert f"at most {jitter[f'{herd}.peak_per_s']:,.0f} requests/s, {jitter[f'{herd}.times']:.1f} times" in text
    assert f"Without it {none[f'{herd}.peak_per_s']:,.0f} ({none[f'{herd}.times']:.0f} times)" in text
    assert f"{none[f'{herd}.refused']:,} refused" in text
    assert jitter["refused"] == 0
    assert none[f"{herd}.calm_after_s"] is None


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


def test_a_second_interruption_that_follows_at_once_changes_nothing() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interrupted_once():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is before
