"""`report diff`: what moved between two runs, and what a move to another revision asks."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from pathlib import Path
from typing import Annotated

import typer

from conformance.cli.helptext import help_of

EXIT_CODES = (
    "Exit codes: 0 nothing got worse, 1 something broke, got worse or is no longer shown, "
    "2 usage or configuration, 3 error of the suite itself."
)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "diff",
        short_help="Tell what moved between two runs, or what a move to another revision asks.",
        help=help_of(
            "Tell what moved between two runs, requirement by requirement: broken, mended, no longer shown, newly "
            "shown. Either side may be the name of a revision (`list revisions`), of which nothing need have been run. "
            "Of two revisions it tells every statement, old and new words side by side, and what a move asks: what is "
            "to do, what is at risk, what stays, and what falls away.",
            "report diff last-week/ compliance-report/",
            "report diff baseline/events.ndjson compliance-report/events.ndjson --format json --out diff.json",
            "report diff compliance-report/ 1.0.0-rc.3            # what would moving there ask of this device?",
            "report diff signed-run/ rc3-run/ --format html --out moving.html",
            "report diff 1.0.0-rc.2-signed 1.0.0-rc.3 --role wfm  # no run at all",
        ),
        epilog=EXIT_CODES,
    )(diff)


def diff(
    before: Annotated[
        str, typer.Argument(metavar="BEFORE", help="Record of the earlier run, its folder, or revision.")
    ],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="Record of the later run, its folder, or revision.")],
    role: Annotated[str | None, typer.Option("--role", metavar="ROLE", help="Only `device` or `wfm`.")] = None,
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="text, markdown, json or html.")] = "text",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write to a file, not to stdout.")] = None,
) -> None:
    """Print the difference; exit code 1 when something got worse, so that a gate can use it."""
    from conformance.cli.compared import sides_of, way_of
    from conformance.cli.console import plain
    from conformance.cli.roles import roles_of, unknown
    from reports import difference_page, difference_text, write_atomically
    from reports.difference import difference

    renderers = {
        "text": difference_text.render_text,
        "markdown": difference_text.render,
        "json": lambda item: item.model_dump_json(indent=2) + "\n",
        "html": difference_page.render,
    }
    if form not in renderers:
        raise unknown("format", form, renderers)
    earlier, later = sides_of(before, after, roles_of(role))
    found = difference(earlier, later, way_of(earlier, later))
    text = renderers[form](found)
    if out is None:
        plain(text.rstrip())
    else:
        write_atomically(out, text)
        plain(f"{difference_text.verdict(found)}\n{out}")
    raise typer.Exit(int(found.alarming))
