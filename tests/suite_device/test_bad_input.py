"""Devices that hang, flood, send garbage, half-close or never come: the run ends in time, and says which it was."""

import contextlib
import dataclasses
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.bench.device_external import Arrangement
from conformance.bench.device_seat import external_seat
from conformance.bench.device_world import Endpoint, World
from conformance.bench.errors import SubjectMissing
from conformance.bench.flood import EVENT_BYTES, IN_A_ROW, MAX_EVENTS, Tally
from conformance.bench.ics import Ics
from conformance.bench.recorder import Recorder
from conformance.bench.run import RunPlan, run
from conformance.bench.scenarios import Selection
from conformance.record.file import EVENT_FILE, EventWriter
from conformance.record.run import Run
from simulator.faults.link import LinkConnection
from simulator.identity.handshake import HandshakeFacts
from tests.cli.commands import PROGRAM
from tests.suite_device import misbehaving
from tests.suite_device.misbehaving import Misbehaving, device, free_port

WAIT_S = 1.0
DEADLINE_S = 15.0
"""How long a run of one scenario may take with a device like these, on a machine under load."""
FLOOD_WAIT_S = 10.0
"""How long a flood may take to be one on a machine under load; noticed, it ends the waiting at once."""
MAX_RECORD = 12_000_000
MAX_RESIDENT = 220 * 1024
"""In KiB; with a device that never comes it is half of it."""
MEASURING = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"""
"""Between the tests and the program, since a process begins with the peak of the one that started it."""
FEW = Selection(texts=("A chart is deployed",))


def run_with(folder: Path, misbehaves: Misbehaving | None, selection: Selection = FEW, wait_s: float = WAIT_S) -> Run:
    port = free_port()
    said: list[str] = []
    arrangement = Arrangement(Endpoint(port=port), folder, tell=said.append)
    limits = {"connect": wait_s, "poll": 1.0, "apply": 1.0}
    ics = Ics.of_reference("device").model_copy(update={"limits": limits})
    seat = external_seat(ics, arrangement, wait_s=wait_s)
    plan = RunPlan((seat,), folder / "out", selection=selection)
    with device(folder, port, misbehaves) if misbehaves else contextlib.nullcontext():
        return run(plan)


def events_of(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "out" / EVENT_FILE).read_text(encoding="utf-8").splitlines()
    assert sum(map(len, lines)) < MAX_RECORD
    return [json.loads(line) for line in lines]


def errors_in(logged: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in logged.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    ("misbehaves", "words"),
    [
        (None, "no device connected"),
        (misbehaving.hangs, "none of which began TLS; the last: it sent nothing"),
        (misbehaving.half_closes, "none of which began TLS; the last: it sent nothing"),
        (misbehaving.sends_garbage, r"none of which began TLS; the last: it began with b'\\x00\\xff garbage"),
        (misbehaving.speaks_without_tls, "none of which began TLS; the last: it began with b'GET /api"),
        (misbehaving.floods_with_connections, "[1-9][0-9]{2,} connections .* none of which began TLS"),
        (misbehaving.stops_in_the_middle, "none of which led to a request that can be understood"),
        (misbehaving.sends_byte_by_byte, "none of which led to a request that can be understood"),
        (misbehaving.sends_garbage_in_tls, "can be understood; the last: no HTTP request: "),
        (misbehaving.sends_endless_headers, "can be understood; the last: no HTTP request: .*[Hh]eaders"),
    ],
)
def test_a_device_that_makes_no_request_ends_the_run_and_is_described(
    misbehaves: Misbehaving | None, words: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    began = time.monotonic()
    with pytest.raises(SubjectMissing, match=words):
        run_with(tmp_path, misbehaves)
    assert time.monotonic() - began < DEADLINE_S
    assert errors_in(caplog) == []
    finished = [event for event in events_of(tmp_path) if event["type"] == "scenario-finished"]
    assert not any(event["outcome"] == "passed" for event in finished), "a run without a device is never green"


@pytest.mark.parametrize("link_first", [True, False])
def test_what_is_told_of_garbage_does_not_depend_on_who_hears_of_it_first(link_first: bool, tmp_path: Path) -> None:
    refused = HandshakeFacts(1, "server", "refused", by="self", reason="WRONG_VERSION_NUMBER")
    garbage = LinkConnection(0.0, 1.0, bytes_up=8, bytes_down=0, cut=False, opening=b"garbage!")
    with EventWriter(tmp_path / EVENT_FILE) as writer:
        world = World(Recorder(writer), Endpoint())
        told: list[Callable[[], None]] = [lambda: world._ended(garbage), lambda: world._shaken(refused)]
        for tell in told if link_first else reversed(told):
            tell()
        said = "1 connections to there within 2 s, none of which began TLS; the last: "
        assert world.tally.who_came(1, "there", 2.0) == said + "it began with b'garbage!' rather than with TLS"
        world._ended(dataclasses.replace(garbage, opening=b"\x16broken"))
        assert "WRONG_VERSION_NUMBER" in world.tally.who_came(2, "there", 2.0), "the last one did begin with TLS"


def test_a_device_that_floods_is_named_and_bounded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    began = time.monotonic()
    done = run_with(tmp_path, misbehaving.floods_with_requests, wait_s=FLOOD_WAIT_S)
    assert time.monotonic() - began < DEADLINE_S
    assert done.conformity.exit_code in (1, 4)
    assert errors_in(caplog) == []
    events = events_of(tmp_path)
    assert any(event.get("kind") == "flooded" for event in events), "the record names the flood"
    assert sum(event["type"] == "exchange" for event in events) <= MAX_EVENTS
    (scenario,) = [item for item in done.scenarios if item.outcome != "not-run"]
    assert "the subject floods the bench" in (scenario.finished.reason or "")


def test_a_huge_body_is_refused_and_not_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    began = time.monotonic()
    done = run_with(tmp_path, misbehaving.sends_a_huge_body)
    assert time.monotonic() - began < DEADLINE_S
    assert done.conformity.exit_code in (1, 4)
    assert errors_in(caplog) == []
    exchanges = [event for event in events_of(tmp_path) if event["type"] == "exchange"]
    answers = {event["status"] for event in exchanges}
    assert 413 in answers
    assert answers <= {413, 429, None}
    assert all(event["request"]["cut"] for event in exchanges if event["status"] == 413)
    (scenario,) = [item for item in done.scenarios if item.outcome != "not-run"]
    assert "its last request, PUT /api/v1/capabilities/device, was answered 4" in (scenario.finished.reason or "")
    judged = {finding.requirement: finding.outcome for finding in scenario.findings}
    assert judged["DC-009"] == "inconclusive", "nobody saw what was in it"


def test_a_device_that_goes_on_flooding_is_let_in_no_more(tmp_path: Path) -> None:
    done = run_with(tmp_path, misbehaving.floods_with_requests, Selection(texts=("desired state",)), FLOOD_WAIT_S)
    events_of(tmp_path)
    reasons = [
        item.finished.reason or "" for item in done.scenarios if item.outcome not in ("not-run", "not-applicable")
    ]
    told = ["not let in" in reason for reason in reasons if "needs" not in reason]
    assert told == [False] * IN_A_ROW + [True] * (len(told) - IN_A_ROW)
    assert len(told) > IN_A_ROW
    assert done.conformity.exit_code in (1, 4)


@pytest.mark.parametrize(
    ("misbehaves", "code", "words"),
    [
        (misbehaving.floods_with_requests, 1, "the device floods the bench: "),
        (misbehaving.floods_with_connections, 2, "none of which began TLS"),
    ],
)
def test_the_program_ends_with_a_message_and_in_bounds(
    misbehaves: Misbehaving, code: int, words: str, tmp_path: Path
) -> None:
    port = free_port()
    where = ["--identity", str(tmp_path), "--out", str(tmp_path / "out")]
    texts = [word for text in FEW.texts for word in ("--text", text)]
    arguments = ["run", "device", "--listen", f"127.0.0.1:{port}", "--wait", "1", *where, *texts]
    with (tmp_path / "said.txt").open("wb") as said:
        measured = [sys.executable, "-S", "-c", MEASURING, str(tmp_path / "resident.txt"), str(PROGRAM), *arguments]
        program = subprocess.Popen(measured, stdout=said, stderr=said)  # noqa: S603 - our own program
        with device(tmp_path, port, misbehaves):
            program.wait()
    text = (tmp_path / "said.txt").read_text(encoding="utf-8")
    assert program.returncode == code, text
    assert words in " ".join(text.split())
    assert "Traceback" not in text
    assert int((tmp_path / "resident.txt").read_text()) < MAX_RESIDENT
    events_of(tmp_path)


# --- what is kept of a flood -----------------------------------------------------------------------------------------


def test_many_within_a_second_are_a_flood_and_as_many_within_minutes_are_not() -> None:
    slow, quick = Tally(max_rate=10), Tally(max_rate=10)
    assert all(slow.admits(1, 1, number * 1.0) for number in range(100))
    assert not all(quick.admits(1, 1, number * 0.01) for number in range(100))
    assert quick.floods


def test_a_tally_begins_anew_with_each_scenario() -> None:
    tally = Tally(max_events=2, max_bytes=100)
    assert [tally.admits(1, 10, 0.0) for _ in range(3)] == [True, True, False]
    assert tally.admits(2, 10, 1.0)
    assert not tally.admits(2, 1000, 1.5)
    assert tally.words(2.0) == "2 requests and connections with 1010 bytes within 1.0 s"


def test_what_a_whole_run_keeps_is_bounded_whoever_asks_slowly() -> None:
    tally = Tally(max_total=10 * EVENT_BYTES)
    kept = [tally.admits(scenario, 0, scenario * 10.0) for scenario in range(20)]
    assert kept == [True] * 10 + [False] * 10
    assert tally.hopeless


def test_only_floods_in_a_row_close_the_door() -> None:
    tally = Tally(max_events=1)
    for scenario in range(20):
        flood = scenario % IN_A_ROW != 0
        assert tally.admits(scenario, 1, scenario * 10.0)
        assert tally.admits(scenario, 1, scenario * 10.0) is False if flood else True
        assert not tally.hopeless
