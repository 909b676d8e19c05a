"""Whatever happens, in any order: what always holds of a device, and that it converges once faults stop."""

from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from simulator.device.events import Send
from simulator.device.policies import policy_values
from simulator.device.runtimes import ComponentScript
from simulator.protocol.operations import Call
from tests.device.rig import Rig
from tests.device.stub_wfm import Reply, component, deployment, problem, uuid

NUMBERS = (1, 2, 3)
LEGAL = {
    None: {"pending", "installing", "installed", "failed", "removing", "removed"},
    "pending": {"pending", "installing", "installed", "failed", "removing", "removed"},
    "installing": {"pending", "installing", "installed", "failed", "removing", "removed"},
    "installed": {"pending", "installing", "installed", "failed", "removing", "removed"},
    "failed": {"pending", "installing", "installed", "failed", "removing", "removed"},
    "removing": {"removing", "removed", "failed", "pending", "installing", "installed"},
    "removed": {"pending", "installing", "installed", "failed", "removed"},
}
CHOSEN = (
    "retry",
    "offline-status",
    "component-failure",
    "update-failure",
    "reboot-offline",
    "removal-failure",
)
SCRIPTS = {
    "slow": ComponentScript(duration_s=7.0),
    "flaky": ComponentScript(fails_at="start", times=3),
    "sticky": ComponentScript(removal_fails=2),
    "hanging@2.0.0": ComponentScript(hangs=True, times=2),
}
names = st.sampled_from(["plain", "slow", "flaky", "sticky", "hanging"])
contents = st.dictionaries(
    st.sampled_from(NUMBERS),
    st.dictionaries(names, st.sampled_from(["1.0.0", "2.0.0"]), min_size=1, max_size=2),
    max_size=3,
)
options = st.fixed_dictionaries({name: st.sampled_from(policy_values()[name]) for name in CHOSEN})


