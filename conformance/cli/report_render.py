"""`report render`: reports from a record, made again or in other formats."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from pathlib import Path
from typing import Annotated

import typer

from conformance.cli.helptext import EXIT_CODES_PLAIN, help_of


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "render",
        short_help="Render reports from the record of a run.",
        help=help_of(
            "Render reports from the record of a run. The record is verified first; a truncated or edited one is "
            "refused and nothing is written.",
            "report render compliance-report/events.ndjson",
            "report render events.ndjson --format junit --out build",
        ),
        epilog=EXIT_CODES_PLAIN,
    )(render)


def render(
    events: Annotated[Path, typer.Argument(metavar="EVENTS", help="The event file, or the folder it lies in.")],
    formats: Annotated[
        str,
        typer.Option("--format", metavar="LIST", help="html, json, junit, markdown, text (comma-separated) or all."),
    ] = "all",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where to write; default: beside the event file.")
    ] = None,
) -> None:
    """Render the record in the formats asked for and name each file."""
    from conformance.cli.console import plain
    from conformance.cli.records import event_file, read_run
    from conformance.cli.rendering import formats_of, write_reports

    wanted = formats_of(formats)
    path = event_file(events)
    for name, file in write_reports(read_run(path), out or path.parent, wanted).items():
        plain(f"{name:<9} {file}")
