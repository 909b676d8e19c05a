"""`simulate report`: the pictures of a run, drawn again from what its folder holds."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
            "Draw report.html again from a folder of results, simulated or live: from summary.json and the tables "
            "alone, or fidelity.json; so a folder of an earlier version gets the pictures of this one.",
            "simulate report fleet-results",
        ),
        epilog=EXIT_CODES_PLAIN,
    )(report)


def report(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the results.")]) -> None:
    """Draw report.html again."""
    from conformance.cli.console import plain
    from reports.fleet import fidelity, page, words

    if fidelity.is_fidelity(folder):
        with _wrong_is_told():
            sentences, file = list(fidelity.answer(fidelity.read(folder))), fidelity.write_report(folder)
    else:
        found = read_folder(folder)
        sentences, file = words.answer(found), page.write_report(found.path)
    for sentence in sentences:
        plain(sentence)
    plain(str(file))


def read_folder(path: Path) -> Folder:
    """Read a folder of results. Raises Misuse."""
    from reports.fleet import folder

    with _wrong_is_told():
        return folder.read(path)


@contextmanager
def _wrong_is_told() -> Iterator[None]:
    from conformance.cli.problems import Misuse
    from reports.fleet.folder import WrongFolder

    try:
        yield
    except WrongFolder as error:
        hint = "`margo-conformance simulate run` writes such a folder, by default fleet-results"
        raise Misuse("fleet-results", str(error), hint) from None
