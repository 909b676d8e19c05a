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
from conformance.cli.problems import Misuse
from conformance.cli.progress import following
from conformance.cli.records import event_file
from conformance.cli.rendering import write_reports
from conformance.record.file import EVENT_FILE, BrokenRecord
from conformance.record.run import Run


@dataclass(frozen=True, slots=True)
class Interactive:
    """What is different where people look after the subject."""

    resume: Path | None
    """The record of a run that goes on, or its folder."""
    before: Callable[[Selection], None]
    """Says what they should know before anything runs."""


def earlier_of(path: Path) -> Earlier:
    """Read the record of a run that is to go on.

    Raises Misuse when there is none, or when it broke off and an earlier one is there that can be taken instead;
    BrokenRecord when it cannot be relied on.
    """
    file = event_file(path)
    try:
        return Earlier.of(file)
    except BrokenRecord as error:
        kept = _last_kept(file.parent)
        if file.name != EVENT_FILE or kept is None:
            raise
        raise Misuse(
            "broken-record", str(error), f"--resume {kept} takes up the run that this one went on with"
        ) from None


def put_aside(earlier: Earlier, out: Path) -> Earlier:
    """Put the record of a run that goes on out of the way of the new one."""
    if earlier.path.resolve() != (out / EVENT_FILE).resolve():
        return earlier
    number = next(number for number in range(1, 10_000) if not _kept(out, number).exists())
    return replace(earlier, path=earlier.path.rename(_kept(out, number)))


def give_back(earlier: Earlier, out: Path) -> None:
    """Put the record of a run that could not go on where it was, with the reports of it."""
    if earlier.path.parent.resolve() == out.resolve() and earlier.path.name != EVENT_FILE:
        earlier.path.replace(out / EVENT_FILE)
        write_reports(Run.of(earlier.events), out)


def _last_kept(out: Path) -> Path | None:
    found = [_kept(out, number) for number in range(1, 10_000) if _kept(out, number).exists()]
    return found[-1] if found else None


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
