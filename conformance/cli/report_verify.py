"""`report verify`: whether a record is whole and unedited, and what it says."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from pathlib import Path
from typing import Annotated

import typer

from conformance.cli.helptext import EXIT_CODES_PLAIN, help_of


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "verify",
        short_help="Verify that a record is complete and unedited.",
        help=help_of(
            "Verify that a record is complete and unedited, and tell what it says. A truncated or edited one is "
            "refused with exit code 2. The seal shows damage and careless edits; it is no signature.",
            "report verify compliance-report/events.ndjson",
        ),
        epilog=EXIT_CODES_PLAIN,
    )(verify)


def verify(
    events: Annotated[Path, typer.Argument(metavar="EVENTS", help="The event file, or the folder it lies in.")],
) -> None:
    """Read a record from its first to its last byte and print what it says."""
    from conformance.cli.console import plain
    from conformance.cli.records import event_file, read_run

    path = event_file(events)
    run = read_run(path)
    header = run.header
    plain(f"{path}: sealed and complete, {len(run.by_number)} events")
    plain(f"run      {header.run} of {header.started}, suite {header.suite}, revision {header.revision}")
    if header.selection:
        plain(f"partial  only {header.selection}")
    for subject, assessment in zip(header.subjects, run.assessments, strict=True):
        name = " ".join(part for part in (subject.name, subject.version) if part)
        plain(f"{subject.role:<8} {name} ({subject.target}, profile {subject.profile})")
        plain(f"         {assessment.headline}")
    for name, digest in header.digests.items():
        plain(f"digest   {name} {digest}")
