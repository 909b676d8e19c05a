"""The agent core in simulated time: a small event loop without sockets, files or waiting.

For long scenarios in milliseconds and for trying a power cut between any two effects. Simulations of whole fleets
bring their own event loop and use the same agent and machine.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.device.agent import Agent
from simulator.device.durable import DamagedState, Durable
from simulator.device.events import (
    Answer,
    CancelComponent,
    CancelTimer,
    Effect,
    Input,
    Log,
    MachineObserved,
    Observe,
    Persist,
    Point,
    RequestFailed,
    Send,
    SetTimer,
    StartComponent,
    Started,
    StopComponent,
    TimerFired,
)
from simulator.device.facts import DeviceFacts
from simulator.device.settings import AgentSettings
from simulator.device.storage import MemoryStorage, Storage
from simulator.device.workloads import Machine

Exchange = Callable[[Send, float], Answer]
"""Answers a request at a time; RequestFailed stands for every broken link."""


def no_answer(request: Send, _now: float) -> Answer:
    """A WFM that is not there."""
    return RequestFailed(request.request_id, "refused", "nobody listens")


@dataclass(slots=True)
class VirtualDevice:
    """One agent with its machine and storage, driven by simulated seconds.

    `exchange` answers requests after `latency_s`. `effects` counts effects carried out; when it comes to `cut_at`, the
    power is cut before that effect and comes back `outage_s` later.
    """

    settings: AgentSettings
    facts: DeviceFacts
    exchange: Exchange = no_answer
    machine: Machine = field(default_factory=Machine)
    storage: Storage = field(default_factory=MemoryStorage)
    random: Callable[[], float] = lambda: 0.5
    agent_class: type[Agent] = Agent
    latency_s: float = 0.01
    outage_s: float = 1.0
    now: float = 0.0
    effects: int = 0
    cut_at: int | str | None = None
    log: list[Log] = field(default_factory=list)
    points: list[str] = field(default_factory=list)
    agent: Agent | None = None
    _queue: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: int = 0
    _life: int = 0
    _timers: dict[str, int] = field(default_factory=dict)

    def power_on(self) -> None:
        """Start the agent with what is stored; nothing happens when it runs."""
        if self.agent is not None:
            return
        self._life += 1
        self._timers.clear()
        self.machine.boot(restore=self.settings.policies.reboot_offline == "restore-last")
        self.agent = self.agent_class(self.settings, self.facts, self._load(), self.random)
        self.give(Started(self.machine.seen()))

    def power_off(self) -> None:
        """Stop everything at once."""
        self.agent = None
        self._life += 1
        self.machine.power_lost()

    def give(self, event: Input) -> None:
        """Give the agent an input now and carry out what follows."""
        if self.agent is None:
            return
        life = self._life
        for effect in self.agent.handle(event, self.now):
            self.effects += 1
            if self._cut(effect):
                self.power_off()
                self._after(self.outage_s, self.power_on, life=False)
                return
            self._carry_out(effect)
            if self._life != life:
                return

    def run(self, seconds: float) -> None:
        """Let simulated time pass."""
        until = self.now + seconds
        while self._queue and self._queue[0][0] <= until:
            self.now, _, call = heapq.heappop(self._queue)
            call()
        self.now = until

    def _load(self) -> Durable | None:
        try:
            return self.storage.load()
        except DamagedState as error:
            self.log.append(Log("failure", f"state is lost: {error}"))
            return None

    def _cut(self, effect: Effect) -> bool:
        here = self.cut_at == self.effects or (isinstance(effect, Point) and effect.name == self.cut_at)
        if here:
            self.cut_at = None
        return here

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Persist(state):
                self._store(state)
            case Send():
                self._after(self.latency_s, lambda: self.give(self.exchange(effect, self.now)))
            case SetTimer(name, delay_s):
                self._set_timer(name, delay_s)
            case CancelTimer(name):
                self._timers.pop(name, None)
            case StartComponent() | StopComponent():
                self._operate(effect)
            case CancelComponent(op):
                self.machine.cancel(op)
            case Observe():
                self._after(0.0, lambda: self.give(MachineObserved(self.machine.seen())))
            case Log():
                self.log.append(effect)
            case Point(name):
                self.points.append(name)

    def _set_timer(self, name: str, delay_s: float) -> None:
        mark = self._timers[name] = self._order
        self._after(delay_s, lambda: self._fire(name, mark))

    def _operate(self, operation: StartComponent | StopComponent) -> None:
        duration = self.machine.begin(operation)
        if duration is not None:
            self._after(duration, lambda: self._finish(operation.op))

    def _store(self, state: Durable) -> None:
        try:
            self.storage.save(state)
        except OSError:
            self.agent = None
            self._life += 1
            self._after(self.outage_s, self.power_on, life=False)

    def _fire(self, name: str, mark: int) -> None:
        if self._timers.get(name) == mark:
            del self._timers[name]
            self.give(TimerFired(name))

    def _finish(self, op: int) -> None:
        event = self.machine.finish(op)
        if event is not None:
            self.give(event)

    def _after(self, delay_s: float, call: Callable[[], None], *, life: bool = True) -> None:
        """Call later, unless this life of the agent is over by then."""
        mine = self._life

        def guarded() -> None:
            if not life or self._life == mine:
                call()

        self._order += 1
        heapq.heappush(self._queue, (self.now + delay_s, self._order, guarded))
