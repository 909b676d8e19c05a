"""The WFM of the SimPy engine: it decides what each device is to run, hears reports, and answers with real documents.

First come, first served by a number of servers; more than a limit waiting are turned away.
"""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import simpy

from simulator.device.events import Send
from simulator.fleet import model
from simulator.fleet.documents import CREATED, NOT_MODIFIED, Answered, CohortDocuments, overloaded
from simulator.fleet.plan import World
from simulator.protocol.operations import manifest_path
from simulator.protocol.status import State

FINISHED = -1
"""Priority of what the WFM finishes, before any device's."""
MANIFESTS = manifest_path()


class Due(simpy.Event):
    """An event at a time in microseconds; `priority` orders those of the same time."""

    def __init__(
        self, env: simpy.Environment, at: int, priority: int, call: Callable[[Any], None], about: Any = None
    ) -> None:
        self.env, self.callbacks, self._ok, self._value = env, [call], True, about
        env.schedule(self, priority, at - env.now)  # type: ignore[arg-type] # any number orders


@dataclass(eq=False)
class Exchange(simpy.Event):
    """A request under way: of which device, its number `n`, and what the WFM makes of it.

    As an event it is that the WFM has done with it.
    """

    _ok, _value = True, None

    device: Any
    request: Send
    slot: int
    n: int
    sent: int
    kind: int = 0
    size: int = 0
    service: int = 0
    answer: Answered = NOT_MODIFIED


@dataclass(slots=True)
class Client:
    """What the WFM knows of one device: the newest desired state it gave, and the device's last word on it."""

    given: int = 0
    verdict: str = ""
    wanted: int = 0
    until: int = -1
    pauses: int = -1


