"""The bench with a device in the subject's seat: what steps can do to its counterpart, its network and itself.

Everything done is recorded as a fact, since checks read nothing but the record.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from conformance.bench.device_deployments import Variation
from conformance.bench.device_publishing import PublishingBench
from conformance.bench.device_subject import RESTART_S
from conformance.checks.evidence import Record
from conformance.record.events import Fact
from simulator.device.driver import Tampering
from simulator.faults.plan import Answer, FaultRule

SHOWN_BY_WORKLOADS: tuple[Tampering, ...] = ("stop-workload", "remove-workload", "foreign-workload")
"""What changes which workloads run."""


class DeviceBench(PublishingBench):
    """The rig of one device scenario. `named` maps the roles of applications to their deployment ids."""

    # --- answers that the WFM gives ---------------------------------------------------------------------------------

    def answer(
        self,
        operation: Any,
        status: int,
        *,
        times: int | None = 1,
        headers: Mapping[str, str] | None = None,
        problem: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Fact:
        """Have the WFM answer an operation with an error, so many times (None: until `recover`)."""
        label = f"answers {status}"
        lines, body = self.world.refusal(status, problem or {})
        action = Answer(status=status, headers={**lines, **(headers or {})}, body=body)
        rule = FaultRule(action=action, match=operation, params=dict(params or {}), times=times, name=label)
        fact = self.note(
            "answering", operation=operation, status=status, headers=dict(headers or {}), problem=json.loads(body)
        )
        self.loop.run(self.world.disturb(rule))
        return fact

    def disturb(self, label: str, *rules: FaultRule) -> Fact:
        """Apply fault rules under a label."""
        fact = self.note("disturbed", label=label)
        self.loop.run(self.world.disturb(*(rule.model_copy(update={"name": label}) for rule in rules)))
        return fact

    def recover(self) -> Fact:
        """Have the WFM answer as it should again."""
        self.loop.run(self.world.undisturb())
        return self.note("recovered")

    def retire(self, *, retired: bool = True) -> Fact:
        """End the relationship with the device's client, or take it up again."""
        fact = self.note("retired" if retired else "reinstated")
        self.loop.run(self.world.retire(retired))
        return fact

    # --- the network and who the WFM is -----------------------------------------------------------------------------

    def cut(self) -> Fact:
        """Cut the network between the two."""
        fact = self.note("network-cut")
        self.loop.run(self.world.link.cut())
        return fact

    def restore(self) -> Fact:
        """Restore the network."""
        fact = self.note("network-restored")
        self.loop.run(self.world.link.restore())
        return fact

    def stop_wfm(self) -> Fact:
        """Have the WFM go away."""
        fact = self.note("wfm-stopped")
        self.loop.run(self.world.stop_wfm())
        return fact

    def start_wfm(self) -> Fact:
        """Have the WFM come back."""
        fact = self.note("wfm-started")
        self.loop.run(self.world.start_wfm())
        return fact

    def present(self, name: str) -> Fact:
        """Have the WFM present a credential, by the name of its defect or `good`; every connection begins anew."""
        clause = self.loop.run(self.world.present(name))
        return self.note("presented", credential=name, clause=clause)

    # --- what is done to the device ---------------------------------------------------------------------------------

    def reboot(self) -> Fact:
        """Reboot the device, and record how long it says to be up afterwards, where it can tell."""
        fact = self.note("rebooted")
        up = self.loop.run(self.seat.reboot(), self.seat.patience_s + RESTART_S)
        self.note("restart-seen", told=up, seconds=round(self.recorder.now() - fact.at, 3))
        return fact

    def power_cut(self, at: str) -> Callable[[], Fact]:
        """Cut the device's power when it comes to a named point; call what is given to have it powered up again."""
        self.note("power-cut", point=at)
        finish = self.seat.power_cut(at, self.loop)

        def powered() -> Fact:
            finish()
            return self.note("powered-up", point=at)

        return powered

    def factory_reset(self) -> Fact:
        """Reset the device to what it was when it left the factory."""
        fact = self.note("factory-reset")
        self.loop.run(self.seat.factory_reset(), self.seat.patience_s)
        return fact

    def configure(self, **settings: Any) -> Fact:
        """Configure the device anew, as its user would; a fact once it is done, which takes a real device its time.

        What is told is what the settings are since then, as far as the device lets it be known.
        """
        began = self.recorder.now()
        told = self.loop.run(self.seat.configure(settings), self.seat.patience_s)
        return self.note("configured", **settings, began=began, told=_members(told, settings))

    def tamper(self, what: Tampering, deployment_id: str = "", component: str = "") -> Fact:
        """Change something behind the device's back, and record what was to be seen of it right before and after.

        The look is taken before any time passes in which the device could put things right: the built-in one is not
        asked in between, a real one has the time that its hooks take.
        """
        seat = self.seat

        async def seen() -> Mapping[str, Any] | None:
            if what == "edit-workload":
                found = await seat.inspect()
                parts = (found or {}).get(deployment_id, {})
                return None if found is None else {name: part["configuration"] for name, part in parts.items()}
            running = await seat.workloads() if what in SHOWN_BY_WORKLOADS else None
            if running is None or deployment_id:
                return None if running is None else running.get(deployment_id, {})
            return {name: revision for parts in running.values() for name, revision in parts.items()}

        async def changed() -> tuple[Any, Mapping[str, Any] | None]:
            return await seat.tamper(what, deployment_id, component), await seen()

        before = self.loop.run(seen(), seat.patience_s)
        about = {"what": what, "deploymentId": deployment_id, "component": component}
        fact = self.note("tampered", **about)
        told, after = self.loop.run(changed(), 2 * seat.patience_s)
        self.note("tampering-seen", **about, before=before, after=after, told=_members(told, ("free",)))
        return fact

    def script(
        self, role: str, behaviour: str, *, component: int = -1, seconds: float = 0.0, kind: str | None = None
    ) -> str:
        """Have one component of an application behave in a way when it is next installed; gives its name.

        `kind` is that of the deployment whose component is meant, where it is not the usual one.
        """
        name = self.make(role, variation=Variation(kind=kind)).components[component]
        self.script_component(self.deployment_id(role), name, behaviour, seconds=seconds)
        return name

    def script_component(
        self, deployment_id: str, name: str, behaviour: str, *, revision: str = "", seconds: float = 0.0
    ) -> None:
        """Have a component of a deployment behave in a way, in one revision or all; record what is told of it."""
        about = {"deploymentId": deployment_id, "component": name, "behaviour": behaviour}
        self.note("component-script", **about, **({"revision": revision} if revision else {}), seconds=seconds)
        target = f"{name}@{revision}" if revision else name
        told = self.loop.run(self.seat.script(deployment_id, target, behaviour), self.seat.patience_s)
        self.note("component-told", **about, told=_members(told, ("behaviour",)))

    def inspect(self) -> None:
        """Record the configuration and the containers of what runs, where the seat can tell."""
        found = self.loop.run(self.seat.inspect())
        if found is not None:
            self.note("inspected", deployments=found)

    def look(self, *, for_role: str = "") -> bool:
        """Record what really runs on the device, where the seat can tell; with a role, once that runs if it does.

        Gives whether what was looked for runs, as far as the seat can tell.
        """
        name = self.deployment_id(for_role) if for_role else ""

        def there(_: Record) -> bool:
            running = self.loop.run(self.seat.workloads(), self.seat.patience_s)
            return running is None or name in running

        came = not for_role or self.until(there, "apply")
        running = self.loop.run(self.seat.workloads(), self.seat.patience_s)
        if running is not None:
            self.note("workloads", running=running)
        return came


def _members(told: Any, names: Iterable[str]) -> dict[str, Any] | None:
    """Give what a hook told of what it was asked; what else it said, such as a whole configuration, is not kept."""
    return {name: told[name] for name in names if name in told} if isinstance(told, dict) else None
