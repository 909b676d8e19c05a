"""The SimPy engine: the real agent core for every device, in simulated time.

The core decides all there is to decide about a device; here stand the network, the WFM's model and the machine.
"""

import heapq
import json
from collections import deque
from collections.abc import Callable
from typing import Any

import simpy

from simulator.device.agent import Agent
from simulator.device.durable import Durable
from simulator.device.events import (
    CancelComponent,
    CancelTimer,
    Effect,
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
    TimerFired,
    WorkloadEvent,
)
from simulator.device.facts import DeviceFacts
from simulator.device.settings import DAY_S, AgentSettings, DailyWindow
from simulator.device.work import Work
from simulator.fleet import layout as x
from simulator.fleet.documents import DEPLOYMENT, Library, facts_of
from simulator.fleet.numbers import sample, uniform
from simulator.fleet.plan import Event, Plan, events_of
from simulator.protocol.manifest import BUNDLE_MEDIA_TYPE, MANIFEST_MEDIA_TYPE

Record = tuple[int, int, int, int, int, float, float]
"""Device; 0 for a request with talk, class and detail, 1 for an outcome with state, version and cause; two times."""
_TIMERS = {"poll": x.TIMER, "fetch": x.TIMER + 1, "status": x.TIMER + 2, "announce": x.TIMER + 3, "start": x.START}
_STATES = {"pending": 0, "installing": 1, "installed": 2, "failed": 3}
_CODES = {"pull": x.PULL, "start": x.STARTUP, "health": x.UNHEALTHY, "timeout": x.TIMEOUT}
_CAUSE_CODES = {x.PULL: "pull", x.STARTUP: "start", x.UNHEALTHY: "health"}


class Clock(simpy.Environment):
    """SimPy's environment with events at exact times, in the order (time, device, slot)."""

    def at(self, time: float, order: int, call: Callable[[], None]) -> None:
        """Call at a time."""
        event = simpy.Event(self)
        event._ok, event._value = True, None  # noqa: SLF001 - as SimPy's own Timeout does
        event.callbacks = [lambda _event: call()]
        heapq.heappush(self._queue, (time, order, next(self._eid), event))  # type: ignore[misc]


class FleetAgent(Agent):
    """The agent core; tells when a deployment is settled."""

    settled: Callable[[Work], None]

    def settle(self, work: Work) -> None:
        """As the core does, and tell."""
        self.settled(work)
        super().settle(work)


