"""The polls of a device that came due and wait for an answer: none of them is left out of what is measured.

A poll that is asked again after a failure is the same poll, and those that came due in the meantime wait with it; the
answer that comes at last answers all, each measured from the time at which it was first due (no coordinated omission).
What never is answered is counted by why: every poll that came due is in exactly one count.
"""

from array import array

from simulator.fleet.live.line import Office
from simulator.fleet.live.schedule import Schedule
from simulator.fleet.live.tally import Missed


class DuePolls:
    """Those of one device. Times are seconds of the run; none comes due after its end."""

    __slots__ = ("_again", "_due", "_next", "_office", "_schedule")

    def __init__(self, office: Office, schedule: Schedule) -> None:
        self._office, self._schedule = office, schedule
        self._due = array("d")
        self._next = 0.0
        self._again: float | None = None

    def __bool__(self) -> bool:
        """Whether any waits."""
        return bool(self._due)

    def begin(self, at: float) -> None:
        """A poll is sent that is due at a time, or one that waits is sent again."""
        if self._due:
            self._again = at
        else:
            self._come_due(at)

    def answered(self, now: float) -> None:
        """An answer came: it is the answer to all that are due by now."""
        office, cohort = self._office, self._schedule.cohort.name
        self._until(now)
        for due in self._due:
            office.tally.polled(office.phases.at(due), cohort, due, now)
        if len(self._due) > 1:
            office.tally.notice("polls-merged", times=len(self._due) - 1)
        if self._again is not None:  # as an agent does, the device goes on from the try that was answered
            self._next = self._schedule.after(self._again)
        self._forget()

    def failed(self, now: float) -> None:
        """No answer came: what is due by now waits on."""
        self._until(now)

    def lost(self, now: float, why: Missed) -> None:
        """Nothing will answer what is due by now."""
        office, cohort = self._office, self._schedule.cohort.name
        self._until(now)
        for due in self._due:
            office.tally.missed(office.phases.at(due), cohort, due, why)
        self._forget()

    def after(self, now: float) -> float:
        """When the next poll is due, once none waits."""
        return max(self._next, now)

    def _until(self, now: float) -> None:
        """Have come due what is due before a time, if a poll waits already."""
        until = min(now, self._office.plan.duration_s)
        while self._due and self._next < until:
            self._come_due(self._next)

    def _forget(self) -> None:
        del self._due[:]
        self._again = None

    def _come_due(self, at: float) -> None:
        self._office.tally.due(at)
        self._due.append(at)
        self._next = self._schedule.after(at)
