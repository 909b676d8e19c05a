"""Every broken device shows its defect in a scenario in which the reference device is sound."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from simulator.device.agent import Agent
from simulator.device.config import DeviceConfig
from simulator.device.events import CapabilitiesChanged
from simulator.device.facts import default_capabilities
from simulator.device.mutants import MUTANTS
from simulator.device.runtimes import ComponentScript
from simulator.identity.authority import Authority
from simulator.identity.spiffe import client_spiffe_id
from simulator.identity.trust import StaticTrust
from simulator.protocol.problem import ProblemType
from tests.device.rig import Rig, gateway
from tests.device.stub_wfm import check_report, component, deployment, problem, uuid

Scenario = Callable[[type[Agent]], Any]
FAILS = {"b": ComponentScript(duration_s=2.0, fails_at="start"), "slow": ComponentScript(duration_s=15.0)}


def rig(agent: type[Agent], **options: Any) -> Rig:
    return Rig(agent_class=agent, policies={"install-retry": "wait-for-wos"}, **options).start()


def equal_version(agent: type[Agent]) -> Any:
    it = rig(agent)
    it.offer(deployment(1))
    it.offer(version=2)
    return it.running(1)


def later_version(agent: type[Agent]) -> Any:
    it = rig(agent)
    it.offer(deployment(1))
    it.offer(deployment(2), version=9)
    return it.running(2)


def older_version(agent: type[Agent]) -> Any:
    it = rig(agent)
    it.offer(deployment(1))
    it.offer(version=1)
    return it.running(1)


def after_reboot(agent: type[Agent]) -> Any:
    it = rig(agent)
    it.offer(deployment(1))
    it.reboot()
    polls = len(it.wfm.times("fetch-manifest"))
    it.offer(version=1)
    first = list(it.wfm.of("fetch-manifest"))[polls]
    return it.running(1), "If-None-Match" in first.headers


def bad_bundle(agent: type[Agent]) -> Any:
    it = rig(agent)
    it.wfm.publish(deployment(1))
    path = it.wfm.bundle_path
    it.wfm.publish(deployment(1), deployment(2))
    it.wfm.artefacts[it.wfm.bundle_path] = it.wfm.artefacts[path] + b"\0" * 1024
    it.run(30)
    return it.running(1), "fetch-deployment" in it.wfm.operations()


def bad_yaml(agent: type[Agent]) -> Any:
    it = rig(agent, retrieval="individual")
    it.wfm.publish(deployment(1))
    it.wfm.artefacts = {path: data.replace(b"1.0.0", b"6.6.6") for path, data in it.wfm.artefacts.items()}
    it.run(30)
    return it.running(1)


def rewritten_yaml(agent: type[Agent]) -> Any:
    it = rig(agent, retrieval="individual")
    it.wfm.publish(deployment(1).replace(b"\n", b" \r\n"))
    it.run(30)
    return it.running(1)


def missing(agent: type[Agent]) -> Any:
    it = rig(agent)
    it.offer(deployment(1))
    it.wfm.publish(deployment(1, component("main", "1.1.0")))
    it.wfm.artefacts.clear()
    it.run(30)
    return it.running(1)


def foreign_digest(agent: type[Agent]) -> Any:
    it = rig(agent, retrieval="individual")
    data = deployment(1)
    url = f"/api/v1/deployments/{uuid(1)}/x"
    it.wfm.publish(
        data, bundle=None, deployments=[{"deploymentId": uuid(1), "digest": "sha512:" + "0" * 128, "url": url}]
    )
    it.wfm.artefacts[url] = data
    it.run(30)
    return it.running(1)


def refused(status: int, **members: Any) -> Scenario:
    def scenario(agent: type[Agent]) -> Any:
        it = rig(agent)
        it.wfm.fault = lambda call, _: problem(status, **members) if call.operation == "fetch-manifest" else None
        it.run(40)
        return it.wfm.operations().count("fetch-manifest"), "unknown" in it.wfm.operations()

    return scenario


def polls(agent: type[Agent]) -> Any:
    it = rig(agent)
    it.run(20)
    return it.wfm.operations()[0], ["If-None-Match" in request.headers for request in it.wfm.of("fetch-manifest")]


def reports(agent: type[Agent]) -> Any:
    it = rig(agent, scripts=FAILS)
    wfm = it.wfm
    it.offer(deployment(1, component("a"), component("b"), component("c")), deployment(2), seconds=20)
    it.offer(deployment(3, component("x", timeout="0m5s"), component("slow", timeout="0m5s")), seconds=60)
    return wfm.reports, it.device.machine.view().keys()


def fetched_only(agent: type[Agent]) -> Any:
    it = rig(agent, drift_interval_s=5.0)
    it.offer(deployment(1))
    it.wfm.publish(deployment(1, component("main", "1.1.0")))
    it.wfm.artefacts.clear()
    it.run(20)
    it.device.machine.stop_workload(uuid(1), "main")
    it.run(20)
    return it.wfm.last(1)["adoptedManifestVersion"]


def not_for_us(agent: type[Agent]) -> Any:
    it = rig(agent)
    expression = {"key": "/vendor", "operator": "In", "values": ["Else"]}
    rules = {"eligibilityRules": [{"propertySelector": {"matchExpressions": [expression]}}]}
    it.offer(deployment(1, constraints=rules), deployment(2, device="device-9"))
    return it.running(1), it.running(2)


def children(agent: type[Agent]) -> Any:
    it = rig(agent, facts=gateway("a", "b"))
    it.offer(deployment(1, device="gw/a"))
    it.device.give(CapabilitiesChanged(it.device.facts.without_child("gw/b")))
    it.run(20)
    order = [call.params["deviceId"] for _, call, _ in it.wfm.requests if call.operation == "report-capabilities"]
    return order, list(it.wfm.devices), it.wfm.last(1).get("deviceId")


def new_facts(agent: type[Agent]) -> Any:
    it = rig(agent)
    own = default_capabilities("device-1", labels={"new": True})
    it.device.give(CapabilitiesChanged(replace(it.device.facts, own=own)))
    it.run(20)
    return it.wfm.devices["device-1"].get("labels")


def outage(agent: type[Agent]) -> Any:
    it = rig(agent, scripts={"main": ComponentScript(duration_s=3.0)})
    it.wfm.fault = lambda call, _: "down" if call.operation == "report-status" else None
    it.offer(deployment(1), seconds=20)
    it.wfm.fault = None
    it.run(400)
    return it.wfm.states(1)[-1]


SCENARIOS: dict[str, Scenario] = {
    "accepts-equal-version": equal_version,
    "accepts-older-version": older_version,
    "skips-digest-check": bad_yaml,
    "falls-back-after-bad-bundle": bad_bundle,
    "deletes-on-404": missing,
    "ignores-retry-after": refused(503, retry_after=15),
    "forgets-version-on-reboot": after_reboot,
    "forgets-etag-on-reboot": after_reboot,
    "polls-before-capabilities": polls,
    "silent-about-new-facts": new_facts,
    "accepts-unknown-digest-algorithm": foreign_digest,
    "never-sends-if-none-match": polls,
    "reports-fetched-version": fetched_only,
    "ignores-eligibility": not_for_us,
    "installs-for-other-devices": not_for_us,
    "child-before-gateway": children,
    "learns-the-order": children,
    "wants-every-version": later_version,
    "keeps-gone-children": children,
    "omits-child-device": children,
    "fetches-problem-type": refused(403, kind=ProblemType.NOT_AUTHORIZED),
    "retries-non-retryable": refused(403, kind=ProblemType.NOT_AUTHORIZED),
    "acts-on-status-not-type": refused(503, retryable=False, backoffStrategy="exponential"),
    "hashes-rewritten-artefacts": rewritten_yaml,
    "reports-out-of-order": outage,
}
"""The scenario for each defect; the others show in `reports`."""


def config() -> DeviceConfig:
    authority = Authority.new("test.example")
    svid = authority.issue(client_spiffe_id("test.example", "wfm-1", "client-1"))
    return DeviceConfig("https://127.0.0.1:1", svid, StaticTrust(authority.bundle()))


def test_names_and_requirements_are_told() -> None:
    assert len(MUTANTS) >= 14
    for name, mutant in MUTANTS.items():
        assert name == mutant.name
        assert mutant.breaks.partition("-")[2].isdigit()
        assert mutant.apply(config()) != config()


OF_THE_AGENT = [
    name for name, item in MUTANTS.items() if item.apply(config()).agent_class.__module__.endswith("mutated_agents")
]
"""Those whose defect an agent alone can show; the others need a machine, a registry or a WFM that they are seen by."""


@pytest.mark.parametrize("name", OF_THE_AGENT)
def test_the_defect_shows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.device.stub_wfm.check_report", dict)  # broken devices send what breaks the rules
    scenario = SCENARIOS.get(name, reports)
    broken = MUTANTS[name].apply(config()).agent_class
    assert scenario(broken) != scenario(Agent)


def test_the_reference_is_sound_in_these_scenarios() -> None:
    kept = {"main": "1.0.0"}
    assert equal_version(Agent) == older_version(Agent) == missing(Agent) == kept
    assert after_reboot(Agent) == (kept, True)
    assert bad_bundle(Agent) == (None, False)
    assert bad_yaml(Agent) is foreign_digest(Agent) is None
    assert rewritten_yaml(Agent) == kept
    assert fetched_only(Agent) == 2
    assert not_for_us(Agent) == (None, None)
    assert children(Agent) == (["gw", "gw/a", "gw/b"], ["gw", "gw/a"], "gw/a")
    assert outage(Agent) == "installed"
    assert [check_report(report) for report in reports(Agent)[0]]
