"""The control port of `serve device`: what hooks ask for is done to the simulated device, so that it can be tested.

One route: `POST /hook` with the call as JSON (`hook`, `action` and what else the call carries, as `list hooks` shows).
The answer is 204, or 200 with JSON where something is told; 404 for an unknown hook, 409 for what cannot be done.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from conformance.bench.device_subject import SCRIPTS, SETTINGS
from simulator.device.config import DeviceConfig
from simulator.device.driver import SimulatedDevice
from simulator.device.facts import default_capabilities
from simulator.device.settings import DailyWindow, Window
from simulator.device.transport import Limits

Done = Awaitable[object]
MAX_CALL = 64 * 1024
WINDOW_S = 3600.0
OFF_WITHIN_S = 60.0
OTHER_SETTINGS = ("answer_s", "downtime_s", "not_before_s", "serial", "types")
CONFIGURABLE = (*SETTINGS.values(), "limits", "downtime", "polling_hours")
"""Fields of the configuration that calls may change."""


class DeviceControl:
    """Does to a simulated device what hooks ask for."""

    def __init__(self, device: SimulatedDevice) -> None:
        self._device = device
        self._delivered: DeviceConfig = device.config
        self._hooks: Mapping[str, Callable[[Mapping[str, Any]], Done]] = {
            "reboot": lambda _: device.reboot(),
            "power-cut": self._power,
            "factory-reset": lambda _: device.factory_reset(),
            "configure": self._configure,
            "children": self._children,
            "fault": self._fault,
            "tamper": self._tamper,
            "workloads": self._workloads,
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
        except (ValueError, KeyError, TypeError, TimeoutError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=409)
        return web.json_response(told) if told is not None else web.Response(status=204)

    async def _power(self, call: Mapping[str, Any]) -> None:
        device = self._device
        match call["action"]:
            case "arm":
                await device.power_cut(call["at"], restart=False)
            case "cut":
                await device.power_cut(restart=False)
            case _:
                await device.wait_for(lambda one: not one.running, OFF_WITHIN_S)
                await device.start()

    async def _configure(self, call: Mapping[str, Any]) -> None:
        device, settings, now = self._device, call.get("settings", {}), time.time()
        if call["action"] == "restore":
            was = self._delivered
            await device.configure(**{name: getattr(was, name) for name in CONFIGURABLE})
            device.change_capabilities(was.facts().own)
            return
        if unknown := set(settings) - {*SETTINGS, *OTHER_SETTINGS}:
            raise ValueError(f"no settings {', '.join(sorted(unknown))}")
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

    async def _fault(self, call: Mapping[str, Any]) -> None:
        machine = self._device.machine
        if call["action"] == "clear":
            machine.scripts = self._delivered.scripts
            return
        machine.scripts = {**machine.scripts, call["component"]: SCRIPTS[call["behaviour"]]}

    async def _tamper(self, call: Mapping[str, Any]) -> None:
        self._device.tamper(call["action"], call.get("deployment", ""), call.get("component", ""))

    async def _workloads(self, _: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        running = {
            name: {part.name: part.revision for part in view.components.values() if part.running}
            for name, view in self._device.workloads.items()
        }
        return {name: parts for name, parts in running.items() if parts}


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
