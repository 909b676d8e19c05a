"""Broken devices whose defect lies in when they ask: too soon, too often, or never again."""

from simulator.device.agent import Agent
from simulator.device.core import Talk
from simulator.device.events import Answer, RequestFailed, ResponseArrived, SetTimer
from simulator.device.mutant import Mutant, with_agent
from simulator.device.retry import Advice, advice_of
from simulator.device.status import STATUS
from simulator.device.work import Work
from simulator.protocol.problem import ProblemType
from simulator.protocol.status import State

NEVER_S = 1e6
"""Longer than anybody waits, in seconds."""
TRIES = 3
"""So many tries in vain are enough for one who gives up."""
HURRY = 8
"""How many times too often one asks who is in a hurry."""
_KNOWN = frozenset(map(str, ProblemType))


class WorksInDowntime(Agent):
    """Knows no downtime."""

    def set_timer(self, name: str, delay_s: float) -> None:
        """Whenever it is due."""
        self.emit(SetTimer(name, max(0.0, delay_s)))

    def in_downtime(self) -> bool:
        """Never."""
        return False


class AsksAtAllHours(Agent):
    """Asks whether it is the time for it or not."""

    def schedule_poll(self, delay_s: float) -> None:
        """After the delay, at any hour."""
        self.set_timer("poll", max(delay_s, self.talk("poll").not_before - self.now))


class AsksOnce(Agent):
    """Asks for its desired state when it starts, and waits to be told from then on."""

    def next_regular_poll(self) -> None:
        """Not at all, once it was answered."""
        if self.last_contact is None:
            super().next_regular_poll()


class AsksTooOften(Agent):
    """Asks several times as often as its supplier says, until its user sets the rate."""

    def next_regular_poll(self) -> None:
        """Far too soon."""
        self.schedule_poll(self.settings.poll_interval_s / HURRY)


class GivesUpForGood(Agent):
    """Does not come back after an outage that lasted."""

    def wait_after_broken_link(self, talk: Talk) -> float | None:
        """A few times, and then no more."""
        wait = super().wait_after_broken_link(talk)
        return NEVER_S if talk.attempts.failures > TRIES else wait


class WaitsAsItLikes(Agent):
    """Adds so much chance to its waits that the next one may be far shorter."""

    chance = 0

    def wait_by_advice(self, talk: Talk, advice: Advice) -> float:
        """Longer than was asked for, then only just as long."""
        self.chance += 1
        return super().wait_by_advice(talk, advice) * 1.5 if self.chance % 2 else self.floor_of(advice)


class BelievesTheDocument(Agent):
    """Waits as the problem document says, whatever the header does."""

    def floor_of(self, advice: Advice) -> float:
        """The document's time, where it has one."""
        seconds = advice.problem.retry_after_seconds if advice.problem else None
        return float(seconds) if seconds is not None else super().floor_of(advice)


class FallsSilent(Agent):
    """Drops a report that was not taken at once, and says nothing more from then on."""

    silent = False

    def wait_after(self, talk: Talk, answer: Answer) -> float | None:
        """No report is tried again."""
        wait = super().wait_after(talk, answer)
        if isinstance(answer, RequestFailed) or talk.name != STATUS or not advice_of(answer).retryable:
            return wait
        self.silent = True
        return None

    def give_up_report(self, status: int) -> None:
        """Give all of them up."""
        super().give_up_report(status)
        if self.silent:
            self.outbox.clear()

    def worth_reporting(self, work: Work, state: State) -> bool:
        """Nothing any more."""
        return not self.silent and super().worth_reporting(work, state)


class HammersWhenRetired(Agent):
    """Asks again at once where it is not known any more."""

    def wait_after(self, talk: Talk, answer: Answer) -> float | None:
        """Hardly at all, after a refusal."""
        wait = super().wait_after(talk, answer)
        refused = not isinstance(answer, RequestFailed) and answer.status == 403
        return self.settings.poll_interval_s / HURRY if refused else wait


class MissesWhatCameMeanwhile(Agent):
    """Takes the first desired state after an outage for the one it has."""

    missed = False

    def link_restored(self) -> None:
        """Remember the outage."""
        super().link_restored()
        self.missed = True

    def take_manifest(self, answer: ResponseArrived) -> None:
        """Keep the tag, and nothing else of it."""
        if self.missed and self.version:
            self.missed = False
            self.etag = self.accepted_etag = answer.headers.get("etag")
            return
        super().take_manifest(answer)


class StopsAtTheUnknown(Agent):
    """Does nothing more after an answer whose type it does not know."""

    def wait_after(self, talk: Talk, answer: Answer) -> float | None:
        """For ever, after such an answer."""
        wait = super().wait_after(talk, answer)
        problem = None if isinstance(answer, RequestFailed) else advice_of(answer).problem
        return NEVER_S if problem is not None and problem.type not in _KNOWN else wait


PACE_MUTANTS: tuple[Mutant, ...] = (
    Mutant("works-in-downtime", "DT-002", "knows no downtime", with_agent(WorksInDowntime), needs="configure"),
    Mutant("asks-at-all-hours", "DT-004", "asks outside the hours set", with_agent(AsksAtAllHours), needs="configure"),
    Mutant("asks-once", "DS-001", "asks for its desired state once and never again", with_agent(AsksOnce)),
    Mutant(
        "asks-more-often-than-said",
        "DT-005",
        "asks more often than its supplier says",
        with_agent(AsksTooOften),
    ),
    Mutant("gives-up-for-good", "DT-001", "never asks again after an outage", with_agent(GivesUpForGood), "network"),
    Mutant("waits-as-it-likes", "RTY-009", "waits less before it succeeded than before", with_agent(WaitsAsItLikes)),
    Mutant(
        "misses-what-came-meanwhile",
        "DT-001",
        "does not take what was published during an outage",
        with_agent(MissesWhatCameMeanwhile),
        "network",
    ),
    Mutant(
        "believes-the-document",
        "ERR-015",
        "waits as the problem document says, not as the header does",
        with_agent(BelievesTheDocument),
    ),
    Mutant("falls-silent", "RTY-008", "reports nothing more after one refused report", with_agent(FallsSilent)),
    Mutant("hammers-when-retired", "RTY-008", "asks more often once it is retired", with_agent(HammersWhenRetired)),
    Mutant("stops-at-the-unknown", "ERR-010", "stops after a problem it does not know", with_agent(StopsAtTheUnknown)),
)
"""Devices that come at the wrong time."""
