"""The collector of the reference device: what it knows of its machine, exported where the user says and nowhere else.

OTLP over HTTP in JSON, by the OpenTelemetry protocol 1.x. It shares nothing with the agent but the machine, so that
neither waits for the other (OBS-01, OBS-07, OBS-13, RS-03).
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

import aiohttp

from simulator.device.workloads import Machine

HOST_METRICS = (
    "system.cpu.time",
    "system.memory.usage",
    "system.filesystem.usage",
    "system.disk.io",
    "system.network.io",
)
CONTAINER_METRICS = ("container.cpu.usage.total", "container.memory.usage.total", "container.network.io.usage.rx_bytes")
PATIENCE_S = 2.0


class Collector:
    """Exports to `url` every so many seconds, from `start` to `stop`. One that does not answer is tried again."""

    def __init__(self, device_id: str, machine: Machine, url: str, interval_s: float) -> None:
        self._device_id = device_id
        self.machine = machine
        self._url = url.rstrip("/")
        self._interval_s = interval_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._export_on())

    async def stop(self) -> None:
        """End; what is under way is given up."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _export_on(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S)) as session:
            while self.goes_on(arrived=await self._export(session)):  # noqa: ASYNC110 - nothing tells what is new
                await asyncio.sleep(self._interval_s)

    async def _export(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.post(f"{self._url}/v1/metrics", json=self.metrics()) as response:
                await response.read()
                return response.ok
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    def goes_on(self, *, arrived: bool) -> bool:
        """Whether to go on after an export that did or did not arrive: always."""
        del arrived
        return True

    def metrics(self) -> dict[str, Any]:
        """Give what is known now: of the host, and of each container that runs."""
        resources = [_resource({"host.name": self._device_id}, HOST_METRICS)]
        for deployment in self.machine.view().values():
            for part in deployment.components.values():
                names = part.containers if part.running else ()
                resources += [_resource({"container.name": f"{part.name}/{name}"}, CONTAINER_METRICS) for name in names]
        return {"resourceMetrics": resources}


def _resource(attributes: Mapping[str, str], metrics: Iterable[str]) -> dict[str, Any]:
    told = [{"key": name, "value": {"stringValue": value}} for name, value in attributes.items()]
    points = {"gauge": {"dataPoints": [{"asInt": "1"}]}}
    return {
        "resource": {"attributes": told},
        "scopeMetrics": [{"metrics": [{"name": name, **points} for name in metrics]}],
    }
