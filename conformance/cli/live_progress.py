"""How a live run goes, while it goes: a bar on a terminal, a line now and then in a log."""

import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from conformance.cli.console import is_live, stderr
from simulator.fleet.live.driver import Progress as Told
from simulator.fleet.live.plan import LivePlan

_OVER_S = 3.0
"""The time over which requests per second are told."""


class LiveBar:
    """Shows what a run tells: devices prepared, then the time that is left, devices connected and requests/s."""

    def __init__(self, plan: LivePlan, every_s: float = 10.0) -> None:
        # `every_s`: how often a line is written where there is no bar
        self._every_s = every_s
        self._plan = plan
        self._console = stderr()
        self._lively = is_live(self._console)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[told]}"),
        )
        self._bar = Progress(*columns, console=self._console, transient=True, disable=not self._lively)
        self._task = self._bar.add_task("preparing", total=plan.devices, told="")
        self._running = False
        self._seen: list[tuple[float, int]] = []
        self._next = time.monotonic() + self._every_s

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, value, trace)

    def show(self, told: Told) -> None:
        """Show how far it is."""
        if told.stage == "preparing":
            self._bar.update(self._task, completed=told.prepared, told="credentials of the devices")
            self._line(f"preparing: {told.prepared:,} of {self._plan.devices:,} devices")
            return
        if not self._running:
            self._running = True
            self._bar.reset(self._task, total=self._plan.duration_s, description="live", told="")
        text = f"{told.open:,} connected, {self._rate(told):,.0f} requests/s"
        if told.failed:
            text += f", {told.failed:,} failed"
        self._bar.update(self._task, completed=told.at_s, told=text)
        self._line(f"{told.at_s:,.0f} of {self._plan.duration_s:,.0f} s: {text}")

    def _rate(self, told: Told) -> float:
        self._seen.append((told.at_s, told.answered))
        while len(self._seen) > 2 and self._seen[1][0] < told.at_s - _OVER_S:
            self._seen.pop(0)
        (since, before), (until, now) = self._seen[0], self._seen[-1]
        return (now - before) / (until - since) if until > since else 0.0

    def _line(self, text: str) -> None:
        if self._lively or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._every_s
        self._console.print(text, markup=False, soft_wrap=True)
