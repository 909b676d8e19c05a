"""Installing, updating, removing and failing, with every declared policy (ST-*, PF-*, AD-020, AD-021)."""

from typing import Any

import pytest

from simulator.device.agent import Agent
from simulator.device.events import CapabilitiesChanged, ResponseArrived, Send, Started
from simulator.device.facts import Child, DeviceFacts, default_capabilities
from simulator.device.runtimes import ComponentScript
from simulator.device.settings import AgentSettings
from tests.device.rig import Rig, gateway
from tests.device.stub_wfm import component, deployment, uuid

FAILS = ComponentScript(fails_at="start")
SLOW = ComponentScript(duration_s=5.0)


def parts(report: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["state"] for entry in report["components"]}


def test_wait_true_holds_the_next_component_back() -> None:
    rig = Rig(scripts={"a": SLOW, "b": SLOW}).start()
    rig.offer(deployment(1, component("a"), component("b")))
    seen = [parts(report) for report in rig.wfm.reports]
    assert seen == [
        {"a": "pending", "b": "pending"},
        {"a": "installing", "b": "pending"},
        {"a": "installed", "b": "installing"},
        {"a": "installed", "b": "installed"},
    ]


def test_wait_false_lets_the_next_component_begin() -> None:
    rig = Rig(scripts={"a": SLOW, "b": ComponentScript(duration_s=1.0)}).start()
    rig.offer(deployment(1, component("a", wait=False), component("b")))
    assert {"a": "installing", "b": "installed"} in [parts(report) for report in rig.wfm.reports]
    assert rig.wfm.states(1)[-1] == "installed"


def test_a_failed_component_names_its_error_and_the_others_their_true_state() -> None:
    rig = Rig(scripts={"b": FAILS}, policies={"install-retry": "wait-for-wos"}).start()
    rig.offer(deployment(1, component("a"), component("b"), component("c")), deployment(2))
    last = rig.wfm.last(1)
    assert parts(last) == {"a": "installed", "b": "failed", "c": "pending"}
    assert last["status"]["error"]["source"] == "app-1"
    error = last["components"][1]["error"]
    assert (error["code"], error["source"]) == ("startup-failed", "b")
    assert "exited with code 1" in error["message"]
    assert rig.wfm.states(2)[-1] == "installed"
    assert rig.running(1) == {"a": "1.0.0"}


@pytest.mark.parametrize(
    ("policy", "wait", "expected"),
    [
        ("keep", False, {"a": "installed", "b": "failed", "c": "installed"}),
        ("keep", True, {"a": "installed", "b": "failed", "c": "pending"}),
        ("stop", True, {"a": "installed", "b": "failed", "c": "pending"}),
        ("rollback", True, {"a": "removed", "b": "failed", "c": "pending"}),
    ],
)
def test_component_failure_policies(policy: str, wait: bool, expected: dict[str, str]) -> None:
    policies = {"component-failure": policy, "install-retry": "wait-for-wos"}
    rig = Rig(scripts={"b": FAILS}, policies=policies).start()
    rig.offer(deployment(1, component("a"), component("b", wait=wait), component("c")))
    assert parts(rig.wfm.last(1)) == expected
    left = {name: "1.0.0" for name, state in expected.items() if state == "installed"}
    assert rig.running(1) == (left or None)


def test_a_timeout_fails_the_deployment() -> None:
    rig = Rig(scripts={"a": ComponentScript(hangs=True)}, policies={"install-retry": "wait-for-wos"}).start()
    rig.offer(deployment(1, component("a", timeout="0m5s")))
    assert rig.wfm.states(1) == ["pending", "installing", "failed"]
    assert rig.wfm.last(1)["components"][0]["error"]["code"] == "timeout"
    assert rig.running(1) is None


@pytest.mark.parametrize(
    ("policy", "running", "version"), [("keep-old", "1.0.0", 2), ("rollback", "1.0.0", 2), ("failed-new", None, 3)]
)
def test_update_failure_policies(policy: str, running: str | None, version: int) -> None:
    rig = Rig(scripts={"a@1.1.0": FAILS}, policies={"update-failure": policy, "install-retry": "wait-for-wos"}).start()
    rig.offer(deployment(1, component("a")))
    rig.offer(deployment(1, component("a", "1.1.0")))
    assert rig.running(1) == ({"a": running} if running else None)
    last = rig.wfm.last(1)
    assert (last["status"]["state"], last["adoptedManifestVersion"]) == ("failed", version)
    rig.offer(deployment(1, component("a", "1.2.0")))
    assert rig.running(1) == {"a": "1.2.0"}
    assert rig.wfm.last(1)["status"]["state"] == "installed"


def test_keep_old_restores_what_was_updated_before_the_failure() -> None:
    rig = Rig(scripts={"b@1.1.0": FAILS}, policies={"install-retry": "wait-for-wos"}).start()
    rig.offer(deployment(1, component("a"), component("b")))
    rig.offer(deployment(1, component("a", "1.1.0"), component("b", "1.1.0"), component("c")))
    assert rig.running(1) == {"a": "1.0.0", "b": "1.0.0"}
    rig.offer(deployment(1, component("a"), component("b")))
    assert rig.wfm.last(1)["status"]["state"] == "installed"
    assert rig.wfm.last(1)["adoptedManifestVersion"] == 4


