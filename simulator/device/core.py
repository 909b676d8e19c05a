"""The base of the agent core: effects, requests with their continuations, timers and the rules for trying again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from simulator.device.durable import Durable, Report
from simulator.device.events import (
    Answer,
    CancelTimer,
    Effect,
    Log,
    LogKind,
    Persist,
    Point,
    PointName,
    RequestFailed,
    Send,
    SetTimer,
)
from simulator.device.facts import DeviceFacts
from simulator.device.retry import Advice, Attempts, advice_of
from simulator.device.settings import AgentSettings, downtime_left
from simulator.device.work import Work
from simulator.protocol.problem import Backoff

Continuation = Callable[[Answer], None]


@dataclass(slots=True)
class Talk:
    """One conversation with the WFM: at most one request at a time, and what is known about trying again."""

    name: str
    attempts: Attempts = field(default_factory=Attempts)
    busy: bool = False
    not_before: float = 0.0
    broken_link: bool = False
    waiting: bool = False


class AgentCore:
    """State that all parts of the agent share, and the few things that each of them does.

    The parts are subclasses, one upon the other; every decision is a method of its own, so that a defect can be made
    by overriding it.
    """

    def __init__(
        self,
        settings: AgentSettings,
        facts: DeviceFacts,
        durable: Durable | None,
        random: Callable[[], float],
    ) -> None:
        self.settings = settings
        self.policies = settings.policies
        self.facts = facts
        self.random = random
        self.now = 0.0
        self.version = 0
        self.manifest_digest = ""
        self.accepted_etag: str | None = None
        self.etag: str | None = None
        self.reconciled = True
        self.works: dict[str, Work] = {}
        self.outbox: list[Report] = []
        self.announced: dict[str, str] = {}
        self.offline = False
        self.last_contact: float | None = None
        self._effects: list[Effect] = []
        self._dirty = False
        self._persist_at = 0
        self._after_persist: list[Effect] = []
        self._requests: dict[int, tuple[Talk, Continuation]] = {}
        self._next_request = 0
        self._talks: dict[str, Talk] = {}
        if durable is not None:
            self._restore_or_forget(durable)

    # --- effects -----------------------------------------------------------------------------------

    def emit(self, effect: Effect) -> None:
        """Have an effect carried out, after those before it."""
        self._effects.append(effect)

    def log(self, kind: LogKind, message: str) -> None:
        """Write a log entry."""
        self.emit(Log(kind, message))

    def point(self, name: PointName) -> None:
        """Tell the driver where the agent is."""
        self.emit(Point(name))

    def save(self) -> None:
        """Have the durable state stored before anything that follows from this input goes out."""
        self._dirty = True

    def save_from_here(self) -> None:
        """As `save`, but what was emitted so far comes before."""
        self._dirty = True
        self._persist_at = len(self._effects)

    def emit_after_saving(self, effect: Effect) -> None:
        """Have an effect carried out directly after the state was stored."""
        self._dirty = True
        self._after_persist.append(effect)

    def take_effects(self) -> list[Effect]:
        """Everything emitted for one input; stored state comes before all that depends on it."""
        effects = self._effects
        if self._dirty:
            effects[self._persist_at : self._persist_at] = [Persist(self.snapshot()), *self._after_persist]
        self._effects, self._dirty, self._persist_at, self._after_persist = [], False, 0, []
        return effects

    # --- durable state -----------------------------------------------------------------------------

    def snapshot(self) -> Durable:
        """The durable state as it is now."""
        return Durable(
            version=self.version,
            manifest_digest=self.manifest_digest,
            accepted_etag=self.accepted_etag,
            etag=self.etag,
            reconciled=self.reconciled,
            works=tuple(work.record() for work in self.works.values()),
            outbox=tuple(self.outbox),
            announced=dict(self.announced),
        )

    def restore(self, durable: Durable) -> None:
        """Take up the state that was stored (DS-031)."""
        works = {record.deployment_id: Work.of(record) for record in durable.works}
        self.works = works
        self.version = durable.version
        self.manifest_digest = durable.manifest_digest
        self.accepted_etag = durable.accepted_etag
        self.etag = durable.etag
        self.reconciled = durable.reconciled
        self.outbox = list(durable.outbox)
        self.announced = dict(durable.announced)

    def _restore_or_forget(self, durable: Durable) -> None:
        try:
            self.restore(durable)
        except ValueError as error:
            self.log("failure", f"stored state is of no use and is forgotten: {error}")

    # --- requests ----------------------------------------------------------------------------------

    def talk(self, name: str) -> Talk:
        """The conversation of that name."""
        return self._talks.setdefault(name, Talk(name))

    def send(
        self,
        talk: Talk,
        method: str,
        target: str,
        then: Continuation,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        """Send a request; `then` hears the answer."""
        self._next_request += 1
        talk.busy, talk.waiting = True, False
        self._requests[self._next_request] = (talk, then)
        self.emit(Send(self._next_request, method, target, headers or {}, body))

    def on_answer(self, answer: Answer) -> None:
        """Hand an answer to who asked; answers nobody waits for are ignored."""
        entry = self._requests.pop(answer.request_id, None)
        if entry is None:
            return
        talk, then = entry
        talk.busy = False
        if isinstance(answer, RequestFailed):
            talk.broken_link = True
            self.link_failed(answer)
        else:
            talk.broken_link = False
            self.in_contact()
        then(answer)

    def link_failed(self, failure: RequestFailed) -> None:
        """A request got no answer; in known downtime that is nothing to speak of (DT-003)."""
        self.offline = True
        if not self.in_downtime():
            kind: LogKind = "security" if failure.kind in ("tls", "foreign-url") else "failure"
            self.log(kind, f"no answer: {failure.kind}: {failure.message}")

    def in_contact(self) -> None:
        """The WFM answered."""
        self.last_contact = self.now
        if self.offline:
            self.offline = False
            self.link_restored()

    def link_restored(self) -> None:
        """The first answer after a time without: go on with what waits only because the link was broken."""

    # --- trying again ------------------------------------------------------------------------------

    def wait_after(self, talk: Talk, answer: Answer) -> float | None:
        """Seconds until the same request may be sent again; None: not before the next regular occasion."""
        if self.in_downtime():
            if not isinstance(answer, RequestFailed):
                self.heed(talk, advice_of(answer))
            return self.downtime_left()
        if isinstance(answer, RequestFailed):
            return self.wait_after_broken_link(talk)
        advice = advice_of(answer)
        self.note_problem(answer.status, advice)
        self.heed(talk, advice)
        if not self.may_retry(advice):
            return None
        return self.wait_by_advice(talk, advice)

    def heed(self, talk: Talk, advice: Advice) -> None:
        """Remember until when nothing may be sent in this conversation (RTY-007)."""
        talk.not_before = max(talk.not_before, self.now + self.floor_of(advice))

    def floor_of(self, advice: Advice) -> float:
        """Seconds that have to pass in any case (RTY-006, RTY-007)."""
        return advice.floor_s

    def may_retry(self, advice: Advice) -> bool:
        """Whether the request may be sent again before the next regular occasion (RTY-008)."""
        return advice.retryable and advice.strategy != "none"

    def wait_by_advice(self, talk: Talk, advice: Advice) -> float:
        """Seconds to wait by the server's strategy (RTY-009, ERR-016)."""
        start = self.floor_of(advice) or self.settings.retry_base_s
        settings = self.settings
        return talk.attempts.next_delay(
            advice.strategy, start, settings.retry_cap_s, self.random, settings.retry_jitter
        )

    def wait_after_broken_link(self, talk: Talk) -> float | None:
        """Seconds to wait after a request without an answer, as the retry policy says (RB-09)."""
        settings = self.settings
        if self.policies.retry == "give-up" and talk.attempts.failures + 1 >= settings.retry_attempts:
            talk.attempts.succeeded()
            return None
        strategy: Backoff = "exponential" if self.policies.retry == "backoff" else "fixed"
        return talk.attempts.next_delay(
            strategy, settings.retry_base_s, settings.retry_cap_s, self.random, settings.retry_jitter
        )

    def note_problem(self, status: int, advice: Advice) -> None:
        """Log an error answer by its type; the type is never fetched (ERR-003, PT-008, PT-011)."""
        problem = advice.problem
        told = f"{problem.type}: {problem.detail or problem.title or ''}" if problem else "no problem document"
        self.log("failure", f"answer {status}: {told}")

    def set_timer(self, name: str, delay_s: float) -> None:
        """Set a timer; never one inside known downtime (DT-002)."""
        delay = max(0.0, delay_s)
        self.emit(SetTimer(name, delay + downtime_left(self.settings.downtime, self.now + delay)))

    def retry_in(self, talk: Talk, delay_s: float) -> None:
        """Set the timer of a conversation, not before the time that the server named."""
        talk.waiting = True
        self.set_timer(talk.name, max(delay_s, talk.not_before - self.now))

    def cancel_timer(self, name: str) -> None:
        """Forget a timer."""
        self.emit(CancelTimer(name))

    def in_downtime(self) -> bool:
        """Whether this is known downtime."""
        return bool(self.settings.downtime) and self.downtime_left() > 0

    def downtime_left(self) -> float:
        """Seconds of known downtime that are left."""
        return downtime_left(self.settings.downtime, self.now)
