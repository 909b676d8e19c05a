"""Finding and reading the record of an earlier run."""

from pathlib import Path

from conformance.cli.problems import Misuse
from conformance.record.events import ScenarioOutcome
from conformance.record.file import EVENT_FILE, BrokenRecord, read
from conformance.record.run import Run

NOT_PASSED = frozenset(
    {ScenarioOutcome.FAILED, ScenarioOutcome.INCONCLUSIVE, ScenarioOutcome.BLOCKED, ScenarioOutcome.ERROR}
)
"""Outcomes of scenarios that were meant to be carried out and did not pass."""


def event_file(path: Path) -> Path:
    """Give the event file that a path names, itself or by its folder. Raises Misuse when there is none."""
    file = path / EVENT_FILE if path.is_dir() else path
    if not file.is_file():
        raise Misuse("missing-file", f"{file}: no record there", "a run writes one into its --out folder")
    return file


def read_run(path: Path) -> Run:
    """Read a run. Raises BrokenRecord when the events cannot be relied on or make no run."""
    events = read(path)
    try:
        return Run.of(events)
    except ValueError as error:
        raise BrokenRecord(path, len(events), str(error)) from None
