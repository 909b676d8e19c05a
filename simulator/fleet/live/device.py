"""One live device: what a device of revision 1.0.0-rc.3 says to its WFM, at the times of its schedule.

It reports its capabilities first (DC-002), polls with the entity tag it has (DS-003), fetches what a newer manifest
names (DS-017), verifies it (DS-050) and reports `installing` and `installed`, `removing` and `removed` (ST-003). It
installs nothing. What is due is kept in an agenda, and done one after the other on one connection.
"""

import asyncio
import heapq
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal

from simulator.device.retry import LONGEST_WAIT_S, Attempts, retry_after
from simulator.fleet.live.artefacts import Deployed, capabilities_body, gone, read, status_body, unpack
from simulator.fleet.live.connection import Answer, ExchangeFailed
from simulator.fleet.live.line import Line, Office
from simulator.fleet.live.schedule import BACKOFF, Schedule, uniform
from simulator.fleet.live.tally import ADOPTED, INSTALLED
from simulator.protocol.deployment import DEPLOYMENT_MEDIA_TYPE
from simulator.protocol.documents import DocumentError
from simulator.protocol.manifest import BUNDLE_MEDIA_TYPE, MANIFEST_MEDIA_TYPE, StateManifest, parse_manifest
from simulator.protocol.operations import capabilities_path, manifest_path, status_path
from simulator.protocol.status import State

JSON = {"Content-Type": "application/json"}
BACKOFF_START_S = 1.0
Task = Literal["boot", "poll", "report", "deliver", "off"]
Report = tuple[Deployed, int, State]


