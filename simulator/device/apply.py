"""Applying desired state: each deployment on its own from pending to installed, failed or removed (DS-072, DS-073).

A component is left alone when the machine already runs it as wanted; that one rule makes updates touch only what
changed (US-04), and lets an agent that was interrupted go on from what it finds (RB-03).
"""

from dataclasses import dataclass

from simulator.device.durable import Fault
from simulator.device.events import (
    CancelComponent,
    Outcome,
    Point,
    SetTimer,
    StartComponent,
    StopComponent,
    WorkloadEvent,
)
from simulator.device.placement import REFUSALS, Placing
from simulator.device.revisions import Revision
from simulator.device.work import Part, Phase, Work
from simulator.protocol.deployment import DEFAULT_TIMEOUT_S, Component
from simulator.protocol.status import State

TIMEOUT = "timeout:"
RETRY = "retry:"
_TOO_LONG = "not finished within its timeout"


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of a runtime that is under way; `fingerprint` is empty for a removal."""

    deployment_id: str
    component: str
    fingerprint: str = ""
    keep_old: bool = True


class Applying(Placing):
    """Works on deployments; `seen` is what is known to be on the machine: deployment, component, fingerprint."""

    seen: dict[str, dict[str, str]]
    operations: dict[int, Operation]
    next_op = 0

    # --- installing and updating -------------------------------------------------------------------

    def begin(self, work: Work, *, resumed: bool = False) -> None:
        """Bring a deployment to its goal, from wherever it is; resumed work does not say `pending` again."""
        self.abandon(work)
        work.removing, work.settled, work.kept_old = False, False, False
        work.phase, work.fault = "apply", None
        place = self.place(work.goal)
        work.fault = place.fault
        if place.fault is None or work.held is None:
            work.device_id = place.device_id
        self.save()
        if place.fault is not None:
            self.refuse(work, place.fault)
            return
        work.parts = {
            name: Part(State.INSTALLED if self.runs(work, work.goal, name) else State.PENDING)
            for name in work.goal.components
        }
        if not resumed and State.PENDING in work.states:
            self.report(work)
        self.advance(work)

    def refuse(self, work: Work, fault: Fault) -> None:
        """A deployment that may not be installed here: failed at once, never installing (DEP-02, MM-04, MM-05)."""
        work.parts = {name: Part(State.FAILED, fault_of_part(fault, work, name)) for name in work.goal.components}
        self.log("refused", f"deployment {work.deployment_id}: {fault.message}")
        self.finish_failed(work)

    def advance(self, work: Work) -> None:
        """Start what may be started now, tell, and finish when nothing is under way (AD-020, APP-02)."""
        for name, component in self.in_order(work):
            part = work.parts[name]
            if part.state is State.PENDING:
                part.state = State.INSTALLING
                self.start(work, work.goal, name)
            if part.state is State.INSTALLING and self.waits_for(component):
                break
            if part.state is State.FAILED and self.stops_at(component):
                break
        if not work.ops:
            self.conclude(work)
        else:
            self.report(work)

    def in_order(self, work: Work) -> list[tuple[str, Component]]:
        """Give the components in the order in which they begin: as the deployment lists them (AD-020)."""
        return list(work.goal.components.items())

    def waits_for(self, component: Component) -> bool:
        """Whether the next component has to wait for this one: AD-020, or to begin nothing after a failure (PF-02)."""
        return component.properties.wait or self.policies.component_failure == "stop"

    def stops_at(self, component: Component) -> bool:
        """Whether nothing after this failed component is begun (PF-02, PF-06)."""
        return component.properties.wait or self.policies.component_failure != "keep"

    def conclude(self, work: Work) -> None:
        """Nothing of an installation is under way any more."""
        if work.failed:
            self.finish_failed(work)
            return
        work.held, work.held_version, work.retries = work.goal, work.version, 0
        self.report(work)
        work.phase = "surplus"
        self.remove_parts(work, [name for name in self.parts_seen(work) if name not in work.goal.components])
        if not work.ops:
            self.settle(work)

    def finish_failed(self, work: Work) -> None:
        """A failed installation or update ends as the policies say (PF-02, PF-07)."""
        if work.held is not None and not work.holds_goal and self.policies.update_failure != "failed-new":
            self.restore_held(work, work.held)
        elif self.policies.component_failure == "rollback" and not work.holds_goal:
            self.roll_back(work)
        else:
            work.held = None if not work.holds_goal else work.held
            self.report(work)
            self.settle(work)

    def restore_held(self, work: Work, held: Revision) -> None:
        """Have the former revision run again, as far as it does not."""
        work.phase = "restore"
        self.remove_parts(work, [name for name in self.parts_seen(work) if name not in held.components])
        for name in held.components:
            if not self.runs(work, held, name):
                self.start(work, held, name)
        if work.ops:
            self.report(work)
        else:
            self.finish_restoring(work, held)

    def finish_restoring(self, work: Work, held: Revision) -> None:
        """The former revision runs again, or it cannot be restored; the report says which version is held (ST-021)."""
        work.kept_old = all(self.runs(work, held, name) for name in held.components)
        if work.kept_old:
            work.version = work.held_version
            cause = self.overall_fault(work)
            if cause is not None and not cause.message.startswith("update failed"):
                text = f"update failed, the revision of manifest version {work.held_version} runs on: {cause.message}"
                work.fault = Fault(cause.code, cause.source, text)
        else:
            work.held = None
        self.report(work)
        self.settle(work)

    def roll_back(self, work: Work) -> None:
        """Remove what had been installed of a failed deployment (PF-02)."""
        work.phase, work.held = "rollback", None
        for name in self.remove_parts(work, self.parts_seen(work)):
            if name in work.parts and work.parts[name].state is not State.FAILED:
                work.parts[name].state = State.REMOVING
        self.report(work)
        if not work.ops:
            self.settle(work)

    # --- removing ----------------------------------------------------------------------------------

    def begin_removal(self, work: Work) -> None:
        """Remove a deployment that no manifest names any more: removing, then removed (DS-073)."""
        self.abandon(work)
        work.removing, work.settled, work.phase, work.fault = True, False, "remove", None
        work.parts = {name: Part(State.REMOVING) for name in work.goal.components}
        self.save()
        self.report(work)
        stopping = self.remove_parts(work, self.parts_seen(work))
        for name, part in work.parts.items():
            if name not in stopping:
                part.state = State.REMOVED
        self.continue_removal(work)

    def continue_removal(self, work: Work) -> None:
        """Tell how far a removal is; end it when nothing is under way (PF-08: never removed while it runs)."""
        if work.ops:
            if set(work.states) != {State.REMOVED}:
                self.report(work)
            return
        left = self.parts_seen(work)
        if left or work.failed:
            if not work.failed:
                text = f"{', '.join(left)} could not be removed"
                work.parts = {name: Part(State.FAILED, Fault("removal-failed", name, text)) for name in work.parts}
            self.report(work)
            self.settle(work)
            return
        self.report(work)
        self.works.pop(work.deployment_id, None)
        self.save()
        self.check_reconciled()

    # --- what is under way -------------------------------------------------------------------------

    def start(self, work: Work, revision: Revision, name: str) -> None:
        """Start a component, with its time limit (AD-021)."""
        component = revision.components[name]
        operation = Operation(
            work.deployment_id, name, revision.fingerprints[name], self.policies.update_failure == "keep-old"
        )
        op = self.operate(work, operation, component.properties.timeout_s)
        self.emit(
            StartComponent(
                op=op,
                deployment_id=work.deployment_id,
                component=name,
                kind=revision.kind,
                repository=component.properties.repository,
                revision=component.properties.revision,
                parameters=revision.parameters(name),
                fingerprint=operation.fingerprint,
                digest=revision.digest,
                device_id=work.device_id,
                keep_old=operation.keep_old,
            )
        )
        self.point("component-installing")

    def remove_parts(self, work: Work, names: list[str]) -> list[str]:
        """Stop and remove components, the last one first; gives their names."""
        for name in reversed(names):
            component = work.goal.components.get(name)
            limit = component.properties.timeout_s if component else DEFAULT_TIMEOUT_S
            op = self.operate(work, Operation(work.deployment_id, name), limit)
            self.emit(StopComponent(op, work.deployment_id, name))
        return names

    def operate(self, work: Work, operation: Operation, limit_s: float) -> int:
        """Note an operation; gives its number."""
        self.next_op += 1
        self.operations[self.next_op] = operation
        work.ops[operation.component] = self.next_op
        self.emit(SetTimer(f"{TIMEOUT}{self.next_op}", limit_s))
        return self.next_op

    def abandon(self, work: Work) -> None:
        """Give up everything that is under way for a deployment."""
        for op in work.ops.values():
            self.operations.pop(op, None)
            self.cancel_timer(f"{TIMEOUT}{op}")
            self.emit(CancelComponent(op))
        work.ops.clear()
        self.cancel_timer(f"{RETRY}{work.deployment_id}")

    def on_workload(self, event: WorkloadEvent) -> None:
        """An operation ended."""
        operation = self.operations.pop(event.op, None)
        work = self.works.get(operation.deployment_id) if operation else None
        if operation is None or work is None:
            return
        self.cancel_timer(f"{TIMEOUT}{event.op}")
        work.ops.pop(operation.component, None)
        self.save()
        self.note_outcome(operation, event)
        fault = None
        if event.outcome in ("failed", "removal-failed"):
            fault = Fault(event.code or event.outcome, operation.component, event.message or "no reason was given")
        self.proceed(work, operation.component, fault)

    def on_timeout(self, op: int) -> None:
        """An operation takes too long: it is given up and has failed (AD-021, APP-03)."""
        operation = self.operations.get(op)
        if operation is None:
            return
        self.emit(CancelComponent(op))
        outcome: Outcome = "failed" if operation.fingerprint else "removal-failed"
        event = WorkloadEvent(op, operation.deployment_id, operation.component, outcome, "timeout", _TOO_LONG)
        self.on_workload(event)

    def note_outcome(self, operation: Operation, event: WorkloadEvent) -> None:
        """Keep what is known of the machine true."""
        parts = self.seen.setdefault(operation.deployment_id, {})
        if event.outcome == "installed":
            parts[operation.component] = operation.fingerprint
        elif event.outcome == "removed" or (event.outcome == "failed" and not operation.keep_old):
            parts.pop(operation.component, None)
        if not parts:
            self.seen.pop(operation.deployment_id, None)

    def proceed(self, work: Work, name: str, fault: Fault | None) -> None:
        """Go on after one component's operation ended."""
        part = work.parts.get(name)
        phase: Phase = work.phase
        if phase == "apply":
            work.parts[name] = self.outcome_part(fault)
            self.advance(work)
        elif phase == "remove":
            if part is not None:
                work.parts[name] = Part(State.FAILED, fault) if fault else Part(State.REMOVED)
            self.continue_removal(work)
        elif phase == "restore":
            if not work.ops and work.held is not None:
                self.finish_restoring(work, work.held)
        elif phase == "rollback":
            if part is not None and part.state is State.REMOVING:
                work.parts[name] = Part(State.FAILED, fault) if fault else Part(State.REMOVED)
            self.report(work)
            if not work.ops:
                self.settle(work)
        elif not work.ops:
            self.settle(work)

    def outcome_part(self, fault: Fault | None) -> Part:
        """A component's state after its installation ended."""
        return Part(State.FAILED, fault) if fault else Part(State.INSTALLED)

    # --- the end of it -----------------------------------------------------------------------------

    def settle(self, work: Work) -> None:
        """Nothing is left to do for now; what failed is tried again by itself, if the policy says so (PF-05, PF-08)."""
        work.settled = True
        self.save()
        self.schedule_retry(work)
        self.check_reconciled()

    def schedule_retry(self, work: Work) -> None:
        """Set the timer for another try of what failed while installing or removing."""
        settings = self.settings
        if was_refused(work) or not (work.failed or self.leftovers(work)):
            return
        if work.removing or not work.failed:
            if self.policies.removal_failure == "retry":
                self.set_timer(f"{RETRY}{work.deployment_id}", settings.removal_retry_s)
        elif self.policies.install_retry == "retry" and not self.gave_up(work):
            wait = min(settings.install_retry_s * 2.0 ** min(work.retries, 32), settings.install_retry_cap_s)
            work.retries += 1
            self.set_timer(f"{RETRY}{work.deployment_id}", wait)

    def gave_up(self, work: Work) -> bool:
        """Whether a failed installation was tried as often as it may be since the agent started."""
        return 0 < self.settings.install_attempts <= work.retries + 1

    def try_again(self, deployment_id: str) -> None:
        """Another try of a deployment that had failed."""
        work = self.works.get(deployment_id)
        if work is None or not work.settled:
            return
        if work.removing:
            self.begin_removal(work)
        else:
            self.restart_version(work)
            self.begin(work)

    def restart_version(self, work: Work) -> None:
        """Another try of a kept-back update adopts the newest version again (ST-020)."""
        work.version = max(work.version, self.version)

    def check_reconciled(self) -> None:
        """Once every deployment is settled the version and its ETag are stored for the next polls (DS-075)."""
        if self.reconciled or not all(work.settled for work in self.works.values()):
            return
        self.reconciled = True
        self.etag = self.accepted_etag
        self.emit_after_saving(Point("state-stored"))

    def leftovers(self, work: Work) -> list[str]:
        """Components that a deployment no longer has and that could not be removed (PF-08)."""
        if work.failed or self.policies.removal_failure == "report-failed":
            return []
        return [name for name in self.parts_seen(work) if name not in work.goal.components]

    # --- what the machine runs ---------------------------------------------------------------------

    def parts_seen(self, work: Work) -> list[str]:
        """The components of a deployment that are on the machine."""
        return list(self.seen.get(work.deployment_id, ()))

    def runs(self, work: Work, revision: Revision, name: str) -> bool:
        """Whether a component runs exactly as a revision wants it."""
        return self.seen.get(work.deployment_id, {}).get(name) == revision.fingerprints[name]


def fault_of_part(fault: Fault, work: Work, name: str) -> Fault:
    """A deployment's fault as one of its component's: the source is the component, unless a gateway raised it."""
    return Fault(fault.code, name, fault.message) if fault.source == work.goal.name else fault


def was_refused(work: Work) -> bool:
    """Whether a deployment failed because this device may not take it."""
    return any(part.fault is not None and part.fault.code in REFUSALS for part in work.parts.values())
