"""A device that shares nothing with the reference comes through the door that every real device comes through."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from conformance.record.events import ScenarioOutcome
from conformance.record.file import read
from conformance.record.run import Run
from tests.cli.processes import Served, eventually, served

GADGET = Path(__file__).with_name("gadget.py")
HOOKS = ("reboot", "power-cut", "factory-reset", "configure", "fault", "tamper", "workloads")
WITHIN_S = 60.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as trial:
        return int(trial.getsockname()[1])


def write_hooks(folder: Path) -> Path:
    assert shutil.which("openssl"), "the second device reads certificates with the openssl program: install it"
    command = {"command": [sys.executable, str(GADGET), "hook", str(folder / "home")], "timeout": 20}
    file = folder / "hooks.yaml"
    file.write_text(yaml.safe_dump({"hooks": dict.fromkeys(HOOKS, command)}))
    return file


@contextlib.contextmanager
def gadget(folder: Path, run: Served) -> Iterator[None]:
    """Set the device up as the connection sheet says, and switch it on."""
    sheet, home = folder / "id/device/connection.txt", folder / "home"
    eventually(lambda: sheet.exists() or run.process.poll() is not None, 20, lambda: run.text)
    said: dict[str, Any] = json.loads(sheet.with_name("connection.json").read_text())
    home.mkdir(exist_ok=True)
    conf = {"url": said["WFM URL"], "svid": said["SVID with chain"], "key": said["SVID key"]}
    (home / "settings.json").write_text(json.dumps({**conf, "anchors": said["Trust anchors"], "poll": 0.1}))
    with (home / "log").open("ab") as log:
        first = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, str(GADGET), "run", str(home)], stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):  # the one that hooks started, if they did
            os.kill(int((home / "pid").read_text()), signal.SIGKILL)
        first.kill()
        first.wait()


def listen(folder: Path, port: int, *more: object) -> list[object]:
    ics = folder / "ics.yaml"
    ics.write_text(
        "role: device\nsubject: {name: Gadget}\nprofile: standalone\npoll-interval: 0.1\n"
        "features: [hosting, helm, compose]\nlimits: {connect: 25}\n"
    )
    door = ["--listen", f"127.0.0.1:{port}", "--identity", folder / "id", "--out", folder / "out"]
    return ["run", "device", *door, "--ics", ics, "--hooks", folder / "hooks.yaml", *more]


def outcomes(folder: Path) -> dict[str, tuple[str, str | None]]:
    done = Run.of(read(folder / "out/events.ndjson"))
    return {
        f"{item.started.name} {sorted(item.started.example.values())}": (item.outcome.value, item.finished.reason)
        for item in done.scenarios
        if item.outcome is not ScenarioOutcome.NOT_RUN
    }


def test_a_run_is_paused_and_goes_on_and_a_missing_hook_is_foretold(tmp_path: Path) -> None:
    hooks = write_hooks(tmp_path)
    hooks.write_text(yaml.safe_dump({"workloads": yaml.safe_load(hooks.read_text())["hooks"]["workloads"]}))
    port = free_port()
    select = ("--req", "DS-073", "--req", "DS-031")
    with served(tmp_path / "run.log", *listen(tmp_path, port, *select)) as run, gadget(tmp_path, run):
        run.wait_for(r"\[1/")
        assert run.text.index("  reboot: ") < run.text.index("waiting for the device")
        run.process.send_signal(signal.SIGINT)
        assert run.process.wait(WITHIN_S) == 4, run.text
        before = outcomes_of_all(tmp_path / "out/events.ndjson")
        assert before["passed"] >= 1
        assert before["not-run"] > before["passed"]
        assert "--resume" in run.text
        resumed = listen(tmp_path, port, *select, "--resume", tmp_path / "out")
        with served(tmp_path / "again.log", *resumed) as again:
            assert again.process.wait(WITHIN_S) == 4, again.text
    first, last = read(tmp_path / "out/events-1.ndjson"), read(tmp_path / "out/events.ndjson")
    done = Run.of(last)
    assert done.header.environment["resumes"] == Run.of(first).header.run
    assert done.header.digests["resumed"].startswith("sha256:")
    after = list(outcomes(tmp_path).values())
    assert {outcome for outcome, _ in after} == {"passed", "blocked"}, again.text
    assert any("reboot" in str(reason) for outcome, reason in after if outcome == "blocked")
    assert outcomes_of_all(tmp_path / "out/events.ndjson")["passed"] > before["passed"]
    kept = [event.at for event in first if getattr(event, "outcome", None) is ScenarioOutcome.PASSED]
    assert kept[0] in [event.at for event in last], "what was found before stands there as it was recorded"


def outcomes_of_all(path: Path) -> dict[str, int]:
    found = [item.outcome.value for item in Run.of(read(path)).scenarios]
    return {name: found.count(name) for name in ("passed", "blocked", "not-run", "failed")}


def test_the_gadget_reads_the_yaml_of_deployments_as_others_do() -> None:
    """The device itself is held to something, so that what the suite says of it means something."""
    code = "import json, runpy, sys; print(json.dumps(runpy.run_path(sys.argv[1])['yaml'](sys.stdin.read())))"
    text = "# by hand\na:\n  - b: \"x\"\n    c: 12\n  - d: [1, two]\n    f: {}\ne: 'it''s'\ng:\n- 1.5\n- true\n"
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", code, str(GADGET)], input=text, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == yaml.safe_load(text)
