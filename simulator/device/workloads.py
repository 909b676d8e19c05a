"""The simulated machine: what runs on it, whatever an agent believes. It outlives agents; no I/O, no clock.

A driver gives it operations (`begin`), waits as long as it is told, and tells it when the time is over (`finish`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from simulator.device.events import Seen, StartComponent, StopComponent, WorkloadEvent
from simulator.device.fetched import Fetched, Package, RetrievalFailed
from simulator.device.runtimes import ComponentScript, Step, containers_of, runtime_for
from simulator.protocol.digest import digest_of
from simulator.protocol.documents import canonical_json

FOREIGN = "foreign"
"""The deployment id under which workloads stand that no agent started."""

Operation = StartComponent | StopComponent


@dataclass(frozen=True, slots=True)
class ComponentView:
    """One component as it is on the machine."""

    name: str
    kind: str
    repository: str
    revision: str
    parameters: Mapping[str, Any]
    fingerprint: str
    digest: str
    device_id: str
    running: bool = True
    healthy: bool = True
    managed: bool = True
    containers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The environment of each container."""
    files: Mapping[str, int] = field(default_factory=dict)
    """The permissions of each file that was unpacked for it."""

    @property
    def configuration(self) -> dict[str, Any]:
        """The parameters as the runtime takes them."""
        return runtime_for(self.kind).configuration(self.parameters)


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """One deployment as it is on the machine. A component that an update did not touch keeps its digest."""

    deployment_id: str
    components: Mapping[str, ComponentView]

    @property
    def digests(self) -> frozenset[str]:
        """The digests of the YAMLs that the components were installed from."""
        return frozenset(component.digest for component in self.components.values())

    @property
    def running(self) -> bool:
        """Whether every component runs."""
        return all(component.running for component in self.components.values())

    @property
    def healthy(self) -> bool:
        """Whether every component runs and is healthy."""
        return all(component.running and component.healthy for component in self.components.values())

    @property
    def revisions(self) -> dict[str, str]:
        """Component name to revision."""
        return {name: component.revision for name, component in self.components.items()}


@dataclass(slots=True)
class _Pending:
    """An operation under way; `step` is where it will fail, if it does; `fetched` what its registry gave."""

    operation: Operation
    step: Step | None
    script: ComponentScript
    fetched: Fetched | None = None


