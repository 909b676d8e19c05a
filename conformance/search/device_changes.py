"""What a search does to a device and around it: publish, withdraw, restart, cut off, break, tamper.

Every action fits one sentence of the steps, so that a counterexample reads as a scenario.
"""

from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import Field

from conformance.bench.device_bench import DeviceBench
from conformance.checks.device import evidence, failure, polling, recovery
from conformance.search.actions import Action
from conformance.search.device_model import DeviceModel
from conformance.search.device_promises import come_to_rest, is_at_rest, publish, wait_for_rest

Role = Literal["primary", "secondary"]
Release = Annotated[int, Field(ge=0, le=1000)]
"""0 is drawn and stands for the next one."""
Moment = Literal[
    "it took up the new state",
    "it fetched what the new state names",
    "a component is being installed",
    "it stored the new state",
    "it sent a report",
]
POINTS: dict[Moment, str] = {
    "it took up the new state": "manifest-taken",
    "it fetched what the new state names": "artefacts-fetched",
    "a component is being installed": "component-installing",
    "it stored the new state": "state-stored",
    "it sent a report": "status-sent",
}
MOMENTS: tuple[Moment, ...] = get_args(Moment)


class DeviceAction(Action[DeviceModel, DeviceBench]):
    """An action of the search for devices."""


class Publish(DeviceAction):
    """The next release of an application is published: an installation, or an update."""

    do: Literal["publish"] = "publish"
    role: Role
    release: Release = 0

    def fit(self, model: DeviceModel) -> Self | None:
        """The WFM has to be there to be told."""
        if not model.wfm:
            return None
        return self.model_copy(update={"release": model.next_release(self.role)})

    def sentence(self) -> str:
        """Say it."""
        return f'the WFM publishes "{self.role}" release {self.release}'

    def perform(self, bench: DeviceBench) -> None:
        """Publish and go on at once."""
        publish(bench, self.role, self.release)


class Withdraw(DeviceAction):
    """An application leaves the desired state."""

    do: Literal["withdraw"] = "withdraw"
    role: Role

    def fit(self, model: DeviceModel) -> Self | None:
        """Only what is wanted can be withdrawn."""
        role = model.one_wanted(self.role)
        if not model.wfm or role is None:
            return None
        model.desired.discard(role)
        model.open.discard(role)
        return self.model_copy(update={"role": role})

    def sentence(self) -> str:
        """Say it."""
        return f'the WFM withdraws "{self.role}"'

    def perform(self, bench: DeviceBench) -> None:
        """Withdraw and go on at once."""
        bench.withdraw(self.role)


class Settle(DeviceAction):
    """The device is given the time to come to what is wanted, and is held to it."""

    do: Literal["settle"] = "settle"

    def fit(self, model: DeviceModel) -> Self | None:
        """Nothing may be in the way."""
        return self if model.steady and model.releases else None

    def sentence(self) -> str:
        """Say it."""
        return "the device is left alone until it has come to rest"

    def outcome(self) -> str:
        """What a device at rest is."""
        return "the device ends on the newest desired state"

    def perform(self, bench: DeviceBench) -> None:
        """Wait and judge."""
        come_to_rest(bench)


class Reboot(DeviceAction):
    """The device is switched off and on."""

    do: Literal["reboot"] = "reboot"
    needs: ClassVar[str] = "reboot"
    answered: bool = True

    def fit(self, model: DeviceModel) -> Self | None:
        """Always."""
        return self.model_copy(update={"answered": model.reachable})

    def sentence(self) -> str:
        """Say it."""
        return "the device reboots" if self.answered else "the device reboots while nobody answers"

    def outcome(self) -> str:
        """The tag that it held is still known."""
        return "it says at once which desired state it had" if self.answered else ""

    def perform(self, bench: DeviceBench) -> None:
        """Reboot; a device that was at rest polls with its tag afterwards."""
        rested = self.answered and is_at_rest(bench)
        fact = bench.reboot()
        if self.answered:
            bench.until(lambda record: len(evidence.polls_after(record, fact.at)) >= 2, "connect")
        if rested:
            bench.judge(recovery.tag_survives_a_restart)


