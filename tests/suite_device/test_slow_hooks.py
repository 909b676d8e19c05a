"""Hooks take a real device their time: what is configured counts from then on, and what scenarios set is stretched."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from conformance.bench.deadlines import Deadlines
from conformance.bench.device_external import Arrangement
from conformance.bench.device_seat import REAL_WINDOW_S, external_seat
from conformance.bench.device_world import Endpoint
from conformance.bench.hooks.model import PythonHook
from conformance.bench.ics import Ics
from conformance.bench.run import RunPlan, run
from conformance.bench.scenarios import Selection
from conformance.checks.device import gateway, polling
from conformance.checks.evidence import Record
from conformance.checks.monitors import device_rhythm
from conformance.checks.registry import Seen
from conformance.record.events import Fact
from conformance.record.file import EVENT_FILE, read
from simulator.device.settings import DailyWindow
from tests.suite_device.runs import carried_out, told
from tests.suite_device.standin import StandIn
from tests.suite_device.test_checks import exchange, polls, seen

TAKES_S = 0.3
POLL_S = 0.05
_devices: list[StandIn] = []


def configure(call: dict[str, Any]) -> None:
    """The hook of these tests: it takes effect at once, and then goes on for a while, as one over SSH does."""
    stand_in, settings = _devices[-1], call.get("settings", {})
    device = stand_in.device
    assert device is not None
    if "poll_s" in settings:
        stand_in.loop.run(device.configure(poll_interval_s=settings["poll_s"]))
    elif "not_before_s" in settings:
        start = time.time() + settings["not_before_s"]
        stand_in.loop.run(device.configure(polling_hours=(DailyWindow(start, start + 3600.0),)))
    else:
        stand_in.loop.run(device.configure(poll_interval_s=POLL_S, polling_hours=()))
    threading.Event().wait(TAKES_S)


def test_what_a_slow_hook_configured_counts_from_its_end_and_polls_meanwhile_are_not_judged(tmp_path: Path) -> None:
    _devices.append(StandIn(tmp_path))
    hooks = {"configure": PythonHook(python=f"{__name__}:configure")}
    ics = Ics.of_reference("device").model_copy(update={"poll_interval": POLL_S, "policies": {}})
    seat = external_seat(ics, Arrangement(Endpoint(), tmp_path, hooks=hooks, tell=lambda _: None), wait_s=20.0)
    try:
        done = run(RunPlan((seat,), tmp_path, selection=Selection(texts=("The user says ",))))
    finally:
        _devices.pop().leave()
    outcomes = [scenario.outcome.value for scenario in carried_out(done)]
    assert outcomes == ["passed", "passed"], told(done)
    facts = [event for event in read(tmp_path / EVENT_FILE) if isinstance(event, Fact)]
    configured = [fact for fact in facts if fact.kind == "configured"]
    assert len(configured) == 2
    for fact in configured:
        assert fact.at - fact.data["began"] >= TAKES_S


@pytest.mark.parametrize(("first", "expected"), [(1.35, Seen.BROKEN), (2.0, Seen.KEPT)])
def test_hours_count_from_the_call_since_the_device_may_have_begun_then(first: float, expected: Seen) -> None:
    fact = Fact(
        n=1,
        at=1.3,
        scenario=1,
        kind="configured",
        data={"not_before_s": 1.0, "began": 1.0, "told": {"not_before_s": 1}},
    )
    assert seen(polling.configured_hours_are_kept, Record("device", polls(first), (), (fact,))) == {expected}


def test_what_came_while_a_hook_was_at_work_came_of_it() -> None:
    fact = Fact(n=1, at=2.0, scenario=1, kind="configured", data={"child": "gw/new", "began": 1.0})
    report = exchange("report-capabilities", 1.5, status=201, params={"deviceId": "gw/new"})
    earlier = exchange("report-capabilities", 0.5, status=201, params={"deviceId": "gw/new"})
    assert seen(gateway.new_child_is_reported, Record("device", (report,), (), (fact,))) == {Seen.KEPT}
    assert seen(gateway.new_child_is_reported, Record("device", (earlier,), (), (fact,))) == {Seen.BROKEN}


def test_distances_of_polls_are_not_judged_while_a_hook_changes_them() -> None:
    provisioned = Fact(n=1, at=0.1, scenario=1, kind="provisioned", data={"pollInterval": 10.0})
    fact = Fact(n=2, at=8.0, scenario=1, kind="configured", data={"poll_s": 1.0, "began": 1.9})
    quick = polls(*(1.0 + number for number in range(6)))
    quick = tuple(poll.model_copy(update={"status": 304, "connection": 1}) for poll in quick)
    judged = device_rhythm.polls_keep_the_declared_distance
    assert seen(judged, Record("device", quick, (), (provisioned,))) == {Seen.BROKEN}
    assert seen(judged, Record("device", quick, (), (provisioned, fact))) == set()


def test_what_scenarios_set_is_stretched_for_a_real_device(tmp_path: Path) -> None:
    plain = Ics.of_reference("device")
    assert plain.deadlines.window == Deadlines().window == 1.0
    arrangement = Arrangement(Endpoint(), tmp_path)

    def window(**changes: Any) -> float:
        return external_seat(plain.model_copy(update=changes), arrangement).ics.deadlines.window

    assert window() == REAL_WINDOW_S
    assert window(poll_interval=10.0) > 30.0
    assert window(poll_interval=10.0, limits={"window": 2.0}) == 2.0
