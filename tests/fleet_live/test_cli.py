"""`simulate FILE --live URL` as a user types it."""

import asyncio
import csv
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from conformance.record.file import EVENT_FILE, read
from simulator.fleet.results import CAUSES, OUTCOMES
from simulator.wfm.mutants import WFM_MUTANTS
from simulator.wfm.server import ReferenceWfm, WfmConfig
from tests.cli.commands import PROGRAM, Ended, assert_refused, call
from tests.fleet_live.test_driver import identity as identity  # noqa: PLC0414 - a fixture
from tests.wfm.support import config

FLEET = """\
name: small
seed: 7
duration: 2s
cohorts:
  - {name: quick, count: 30, application: app, polling: {period: 1s, start_spread: 0.5s}}
  - {name: calm, count: 10, application: app, polling: {period: 2s}, network: {loss: 0.1}}
applications:
  - {name: app, revisions: [{name: "1.0.0"}]}
"""


@contextmanager
def serving(build: Callable[[WfmConfig], ReferenceWfm] = ReferenceWfm) -> Iterator[tuple[str, Callable[[], None]]]:
    """Serve a WFM in a thread of its own; gives its URL, and what takes it away."""
    ready, gone, found = Event(), asyncio.Event(), list[Any]()

    async def serve() -> None:
        async with build(config()) as wfm:
            found.extend([wfm.management_url, asyncio.get_running_loop()])
            ready.set()
            await gone.wait()
        while len(asyncio.get_running_loop()._selector.get_map()) > 1:  # type: ignore[attr-defined]  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # TLS is ended in some turns of the loop; its own pipe stays

    thread = Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(30)

    def leave() -> None:
        found[1].call_soon_threadsafe(gone.set)
        thread.join(30)

    try:
        yield found[0], leave
    finally:
        if thread.is_alive():
            leave()


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    file = tmp_path / "fleet.yaml"
    file.write_text(FLEET)
    return file


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def simulate(fleet: Path, url: str, identity: Path, out: Path, *more: object) -> Ended:
    return call("simulate", fleet, "--live", url, "--identity", identity, "--out", out, *more)


def test_a_run_leaves_figures_tables_and_a_record(fleet: Path, identity: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with serving() as (url, _):
        ended = simulate(
            fleet,
            url,
            identity,
            out,
            "--processes",
            2,
            "--storm",
            "1s,0.5,0.2s",
            "--devices",
            20,
            "--duration",
            4,
            "--ramp",
            "0.5s",
        )
    assert ended.code == 0, ended
    assert "not as described: devices: 20 of 40, each cohort by its share" in ended.err
    assert "not as described: cohort calm, network.loss" in ended.err
    assert "20 live devices" in ended.out
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["engine"], summary["name"], summary["seed"], summary["complete"]) == ("live", "small", 7, True)
    assert (summary["devices"], summary["processes"]) == (20, 2)
    assert summary["polls"] == sum(summary["requests"][name] for name in ("unchanged", "changed", "older")) > 20
    assert summary["handshakes"]["count"] > 20, "the storm brought new ones"
    assert summary["requests"].keys() == OUTCOMES.keys(), "those of a simulation"
    assert summary["requests"]["capabilities"] == 20
    assert summary["failures"].keys() == CAUSES.keys()
    assert summary["power_cuts_by_cause"] == {"outage": 0, "storm": summary["failures"]["power_cuts"]}
    assert 0 < summary["failures"]["power_cuts"] < 20
    [storm] = table(out, "events")
    assert (storm["kind"], storm["from_s"], storm["share"]) == ("reboot storm", "1.0", "0.5")
    assert storm["what"] == f"{summary['failures']['power_cuts']} devices, back within 1.2 s"
    report = (out / "report.html").read_text()
    assert f"end of reboot storm ({storm['what']})" in report, "the herd after it has its picture"
    assert summary["poll_latency_s"]["all"]["count"] == sum(int(row["polls"]) for row in table(out, "cohorts"))
    assert summary["compliance"]["outcomes"]["fail"] == 0
    assert summary["compliance"]["outcomes"]["pass"] > 10
    rates = table(out, "rates")
    assert [int(row["unchanged"]) >= 0 for row in rates]
    assert sum(int(row["unchanged"]) for row in rates) == summary["requests"]["unchanged"]
    assert {"poll_p50_s", "poll_p99_s", "poll_max_s"} <= rates[0].keys()
    assert [row["cohort"] for row in table(out, "cohorts")] == ["quick", "calm"]
    assert sum(int(row["devices"]) for row in table(out, "profiles")) == 20
    assert sum(int(row["count"]) for row in table(out, "latency")) == summary["poll_latency_s"]["all"]["count"]
    assert table(out, "convergence")
    assert any(row["outcome"] == "pass" for row in table(out, "findings"))
    assert read(out / EVENT_FILE)


