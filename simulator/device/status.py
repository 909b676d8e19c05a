"""Status reports: what is said about a deployment, and the outbox that delivers it in order (ST-*, RB-06)."""

from collections.abc import Iterable
from typing import Any

from simulator.device.core import AgentCore, Talk
from simulator.device.durable import Fault, Report
from simulator.device.events import Answer, RequestFailed
from simulator.device.work import Part, Work
from simulator.protocol.documents import canonical_json
from simulator.protocol.operations import status_path
from simulator.protocol.status import State, overall

STATUS = "status"
_HEADERS = {"Content-Type": "application/json"}


class Reporting(AgentCore):
    """Makes reports and delivers them: one at a time, never an older state after a newer one."""

    ready = False
    """Whether the capabilities have been reported, so that anything else may be said (DC-002)."""

    # --- what is said ------------------------------------------------------------------------------

    def report(self, work: Work) -> None:
        """Report a deployment's state if it differs from what was reported last (DS-002)."""
        document = self.report_document(work)
        body = canonical_json(document)
        text = body.decode()
        if text == work.reported:
            return
        work.reported = text
        self.save()
        if self.worth_reporting(work, State(document["status"]["state"])):
            self.enqueue(Report(work.deployment_id, body))

    def report_document(self, work: Work) -> dict[str, Any]:
        """The report as JSON values (ST-003)."""
        entries = [self.component_entry(name, part) for name, part in self.reported_parts(work).items()]
        state = self.overall_state(State(entry["state"]) for entry in entries)
        document: dict[str, Any] = {
            "deploymentId": work.deployment_id,
            "adoptedManifestVersion": self.reported_version(work),
            "status": {"state": state.value},
            "components": entries,
        }
        fault = self.overall_fault(work) if state is State.FAILED else None
        if fault is not None:
            document["status"]["error"] = error_of(fault)
        device = self.reported_device(work)
        if device is not None:
            document["deviceId"] = device
        return document

    def reported_parts(self, work: Work) -> dict[str, Part]:
        """One entry per component of the deployment, in the state it is really in (ST-011)."""
        return work.parts

    def component_entry(self, name: str, part: Part) -> dict[str, Any]:
        """One component: name, state and, when failed, the error (ST-010, ST-012)."""
        entry: dict[str, Any] = {"name": name, "state": part.state.value}
        if part.fault is not None and part.state is State.FAILED:
            entry["error"] = error_of(part.fault)
        return entry

    def overall_state(self, states: Iterable[State]) -> State:
        """The most severe state (ST-008)."""
        return overall(states)

    def overall_fault(self, work: Work) -> Fault | None:
        """The deployment's own error, or the first component's in its name (ST-014)."""
        if work.fault is not None:
            return work.fault
        faults = ((name, part.fault) for name, part in work.parts.items() if part.fault is not None)
        return next((Fault(f.code, work.goal.name, f"component {name}: {f.message}") for name, f in faults), None)

    def reported_version(self, work: Work) -> int:
        """The newest manifest version adopted for this deployment (ST-020..ST-022)."""
        return work.version

    def reported_device(self, work: Work) -> str | None:
        """The full hierarchy when the report is for a device behind this one (ST-006)."""
        return work.device_id if work.device_id and work.device_id != self.facts.device_id else None

    def worth_reporting(self, work: Work, state: State) -> bool:
        """Whether a change goes to the WFM; every one does (DS-002, DS-074)."""
        return bool(work.deployment_id and state)

    # --- the outbox --------------------------------------------------------------------------------

    def enqueue(self, report: Report) -> None:
        """Put a report into the outbox, by the policy when the WFM is out of reach."""
        if self.offline and self.policies.offline_status == "drop":
            return
        self.outbox.append(report)
        if len(self.outbox) > self.settings.outbox_limit or (self.offline and self.policies.offline_status == "latest"):
            self.keep_latest()
        self.deliver()

    def keep_latest(self) -> None:
        """Leave only the latest report of each deployment; one that is on its way stays."""
        fixed = self.outbox[:1] if self.talk(STATUS).busy else []
        rest = self.outbox[len(fixed) :]
        latest = {report.deployment_id: position for position, report in enumerate(rest)}
        self.outbox = fixed + [
            report for position, report in enumerate(rest) if latest[report.deployment_id] == position
        ]
        self.save()

    def deliver(self) -> None:
        """Send the oldest report, unless one is on its way or has to wait."""
        talk = self.talk(STATUS)
        if self.outbox and self.ready and not talk.busy and not talk.waiting:
            self.send_report(talk)

    def send_report(self, talk: Talk) -> None:
        """Send the oldest report."""
        if talk.busy or not self.outbox or not self.ready:
            return
        report = self.outbox[0]
        self.send(talk, "POST", status_path(report.deployment_id), self.on_reported, _HEADERS, report.body)

    def on_reported(self, answer: Answer) -> None:
        """Go on with the next report, or try again, or give this one up."""
        talk = self.talk(STATUS)
        if not isinstance(answer, RequestFailed) and 200 <= answer.status < 300:
            talk.attempts.succeeded()
            self.outbox.pop(0)
            self.save()
            self.point("status-sent")
            self.deliver()
            return
        wait = self.wait_after(talk, answer)
        if isinstance(answer, RequestFailed):
            self.reports_out_of_reach()
        elif wait is None and answer.status != 403:
            self.give_up_report(answer.status)
            talk.attempts.succeeded()
            wait = 0.0
        if self.outbox:
            self.retry_in(talk, self.settings.poll_interval_s if wait is None else wait)

    def give_up_report(self, status: int) -> None:
        """A report that the WFM does not take is not sent again as it is; the state is told with the next manifest."""
        self.log("failure", f"status report refused with {status}: given up")
        refused = self.outbox.pop(0)
        work = self.works.get(refused.deployment_id)
        if work is not None and all(report.deployment_id != refused.deployment_id for report in self.outbox):
            work.reported = ""
        self.save()

    def reports_out_of_reach(self) -> None:
        """Apply the policy for reports that cannot be delivered (RB-06)."""
        if self.policies.offline_status == "drop":
            self.outbox.clear()
            self.talk(STATUS).attempts.succeeded()
        elif self.policies.offline_status == "latest":
            self.keep_latest()
        self.save()

    def link_restored(self) -> None:
        """Deliver at once what waited only for the link."""
        super().link_restored()
        talk = self.talk(STATUS)
        if talk.broken_link and not talk.busy and self.outbox:
            talk.attempts.succeeded()
            self.retry_in(talk, 0.0)


def error_of(fault: Fault) -> dict[str, str]:
    """An error with all its members (ST-012)."""
    return {"code": fault.code, "source": fault.source, "message": fault.message}