class World:
    """What the devices share: clock, WFM, documents, trace."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.numbers = plan.numbers
        self.seed = int(plan.numbers.seed)
        self.clock = Clock()
        self.library = Library(plan)
        self.records: list[Record] = []
        self.log: list[Event] = []
        self.events = events_of(plan)
        self.next_event = 0
        self.halted: dict[int, bool] = {}
        self.counts: dict[int, list[int]] = {}
        self.reached: dict[int, tuple[float, int]] = {}
        self.free = [0.0] * max(1, plan.numbers.servers)
        self.waiting: deque[float] = deque()
        self.tokens, self.refilled = float(plan.numbers.wfm[x.W_BURST]), 0.0
        self.tables = [list(map(float, row)) for row in plan.numbers.tables]

    def advance(self, now: float) -> None:
        """Publish and check what is due."""
        while self.next_event < len(self.events) and self.events[self.next_event].at <= now:
            event = self.events[self.next_event]
            self.next_event += 1
            if event.kind == x.RESTORE:
                entries = sum(1 for entry in self.log if entry.at <= event.low)
                self.log.append(event._replace(manifest=entries))
                continue
            self.check(event.rollout, event.at)
            if event.kind == x.RELEASE and not self.halted.get(event.rollout):
                high, bits = self.reached.get(event.rollout, (0.0, 0))
                self.reached[event.rollout] = max(high, event.high), bits | event.cohorts
                self.log.append(event)

    def check(self, rollout: int, at: float) -> None:
        """Stop a rollout whose failure rate is too high."""
        gate = self.plan.gates[rollout]
        installed, failed = self.counts.get(rollout, [0, 0])
        n = installed + failed
        if self.halted.get(rollout) or gate.threshold >= 1.0 or n == 0 or n < gate.minimum:
            return
        if failed / n > gate.threshold:
            self.halted[rollout] = True
            if gate.rollback >= 0:
                high, bits = self.reached[rollout]
                self.log.append(Event(at, 0, 0.0, high, x.ROLLBACK, rollout, 0, bits, gate.rollback))

    def admit(self, at: float) -> int:
        """0 when a request is let in, else the class of the refusal."""
        numbers = self.numbers
        if any(start <= at < end for start, end in numbers.down):
            return x.REFUSED
        rate = float(numbers.wfm[x.W_RATE])
        if rate > 0.0:
            self.tokens = min(float(numbers.wfm[x.W_BURST]), self.tokens + (at - self.refilled) * rate)
            self.refilled = at
            if self.tokens < 1.0:
                return x.LIMITED
            self.tokens -= 1.0
        return 0

    def serve(self, at: float, service: float) -> float:
        """When a request is done; negative when the queue is full."""
        if self.numbers.servers == 0:
            return at + service
        while self.waiting and self.waiting[0] <= at:
            self.waiting.popleft()
        begin = max(at, self.free[0])
        if begin > at:
            if len(self.waiting) >= self.numbers.queue_limit:
                return -1.0
            self.waiting.append(begin)
        heapq.heapreplace(self.free, begin + service)
        return begin + service


class SimDevice:
    """One device: the agent core, its machine, and its requests."""

    def __init__(self, world: World, number: int, cohort: int, initial: Durable | None) -> None:
        numbers, kinds = world.numbers, world.numbers.kinds[cohort]
        self.world, self.number, self.cohort = world, number, cohort
        self.column = [float(value) for value in numbers.cohorts[cohort]]
        site = (number - int(kinds[x.K_FIRST])) % int(kinds[x.K_SITES])
        place = int(kinds[x.K_SITE]) + sum(1 for edge in numbers.breaks[cohort] if site >= edge)
        self.power = [
            (float(a), float(b)) for a, b in numbers.power[numbers.power_at[place] : numbers.power_at[place + 1]]
        ]
        self.net = [(float(a), float(b)) for a, b in numbers.net[numbers.net_at[place] : numbers.net_at[place + 1]]]
        self.settings = settings_of(world.plan, cohort)
        self.facts = facts_for(world, number, cohort)
        self.agent: FleetAgent | None = None
        self.durable = initial
        self.machine: dict[str, str] = {}
        self.served, self.seen_log, self.counted = int(kinds[x.K_APP]), 0, (0, 0)
        self.n = {"agent": 0, "request": 0, "operation": 0, "other": 0}
        self.marks = [0] * x.SLOTS
        self.limits: dict[int, float] = {}
        self.started: dict[int, tuple[int, StartComponent]] = {}
        self.out: dict[int, tuple[Send, float, float, int]] = {}

    # --- numbers and events -----------------------------------------------------------------------

    def count(self, what: str) -> int:
        """The next number of a kind."""
        n = self.n[what]
        self.n[what] = n + 1
        return n

    def u(self, purpose: int, n: int) -> float:
        """The random number for a purpose."""
        return uniform(self.world.seed, self.number, purpose, n)

    def at(self, time: float, slot: int, call: Callable[[], None]) -> None:
        """Use a slot; what it was used for before will not happen."""
        self.marks[slot] += 1
        mark = self.marks[slot]

        def guarded() -> None:
            if self.marks[slot] == mark:
                call()

        self.world.clock.at(time, (self.number << x.SLOT_BITS) | slot, guarded)

    @property
    def now(self) -> float:
        """The simulated time."""
        return float(self.world.clock.now)

    def switch_on(self) -> None:
        """Put the device's own events into the calendar."""
        self.at(0.0, x.BOOT, self.boot)
        if self.power:
            self.at(self.power[0][0], x.SITE, lambda: self.power_cut(0))
        if self.column[x.C_REBOOTS] > 0.0:
            self.at(self.later(x.C_REBOOTS, x.R_REBOOT), x.REBOOT, self.reboot)
        if self.column[x.C_DRIFTS] > 0.0:
            self.at(self.later(x.C_DRIFTS, x.R_DRIFT), x.DRIFT, self.drift)

    def later(self, column: int, purpose: int) -> float:
        """When a random event comes next."""
        return self.now + self.column[column] * sample(
            self.world.tables[x.EXP_TABLE], self.u(purpose, self.count("other"))
        )

    # --- power ------------------------------------------------------------------------------------

    def boot(self) -> None:
        """The machine is up and the agent starts from what was stored."""
        self.agent = FleetAgent(self.settings, self.facts, self.durable, lambda: self.u(x.R_AGENT, self.count("agent")))
        self.agent.settled = self.settled
        self.started.clear()
        self.give(Started(self.seen()))

    def off(self) -> None:
        """Power is gone; nothing of the agent's will happen."""
        self.agent = None
        self.marks[x.BOOT] += 1
        for slot in range(x.START, x.SLOTS):
            self.marks[slot] += 1

    def boot_later(self) -> None:
        """Boot after the time it takes."""
        table = self.world.tables[int(self.world.numbers.kinds[self.cohort][x.K_BOOT])]
        self.at(self.now + sample(table, self.u(x.R_BOOT, self.count("other"))), x.BOOT, self.boot)

    def power_cut(self, n: int) -> None:
        """The site's power goes."""
        self.off()
        self.at(self.power[n][1], x.SITE, lambda: self.power_back(n))

    def power_back(self, n: int) -> None:
        """The site's power comes back."""
        self.boot_later()
        if n + 1 < len(self.power):
            self.at(self.power[n + 1][0], x.SITE, lambda: self.power_cut(n + 1))

    def reboot(self) -> None:
        """The device restarts by itself."""
        self.at(self.later(x.C_REBOOTS, x.R_REBOOT), x.REBOOT, self.reboot)
        if self.agent is not None:
            self.off()
            self.boot_later()

    def drift(self) -> None:
        """A component is gone behind the agent's back, where all was as wanted."""
        self.at(self.later(x.C_DRIFTS, x.R_DRIFT), x.DRIFT, self.drift)
        work = self.agent.works.get(DEPLOYMENT) if self.agent else None
        if self.agent is None or work is None or not work.whole:
            return
        names = list(work.goal.components)
        del self.machine[names[int(self.u(x.R_DRIFT, self.count("other")) * len(names))]]
        self.give(MachineObserved(self.seen()))

    def seen(self) -> tuple[Seen, ...]:
        """What is on the machine."""
        return tuple(Seen(DEPLOYMENT, name, mark, running=True) for name, mark in self.machine.items())

    # --- the agent's effects ----------------------------------------------------------------------

    def give(self, event: Input) -> None:
        """Give the agent an input and carry out what follows."""
        if self.agent is not None:
            for effect in self.agent.handle(event, self.now):
                self.carry_out(effect)

    def carry_out(self, effect: Effect) -> None:
        """Carry out one effect."""
        match effect:
            case Persist(state):
                self.durable = state
            case Send():
                self.send(effect)
            case SetTimer(name, delay):
                self.set_timer(name, delay)
            case CancelTimer(name):
                if not name.startswith("timeout:"):
                    self.marks[slot_of(name)] += 1
            case StartComponent():
                self.start(effect)
            case CancelComponent(op):
                if op in self.started:
                    self.marks[x.OPERATION + self.started.pop(op)[0]] += 1

    def set_timer(self, name: str, delay: float) -> None:
        """Set a timer; the limit of an operation is kept for it."""
        kind, _, rest = name.partition(":")
        if kind == "timeout":
            self.limits[int(rest)] = delay
        else:
            self.at(self.now + delay, slot_of(name), lambda: self.give(TimerFired(name)))

    def start(self, effect: StartComponent) -> None:
        """Install a component, as its content's script and the random numbers say."""
        numbers, n = self.world.numbers, self.count("operation")
        content = int(effect.revision.rpartition(".")[2])
        part = self.world.plan.component_names[content].index(effect.component)
        duration = sample(self.world.tables[int(numbers.durations[content, part])], self.u(x.R_DURATION, n))
        bad = self.u(x.R_FAILURE, n) < numbers.fails[content, part]
        bad = bad or self.u(x.R_DEFECT, content * 4 + part) < numbers.defects[content, part]
        self.started[effect.op] = (part, effect)
        limit = self.limits.pop(effect.op)
        cause = _CAUSE_CODES[int(numbers.causes[content, part])] if bad else ""
        if duration >= limit:
            self.at(self.now + limit, x.OPERATION + part, lambda: self.give(TimerFired(f"timeout:{effect.op}")))
        else:
            self.at(self.now + duration, x.OPERATION + part, lambda: self.finish(effect, cause))

    def finish(self, effect: StartComponent, cause: str) -> None:
        """An installation ends."""
        self.started.pop(effect.op, None)
        if cause:
            event = WorkloadEvent(effect.op, DEPLOYMENT, effect.component, "failed", cause, f"failed: {cause}")
        else:
            self.machine[effect.component] = effect.fingerprint
            event = WorkloadEvent(effect.op, DEPLOYMENT, effect.component, "installed")
        self.give(event)

    def settled(self, work: Work) -> None:
        """Trace an outcome."""
        if self.agent is None:
            return
        fault = next((part.fault for part in work.parts.values() if part.fault), None)
        state = x.FAILED if work.failed else x.INSTALLED
        cause = _CODES.get(fault.code, x.TOO_SMALL) if fault and work.failed else 0
        self.world.records.append((self.number, 1, state, self.agent.version, cause, self.now, 0.0))

    # --- requests ---------------------------------------------------------------------------------

    def send(self, effect: Send) -> None:
        """A request goes out, if it can."""
        talk = talk_of(effect)
        n, now, column = self.count("request"), self.now, self.column
        if any(start <= now < end for start, end in self.net):
            self.fail(effect, talk, x.UNREACHABLE, now + column[x.C_FAIL_AFTER])
        elif column[x.C_LOSS] > 0.0 and self.u(x.R_LOSS, n) < column[x.C_LOSS]:
            self.fail(effect, talk, x.LOST, now + column[x.C_TIMEOUT])
        else:
            table = self.world.tables[int(self.world.numbers.kinds[self.cohort][x.K_RTT])]
            half = 0.5 * sample(table, self.u(x.R_RTT, n))
            self.out[talk] = (effect, now, half, n)
            self.at(now + half, x.WIRE + talk, lambda: self.arrive(talk))

    def fail(self, effect: Send, talk: int, kind: int, at: float) -> None:
        """A request that gets no answer."""
        self.world.records.append((self.number, 0, talk, kind, 0, self.now, at))
        self.answer(talk, at, RequestFailed(effect.request_id, "timeout"))

    def answer(self, talk: int, at: float, answer: Input) -> None:
        """The agent hears at a time."""
        self.at(at, x.ANSWER + talk, lambda: self.give(answer))

    def arrive(self, talk: int) -> None:
        """A request comes to the WFM."""
        world, at = self.world, self.now
        effect, sent, half, n = self.out[talk]
        world.advance(at)
        self.look_at_log(at)
        body, tag, bundle = world.library.of(self.cohort, self.served)
        kind = (
            x.UNCHANGED if effect.headers.get("If-None-Match") == tag else x.MANIFEST,
            x.BUNDLE,
            x.REPORT,
            x.CAPABILITIES,
        )[talk]
        served, status, answer = kind, 304 if kind == x.UNCHANGED else 200, at + half
        kind = world.admit(at) or kind
        if kind == x.REFUSED:
            status = 0
        elif kind == x.LIMITED:
            status = 429
        else:
            table = world.tables[int(world.numbers.services[served])]
            done = world.serve(at, sample(table, self.u(x.R_SERVICE, n)))
            if done < 0.0:
                kind, status = x.OVERLOADED, 503
            else:
                answer = done + (half + self.column[x.C_XFER + served])
                if served == x.REPORT:
                    self.note_report(effect)
                if answer > sent + self.column[x.C_TIMEOUT]:
                    answer, kind, status = sent + self.column[x.C_TIMEOUT], x.LATE, 0
        detail = code_of(effect) if talk == x.STATUS else self.served
        world.records.append((self.number, 0, talk, kind, detail, sent, answer))
        if status == 0:
            self.answer(talk, answer, RequestFailed(effect.request_id, "timeout"))
            return
        content = bundle if served == x.BUNDLE else body if served == x.MANIFEST else b""
        headers = {"etag": tag, "content-type": BUNDLE_MEDIA_TYPE if served == x.BUNDLE else MANIFEST_MEDIA_TYPE}
        if status in (429, 503):
            content = b""
            headers = {"retry-after": str(int(world.numbers.wfm[x.W_RETRY_429 if status == 429 else x.W_RETRY_503]))}
        self.answer(talk, answer, ResponseArrived(effect.request_id, status, headers, content))

    def look_at_log(self, now: float) -> None:
        """Bring the manifest that is served to this device up to date."""
        log = self.world.log
        while self.seen_log < len(log) and log[self.seen_log].at <= now:
            event = log[self.seen_log]
            self.seen_log += 1
            if event.kind == x.RESTORE:
                self.served = int(self.world.numbers.kinds[self.cohort][x.K_APP])
                for former in log[: event.manifest]:
                    if former.kind != x.RESTORE and self.concerns(former):
                        self.served = former.manifest
            elif self.concerns(event):
                self.served = event.manifest

    def concerns(self, event: Event) -> bool:
        """Whether a publication is for this device."""
        numbers = self.world.numbers
        app = numbers.app_of[numbers.contents[event.manifest]]
        if app != numbers.kinds[self.cohort][x.K_APP] or not event.cohorts >> self.cohort & 1:
            return False
        return event.low <= self.u(x.R_WAVE, event.rollout) < event.high

    def note_report(self, effect: Send) -> None:
        """Count a device for the rollout it is served, once as installed and once as failed."""
        numbers = self.world.numbers
        rollout = int(numbers.rollouts[self.served])
        if rollout < 0 or not numbers.gated[rollout]:
            return
        report = json.loads(effect.body)
        state, message = report["status"]["state"], report["status"].get("error", {}).get("message", "")
        current = report["adoptedManifestVersion"] == numbers.versions[self.served]
        bits = self.counted[1] if self.counted[0] == rollout + 1 else 0
        counts = self.world.counts.setdefault(rollout, [0, 0])
        if state == "failed" and (current or message.startswith("update failed")) and not bits & 2:
            bits |= 2
            counts[1] += 1
        if state == "installed" and current and not bits & 1:
            bits |= 1
            counts[0] += 1
        self.counted = (rollout + 1, bits)


