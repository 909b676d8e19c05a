"""`demo`: see it work - the suite for both roles against the built-in references."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

import typer

from conformance.cli import options
from conformance.cli.helptext import EXIT_CODES, help_of


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "demo",
        short_help="Both roles against the built-in references, with a report.",
        help=help_of(
            "Run the suite for both roles, the reference WFM and the simulated device being the subjects, and write "
            "the reports. Nothing is needed but this machine.",
            "demo",
            "demo --app path/to/my-package",
        ),
        epilog=EXIT_CODES,
    )(demo)


def demo(
    app: options.Apps = None,
    jobs: options.Jobs = None,
    out: options.Out = options.DEFAULT_OUT,
    as_json: options.AsJson = False,
) -> None:
    """Run both roles against the references."""
    from conformance.cli.running import Filters, Spread, carry_out, statement, worker_command
    from conformance.cli.seats import simulated

    packages = tuple(app or ())
    device = simulated(statement("device", None, None), None, packages)
    wfm = simulated(statement("wfm", None, None), None, packages)
    commands = (worker_command("device", None, None, packages), worker_command("wfm", None, None, packages))
    raise typer.Exit(carry_out((device, wfm), out, Filters(), as_json=as_json, spread=Spread(commands, jobs)))
