"""`simulate`: a whole fleet in simulated time, with the compiled engine."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conformance.cli.helptext import EXIT_CODES_PLAIN, help_of

if TYPE_CHECKING:
    from simulator.fleet.description import Fleet

_EXTRA = "`pip install 'margo-conformance[fleet]'`"


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "simulate",
        short_help="Simulate a fleet of up to ten million devices.",
        help=help_of(
            "Simulate a fleet, described in a YAML file or shipped as an example, and write what came of it.",
            "simulate --example million-day --engine compiled --out DIR",
            "simulate fleet.yaml --out DIR",
        ),
        epilog=EXIT_CODES_PLAIN,
    )(simulate)


def simulate(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Description of the fleet.")] = None,
    *,
    example: Annotated[str | None, typer.Option("--example", metavar="NAME", help="A shipped example.")] = None,
    engine: Annotated[str, typer.Option("--engine", metavar="ENGINE", help="`compiled`, so far.")] = "compiled",
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")] = Path("fleet-results"),
) -> None:
    """Read the description, run it, write the results."""
    from conformance.cli.console import plain
    from conformance.cli.problems import INTERRUPTED, Misuse

    if engine != "compiled":
        raise Misuse("usage", f"--engine: expected compiled, found {engine}", "leave --engine out")
    fleet = _read(file, example)
    try:
        from simulator.fleet import compiled, summary
        from simulator.fleet.planning import plan_of
    except ModuleNotFoundError as error:
        raise Misuse("missing-extra", str(error), f"the fleet is in an extra: {_EXTRA}") from None
    started = time.perf_counter()
    try:
        plan = plan_of(fleet)
        plan.record()
    except ValueError as error:
        raise Misuse("document", f"{file or example}: {error}", "correct the description and try again") from None
    tallies, whole = compiled.simulate(plan)
    result = summary.summary_of(plan, tallies, time.perf_counter() - started, engine=engine, whole=whole)
    summary.write(out, plan, tallies, result)
    plain(
        f"{result['devices']:,} devices, {result['polls']:,} polls in {result['wall_s']:.1f} s: {out / 'summary.json'}"
        + ("" if whole else " (partial: interrupted)")
    )
    if not whole:
        raise typer.Exit(INTERRUPTED)


def _read(file: Path | None, example: str | None) -> Fleet:
    from difflib import get_close_matches
    from importlib.resources import files

    from pydantic import ValidationError

    from conformance.cli.problems import Misuse
    from simulator.fleet.description import Fleet
    from simulator.protocol.documents import DocumentError, parse_yaml

    if (file is None) == (example is None):
        raise Misuse("usage", "one of FILE and --example is needed", "try --example million-day")
    if file is not None:
        data = file.read_bytes()
    else:
        folder = files("simulator.fleet") / "examples"
        names = sorted(item.name.removesuffix(".yaml") for item in folder.iterdir())
        if example not in names:
            near = get_close_matches(str(example), names, n=1)
            raise Misuse("unknown-example", f"example {example!r} is not known", f"try {(near or names)[0]}")
        data = (folder / f"{example}.yaml").read_bytes()
    name = str(file or example)
    value: Any = parse_yaml(data, name)
    try:
        return Fleet.model_validate(value)
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "(root)"
        raise DocumentError(name, field, str(first["msg"]), repr(first.get("input"))[:80]) from None