def slot_of(timer: str) -> int:
    """The slot of one of the agent's timers."""
    return x.RETRY if timer.startswith("retry:") else _TIMERS[timer]


def talk_of(effect: Send) -> int:
    """Which conversation a request belongs to."""
    if effect.method == "GET":
        return x.FETCH if "/bundles/" in effect.target else x.POLL
    return x.STATUS if effect.method == "POST" else x.ANNOUNCE


def code_of(effect: Send) -> int:
    """A status report as one number, as the compiled engine has it."""
    report: dict[str, Any] = json.loads(effect.body)
    parts = [_STATES[item["state"]] for item in report["components"]]
    states = sum(state << (2 * n) for n, state in enumerate(parts))
    fault = 0
    if 3 in parts:
        error = next(item["error"] for item in report["components"] if "error" in item)
        wrapped = report["status"]["error"]["message"].startswith("update failed")
        fault = (int(wrapped) << 11) | (_CODES.get(error["code"], x.TOO_SMALL) << 8)
    return int(report["adoptedManifestVersion"]) << 12 | fault | states


def settings_of(plan: Plan, cohort: int) -> AgentSettings:
    """The agent's settings for a cohort."""
    column, kinds = [float(v) for v in plan.numbers.cohorts[cohort]], plan.numbers.kinds[cohort]
    start, length = column[x.C_HOURS_START], column[x.C_HOURS_LENGTH]
    return AgentSettings(
        poll_interval_s=column[x.C_PERIOD],
        poll_jitter=column[x.C_JITTER],
        start_spread_s=column[x.C_SPREAD],
        retry_base_s=column[x.C_RETRY_BASE],
        retry_cap_s=column[x.C_RETRY_CAP],
        retry_attempts=int(kinds[x.K_RETRIES]),
        install_retry_s=column[x.C_INSTALL_RETRY],
        install_retry_cap_s=column[x.C_INSTALL_CAP],
        drift_interval_s=0.0,
        polling_hours=(DailyWindow(start, (start + length) % DAY_S),) if length >= 0 else (),
        outbox_limit=x.OUTBOX,
    )