class AnyDevice(RuleBasedStateMachine):
    """Manifests, failures, reboots and power cuts in any order."""

    rig: Rig

    @initialize(retrieval=st.sampled_from(["bundle", "individual"]), policies=options)
    def begin(self, retrieval: str, policies: dict[str, str]) -> None:
        self.policies = policies
        self.rig = Rig(
            retrieval=retrieval,
            policies=policies,
            scripts=SCRIPTS,
            drift_interval_s=20.0,
            retry_cap_s=30.0,
            install_retry_s=15.0,
            install_retry_cap_s=60.0,
        )
        self.wanted: dict[int, dict[str, str]] = {}
        self.highest = 0
        self.delivered: dict[str, int] = {}
        self.rig.start()

    @rule(content=contents)
    def publish(self, content: dict[int, dict[str, str]]) -> None:
        self.wanted = content
        yamls = [
            deployment(n, *(component(name, rev, timeout="0m20s") for name, rev in parts.items()))
            for n, parts in content.items()
        ]
        self.rig.wfm.publish(*yamls)

    @rule()
    def damage_artefacts(self) -> None:
        self.rig.wfm.artefacts = {path: data[::-1] for path, data in self.rig.wfm.artefacts.items()}

    @rule(
        operation=st.sampled_from(
            ["fetch-manifest", "fetch-bundle", "fetch-deployment", "report-status", "report-capabilities"]
        ),
        kind=st.sampled_from(["down", 403, 404, 422, 429, 503]),
    )
    def break_operation(self, operation: str, kind: Any) -> None:
        def fault(call: Call, _request: Send) -> Reply | str | None:
            if call.operation != operation:
                return None
            return kind if isinstance(kind, str) else problem(kind, retry_after=2 if kind in (429, 503) else None)

        self.rig.wfm.fault = fault

    @rule()
    def heal(self) -> None:
        self.rig.wfm.fault = None

    @rule(seconds=st.sampled_from([0.5, 3.0, 11.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.rig.run(seconds)

    @rule()
    def reboot(self) -> None:
        self.rig.reboot()

    @rule(after=st.integers(1, 12))
    def cut_power(self, after: int) -> None:
        self.rig.device.cut_at = self.rig.device.effects + after

    @rule(lost=st.booleans())
    def lose_state(self, lost: bool) -> None:
        self.rig.device.power_off()
        (self.rig.device.storage.erase if lost else self.rig.device.storage.damage)()
        self.highest = 0
        self.rig.device.power_on()

    @rule(number=st.sampled_from(NUMBERS))
    def tamper(self, number: int) -> None:
        view = self.rig.device.machine.view().get(uuid(number))
        if view is not None:
            self.rig.device.machine.stop_workload(uuid(number), next(iter(view.components)))

    @invariant()
    def never_rolls_back(self) -> None:
        if hasattr(self, "highest") and self.rig.device.agent is not None:
            version = self.rig.device.agent.version
            assert version >= self.highest
            self.highest = version

    @invariant()
    def reports_are_legal(self) -> None:
        if not hasattr(self, "rig"):
            return
        before: dict[str, str | None] = {}
        for report in self.rig.wfm.reports:  # each was checked by itself when it arrived
            state, name = report["status"]["state"], report["deploymentId"]
            assert state in LEGAL[before.get(name)]
            before[name] = state
            assert report["adoptedManifestVersion"] <= self.rig.wfm.version

    @invariant()
    def runs_nothing_that_was_never_wanted(self) -> None:
        if hasattr(self, "rig"):
            assert set(self.rig.device.machine.view()) <= {uuid(n) for n in NUMBERS}

    def teardown(self) -> None:
        if not hasattr(self, "rig"):
            return
        rig = self.rig
        rig.wfm.fault = None
        rig.device.cut_at = None
        rig.run(5)
        self.publish(self.wanted)  # good artefacts under a new version
        rig.run(1500)
        assert rig.device.agent is not None
        assert rig.device.agent.version == rig.wfm.version
        assert rig.device.agent.reconciled
        for number in NUMBERS:
            view = rig.device.machine.view().get(uuid(number))
            wanted = self.wanted.get(number)
            stuck = self.policies["removal-failure"] == "report-failed"
            if wanted is None:
                assert view is None or stuck
            else:
                assert view is not None
                assert all(view.components[name].running for name in wanted)
                assert wanted.items() <= view.revisions.items()
                assert len(view.revisions) == len(wanted) or stuck
                assert (
                    rig.wfm.last(number)["status"]["state"] == "installed" or self.policies["offline-status"] == "drop"
                )
        assert rig.device.agent.outbox == []


TestAnyDevice = AnyDevice.TestCase
TestAnyDevice.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


def test_power_cut_before_every_effect_of_an_update() -> None:
    """The whole update is run once for each of its effects, with the power gone just before it."""

    def update(cut: int | None) -> Rig:
        rig = Rig(scripts={"slow": SCRIPTS["slow"]}).start()
        rig.offer(deployment(1, component("slow"), component("b")), deployment(2), seconds=40)
        if cut is not None:
            rig.device.cut_at = rig.device.effects + cut
        rig.offer(deployment(1, component("slow", "2.0.0"), component("b")), deployment(3), seconds=120)
        return rig

    plain = Rig(scripts={"slow": SCRIPTS["slow"]}).start()
    plain.offer(deployment(1, component("slow"), component("b")), deployment(2), seconds=40)
    before = plain.device.effects
    plain.offer(deployment(1, component("slow", "2.0.0"), component("b")), deployment(3), seconds=25)
    count = plain.device.effects - before
    assert count > 30
    for cut in range(1, count + 1):
        rig = update(cut)
        assert rig.device.cut_at is None
        assert rig.running(1) == {"slow": "2.0.0", "b": "1.0.0"}, cut
        assert rig.running(2) is None, cut
        assert rig.running(3) is not None, cut
        assert [rig.wfm.last(n)["status"]["state"] for n in (1, 2, 3)] == ["installed", "removed", "installed"], cut
        assert rig.wfm.last(1)["adoptedManifestVersion"] == 3, cut
        assert rig.device.machine.started[uuid(3), "main"] <= 2, cut
