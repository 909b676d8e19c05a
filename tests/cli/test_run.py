"""Real runs, small ones: each as a process of its own, since a run has pytest in it."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.cli import running
from conformance.record.events import ScenarioOutcome
from conformance.record.file import read
from conformance.record.run import Run
from tests.cli.commands import PROGRAM, Ended, call, run_process
from tests.cli.processes import eventually, served, served_wfm
from tests.cli.records import write_record

ONE_OF_WFM = "newest manifest is told so"
MUTANT = ("--target", "simulated:ignores-if-none-match")
FAILS_FOR_MUTANT = ("--req", "DS-062")


def _told(ended: Ended) -> Mapping[str, Any]:
    told: Mapping[str, Any] = json.loads(ended.out)
    assert told["exit_code"] == ended.code
    return told


def test_a_part_of_the_suite_is_incomplete_and_leaves_every_report(tmp_path: Path) -> None:
    ended = run_process("run", "wfm", "--text", ONE_OF_WFM, "--out", tmp_path / "out", "--json")
    assert ended.code == 4, ended.err
    told = _told(ended)
    assert told["verdict"] == "incomplete"
    assert told["roles"][0]["scenarios"]["passed"] == 1
    assert told["roles"][0]["coverage"]["exercised"] > 0
    assert told["not_passed"] == []
    assert {"events", "html", "json", "junit", "markdown"} <= set(told["paths"])
    assert all(Path(path).is_file() for path in told["paths"].values())
    assert "[1/1] passed" in ended.err, "progress goes to stderr"
    assert call("report", "verify", told["paths"]["events"]).code == 0
    report = json.loads(Path(told["paths"]["json"]).read_text())
    passed = [item for item in report["roles"][0]["requirements"] if item["verdict"] == "pass"]
    assert [item["id"] for item in passed if not item["checks"] or item["reason"]] == []
    unchecked = [item for item in report["roles"][0]["requirements"] if item["reason"] == "no check yet"]
    assert [item["id"] for item in unchecked if item["checks"]] == []
    assert len(unchecked) < len(passed)
    assert any(reading["checks"] for reading in report["interpretations"]), "what rests on a reading is known"


def test_a_real_device_without_a_statement_is_given_no_name_of_anybody(tmp_path: Path) -> None:
    listen = ("--listen", "127.0.0.1:0", "--identity", tmp_path / "id", "--out", tmp_path / "out")
    ended = run_process("run", "device", *listen, "--text", "Power is lost at every point")
    assert ended.code == 4, ended.err
    assert "device: device under test (standalone)" in ended.out
    assert "does not apply (6 scenarios): effects can be counted in a simulated device only" in ended.out
    assert "will be blocked" not in ended.err
    subject = json.loads((tmp_path / "out/report.json").read_text())["roles"][0]["subject"]
    assert (subject["name"], subject["vendor"], subject["policies"]) == ("device under test", None, {})


def test_a_broken_wfm_is_not_conformant_and_failed_reruns_just_that(tmp_path: Path) -> None:
    base = ("run", "wfm", "--out", tmp_path, "--json")
    broken = run_process(*base, *MUTANT, *FAILS_FOR_MUTANT)
    assert broken.code == 1, broken.err
    first = _told(broken)
    assert first["roles"][0]["requirements"]["DS-062"] == "fail"
    assert re.search(r"DS-062: .*\n +expected .*\n +found ", broken.err)

    again = run_process(*base, "--failed")
    failed = {(item["scenario"], item["at"]) for item in first["not_passed"]}
    assert failed
    second = _told(again)
    ran = [outcome for outcome, count in second["roles"][0]["scenarios"].items() if count and outcome != "not-run"]
    assert second["roles"][0]["scenarios"]["passed"] >= len(failed)
    assert ran == ["passed"], "the reference passes what its broken variant failed"
    assert second["verdict"] == "incomplete"


def test_a_device_that_is_broken_is_not_conformant(tmp_path: Path) -> None:
    ended = run_process(
        "run", "device", "--target", "simulated:accepts-older-version", "--req", "DS-069", "--out", tmp_path
    )
    assert ended.code == 1
    assert "DS-069" in ended.out
    assert str(tmp_path / "report.html") in ended.out


def test_a_served_wfm_is_a_subject_like_any_other(tmp_path: Path) -> None:
    with served_wfm(tmp_path) as wfm:
        real = ("--url", wfm.found["url"], "--identity", tmp_path / "identity", "--northbound", wfm.found["northbound"])
        ended = run_process("run", "wfm", *real, "--text", ONE_OF_WFM, "--out", tmp_path / "out", "--json")
        assert ended.code == 4, ended.err
        role = _told(ended)["roles"][0]
        assert role["target"] == wfm.found["url"]
        assert role["scenarios"]["passed"] == 1

        without = run_process("run", "wfm", *real[:4], "--text", ONE_OF_WFM, "--out", tmp_path / "out", "--json")
        assert without.code == 4
        blocked = _told(without)["not_passed"]
        assert [item["outcome"] for item in blocked] == ["blocked"]
        assert "northbound" in blocked[0]["reason"]


def test_a_served_device_is_a_subject_like_any_other(tmp_path: Path) -> None:
    listen = ("run", "device", "--listen", "127.0.0.1:0", "--identity", tmp_path, "--wait", 20, "--json")
    select = ("--text", "Many changes in quick succession", "--out", tmp_path / "out")
    ics = tmp_path / "ics.yaml"
    ics.write_text(
        "role: device\nsubject: {name: served}\nprofile: standalone\npoll-interval: 0.2\nlimits: {connect: 20}\n"
    )
    with served(tmp_path / "run.log", *listen, *select, "--ics", ics) as run:
        sheet = tmp_path / "device" / "connection.json"
        eventually(sheet.exists, 20, lambda: run.text)
        given = json.loads(sheet.read_text())
        credentials = ("--svid", given["SVID with chain"], "--key", given["SVID key"])
        device = ("serve", "device", "--wfm", given["WFM URL"], *credentials, "--trust-bundle", given["Trust bundle"])
        with served(tmp_path / "device.log", *device, "--poll-interval", 0.2) as press:
            eventually(lambda: run.process.poll() is not None, 60, lambda: run.text + press.text)
    assert run.process.returncode == 4, run.text
    assert '"passed": 1' in run.text


def test_ctrl_c_tells_that_the_record_is_incomplete(tmp_path: Path) -> None:
    with served(tmp_path / "run.log", "run", "device", "--out", tmp_path / "out") as run:
        run.wait_for(r"\[1/")
        assert run.stop(signal.SIGINT) == 130
    assert "error[interrupted]" in run.text
    assert "is incomplete" in run.text
    assert "Traceback" not in run.text
    assert call("report", "verify", tmp_path / "out").code == 2
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["events.ndjson"], "no report beside it"


def test_reports_of_an_earlier_run_do_not_outlive_it(tmp_path: Path) -> None:
    stale = tmp_path / "report.html"
    write_record(tmp_path)
    stale.write_text("of an earlier run")
    with served(tmp_path / "run.log", "run", "device", "--out", tmp_path) as run:
        run.wait_for(r"\[1/")
        run.stop(signal.SIGINT)
    assert not stale.exists()


@pytest.mark.parametrize(
    ("outcome", "code", "verdict"),
    [
        (ScenarioOutcome.PASSED, 0, "conformant"),
        (ScenarioOutcome.FAILED, 1, "not conformant"),
        (ScenarioOutcome.ERROR, 3, "suite error"),
        (ScenarioOutcome.BLOCKED, 4, "incomplete"),
        (ScenarioOutcome.INCONCLUSIVE, 4, "incomplete"),
    ],
)
def test_the_exit_code_is_that_of_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: ScenarioOutcome, code: int, verdict: str
) -> None:
    monkeypatch.setattr(running, "run", lambda plan: Run.of(read(write_record(plan.directory, outcome))))
    ended = call("run", "device", "--out", tmp_path, "--json")
    assert (ended.code, _told(ended)["verdict"]) == (code, verdict)


def test_a_suite_that_breaks_is_an_error_of_the_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("the device suite could not be collected: nothing")

    monkeypatch.setattr(running, "run", broken)
    ended = call("run", "device", "--out", tmp_path)
    assert ended.code == 3
    assert "error[suite]: unexpected RuntimeError: the device suite could not be collected" in ended.err


def test_on_a_terminal_a_bar_is_drawn(tmp_path: Path) -> None:
    master, slave = os.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "CI"} | {"TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(  # noqa: S603 - our own program
        [str(PROGRAM), "run", "wfm", "--text", ONE_OF_WFM, "--out", str(tmp_path)],
        stdout=subprocess.DEVNULL,
        stderr=slave,
        env=environment,
    )
    os.close(slave)
    shown = b""
    try:
        while chunk := os.read(master, 65536):
            shown += chunk
    except OSError:  # how Linux says that the other end is closed
        pass
    finally:
        os.close(master)
    assert process.wait(60) == 4
    assert b"1 passed, 0 failed, 0 blocked" in shown
    assert b"[1/1]" not in shown
