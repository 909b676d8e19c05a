"""Reports of a run in the formats that there are."""

from collections.abc import Iterable
from pathlib import Path

import reports
from conformance.cli.roles import unknown
from conformance.record.file import EVENT_FILE
from conformance.record.run import Run

ALL = "all"


def formats_of(text: str) -> tuple[str, ...]:
    """Read a list such as `html,junit`, or `all`. Raises Misuse for a format that there is none of."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name != ALL and name not in reports.FORMATS:
            raise unknown("format", name, [*reports.FORMATS, ALL])
    return tuple(reports.FORMATS) if ALL in names or not names else tuple(dict.fromkeys(names))


def write_reports(run: Run, out: Path, formats: Iterable[str] = tuple(reports.FORMATS)) -> dict[str, Path]:
    """Write reports into a folder; gives the path of each format. Raises OSError."""
    return reports.write_all(run, out, formats)


def clear(out: Path) -> None:
    """Remove the record and reports of an earlier run, so that none stands beside a record it was not made from."""
    for name in (EVENT_FILE, *(renderer.file for renderer in reports.FORMATS.values())):
        (out / name).unlink(missing_ok=True)