class LiveDevice:
    """One device of the fleet; `run` is its life."""

    __slots__ = (
        "_agenda",
        "_announced",
        "_attempts",
        "_draws",
        "_headers",
        "_held",
        "_installs",
        "_not_before",
        "_number",
        "_office",
        "_order",
        "_outbox",
        "_schedule",
        "_version",
        "_waiting",
        "line",
    )

    def __init__(self, office: Office, number: int, schedule: Schedule, context: ssl.SSLContext) -> None:
        self._office, self._number, self._schedule = office, number, schedule
        self.line = Line(office, number, context)
        self._agenda: list[tuple[float, int, Task, Report | float | None]] = []
        self._order = 0
        self._headers = {"Accept": MANIFEST_MEDIA_TYPE}
        self._announced = False
        self._version = 0
        self._held: dict[str, Deployed] = {}
        self._outbox: deque[Report] = deque()
        self._waiting = False
        self._attempts = Attempts()
        self._not_before = 0.0
        self._installs = 0
        self._draws = 0

    async def run(self) -> None:
        """Do what the agenda says until the run is over."""
        self._put(self._schedule.starts_at, "boot")
        for reboot in self._schedule.reboots:
            self._put(reboot.off_at, "off", reboot.on_at)
        end = self._office.plan.duration_s
        while self._agenda and self._agenda[0][0] < end:
            at, _, task, about = heapq.heappop(self._agenda)
            wait = at - self._office.now()
            if wait > 0:
                await asyncio.sleep(wait)
                self._office.tally.lag.record(self._office.now() - at)
            await self._do(task, at, about)
            self.line.rest()

    async def _do(self, task: Task, at: float, about: Report | float | None) -> None:
        if task == "off":
            self._power_off(about if isinstance(about, float) else at)
            return
        try:
            if task == "poll":
                await self._poll(at)
            elif task == "boot":
                await self._boot(at)
            elif task == "deliver":
                self._waiting = False
                await self._deliver()
            elif isinstance(about, tuple):
                self._outbox.append(about)
                await self._deliver()
        except ExchangeFailed:
            return  # counted where it happened; whoever asked has put the next try on the agenda

    def _put(self, at: float, task: Task, about: Report | float | None = None) -> None:
        self._order += 1
        heapq.heappush(self._agenda, (at, self._order, task, about))

    # --- power -------------------------------------------------------------------------------------------

    async def _boot(self, at: float) -> None:
        """Report the capabilities unless the WFM has them; then poll (DC-002, DC-004)."""
        if not self._announced:
            client_id = self._office.plan.client_id(self._number)
            answer = await self._tried(
                lambda: self.line.exchange(
                    "report-capabilities", "PUT", capabilities_path(client_id), JSON, capabilities_body(client_id)
                ),
                lambda when: self._put(when, "boot"),
            )
            if answer is None:
                return
            self._announced = True
            at = self._office.now()
        self._put(max(at, self._not_before), "poll")

    def _power_off(self, on_at: float) -> None:
        """Lose the connection and the entity tag; what is still to be said is said after the return."""
        self.line.cut()
        self._headers = {"Accept": MANIFEST_MEDIA_TYPE}
        waiting, self._agenda = self._agenda, []
        # a device that was not on yet comes on when it would have
        on_at = max(on_at, self._office.now(), *(at for at, _, task, _ in waiting if task == "boot"))
        self._put(on_at, "boot")
        for at, _, task, about in sorted(waiting):
            if task in ("report", "deliver"):
                self._put(max(at, on_at), task, about)
            elif task == "off":
                self._put(at, task, about)

    # --- polling -----------------------------------------------------------------------------------------

    async def _poll(self, due: float) -> None:
        """Poll once. Polls that come due before the answer are answered by it: each counts with its own latency."""
        office = self._office
        office.tally.due(due)
        asked = min(due, office.now())  # a timer may be a little early
        answer: Answer | None = None
        try:
            answer = await self.line.exchange("fetch-manifest", "GET", manifest_path(), self._headers)
        finally:
            now = office.now() if answer is None else answer.at - office.began
            if answer is not None:
                office.tally.polled(office.plan.phase_of(due), asked, now)
                self._heed(answer)
            upcoming = self._schedule.after(due)
            while upcoming <= now:
                office.tally.due(upcoming)
                if answer is None:
                    office.tally.notice("polls-missed")
                else:
                    office.tally.notice("polls-merged")
                    office.tally.polled(office.plan.phase_of(upcoming), upcoming, now)
                upcoming = self._schedule.after(upcoming)
            self._put(max(upcoming, self._not_before), "poll")
        if answer.response.status == 200:
            await self._take(answer)

    def _heed(self, answer: Answer) -> None:
        """Send nothing before the time that the WFM named (RTY-007)."""
        wait = retry_after(answer.response.headers) if answer.response.status >= 400 else None
        if wait is not None:
            self._not_before = self._office.now() + min(wait, LONGEST_WAIT_S)
            self._office.tally.notice("told-to-wait")

    # --- desired state -----------------------------------------------------------------------------------

    async def _take(self, answer: Answer) -> None:
        """Adopt a manifest if it is newer than ours and everything it names is there and as it should be."""
        response = answer.response
        try:
            manifest = parse_manifest(response.body)
        except DocumentError as error:
            self._office.tally.notice("manifest-refused", str(error))
            return
        version = manifest.manifest_version
        if version < self._version:
            self._office.tally.notice("older-manifest", f"version {version} after {self._version}")
            return
        if version > self._version:
            try:
                deployments = await self._fetch(manifest)
            except DocumentError as error:
                self._office.tally.notice("update-refused", str(error))
                return
            if deployments is None:
                return
            self._adopt(version, deployments)
        tag = response.headers.get("etag")
        self._headers = {"Accept": MANIFEST_MEDIA_TYPE, **({"If-None-Match": tag} if tag else {})}

    async def _fetch(self, manifest: StateManifest) -> dict[str, Deployed] | None:
        """What a manifest names; None when some of it could not be had: the next poll tries anew (DS-030)."""
        if manifest.bundle is not None and self._office.plan.retrieval == "bundle":
            answer = await self.line.exchange("fetch-bundle", "GET", manifest.bundle.url, {"Accept": BUNDLE_MEDIA_TYPE})
            return unpack(answer.response.body, manifest) if answer.response.status == 200 else None
        found: dict[str, Deployed] = {}
        for ref in manifest.deployments:
            held = self._held.get(ref.deployment_id)
            if held is not None and held.digest == ref.digest:
                found[ref.deployment_id] = held
                continue
            answer = await self.line.exchange("fetch-deployment", "GET", ref.url, {"Accept": DEPLOYMENT_MEDIA_TYPE})
            if answer.response.status != 200:
                return None
            found[ref.deployment_id] = read(ref, answer.response.body)
        return found

    def _adopt(self, version: int, deployments: dict[str, Deployed]) -> None:
        now = self._office.now()
        self._office.tally.progressed(ADOPTED, now)
        before, self._held, self._version = self._held, deployments, version
        for name, deployed in sorted(deployments.items()):
            known = before.get(name)
            if known is None or known.digest != deployed.digest:
                self._begin(deployed, version, (State.INSTALLING, State.INSTALLED), now)
        for deployed in gone(before, deployments):
            self._begin(deployed, version, (State.REMOVING, State.REMOVED), now)

    def _begin(self, deployed: Deployed, version: int, states: tuple[State, State], now: float) -> None:
        self._installs += 1
        self._put(now, "report", (deployed, version, states[0]))
        self._put(now + self._schedule.install_s(self._installs), "report", (deployed, version, states[1]))

    # --- status ------------------------------------------------------------------------------------------

    async def _deliver(self) -> None:
        """Send what there is to report, in order; the rest later when the WFM could not take one (RB-06)."""
        while self._outbox and not self._waiting:
            deployed, version, state = self._outbox[0]
            path, body = status_path(deployed.deployment_id), status_body(deployed, version, state)
            answer = await self._tried(
                partial(self.line.exchange, "report-status", "POST", path, JSON, body),
                self._deliver_at,
            )
            if answer is None:
                return
            self._outbox.popleft()
            if answer.response.status < 300 and state is State.INSTALLED:
                self._office.tally.progressed(INSTALLED, answer.at - self._office.began)

    def _deliver_at(self, when: float) -> None:
        self._waiting = True
        self._put(when, "deliver")

    async def _tried(self, send: Callable[[], Awaitable[Answer]], again: Callable[[float], None]) -> Answer | None:
        """Send; after a failure that may pass, put another try on the agenda, with growing distances (RTY-005)."""
        answer: Answer | None = None
        try:
            answer = await send()
        finally:
            passing = answer is None or answer.response.status == 429 or answer.response.status >= 500
            if answer is not None:
                self._heed(answer)
            if passing:
                cap = self._office.plan.polling.period_s
                delay = self._attempts.next_delay("exponential", min(BACKOFF_START_S, cap), cap, self._draw)
                again(max(self._office.now() + delay, self._not_before))
            else:
                self._attempts.succeeded()
        return None if passing else answer

    def _draw(self) -> float:
        self._draws += 1
        return uniform(self._office.plan.seed, self._number, BACKOFF, self._draws)
