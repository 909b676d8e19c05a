"""One live device: what a device says to its WFM, at the times of its schedule.

It makes itself known where the revision asks for that (ONB-005), reports its capabilities first (DC-002), polls with
the entity tag it has (DS-003), fetches what a newer manifest names (DS-017), verifies it (DS-050) and reports
`pending`, `installing` and `installed` or `failed`, `removing` and `removed` (ST-003). It installs nothing. What is
due is kept in an agenda, and done one after the other on one connection.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

from simulator.device.retry import LONGEST_WAIT_S, retry_after
from simulator.fleet.live.agenda import About, Agenda, Report, Task
from simulator.fleet.live.artefacts import Deployed, gone, path_of, read, status_body, unpack
from simulator.fleet.live.connection import Answer, ExchangeFailed
from simulator.fleet.live.installing import Installer
from simulator.fleet.live.line import Line, Office
from simulator.fleet.live.manner import Message
from simulator.fleet.live.polls import DuePolls
from simulator.fleet.live.schedule import Schedule
from simulator.fleet.live.tally import (
    ADOPTED,
    DRIFTS,
    FIRST_MANIFEST,
    INSTALLED,
    POWER_CUTS,
    REBOOTS,
    STORM_CUTS,
)
from simulator.protocol.deployment import DEPLOYMENT_MEDIA_TYPE
from simulator.protocol.documents import DocumentError
from simulator.protocol.manifest import BUNDLE_MEDIA_TYPE, MANIFEST_MEDIA_TYPE, StateManifest, parse_manifest
from simulator.protocol.operations import capabilities_path, manifest_path, status_path
from simulator.protocol.signed import ONBOARDING_PATH, read_client_id
from simulator.protocol.status import State

JSON = {"Content-Type": "application/json"}
REBOOT, STORM = "reboot", "storm"


class LiveDevice:
    """One device of the fleet; `run` is its life."""

    __slots__ = (
        "_agenda",
        "_announced",
        "_capabilities",
        "_failures",
        "_headers",
        "_held",
        "_installer",
        "_not_before",
        "_number",
        "_office",
        "_outbox",
        "_polls",
        "_put",
        "_schedule",
        "_version",
        "_waiting",
        "line",
    )

    def __init__(
        self, office: Office, number: int, schedule: Schedule, line: Line, capabilities: Callable[[], bytes]
    ) -> None:
        self._office, self._number, self._schedule = office, number, schedule
        self.line = line
        self._capabilities = capabilities
        self._polls = DuePolls(office, schedule)
        self._agenda = Agenda()
        self._put = self._agenda.put
        self._installer = Installer(office, number, schedule, self._agenda)
        self._headers = {"Accept": MANIFEST_MEDIA_TYPE}
        self._announced = False
        self._version = 0
        self._held: dict[str, Deployed] = {}
        self._outbox: deque[Report] = deque()
        self._waiting = False
        self._failures = 0
        self._not_before = 0.0

    async def run(self) -> None:
        """Do what the agenda says until the run is over."""
        self._put(self._schedule.starts_at, "boot")
        for reboot in self._schedule.reboots:
            self._put(reboot.off_at, "off", (reboot.on_at, reboot.cause))
        end = self._office.plan.duration_s
        while item := self._agenda.pop_before(end):
            at, _, task, about = item
            wait = at - self._office.now()
            if wait > 0:
                await asyncio.sleep(wait)
                self._office.tally.lag.record(self._office.now() - at)
            await self._do(task, at, about)
            self.line.rest()

    def over(self) -> None:
        """Count the polls that have no answer when the run is over."""
        now = self._office.now()
        due = self._agenda.first("poll")
        if self._polls:
            self._polls.lost(now, "unanswered")
        elif due is not None and due < min(now, self._office.plan.duration_s):
            self._polls.begin(due)
            self._polls.lost(now, "under_way")

    async def _do(self, task: Task, at: float, about: About) -> None:
        try:
            match task, about:
                case "off", (float() as on_at, str() as why):
                    self._go_off(on_at, why)
                case "poll", _:
                    await self._come_to_poll(at)
                case "boot", _:
                    await self._boot(at)
                case "finish", (Deployed() as deployed, int() as version, int() as number, int() as draw):
                    await self._report(*self._installer.finish(deployed, version, number, draw))
                case "deliver", _:
                    self._waiting = False
                    await self._deliver()
                case "report", (Deployed() as deployed, int() as version, State() as state):
                    await self._report(deployed, version, state)
        except ExchangeFailed:
            return  # counted where it happened; whoever asked has put the next try on the agenda

    def _count(self, what: str) -> None:
        self._office.tally.groups[self._schedule.cohort.name][what] += 1

    async def _exchange(self, message: Message) -> Answer:
        """Send a request and wait for its answer. Raises ExchangeFailed, without the network of the site at once."""
        office = self._office
        if self._schedule.unplugged(office.now()):
            self.line.cut("the network of the site is out")
            office.tally.failed(message.operation, "no-network", office.now(), "as the fleet's description has it")
            raise ExchangeFailed("no-network", "the network of the site is out")
        return await self.line.exchange(message)

    # --- power -------------------------------------------------------------------------------------------

    async def _boot(self, at: float) -> None:
        """Make the device known unless the WFM knows it; then poll (ONB-005, DC-002, DC-004)."""
        again = partial(self._put, task="boot")
        manner = self.line.manner
        if manner.client_id is None:
            said = Message("onboard", "POST", ONBOARDING_PATH, JSON, manner.onboarding())
            answer = await self._tried(said, again)
            if answer is None:
                return
            try:
                manner.client_id = read_client_id(answer.response.body)
            except DocumentError as error:
                self._office.tally.notice("onboarding-refused", f"status {answer.response.status}: {error}")
                again(self._office.now() + self._backoff())
                return
        if not self._announced:
            path = capabilities_path(self._office.plan.client_id(self._number))
            answer = await self._tried(Message("report-capabilities", "PUT", path, JSON, self._capabilities()), again)
            if answer is None:
                return
            self._announced = True
            if answer.response.status < 300:
                self._office.announced[self._number] = manner.client_id
            at = self._office.now()
        self._put(max(at, self._not_before), "poll")

    def _go_off(self, on_at: float, why: str) -> None:
        """Lose the connection; what the device stored stays, and what is still to be done is done after the return."""
        if why != REBOOT and self._schedule.starts_at < self._office.now():  # else it was not on yet
            self._count(POWER_CUTS)
            if why == STORM:
                self._count(STORM_CUTS)
        self._polls.lost(self._office.now(), "unanswered")
        self.line.cut("the device went off")
        waiting = self._agenda.take_all()
        # a device that was not on yet comes on when it would have
        on_at = max(on_at, self._office.now(), *(at for at, _, task, _ in waiting if task == "boot"))
        self._put(on_at, "boot")
        for at, _, task, about in waiting:
            if task == "finish" and isinstance(about, tuple) and isinstance(about[0], Deployed) and at < on_at:
                if self._held.get(about[0].deployment_id) == about[0]:
                    self._installer.go_on(about[0], self._version, on_at)
            elif task in ("report", "deliver", "finish"):
                self._put(max(at, on_at), task, about)
            elif task == "off":
                self._put(at, task, about)

    # --- polling -----------------------------------------------------------------------------------------

    async def _come_to_poll(self, at: float) -> None:
        """Poll, unless a reboot or a drift comes in between (the description's failures)."""
        boot_s = self._schedule.reboots_now()
        if boot_s is not None:
            self._count(REBOOTS)
            self._go_off(self._office.now() + boot_s, REBOOT)
            return
        if self._held and self._schedule.drifts_now() and self._installer.drift(self._held.values(), self._version):
            self._count(DRIFTS)
            self._put(self._schedule.after(at), "poll")
            return
        await self._poll(at)

    async def _poll(self, at: float) -> None:
        """Poll, or try again what waits. What comes due before the answer is answered by it, with its own latency."""
        office, polls = self._office, self._polls
        polls.begin(min(at, office.now()))  # a timer may be a little early
        try:
            answer = await self._exchange(Message("fetch-manifest", "GET", manifest_path(), self._headers))
        except ExchangeFailed as error:
            if error.kind == "no-network":
                polls.lost(office.now(), "no_network")
            else:
                polls.failed(office.now())
            self._put(max(office.now() + self._backoff(), self._not_before), "poll")
            raise
        except asyncio.CancelledError:
            polls.lost(office.now(), "under_way")
            raise
        now = answer.at - office.began
        polls.answered(now)
        self._heed(answer)
        if _passing(answer):
            upcoming = office.now() + self._backoff()
        else:
            self._failures = 0
            upcoming = polls.after(now)
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
            self._office.tally.older(answer.at - self._office.began)
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
        authority = self._office.target.authority
        if manifest.bundle is not None and self._office.plan.retrieval == "bundle":
            path = path_of(manifest.bundle.url, authority)
            answer = await self._exchange(Message("fetch-bundle", "GET", path, {"Accept": BUNDLE_MEDIA_TYPE}))
            return unpack(answer.response.body, manifest) if answer.response.status == 200 else None
        found: dict[str, Deployed] = {}
        for ref in manifest.deployments:
            held = self._held.get(ref.deployment_id)
            if held is not None and held.digest == ref.digest:
                found[ref.deployment_id] = held
                continue
            path = path_of(ref.url, authority)
            answer = await self._exchange(Message("fetch-deployment", "GET", path, {"Accept": DEPLOYMENT_MEDIA_TYPE}))
            if answer.response.status != 200:
                return None
            found[ref.deployment_id] = read(ref, answer.response.body)
        return found

    def _adopt(self, version: int, deployments: dict[str, Deployed]) -> None:
        self._office.tally.progressed(ADOPTED, self._office.now())
        if self._version == 0:
            self._office.tally.notice(FIRST_MANIFEST)
        before, self._held, self._version = self._held, deployments, version
        for name, deployed in sorted(deployments.items()):
            known = before.get(name)
            if known is None or known.digest != deployed.digest:
                self._installer.want(deployed, version)
            else:
                self._installer.keep(deployed, version)
        for deployed in gone(before, deployments):
            self._installer.remove(deployed, version)

    # --- status ------------------------------------------------------------------------------------------

    async def _report(self, deployed: Deployed, version: int, state: State) -> None:
        self._outbox.append((deployed, version, state))
        await self._deliver()

    async def _deliver(self) -> None:
        """Send what there is to report, in order; the rest later when the WFM could not take one (RB-06)."""
        while self._outbox and not self._waiting:
            deployed, version, state = self._outbox[0]
            path, body = status_path(deployed.deployment_id), status_body(deployed, version, state)
            answer = await self._tried(Message("report-status", "POST", path, JSON, body), self._deliver_at)
            if answer is None:
                return
            self._outbox.popleft()
            if answer.response.status >= 300:
                continue
            self._installer.heard(deployed, state)
            if state is State.INSTALLED:
                self._office.tally.progressed(INSTALLED, answer.at - self._office.began)

    def _deliver_at(self, when: float) -> None:
        self._waiting = True
        self._put(when, "deliver")

    async def _tried(self, message: Message, again: Callable[[float], None]) -> Answer | None:
        """Send; after a failure that may pass, put another try on the agenda, with growing distances (RTY-005)."""
        answer: Answer | None = None
        send: Awaitable[Answer] = self._exchange(message)
        try:
            answer = await send
        finally:
            if answer is not None:
                self._heed(answer)
            if _passing(answer):
                again(max(self._office.now() + self._backoff(), self._not_before))
            else:
                self._failures = 0
        return None if _passing(answer) else answer

    def _backoff(self) -> float:
        self._failures += 1
        return self._schedule.retry_s(self._failures)


def _passing(answer: Answer | None) -> bool:
    """Whether a failure may pass by itself: no answer, or one that says so."""
    return answer is None or answer.response.status == 429 or answer.response.status >= 500
