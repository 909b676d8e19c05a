"""The reference device's agent: a state machine without I/O.

`handle(input, now)` gives the effects of one input. Drivers carry them out in order and feed back what happens; the
same agent stands in the live device and in simulations of whole fleets.
"""

from collections import deque
from collections.abc import Callable
from typing import assert_never

from simulator.device.announce import ANNOUNCE, Announcing
from simulator.device.apply import RETRY, TIMEOUT
from simulator.device.desired_state import FETCH, POLL
from simulator.device.durable import Durable, Fault
from simulator.device.events import (
    CapabilitiesChanged,
    Effect,
    Input,
    MachineObserved,
    Observe,
    RequestFailed,
    ResponseArrived,
    Seen,
    StartComponent,
    Started,
    StopComponent,
    TimerFired,
    WorkloadEvent,
)
from simulator.device.facts import DeviceFacts
from simulator.device.settings import AgentSettings
from simulator.device.status import STATUS
from simulator.device.work import Part, Work
from simulator.protocol.status import State

START = "start"
DRIFT = "drift"
DEFAULT_WORKLOAD = "default-workload"


class Agent(Announcing):
    """One device's agent. Everything it decides is a method of one of its bases."""

    def __init__(
        self,
        settings: AgentSettings,
        facts: DeviceFacts,
        durable: Durable | None = None,
        random: Callable[[], float] = lambda: 0.5,
    ) -> None:
        super().__init__(settings, facts, durable, random)
        self.seen: dict[str, dict[str, str]] = {}
        self.operations = {}
        self.announcements = deque()
        self._awaits_wfm = False
        self._paused = False

    def handle(self, event: Input, now: float) -> list[Effect]:
        """Take one input at a time in seconds; gives the effects, to be carried out in this order."""
        self.now = now
        self.dispatch(event)
        return self.take_effects()

    def dispatch(self, event: Input) -> None:
        """Hand an input to the method for it."""
        match event:
            case ResponseArrived() | RequestFailed():
                self.on_answer(event)
            case TimerFired(name):
                self.on_timer(name)
            case WorkloadEvent():
                self.on_workload(event)
            case Started(seen):
                self.on_started(seen)
            case MachineObserved(seen):
                self.on_observed(seen)
            case CapabilitiesChanged(facts):
                self.on_capabilities_changed(facts)
            case _:
                assert_never(event)

    def on_timer(self, name: str) -> None:
        """A timer ran out."""
        kind, colon, rest = name.partition(":")
        match f"{kind}{colon}":
            case "poll":
                self.poll()
            case "fetch":
                self.fetch_again()
            case "status":
                self.send_report(self.talk(STATUS))
            case "announce":
                self.announce_again()
            case "start":
                self.begin_talking()
            case "drift":
                self.look_at_machine()
            case "timeout:":
                self.on_timeout(int(rest))
            case "retry:":
                self.try_again(rest)

    # --- starting ----------------------------------------------------------------------------------

    def on_started(self, seen: tuple[Seen, ...]) -> None:
        """Begin, or begin again after a reboot, a power cut or a reset."""
        self.note_seen(seen)
        self._awaits_wfm = self.policies.reboot_offline == "await-wos"
        if not self._awaits_wfm:
            self.resume_works()
        if self.version == 0 and self.policies.first_boot == "default-workloads":
            self.start_default_workload()
        if self.settings.start_spread_s:
            self.set_timer(START, self.settings.start_spread_s * self.random())
        else:
            self.begin_talking()
        if self.settings.drift_interval_s:
            self.set_timer(DRIFT, self.settings.drift_interval_s)

    def begin_talking(self) -> None:
        """The first exchange is the capabilities report; polls follow (DC-002)."""
        self.distrust_announced()
        self.announce()

    def resume_works(self) -> None:
        """Go on with every deployment from what is stored and what is on the machine (RB-01..RB-03)."""
        for work in list(self.works.values()):
            self.resume(work)
        self.check_reconciled()

    def resume(self, work: Work) -> None:
        """Go on with one deployment; one that is as it should be is not touched and not reported."""
        if work.removing:
            if not work.settled or self.policies.removal_failure == "retry":
                self.begin_removal(work)
        elif not work.settled:
            self.begin(work, resumed=State.PENDING not in work.states)
        elif work.kept_old or work.failed:
            self.schedule_retry(work)
        elif not self.as_wanted(work):
            self.begin(work, resumed=True)

    def start_default_workload(self) -> None:
        """What runs before any desired state came, where that is declared (FB-02)."""
        self.next_op += 1
        source = "oci://registry.invalid/default-workload"
        self.emit(
            StartComponent(
                op=self.next_op,
                deployment_id=DEFAULT_WORKLOAD,
                component=DEFAULT_WORKLOAD,
                kind="compose",
                repository=source,
                revision="1.0.0",
                parameters={},
                fingerprint=DEFAULT_WORKLOAD,
                digest="",
                device_id=self.facts.device_id,
            )
        )
        self.seen[DEFAULT_WORKLOAD] = {DEFAULT_WORKLOAD: DEFAULT_WORKLOAD}

    # --- the link to the WFM -----------------------------------------------------------------------

    def wfm_answered(self) -> None:
        """What waited for the WFM goes on (RB-02, RB-07)."""
        if self._awaits_wfm:
            self._awaits_wfm = False
            self.resume_works()
        if self._paused:
            self._paused = False
            for work in list(self.works.values()):
                if not work.removing and work.settled:
                    self.begin(work, resumed=True)

    def poll_failed(self) -> None:
        """Workloads run on, or stop after the declared time without the WFM (RB-07)."""
        if self.policies.offline_workloads == "keep-running" or self._paused:
            return
        if self.last_contact is None:
            self.last_contact = self.now
        if self.now - self.last_contact >= self.settings.offline_stop_after_s:
            self._paused = True
            for work in list(self.works.values()):
                if work.settled and not work.removing:
                    self.pause(work)

    def pause(self, work: Work) -> None:
        """Stop a deployment's components; they are started again when the WFM answers."""
        work.phase = "pause"
        for name in self.remove_parts(work, self.parts_seen(work)):
            if name in work.parts:
                work.parts[name] = Part(State.PENDING)
        self.report(work)

    # --- the machine -------------------------------------------------------------------------------

    def look_at_machine(self) -> None:
        """Look for what changed behind the agent's back, at the declared interval (MM-01)."""
        self.set_timer(DRIFT, self.settings.drift_interval_s)
        self.emit(Observe())

    def on_observed(self, seen: tuple[Seen, ...]) -> None:
        """Compare what is on the machine with what should be."""
        self.note_seen(seen)
        for item in seen:
            if not item.managed:
                self.on_foreign(item)
        if self.version:
            self.remove_orphans()
        for work in list(self.works.values()):
            if work.whole and not work.ops and not self._paused and not self._awaits_wfm and not self.as_wanted(work):
                self.on_drift(work)
            elif self.drifted(work) and self.as_wanted(work):
                self.begin(work, resumed=True)

    def as_wanted(self, work: Work) -> bool:
        """Whether the machine runs a deployment as its goal says."""
        return all(self.runs(work, work.goal, name) for name in work.goal.components) and not self.leftovers(work)

    def drifted(self, work: Work) -> bool:
        """Whether a difference was found and only reported."""
        return work.settled and any(part.fault is not None and part.fault.code == DRIFT for part in work.parts.values())

    def on_drift(self, work: Work) -> None:
        """Restore a workload that is not as it should be, or report the difference (MM-01, MM-02, RS-01)."""
        self.log("failure", f"deployment {work.deployment_id} does not run as wanted")
        report_only = self.policies.drift == "report"
        if report_only or self.policies.runtime_status in ("api", "both"):
            for name in work.goal.components:
                if not self.runs(work, work.goal, name):
                    fault = Fault(DRIFT, name, "does not run as the desired state wants")
                    work.parts[name] = Part(State.FAILED, fault)
            self.save()
            self.report(work)
        if not report_only:
            self.begin(work, resumed=True)

    def on_foreign(self, item: Seen) -> None:
        """A workload that no desired state names (MM-03)."""
        if self.policies.foreign == "remove":
            self.next_op += 1
            self.emit(StopComponent(self.next_op, item.deployment_id, item.component))
        elif self.policies.foreign == "report":
            self.log("info", f"foreign workload {item.deployment_id}/{item.component}")

    def note_seen(self, seen: tuple[Seen, ...]) -> None:
        """Take what the machine shows as the truth; what does not run counts as changed."""
        self.seen = {}
        for item in seen:
            if item.managed:
                parts = self.seen.setdefault(item.deployment_id, {})
                parts[item.component] = item.fingerprint if item.running else ""

    # --- changed facts -----------------------------------------------------------------------------

    def on_capabilities_changed(self, facts: DeviceFacts) -> None:
        """Send what changed, and look again at what could not be installed (DC-004)."""
        self.facts = facts
        if self.ready or self.announcements:  # a report that is under way says what was true before
            self.announce()
        self.reconsider_refused()


__all__ = ["ANNOUNCE", "DRIFT", "FETCH", "POLL", "RETRY", "START", "STATUS", "TIMEOUT", "Agent"]
