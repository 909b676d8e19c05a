"""The entry point: gathers the verbs, and turns every way to end into a message and an exit code."""

import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from conformance.cli import (
    coverage,
    demo,
    doctor,
    explain,
    init,
    listing,
    report_diff,
    report_render,
    report_verify,
    run_device,
    run_wfm,
    search,
    selftest,
    serve_device,
    serve_wfm,
    simulate,
)
from conformance.cli.helptext import EXIT_CODES, PROGRAM, help_of

DEBUG = "--debug"

app = typer.Typer(
    name=PROGRAM,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help=help_of(
        "Conformance suite, reference WFM and simulated devices for the Margo specification.",
        "demo                      # see it work",
        "run device --listen 0.0.0.0:8443",
        "run wfm --url https://wfm:8443 --identity DIR",
        "serve wfm                 # to develop against",
        "explain DS-069",
    ),
    epilog=EXIT_CODES,
)
runs = typer.Typer(no_args_is_help=True, help="Run the suite against a device or a WFM.", epilog=EXIT_CODES)
serves = typer.Typer(no_args_is_help=True, help="Run the reference WFM or a simulated device for real use.")
searches = typer.Typer(no_args_is_help=True, help="Search a device or a WFM for what it does not survive.")
reports = typer.Typer(no_args_is_help=True, help="Render reports from a record, or verify a record.")
inits = typer.Typer(no_args_is_help=True, help="Draft the statement (ICS) about your device or WFM.")

demo.register(app)
app.add_typer(runs, name="run")
app.add_typer(serves, name="serve")
app.add_typer(searches, name="search")
listing.register(app)
explain.register(app)
coverage.register(app)
app.add_typer(reports, name="report")
app.add_typer(inits, name="init")
simulate.register(app)
doctor.register(app)
selftest.register(app)
run_device.register(runs)
run_wfm.register(runs)
search.register(searches)
serve_wfm.register(serves)
serve_device.register(serves)
report_diff.register(reports)
report_render.register(reports)
report_verify.register(reports)
init.register(inits)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - the import takes as long as all of this file

        sys.stdout.write(f"{PROGRAM} {version(PROGRAM)}\n")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
    debug: Annotated[bool, typer.Option(DEBUG, help="Show the traceback of an unexpected error.")] = False,
) -> None:
    """Options before any verb; both are dealt with elsewhere."""
    del version, debug


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out a command line and give the exit code; nothing but a defect of the suite ever shows a traceback."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # typed after the verb as often as before it
    debug = DEBUG in arguments
    arguments = [argument for argument in arguments if argument != DEBUG]
    try:
        code = app(arguments, prog_name=PROGRAM, standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except typer.TyperException as error:
        return _misused(error)
    except Exception as error:  # noqa: BLE001 - the last line of defence
        return _failed(error, debug=debug)
    return code if isinstance(code, int) else 0


def _misused(error: typer.TyperException) -> int:
    from conformance.cli.console import show_problem  # noqa: PLC0415
    from conformance.cli.problems import Problem  # noqa: PLC0415

    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":  # the help was shown already
        return 2
    command = context.command_path if context else PROGRAM
    show_problem(Problem("usage", error.format_message(), f"`{command} --help` shows what there is"))
    return 2


def _failed(error: Exception, *, debug: bool) -> int:
    from conformance.cli.console import show_problem  # noqa: PLC0415
    from conformance.cli.problems import SUITE_ERROR, Problem, explain  # noqa: PLC0415

    problem = explain(error)
    if problem is None:
        cause = f"unexpected {type(error).__name__}: {' '.join(str(error).split())}"
        hint = f"this is a defect of the suite: please report it with the output of the same command with {DEBUG}"
        problem = Problem("suite", cause, hint, SUITE_ERROR)
    show_problem(problem)
    if debug:
        traceback.print_exception(error)
    return problem.exit_code


if __name__ == "__main__":
    sys.exit(main())