class PowerCut(DeviceAction):
    """The power fails in the middle of an update, and comes back."""

    do: Literal["power-cut"] = "power-cut"
    needs: ClassVar[str] = "power-cut"
    moment: Moment
    role: Role
    release: Release = 0

    def fit(self, model: DeviceModel) -> Self | None:
        """The update has to reach the device."""
        if not model.reachable:
            return None
        return self.model_copy(update={"release": model.next_release(self.role)})

    def sentence(self) -> str:
        """Say it."""
        return f'the power is cut when {self.moment} of "{self.role}" release {self.release}'

    def perform(self, bench: DeviceBench) -> None:
        """Cut and wait for the device to be back."""
        power_up = bench.power_cut(POINTS[self.moment])
        publish(bench, self.role, self.release)
        fact = power_up()
        bench.until(lambda record: evidence.polls_after(record, fact.at), "connect")


class CutNetwork(DeviceAction):
    """The network fails."""

    do: Literal["cut-network"] = "cut-network"
    needs: ClassVar[str] = "network"

    def fit(self, model: DeviceModel) -> Self | None:
        """It has to be there."""
        was, model.network = model.network, False
        return self if was else None

    def sentence(self) -> str:
        """Say it."""
        return "the network is cut"

    def perform(self, bench: DeviceBench) -> None:
        """Cut it."""
        bench.cut()


class RestoreNetwork(DeviceAction):
    """The network comes back."""

    do: Literal["restore-network"] = "restore-network"
    needs: ClassVar[str] = "network"

    def fit(self, model: DeviceModel) -> Self | None:
        """It has to be gone."""
        was, model.network = model.network, True
        return None if was else self

    def sentence(self) -> str:
        """Say it."""
        return "the network is restored"

    def perform(self, bench: DeviceBench) -> None:
        """Restore it."""
        bench.restore()


class StopWfm(DeviceAction):
    """The WFM goes away."""

    do: Literal["stop-wfm"] = "stop-wfm"

    def fit(self, model: DeviceModel) -> Self | None:
        """It has to be there."""
        was, model.wfm = model.wfm, False
        return self if was else None

    def sentence(self) -> str:
        """Say it."""
        return "the WFM goes away"

    def perform(self, bench: DeviceBench) -> None:
        """Stop it."""
        bench.stop_wfm()


class StartWfm(DeviceAction):
    """The WFM comes back with all that it knew."""

    do: Literal["start-wfm"] = "start-wfm"

    def fit(self, model: DeviceModel) -> Self | None:
        """It has to be gone."""
        was, model.wfm = model.wfm, True
        return None if was else self

    def sentence(self) -> str:
        """Say it."""
        return "the WFM comes back"

    def perform(self, bench: DeviceBench) -> None:
        """Start it."""
        bench.start_wfm()


class LetPass(DeviceAction):
    """Time passes: as part of an outage, or before the next change."""

    do: Literal["let-pass"] = "let-pass"
    seconds: Annotated[int, Field(ge=1, le=3600)]

    def fit(self, model: DeviceModel) -> Self | None:
        """Always."""
        del model
        return self

    def sentence(self) -> str:
        """Say it."""
        return f"{self.seconds} seconds pass"

    def perform(self, bench: DeviceBench) -> None:
        """Wait."""
        bench.let_pass(self.seconds)


