"""`run wfm`: the suite against a WFM - the reference, or a real one at a URL."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from pathlib import Path
from typing import Annotated

import typer

from conformance.cli import options
from conformance.cli.helptext import EXIT_CODES, help_of


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "wfm",
        short_help="Run the suite against a WFM.",
        help=help_of(
            "Run the suite against a WFM. With --url it is yours: --identity names the folder with the credentials, "
            "--northbound its operator's API, without which scenarios that deploy are blocked. Otherwise the reference "
            "WFM is the subject.",
            "run wfm --url URL --identity DIR --northbound URL",
            "run wfm --tag security",
            "run wfm --target simulated:NAME      # catch a defect",
        ),
        epilog=EXIT_CODES,
    )(run_wfm)


def run_wfm(  # noqa: PLR0913 - one parameter for each option
    *,
    target: options.Target = None,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="Address of a real WFM.")] = None,
    identity: Annotated[
        Path | None, typer.Option("--identity", metavar="DIR", help="Folder with the authority the WFM trusts.")
    ] = None,
    northbound: Annotated[
        str | None, typer.Option("--northbound", metavar="URL", help="Address of the real WFM's operator API.")
    ] = None,
    control: Annotated[
        str | None, typer.Option("--control", metavar="URL", help="Control API, of a reference WFM only.")
    ] = None,
    ics: options.Ics = None,
    app: options.Apps = None,
    req: options.Requirements = None,
    tag: options.Tags = None,
    text: options.Text = None,
    failed: options.Failed = False,
    revision: options.Revision = None,
    jobs: options.Jobs = None,
    part: options.PartOption = None,
    out: options.Out = options.DEFAULT_OUT,
    as_json: options.AsJson = False,
) -> None:
    """Choose the seat, then run."""
    from conformance.cli.problems import Misuse
    from conformance.cli.running import Filters, Spread, carry_out, statement, worker_command
    from conformance.cli.seats import mutant_of, simulated, wfm_at

    if url and target:
        raise Misuse("usage", "--url and --target: only one of them can be the subject", "leave one of them out")
    if url is None and (identity or northbound or control):
        raise Misuse(
            "usage", "--identity, --northbound and --control: they belong to a WFM at a --url", "give --url too"
        )
    said = statement("wfm", ics, revision)
    packages = tuple(app or ())
    if url:
        seat = wfm_at(said, url, identity=identity, northbound=northbound, control=control, packages=packages)
    else:
        seat = simulated(said, mutant_of(target, "wfm"), packages)
    filters = Filters.of(req, tag, text, failed=failed)
    commands = () if url else (worker_command("wfm", target, ics, packages),)
    spread = Spread(commands, jobs, part)
    raise typer.Exit(carry_out((seat,), out, filters, as_json=as_json, spread=spread))
