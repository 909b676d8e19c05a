"""What a device has to do and when: tasks by time, those of one time in the order in which they were put."""

import heapq
from typing import Literal

from simulator.fleet.live.artefacts import Deployed
from simulator.protocol.status import State

Task = Literal["boot", "poll", "report", "finish", "deliver", "off"]
Report = tuple[Deployed, int, State]
"""A deployment, the manifest version that is reported as adopted, and its state."""
Work = tuple[Deployed, int, int, int]
"""A deployment that is being installed, the manifest version, which try it is, and the number of its chance."""
Off = tuple[float, str]
"""When the device is back, and why it goes off."""
About = Report | Work | Off | None
Item = tuple[float, int, Task, About]
"""When, an order within that time, what, and about what."""


class Agenda:
    """Of one device."""

    __slots__ = ("_items", "_order")

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._order = 0

    def put(self, at: float, task: Task, about: About = None) -> None:
        """Have something done at a time."""
        self._order += 1
        heapq.heappush(self._items, (at, self._order, task, about))

    def pop_before(self, end: float) -> Item | None:
        """Take what comes first out, if that is before a time."""
        if not self._items or self._items[0][0] >= end:
            return None
        return heapq.heappop(self._items)

    def take_all(self) -> list[Item]:
        """Take everything out, in order."""
        items, self._items = self._items, []
        return sorted(items, key=lambda item: item[:2])

    def first(self, task: Task) -> float | None:
        """When a task is due first."""
        return min((at for at, _, what, _ in self._items if what == task), default=None)

    def drop_work(self, deployment_id: str) -> None:
        """What is under way for a deployment comes to nothing."""
        kept = [item for item in self._items if not _is_work(item, deployment_id)]
        if len(kept) != len(self._items):
            heapq.heapify(kept)
            self._items = kept


def _is_work(item: Item, deployment_id: str) -> bool:
    _, _, task, about = item
    return (
        task in ("finish", "report")
        and about is not None
        and isinstance(about[0], Deployed)
        and about[0].deployment_id == deployment_id
    )
