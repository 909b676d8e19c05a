"""`simulate examples`: the shipped fleets with the question each answers, or one of them as a file to start from."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

from typing import Annotated

import typer

from conformance.cli.helptext import EXIT_CODES_PLAIN, help_of


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "examples",
        short_help="List the shipped fleets and the question each answers.",
        help=help_of(
            "List the shipped fleets with the question each answers; with a NAME print its description: the question, "
            "what to look at, what was seen, what to try, and the fleet itself.",
            "simulate examples",
            "simulate examples canary",
            "simulate --example canary --out DIR",
        ),
        epilog=EXIT_CODES_PLAIN,
    )(examples)


def examples(name: Annotated[str | None, typer.Argument(metavar="NAME", help="Print this one.")] = None) -> None:
    """List the examples, or print one."""
    from conformance.cli.console import plain
    from conformance.cli.problems import Misuse
    from simulator.fleet import reading

    known = reading.examples()
    if name is None:
        width = max(map(len, known))
        for key in known:
            fleet = reading.read_example(key)
            plain(f"{key.ljust(width)}  {fleet.question}")
            for variant in fleet.variants:
                plain(f"{' ' * width}    compared with: {variant}")
        return
    try:
        reading.read_example(name)
    except reading.UnknownExample as error:
        raise Misuse("unknown-example", str(error.args[0]), f"examples: {', '.join(known)}") from None
    plain(known[name].read_text().rstrip())
