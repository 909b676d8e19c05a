"""Errors, outages, restarts and power cuts (RTY-*, RB-*, DT-*, MM-06)."""

import itertools
from dataclasses import replace

import pytest

from simulator.device.events import Send
from simulator.device.facts import DeviceFacts, default_capabilities
from simulator.device.runtimes import ComponentScript
from simulator.device.settings import DailyWindow, Window
from simulator.protocol.operations import Call
from simulator.protocol.problem import ProblemType
from tests.device.rig import Rig, gateway
from tests.device.stub_wfm import Reply, component, deployment, problem, uuid


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def failing(operation: str, reply: Reply | str, times: int = 10**6) -> object:
    left = [times]

    def fault(call: Call, _request: Send) -> Reply | str | None:
        if call.operation != operation or not left[0]:
            return None
        left[0] -= 1
        return reply

    return fault


@pytest.mark.parametrize("operation", ["report-capabilities", "fetch-manifest", "fetch-bundle", "report-status"])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_retry_after_is_waited_for_and_waits_never_shrink(operation: str, status: int) -> None:
    rig = Rig()
    rig.wfm.fault = failing(operation, problem(status, retry_after=3), 4)  # type: ignore[assignment]
    rig.start()
    rig.offer(deployment(1), seconds=300)
    waits = gaps(rig.wfm.times(operation)[:5])
    assert all(wait >= 3.0 for wait in waits)
    assert waits == sorted(waits)
    assert rig.wfm.states(1)[-1] == "installed"


def test_the_header_wins_over_the_member_and_dates_are_understood() -> None:
    rig = Rig(poll_interval_s=2.0).start()
    status, headers, body = problem(503, retry_after=1)
    headers |= {"retry-after": "Sun, 06 Nov 1994 08:49:57 GMT", "date": "Sun, 06 Nov 1994 08:49:37 GMT"}
    rig.wfm.fault = failing("fetch-manifest", (status, headers, body), 1)  # type: ignore[assignment]
    rig.run(60)
    assert max(gaps(rig.wfm.times("fetch-manifest"))) >= 20.0


def test_not_retryable_waits_for_the_next_poll_even_with_status_503() -> None:
    rig = Rig().start()
    rig.wfm.fault = failing("fetch-manifest", problem(503, retryable=False, backoffStrategy="none"))  # type: ignore[assignment]
    rig.run(60)
    assert min(gaps(rig.wfm.times("fetch-manifest"))) >= 9.9


def test_fixed_backoff_keeps_its_distance() -> None:
    rig = Rig().start()
    reply = problem(500, retryable=True, backoffStrategy="fixed", retryAfterSeconds=4)
    rig.wfm.fault = failing("fetch-manifest", reply)  # type: ignore[assignment]
    rig.run(60)
    assert gaps(rig.wfm.times("fetch-manifest"))[2:] == pytest.approx([4.01] * 11, abs=0.05)


def test_an_unknown_problem_type_is_handled_and_never_fetched() -> None:
    rig = Rig().start()
    rig.wfm.fault = failing("fetch-manifest", problem(418, type="https://example.com/odd#thing"), 2)  # type: ignore[assignment]
    rig.run(60)
    assert set(rig.wfm.operations()) == {"report-capabilities", "fetch-manifest"}
    rig.offer(deployment(1))
    assert rig.running(1) is not None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"retryable":"yes"}'])
def test_errors_without_a_problem_document_do_no_harm(body: bytes) -> None:
    rig = Rig().start()
    rig.wfm.fault = failing("fetch-manifest", (502, {}, body), 3)  # type: ignore[assignment]
    rig.offer(deployment(1), seconds=120)
    assert rig.running(1) is not None


@pytest.mark.parametrize("policy", ["backoff", "fixed", "give-up"])
def test_a_broken_link_is_tried_again_as_declared_and_never_in_a_hurry(policy: str) -> None:
    rig = Rig(policies={"retry": policy}, poll_interval_s=60.0)
    rig.wfm.fault = lambda *_: "down"
    rig.start()
    rig.run(599)
    waits = gaps(rig.wfm.times("report-capabilities"))
    assert len(waits) > 3
    if policy == "backoff":
        assert waits == sorted(waits)
    elif policy == "fixed":
        assert max(waits) < 1.1
    else:
        assert max(waits) >= 60.0
        assert waits[:4] == pytest.approx([1.01] * 4, abs=0.05)
    rig.wfm.fault = None
    rig.wfm.publish(deployment(1))
    rig.run(400)
    assert rig.running(1) is not None


