"""One life of an agent, from power on to power off: carries out effects in order and feeds back what happens."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from simulator.device.agent import Agent
from simulator.device.clock import DeviceClock, Timer
from simulator.device.durable import Durable
from simulator.device.events import (
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
from simulator.device.fetched import Fetched, RetrievalFailed
from simulator.device.retrieval import ComponentRetriever
from simulator.device.storage import Storage
from simulator.device.transport import Transport
from simulator.device.workloads import Machine

OnEffect = Callable[[Effect], None]


def told(effect: Effect) -> str:
    """Say what an effect does, in a few words: for evidence of where the power was cut (RB-03)."""
    match effect:
        case Send(_, method, target):
            return f"sending {method} {target}"
        case StartComponent(component=component) | StopComponent(component=component):
            return f"{_VERBS[type(effect)]} {component}"
        case SetTimer(name) | CancelTimer(name) | Point(name):
            return f"{_VERBS[type(effect)]} {name.partition(':')[0]}"
        case _:
            return _VERBS[type(effect)]


_VERBS: dict[type, str] = {
    Persist: "storing its state",
    StartComponent: "starting",
    StopComponent: "stopping",
    CancelComponent: "giving up a component",
    SetTimer: "setting the timer",
    CancelTimer: "cancelling the timer",
    Point: "the point",
    Observe: "looking at the machine",
    Log: "writing its log",
}


class PowerLost(Exception):
    """The power is gone between two effects."""


class StorageFailed(Exception):
    """The durable state could not be written: what follows from it may not be done (PF-09)."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an agent lives in. `on_effect` is called before each effect and may raise PowerLost.

    `on_step` is called after each input; `on_end` when the life ends by itself, with the reason. `retriever` fetches
    components from their registries; without one, fetching them is only pretended.
    """

    machine: Machine
    storage: Storage
    transport: Transport
    clock: DeviceClock
    on_effect: OnEffect
    on_step: Callable[[], None]
    on_end: Callable[[Exception], None]
    retriever: ComponentRetriever | None = None


class Life:
    """Runs one agent. Inputs are taken one at a time, in the order in which they come."""

    def __init__(self, agent: Agent, around: Surroundings) -> None:
        self.agent = agent
        self._around = around
        self._inputs: asyncio.Queue[Input] = asyncio.Queue()
        self._timers: dict[str, Timer] = {}
        self._running: dict[int, Timer] = {}
        self._requests: set[asyncio.Task[None]] = set()
        self._retrievals: dict[int, asyncio.Task[None]] = {}
        self._worker: asyncio.Task[None] | None = None
        self._saving: asyncio.Future[None] | None = None
        self._over = False

    def start(self) -> None:
        """Begin: the agent finds what is on the machine."""
        self._inputs.put_nowait(Started(self._around.machine.seen()))
        self._worker = asyncio.get_running_loop().create_task(self._work())

    def put(self, event: Input) -> None:
        """Give the agent an input."""
        if not self._over:
            self._inputs.put_nowait(event)

    async def end(self) -> None:
        """Stop at once; nothing that is under way is finished, but for a write that was begun."""
        self.drop_everything()
        tasks = [
            task
            for task in (self._worker, *self._requests, *self._retrievals.values())
            if task is not None and task is not asyncio.current_task()
        ]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._saving is not None:
            with contextlib.suppress(OSError):
                await self._saving

    def drop_everything(self) -> None:
        """Cancel timers, so that nothing happens any more."""
        self._over = True
        for timer in (*self._timers.values(), *self._running.values()):
            timer.cancel()
        for retrieval in self._retrievals.values():
            retrieval.cancel()
        self._timers.clear()
        self._running.clear()

    async def _work(self) -> None:
        while True:
            event = await self._inputs.get()
            try:
                for effect in self.agent.handle(event, self._around.clock.now()):
                    self._around.on_effect(effect)
                    await self._carry_out(effect)
            except (PowerLost, StorageFailed) as reason:
                self.drop_everything()
                for task in self._requests:
                    task.cancel()
                self._around.on_end(reason)
                return
            self._around.on_step()

    async def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Persist(state):
                await self._store(state)
            case Send():
                task = asyncio.get_running_loop().create_task(self._exchange(effect))
                self._requests.add(task)
                task.add_done_callback(self._requests.discard)
            case SetTimer(name, delay_s):
                self._cancel_timer(name)
                self._timers[name] = self._around.clock.call_later(delay_s, lambda: self._fire(name))
            case CancelTimer(name):
                self._cancel_timer(name)
            case StartComponent() | StopComponent():
                self._operate(effect)
            case CancelComponent(op):
                self._around.machine.cancel(op)
                self._cancel_operation(op)
            case Observe():
                self.put(MachineObserved(self._around.machine.seen()))
            case Log() | Point():
                pass  # the observer of effects has it

    async def _store(self, state: Durable) -> None:
        """Store, in a thread where the disk is slow; a write that was begun is always seen through."""
        storage = self._around.storage
        try:
            if storage.slow:
                self._saving = asyncio.ensure_future(asyncio.to_thread(storage.save, state))
                await asyncio.shield(self._saving)
            else:
                storage.save(state)
        except OSError as error:
            raise StorageFailed(str(error)) from error

    async def _exchange(self, request: Send) -> None:
        try:
            answer = await self._around.transport.exchange(request)
        except Exception as error:  # noqa: BLE001 - a defect of the transport must not stop the device silently
            answer = RequestFailed(request.request_id, "reset", f"{type(error).__name__}: {error}")
        self.put(answer)

    def _operate(self, operation: StartComponent | StopComponent) -> None:
        if isinstance(operation, StopComponent) or self._around.retriever is None:
            self._begin(operation)
            return
        task = asyncio.get_running_loop().create_task(self._retrieve(operation, self._around.retriever))
        self._retrievals[operation.op] = task
        task.add_done_callback(lambda _: self._retrievals.pop(operation.op, None))

    async def _retrieve(self, operation: StartComponent, retriever: ComponentRetriever) -> None:
        fetched: Fetched
        try:
            fetched = await retriever.fetch(operation)
        except RetrievalFailed as failure:
            fetched = failure
        except Exception as error:  # noqa: BLE001 - a defect of the retriever must not stop the component silently
            fetched = RetrievalFailed("artefact-unavailable", f"{type(error).__name__}: {error}")
        self._begin(operation, fetched)

    def _begin(self, operation: StartComponent | StopComponent, fetched: Fetched | None = None) -> None:
        duration = self._around.machine.begin(operation, fetched)
        if duration is not None:
            op = operation.op
            self._running[op] = self._around.clock.call_later(duration, lambda: self._finish(op))

    def _finish(self, op: int) -> None:
        self._running.pop(op, None)
        event = self._around.machine.finish(op)
        if event is not None:
            self.put(event)

    def _fire(self, name: str) -> None:
        self._timers.pop(name, None)
        self.put(TimerFired(name))

    def _cancel_timer(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _cancel_operation(self, op: int) -> None:
        retrieval = self._retrievals.pop(op, None)
        if retrieval is not None:
            retrieval.cancel()
        timer = self._running.pop(op, None)
        if timer is not None:
            timer.cancel()
