"""The folder of a fleet run: summary.json, its tables as CSV, and fleet.yaml.

A table is columns by name; a cell is a number, a text, or None where the file has nothing.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

SUMMARY = "summary.json"
DESCRIPTION = "fleet.yaml"
LARGEST = 256 * 1024 * 1024
"""Bytes of one file that are read."""

Cell = int | float | str | None
Table = Mapping[str, Sequence[Any]]


class WrongFolder(ValueError):
    """There are no results of a fleet run; the message says which file is missing or wrong, and how."""


class Rollout(BaseModel):
    """What became of one revision; times in seconds."""

    model_config = ConfigDict(extra="allow", frozen=True)
    application: str = ""
    revision: str
    begins_at_s: float | None = None
    devices: int | None = None
    succeeded: int = 0
    failed: int = 0
    paused_at_s: float | None = None
    seconds_until: Mapping[str, float | None] = Field(default_factory=dict)


class Summary(BaseModel):
    """The figures of a run. What a kind of run does not count is None or empty."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str = "fleet"
    question: str = ""
    engine: str
    seed: int | None = None
    complete: bool
    devices: int
    simulated_devices: int | None = None
    """How many of them were simulated, each for the whole time; fewer than all where the run is partial."""
    duration_s: float
    covered_s: float | None = None
    """Seconds of the fleet's time that were counted; less than `duration_s` where the run is partial."""
    ran_s: float | None = None
    """The same, as live runs tell it."""
    polls: int | None = None
    requests: Mapping[str, int] = Field(default_factory=dict)
    peak_requests_per_s: float | None = None
    longest_queue: int | None = None
    refused_with: int | None = None
    bytes: int | None = None
    bytes_per_device_and_day: float | None = None
    poll_latency_s: Mapping[str, Mapping[str, int | float | None]] = Field(default_factory=dict)
    failures: Mapping[str, int] = Field(default_factory=dict)
    rollouts: tuple[Rollout, ...] = ()
    settings: Mapping[str, Any] = Field(default_factory=dict)
    """What a live run was asked for beside its fleet."""
    notes: tuple[str, ...] = ()
    """What the description says that never happens in the run."""
    wall_s: float | None = None
    peak_rss_mb: float | None = None
    finished: str | None = None
    suite: str | None = None
    repeat: str | None = None

    @property
    def covered(self) -> float:
        """Seconds of the fleet's time that were counted."""
        return next((value for value in (self.covered_s, self.ran_s) if value is not None), self.duration_s)

    @property
    def carried(self) -> int:
        """Devices that the figures are of."""
        return self.devices if self.simulated_devices is None else self.simulated_devices

    @property
    def of_all(self) -> str:
        """Those devices in words: `20,000`, or `163,840 of 1,000,000`."""
        return f"{self.carried:,}" + (f" of {self.devices:,}" if self.carried < self.devices else "")

    @property
    def cut_short(self) -> bool:
        """Whether less of the fleet's time was counted than it has."""
        return not self.complete and self.covered < self.duration_s


@dataclass(frozen=True, slots=True)
class Folder:
    """What a run left. `description` is the text of fleet.yaml, empty when there is none."""

    path: Path
    summary: Summary
    tables: Mapping[str, Table]
    description: str

    @property
    def live(self) -> bool:
        """Whether a real WFM was driven."""
        return self.summary.engine == "live"

    def table(self, name: str) -> Table:
        """A table by name; an empty one when the run wrote none."""
        return self.tables.get(name, {})


def read(path: Path) -> Folder:
    """Read a folder (or its summary.json). Raises WrongFolder."""
    folder = path.parent if path.name == SUMMARY else path
    if not folder.is_dir():
        raise WrongFolder(f"{folder}: expected the folder of a fleet run, found {_kind(folder)}")
    summary = _summary(folder / SUMMARY)
    tables = {file.stem: _table(file) for file in sorted(folder.glob("*.csv"))}
    description = _text(folder / DESCRIPTION) if (folder / DESCRIPTION).exists() else ""
    return Folder(folder, summary, tables, description)


def _kind(path: Path) -> str:
    return "a file" if path.exists() else "nothing there"


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > LARGEST:
            raise WrongFolder(f"{file}: expected at most {LARGEST >> 20} MiB, found {file.stat().st_size >> 20} MiB")
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise WrongFolder(f"{file}: expected the results of a fleet run, found no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise WrongFolder(f"{file}: cannot be read: {error}") from None


def _summary(file: Path) -> Summary:
    try:
        return Summary.model_validate(json.loads(_text(file)))
    except json.JSONDecodeError as error:
        raise WrongFolder(f"{file}:{error.lineno}: expected JSON, found {error.msg}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "(root)"
        raise WrongFolder(f"{file}: {field}: {first['msg']}; it is no summary of a fleet run") from None


def _table(file: Path) -> Table:
    rows = list(csv.reader(_text(file).splitlines()))
    if not rows:
        raise WrongFolder(f"{file}: expected a header, found an empty file")
    header = rows[0]
    wrong = next((n for n, row in enumerate(rows, 1) if len(row) != len(header)), None)
    if wrong is not None:
        raise WrongFolder(f"{file}:{wrong}: expected {len(header)} fields, found {len(rows[wrong - 1])}")
    columns = zip(*rows[1:], strict=True) if len(rows) > 1 else [()] * len(header)
    return {name: _column(cells) for name, cells in zip(header, columns, strict=True)}


def _column(cells: Sequence[str]) -> Sequence[Cell]:
    """Numbers where all cells are numbers (or nothing), else texts."""
    for kind in (int, float):
        try:
            return [kind(cell) if cell else None for cell in cells]
        except ValueError:
            continue
    return [cell or None for cell in cells]