def test_nothing_but_capabilities_before_they_are_taken() -> None:
    rig = Rig()
    rig.wfm.fault = failing("report-capabilities", problem(503, retry_after=5), 3)  # type: ignore[assignment]
    rig.start()
    rig.run(100)
    assert rig.wfm.operations()[:5] == ["report-capabilities"] * 4 + ["fetch-manifest"]


def test_a_gateway_that_the_wfm_forgot_is_reported_again_before_its_child() -> None:
    rig = Rig(facts=gateway("a"))
    rig.wfm.fault = lambda call, _: (
        problem(404, ProblemType.GATEWAY_NOT_FOUND)
        if call.params.get("deviceId") == "gw/a" and rig.wfm.operations().count("report-capabilities") < 3
        else None
    )
    rig.start()
    rig.run(30)
    order = [call.params["deviceId"] for _, call, _ in rig.wfm.requests if call.operation == "report-capabilities"]
    assert order == ["gw", "gw/a", "gw", "gw/a"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("latest", ["installed"]),
        ("queue", ["pending", "installing", "failed", "pending", "installing", "installed"]),
        ("drop", []),
    ],
)
def test_reports_of_an_outage(policy: str, expected: list[str]) -> None:
    script = ComponentScript(duration_s=2.0, fails_at="start", times=1)
    rig = Rig(scripts={"main": script}, policies={"offline-status": policy}, install_retry_s=10.0).start()
    cut = [False]
    rig.wfm.fault = lambda call, _: (
        "down" if cut[0] or (call.operation == "report-status" and cut.__setitem__(0, True) is None) else None
    )
    rig.offer(deployment(1), seconds=60)
    assert rig.wfm.reports == []
    assert rig.running(1) is not None
    rig.wfm.fault = None
    rig.run(300)
    assert rig.wfm.states(1) == expected


def test_reports_that_were_not_delivered_survive_a_reboot() -> None:
    rig = Rig().start()
    rig.wfm.fault = failing("report-status", "down")  # type: ignore[assignment]
    rig.offer(deployment(1))
    rig.reboot()
    rig.wfm.fault = None
    rig.run(60)
    assert rig.wfm.states(1) == ["installed"]


def test_a_refused_report_is_given_up_and_the_next_one_goes_out() -> None:
    rig = Rig().start()
    rig.wfm.fault = failing("report-status", problem(422), 1)  # type: ignore[assignment]
    rig.offer(deployment(1))
    assert rig.wfm.states(1) == ["installing", "installed"]


def test_a_reboot_keeps_version_etag_and_workloads_and_orders_nothing_anew() -> None:
    rig = Rig().start()
    rig.offer(deployment(1), deployment(2))
    reports = len(rig.wfm.reports)
    rig.reboot()
    polls = len(rig.wfm.times("fetch-manifest"))
    rig.run(30)
    sent = list(rig.wfm.of("fetch-manifest"))[polls:]
    assert all(request.headers["If-None-Match"] for request in sent)
    assert len(rig.wfm.reports) == reports
    assert set(rig.device.machine.started.values()) == {1}
    rig.offer(version=2)
    assert rig.running(1) is not None


@pytest.mark.parametrize(("policy", "runs"), [("restore-last", True), ("await-wos", False)])
def test_a_reboot_without_the_wfm(policy: str, runs: bool) -> None:
    rig = Rig(policies={"reboot-offline": policy}).start()
    rig.offer(deployment(1))
    rig.wfm.fault = lambda *_: "down"
    rig.reboot()
    rig.run(60)
    assert (rig.running(1) is not None) is runs
    rig.wfm.fault = None
    rig.run(400)
    assert rig.running(1) is not None


@pytest.mark.parametrize(("policy", "runs"), [("keep-running", True), ("stop-after", False)])
def test_workloads_in_a_long_outage(policy: str, runs: bool) -> None:
    rig = Rig(policies={"offline-workloads": policy}, offline_stop_after_s=600.0).start()
    rig.offer(deployment(1))
    rig.wfm.fault = lambda *_: "down"
    rig.run(500)
    assert rig.running(1) is not None
    rig.run(1000)
    assert (rig.running(1) is not None) is runs
    rig.wfm.fault = None
    rig.run(400)
    assert rig.running(1) is not None
    assert rig.wfm.last(1)["status"]["state"] == "installed"