class ComponentFails(DeviceAction):
    """A component of the next release fails while it is installed."""

    do: Literal["component-fails"] = "component-fails"
    needs: ClassVar[str] = "fault"
    role: Role
    release: Release = 0
    position: Literal["first", "last"] = "last"
    behaviour: Literal["fails", "cannot be fetched", "unhealthy"] = "fails"

    def fit(self, model: DeviceModel) -> Self | None:
        """The release has to reach the device; what it comes to is not defined until the next one."""
        if not model.steady:
            return None
        release = model.next_release(self.role)
        model.open.add(self.role)
        return self.model_copy(update={"release": release})

    def sentence(self) -> str:
        """Say it."""
        behaviour = "is unhealthy" if self.behaviour == "unhealthy" else self.behaviour
        return f'the {self.position} component of "{self.role}" {behaviour} in release {self.release}'

    def outcome(self) -> str:
        """The failure is told."""
        return f'the device reports "{self.role}" failed, and why'

    def perform(self, bench: DeviceBench) -> None:
        """Have it fail, judge what is said of it, and mend the component."""
        wait_for_rest(bench)
        place = {"first": 0, "last": -1}[self.position]
        component = bench.script(self.role, self.behaviour, component=place)
        fact = publish(bench, self.role, self.release)
        name = bench.deployment_id(self.role)
        bench.until(
            lambda record: any(item.state == "failed" for item in evidence.reports_after(record, fact.at, name)),
            "apply",
        )
        bench.judge(failure.failure_is_reported, deployment=name)
        bench.judge(failure.failure_says_why, deployment=name)
        bench.judge(failure.each_component_is_reported_as_it_is, deployment=name, component=component)
        bench.script(self.role, "fine", component=place)


class StopWorkload(DeviceAction):
    """Somebody stops what runs on the device; what it does then is its supplier's policy."""

    do: Literal["stop-workload"] = "stop-workload"
    needs: ClassVar[str] = "tamper"
    role: Role

    def fit(self, model: DeviceModel) -> Self | None:
        """It has to run."""
        role = model.one_wanted(self.role)
        if not model.steady or role is None:
            return None
        model.open.add(role)
        return self.model_copy(update={"role": role})

    def sentence(self) -> str:
        """Say it."""
        return f'somebody stops "{self.role}" on the device'

    def perform(self, bench: DeviceBench) -> None:
        """Stop its first component."""
        wait_for_rest(bench)
        fact = bench.tamper("stop-workload", bench.deployment_id(self.role), bench.make(self.role).components[0])
        bench.two_polls(fact)


class LoseState(DeviceAction):
    """The device loses what it had stored, and reboots."""

    do: Literal["lose-state"] = "lose-state"
    needs: ClassVar[str] = "tamper"

    def fit(self, model: DeviceModel) -> Self | None:
        """It has to have something to lose, and somebody to ask."""
        return self if model.steady and model.desired else None

    def sentence(self) -> str:
        """Say it."""
        return "the device loses what it had stored and reboots"

    def perform(self, bench: DeviceBench) -> None:
        """Erase, reboot, and wait for polls."""
        wait_for_rest(bench)
        bench.tamper("erase-state")
        fact = bench.reboot()
        bench.until(lambda record: len(evidence.polls_after(record, fact.at)) >= 2, "connect")


class ChangeFacts(DeviceAction):
    """The device gets another serial number."""

    do: Literal["change-facts"] = "change-facts"
    needs: ClassVar[str] = "configure"

    def fit(self, model: DeviceModel) -> Self | None:
        """Somebody has to be told."""
        return self if model.reachable else None

    def sentence(self) -> str:
        """Say it."""
        return "the device gets another serial number"

    def outcome(self) -> str:
        """It says so."""
        return "it reports its capabilities anew"

    def perform(self, bench: DeviceBench) -> None:
        """Change it and wait for the report."""
        before = len(bench.record.capability_reports)
        bench.named["serial"] = bench.named.get("serial", 0) + 1
        bench.configure(serial=f"changed-{bench.named['serial']}")
        bench.until(lambda record: len(record.capability_reports) > before, "settle")
        bench.judge(polling.changed_capabilities_are_reported)
