"""A comparison as text for a terminal or a log: what differs, then figure by figure."""

from collections.abc import Iterator

from reports.fleet.comparison import Against, Change, Comparison, Row
from reports.fleet.units import NOTHING, written

MARKS = {
    Change.WORSE: "worse",
    Change.BETTER: "better",
    Change.ABSENT: "absent from one",
    Change.DIFFERENT: "",
    Change.SAME: "same",
}


def render(comparison: Comparison) -> str:
    """The whole comparison; figures that are the same are only counted."""
    lines = [line for run in comparison.runs for line in _run(comparison, run)]
    return "\n".join(lines).rstrip() + "\n"


def verdict(run: Against) -> str:
    """One sentence."""
    counts = {change: sum(row.change is change and not row.slight for row in run.rows) for change in Change}
    slight = sum(row.slight for row in run.rows)
    moved = f"{counts[Change.WORSE]} worse, {counts[Change.BETTER]} better, {counts[Change.SAME]} the same"
    moved += f", {slight} about the same" if slight else ""
    absent = f", {counts[Change.ABSENT]} absent from one" if counts[Change.ABSENT] else ""
    return f"{'' if run.comparable else 'NOT COMPARABLE; as far as it goes: '}{moved}{absent}"


def _run(comparison: Comparison, run: Against) -> Iterator[str]:
    yield f"{run.name} against {comparison.baseline}: {verdict(run)}"
    yield from (f"  caution: {caution}" for caution in run.cautions)
    yield from (f"  setting: {s.key}: {s.before or NOTHING} -> {s.after or NOTHING}" for s in run.settings)
    shown = [row for row in run.rows if row.change is not Change.SAME]
    cells = [("", "before", "after", "difference", "ratio", ""), *map(_cells, shown)]
    widths = [max(len(row[n]) for row in cells) for n in range(6)]
    for row in cells if shown else []:
        parts = [row[0].ljust(widths[0]), *(row[n].rjust(widths[n]) for n in range(1, 5)), row[5]]
        yield ("  " + "  ".join(parts)).rstrip()
    yield ""


def _cells(row: Row) -> tuple[str, ...]:
    return (row.label, value(row, row.before), value(row, row.after), difference(row), ratio(row), mark(row))


def mark(row: Row) -> str:
    """Whether a figure got better or worse, in words."""
    return "about the same" if row.slight else MARKS[row.change]


def value(row: Row, number: float | None) -> str:
    """A figure's value; a convergence without a time was never reached."""
    never = row.unit == "s" and row.change is not Change.ABSENT
    return "never" if number is None and never else written(number, row.unit)


def difference(row: Row) -> str:
    """The difference with its sign."""
    if row.difference is None:
        return NOTHING
    return ("+" if row.difference > 0 else "") + written(row.difference, row.unit)


def ratio(row: Row) -> str:
    """After in parts of before."""
    return NOTHING if row.ratio is None else written(row.ratio, "times")
