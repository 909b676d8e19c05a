"""The control port of `serve device`: what hooks ask for is done to the simulated device, so that it can be tested.

One route: `POST /hook` with the call as JSON (`hook`, `action` and what else the call carries, as `list hooks` shows).
The answer is 204, or 200 with JSON where something is told; 404 for an unknown hook, 409 for what cannot be done.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, get_args

from aiohttp import web
from cryptography import x509

from conformance.bench.device_subject import SCRIPTS, SETTINGS, inspection, log_of
from conformance.cli.device_trust_source import ServiceTrust
from simulator.device.config import DeviceConfig
from simulator.device.driver import SimulatedDevice, Tampering
from simulator.device.facts import default_capabilities
from simulator.device.settings import DailyWindow, Window
from simulator.device.transport import Limits
from simulator.identity.errors import IdentityError
from simulator.identity.svid import Svid

Done = Awaitable[object]
MAX_CALL = 64 * 1024
MAX_LINES = 200
"""How much of the log is told: the newest lines."""
WINDOW_S = 3600.0
OFF_WITHIN_S = 60.0
OTHER_SETTINGS = ("answer_s", "downtime_s", "not_before_s", "serial", "types", "discovery", "pin")
CONFIGURABLE = (*SETTINGS.values(), "limits", "downtime", "polling_hours")
"""Fields of the configuration that calls may change."""


class DeviceControl:
    """Does to a simulated device what hooks ask for."""

    def __init__(self, device: SimulatedDevice, trust: ServiceTrust | None = None) -> None:
        self._device = device
        self._trust = trust
        self._delivered: DeviceConfig = device.config
        self._up = time.monotonic()
        self._hooks: Mapping[str, Callable[[Mapping[str, Any]], Done]] = {
            "reboot": self._reboot,
            "power-cut": self._power,
            "factory-reset": self._reset,
            "configure": self._configure,
            "children": self._children,
            "fault": self._fault,
            "tamper": self._tamper,
            "workloads": self._workloads,
            "inspect": self._inspect,
            "log": self._log,
            "uptime": self._uptime,
            "identity": self._identity,
        }

    def app(self) -> web.Application:
        """Give the application to serve, on the loopback only: it obeys whoever calls."""
        app = web.Application(client_max_size=MAX_CALL)
        app.router.add_post("/hook", self._called)
        return app

    async def _called(self, request: web.Request) -> web.Response:
        try:
            call = await request.json()
            hook = self._hooks.get(str(call["hook"]))
            if hook is None:
                return web.json_response({"error": f"no hook {call['hook']!r}", "hooks": list(self._hooks)}, status=404)
            told = await hook(call)
        except (ValueError, KeyError, TypeError, TimeoutError, OSError, IdentityError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=409)
        return web.json_response(told) if told is not None else web.Response(status=204)

    async def _reboot(self, _: Mapping[str, Any]) -> None:
        await self._device.stop()
        if self._trust is not None:
            await self._trust.reboot()
        await self._start()

    async def _reset(self, _: Mapping[str, Any]) -> None:
        await self._device.stop()
        if self._trust is not None:
            await self._trust.forget()
        await self._device.factory_reset()
        await self._start()

    async def _start(self) -> None:
        await self._device.start()
        self._up = time.monotonic()

    async def _power(self, call: Mapping[str, Any]) -> None:
        device = self._device
        match call["action"]:
            case "arm":
                await device.power_cut(call["at"], restart=False)
            case "cut":
                await device.power_cut(restart=False)
            case _:
                await device.wait_for(lambda one: not one.running, OFF_WITHIN_S)
                await self._start()

    async def _configure(self, call: Mapping[str, Any]) -> dict[str, Any] | None:
        device, settings, now = self._device, call.get("settings", {}), time.time()
        if call["action"] == "restore":
            was = self._delivered
            await device.configure(**{name: getattr(was, name) for name in CONFIGURABLE})
            device.change_capabilities(was.facts().own)
            if self._trust is not None:
                await self._trust.restore()
            return None
        if unknown := set(settings) - {*SETTINGS, *OTHER_SETTINGS}:
            raise ValueError(f"no settings {', '.join(sorted(unknown))}")
        await self._tell({name: settings[name] for name in ("discovery", "pin") if name in settings})
        plain = {SETTINGS[name]: value for name, value in settings.items() if name in SETTINGS}
        if "answer_s" in settings:
            plain["limits"] = Limits(request_timeout_s=settings["answer_s"])
        if plain:
            await device.configure(**plain)
        if "downtime_s" in settings:
            await device.configure(downtime=(Window(now, now + settings["downtime_s"]),))
        if "not_before_s" in settings:
            start = now + settings["not_before_s"]
            await device.configure(polling_hours=(DailyWindow(start, start + WINDOW_S),))
        said = {"serial": "serial_number", "types": "supported_deployment_types"}
        changed = {said[name]: _frozen(settings[name]) for name in said if name in settings}
        if changed:
            own = device.facts.own
            properties = own.properties.model_copy(update=changed)
            device.change_capabilities(own.model_copy(update={"properties": properties}))
        return dict(settings)

    async def _tell(self, told: Mapping[str, str]) -> None:
        """Tell the device of the identity service. Raises ValueError: it fetches no trust."""
        if told and self._trust is None:
            raise ValueError("this device fetches no trust: its connection sheet names no identity service")
        if told and self._trust is not None:
            await self._trust.tell(**told)

    async def _children(self, call: Mapping[str, Any]) -> None:
        device, settings = self._device, call.get("settings", {})
        if call["action"] == "restore":
            wanted = {child.properties.id: child for child in self._delivered.children}
            for child in device.facts.children:
                if child.capabilities.properties.id not in wanted:
                    device.detach_child(child.capabilities.properties.id)
            for capabilities in wanted.values():
                device.attach_child(capabilities)
            return
        if "child" in settings:
            device.attach_child(default_capabilities(settings["child"]))
        if "gone" in settings:
            device.detach_child(settings["gone"])
        for name, reachable in (("unreachable", False), ("reachable", True)):
            if name in settings:
                device.set_child_reachable(settings[name], reachable=reachable)

    async def _fault(self, call: Mapping[str, Any]) -> dict[str, str] | None:
        machine = self._device.machine
        if call["action"] == "clear":
            machine.scripts = self._delivered.scripts
            return None
        machine.scripts = {**machine.scripts, call["component"]: SCRIPTS[call["behaviour"]]}
        return {"behaviour": call["behaviour"]}

    async def _tamper(self, call: Mapping[str, Any]) -> dict[str, int] | None:
        if call["action"] not in get_args(Tampering):
            raise ValueError(f"no tampering {call['action']!r}")
        self._device.tamper(call["action"], call.get("deployment", ""), call.get("component", ""))
        return {"free": 0} if self._device.storage.full else None

    async def _workloads(self, _: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        running = {
            name: {part.name: part.revision for part in view.components.values() if part.running}
            for name, view in self._device.workloads.items()
        }
        return {name: parts for name, parts in running.items() if parts}

    async def _inspect(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return inspection(self._device)

    async def _uptime(self, _: Mapping[str, Any]) -> dict[str, float]:
        if not self._device.running:
            raise ValueError("the device is off")
        return {"seconds": round(time.monotonic() - self._up, 3)}

    async def _log(self, _: Mapping[str, Any]) -> list[dict[str, str]]:
        return log_of(self._device)[-MAX_LINES:]

    async def _identity(self, call: Mapping[str, Any]) -> None:
        await self._device.renew_svid(_svid(Path(call["certificate"]), Path(call["key"]), bool(call.get("expired"))))


def _svid(certificate: Path, key: Path, expired: bool) -> Svid:
    if not expired:
        return Svid.load(certificate, key)
    # to be presented all the same: read as of when it was valid
    valid = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_before_utc
    return Svid.load(certificate, key, clock=lambda: valid)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
