"""Hooks that end well and do nothing: what would have followed from them is neither passed nor held against anybody."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.bench.device_external import Arrangement
from conformance.bench.device_seat import external_seat, simulated_seat
from conformance.bench.device_subject import SimulatedSeat
from conformance.bench.device_world import Endpoint
from conformance.bench.hooks.model import PythonHook
from conformance.bench.ics import Ics
from conformance.bench.run import RunPlan, load_checks, run
from conformance.bench.scenarios import Selection, scenarios
from conformance.checks.device import adoption, behaviours_outage, behaviours_runtime, failure, identity, recovery
from conformance.checks.device.effects import component_doubt, restart_doubt, setting_doubt
from conformance.checks.evidence import Record
from conformance.checks.registry import Seen
from conformance.record.events import Exchange, Fact
from conformance.record.file import EVENT_FILE, read
from conformance.record.run import Run
from tests.suite_device.runs import IMPATIENT, carried_out
from tests.suite_device.runs import told as told_of
from tests.suite_device.standin import StandIn
from tests.suite_device.test_checks import exchange, fact, polls, published, seen, told

load_checks()
REBOOTS = "A device that reboots goes on where it was"
BY_HOOK = {
    "reboot": (REBOOTS, "An older state is refused after a reboot as it was before"),
    "configure": (
        "The user says how often the device asks",
        "The user says when the device asks",
        "A downtime that the user announced is kept",
        "A forward proxy that the user names is used as the supplier declares",
        "Telemetry goes where the user says, and only as long as the user wants it",
    ),
    "fault": (
        "A component that cannot be installed is reported, and only that one",
        "An installation that never ends fails when its time is over",
        "A project that says how its health is told is waited for",
    ),
}
"""Scenarios that show nothing at all where the hook does nothing."""
METHODS = {"reboot": "reboot", "configure": "configure", "fault": "script"}


async def nothing(*_: object) -> None:
    """What a hook does that ends well whatever it is asked for."""


def suite(folder: Path, names: tuple[str, ...], mutant: str | None = None) -> Run:
    keys = tuple({one.name: one.key for one in scenarios("device") if one.name in names}.values())
    assert len(keys) == len(names)
    ics = Ics.of_reference("device").model_copy(update={"limits": IMPATIENT})
    return run(RunPlan((simulated_seat(ics, mutant),), folder, selection=Selection(keys=keys)))


@pytest.mark.parametrize("hook", BY_HOOK)
def test_a_hook_that_does_nothing_passes_nothing_and_blames_nobody(
    hook: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SimulatedSeat, METHODS[hook], nothing)
    done = suite(tmp_path, BY_HOOK[hook])
    ended = {scenario.started.name: scenario for scenario in carried_out(done)}
    assert {name: item.outcome.value for name, item in ended.items()} == dict.fromkeys(BY_HOOK[hook], "inconclusive"), (
        told_of(done)
    )
    assert all(f"the hook `{hook}` said" in (item.finished.reason or "") for item in ended.values()), told_of(done)


@pytest.mark.parametrize("hook", BY_HOOK)
def test_the_same_scenarios_pass_where_the_hook_does_it(hook: str, tmp_path: Path) -> None:
    done = suite(tmp_path, BY_HOOK[hook])
    assert {scenario.outcome.value for scenario in carried_out(done)} == {"passed"}, told_of(done)


def test_of_what_a_hook_tells_only_what_it_was_asked_for_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure = SimulatedSeat.configure

    async def talkative(seat: SimulatedSeat, settings: dict[str, Any]) -> dict[str, Any]:
        return {**await configure(seat, settings), "admin": "hunter2"}

    monkeypatch.setattr(SimulatedSeat, "configure", talkative)
    suite(tmp_path, BY_HOOK["configure"][:1])
    (configured,) = [event for event in read(tmp_path / EVENT_FILE) if getattr(event, "kind", "") == "configured"]
    assert isinstance(configured, Fact)
    assert list(configured.data["told"]) == ["poll_s"]
    assert "hunter2" not in (tmp_path / EVENT_FILE).read_text()


# --- a restart -------------------------------------------------------------------------------------------------------

TAG = '"good"'
REBOOT = fact("rebooted", 3.0)


def up(seconds: float | None, *, after: float = 0.5) -> Fact:
    return fact("restart-seen", 3.5, told=seconds, seconds=after)


def doubt_of(*facts: Fact, after: tuple[Exchange, ...] = polls(4.0)) -> str:
    return restart_doubt(Record("device", (*polls(1.0, 2.0, tag=TAG), *after), (), (REBOOT, *facts)), REBOOT)


def test_a_restart_is_known_by_the_time_since_when_the_device_is_up() -> None:
    assert doubt_of(up(0.2)) == ""
    assert "was up for 90000 s" in doubt_of(up(90000.0))
    assert "there is no hook `uptime`" in doubt_of(up(None))
    assert "there is no hook `uptime`" in doubt_of()


def test_a_restart_is_known_by_what_the_device_forgot_and_by_what_stopped() -> None:
    assert doubt_of(after=(exchange("fetch-manifest", 4.0, status=200),)) == ""
    before, ran = fact("workloads", 2.5, running={"d-1": {"c": "1"}}), fact("workloads", 3.2, running={})
    assert doubt_of(before, ran) == ""
    assert doubt_of(before, fact("withdrawn", 3.1, deploymentId="d-1", version=2), ran) != ""
    assert doubt_of(before, fact("workloads", 3.2, running={"d-1": {"c": "1"}})) != ""


def test_what_is_broken_after_a_restart_is_broken_without_one() -> None:
    manifest = exchange("fetch-manifest", 1.0, status=200, response_headers=(("ETag", TAG),)).model_copy(
        update={"response": told(1.0, "x").request.model_copy(update={"text": '{"deployments": [{}]}'})}
    )

    def judged(tag: str, *facts: Fact) -> set[Seen]:
        record = Record("device", (manifest, *polls(2.0, tag=TAG), *polls(4.0, tag=tag)), (), (REBOOT, *facts))
        return seen(recovery.tag_survives_a_restart, record)

    assert judged(TAG, up(0.2)) == {Seen.KEPT}
    assert judged(TAG, up(None)) == {Seen.UNSEEN}
    assert judged('"another"', up(None)) == {Seen.BROKEN}


# --- settings --------------------------------------------------------------------------------------------------------


def test_a_setting_is_known_by_what_the_hook_tells() -> None:
    assert setting_doubt(fact("configured", 2.0, poll_s=5.0, began=1.0, told={"poll_s": 5})) == ""
    for said in (None, {}, {"serial": "x"}):
        why = setting_doubt(fact("configured", 2.0, poll_s=5.0, began=1.0, told=said), "poll_s")
        assert "`poll_s`, but did not answer" in why
    assert "answered with poll_s: 60" in setting_doubt(
        fact("configured", 2.0, poll_s=5.0, began=1.0, told={"poll_s": 60}), "poll_s"
    )


@pytest.mark.parametrize(
    ("declared", "runs", "answered", "expected"),
    [
        ("stop-after", True, False, Seen.UNSEEN),
        ("stop-after", True, True, Seen.BROKEN),
        ("stop-after", False, False, Seen.KEPT),
        ("keep-running", True, False, Seen.KEPT),
    ],
)
def test_workloads_that_run_on_are_held_against_a_device_that_was_told_when_to_stop(
    declared: str, runs: bool, answered: bool, expected: Seen
) -> None:
    said = {"offline_stop_s": 0.4}
    facts = (
        fact("configured", 1.0, began=0.9, told=said if answered else None, **said),
        fact("network-cut", 2.0),
        fact("workloads", 3.0, running={"d-1": {"c": "1"}} if runs else {}),
    )
    record = Record("device", (), (), facts, {"policies": {"offline-workloads": declared}})
    assert seen(behaviours_outage.workloads_during_an_outage, record) == {expected}


@pytest.mark.parametrize(("answered", "expected"), [(True, Seen.BROKEN), (False, Seen.UNSEEN)])
def test_a_proxy_that_was_not_used_was_named_to_the_device_or_not(answered: bool, expected: Seen) -> None:
    said = {"proxy": "http://p:1"}
    facts = (
        fact("configured", 1.0, began=0.9, told=said if answered else None, **said),
        fact("tunnels", 3.0, targets=[], since=1.0),
    )
    record = Record("device", polls(2.0), (), facts, {"policies": {"proxy": "connect"}})
    assert seen(behaviours_runtime.proxy_is_used, record) == {expected}


@pytest.mark.parametrize("answered", [True, False])
def test_a_service_that_is_not_used_proves_nothing_of_a_pin_that_nobody_told(answered: bool) -> None:
    said = {"discovery": "https://127.0.0.1:1/d", "pin": "x"}
    facts = (
        fact("service-defect", 1.0, defect="the wrong pin"),
        fact("configured", 1.5, began=1.2, told=said if answered else None, **said),
        fact("service-contacted", 2.0, outcome="refused", reason=""),
    )
    expected = Seen.KEPT if answered else Seen.UNSEEN
    assert seen(identity.unproven_service_is_refused, Record("device", (), (), facts)) == {expected}


@pytest.mark.parametrize(("late", "answered", "expected"), [(True, False, Seen.UNSEEN), (False, False, Seen.NOTED)])
def test_a_device_that_takes_late_answers_waits_longer_than_it_was_told(
    late: bool, answered: bool, expected: Seen
) -> None:
    said = {"answer_s": 0.2}
    label, error = "bring no answer in time", None if late else "the connection was broken"
    facts = (
        fact("configured", 0.5, began=0.4, told=said if answered else None, **said),
        fact("disturbed", 1.0, label=label),
    )
    tries = tuple(exchange("fetch-manifest", float(at), fault=label, error=error) for at in range(2, 8))
    assert seen(behaviours_outage.broken_links_are_retried, Record("device", tries, (), facts)) == {expected}


# --- components ------------------------------------------------------------------------------------------------------


def scripted(behaviour: str, told_of_it: Any = None) -> tuple[Fact, ...]:
    about = {"deploymentId": "d-1", "component": "c", "behaviour": behaviour}
    return fact("component-script", 0.5, seconds=0.5, **about), fact("component-told", 0.6, told=told_of_it, **about)


LOOK_ALONE, LOOK_RUNS = fact("workloads", 9.0, running={}), fact("workloads", 9.0, running={"d-1": {"c": "1"}})


@pytest.mark.parametrize(
    ("behaviour", "answer", "states", "look", "known"),
    [
        ("fails", {"behaviour": "fails"}, ("installed",), LOOK_RUNS, True),
        ("fails", None, ("installing", "failed"), None, True),
        ("fails", None, ("installed",), LOOK_ALONE, True),
        ("fails", None, ("installed",), LOOK_RUNS, False),
        ("fails", None, ("installed",), None, False),
        ("fails", {"behaviour": "fine"}, ("installed",), None, False),
        ("slow", None, ("installed",), LOOK_RUNS, False),
        ("fine", None, ("failed",), None, False),
        ("fine", {"behaviour": "fine"}, ("failed",), None, True),
    ],
)
def test_how_a_component_behaves_is_told_reported_or_seen(
    behaviour: str, answer: Any, states: tuple[str, ...], look: Fact | None, known: bool
) -> None:
    facts = (*scripted(behaviour, answer), published(1.0, 1), *([look] if look else ()))
    reports = tuple(told(2.0 + number, state) for number, state in enumerate(states))
    why = component_doubt(Record("device", reports, (), facts), "d-1")
    assert (why == "") is known, why
    assert component_doubt(Record("device", reports, (), facts), "another") == ""


def test_a_device_that_calls_installed_what_does_not_run_is_blamed_and_one_of_which_all_runs_is_not() -> None:
    def judged(look: Fact | None) -> set[Seen]:
        facts = (*scripted("fails"), published(1.0, 1), *([look] if look else ()))
        return seen(
            failure.failure_is_reported, Record("device", (told(2.0, "installed"),), (), facts), deployment="d-1"
        )

    assert judged(LOOK_ALONE) == {Seen.BROKEN}
    assert judged(LOOK_RUNS) == {Seen.UNSEEN}
    assert judged(None) == {Seen.UNSEEN}


def test_a_state_on_the_way_is_asked_for_where_there_was_time_for_it() -> None:
    def judged(answer: Any) -> set[Seen]:
        facts = (*scripted("slow", answer), published(1.0, 1))
        return seen(
            adoption.progress_is_reported, Record("device", (told(2.0, "installed"),), (), facts), deployment="d-1"
        )

    assert judged({"behaviour": "slow"}) == {Seen.BROKEN}
    assert judged(None) == {Seen.NOTED}


# --- a real device ---------------------------------------------------------------------------------------------------

_devices: list[StandIn] = []
_restarts = {"done": 0, "asked": 0}


def reboot(call: dict[str, Any]) -> None:
    """A hook that restarts the device."""
    stand_in = _devices[-1]
    assert stand_in.device is not None
    assert call["action"] == "reboot"
    stand_in.loop.run(stand_in.device.reboot())
    _restarts.update(done=1, asked=0)


def idles(_: dict[str, Any]) -> None:
    """A hook that does nothing."""


def uptime(call: dict[str, Any]) -> dict[str, float]:
    """How long the device is up: since it was restarted, or for ages. When it is asked first, nobody answers yet."""
    _restarts["asked"] += 1
    if _restarts["done"] and _restarts["asked"] == 1:
        raise OSError(f"nobody answers {call['action']}")
    return {"seconds": 0.1 if _restarts["done"] else 90000.0}


@pytest.mark.parametrize(
    ("does", "tells", "outcome", "reason"),
    [
        (reboot, uptime, "passed", None),
        (reboot, None, "inconclusive", "there is no hook `uptime`"),
        (idles, uptime, "inconclusive", "it was up for 90000 s"),
        (reboot, idles, "blocked", "uptime did not answer with {seconds"),
    ],
)
def test_a_real_device_restarted_where_it_says_so(
    does: Callable[..., Any],
    tells: Callable[..., Any] | None,
    outcome: str,
    reason: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("conformance.bench.device_restart.DOWN_S", 0.3)
    _restarts.update(done=0, asked=0)
    _devices.append(StandIn(tmp_path))
    named = {"reboot": does} | ({"uptime": tells} if tells else {})
    hooks = {name: PythonHook(python=f"{__name__}:{function.__name__}") for name, function in named.items()}
    ics = Ics.of_reference("device").model_copy(update={"poll_interval": 0.05, "policies": {}})
    seat = external_seat(ics, Arrangement(Endpoint(), tmp_path, hooks=hooks, tell=lambda _: None), wait_s=20.0)
    try:
        done = run(RunPlan((seat,), tmp_path, selection=Selection(texts=(REBOOTS,))))
    finally:
        _devices.pop().leave()
    (scenario,) = carried_out(done)
    assert scenario.outcome.value == outcome, told_of(done)
    assert reason is None or reason in (scenario.finished.reason or "")
