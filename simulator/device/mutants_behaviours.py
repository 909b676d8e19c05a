"""Devices that are broken in how they fail and recover: most of them do other than their supplier declares.

The statement of the reference declares the first value of every policy; a device here that does as another value says
contradicts it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from simulator.device.agent import DRIFT, Agent
from simulator.device.config import DeviceConfig
from simulator.device.durable import Durable, Fault, Report
from simulator.device.events import Input, RequestFailed
from simulator.device.transport import Limits
from simulator.device.work import Part, Work
from simulator.protocol.documents import canonical_json
from simulator.protocol.status import State

Change = Callable[[DeviceConfig], DeviceConfig]


@dataclass(frozen=True, slots=True)
class Undeclared:
    """A defect that lies in a policy: the behaviour it breaks, what the device does, and the values that make it."""

    name: str
    breaks: str
    description: str
    policies: dict[str, str]
    needs: str = ""

    def change(self, config: DeviceConfig) -> DeviceConfig:
        """The configuration with these policies, whatever is declared."""
        values: dict[str, Any] = {name.replace("-", "_"): value for name, value in self.policies.items()}
        return replace(config, policies=replace(config.policies, **values))


FLOOD = 20
"""So many reports of one death."""
UNDECLARED = (
    Undeclared(
        "runs-what-nobody-ordered",
        "FB-02",
        "runs default workloads before the first desired state",
        {"first-boot": "default-workloads"},
        needs="factory-reset",
    ),
    Undeclared("keeps-after-reset", "FB-06", "keeps its state through a factory reset", {"factory-reset": "keep"}),
    Undeclared("retries-evenly", "RB-09", "tries at fixed distances", {"retry": "fixed"}, needs="network"),
    Undeclared("gives-up", "RB-09", "gives up after a few tries", {"retry": "give-up"}, needs="network"),
    Undeclared(
        "waits-after-reboot",
        "RB-02",
        "runs nothing after a reboot until the WFM answers",
        {"reboot-offline": "await-wos"},
        needs="reboot",
    ),
    Undeclared("queues-reports", "RB-06", "delivers every old report", {"offline-status": "queue"}, needs="network"),
    Undeclared("drops-reports", "RB-06", "forgets what it could not tell", {"offline-status": "drop"}, needs="network"),
    Undeclared(
        "stops-without-wfm",
        "RB-07",
        "stops its workloads when the WFM is away",
        {"offline-workloads": "stop-after"},
        needs="network",
    ),
    Undeclared(
        "rolls-back-components",
        "PF-02",
        "removes the good components beside a failed one",
        {"component-failure": "rollback"},
    ),
    Undeclared("stops-at-failure", "PF-02", "begins nothing after a failed component", {"component-failure": "stop"}),
    Undeclared(
        "waits-for-a-new-order",
        "PF-05",
        "does not try a failed installation again by itself",
        {"install-retry": "wait-for-wos"},
    ),
    Undeclared("takes-down-before-update", "PF-07", "stops the former revision first", {"update-failure": "rollback"}),
    Undeclared("loses-the-former-revision", "PF-07", "is left with a failed update", {"update-failure": "failed-new"}),
    Undeclared("leaves-failed-removals", "PF-08", "tries a removal only once", {"removal-failure": "report-failed"}),
    Undeclared("only-reports-drift", "MM-01", "does not restore what was stopped", {"drift": "report"}, needs="tamper"),
    Undeclared("removes-foreign", "MM-03", "removes what it did not install", {"foreign": "remove"}, needs="tamper"),
    Undeclared("tells-of-foreign", "MM-03", "reports what it did not install", {"foreign": "report"}, needs="tamper"),
    Undeclared(
        "goes-past-the-proxy", "NW-02", "does not use the proxy it was given", {"proxy": "none"}, needs="configure"
    ),
)
"""Devices that do other than the reference declares."""


class BlindToDrift(Agent):
    """Neither restores nor reports what was changed on its machine."""

    def on_drift(self, work: Work) -> None:
        """Look away."""
        del work


class FloodsAboutTheDead(Agent):
    """Says of each workload that died that it did, again and again."""

    def on_drift(self, work: Work) -> None:
        """Say it many times over, then do as the others."""
        for name in work.goal.components:
            if not self.runs(work, work.goal, name):
                work.parts[name] = Part(State.FAILED, Fault(DRIFT, name, "does not run as the desired state wants"))
        body = canonical_json(self.report_document(work))
        for _ in range(FLOOD):
            self.enqueue(Report(work.deployment_id, body))
        super().on_drift(work)


class SilentOnRefusal(Agent):
    """Says nothing of a deployment that it cannot have."""

    def refuse(self, work: Work, fault: Fault) -> None:
        """Drop it without a word."""
        del fault
        work.settled = True
        self.save()


class BeginsEverythingAnew(Agent):
    """Installs every component anew for any change."""

    def begin(self, work: Work, *, resumed: bool = False) -> None:
        """Forget what runs already."""
        self.seen.pop(work.deployment_id, None)
        super().begin(work, resumed=resumed)


class ForgetsReports(Agent):
    """Loses with the power what it had not told yet, and believes that it was told."""

    def restore(self, durable: Durable) -> None:
        """Everything but the outbox."""
        super().restore(replace(durable, outbox=()))


class ForgetsUnfinishedWork(Agent):
    """Takes what was under way when the power went for done."""

    def resume(self, work: Work) -> None:
        """Nothing is taken up again."""
        work.settled = True


class StopsOnDamage(Agent):
    """Gives up for good when TLS fails, as it does when what is read is damaged."""

    dead = False

    def link_failed(self, failure: RequestFailed) -> None:
        """Notice whether TLS failed."""
        self.dead = self.dead or failure.kind == "tls"
        super().link_failed(failure)

    def dispatch(self, event: Input) -> None:
        """Do nothing any more once it is dead."""
        if not self.dead:
            super().dispatch(event)


def impatient(config: DeviceConfig) -> DeviceConfig:
    """A device that gives a request less time than a narrow link needs to carry its answer."""
    return replace(config, limits=Limits(request_timeout_s=0.15))


AGENTS: tuple[tuple[str, str, str, type[Agent], str], ...] = (
    ("blind-to-drift", "MM-01", "does not notice what is changed on its machine", BlindToDrift, "tamper"),
    ("floods-about-the-dead", "RS-02", "tells of one death many times", FloodsAboutTheDead, "tamper"),
    ("silent-on-refusal", "MM-05", "says nothing of a deployment that it cannot have", SilentOnRefusal, ""),
    ("begins-everything-anew", "US-04", "installs every component anew for any change", BeginsEverythingAnew, ""),
    ("stops-on-damage", "NW-04", "gives up for good when TLS fails on the way", StopsOnDamage, "network"),
    ("forgets-reports", "RB-03", "loses with the power what it had not told yet", ForgetsReports, "power-cut"),
    ("forgets-unfinished-work", "RB-03", "takes unfinished work for done", ForgetsUnfinishedWork, "power-cut"),
)
"""Agents with a defect of their own: name, what it breaks, what it does, the agent, and what a scenario has to have."""
