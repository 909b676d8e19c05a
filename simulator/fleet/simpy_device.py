"""A device of the SimPy engine: power, machine, and the real agent core of `simulator.device`.

Nearly everything that ever happens is that an agent at rest polls and nothing is new. Then it is not given its timer
and the answer one by one, but told of all such polls when something else comes (`simulator.fleet.resting`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simulator.device.events import (
    CancelComponent,
    CancelTimer,
    Input,
    MachineObserved,
    Persist,
    RequestFailed,
    ResponseArrived,
    Seen,
    Send,
    SetTimer,
    StartComponent,
    Started,
    StopComponent,
    TimerFired,
    WorkloadEvent,
)
from simulator.fleet import model
from simulator.fleet.counted_agent import Counted
from simulator.fleet.documents import COMPONENT, DEPLOYMENT_ID
from simulator.fleet.model import POLL_TIMER
from simulator.fleet.resting import Resting
from simulator.fleet.simpy_counts import Counting
from simulator.fleet.simulated_wfm import MANIFESTS, Client, Due, Exchange

if TYPE_CHECKING:
    from simulator.fleet.simpy_engine import Engine

TIMERS = {
    "start": model.START_TIMER,
    "announce": model.ANNOUNCE_TIMER,
    "fetch": model.FETCH_TIMER,
    "status": model.STATUS_TIMER,
    "poll": POLL_TIMER,
    "retry": model.RETRY_TIMER,
    "timeout": model.INSTALLATION_TIMEOUT,
}
STATE = ("draws", "requests", "ops", "boots", "adopted", "given")
"""What is told of a device at the end."""
POLL = TimerFired("poll")
Waiting = tuple[int, int, Any]
"""What a device waits for, when that is, and what it is about."""
AT_REST = Send(0, "GET", MANIFESTS)
"""Stands for the request of an agent that does not know of its poll yet."""


class Device(Counting):
    """One device: power, machine, durable state and the agent, whose effects it carries out.

    `requests` were sent of which the agent knows; `timeout`: microseconds for which it waits for an answer to begin.
    """

    __slots__ = (
        "_agent",
        "_asked",
        "_boots",
        "_cohort",
        "_disk",
        "_drifts",
        "_due",
        "_durable",
        "_link",
        "_looked_until",
        "_ops",
        "_pace",
        "_polling",
        "_quiet_until",
        "_reboots",
        "_resting",
        "client",
        "requests",
        "timeout",
    )

    def __init__(self, engine: "Engine", number: int, cohort: int) -> None:
        super().__init__(engine, number, cohort)
        c, documents = engine.cohorts[cohort], engine.documents[cohort]
        self._cohort, self._pace = c, engine.paces[cohort]
        self._due: dict[int, Waiting] = {}
        self._asked: dict[int, Exchange] = {}  # of which it is not known yet how they end
        self._resting = Resting(self, self._pace)
        self._polling: Exchange | None = None  # a poll on its way that the agent does not know of yet
        self._looked_until = self._quiet_until = 0
        self._agent: Counted | None = None
        self._durable, self._disk = documents.start, documents.fingerprint(c.revision)
        self._ops = self._boots = self._reboots = self._drifts = 0
        self._link: tuple[int, int] = (0, 0)
        self.requests = 0
        self.timeout: int = c.timeout
        self.client = Client()
        self._wait(model.POWER_DUE, int(self._chance(model.START, 0) * c.start_spread))
        if c.reboots:
            self._wait(model.REBOOT_DUE, model.gap(engine.seed, number, model.REBOOT, 0, c.reboots))
        if c.drifts:
            self._wait(model.DRIFT_DUE, model.gap(engine.seed, number, model.DRIFT, 0, c.drifts))

    # --- what is due -----------------------------------------------------------------------------------

    def _wait(self, what: int, at: int, about: Any = None) -> None:
        """Have something happen, in place of what of this kind was due before."""
        waiting = self._due[what] = (what, at, about)
        self._quiet_until = min(self._quiet_until, at)
        self.look_again()
        if what == POLL_TIMER:
            self._resting = Resting(self, self._pace)
            self._resting.wait(int(self._engine.env.now), at)
        elif at < self._engine.duration:
            Due(self._engine.env, at, self.number * 16 + what, self._happen, waiting)

    def _happen(self, event: Any) -> None:
        what, at, about = event.value
        if self._due.get(what) is not event.value:
            return  # put off, perhaps to the same time, or cancelled
        del self._due[what]
        self.get_up()
        if isinstance(about, str):
            if what == model.INSTALLATION_TIMEOUT:
                self.count(model.FAILED)
            self._give(TimerFired(about))
        elif what == model.INSTALLATION_END:
            self._installed(about)
        elif what == model.POWER_DUE:
            self._power(at)
        elif what == model.REBOOT_DUE:
            self._reboot(at)
        elif what == model.DRIFT_DUE:
            self._drift(at)
        elif isinstance(about, Exchange):
            del self._asked[what]
            self._give(RequestFailed(about.request.request_id, "timeout"))
        else:
            self._give(about)

    def _cancel(self, what: int) -> None:
        self._due.pop(what, None)
        if what == POLL_TIMER:
            self._resting = Resting(self, self._pace)

    def _give(self, event: Input) -> None:
        """Give the agent an input and carry out what it wants done."""
        agent = self._agent
        if agent is None:
            return
        now = int(self._engine.env.now)
        for effect in agent.handle(event, now / 1e6):
            kind = type(effect)
            if kind is SetTimer:
                name = effect.name  # type: ignore[union-attr]
                self._wait(TIMERS[name.partition(":")[0]], now + int(effect.delay_s * 1e6 + 0.5), name)  # type: ignore[union-attr]
            elif kind is Send:
                self._send(effect, now)  # type: ignore[arg-type]
            elif kind is Persist:
                self._durable = effect.state  # type: ignore[union-attr]
            elif kind is CancelTimer:
                self._cancel(TIMERS[effect.name.partition(":")[0]])  # type: ignore[union-attr]
            elif kind is CancelComponent:
                self._cancel(model.INSTALLATION_END)
            elif kind is StartComponent:
                self._install(effect, now)  # type: ignore[arg-type]
            elif kind is StopComponent:
                raise RuntimeError("an agent of a fleet never removes its only component")

    # --- at rest ---------------------------------------------------------------------------------------

    def poll(self, event: Resting) -> None:
        """The agent's timer for polls has run out, unless that was another event."""
        if event is not self._resting:
            return  # put off or cancelled
        self._due.pop(POLL_TIMER, None)
        if not self._polled_at_rest(event, event.at):
            self.get_up()
            self._due.pop(POLL_TIMER, None)
            self._give(POLL)

    def _polled_at_rest(self, event: Resting, now: int) -> bool:
        """Poll without the agent, if it rests and nothing is new; False, and nothing is done, where that is not so."""
        if now >= self._looked_until and not self._rests(event, now):
            return False
        engine, c, n = self._engine, self._cohort, self.polled + 1
        if c.loss and self._chance(model.LOSS, n) < c.loss:
            return False
        if engine.wfm.unbounded:
            done = now + (c.service_us or engine.wfm.service(self, model.UNCHANGED, n))
            answer = done + self._way_back(n, engine.unchanged)
            if answer >= self._quiet_until or self._is_late(now, answer, engine.unchanged):
                return False
            if engine.traced:
                self.tell(model.UNCHANGED, done, n, now)
            event.again(now, answer)
        else:
            exchange = event.exchange
            if exchange is None:
                exchange = Exchange(self, AT_REST, model.POLL_ANSWER, n, now, model.UNCHANGED)
                exchange.size, event.exchange = engine.unchanged, exchange
            exchange.n, exchange.sent = n, now
            if not engine.wfm.takes(exchange):
                return False
            self._polling = exchange
        self._pace.polls[int(now * self._pace.per_us)] += 1
        return True

    def _rests(self, event: Resting, now: int) -> bool:
        """Whether a poll brings nothing new; and until when that holds, and until when nothing else comes."""
        self.hear_of_polls()
        agent, wfm = self._agent, self._engine.wfm
        if agent is None or self._asked or not agent.rests() or self._off(now):
            return False  # what is asked may be answered before the poll is, and change what comes
        if not wfm.has_nothing_for(self, agent.etag):
            return False
        self._looked_until = min(self._link[0], self.client.until)
        others = (at for what, at, _ in self._due.values() if what != POLL_TIMER)
        self._quiet_until = min(min(others, default=model.NEVER), self._engine.duration)
        if self._pace.took:
            event.until = min(self._looked_until, self._quiet_until - self._pace.took)
        return True

    def look_again(self) -> None:
        """What held may not hold any more."""
        self._resting.until = self._looked_until = 0

    def get_up(self) -> None:
        """Something else comes than polls that bring nothing new: the agent is told of those until now."""
        self.look_again()
        exchange, self._polling = self._polling, None
        if self._resting.polls and not exchange:
            self._due[POLL_TIMER] = (POLL_TIMER, self._resting.at, None)
        self.hear_of_polls()
        if exchange:
            self._resting.exchange = None
            self.requests += 1
            self._asked[exchange.slot] = exchange
            (exchange.request,) = self._agent.handle(POLL, exchange.sent / 1e6)  # type: ignore[union-attr,assignment]

    def hear_of_polls(self) -> None:
        """Tell the agent of polls that were answered without it."""
        event = self._resting
        polls, event.polls = event.polls, 0
        if polls:
            self.requests += polls
            self._draws += polls if self._pace.settings.poll_jitter else 0
            self._agent.polled_unchanged(polls, (event.at - event.page[polls - 1]) / 1e6)  # type: ignore[union-attr]
            event.page = ()

    def distances(self) -> Sequence[int]:
        """From the next answers to the polls after them."""
        return self._pace.distances(self.number, self._draws)

    # --- the way to the WFM ----------------------------------------------------------------------------

    def _send(self, request: Send, now: int) -> None:
        self.requests += 1
        if request.method == "PUT":
            slot = model.ANNOUNCE_ANSWER
        elif request.method == "POST":
            slot = model.STATUS_ANSWER
        else:
            slot = model.POLL_ANSWER if request.target == MANIFESTS else model.FETCH_ANSWER
        exchange = self._asked[slot] = Exchange(self, request, slot, self.requests, now)
        c = self._cohort
        off = self._off(now)
        if off:
            self.count_request(exchange, model.UNREACHABLE)
            self.tell(model.UNREACHABLE, 0, self.requests)
            later = c.timeout if off == model.NETWORK else self._way_back(exchange.n, exchange.size)
            kind: Any = "timeout" if off == model.NETWORK else "refused"
            self._wait(slot, now + later, RequestFailed(request.request_id, kind))
        elif c.loss and self._chance(model.LOSS, self.requests) < c.loss:
            self.count_request(exchange, model.LOST)
            self.tell(model.LOST, 0, self.requests)
            self._wait(slot, now + c.timeout, RequestFailed(request.request_id, "timeout"))
        else:
            self._engine.wfm.receive(exchange)

    def _off(self, now: int) -> int:
        """What is off on the way to the WFM; remembered until that may change."""
        until, kind = self._link
        if now >= until:
            until, kind = model.NEVER, 0
            for start, end, what in self._engine.outages(self)[0]:
                if start > now:
                    until = min(until, start)
                elif end > now:
                    until = min(until, end)
                    kind = what if kind != model.NETWORK else kind
            self._link = until, kind
        return kind

    def _way_back(self, n: int, size: int) -> int:
        c = self._cohort
        rtt = c.rtt_us or self._engine.sample(c.rtt, self._chance(model.RTT, n))
        return int(1 + rtt + int(size * c.us_per_byte))

    def give_up_in_time(self, exchange: Exchange) -> None:
        """An answer does not come, or is not sure to: the device waits no longer than it does."""
        self._wait(exchange.slot, exchange.sent + self.timeout, exchange)

    def _is_late(self, sent: int, arrives: int, size: int) -> bool:
        """Whether the device has given up before an answer that is there at `arrives` begins to come."""
        limit = sent + self.timeout
        return arrives > limit and arrives - int(size * self._cohort.us_per_byte) > limit

    def answered(self, exchange: Exchange, done: int) -> None:
        """The WFM has done with a request."""
        at = done + self._way_back(exchange.n, exchange.size)
        late = self._is_late(exchange.sent, at, exchange.size)
        if late:
            self.count_late(exchange)
        if self._engine.traced:
            self.tell(exchange.kind, done, exchange.n, exchange.sent)
        at_rest = exchange is self._polling
        if at_rest and not late and at < self._quiet_until:
            self._polling = None
            self._due.pop(exchange.slot, None)
            self._resting.again(done, at)
        elif at_rest or exchange is self._asked.get(exchange.slot):
            if late:
                self.give_up_in_time(exchange)
                return
            if at_rest:
                self.get_up()
            answer = exchange.answer
            arrived = ResponseArrived(exchange.request.request_id, answer.status, answer.headers, answer.body)
            del self._asked[exchange.slot]
            self._wait(exchange.slot, at, arrived)

    # --- the machine -----------------------------------------------------------------------------------

    def _install(self, operation: StartComponent, now: int) -> None:
        self._ops += 1
        revision = self._engine.revision_of(self.cohort, operation.digest)
        takes = self._engine.sample(int(revision["takes"]), self._chance(model.TAKES, self._ops))
        self._wait(model.INSTALLATION_END, now + 1 + takes, operation)

    def _installed(self, operation: StartComponent) -> None:
        revision = self._engine.revision_of(self.cohort, operation.digest)
        failed = self._chance(model.FAILS, self._ops) < float(revision["fails"])
        if failed:
            self.count(model.FAILED)
        else:
            self._disk = operation.fingerprint
        outcome: Any = "failed" if failed else "installed"
        self._give(WorkloadEvent(operation.op, operation.deployment_id, operation.component, outcome))

    def _drift(self, now: int) -> None:
        """A component stops where it ran as wanted; the agent sees it."""
        c = self._cohort
        self._drifts += 1
        self._wait(
            model.DRIFT_DUE, now + model.gap(self._engine.seed, self.number, model.DRIFT, self._drifts, c.drifts)
        )
        work = self._agent.works[DEPLOYMENT_ID] if self._agent else None
        if work is not None and work.whole:
            self.count(model.DRIFTED)
            self._give(MachineObserved((self._component(running=False),)))

    def _component(self, *, running: bool) -> Seen:
        return Seen(DEPLOYMENT_ID, COMPONENT, self._disk, running)

    # --- power -----------------------------------------------------------------------------------------

    def _power(self, now: int) -> None:
        """Power is cut, or comes back."""
        until, following = 0, model.NEVER
        for start, end, _ in self._engine.outages(self)[1]:
            if start <= now < end:
                until = max(until, end)
            elif start > now:
                following = min(following, start)
        if until:
            if self._agent:
                self.count(model.POWER_CUT)
            self._boot_after(until)
            return
        self._wait(model.POWER_DUE, following)
        self._agent = Counted(self._engine.documents[self.cohort], self._durable, self._random, self)
        self._give(Started((self._component(running=True),)))

    def _reboot(self, now: int) -> None:
        c = self._cohort
        self._reboots += 1
        gap = model.gap(self._engine.seed, self.number, model.REBOOT, self._reboots, c.reboots)
        self._wait(model.REBOOT_DUE, now + gap)
        if self._agent:
            self.count(model.REBOOTED)
            self._boot_after(now)

    def _boot_after(self, at: int) -> None:
        self._agent = None
        self._asked.clear()
        for what in [what for what in self._due if what not in (model.REBOOT_DUE, model.DRIFT_DUE)]:
            self._cancel(what)
        self._boots += 1
        c = self._cohort
        self._wait(model.POWER_DUE, at + 1 + self._engine.sample(c.boot, self._chance(model.BOOT, self._boots)))

    # --- what is asked about the device ----------------------------------------------------------------

    @property
    def polled(self) -> int:
        """Requests until now, but for a poll on its way that the agent does not know of."""
        return self.requests + self._resting.polls

    @property
    def version(self) -> int:
        """The newest desired state that the agent took."""
        return self._agent.version - 1 if self._agent else 0

    @property
    def state(self) -> tuple[int, ...]:
        """The device as it is, in the order of STATE."""
        return (self._draws, self.requests, self._ops, self._boots, self.adopted, self.client.given)

    @property
    def due(self) -> dict[int, int]:
        """What the device waits for, and when that is."""
        return {what: at for what, at, _ in self._due.values() if at < model.NEVER}
