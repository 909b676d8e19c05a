"""The device's seat: who sits there, and what can be done to it beyond what its counterpart and the network can do."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from conformance.bench.device_binding import counterpart
from conformance.bench.device_shapes import shape_of
from conformance.bench.device_world import CLIENT_ID, Endpoint, World
from conformance.bench.ics import Ics
from conformance.bench.loop import BackgroundLoop
from conformance.bench.recorder import Recorder
from simulator.device.clock import SystemClock
from simulator.device.config import DeviceConfig
from simulator.device.driver import SimulatedDevice, Tampering
from simulator.device.facts import default_capabilities
from simulator.device.mutants import MUTANTS
from simulator.device.policies import Policies
from simulator.device.retrieval import RegistryAccess
from simulator.device.runtimes import ComponentScript
from simulator.device.settings import DailyWindow, Window
from simulator.device.transport import Limits
from simulator.identity.mis_trust import MisTrust
from simulator.identity.svid import Svid
from simulator.identity.trust import TrustSource
from simulator.protocol.capabilities import DeviceCapabilities

POLL_S = 0.02
"""How often the simulated device polls: as often as makes the suite quick."""
DRIFT_S = 0.3
"""How often it looks at its machine; less often when it polls less often."""
RETRY_CAP_S = 8.0
"""How long it waits at most before it tries again; longer when it polls less often."""
SLOW_S = 0.5
RESTART_S = 180.0
"""How long a real device may take until it tells that it is up again."""
FETCH_S = 1.0
"""How long the simulated device waits for its component registry."""
SCRIPTS: Mapping[str, ComponentScript] = {
    "slow": ComponentScript(duration_s=SLOW_S),
    "fails": ComponentScript(fails_at="start"),
    "fails slowly": ComponentScript(duration_s=SLOW_S, fails_at="start"),
    "cannot be fetched": ComponentScript(fails_at="pull"),
    "never ready": ComponentScript(hangs=True),
    "unhealthy": ComponentScript(fails_at="health"),
    "healthy only after a while": ComponentScript(healthy_after_s=SLOW_S),
    "fails to go": ComponentScript(removal_fails=1),
    "fine": ComponentScript(),
}
"""How a component of the simulated device can behave, by the words of the scenarios."""
SETTINGS: Mapping[str, str] = {
    "poll_s": "poll_interval_s",
    "install_retry_s": "install_retry_s",
    "offline_stop_s": "offline_stop_after_s",
    "proxy": "proxy_url",
    "export": "export_url",
}
"""Settings of the simulated device that are one number or text each, by the names of the bench."""


class DeviceSeat(Protocol):
    """A device as the bench reaches it. Coroutines run on the bench's loop; `hooks` tells which of them work."""

    hooks: frozenset[str]
    keeps_state: bool
    """Whether the device and its counterpart outlive a scenario."""
    memory: dict[str, Any]
    """What is known of the device from earlier scenarios."""
    patience_s: float
    """How long, at most, it takes to do something to the device."""
    poll_s: float | None
    """How many seconds the device is said to leave between two polls; None where nobody says."""

    def world(self, recorder: Recorder, loop: BackgroundLoop) -> World:
        """Give the counterpart."""
        ...

    async def open(self, world: World) -> None:
        """Have the counterpart ready."""
        ...

    async def start(self, world: World) -> None:
        """Have the device there."""
        ...

    async def begin_unmanaged(self, world: World) -> None:
        """See to it that the device, once it is started, has never been managed."""
        ...

    async def close(self, world: World) -> None:
        """Leave both seats, as far as they end with a scenario."""
        ...

    async def reboot(self) -> float | None:
        """Switch off and on; gives for how many seconds the device says to be up then, None where it cannot tell."""
        ...

    def power_cut(self, at: str, loop: BackgroundLoop) -> Callable[[], None]:
        """Cut the power at a named point; call what is given to wait for that and to have the power back."""
        ...

    async def factory_reset(self) -> None:
        """Reset to the state of delivery."""
        ...

    async def configure(self, settings: Mapping[str, Any]) -> Any:
        """Change settings, by the names of `SimulatedSeat.configure`; gives what is told of them as they are then."""
        ...

    async def script(self, deployment_id: str, component: str, behaviour: str) -> Any:
        """Have a component behave as in `SCRIPTS`; gives what is told of it, such as its `behaviour`."""
        ...

    async def tamper(self, what: Tampering, deployment_id: str = "", component: str = "") -> Any:
        """Change something behind the device's back; gives what is told of it, such as the space that is `free`."""
        ...

    async def workloads(self) -> dict[str, dict[str, str]] | None:
        """Tell what runs: deployment, component, revision; None when that cannot be seen."""
        ...

    async def renew(self, svid: Svid, *, expired: bool = False) -> None:
        """Give the device another credential for the same client, to be used from the next connection on."""
        ...

    async def replace(self, own: Mapping[str, Any]) -> None:
        """Put a unit in the device's place that knows nothing, and has another credential: see `World.reissued`."""
        ...

    async def inspect(self) -> dict[str, Any] | None:
        """Look into what is there, by deployment and component; None when that cannot be seen.

        Of each: `configuration`, `containers` with their environment, and `begun`: how often it was started.
        """
        ...

    async def log(self) -> list[dict[str, str]] | None:
        """Read the device's log: `kind` (`security`, or another) and `message` of each entry; None if it cannot be."""
        ...


