"""What a simulated device does, as lines on stdout: requests, log entries, changes of what runs."""

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from reports.text import shorten
from simulator.device.driver import SimulatedDevice
from simulator.device.events import Answer, ResponseArrived, Send
from simulator.device.transport import HttpsTransport
from simulator.device.workloads import DeploymentView

WIDTH = 300
T = TypeVar("T", bound=HttpsTransport)
WAIT_S = 3600.0


class DeviceLog:
    """Prints what happens, each line with the time of day."""

    def __init__(self) -> None:
        self._said = 0
        self._version = 0
        self._runs: dict[str, str] = {}

    def say(self, text: str) -> None:
        """Print one line; what came from the other side is made printable."""
        sys.stdout.write(f"{datetime.now().astimezone():%H:%M:%S} {shorten(text, WIDTH)}\n")
        sys.stdout.flush()

    async def follow(self, device: SimulatedDevice) -> None:
        """Print what changes on the device until cancelled."""
        self._version = device.state.version
        while True:
            try:
                await device.wait_for(self._has_news, WAIT_S)
            except TimeoutError:
                continue
            self._tell(device)

    def _has_news(self, device: SimulatedDevice) -> bool:
        return (
            len(device.log) > self._said
            or device.state.version != self._version
            or _words(device.workloads) != self._runs
        )

    def _tell(self, device: SimulatedDevice) -> None:
        for entry in device.log[self._said :]:
            self.say(f"{entry.kind}: {entry.message}")
        self._said = len(device.log)
        if device.state.version != self._version:
            self._version = device.state.version
            self.say(f"desired state: manifest version {self._version}")
        runs = _words(device.workloads)
        for name in sorted({*runs, *self._runs}):
            if runs.get(name) != self._runs.get(name):
                self.say(f"workload {name}: {runs.get(name, 'removed')}")
        self._runs = runs


def talkative(kind: type[T], log: DeviceLog) -> type[T]:
    """Make a transport of a kind that tells of each request and its answer."""

    class TalkativeTransport(kind):  # type: ignore[valid-type,misc]  # whichever transport it is
        async def exchange(self, request: Send) -> Answer:
            answer: Answer = await super().exchange(request)
            # why there was no answer stands in the device's own log
            result = str(answer.status) if isinstance(answer, ResponseArrived) else "no answer"
            log.say(f"{request.method} {request.target} -> {result}")
            return answer

    return TalkativeTransport


def _words(workloads: Mapping[str, DeploymentView]) -> dict[str, str]:
    return {
        f"{deployment_id}/{name}": f"{component.revision} {'running' if component.running else 'stopped'}"
        for deployment_id, view in workloads.items()
        for name, component in view.components.items()
    }