def facts_for(world: World, number: int, cohort: int) -> DeviceFacts:
    """The facts of a device, with the memory that it happens to have."""
    numbers = world.numbers
    u = uniform(world.seed, number, x.R_MEMORY, 0)
    size = next(v for v, share in enumerate(numbers.shares[cohort]) if u < share or v == numbers.shares.shape[1] - 1)
    return facts_of(world.plan, cohort, float(numbers.memories[cohort, size]))


def nursery(world: World, cohort: int) -> SimDevice:
    """A device that has installed what a cohort starts with, to take its state from."""
    device = SimDevice(world, 0, cohort, None)
    body, tag, bundle = world.library.of(cohort, device.served)
    answers = {
        x.POLL: (200, {"etag": tag, "content-type": MANIFEST_MEDIA_TYPE}, body),
        x.FETCH: (200, {"content-type": BUNDLE_MEDIA_TYPE}, bundle),
    }
    device.agent = agent = FleetAgent(device.settings, device.facts)
    agent.settled = lambda _work: None
    inputs: deque[Input] = deque([Started(), TimerFired("start")])
    while inputs and not (agent.version and agent.reconciled and not agent.outbox):
        for effect in agent.handle(inputs.popleft(), 0.0):
            if isinstance(effect, Persist):
                device.durable = effect.state
            elif isinstance(effect, Send):
                status, headers, content = answers.get(talk_of(effect), (200, {}, b""))
                inputs.append(ResponseArrived(effect.request_id, status, headers, content))
            elif isinstance(effect, StartComponent):
                device.machine[effect.component] = effect.fingerprint
                inputs.append(WorkloadEvent(effect.op, DEPLOYMENT, effect.component, "installed"))
            elif isinstance(effect, SetTimer) and effect.name == "poll" and not agent.version:
                inputs.append(TimerFired("poll"))
    device.durable = agent.snapshot()
    return device


def simulate(plan: Plan) -> list[Record]:
    """Run a plan to its end; gives every request and every outcome."""
    world = World(plan)
    for cohort, kinds in enumerate(plan.numbers.kinds):
        born = None if kinds[x.K_BLANK] else nursery(world, cohort)
        for n in range(int(kinds[x.K_COUNT])):
            device = SimDevice(world, int(kinds[x.K_FIRST]) + n, cohort, born.durable if born else None)
            device.machine = dict(born.machine) if born else {}
            device.switch_on()
    world.records.clear()
    _run(world)
    return world.records


def _run(world: World) -> None:
    while world.clock.peek() < world.numbers.end:
        world.clock.step()
