"""Reporting capabilities: first of all, each device in one call, and again when facts change (DC-*, GW-*)."""

from collections import deque

from simulator.device.core import Talk
from simulator.device.desired_state import DesiredState
from simulator.device.events import Answer, RequestFailed
from simulator.device.facts import DeviceFacts, report_body
from simulator.device.retry import advice_of
from simulator.protocol.capabilities import DeviceCapabilities
from simulator.protocol.digest import digest_of
from simulator.protocol.ids import parent_of
from simulator.protocol.operations import capabilities_path
from simulator.protocol.problem import ProblemType

ANNOUNCE = "announce"
_HEADERS = {"Content-Type": "application/json"}
Announcement = DeviceCapabilities | str
"""A report to send, or the id of a device that is gone."""


class Announcing(DesiredState):
    """Reports the device and what is behind it."""

    announcements: deque[Announcement]

    def announce(self) -> None:
        """Report what the WFM does not know yet; then withdraw what is gone (DC-004, DC-036)."""
        reports = [report for report in self.report_order(self.facts) if not self.is_announced(report)]
        self.announcements = deque([*reports, *self.withdrawals(self.facts)])
        if not self.talk(ANNOUNCE).waiting:
            self.announce_next()

    def is_announced(self, report: DeviceCapabilities) -> bool:
        """Whether the WFM took this very report."""
        taken = self.announced.get(report.properties.id)
        return bool(taken) and taken == digest_of(report_body(report))

    def report_order(self, facts: DeviceFacts) -> list[DeviceCapabilities]:
        """The gateway before its children (DC-033)."""
        return list(facts.reports())

    def withdrawals(self, facts: DeviceFacts) -> list[str]:
        """Devices that were reported and are gone, the deepest first (DC-036)."""
        present = {report.properties.id for report in facts.reports()}
        return sorted((name for name in self.announced if name not in present), key=lambda name: -name.count("/"))

    def announce_next(self) -> None:
        """Send the next report or withdrawal."""
        talk = self.talk(ANNOUNCE)
        if talk.busy:
            return
        if not self.announcements:
            self.open()
            return
        item = self.announcements[0]
        if isinstance(item, str):
            self.send(talk, "DELETE", capabilities_path(item), lambda answer: self.on_withdrawn(item, answer))
        else:
            path = capabilities_path(item.properties.id)
            body = report_body(item)
            self.send(talk, "PUT", path, lambda answer: self.on_announced(item, body, answer), _HEADERS, body)

    def on_announced(self, report: DeviceCapabilities, body: bytes, answer: Answer) -> None:
        """A report was answered."""
        if not isinstance(answer, RequestFailed) and 200 <= answer.status < 300:
            self.announced[report.properties.id] = digest_of(body)
            self.point("capabilities-sent")
            self.announcement_done(report)
            return
        if self.gateway_unknown(answer) and parent_of(report.properties.id) is not None:
            self.distrust_announced()
        self.announcement_failed(report, answer)

    def on_withdrawn(self, device_id: str, answer: Answer) -> None:
        """A withdrawal was answered; a device that the WFM does not know is gone, too."""
        if not isinstance(answer, RequestFailed) and (200 <= answer.status < 300 or answer.status == 404):
            self.announced.pop(device_id, None)
            self.announcement_done(device_id)
        else:
            self.announcement_failed(device_id, answer)

    def announcement_done(self, item: Announcement) -> None:
        """Go on with the next; the list may have been made anew meanwhile."""
        self.talk(ANNOUNCE).attempts.succeeded()
        self.save()
        if self.announcements and self.announcements[0] is item:
            self.announcements.popleft()
            self.announce_next()
        else:  # it was made without knowing of this: a device that went while its report was under way is still there
            self.announce()

    def announcement_failed(self, item: Announcement, answer: Answer) -> None:
        """Try again, now or at the next poll's distance; only the own report holds everything else up (DC-002)."""
        talk = self.talk(ANNOUNCE)
        wait = self.wait_after(talk, answer)
        own = not isinstance(item, str) and item.properties.id == self.facts.device_id
        if not own or self.goes_on_without(answer, wait):
            self.open()
        self.announce_later(talk, self.settings.poll_interval_s if wait is None else wait)

    def goes_on_without(self, answer: Answer, wait: float | None) -> bool:
        """Whether a refused own report lets polls begin: it was sent, and sending it again would not help."""
        return not isinstance(answer, RequestFailed) and wait is None and answer.status != 403

    def announce_later(self, talk: Talk, delay_s: float) -> None:
        """Set the time of the next try."""
        self.retry_in(talk, delay_s)

    def announce_again(self) -> None:
        """The next try: everything that the WFM has not taken, gateways first."""
        self.talk(ANNOUNCE).waiting = False
        self.announce()

    def gateway_unknown(self, answer: Answer) -> bool:
        """Whether the WFM does not know the gateway of a child, told by the problem's type (ERR-009)."""
        if isinstance(answer, RequestFailed) or answer.status != 404:
            return False
        problem = advice_of(answer).problem
        return problem is not None and problem.type == ProblemType.GATEWAY_NOT_FOUND

    def distrust_announced(self) -> None:
        """Have everything reported again, but remember which devices were ever reported."""
        self.announced = dict.fromkeys(self.announced, "")

    def open(self) -> None:
        """The capabilities are out: polls and status reports may begin."""
        if not self.ready:
            self.ready = True
            self.schedule_poll(0.0)
            self.deliver()

    def link_restored(self) -> None:
        """Report at once what waited only for the link."""
        super().link_restored()
        talk = self.talk(ANNOUNCE)
        if talk.broken_link and talk.waiting:
            talk.attempts.succeeded()
            self.retry_in(talk, 0.0)
