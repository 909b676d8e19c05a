"""A real device in the subject's seat: it connects by itself, and hooks do to it what they are declared for."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.bench.connection_sheet import write_sheet
from conformance.bench.device_binding import counterpart
from conformance.bench.device_restart import uptime_after_restart
from conformance.bench.device_services import Services
from conformance.bench.device_subject import SLOW_S
from conformance.bench.device_world import KEPT, Endpoint, World
from conformance.bench.errors import Blocked, UsageError
from conformance.bench.flood import IN_A_ROW, Tally
from conformance.bench.hooks.abilities import BUILT_IN
from conformance.bench.hooks.calling import Call, HookFailed, Nobody, Person, carry_out
from conformance.bench.hooks.model import Hook
from conformance.bench.loop import BackgroundLoop
from conformance.bench.recorder import Recorder
from conformance.catalogue import DEFAULT_REVISION
from conformance.checks.evidence import Record
from conformance.record import redact
from simulator.device.driver import Tampering
from simulator.identity.files import write_private
from simulator.identity.svid import CERTIFICATE_FILE, KEY_FILE, Svid

MARGIN_S = 30.0
"""How much longer than a hook itself whoever called it waits."""
OFF_S = 1.0
"""How long the power stays away."""
AS_BEFORE_S = 10.0
"""How long a device has, once it was configured back, to report of itself what it did before."""
LOOK_S = 0.1
MOMENT_S = 120.0
"""How long a point of an update is waited for."""
TELL_S = 10.0
CHILD_SETTINGS = frozenset({"child", "gone", "unreachable", "reachable"})
TELLING = frozenset({"workloads", "inspect", "log", "uptime"})
TAKING_LONG = frozenset({"slow", "fails slowly", "healthy only after a while"})
"""What a component is told a time for."""
STATE = "state.json"
MAX_SAID = 2000


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How a real device is served: where, with what hooks, and who tells and asks people.

    `directory` is where credentials are written and kept. `reuse` takes up those of an earlier run found there.
    """

    endpoint: Endpoint
    directory: Path
    hooks: Mapping[str, Hook] = field(default_factory=dict)
    reuse: bool = False
    revision: str = DEFAULT_REVISION
    person: Person = field(default_factory=Nobody)
    tell: Callable[[str], object] = sys.stderr.write


