"""The real agent of a simulated device, watched: what it does is counted where the results of a fleet need it."""

from collections.abc import Callable
from typing import Protocol

from simulator.device.agent import Agent
from simulator.device.durable import Durable
from simulator.device.work import Work
from simulator.fleet import model
from simulator.fleet.documents import STATES, CohortDocuments


class Watcher(Protocol):
    """Who counts: the device that the agent is on."""

    adopted: int
    """Code of the newest desired state that ran."""

    def tell(self, what: int, about: int) -> None:
        """Write something down."""

    def adopt(self, code: int) -> None:
        """A desired state runs for the first time."""

    def count(self, column: int) -> None:
        """Count something of the cohort."""


class Counted(Agent):
    """The agent, watched: what it does is counted where the results need it."""

    def __init__(
        self,
        documents: CohortDocuments,
        durable: Durable,
        random: Callable[[], float],
        watcher: Watcher,
    ) -> None:
        super().__init__(documents.settings, documents.facts, durable, random)
        self._watcher = watcher

    def report(self, work: Work) -> None:
        """As the agent does; a new report is written down."""
        before = work.reported
        super().report(work)
        if work.reported != before:
            self._watcher.tell(model.REPORTED + STATES[self.overall_state(work.states)], work.version - 1)

    def conclude(self, work: Work) -> None:
        """As the agent does; the first time that a version runs is counted."""
        if not work.failed and work.version - 1 > self._watcher.adopted:
            self._watcher.adopt(work.version - 1)
        super().conclude(work)

    def gave_up(self, work: Work) -> bool:
        """As the agent does."""
        gave_up = super().gave_up(work)
        if gave_up:
            self._watcher.count(model.GAVE_UP)
        return gave_up
