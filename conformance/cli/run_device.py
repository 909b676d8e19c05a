"""`run device`: the suite against a device - the simulated one, or a real one that connects to the bench."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from pathlib import Path
from typing import Annotated

import typer

from conformance.cli import options
from conformance.cli.helptext import EXIT_CODES, help_of


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "device",
        short_help="Run the suite against a device.",
        help=help_of(
            "Run the suite against a device. With --listen the bench waits for your device at that address, and writes "
            "the credentials it needs into the --identity folder; otherwise the simulated device is the subject.",
            "run device --listen 0.0.0.0:8443 --ics my-device.yaml",
            "run device --req DS-069",
            "run device --target simulated:NAME   # catch a defect",
            "run device --failed                  # try again",
        ),
        epilog=EXIT_CODES,
    )(run_device)


def run_device(  # noqa: PLR0913 - one parameter for each option
    *,
    target: options.Target = None,
    listen: Annotated[
        str | None, typer.Option("--listen", metavar="HOST:PORT", help="Wait here for a real device.")
    ] = None,
    identity: Annotated[
        Path, typer.Option("--identity", metavar="DIR", help="Where a real device's credentials are written.")
    ] = options.DEFAULT_IDENTITY,
    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=1, help="How long to wait for a real device.")
    ] = 300.0,
    ics: options.Ics = None,
    app: options.Apps = None,
    req: options.Requirements = None,
    tag: options.Tags = None,
    text: options.Text = None,
    failed: options.Failed = False,
    revision: options.Revision = None,
    clock: options.Clock = None,
    jobs: options.Jobs = None,
    part: options.PartOption = None,
    out: options.Out = options.DEFAULT_OUT,
    as_json: options.AsJson = False,
) -> None:
    """Choose the seat, then run."""
    from conformance.cli.problems import Misuse
    from conformance.cli.running import Filters, Spread, carry_out, statement, worker_command
    from conformance.cli.seats import clock_of, fitting, listening_device, mutant_of, simulated

    if listen and target:
        raise Misuse("usage", "--listen and --target: only one of them can be the subject", "leave one of them out")
    said = statement("device", ics, revision)
    packages = tuple(app or ())
    kind = clock_of(clock, real=listen is not None)
    if listen:
        # nobody has declared anything of a real device that comes without a statement: what it does is observed
        said = said if ics else said.model_copy(update={"policies": {}})
        seat = listening_device(said, listen, identity, packages, wait)
    else:
        mutant = mutant_of(target, "device")
        seat = simulated(said if ics else fitting(said, mutant), mutant, packages, kind)
    filters = Filters.of(req, tag, text, failed=failed)
    commands = () if listen else (worker_command("device", target, ics, packages, kind),)
    spread = Spread(commands, jobs, part)
    raise typer.Exit(carry_out((seat,), out, filters, as_json=as_json, spread=spread))