@dataclass(slots=True)
class Machine:
    """The machine and its runtimes. `scripts` by component name, or `name@revision` for one revision only.

    `registry_down`: nothing can be pulled. `environment` goes into every container (OBS-10).
    `started` counts installations begun, for each (deployment, component).
    """

    scripts: Mapping[str, ComponentScript] = field(default_factory=dict)
    registry_down: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    started: dict[tuple[str, str], int] = field(default_factory=dict)
    _instances: dict[tuple[str, str], ComponentView] = field(default_factory=dict)
    _pending: dict[int, _Pending] = field(default_factory=dict)
    _used: dict[str, int] = field(default_factory=dict)

    # --- operations ------------------------------------------------------------------------------------

    def begin(self, operation: Operation, fetched: Fetched | None = None) -> float | None:
        """Begin an operation; gives the seconds it takes, or None when it never ends by itself.

        `fetched` is what the registry gave for the component; None where fetching is only pretended.
        """
        key = (operation.deployment_id, operation.component)
        for op in [op for op, other in self._pending.items() if _key(other.operation) == key]:
            del self._pending[op]
        if isinstance(operation, StopComponent):
            return self._begin_stop(operation)
        self.started[key] = self.started.get(key, 0) + 1
        if not operation.keep_old:
            self._instances.pop(key, None)
        name, script = self._script(operation.component, operation.revision)
        misbehaves = (script.fails_at is not None or script.hangs) and self._use(name, script.times)
        unfetched = self.registry_down or isinstance(fetched, RetrievalFailed)
        step: Step | None = "pull" if unfetched else script.fails_at if misbehaves else None
        self._pending[operation.op] = _Pending(operation, step, script, fetched)
        if misbehaves and script.hangs and not unfetched:
            return None
        return 0.0 if step == "pull" else script.duration_s + self.health_wait(script, fetched)

    def health_wait(self, script: ComponentScript, fetched: Fetched | None) -> float:
        """How long is waited until the component is healthy: only where it says how its health is told (CMP-16)."""
        return script.healthy_after_s if isinstance(fetched, Package) and fetched.health_checked else 0.0

    def containers(self, operation: StartComponent, fetched: Fetched | None) -> dict[str, dict[str, str]]:
        """Give the environment of each container that is made for a component."""
        return containers_of(operation, fetched, self.environment)

    def finish(self, op: int) -> WorkloadEvent | None:
        """End an operation whose time is over; None when it was given up meanwhile."""
        pending = self._pending.pop(op, None)
        if pending is None:
            return None
        operation, script = pending.operation, pending.script
        key = _key(operation)
        if isinstance(operation, StopComponent):
            if pending.step is not None:
                text = runtime_for("").removal_failure.format(component=operation.component)
                return WorkloadEvent(op, *key, "removal-failed", "removal-failed", script.message or text)
            self._instances.pop(key, None)
            return WorkloadEvent(op, *key, "removed")
        if isinstance(pending.fetched, RetrievalFailed):
            return WorkloadEvent(op, *key, "failed", pending.fetched.code, pending.fetched.message)
        if pending.step is not None:
            code, message = runtime_for(operation.kind).failure(pending.step, operation.component, script)
            return WorkloadEvent(op, *key, "failed", code, message)
        self._instances[key] = ComponentView(
            name=operation.component,
            kind=operation.kind,
            repository=operation.repository,
            revision=operation.revision,
            parameters=dict(operation.parameters),
            fingerprint=operation.fingerprint,
            digest=operation.digest,
            device_id=operation.device_id,
            healthy=script.healthy,
            containers=self.containers(operation, pending.fetched),
            files=pending.fetched.modes if isinstance(pending.fetched, Package) else {},
        )
        return WorkloadEvent(op, *key, "installed")

    def cancel(self, op: int) -> None:
        """Give up an operation; what ran before it still runs."""
        self._pending.pop(op, None)

    def _begin_stop(self, operation: StopComponent) -> float:
        present = self._instances.get(_key(operation))
        name, script = self._script(operation.component, present.revision if present else "")
        fails = script.removal_fails > 0 and self._use(f"remove {name}", script.removal_fails)
        self._pending[operation.op] = _Pending(operation, "start" if fails else None, script)
        return script.removal_s

    def _script(self, component: str, revision: str) -> tuple[str, ComponentScript]:
        exact = f"{component}@{revision}"
        if exact in self.scripts:
            return exact, self.scripts[exact]
        return component, self.scripts.get(component, _PLAIN)

    def _use(self, name: str, times: int | None) -> bool:
        used = self._used.get(name, 0)
        self._used[name] = used + 1
        return times is None or used < times

    # --- what is there -----------------------------------------------------------------------------------

    def view(self) -> dict[str, DeploymentView]:
        """Everything on the machine, by deployment id."""
        parts: dict[str, dict[str, ComponentView]] = {}
        for (deployment_id, name), instance in self._instances.items():
            parts.setdefault(deployment_id, {})[name] = instance
        return {name: DeploymentView(name, components) for name, components in parts.items()}

    def seen(self) -> tuple[Seen, ...]:
        """Everything on the machine, as an agent sees it."""
        return tuple(
            Seen(deployment_id, name, item.fingerprint, item.running, item.managed)
            for (deployment_id, name), item in self._instances.items()
        )

    # --- power and tampering -------------------------------------------------------------------------------

    def power_lost(self) -> None:
        """Everything stops; what was being installed is not there."""
        self._pending.clear()
        self._set_running(running=False)

    def boot(self, *, restore: bool = True) -> None:
        """The machine is up; its runtimes start what was installed, unless they are to wait (RB-02)."""
        self._pending.clear()
        if restore:
            self._set_running(running=True)

    def clear(self) -> None:
        """Remove everything (FB-06)."""
        self._pending.clear()
        self._instances.clear()

    def stop_workload(self, deployment_id: str, component: str) -> None:
        """Stop a component behind the agent's back; raises KeyError when it is not there."""
        self._change((deployment_id, component), running=False, healthy=False)

    def remove_workload(self, deployment_id: str, component: str) -> None:
        """Remove a component behind the agent's back; raises KeyError when it is not there."""
        del self._instances[deployment_id, component]

    def edit_workload(self, deployment_id: str, component: str, parameters: Mapping[str, Any]) -> None:
        """Change parameters behind the agent's back; raises KeyError when it is not there."""
        present = self._instances[deployment_id, component]
        values = {**present.parameters, **parameters}
        mark = digest_of(canonical_json({"edited": values, "was": present.fingerprint}))
        self._change((deployment_id, component), parameters=values, fingerprint=mark)

    def add_foreign(self, name: str) -> None:
        """Run a workload that no desired state names (MM-03)."""
        view = ComponentView(name, "compose", "oci://registry.invalid/foreign", "1.0.0", {}, "", "", "", managed=False)
        self._instances[FOREIGN, name] = view

    def _set_running(self, *, running: bool) -> None:
        self._instances = {k: replace(item, running=running) for k, item in self._instances.items()}

    def _change(self, key: tuple[str, str], **changes: Any) -> None:
        self._instances[key] = replace(self._instances[key], **changes)


_PLAIN = ComponentScript()


def _key(operation: Operation) -> tuple[str, str]:
    return operation.deployment_id, operation.component