def test_a_failed_installation_is_tried_again_by_itself() -> None:
    rig = Rig(scripts={"a": ComponentScript(fails_at="pull", times=2)}, install_retry_s=20.0).start()
    rig.offer(deployment(1, component("a")), seconds=200)
    assert rig.wfm.states(1)[-1] == "installed"
    assert rig.device.machine.started[uuid(1), "a"] == 3


def test_without_that_policy_it_waits_for_a_new_revision() -> None:
    script = {"a": ComponentScript(fails_at="pull", times=1)}
    rig = Rig(scripts=script, policies={"install-retry": "wait-for-wos"}).start()
    rig.offer(deployment(1, component("a")), seconds=5000)
    assert rig.wfm.states(1)[-1] == "failed"
    rig.offer(deployment(1, component("a", "1.0.1")))
    assert rig.wfm.states(1)[-1] == "installed"


@pytest.mark.parametrize(("policy", "states"), [("retry", ["removing", "removed"]), ("report-failed", [])])
def test_removal_failure_policies(policy: str, states: list[str]) -> None:
    rig = Rig(scripts={"main": ComponentScript(removal_fails=1)}, policies={"removal-failure": policy}).start()
    rig.offer(deployment(1))
    rig.offer(seconds=60)
    assert rig.wfm.states(1)[3:] == ["removing", "failed", *states]
    assert (rig.running(1) is None) == bool(states)


def test_a_component_that_left_the_deployment_is_removed() -> None:
    rig = Rig().start()
    rig.offer(deployment(1, component("a"), component("b")))
    rig.offer(deployment(1, component("b")))
    assert rig.running(1) == {"b": "1.0.0"}


def test_a_deployment_comes_back_while_it_is_being_removed() -> None:
    rig = Rig(scripts={"main": ComponentScript(removal_s=15.0)}).start()
    rig.offer(deployment(1))
    rig.offer(seconds=11)
    rig.offer(deployment(1))
    assert rig.running(1) == {"main": "1.0.0"}
    assert rig.wfm.last(1)["status"]["state"] == "installed"
    rig.run(60)
    assert rig.running(1) == {"main": "1.0.0"}


NOT_ELIGIBLE = {
    "eligibilityRules": [
        {"propertySelector": {"matchExpressions": [{"key": "/vendor", "operator": "In", "values": ["Else"]}]}}
    ]
}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"constraints": NOT_ELIGIBLE}, "not-eligible"),
        ({"device": "device-2"}, "not-this-device"),
        ({"device": "device-1/*"}, "103"),
        ({"constraints": {"capacityRequirements": {"memory": "1024Gi"}}}, "insufficient-resources"),
        ({"constraints": {"capacityRequirements": {"cpu": {"cores": 6}}}}, "insufficient-resources"),
    ],
)
def test_what_may_not_be_installed_fails_with_a_reason_and_never_begins(change: dict[str, Any], code: str) -> None:
    rig = Rig().start()
    rig.offer(deployment(1, **change), deployment(2), seconds=500)
    assert rig.wfm.states(1) == ["failed"]
    assert rig.wfm.last(1)["status"]["error"]["code"] == code
    assert rig.device.machine.started == {(uuid(2), "main"): 1}
    rig.offer(deployment(2))
    assert rig.wfm.states(1) == ["failed", "removing", "removed"]


def test_a_deployment_type_the_device_does_not_have() -> None:
    facts = DeviceFacts(default_capabilities("device-1", deployment_types=("helm",)))
    rig = Rig(facts=facts).start()
    rig.offer(deployment(1), deployment(2, kind="helm"))
    assert rig.wfm.last(1)["status"]["error"]["code"] == "unsupported-deployment-type"
    assert rig.wfm.states(2)[-1] == "installed"


def test_a_gateway_reports_itself_before_its_children_and_withdraws_one_that_is_gone() -> None:
    rig = Rig(facts=gateway("a", "b")).start()
    assert [call.params.get("deviceId") for _, call, _ in rig.wfm.requests][:3] == ["gw", "gw/a", "gw/b"]
    assert "cpus" not in rig.wfm.devices["gw"]["properties"]
    rig.device.facts = rig.device.facts.without_child("gw/a")
    rig.device.give(CapabilitiesChanged(rig.device.facts))
    rig.run(1)
    assert list(rig.wfm.devices) == ["gw", "gw/b"]
    assert rig.wfm.operations().count("report-capabilities") == 3


def test_a_child_that_vanished_while_the_gateway_was_off_is_withdrawn() -> None:
    rig = Rig(facts=gateway("a")).start()
    rig.device.facts = rig.device.facts.without_child("gw/a")
    rig.reboot()
    rig.run(1)
    assert list(rig.wfm.devices) == ["gw"]


