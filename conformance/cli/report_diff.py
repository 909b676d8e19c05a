"""`report diff`: what moved between two runs, requirement by requirement, also across revisions."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from pathlib import Path
from typing import Annotated

import typer

from conformance.cli.helptext import help_of

FORMATS = ("markdown", "json")
EXIT_CODES = (
    "Exit codes: 0 nothing got worse, 1 something broke, got worse or is no longer shown, "
    "2 usage or configuration, 3 error of the suite itself."
)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "diff",
        short_help="Tell what moved between two runs, requirement by requirement.",
        help=help_of(
            "Tell what moved between two runs, requirement by requirement: broken, mended, no longer shown, newly "
            "shown. For runs of two revisions it also lists statements that are new, reworded or withdrawn, and what "
            "the later run says of them: what a move to the other revision asks for.",
            "report diff last-week/ compliance-report/",
            "report diff baseline/events.ndjson compliance-report/events.ndjson --format json --out diff.json",
        ),
        epilog=EXIT_CODES,
    )(diff)


def diff(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="Event file of the earlier run, or its folder.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="Event file of the later run, or its folder.")],
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="markdown or json.")] = "markdown",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write to a file, not to stdout.")] = None,
) -> None:
    """Print the difference; exit code 1 when something got worse, so that a gate can use it."""
    from conformance.cli.console import plain
    from conformance.cli.records import event_file, read_run
    from conformance.cli.roles import unknown
    from reports import write_atomically
    from reports.difference import difference
    from reports.difference_text import render, verdict

    if form not in FORMATS:
        raise unknown("format", form, list(FORMATS))
    found = difference(*(read_run(event_file(path)) for path in (before, after)))
    text = render(found) if form == "markdown" else found.model_dump_json(indent=2) + "\n"
    if out is None:
        plain(text.rstrip())
    else:
        write_atomically(out, text)
        plain(f"{verdict(found)}\n{out}")
    raise typer.Exit(int(found.alarming))
