"""Every adapter of the document on a WFM in a process of its own: the same scenarios pass through each."""

import json
import os
import pty
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from conformance.bench.adapters.files import ManualFile
from conformance.bench.adapters.manual import ManualAdapter
from conformance.bench.adapters.opening import open_northbound
from conformance.bench.applications import applications
from conformance.bench.errors import Blocked, UsageError
from conformance.bench.ics import Ics
from conformance.bench.northbound import Northbound, NorthboundError
from conformance.bench.run import RunPlan, run
from conformance.bench.scenarios import Selection
from conformance.bench.wfm_seat import Sharing, external_seat
from conformance.record.events import Fact, ScenarioOutcome
from conformance.record.file import EVENT_FILE, read
from tests.adapters.worked_examples import write_examples
from tests.cli.commands import call
from tests.cli.processes import Served, served_wfm

ICS = Ics.of_reference("wfm")
TOKEN = "t0ken-of-the-operator"  # noqa: S105 - made up
SCENARIOS = Selection(requirements=("APP-07", "SEC-009"))


@pytest.fixture(scope="module")
def wfm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("wfm")
    with served_wfm(folder) as served:
        write_examples(folder, served.found["northbound"])
        served.found["folder"] = str(folder)
        yield served


@pytest.fixture(autouse=True)
def environment(wfm: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPERATOR_TOKEN", TOKEN)
    monkeypatch.setenv("OPERATOR_URL", wfm.found["northbound"])


@pytest.fixture
def folder(wfm: Served) -> Path:
    return Path(wfm.found["folder"])


def calls(record: Path) -> list[Mapping[str, object]]:
    events = read(record / EVENT_FILE)
    return [event.data for event in events if isinstance(event, Fact) and event.kind == "northbound-call"]


@pytest.mark.parametrize("kind", ["reference", "http", "command", "python"])
def test_the_same_scenarios_pass_through_every_adapter(kind: str, wfm: Served, folder: Path, tmp_path: Path) -> None:
    northbound = open_northbound(wfm.found["northbound"] if kind == "reference" else str(folder / f"{kind}.yaml"))
    seat = external_seat(ICS, wfm.found["url"], northbound, folder / "identity", applications())
    found = run(RunPlan((seat,), tmp_path, selection=SCENARIOS))
    northbound.close()
    ended = {item.started.name: item.outcome for item in found.scenarios if item.outcome is not ScenarioOutcome.NOT_RUN}
    assert set(ended.values()) == {ScenarioOutcome.PASSED}, ended
    made = calls(tmp_path)
    assert {call["operation"] for call in made} >= {"upload", "deploy", "update", "withdraw", "devices"}
    assert any(call["failed"] for call in made), "a value that a WFM must refuse was refused"
    assert TOKEN not in (tmp_path / EVENT_FILE).read_text()
    assert northbound.standing == {}, "what was deployed was taken back"


def test_fixed_clients_are_used_again_once_cleaned_up(wfm: Served, folder: Path, tmp_path: Path) -> None:
    northbound = open_northbound(str(folder / "http.yaml"))
    sharing = Sharing(("one", "two"))
    seat = external_seat(ICS, wfm.found["url"], northbound, folder / "identity", applications(), sharing=sharing)
    found = run(RunPlan((seat,), tmp_path, selection=Selection(requirements=("DS-013", "DS-014", "DS-067"))))
    northbound.close()
    outcomes = {item.started.name: item for item in found.scenarios if item.outcome is not ScenarioOutcome.NOT_RUN}
    fresh = outcomes.pop("A new client starts with nothing to run")
    assert fresh.outcome is ScenarioOutcome.BLOCKED
    assert "has nothing of" in str(fresh.finished.reason)
    assert {item.outcome for item in outcomes.values()} == {ScenarioOutcome.PASSED}


def test_a_failing_program_is_told_with_its_last_words(wfm: Served, folder: Path) -> None:
    northbound = open_northbound(str(folder / "command.yaml"))
    with pytest.raises(NorthboundError, match="expected exit code 0, found 1: DELETE /deployments/none: 404"):
        northbound.withdraw("none")


def test_a_program_that_does_not_end_is_ended(tmp_path: Path) -> None:
    program = tmp_path / "slow.sh"
    program.write_text("#!/bin/sh\nsleep 60 & wait\n")
    program.chmod(0o755)
    file = tmp_path / "slow.yaml"
    file.write_text("adapter: command\ncommand: [./slow.sh]\ntimeout: 0.2\noperations: [upload, deploy, withdraw]\n")
    with pytest.raises(NorthboundError, match=r"not done within 0\.2 s"):
        open_northbound(str(file)).withdraw("any")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("adapter: htp\n", ["adapter", "http", "htp"]),
        ("adapter: http\nurl: http://x\noperations: {uplaod: {request: GET /}}\n", [":3:", "did you mean upload"]),
        ("adapter: http\nurl: x\noperations: {}\n", [":2: url", "'x'"]),
        ("adapter: http\nurl: http://x\noperations:\n  withdraw:\n    request: GET\n", [":5:", "'GET'"]),
        (
            "adapter: http\nurl: http://x\noperations:\n  withdraw:\n    request: GET /{clint}\n",
            ["did you mean client"],
        ),
        ("adapter: http\nurl: http://x\noperations:\n  deploy:\n    request: POST /\n", [":4:", "`deployment`"]),
        ("adapter: http\nurl: http://x\noperations:\n  withdraw: {request: GET /}\n", ["upload, deploy, withdraw"]),
        ("adapter: http\nurl: http://x\nheaders: {A: '{env:NOT_SET_HERE}'}\noperations: {}\n", ["NOT_SET_HERE"]),
        ("adapter: command\ncommand: [./nobody]\noperations: []\n", ["nobody"]),
        ("adapter: python\nentry: no.such.module:Class\n", ["no.such.module", "cannot be imported"]),
        ("adapter: python\nentry: somebody\n", ["entry point", "somebody"]),
        ("- a\n- list\n", ["mapping", "list"]),
        ("adapter: [\n", ["not valid YAML"]),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_one_sentence(tmp_path: Path, text: str, words: list[str]) -> None:
    file = tmp_path / "adapter.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        open_northbound(str(file))
    said = str(caught.value)
    assert str(file) in said
    assert all(word in said for word in words), said
    assert "\n" not in said


def test_a_person_is_told_what_to_do_and_asked_what_came_of_it() -> None:
    person, terminal = pty.openpty()
    told: list[bytes] = []
    with os.fdopen(terminal, "r") as ask_in, os.fdopen(os.dup(terminal), "w") as ask_out:
        northbound = Northbound(ManualAdapter(ManualFile(adapter="manual", deadline=20), ask_in, ask_out))

        def act() -> None:
            os.write(person, b"0f0e\nas in ticket 7\nfailed: the console is down\n")
            while b"Take back deployment 0f0e" not in b"".join(told):
                told.append(os.read(person, 4096))

        acting = threading.Thread(target=act)
        acting.start()
        heard: list[Mapping[str, object]] = []
        northbound.listen(heard.append)
        assert northbound.deploy("plant-1", "press", "historian", "1.0.0", {"rate": 3}) == "0f0e"
        with pytest.raises(NorthboundError, match="the console is down"):
            northbound.withdraw("0f0e")
        acting.join(20)
    os.close(person)
    assert "Deploy historian 1.0.0 to device press of client plant-1" in b"".join(told).decode()
    assert "as in ticket 7" in json.dumps(heard[0])


def test_without_a_terminal_a_person_is_missed_by_name(tmp_path: Path) -> None:
    with (tmp_path / "empty").open("w+") as nothing:
        northbound = Northbound(ManualAdapter(ManualFile(adapter="manual"), nothing, nothing))
        assert northbound.hooks == frozenset()
        with pytest.raises(Blocked, match="deploy"):
            northbound.deploy("a", "press", "historian", "1.0.0", {})


def test_doctor_tries_each_operation_and_tells_the_one_that_fails(wfm: Served, folder: Path) -> None:
    where = ("doctor", "--url", wfm.found["url"], "--identity", folder / "identity", "--out", folder / "out")
    good = call(*where, "--northbound", folder / "http.yaml")
    assert good.code == 0, good
    assert all(f"ok    {name}" in good.out for name in ("deploy", "update", "devices", "withdraw"))
    broken = folder / "broken.yaml"
    broken.write_text((folder / "http.yaml").read_text().replace("POST /northbound/v1/deployments", "POST /orders"))
    bad = call(*where, "--northbound", broken)
    assert bad.code == 2
    assert "FAIL  deploy" in bad.out
    assert "/orders: expected 2xx, found 404" in bad.out
