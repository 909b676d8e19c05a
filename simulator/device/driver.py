"""The live reference device: the agent core over real sockets, files and time (asyncio)."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from simulator.device.clock import DeviceClock, SystemClock, Timer
from simulator.device.config import DeviceConfig
from simulator.device.durable import DamagedState, Durable
from simulator.device.events import CapabilitiesChanged, Effect, Log, LogKind, Point
from simulator.device.facts import Child, DeviceFacts
from simulator.device.life import Life, PowerLost, Surroundings, told
from simulator.device.storage import FileStorage, MemoryStorage, Storage
from simulator.device.telemetry import Collector
from simulator.device.transport import HttpsTransport, HttpTransport, Onboarded, Transport
from simulator.device.workloads import DeploymentView
from simulator.identity.svid import Svid
from simulator.protocol.capabilities import DeviceCapabilities

RESTART_S = 0.2
"""How long the device waits before it starts again after it could not store its state."""

Tampering = Literal[
    "stop-workload",
    "remove-workload",
    "edit-workload",
    "foreign-workload",
    "damage-state",
    "erase-state",
    "fill-storage",
    "free-storage",
]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of the device's log: when (device clock, seconds), what about, what."""

    at: float
    kind: LogKind
    message: str


class SimulatedDevice:
    """A reference device that can be started, rebooted, cut off and tampered with.

    Everything is used from one event loop. What runs on the machine outlives the agent; `workloads` tells the truth of
    it. `transport` and `clock` may be replaced, for tests and simulated time.
    """

    def __init__(
        self, config: DeviceConfig, *, clock: DeviceClock | None = None, transport: Transport | None = None
    ) -> None:
        self.config = config
        self.facts = config.facts()
        self.machine = config.machine_class(config.scripts, environment=config.collector)
        self.storage: Storage = FileStorage(config.storage) if config.storage else MemoryStorage()
        self.log: list[LogEntry] = []
        self.points: list[str] = []
        self._clock = clock or SystemClock()
        self._transport = transport
        self._random = random.Random(config.seed)  # noqa: S311 - spreads retries, guards nothing
        self._life: Life | None = None
        self._collector: Collector | None = None
        self.lost_at: str | None = None
        """Before what the power was cut last; None while a cut that was asked for has not come."""
        self._cut_at: str | int | None = None
        self._cut_after = 0
        self._restart_after_cut = True
        self._changed = asyncio.Event()
        self._restart_timer: Timer | None = None
        self._spoiling: Callable[[], None] | None = None
        self._ending: set[asyncio.Task[None]] = set()

    # --- what it is like ---------------------------------------------------------------------------------

    @property
    def device_id(self) -> str:
        """The device's own id."""
        return self.facts.device_id

    @property
    def running(self) -> bool:
        """Whether the agent runs."""
        return self._life is not None

    @property
    def workloads(self) -> Mapping[str, DeploymentView]:
        """What is on the machine, by deployment id: the truth, whatever was reported."""
        return self.machine.view()

    @property
    def state(self) -> Durable:
        """The agent's state: as it is while it runs, as stored while it does not (empty when there is none)."""
        if self._life is not None:
            return self._life.agent.snapshot()
        try:
            return self.storage.load() or Durable()
        except DamagedState:
            return Durable()

    @property
    def security_log(self) -> list[LogEntry]:
        """The security events (DS-070)."""
        return [entry for entry in self.log if entry.kind == "security"]

    # --- power -------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Power on; nothing happens when it is on."""
        if self._life is not None:
            return
        self._cancel_restart()
        self.machine.boot(restore=self.config.policies.reboot_offline == "restore-last")
        self._begin_life()

    async def stop(self) -> None:
        """Power off in an orderly way and close every connection; nothing happens when it is off."""
        self._cancel_restart()
        life, self._life = self._life, None
        if life is not None:
            await life.end()
            self.machine.power_lost()
        self._spoil_again()
        if self._ending:
            await asyncio.gather(*self._ending)
        await self._close()
        self._notify()

    async def reboot(self) -> None:
        """Power off and on (RB-01)."""
        await self.stop()
        await self.start()

    async def power_cut(self, at: str | int | None = None, *, after: int = 0, restart: bool = True) -> None:
        """Cut the power: now, when the agent next comes to the named point, or before its n-th effect from now.

        With `restart` the power comes back at once; otherwise `start` brings it back. Points: manifest-taken,
        artefacts-fetched, component-installing, state-stored, status-sent, capabilities-sent (RB-03). With `after`,
        it is the effect of that number behind the point before which the power is cut.
        """
        self._restart_after_cut = restart
        self._cut_after, self.lost_at = after, None
        if at is not None:
            self._cut_at = at
            return
        await self.stop()
        if restart:
            await self.start()

    def spare(self) -> None:
        """Forget a power cut that was asked for and has not come."""
        self._cut_at = None

    async def factory_reset(self) -> None:
        """Reset to the state of delivery, as the policy says, and start again if it was on (FB-06, DR-01)."""
        was_on = self.running
        await self.stop()
        self.machine.clear()
        policies = self.config.policies
        if policies.factory_reset == "forget":
            self.storage.erase()
            if isinstance(self._transport, Onboarded):
                self._transport.forget()
        elif policies.version_regression == "accept-after-reset":
            self.storage.save(Durable(announced=self.state.announced))
        self.facts = self.config.facts()
        if was_on:
            await self.start()

    async def configure(self, **changes: Any) -> None:
        """Change the configuration (fields of DeviceConfig) and restart the agent; raises TypeError for other names."""
        was_on = self.running
        await self.stop()
        self.config = replace(self.config, **changes)
        self.machine.scripts = self.config.scripts
        if isinstance(self._transport, HttpsTransport):
            self._transport = None
        if was_on:
            await self.start()

    async def renew_svid(self, svid: Svid) -> None:
        """Present another SVID from the next connection on (RB-12, ID-39)."""
        self.config = replace(self.config, svid=svid)
        if isinstance(self._transport, HttpTransport):
            self._transport.renew(svid)

    # --- facts -------------------------------------------------------------------------------------------

    def change_capabilities(self, capabilities: DeviceCapabilities) -> None:
        """Have other capabilities of the device itself (DC-004)."""
        self._change_facts(replace(self.facts, own=capabilities))

    def attach_child(self, capabilities: DeviceCapabilities, *, reachable: bool = True) -> None:
        """Put a device behind this gateway, or change it; its `properties.id` is the whole path (DC-012)."""
        self._change_facts(self.facts.with_child(Child(capabilities, reachable)))

    def detach_child(self, device_id: str) -> None:
        """Take a device away from behind this gateway (DC-036)."""
        self._change_facts(self.facts.without_child(device_id))

    def set_child_reachable(self, device_id: str, *, reachable: bool) -> None:
        """Cut a child off from the gateway, or connect it again (error 102); raises KeyError for an unknown child."""
        child = self.facts.child(device_id)
        if child is None:
            raise KeyError(device_id)
        self._change_facts(self.facts.with_child(replace(child, reachable=reachable)))

    def tamper(
        self,
        what: Tampering,
        deployment_id: str = "",
        component: str = "",
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        """Change something behind the agent's back (MM-01..MM-03, MM-06); raises KeyError when it is not there.

        `foreign-workload` takes its name from `component`; storage that is filled stays full until it is freed (PF-09).
        State that is damaged or erased while the device is on stays so when it goes off, whatever it stored meanwhile.
        """
        match what:
            case "stop-workload":
                self.machine.stop_workload(deployment_id, component)
            case "remove-workload":
                self.machine.remove_workload(deployment_id, component)
            case "edit-workload":
                self.machine.edit_workload(deployment_id, component, parameters or {"edited": True})
            case "foreign-workload":
                self.machine.add_foreign(component or "foreign")
            case "damage-state":
                self._spoil(self.storage.damage)
            case "erase-state":
                self._spoil(self.storage.erase)
            case "fill-storage" | "free-storage":
                self.storage.full = what == "fill-storage"

    # --- waiting -----------------------------------------------------------------------------------------

    async def wait_for(self, condition: Callable[["SimulatedDevice"], bool], within_s: float = 10.0) -> None:
        """Wait until a condition holds; it is tried after each step of the agent. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while not condition(self):
                self._changed.clear()
                await self._changed.wait()

    async def wait_for_point(self, name: str, within_s: float = 10.0) -> None:
        """Wait until the agent comes to a point once more. Raises TimeoutError."""
        before = self.points.count(name)
        await self.wait_for(lambda device: device.points.count(name) > before, within_s)

    # --- inside ------------------------------------------------------------------------------------------

    def _begin_life(self) -> None:
        self._transport = self._transport or self.config.transport(self._clock.now)
        agent = self.config.agent_class(self.config.settings(), self.facts, self._load(), self._random.random)
        around = Surroundings(
            machine=self.machine,
            storage=self.storage,
            transport=self._transport,
            clock=self._clock,
            on_effect=self._on_effect,
            on_step=self._notify,
            on_end=self._on_end,
            retriever=self.config.retriever_class(self.config.registries) if self.config.registries else None,
        )
        self._life = Life(agent, around)
        self._life.start()
        if self.config.export_url and self._collector is None:
            export_s = self.config.export_interval_s
            self._collector = self.config.collector_class(
                self.device_id, self.machine, self.config.export_url, export_s
            )
            self._collector.start()

    def _load(self) -> Durable | None:
        try:
            return self.storage.load()
        except DamagedState as error:
            self._note("failure", f"state is lost, starting without: {error}")
            return None

    async def _close(self) -> None:
        """Close every connection."""
        collector, self._collector = self._collector, None
        if collector is not None:
            await collector.stop()
        if self._transport is not None:
            await self._transport.close()

    def _change_facts(self, facts: DeviceFacts) -> None:
        self.facts = facts
        if self._life is not None:
            self._life.put(CapabilitiesChanged(facts))

    def _on_effect(self, effect: Effect) -> None:
        if isinstance(self._cut_at, int):
            self._cut_at -= 1
            if self._cut_at <= 0:
                self._lose_power(told(effect))
        if isinstance(effect, Log):
            self._note(effect.kind, effect.message)
        elif isinstance(effect, Point):
            self.points.append(effect.name)
            if effect.name == self._cut_at and self._cut_after:
                self._cut_at = self._cut_after
            elif effect.name == self._cut_at:
                self._lose_power(effect.name)

    def _lose_power(self, where: str) -> None:
        self._cut_at, self.lost_at = None, where
        raise PowerLost(where)

    def _on_end(self, reason: Exception) -> None:
        """The life ended between two effects: for want of power, or since its state could not be stored."""
        self._life = None
        self._spoil_again()
        lost = isinstance(reason, PowerLost)
        self._note("info" if lost else "failure", f"{'power lost at' if lost else 'state cannot be stored:'} {reason}")
        if lost:
            self.machine.power_lost()
        task = asyncio.get_running_loop().create_task(self._close())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        if not lost or self._restart_after_cut:
            delay = 0.0 if lost else RESTART_S
            self._restart_timer = self._clock.call_later(delay, lambda: self._restart(booting=lost))
        self._notify()

    def _restart(self, *, booting: bool) -> None:
        self._restart_timer = None
        if self._life is None:
            if booting:
                self.machine.boot(restore=self.config.policies.reboot_offline == "restore-last")
            self._begin_life()

    def _spoil(self, spoil: Callable[[], None]) -> None:
        spoil()
        self._spoiling = spoil if self.running else None

    def _spoil_again(self) -> None:
        spoil, self._spoiling = self._spoiling, None
        if spoil is not None:
            spoil()

    def _cancel_restart(self) -> None:
        if self._restart_timer is not None:
            self._restart_timer.cancel()
            self._restart_timer = None

    def _note(self, kind: LogKind, message: str) -> None:
        self.log.append(LogEntry(self._clock.now(), kind, message))

    def _notify(self) -> None:
        self._changed.set()
