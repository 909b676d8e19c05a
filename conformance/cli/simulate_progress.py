"""How far a simulation is: a bar on a terminal, a plain line now and then in a log.

Both tell the share, the events each second, and the time that is left. Short runs leave no line in a log.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from conformance.cli.console import is_live, stderr

if TYPE_CHECKING:
    from rich.console import Console

EVERY_S = 10.0
"""Seconds between lines in a log."""
Advance = Callable[[float], None]
Counted = Callable[[], int]


@contextmanager
def showing(counted: Counted | None = None, console: Console | None = None) -> Iterator[Advance]:
    """Give what is called with the part that is done; `counted` tells how many events there were so far."""
    console = console or stderr()
    with (_bar if is_live(console) else _lines)(console, counted or (lambda: 0)) as advance:
        yield advance


def events_per_second(events: int, seconds: float) -> str:
    """A rate in words; nothing as long as nothing was counted."""
    if not events or seconds <= 0:
        return ""
    rate = events / seconds
    return (
        f"{rate / 1e6:.1f}M events/s"
        if rate >= 1e6
        else f"{rate / 1e3:.0f}k events/s"
        if rate >= 1e4
        else f"{rate:.0f} events/s"
    )


@contextmanager
def _bar(console: Console, counted: Counted) -> Iterator[Advance]:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (
        TextColumn("simulating"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[rate]}", style="dim"),
    )
    began = time.monotonic()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0, rate="")

        def advance(part: float) -> None:
            bar.update(task, completed=part, rate=events_per_second(counted(), time.monotonic() - began))

        yield advance


@contextmanager
def _lines(console: Console, counted: Counted) -> Iterator[Advance]:
    began = said = time.monotonic()

    def advance(part: float) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said < EVERY_S or not 0 < part < 1:
            return
        said = now
        took = now - began
        rate = events_per_second(counted(), took)
        left = f"{took * (1 - part) / part:.0f} s left"
        console.print(", ".join(text for text in (f"simulated {part:.0%}", rate, left) if text), soft_wrap=True)

    yield advance
