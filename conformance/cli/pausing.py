"""Runs on real devices from the command line: Ctrl-C once pauses, twice stops now; a paused run goes on later."""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from rich.text import Text

from conformance.bench.pausing import Earlier, Pause
from conformance.bench.run import RunPlan, run
from conformance.bench.scenarios import Scenario, Selection
from conformance.cli.console import stderr
from conformance.cli.progress import following
from conformance.cli.records import event_file
from conformance.record.file import EVENT_FILE
from conformance.record.run import Run


@dataclass(frozen=True, slots=True)
class Interactive:
    """What is different where people look after the subject."""

    resume: Path | None
    """The record of a run that goes on, or its folder."""
    before: Callable[[Selection], None]
    """Says what they should know before anything runs."""


def take_up(path: Path, out: Path) -> Earlier:
    """Read the record of a run that goes on, and put it out of the way of the new one.

    Raises Misuse when there is none, BrokenRecord when it cannot be relied on.
    """
    file = event_file(path)
    earlier = Earlier.of(file)
    if file.resolve() != (out / EVENT_FILE).resolve():
        return earlier
    number = next(number for number in range(1, 10_000) if not _kept(out, number).exists())
    return replace(earlier, path=file.rename(_kept(out, number)))


def give_back(earlier: Earlier, out: Path) -> None:
    """Put the record of a run that cannot go on where it was."""
    if earlier.path.parent == out and not (out / EVENT_FILE).exists():
        earlier.path.rename(out / EVENT_FILE)


def _kept(out: Path, number: int) -> Path:
    return out / f"events-{number}.ndjson"


def run_with_pauses(plan: RunPlan, known: Sequence[Scenario]) -> Run:
    """Run, and see to it that Ctrl-C leaves a sealed record that can be taken up again."""
    pause = Pause()
    console = stderr()

    def pressed(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        pause.asked = True
        words = "pausing after the scenario under way; Ctrl-C once more stops now"
        console.print(Text(f"\n{words}"), soft_wrap=True)

    signal.signal(signal.SIGINT, pressed)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    total = sum(plan.selection.takes(scenario) for scenario in known)
    with following(console, total, live=False) as follower:
        finished = run(replace(plan, pause=pause, listeners=(*plan.listeners, follower.heard)))
    if pause.asked:
        hint = f"the same command with --resume {plan.directory} goes on where this run stopped"
        console.print(Text(f"paused: {hint}"), soft_wrap=True)
    return finished