@pytest.mark.parametrize(
    "at", ["manifest-taken", "artefacts-fetched", "component-installing", "state-stored", "status-sent"]
)
@pytest.mark.parametrize("retrieval", ["bundle", "individual"])
def test_power_cuts_at_named_points_converge(at: str, retrieval: str) -> None:
    rig = Rig(retrieval=retrieval, scripts={"b": ComponentScript(duration_s=2.0)}).start()
    rig.offer(deployment(1, component("a"), component("b")), deployment(2))
    rig.device.cut_at = at
    rig.offer(deployment(1, component("a"), component("b", "2.0.0")), deployment(3), seconds=60)
    assert rig.device.cut_at is None
    assert rig.running(1) == {"a": "1.0.0", "b": "2.0.0"}
    assert rig.running(2) is None
    assert rig.running(3) is not None
    assert rig.wfm.last(1)["status"]["state"] == rig.wfm.last(3)["status"]["state"] == "installed"
    assert rig.wfm.last(2)["status"]["state"] == "removed"
    assert rig.wfm.last(1)["adoptedManifestVersion"] == 3


def test_lost_state_is_found_again_without_touching_what_runs() -> None:
    for lose in ("damage", "erase"):
        rig = Rig().start()
        rig.offer(deployment(1), deployment(2))
        rig.wfm.publish(deployment(1))
        getattr(rig.device.storage, lose)()
        rig.reboot()
        rig.run(30)
        assert rig.running(1) == {"main": "1.0.0"}
        assert rig.running(2) is None
        assert rig.device.machine.started[uuid(1), "main"] == 1
        assert rig.wfm.last(1)["adoptedManifestVersion"] == 3


def test_a_full_disk_neither_adopts_nor_loses_anything() -> None:
    rig = Rig().start()
    rig.offer(deployment(1))
    rig.device.storage.full = True
    rig.offer(deployment(2), seconds=60)
    assert rig.running(1) is not None
    assert rig.running(2) is None
    rig.device.storage.full = False
    rig.run(60)
    assert rig.running(1) is None
    assert rig.running(2) is not None


def test_known_downtime_is_quiet() -> None:
    rig = Rig(downtime=(Window(100.0, 500.0),)).start()
    rig.offer(deployment(1))
    rig.run(100 - rig.device.now - 1)
    rig.wfm.fault = lambda *_: "down"
    rig.run(400)
    inside = [at for at, _, _ in rig.wfm.requests if 100.0 <= at < 500.0]
    assert inside == []
    assert rig.logged("failure") == []
    rig.wfm.fault = None
    rig.offer(deployment(2), seconds=60)
    assert rig.running(2) is not None


def test_polls_fall_into_the_configured_hours_only() -> None:
    rig = Rig(polling_hours=(DailyWindow(3600.0, 7200.0),), poll_interval_s=600.0).start()
    rig.run(3 * 86400)
    hours = {int(at % 86400 // 3600) for at in rig.wfm.times("fetch-manifest")}
    assert hours == {1}
    assert len(rig.wfm.times("fetch-manifest")) == pytest.approx(18, abs=3)


def test_windows_over_midnight() -> None:
    night = DailyWindow(22 * 3600.0, 2 * 3600.0)
    assert night.wait_s(23 * 3600.0) == night.wait_s(3600.0) == 0.0
    assert night.wait_s(12 * 3600.0) == 10 * 3600.0
    with pytest.raises(ValueError, match="end after the start"):
        Window(5.0, 5.0)


def test_equal_seeds_give_equal_runs() -> None:
    def trace() -> list[tuple[float, str]]:
        rig = Rig(scripts={"main": ComponentScript(duration_s=1.0)})
        rig.wfm.fault = failing("fetch-bundle", problem(503, retry_after=2), 2)  # type: ignore[assignment]
        rig.start()
        rig.offer(deployment(1), seconds=100)
        return [(at, call.operation) for at, call, _ in rig.wfm.requests]

    assert trace() == trace()


def test_a_fleet_can_spread_its_start_and_polls() -> None:
    rig = Rig(start_spread_s=100.0, poll_jitter=0.5)
    rig.device.settings = replace(rig.device.settings)
    rig.device.facts = DeviceFacts(default_capabilities("device-1"))
    rig.start()
    rig.run(100)
    assert rig.wfm.times("report-capabilities") == [pytest.approx(50.01)]