class ExternalSeat:
    """The device and its one counterpart, which is made with the first scenario and stays until the run ends."""

    keeps_state = True
    poll_s: float | None = None

    def __init__(self, arrangement: Arrangement) -> None:
        self.memory: dict[str, Any] = {}
        self.hooks = offered(arrangement.endpoint) | frozenset(arrangement.hooks)
        self.services: Services | None = None
        """What stands beside the WFM, once the counterpart is open."""
        longest = max((hook.timeout for hook in arrangement.hooks.values()), default=0.0)
        self.patience_s = longest + MARGIN_S
        self._how = arrangement
        self._kept = arrangement.directory / KEPT
        self._world: World | None = None
        self._open = False
        self._held_off = False
        self._highest = 0
        """The highest version that the device was ever shown."""
        self._told: Mapping[str, Any] = {}
        """What the devices had reported of themselves before one was configured otherwise."""
        self._undo: dict[str, str] = {}
        """Hooks that changed something in this scenario, each with the action that takes it back."""
        self._waiting: asyncio.Task[None] | None = None
        self._last_credential = 0

    # --- the counterpart --------------------------------------------------------------------------------------------

    def world(self, recorder: Recorder, loop: BackgroundLoop) -> World:
        """Give the one counterpart."""
        if self._world is None:
            self._world = self._made(recorder)
            loop.at_close(self._world.stop)
        return self._world

    def _made(self, recorder: Recorder) -> World:
        if not (self._how.reuse and (self._kept / STATE).is_file()):
            return counterpart(self._how.revision)(recorder, self._how.endpoint, tally=Tally())
        state = json.loads((self._kept / STATE).read_bytes())
        self.memory = {"capabilities": state["capabilities"]}
        kind = counterpart(self._how.revision)
        world = kind.restored(recorder, self._how.endpoint, self._how.directory, state)
        self.memory["version"] = int(state["version"])
        return world

    async def open(self, world: World) -> None:
        """Open the port and hand out the credentials once; later, start from an empty desired state.

        Raises Blocked for a device that has flooded the bench again and again.
        """
        if world.tally.hopeless:
            await world.link.cut()
            raise Blocked(f"the device flooded the bench in {IN_A_ROW} scenarios one after the other: it is not let in")
        if not self._open:
            await self._first(world)
            return
        await world.undisturb()
        await world.link.restore()
        if world.presented != "good":
            await world.present("good")
        if world.core.client(
            world.client_id
        ).retired:  # by a scenario that ended before it took the relationship up again
            await world.retire(retired=False)
        if world.documents:
            await world.change(drop=list(world.documents))

    async def _first(self, world: World) -> None:
        endpoint = self._how.endpoint
        try:
            await world.start()
        except OSError as error:
            raise UsageError(f"--listen {endpoint.host}:{endpoint.port}: {error.strerror}") from None
        self.services = Services(endpoint, self._kept, reuse=self._how.reuse)
        try:
            await self.services.open(world)
        except OSError as error:
            where = f"{endpoint.registry} and {endpoint.identity} of {endpoint.host}"
            raise UsageError(f"--registry-port and --identity-port: {where}: {error.strerror}") from None
        self._open = True
        if "version" in self.memory:  # the device has seen this version: the next one has to be higher
            await world.change(version=self.memory.pop("version") + 1)
        world.authority.write(self._kept)
        self._keep(world)
        sheet = write_sheet(self._how.directory, world)
        self._how.tell(f"{sheet}\n\nwritten to {sheet.folder}; waiting for the device\n")
        self._waiting = asyncio.create_task(self._tell_of_waiting(world))

    async def _tell_of_waiting(self, world: World) -> None:
        """Say what is seen of the device until its first request is there."""
        waited = 0.0
        while not world.tally.requests:
            await asyncio.sleep(TELL_S)
            waited += TELL_S
            if not world.tally.requests:
                came = world.tally.who_came(world.link.accepted, world.url, waited)
                self._how.tell(f"waiting for the device: {came}\n")

    def _keep(self, world: World) -> None:
        """Keep what another run needs to go on with the same device."""
        capabilities = self.memory.get("capabilities", {})
        offered = [fact.data.get("version") or 0 for fact in world.recorder.record().facts_of("offered")]
        self._highest = max([self._highest, world.version, *offered])
        state = {"version": self._highest, "capabilities": capabilities, **world.kept()}
        if world.registry is not None:
            state["registry"] = world.registry.port
        if world.mis is not None:
            state["identity"] = world.mis.port
        write_private(self._kept / STATE, json.dumps(state).encode())

    async def start(self, world: World) -> None:
        """Let the device connect: one that is to be as new is reset before."""
        if not self._held_off:
            return
        self._held_off = False
        world.recorder.note("factory-reset")
        await self._call("factory-reset", "reset")
        if not _cut_by_scenario(world.recorder.record()):
            await world.link.restore()

    async def begin_unmanaged(self, world: World) -> None:
        """Keep a device that was here before away until it is switched on, when it is reset."""
        if self.memory.get("came"):
            self._held_off = True
            await world.link.cut()

    async def close(self, world: World) -> None:
        """Let the device be for the next scenario: nothing is disturbed any more, what was changed is taken back."""
        await world.undisturb()
        if not self._open:
            return
        for fact in world.recorder.record().facts_of("flooded"):
            self._how.tell(f"the device floods the bench: {fact.data['seen']}; the rest of the scenario says nothing\n")
        if not world.tally.hopeless:
            await world.link.restore()
        self._keep(world)
        for hook, action in self._undo.items():
            with contextlib.suppress(Blocked):  # it stands in the record
                await self._call(hook, action, **(self._own_credential if hook == "identity" else {}))
        if "configure" in self._undo:
            await self._is_as_before(world)
        self._undo.clear()
        if world.tally.requests:
            self.memory["came"] = True
            if self._waiting is not None:
                self._waiting.cancel()

    async def _is_as_before(self, world: World) -> None:
        """Wait until the device reports of itself what it did before it was configured otherwise, if it had said so."""
        for _ in range(round(AS_BEFORE_S / LOOK_S)):
            if not self._told or world.told_of_devices() == self._told:
                return
            await asyncio.sleep(LOOK_S)

    # --- the device -------------------------------------------------------------------------------------------------

    async def reboot(self) -> float | None:
        """Switch off and on; the network is away meanwhile, so that what comes later comes after the restart.

        Gives for how many seconds the device is up then, by the hook `uptime`.
        """
        told: list[float | None] = [None]
        hook, now = self._how.hooks.get("uptime"), self._there.recorder.now
        began = now()

        async def ask() -> None:
            if hook is not None:
                told[0] = await uptime_after_restart(
                    lambda: self._call("uptime", "look"), lambda: now() - began, hook.timeout
                )

        await self._unheard("reboot", "reboot", "rebooted", ask)
        return told[0]

    async def factory_reset(self) -> None:
        """Reset to the state of delivery, with the network away meanwhile."""
        await self._unheard("factory-reset", "reset", "factory-reset")

    async def forget(self, then: Callable[[], object]) -> None:
        """Reset the device, which forgets whom it trusts; `then` is called before the WFM can be reached again."""

        async def meanwhile() -> None:
            then()

        await self._unheard("factory-reset", "reset", "factory-reset", meanwhile)

    def power_cut(self, at: str, loop: BackgroundLoop) -> Callable[[], None]:
        """Cut the power at a named point; the power comes back when what is given is called.

        A hook that is `precise` is told of the point now; otherwise its coming is seen on the wire. Raises Blocked.
        """
        hook = self._hook("power-cut")
        world = self._there
        armed = world.recorder.now()
        self._undo["power-cut"] = "restore"
        if hook.precise:
            loop.run(self._call("power-cut", "arm", at=at), self.patience_s)

        def power_up() -> None:
            if not hook.precise:
                if not world.recorder.until(lambda record: _came_to(record, at, armed), MOMENT_S):
                    raise Blocked(f"the point {at} was not seen within {MOMENT_S:g} s, so the power was not cut")
                loop.run(self._call("power-cut", "cut", at=at), self.patience_s)
            loop.run(self._power_back(at, hook), self.patience_s)

        return power_up

    async def _power_back(self, at: str, hook: Hook) -> None:
        world = self._there
        if not hook.precise:  # a device that cuts its own power needs the network until it comes to the point
            await world.link.cut()
            await asyncio.sleep(OFF_S)
        try:
            await self._call("power-cut", "restore", at=at)
            self._undo.pop("power-cut", None)
        finally:
            await world.link.restore()

    async def configure(self, settings: Mapping[str, Any]) -> Any:
        """Change settings; those of devices behind a gateway are another hook's. Gives what the hook answers."""
        name = "children" if CHILD_SETTINGS & set(settings) else "configure"
        if name not in self._undo:
            self._told = self._there.told_of_devices()
        self._undo[name] = "restore"
        return await self._call(name, "set", settings=dict(settings))

    async def script(self, deployment_id: str, component: str, behaviour: str) -> Any:
        """Have a component behave in a way; gives what the hook answers."""
        self._undo["fault"] = "clear"
        about = {"deployment": deployment_id, "component": component, "behaviour": behaviour}
        return await self._call("fault", "set", **about, **({"seconds": SLOW_S} if behaviour in TAKING_LONG else {}))

    async def tamper(self, what: Tampering, deployment_id: str = "", component: str = "") -> Any:
        """Change something behind the device's back; gives what the hook answers."""
        return await self._call("tamper", what, deployment=deployment_id, component=component)

    async def renew(self, svid: Svid, *, expired: bool = False) -> None:
        """Give the device another credential, whose files are beside those of the sheet. Raises Blocked."""
        self._last_credential += 1
        certificate, key = svid.write(self._how.directory / "device" / f"renewed-{self._last_credential}")
        files = {"certificate": str(certificate.absolute()), "key": str(key.absolute())}
        self._undo["identity"] = "restore"
        await self._call("identity", "install", **files, expired=expired)
        if not expired:  # from now on this is the one of the sheet
            self._there.device_svid = svid
            svid.write(self._how.directory / "device")
            del self._undo["identity"]

    async def replace(self, own: Mapping[str, Any]) -> None:
        """Reset the device and give it another SVID before the WFM can be reached again. Raises Blocked without one."""
        world, svid = self._there, own.get("svid")
        if not isinstance(svid, Svid):
            raise Blocked("the bench cannot give a real device another certificate to sign with")
        await world.link.cut()
        try:
            await self._call("factory-reset", "reset")
            await self.renew(svid)
        finally:
            await world.link.restore()

    @property
    def _own_credential(self) -> dict[str, str]:
        folder = (self._how.directory / "device").absolute()
        return {"certificate": str(folder / CERTIFICATE_FILE), "key": str(folder / KEY_FILE)}

    async def inspect(self) -> dict[str, Any] | None:
        """Look into what runs, where a hook can. Raises Blocked when it tells something else."""
        if "inspect" not in self._how.hooks:
            return None
        told = await self._call("inspect", "look")
        if not _is_inspection(told):
            raise Blocked(
                "the hook inspect did not answer with {deployment: {component: {configuration, containers, begun}}}"
            )
        return dict(told)

    async def log(self) -> list[dict[str, str]] | None:
        """Read the device's log, where a hook can. Raises Blocked when it gives something else."""
        if "log" not in self._how.hooks:
            return None
        told = await self._call("log", "read")
        if not isinstance(told, list) or not all(isinstance(entry, dict) for entry in told):
            raise Blocked("the hook log did not answer with [{kind, message}]")
        return [{"kind": str(entry.get("kind")), "message": str(entry.get("message"))} for entry in told]

    async def workloads(self) -> dict[str, dict[str, str]] | None:
        """Tell what runs, where a hook can; raises Blocked when it tells something else."""
        if "workloads" not in self._how.hooks:
            return None
        told = await self._call("workloads", "look")
        if not isinstance(told, dict) or not all(isinstance(parts, dict) for parts in told.values()):
            raise Blocked("the hook workloads did not answer with {deployment: {component: revision}}")
        return {str(name): {str(part): str(rev) for part, rev in parts.items()} for name, parts in told.items()}

    # --- calling hooks ----------------------------------------------------------------------------------------------

    @property
    def _there(self) -> World:
        if self._world is None:
            raise RuntimeError("the counterpart was never made")
        return self._world

    def _hook(self, name: str) -> Hook:
        if name not in self._how.hooks:
            raise Blocked(f"there is no hook {name}")
        return self._how.hooks[name]

    async def _unheard(
        self, name: str, action: str, fact: str, then: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Call a hook while the network is away, which `then` is called before the end of."""
        world = self._there
        await world.link.cut()
        world.recorder.note(fact)
        try:
            await self._call(name, action)
            if then is not None:
                await then()
        finally:
            if not _cut_by_scenario(world.recorder.record()):
                await world.link.restore()

    async def _call(self, name: str, action: str, **more: Any) -> Any:
        """Call a hook and record what came of it; gives its reply. Raises Blocked when it failed."""
        hook, recorder = self._hook(name), self._there.recorder
        about: dict[str, Any] = {"hook": name, "by": hook.kind, "action": action, "asked": more}
        began = recorder.now()
        try:
            answer = await carry_out(hook, Call(name, action, more), self._how.person)
        except HookFailed as error:
            reason = redact.without_passwords(str(error))
            recorder.note("hook", **about, outcome="failed", reason=reason, seconds=round(recorder.now() - began, 3))
            raise Blocked(f"the hook {name} ({hook.kind}) failed: {reason}") from None
        said = redact.without_secrets(answer.said)[:MAX_SAID]
        took = round(recorder.now() - began, 3)
        if name not in TELLING:  # what it tells is recorded by whoever looks
            recorder.note("hook", **about, outcome="done", said=said, code=answer.code, seconds=took)
        return answer.reply


def kept_ports(directory: Path) -> Mapping[str, int]:
    """Give the ports of registry and identity service that an earlier run left, by their names in `Endpoint`."""
    try:
        state = json.loads((directory / KEPT / STATE).read_bytes())
    except (OSError, ValueError):
        return {}
    return {name: state[name] for name in ("registry", "identity") if isinstance(state.get(name), int)}


def offered(endpoint: Endpoint) -> frozenset[str]:
    """Give what the bench itself does for a real device: it is the network, and what it serves beside the WFM."""
    services = {"registry": endpoint.registry, "trust-service": endpoint.identity}
    return BUILT_IN | {name for name, port in services.items() if port is not None}


def _cut_by_scenario(record: Record) -> bool:
    """Whether the scenario itself has the network away now."""
    return len(record.facts_of("network-cut")) > len(record.facts_of("network-restored"))


def _is_inspection(told: Any) -> bool:
    """Whether an answer has, for every component of every deployment, what an inspection tells."""
    if not isinstance(told, dict) or not all(isinstance(parts, dict) for parts in told.values()):
        return False
    parts = [part for found in told.values() for part in found.values()]
    kinds = {"configuration": dict, "containers": dict, "begun": int}
    return all(isinstance(part, dict) and all(isinstance(part.get(n), k) for n, k in kinds.items()) for part in parts)


def _came_to(record: Record, point: str, since: float) -> bool:
    """Whether the requests of a device show that it came to a point of an update."""
    fetched = [
        item for item in record.exchanges if item.operation in _FETCHES and item.status == 200 and item.at > since
    ]
    reports = [report for report in record.reports if report.exchange.at > since]
    match point:
        case "manifest-taken":
            return any(poll.status == 200 and poll.at > since for poll in record.polls)
        case "artefacts-fetched":
            return bool(fetched)
        case "component-installing":
            return any(report.state in ("installing", "installed") for report in reports)
        case _:  # what is stored cannot be seen: a report comes after it
            return bool(reports)


_FETCHES = frozenset({"fetch-bundle", "fetch-deployment"})
