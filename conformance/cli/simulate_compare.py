"""`simulate compare`: runs side by side, as text, JSON and one HTML page, and as a gate for CI."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conformance.cli.helptext import help_of
from conformance.cli.simulate_report import read_folder

if TYPE_CHECKING:
    from reports.fleet.comparison import Comparison

MOST = 5
FORMATS = ("text", "json", "html")
EXIT_CODES = (
    "Exit codes: 0 compared (and with --fail-on: nothing got worse by more than its limit), 1 something did, "
    "2 usage or configuration, 3 error of the suite itself, 4 with --fail-on: the runs are not comparable, or a named "
    "figure is missing from one of them."
)
_LIMIT = re.compile(r"^(?:(?P<key>[^=]+)=)?(?P<limit>\d+(?:\.\d+)?)\s*%?$")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "compare",
        short_help="Compare runs, figure by figure and curve upon curve.",
        help=help_of(
            "Compare runs with a baseline: convergence of each wave, requests, herds, queue, failures, bytes. Settings "
            "that differ are listed. Runs of other size, duration or rollouts, and partial ones, are told to be not "
            "comparable and shown as far as they go.",
            "simulate compare BEFORE AFTER",
            "simulate compare BEFORE AFTER --html compare.html --json compare.json",
            "simulate compare BEFORE AFTER --fail-on 10%",
            "simulate compare BEFORE AFTER --fail-on peak_requests_per_s=20% --fail-on refused=0",
        ),
        epilog=EXIT_CODES,
    )(compare)


def compare(
    baseline: Annotated[Path, typer.Argument(metavar="BEFORE", help="Folder of the run to compare with.")],
    others: Annotated[list[Path], typer.Argument(metavar="AFTER...", help=f"Folders of up to {MOST - 1} other runs.")],
    *,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the page with curves.")] = None,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the comparison as JSON.")] = None,
    tolerance: Annotated[
        str,
        typer.Option(
            "--tolerance",
            metavar="PERCENT",
            help="Up to this difference a figure is about the same; --fail-on has limits of its own.",
        ),
    ] = "5%",
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on",
            metavar="[FIGURE=]PERCENT",
            help="Exit code 1 when this figure, or any, is worse by more; keys of figures stand in report.html.",
        ),
    ] = None,
) -> None:
    """Compare runs."""
    from conformance.cli.console import plain
    from reports.fleet import comparison_text

    if len(others) > MOST - 1:
        raise typer.BadParameter(f"expected at most {MOST - 1} runs to compare, found {len(others)}")
    limits = dict(map(_limit, fail_on or ()))
    found = compared([baseline, *others], html=html, json=json, tolerance=_percent(tolerance))
    plain(comparison_text.render(found).rstrip())
    for path in (html, json):
        if path is not None:
            plain(str(path))
    if limits:
        raise typer.Exit(_gate(found, limits))


def compared(
    paths: list[Path], *, html: Path | None = None, json: Path | None = None, tolerance: float | None = None
) -> Comparison:
    """Compare folders, the first with each other one, and write what is asked for. Raises Misuse, OSError."""
    from reports import write_atomically
    from reports.fleet import comparison, overlay

    folders = [read_folder(path) for path in paths]
    names = comparison.names_of([folder.path for folder in folders])
    found = comparison.compare(folders[0], folders[1:], names, comparison.TOLERANCE if tolerance is None else tolerance)
    if html is not None:
        runs = [overlay.Named(name, folder) for name, folder in zip(names, folders, strict=True)]
        write_atomically(html, overlay.render(runs, found))
    if json is not None:
        write_atomically(json, found.model_dump_json(indent=2) + "\n")
    return found


def _percent(text: str) -> float:
    read = _LIMIT.match(text.strip())
    if read is None or read["key"]:
        raise typer.BadParameter(f"--tolerance: expected a part such as 5%, found {text!r}")
    return float(read["limit"]) / 100


def _limit(text: str) -> tuple[str, float]:
    read = _LIMIT.match(text.strip())
    if read is None:
        raise typer.BadParameter(f"--fail-on: expected 10% or FIGURE=10%, found {text!r}")
    return (read["key"] or "").strip(), float(read["limit"]) / 100


def _gate(found: Comparison, limits: dict[str, float]) -> int:
    from conformance.cli.console import plain
    from conformance.cli.problems import Misuse
    from reports.fleet import comparison

    try:
        failed = comparison.failures_of(found, limits)
    except comparison.UnknownFigure as error:
        keys = ", ".join(row.key for row in found.runs[0].rows)
        raise Misuse("unknown-figure", str(error), f"figures: {keys}") from None
    missing = comparison.unseen(found, limits)
    for item in failed:
        plain(f"worse: {item.run}: {item.label} ({item.key}): {item.message}")
    for reason in missing:
        plain(f"no verdict: {reason}")
    if not all(run.comparable for run in found.runs):
        return 4
    return 1 if failed else 4 if missing else 0