class Wfm:
    """Servers, a queue, and what is wanted."""

    def __init__(
        self,
        env: simpy.Environment,
        world: World,
        documents: list[CohortDocuments],
        refuses_with: int,
        paused: Callable[[], None],
    ) -> None:
        self._env, self._world, self._documents = env, world, documents
        fixed = world.fixed[0]
        self._seed, self._per_us = int(fixed["seed"]), float(fixed["per_us"])
        self.unbounded = int(fixed["servers"]) == 0
        self._free, self._limit = int(fixed["servers"]), int(fixed["queue_limit"])
        self._queue: deque[Exchange] = deque()
        self._finishing: list[Callable[[Any], None]] = [self._finished]
        self._longest = [0] * len(world.waiting)
        self._pauses, self._paused = 0, paused
        self._overloaded = overloaded(refuses_with, int(world.cohorts[0]["retry_after"]))
        self._waves = [dict(zip(world.waves.dtype.names or (), wave.tolist(), strict=True)) for wave in world.waves]
        self._rollouts = [dict(zip(world.rollouts.dtype.names or (), r.tolist(), strict=True)) for r in world.rollouts]
        self._restores = [tuple(restored.tolist()) for restored in world.restores]
        self._constant, self._sizes = world.constant.tolist(), world.sizes.tolist()
        self._first = [int(c["revision"]) for c in world.cohorts]
        self._applications = [int(c["application"]) for c in world.cohorts]

    # --- serving ---------------------------------------------------------------------------------------

    def receive(self, exchange: Exchange) -> None:
        """A request arrives: it is served now or later, or turned away at once."""
        self._understand(exchange)
        exchange.service = self.service(exchange.device, exchange.kind, exchange.n)
        if self.unbounded:
            self._accept(exchange)
            exchange.device.answered(exchange, int(self._env.now) + exchange.service)
        elif self._free:
            self._note_queue()
            self._accept(exchange)
            self._work_at_once(exchange)
        elif len(self._queue) < self._limit:
            self._wait(exchange)
            self._note_queue()
            self._accept(exchange)
        else:
            self._note_queue()
            exchange.kind, exchange.size, exchange.answer = model.REFUSED, 0, self._overloaded
            exchange.device.count_request(exchange, model.REFUSED)
            exchange.device.answered(exchange, int(self._env.now))

    def takes(self, exchange: Exchange) -> bool:
        """A poll arrives that brings nothing new: it is served now or later; False where it would be turned away."""
        exchange.service = self.service(exchange.device, exchange.kind, exchange.n)
        if self._free:
            self._work_at_once(exchange)
        elif len(self._queue) < self._limit:
            self._wait(exchange)
        else:
            return False
        self._note_queue()
        return True

    def has_nothing_for(self, device: Any, etag: str | None) -> bool:
        """Whether a poll with this entity tag brings nothing new; that holds until `Client.until` or a pause."""
        return bool(self._manifest(device).headers["etag"] == etag)

    def service(self, device: Any, kind: int, n: int) -> int:
        """Microseconds that a request takes a server."""
        constant = self._constant[kind]
        if constant:
            return int(constant)
        return 1 + int(
            model.sample(self._world.tables, kind, model.uniform(self._seed, device.number, model.SERVICE, n))
        )

    def _wait(self, exchange: Exchange) -> None:
        self._queue.append(exchange)
        exchange.device.give_up_in_time(exchange)

    def _work_at_once(self, exchange: Exchange) -> None:
        self._free -= 1
        self._work(exchange)
        if exchange.service > exchange.device.timeout:
            exchange.device.give_up_in_time(exchange)

    def _work(self, exchange: Exchange) -> None:
        exchange.callbacks = self._finishing
        self._env.schedule(exchange, FINISHED, exchange.service)  # type: ignore[arg-type] # any number orders

    def _finished(self, exchange: Any) -> None:
        if self._queue:
            self._work(self._queue.popleft())
        else:
            self._free += 1
        exchange.device.answered(exchange, int(self._env.now))

    def _note_queue(self) -> None:
        waiting = len(self._queue)
        if waiting:
            at = int(int(self._env.now) * self._per_us)
            self._longest[at] = max(self._longest[at], waiting)

    def tell_queue(self) -> None:
        """Write down how long the queue was."""
        np.maximum(self._world.waiting, self._longest, out=self._world.waiting)

    # --- what is asked and answered --------------------------------------------------------------------

    def _understand(self, exchange: Exchange) -> None:
        """Find what is asked, and what is to be answered."""
        device, documents = exchange.device, self._documents[exchange.device.cohort]
        if exchange.request.method == "PUT":
            exchange.kind, exchange.answer = model.CAPABILITIES, CREATED
        elif exchange.request.method == "POST":
            exchange.kind, exchange.answer = model.STATUS, CREATED
        elif exchange.request.target == MANIFESTS:
            manifest = self._manifest(device)
            if exchange.request.headers.get("If-None-Match") == manifest.headers["etag"]:
                exchange.kind, exchange.answer = model.UNCHANGED, NOT_MODIFIED
            else:
                newer = device.client.wanted >= device.version
                exchange.kind, exchange.answer = (model.CHANGED if newer else model.OLDER), manifest
        else:
            revision, exchange.answer = documents.artefact(exchange.request.target)
            exchange.kind, exchange.size = model.BUNDLE, int(self._world.revisions[revision]["size"])
        exchange.size += self._sizes[exchange.kind]

    def _accept(self, exchange: Exchange) -> None:
        """What a request that is not turned away does."""
        device = exchange.device
        device.count_request(exchange, exchange.kind)
        if exchange.kind == model.STATUS:
            self._hear(device.client, *_state_and_version(exchange.request.body))
        elif exchange.kind in (model.CHANGED, model.OLDER):
            client = device.client
            if client.wanted > client.given:
                client.given, client.verdict = client.wanted, ""

    def revision(self, cohort: int, code: int) -> int:
        """The revision that a desired state names."""
        if not code:
            return self._first[cohort]
        rollout = self._rollouts[code // 2 - 1]
        return int(rollout["previous" if code % 2 else "revision"])

    def _manifest(self, device: Any) -> Answered:
        code = self._wanted(device)
        documents: CohortDocuments = self._documents[device.cohort]
        return documents.manifest(code, self.revision(device.cohort, code))

    # --- what is wanted --------------------------------------------------------------------------------

    def _wanted(self, device: Any) -> int:
        """The desired state of a device now; remembered until a wave begins, a rollout stops or a backup is served."""
        client, now = device.client, int(self._env.now)
        pauses = self._pauses
        if now < client.until and client.pauses == pauses:
            return int(client.wanted)
        as_of, client.until, client.pauses, client.wanted = now, model.NEVER, pauses, 0
        for begins, ends, backup in self._restores:
            if begins > now:
                client.until = min(client.until, begins)
            elif ends > now:
                client.until = min(client.until, ends)
                as_of = backup
        for wave in self.waves_of(device):
            if wave["at"] > now:
                client.until = min(client.until, wave["at"])
            if wave["at"] <= as_of:
                client.wanted = max(client.wanted, self._offered(client, wave["rollout"]))
        return int(client.wanted)

    def waves_of(self, device: Any) -> list[dict[str, Any]]:
        """The waves in which a device is."""
        return [
            wave
            for wave in self._waves
            if wave["application"] == self._applications[device.cohort]
            and wave["low"] <= model.uniform(self._seed, device.number, model.WAVE, wave["rollout"]) < wave["high"]
        ]

    def wave_of(self, device: Any, code: int) -> int:
        """The wave with which a device came to a desired state."""
        return max(
            (
                k
                for k, wave in enumerate(self._waves)
                if wave["rollout"] == code // 2 - 1 and wave in self.waves_of(device)
            ),
            default=0,
        )

    def _offered(self, client: Client, rollout: int) -> int:
        """A stopped rollout goes to no further device, and those that had it get the former revision, if it says so."""
        code = 2 * (rollout + 1)
        if not self._world.results[rollout][2]:
            return code
        if client.given not in (code, code + 1):
            return 0
        return code + int(self._rollouts[rollout]["rollback"])

    def _hear(self, client: Client, state: str, version: int) -> None:
        """Count a device for its rollout by its last word, and stop the rollout when too many failed."""
        if client.given == 0 or client.given % 2:
            return
        if state == State.FAILED.value:
            verdict = "failed"
        elif state == State.INSTALLED.value and version == client.given + 1:
            verdict = "succeeded"
        else:
            return
        if verdict == client.verdict:
            return
        rollout = client.given // 2 - 1
        result, gate = self._world.results[rollout], self._rollouts[rollout]
        if client.verdict:
            result[0 if client.verdict == "succeeded" else 1] -= 1
        result[0 if verdict == "succeeded" else 1] += 1
        client.verdict = verdict
        heard = int(result[0]) + int(result[1])
        if not result[2] and heard >= gate["minimum"] and int(result[1]) > gate["failure_rate"] * heard:
            result[2] = int(self._env.now) + 1
            self._pauses += 1
            self._world.marks[1] += 1
            self._paused()


@lru_cache(maxsize=1024)
def _state_and_version(report: bytes) -> tuple[str, int]:
    """What a status report says; devices of a cohort that are alike send the same bytes."""
    document = json.loads(report)
    return document["status"]["state"], int(document["adoptedManifestVersion"])