def test_a_wfm_that_breaks_a_must_is_told_by_the_exit_code(fleet: Path, identity: Path, tmp_path: Path) -> None:
    with serving(WFM_MUTANTS["manifest-public"].build) as (url, _):
        ended = simulate(fleet, url, identity, tmp_path / "out", "--devices", 4)
        unwatched = simulate(fleet, url, identity, tmp_path / "other", "--devices", 4, "--watch", 0)
    assert ended.code == 1
    assert "fail: DS-060" in ended.out
    assert "GET /api/v1/deployments -> 200" in ended.out
    [found] = [row for row in table(tmp_path / "out", "findings") if row["requirement"] == "DS-060"]
    assert (found["kind"], found["outcome"]) == ("compliance", "fail")
    assert found["shown_by"].startswith("event ")
    assert unwatched.code == 0, "who looks at nothing finds nothing"
    assert json.loads((tmp_path / "other" / "summary.json").read_text())["compliance"]["record"] is None


def test_a_wfm_that_disappears_is_a_finding_and_what_was_seen_is_kept(
    fleet: Path, identity: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with serving() as (url, leave):
        command = [PROGRAM, "simulate", fleet, "--live", url, "--identity", identity, "--out", out]
        with running(command, "--duration", "10m", "--ramp", "1s", "--gone-after", "2s") as process:
            until_polled(process)
            leave()
            told, _ = process.communicate(timeout=60)
    assert process.returncode == 4, told
    assert "finding: the WFM disappeared" in told
    summary = json.loads((out / "summary.json").read_text())
    assert summary["complete"] is False
    assert summary["ran_s"] < 60
    assert summary["polls"] > 0
    assert table(out, "findings")[0]["kind"] == "wfm-gone"


def test_ctrl_c_ends_a_run_in_order_and_keeps_what_was_seen(fleet: Path, identity: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with serving() as (url, _):
        command = [PROGRAM, "simulate", fleet, "--live", url, "--identity", identity, "--out", out]
        with running(command, "--duration", "10m", "--ramp", "1s") as process:
            until_polled(process)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of its processes
            told, errors = process.communicate(timeout=60)
    assert process.returncode == 4, (told, errors)
    assert "(partial)" in told
    assert "finding: ended by the user before its time" in told
    assert "Traceback" not in errors
    assert json.loads((out / "summary.json").read_text())["complete"] is False


@contextmanager
def running(command: list[Any], *more: str) -> Iterator["subprocess.Popen[str]"]:
    arguments = [*map(str, command), *more, "--tell-every", "0.2s"]
    with subprocess.Popen(  # noqa: S603 - our own program
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until_polled(process: "subprocess.Popen[str]") -> None:
    """Wait until the run tells of requests that were answered."""
    deadline = time.monotonic() + 60
    assert process.stderr is not None
    for line in process.stderr:
        assert time.monotonic() < deadline, line
        if " connected, " in line and " connected, 0 requests/s" not in line and not line.startswith("0 of"):
            return
    raise AssertionError(process.communicate())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--spike", "5m,30s"), "usage", "--spike: expected AT,LASTS,FACTOR, found '5m,30s'"),
        (("--storm", "5m,2"), "plan", "storm.share: expected 0..1, found 2.0"),
        (
            ("--spike", "5m,30s,10", "--duration", "10s"),
            "plan",
            "expected a time before the end of the run, 10 s, found",
        ),
        (("--storm", "2s,0.5"), "plan", "storm.at_s: expected a time before the end of the run, 2 s, found 2.0"),
        (("--devices", "41"), "plan", "devices: expected at most the 40 of the fleet (`--set cohorts.NAME.count=N`"),
        (("--set", "cohorts.quick.polling.period"), "usage", "--set: expected PATH=VALUE"),
        (("--set", "cohorts.quik.count=4"), "fleet", "did you mean quick?"),
        (("--set", "cohorts.quick.count=4", "--devices", "15"), "plan", "at most the 14 of the fleet"),
        (("--duration", "soon"), "usage", "--duration: expected a time, found 'soon'"),
        (("--source-ips", "here"), "plan", "source_ips: expected IP addresses of this machine, found 'here'"),
        (("--prefix", "a/b"), "plan", "name_prefix: expected letters"),
        (("--revision", "1.0.0-rc.4"), "unknown-name", "'1.0.0-rc.4' in revision"),
        (("--northbound", "ftp://x"), "usage", "northbound URL: expected http://host:port"),
        ((), "not-ready", "nothing answers there"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_started(
    fleet: Path, identity: Path, tmp_path: Path, arguments: tuple[str, ...], code: str, words: str
) -> None:
    ended = simulate(fleet, "https://localhost:1", identity, tmp_path / "out", *arguments)
    notes = [line for line in ended.err.splitlines() if not line.startswith("not as described")]
    assert_refused(Ended(ended.code, ended.out, "\n".join(notes)), code, words)


def test_help_teaches_with_examples() -> None:
    ended = call("simulate", "live", "--help")
    assert ended.code == 0
    assert "margo-conformance simulate FILE --live https://wfm:8443 --identity DIR" in ended.out
    assert "--northbound" in ended.out
    assert "simulate fleet.yaml --live" in call("simulate", "--help").out
