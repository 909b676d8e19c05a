"""A device that shares nothing with the reference comes through the door that every real device comes through."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.bench.device_external import Arrangement
from conformance.bench.device_seat import external_seat
from conformance.bench.device_world import Endpoint
from conformance.bench.hooks.loading import load_hooks
from conformance.bench.ics import load_ics
from conformance.bench.run import RunPlan, run
from conformance.bench.scenarios import Selection, scenarios
from conformance.record.events import ScenarioOutcome
from conformance.record.file import read
from conformance.record.run import Run
from tests.cli.processes import eventually, served
from tests.suite_device.runs import carried_out, told

GADGET = Path(__file__).with_name("gadget.py")
POLL_S = 0.05
HOOKS = ("reboot", "power-cut", "factory-reset", "configure", "fault", "tamper", "workloads", "uptime")
WITHIN_S = 60.0


DEPLOYED = ("An application is updated to a new release", "")
OLDER = ("An older state is refused", "")
DAMAGED = ("Damaged content is refused and the former state stays", "one byte added")
REMOVED = ("Applications are removed, and the others stay", "1")
STRANGER = ("Another WFM is refused", "names another WFM")
TOO_BIG = ("A deployment that needs more <what> than there is fails with a reason", "memory")
HALF_DONE = ("A failed update leaves what the supplier declares", "chart")
BROKEN = ("A component that cannot be installed is reported, and only that one", "fails")
REBOOTED = ("A device that reboots goes on where it was", "")
ALL = (
    DEPLOYED,
    OLDER,
    DAMAGED,
    REMOVED,
    STRANGER,
    TOO_BIG,
    HALF_DONE,
    BROKEN,
    REBOOTED,
    ("A chart is deployed", ""),
    ("A Compose archive is deployed", ""),
    ("The last application is removed, and comes again", ""),
    ("A deployment that the device is not eligible for is not installed", "that meet neither of two rules"),
    ("A digest that cannot be checked makes the whole state invalid", "SHA-512 for one deployment"),
    ("What changed while the device was away is caught up with", ""),
    ("A network whose <badness> delays the device and nothing more", "break off half-way"),
    ("Power that is lost in the middle of an update leaves nothing half done", "it took up the new state"),
    ("A workload that was <changed> behind the device's back", "stops chart"),
)
"""What a clean device is judged by: deploying, updating, removing, refusing, failing, and being interrupted."""
DEFECTS = {
    "takes any version": (OLDER, "DS-069"),
    "takes any bytes": (DAMAGED, "DS-053"),
    "takes any WFM": (STRANGER, "ID-52"),
    "takes any size": (TOO_BIG, "MM-05"),
    "blames the component": (BROKEN, "ST-012"),
    "claims what failed": (HALF_DONE, "ST-021"),
    "removes in silence": (REMOVED, "DS-002"),
    "forgets": (REBOOTED, "DS-031"),
}
"""Each defect of the gadget with the scenario that meets it, and the statement or behaviour that it breaks."""


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
def gadget(folder: Path, gone: Callable[[], bool], defect: str | None = None) -> Iterator[None]:
    """Set the device up as the connection sheet says, and switch it on; `gone` tells that no sheet will come."""
    sheet, home = folder / "id/device/connection.txt", folder / "home"
    eventually(lambda: sheet.exists() or gone(), 120, lambda: "there is no connection sheet")
    said: dict[str, Any] = json.loads(sheet.with_name("connection.json").read_text())
    home.mkdir(exist_ok=True)
    conf = {"url": said["WFM URL"], "svid": said["SVID with chain"], "key": said["SVID key"], "poll": POLL_S}
    conf |= {"anchors": said["Trust anchors"]} | ({"defect": defect} if defect else {})
    (home / "settings.json").write_text(json.dumps(conf))
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


def statement(folder: Path) -> Path:
    """Write what the supplier of the gadget says of it."""
    ics = folder / "ics.yaml"
    ics.write_text(
        (GADGET.parent / "gadget-ics.yaml").read_text().replace("poll-interval: 1", f"poll-interval: {POLL_S}")
    )
    return ics


def listen(folder: Path, port: int, *more: object) -> list[object]:
    door = ["--listen", f"127.0.0.1:{port}", "--identity", folder / "id", "--out", folder / "out"]
    # it only pretends to fetch components, and its anchors are a file
    door += ["--registry-port", "none", "--identity-port", "none"]
    return ["run", "device", *door, "--ics", statement(folder), "--hooks", folder / "hooks.yaml", *more]


def judged(folder: Path, wanted: Iterable[tuple[str, str]], defect: str | None = None) -> Run:
    """Have the suite judge the device by some scenarios, each named by its name and a word of its example, or ""."""
    hooks = load_hooks(write_hooks(folder))
    arrangement = Arrangement(Endpoint(), folder / "id", hooks, tell=lambda _: None)
    ics = load_ics(statement(folder), "device")
    if defect:  # what it never does is not waited for long
        ics = ics.model_copy(update={"limits": {**ics.limits, "apply": 3.0, "retry": 4.0}})
    seat = external_seat(ics, arrangement)
    keys = tuple(key_of(*one) for one in wanted)
    plan = RunPlan((seat,), folder / "out", selection=Selection(keys=keys))
    with ThreadPoolExecutor(1) as somebody:
        running = somebody.submit(run, plan)
        with gadget(folder, running.done, defect):
            return running.result()


def key_of(name: str, word: str) -> str:
    """Give the key of a scenario. Raises ValueError unless there is exactly one such."""
    (key,) = (one.key for one in scenarios("device") if one.name == name and word in " ".join(one.example.values()))
    return key


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
    select = ("--req", "DEV-04", "--req", "DEV-05", "--req", "DS-068", "--req", "DS-031")
    with (
        served(tmp_path / "run.log", *listen(tmp_path, port, *select)) as run,
        gadget(tmp_path, lambda: run.process.poll() is not None),
    ):
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


def test_a_clean_device_of_another_making_passes(tmp_path: Path) -> None:
    done = judged(tmp_path, ALL)
    assert {scenario.outcome for scenario in carried_out(done)} == {"passed"}, told(done)
    assert len(carried_out(done)) == len(ALL)


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_of_the_second_device_is_caught(defect: str, tmp_path: Path) -> None:
    scenario, broken = DEFECTS[defect]
    done = judged(tmp_path, [scenario], defect)
    verdicts = {**done.verdicts("device"), **done.behaviour_verdicts("device")}
    assert verdicts[broken].value == "fail", told(done)


def test_the_gadget_reads_the_yaml_of_deployments_as_others_do() -> None:
    """The device itself is held to something, so that what the suite says of it means something."""
    code = "import json, runpy, sys; print(json.dumps(runpy.run_path(sys.argv[1])['yaml'](sys.stdin.read())))"
    text = "# by hand\na:\n  - b: \"x\"\n    c: 12\n  - d: [1, two]\n    f: {}\ne: 'it''s'\ng:\n- 1.5\n- true\n"
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", code, str(GADGET)], input=text, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == yaml.safe_load(text)