class SimulatedSeat:
    """The built-in device, new for each scenario, or one of its broken variants."""

    keeps_state = False
    patience_s = 30.0
    poll_s: float | None = POLL_S
    hooks = frozenset(
        {
            "reboot",
            "power-cut",
            "effects",
            "factory-reset",
            "network",
            "fault",
            "configure",
            "tamper",
            "identity",
            "trust-service",
            "registry",
            "inspect",
            "log",
            "children",
        }
    )

    def __init__(self, ics: Ics, mutant: str | None) -> None:
        self.ics = ics
        shape = shape_of(ics, CLIENT_ID)
        # the id that deployments are for is known before the device ever said it, as a supplier would tell it
        self.memory: dict[str, Any] = {"host": shape.host or shape.device_id}
        self.trust: TrustSource | None = None
        """Where the device takes its trust bundle from; the one it was handed unless something else is set."""
        self.device: SimulatedDevice | None = None
        self._unix: Callable[[], float] = time.time
        self._fetching: asyncio.Task[None] | None = None
        self._mutant = MUTANTS[mutant] if mutant else None

    def world(self, recorder: Recorder, loop: BackgroundLoop) -> World:
        """Make a trust domain of its own."""
        del loop
        return counterpart(self.ics.revision)(recorder, Endpoint())

    async def open(self, world: World) -> None:
        """Open the counterpart."""
        await world.start()

    async def start(self, world: World) -> None:
        """Make the device and switch it on."""
        if isinstance(self.trust, MisTrust):
            # the first bundle may never come, which must not keep the device from starting
            self._fetching = asyncio.create_task(self.trust.start())
        self._unix = world.recorder.unix
        self.device = SimulatedDevice(self.config(world), clock=SystemClock(self._unix))
        await self.device.start()

    async def begin_unmanaged(self, world: World) -> None:
        """Do nothing: each is new."""

    def config(self, world: World) -> DeviceConfig:
        """Give the device's configuration, as its statement says it is."""
        plain = DeviceConfig(
            wfm_url=world.url,
            **world.provisions(self.trust),
            **shape_of(self.ics, CLIENT_ID).fields(),
            policies=Policies.of(self.ics.policies),
            poll_interval_s=POLL_S,
            retry_base_s=POLL_S,
            retry_cap_s=RETRY_CAP_S,
            retry_attempts=4,
            removal_retry_s=0.3,
            limits=Limits(request_timeout_s=2.0),
            drift_interval_s=DRIFT_S,
            registries=RegistryAccess(world.registry.anchors, timeout_s=FETCH_S) if world.registry else None,
        )
        if self._mutant is None:
            return plain
        if self._mutant.presents is not None and plain.svid is not None:
            plain = replace(plain, svid=self._mutant.presents(world.authority, world.device_svid.spiffe_id))
        return self._mutant.apply(plain)

    async def close(self, world: World) -> None:
        """Switch the device off and close the counterpart."""
        if self.device is not None:
            await self.device.stop()
        await self._stop_fetching()
        await world.stop()

    async def retrust(self, trust: MisTrust) -> None:
        """Restart the device with a trust source that knows only what it was configured with and what was stored."""
        await self._stop_fetching()
        self.trust = trust
        self._fetching = asyncio.create_task(trust.start())
        await self._on.configure(trust=trust)

    async def _stop_fetching(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)
        if isinstance(self.trust, MisTrust):
            await self.trust.stop()

    @property
    def _on(self) -> SimulatedDevice:
        if self.device is None:
            raise RuntimeError("the device was never started")
        return self.device

    async def reboot(self) -> float:
        """Switch off and on."""
        await self._on.reboot()
        return 0.0

    def power_cut(self, at: str, loop: BackgroundLoop) -> Callable[[], None]:
        """Cut the power when the agent comes to a point; the power comes back when what is given is called."""
        device = self._on
        loop.run(device.power_cut(at, restart=False))

        def power_up() -> None:
            loop.run(_back(device))

        return power_up

    async def factory_reset(self) -> None:
        """Reset to the state of delivery."""
        await self._on.factory_reset()

    async def configure(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Change settings, each by its name; all of them are in force then.

        `poll_s`: distance of polls; `install_retry_s`: when a failed installation is tried again; `offline_stop_s`: how
        long workloads run on without the WFM; `answer_s`: how long an answer is waited for; `proxy`: the URL of a
        forward proxy; `export`: the OTLP endpoint that telemetry goes to, None for nowhere; `types`: the deployment
        types that it has; `downtime_s`: how long a downtime lasts from now on; `not_before_s`: when the hours of
        polling begin; `serial`: another serial number; `child`, `gone`, `unreachable`, `reachable`: a device behind
        this one that comes, goes, cannot be reached, or can be reached again.
        """
        device = self._on
        now = self._unix()
        await _set_plainly(device, settings)
        if "downtime_s" in settings:
            await device.configure(downtime=(Window(now, now + settings["downtime_s"]),))
        if "not_before_s" in settings:
            start = now + settings["not_before_s"]
            await device.configure(polling_hours=(DailyWindow(start, start + 3600.0),))
        if "serial" in settings:
            own = device.facts.own
            properties = own.properties.model_copy(update={"serial_number": settings["serial"]})
            device.change_capabilities(own.model_copy(update={"properties": properties}))
        if "child" in settings:
            device.attach_child(default_capabilities(settings["child"]))
        if "gone" in settings:
            device.detach_child(settings["gone"])
        if "unreachable" in settings:
            device.set_child_reachable(settings["unreachable"], reachable=False)
        if "reachable" in settings:
            device.set_child_reachable(settings["reachable"], reachable=True)
        return dict(settings)

    async def script(self, deployment_id: str, component: str, behaviour: str) -> dict[str, str]:
        """Have a component behave as in `SCRIPTS`."""
        del deployment_id
        machine = self._on.machine
        machine.scripts = {**machine.scripts, component: SCRIPTS[behaviour]}
        return {"behaviour": behaviour}

    async def tamper(self, what: Tampering, deployment_id: str = "", component: str = "") -> dict[str, int] | None:
        """Change something behind the agent's back."""
        self._on.tamper(what, deployment_id, component)
        return {"free": 0} if self._on.storage.full else None

    async def workloads(self) -> dict[str, dict[str, str]]:
        """Tell what runs."""
        parts = {
            name: {part.name: part.revision for part in view.components.values() if part.running}
            for name, view in self._on.workloads.items()
        }
        return {name: running for name, running in parts.items() if running}

    async def renew(self, svid: Svid, *, expired: bool = False) -> None:
        """Give the device another credential."""
        del expired
        await self._on.renew_svid(svid)

    async def replace(self, own: Mapping[str, Any]) -> None:
        """Give the device another credential, then reset it."""
        # its key first: a unit that was reset would poll with the one of its predecessor until it had its own
        await self._on.configure(**own)
        await self._on.factory_reset()

    async def inspect(self) -> dict[str, Any]:
        """Look into what is there."""
        return inspection(self._on)

    async def log(self) -> list[dict[str, str]]:
        """Read the device's log."""
        return log_of(self._on)


def inspection(device: SimulatedDevice) -> dict[str, Any]:
    """Tell of every component its configuration, the environment of its containers, and how often it was begun."""
    begun = device.machine.started
    return {
        name: {
            part.name: {
                "configuration": part.configuration,
                "containers": {one: dict(variables) for one, variables in part.containers.items()}
                if part.running
                else {},
                "begun": begun.get((name, part.name), 0),
                "files": {path: f"{mode:04o}" for path, mode in part.files.items()},
            }
            for part in view.components.values()
        }
        for name, view in device.workloads.items()
    }


def log_of(device: SimulatedDevice) -> list[dict[str, str]]:
    """Tell what the device has logged so far."""
    return [{"kind": entry.kind, "message": entry.message} for entry in device.log]


async def _set_plainly(device: SimulatedDevice, settings: Mapping[str, Any]) -> None:
    plain = {SETTINGS[name]: value for name, value in settings.items() if name in SETTINGS}
    if "poll_s" in settings:
        slow = settings["poll_s"]
        plain |= {"drift_interval_s": max(DRIFT_S, slow), "retry_cap_s": max(RETRY_CAP_S, slow)}
    if "answer_s" in settings:
        plain["limits"] = Limits(request_timeout_s=settings["answer_s"])
    if plain:
        await device.configure(**plain)
    if "types" in settings:
        _set_types(device, tuple(settings["types"]))


def _set_types(device: SimulatedDevice, types: tuple[str, ...]) -> None:
    """Change the deployment types of what hosts workloads: the device, or what is behind one that hosts nothing."""

    def with_types(capabilities: DeviceCapabilities) -> DeviceCapabilities:
        properties = capabilities.properties.model_copy(update={"supported_deployment_types": types})
        return capabilities.model_copy(update={"properties": properties})

    if device.facts.own.properties.supported_deployment_types is not None:
        device.change_capabilities(with_types(device.facts.own))
        return
    for child in device.facts.children:
        device.attach_child(with_types(child.capabilities), reachable=child.reachable)


async def _back(device: SimulatedDevice) -> None:
    with contextlib.suppress(TimeoutError):
        await device.wait_for(lambda one: not one.running, within_s=5.0)
    await device.start()
