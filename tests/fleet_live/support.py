"""Live devices against the reference WFM, in one event loop and over real mutual TLS."""

import asyncio
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulator.fleet.live.connection import Target
from simulator.fleet.live.credentials import Credentials
from simulator.fleet.live.line import Exchange
from simulator.fleet.live.plan import LivePlan, Polling
from simulator.fleet.live.shard import Delta, Shard
from simulator.fleet.live.tally import Tally
from simulator.fleet.live.tls import Wallet
from simulator.protocol.documents import dump_yaml
from simulator.wfm.server import ReferenceWfm
from tests.wfm.support import WFM_ID, authority


@dataclass
class Seen:
    """What a shard told."""

    tally: Tally = field(default_factory=Tally)
    samples: list[Exchange] = field(default_factory=list)
    announced: dict[int, str] = field(default_factory=dict)
    last: Delta | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, delta: Delta) -> None:
        self.tally.merge(delta.tally)
        self.samples.extend(delta.samples)
        self.announced.update(delta.announced)
        self.last = delta
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds; it is tried whenever the shard told something. Raises TimeoutError."""
        async with asyncio.timeout(20.0):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def count(self, operation: str, *statuses: int) -> int:
        found = self.tally.requests.items()
        return sum(n for (name, status), n in found if name == operation and (not statuses or status in statuses))


def plan(devices: int = 20, duration_s: float = 2.0, period_s: float = 0.25, **changes: Any) -> LivePlan:
    settings: dict[str, Any] = {"ramp_s": 0.5, "settle_s": 0.3, "install_s": (0.05, 0.1)}
    return LivePlan(devices, duration_s, Polling(period_s, 0.1), **{**settings, **changes})


def target_of(wfm: ReferenceWfm) -> Target:
    port = wfm.management_port
    return Target(socket.AF_INET, ("127.0.0.1", port), "localhost", f"localhost:{port}")


def shard_of(wfm: ReferenceWfm, asked: LivePlan, wallet: Credentials | None = None, index: int = 0) -> Shard:
    shard = Shard(asked, wallet or Wallet.of(authority(), WFM_ID), target_of(wfm), index)
    assert max(shard.prepare()) == shard.size
    return shard


async def run(wfm: ReferenceWfm, asked: LivePlan, wallet: Credentials | None = None) -> Seen:
    seen = Seen()
    await shard_of(wfm, asked, wallet).run(time.monotonic(), seen.take, every_s=0.1)
    return seen


def document(device_id: str, revision: str = "1.0.0") -> bytes:
    """A deployment of one component for a device; each device's has an id of its own."""
    component = {"name": "main", "properties": {"repository": "oci://registry.example/app/main", "revision": revision}}
    return dump_yaml(
        {
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, device_id)),
            "metadata": {"name": "app", "namespace": "margo", "deviceId": device_id},
            "spec": {
                "applicationId": "app",
                "deploymentProfile": {"type": "compose", "components": [component]},
                "parameters": {},
            },
        }
    )