def test_changed_capabilities_are_sent_again_and_only_those() -> None:
    rig = Rig(facts=gateway("a")).start()
    changed = Child(default_capabilities("gw/a", labels={"example.com/line": "7"}))
    rig.device.give(CapabilitiesChanged(rig.device.facts.with_child(changed)))
    rig.run(1)
    assert [call.params["deviceId"] for _, call, _ in rig.wfm.requests if call.operation == "report-capabilities"] == [
        "gw",
        "gw/a",
        "gw/a",
    ]
    assert rig.wfm.devices["gw/a"]["labels"] == {"example.com/line": "7"}


def test_what_changes_while_the_first_report_is_under_way_is_reported_after_it() -> None:
    agent = Agent(AgentSettings(), DeviceFacts(default_capabilities("pump")))
    (first,) = (effect for effect in agent.handle(Started(()), 0.0) if isinstance(effect, Send))
    agent.handle(CapabilitiesChanged(DeviceFacts(default_capabilities("pump", labels={"example.com/line": "7"}))), 0.1)
    effects = agent.handle(ResponseArrived(first.request_id, 201, {}, b""), 0.2)
    (second,) = (effect for effect in effects if isinstance(effect, Send))
    assert (second.method, second.target) == (first.method, first.target)
    assert b"example.com/line" in second.body


def test_a_gateway_places_installs_and_reports_for_its_children() -> None:
    rig = Rig(facts=gateway("a", "b")).start()
    rig.offer(deployment(1, device="gw/b"), deployment(2, device="gw/x"), deployment(3, device="gw/*"))
    assert rig.wfm.last(1)["deviceId"] == "gw/b"
    assert rig.device.machine.view()[uuid(1)].components["main"].device_id == "gw/b"
    errors = {n: rig.wfm.last(n)["status"]["error"] for n in (2, 3)}
    assert {n: (error["code"], error["source"]) for n, error in errors.items()} == {2: ("101", "gw"), 3: ("103", "gw")}
    assert rig.running(2) is rig.running(3) is None


def test_an_autonomous_gateway_chooses_a_child_that_may_take_it() -> None:
    rig = Rig(facts=gateway("a", "b", autonomous=True)).start()
    rule = {
        "eligibilityRules": [
            {"propertySelector": {"matchExpressions": [{"key": "/id", "operator": "In", "values": ["gw/b"]}]}}
        ]
    }
    rig.offer(deployment(1, device="gw/*", constraints=rule), deployment(2, device="gw/*", constraints=NOT_ELIGIBLE))
    assert rig.wfm.last(1)["deviceId"] == "gw/b"
    assert rig.wfm.last(2)["status"]["error"]["code"] == "not-eligible"


def test_an_unreachable_child_is_error_102_until_it_is_back() -> None:
    facts = gateway("a")
    gone = facts.with_child(Child(default_capabilities("gw/a"), reachable=False))
    rig = Rig(facts=gone).start()
    rig.offer(deployment(1, device="gw/a"))
    assert rig.wfm.last(1)["status"]["error"]["code"] == "102"
    rig.device.give(CapabilitiesChanged(facts))
    rig.run(5)
    assert rig.wfm.last(1)["status"]["state"] == "installed"


@pytest.mark.parametrize(("policy", "restored"), [("reconcile", True), ("report", False)])
@pytest.mark.parametrize("kind", ["stop", "remove", "edit"])
def test_drift_policies(policy: str, restored: bool, kind: str) -> None:
    rig = Rig(policies={"drift": policy}, drift_interval_s=5.0).start()
    rig.offer(deployment(1))
    machine = rig.device.machine
    if kind == "stop":
        machine.stop_workload(uuid(1), "main")
    elif kind == "remove":
        machine.remove_workload(uuid(1), "main")
    else:
        machine.edit_workload(uuid(1), "main", {"x": 1})
    rig.run(30)
    assert machine.started[uuid(1), "main"] == (2 if restored else 1)
    assert rig.wfm.last(1)["status"]["state"] == ("installed" if restored else "failed")


@pytest.mark.parametrize(("policy", "there"), [("ignore", True), ("report", True), ("remove", False)])
def test_foreign_workload_policies(policy: str, there: bool) -> None:
    rig = Rig(policies={"foreign": policy}, drift_interval_s=5.0).start()
    rig.device.machine.add_foreign("stranger")
    rig.offer(deployment(1))
    assert ("foreign" in rig.device.machine.view()) is there
    assert any("stranger" in entry.message for entry in rig.device.log) == (policy == "report")
    assert rig.running(1) is not None


def test_default_workloads_run_until_the_first_desired_state() -> None:
    rig = Rig(policies={"first-boot": "default-workloads"})
    rig.wfm.fault = lambda *_: "down"
    rig.start()
    assert list(rig.device.machine.view()) == ["default-workload"]
    rig.wfm.fault = None
    rig.run(60)
    assert rig.device.machine.view() == {}
    assert rig.wfm.reports == []
