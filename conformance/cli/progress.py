"""What a run shows while it goes: a bar on a terminal, one plain line per scenario everywhere else."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from conformance.cli.console import is_live
from conformance.record.events import Finding, Outcome, ScenarioFinished, ScenarioOutcome, ScenarioStarted, _Event
from reports.text import shorten

WIDTH = 200
_STYLE = {
    ScenarioOutcome.PASSED: "green",
    ScenarioOutcome.FAILED: "bold red",
    ScenarioOutcome.ERROR: "bold magenta",
    ScenarioOutcome.BLOCKED: "yellow",
    ScenarioOutcome.INCONCLUSIVE: "yellow",
}
_TROUBLE = frozenset(
    {ScenarioOutcome.FAILED, ScenarioOutcome.ERROR, ScenarioOutcome.BLOCKED, ScenarioOutcome.INCONCLUSIVE}
)


class View(Protocol):
    """How progress is shown."""

    def began(self, name: str, counts: str) -> None:
        """A scenario is under way."""
        ...

    def ended(self, name: str, end: ScenarioFinished, failures: list[Finding], counts: str) -> None:
        """A scenario ended."""
        ...


class Follower:
    """Listens to the events of a run and keeps a view up to date. Filtered-out scenarios are not mentioned."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._counts: Counter[ScenarioOutcome] = Counter()
        self._names: dict[int, str] = {}
        self._failures: dict[int, list[Finding]] = {}

    def heard(self, event: _Event) -> None:
        """Take one event as it is written; scenarios of several workers may be under way at once."""
        match event:
            case ScenarioStarted():
                name = self._names[event.scenario] = shorten(f"{event.role}: {event.title}", WIDTH)
                self._view.began(name, self._words())
            case Finding(outcome=Outcome.FAIL):
                self._failures.setdefault(event.scenario, []).append(event)
            case ScenarioFinished() if event.outcome is not ScenarioOutcome.NOT_RUN:
                self._counts[event.outcome] += 1
                failures = self._failures.pop(event.scenario, [])
                self._view.ended(self._names.pop(event.scenario, "?"), event, failures, self._words())

    def _words(self) -> str:
        shown = (ScenarioOutcome.PASSED, ScenarioOutcome.FAILED, ScenarioOutcome.BLOCKED)
        always = [f"{self._counts[outcome]} {outcome}" for outcome in shown]
        return ", ".join(always + [f"{n} {outcome}" for outcome, n in self._counts.items() if outcome not in shown])


class Lines:
    """Plain lines, for logs: one per scenario, with what was expected and found where it failed."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._done = 0

    def began(self, name: str, counts: str) -> None:
        """Say nothing: a log tells what happened."""

    def ended(self, name: str, end: ScenarioFinished, failures: list[Finding], counts: str) -> None:
        """Print how it ended."""
        del counts  # the line of each scenario stands in the log already
        self._done += 1
        head = f"[{self._done}/{self._total}] {end.outcome:<12} {name} ({end.duration:.1f} s)"
        self._console.print(Text(head), soft_wrap=True)
        for line in trouble(end, failures):
            self._console.print(line, soft_wrap=True)


class Bar:
    """One bar that redraws itself, with trouble printed above it as it happens."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def began(self, name: str, counts: str) -> None:
        """Show what is under way."""
        self._progress.update(self._task, current=shorten(name, 60), counts=counts)

    def ended(self, name: str, end: ScenarioFinished, failures: list[Finding], counts: str) -> None:
        """Move on; a scenario that did not pass leaves its lines."""
        self._progress.update(self._task, advance=1, counts=counts)
        if end.outcome in _TROUBLE:
            self._progress.console.print(Text.assemble((f"{end.outcome} ", _STYLE[end.outcome]), name))
            for line in trouble(end, failures):
                self._progress.console.print(line)


def trouble(end: ScenarioFinished, failures: list[Finding]) -> Iterator[Text]:
    """Give the lines that say why a scenario did not pass; what a subject said is made printable."""
    for finding in failures:
        yield Text(f"    {finding.requirement}: {shorten(finding.message, WIDTH)}")
        yield Text(f"      expected {shorten(finding.expected or '-', WIDTH)}")
        yield Text(f"      found    {shorten(finding.found or '-', WIDTH)}")
    if end.reason and not failures and end.outcome is not ScenarioOutcome.PASSED:
        yield Text(f"    {shorten(end.reason, WIDTH)}")


@contextmanager
def following(console: Console, total: int, *, live: bool = True) -> Iterator[Follower]:
    """Show the progress of so many scenarios while the block runs; without `live` in plain lines, for dialogues."""
    if not live or not is_live(console):
        yield Follower(Lines(console, total))
        return
    progress = Progress(
        MofNCompleteColumn(),
        BarColumn(bar_width=24),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[counts]}", markup=False),
        TextColumn("{task.fields[current]}", style="dim", markup=False),
        console=console,
        transient=True,
    )
    with progress:
        task = progress.add_task("", total=total, current="starting", counts="")
        yield Follower(Bar(progress, task))
