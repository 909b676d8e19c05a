"""What charts have in common: sections of the page, the time of a run as an axis, what happened as marks."""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.fleet.folder import Folder
from reports.fleet.herd import reached, step_of
from reports.fleet.svg import Axis, Bars, Chart, Mark, of_time
from reports.fleet.units import clock, duration

ROWS = 48
"""Rows of a table under a chart; the whole is in the CSV file."""


@dataclass(frozen=True, slots=True)
class Section:
    """One question with the pictures that answer it. `file`: where the numbers are."""

    id: str
    title: str
    lead: str
    charts: Sequence[Chart | Bars]
    file: str


def whole(folder: Folder) -> Axis:
    """The time of the run as an axis."""
    return of_time("time of the run", 0, len(reached(folder)) * step_of(folder), duration)


def marks_of(folder: Folder, kinds: Sequence[str] = ()) -> list[Mark]:
    """Outages as spans; waves and pauses as lines with a number. Those of the kinds, all without any."""
    events = folder.table("events")
    rows = zip(*(events.get(name, ()) for name in ("from_s", "until_s", "kind", "what")), strict=True)
    marks = []
    for began, ended, kind, what in rows:
        if not kinds or kind in kinds:
            text = f"{kind}{': ' + what if what else ''}, {clock(began)}"
            span = f" for {duration(ended - began)}" if ended > began else ""
            marks.append(Mark(began, text + span, ended if ended > began else None))
    return marks


def some(rows: Sequence[tuple[float | None, ...]]) -> Sequence[tuple[float, ...]]:
    """At most ROWS of them, at even distances."""
    each = max(1, -(-len(rows) // ROWS))
    return rows[::each]  # type: ignore[return-value] # a step without any value has no row
