"""`simulate report`: the pictures of a run, drawn again from what its folder holds."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conformance.cli.helptext import EXIT_CODES_PLAIN, help_of

if TYPE_CHECKING:
    from reports.fleet.folder import Folder


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "report",
        short_help="Draw report.html again.",
        help=help_of(
            "Draw report.html again from a folder of results, simulated or live: from summary.json and the CSV tables "
            "alone, so a folder of an earlier version gets the pictures of this one.",
            "simulate report fleet-results",
        ),
        epilog=EXIT_CODES_PLAIN,
    )(report)


def report(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the results.")]) -> None:
    """Draw report.html again."""
    from conformance.cli.console import plain
    from reports.fleet import page, words

    found = read_folder(folder)
    for sentence in words.answer(found):
        plain(sentence)
    plain(str(page.write_report(found.path)))


def read_folder(path: Path) -> Folder:
    """Read a folder of results. Raises Misuse."""
    from conformance.cli.problems import Misuse
    from reports.fleet import folder

    try:
        return folder.read(path)
    except folder.WrongFolder as error:
        hint = "`margo-conformance simulate run` writes such a folder, by default fleet-results"
        raise Misuse("fleet-results", str(error), hint) from None
