"""`simulate`: a whole fleet in simulated time, from a description or a shipped example."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

import time
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from conformance.cli import (
    simulate_calibrate,
    simulate_compare,
    simulate_examples,
    simulate_fidelity,
    simulate_init,
    simulate_live,
    simulate_progress,
    simulate_report,
    simulate_shards,
    simulate_variants,
)
from conformance.cli.helptext import EXIT_CODES_PLAIN, help_of
from conformance.cli.interrupting import interrupted_once, stop_as_by_ctrl_c

if TYPE_CHECKING:
    from simulator.fleet.description import Fleet
    from simulator.fleet.shards import Outcome

EXTRA = "the engines are in an extra: `pip install 'margo-conformance[fleet]'`"


class Engine(StrEnum):
    """Who carries the model out."""

    COMPILED = "compiled"
    SIMPY = "simpy"


class _RunByDefault(TyperGroup):
    """`simulate FILE` and `simulate --example NAME` mean `simulate run ...`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `run` before what names no verb."""
        if args and args[0] not in {*self.commands, "--help"}:
            args = ["run", *args]
        if args and args[0] == "run" and simulate_live.wanted(args):
            args = [simulate_live.NAME, *args[1:]]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Stopped from outside, as by CI or systemd, is the same end as Ctrl-C: what was counted is kept."""
        stop_as_by_ctrl_c()
        return super().invoke(ctx)


def register(app: typer.Typer) -> None:
    """Add the verb and what belongs to it."""
    verbs = typer.Typer(
        cls=_RunByDefault,
        no_args_is_help=True,
        help=help_of(
            "Simulate a fleet of up to ten million devices; `run` may be left out.",
            "simulate init > fleet.yaml",
            "simulate fleet.yaml --out DIR",
            "simulate --example million-day --engine compiled --out DIR",
            "simulate --example million-day --workers 4",
            "simulate examples                                # the questions that are answered",
            "simulate --example herd                          # and its variants, compared",
            "simulate fleet.yaml --set cohorts.*.polling.period=30s --out OTHER",
            "simulate compare DIR OTHER",
            "simulate fleet.yaml --live https://localhost:8443 --identity DIR --duration 10m",
        ),
    )
    verbs.command("run", short_help="Simulate a fleet.", epilog=EXIT_CODES_PLAIN)(run)
    simulate_init.register(verbs)
    simulate_fidelity.register(verbs)
    simulate_calibrate.register(verbs)
    simulate_live.register(verbs)
    simulate_examples.register(verbs)
    simulate_report.register(verbs)
    simulate_compare.register(verbs)
    app.add_typer(verbs, name="simulate", short_help="Simulate a fleet of up to ten million devices.")


def run(  # noqa: PLR0913 - one parameter for each option
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Description of the fleet.")] = None,
    *,
    example: Annotated[str | None, typer.Option("--example", metavar="NAME", help="A shipped example.")] = None,
    engine: Annotated[Engine, typer.Option("--engine", help="simpy: the real agent core on every device; slow.")] = (
        Engine.COMPILED
    ),
    seed: simulate_variants.Seed = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")] = Path("fleet-results"),
    changed: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Another setting, such as cohorts.*.polling.period=30s."),
    ] = None,
    variants: Annotated[
        bool, typer.Option("--variants/--no-variants", help="Run the description's variants, too, and compare.")
    ] = True,
    workers: simulate_shards.Workers = None,
    scheduler: simulate_shards.Scheduler = None,
) -> None:
    """Simulate a fleet and write summary.json, tables (Parquet and CSV), the fleet, and report.html with pictures.

    Ctrl-C (or SIGTERM) ends it early and keeps what was simulated. A fleet with variants is run once for each, into
    DIR/variants/NAME, and DIR/compare.html shows them side by side.
    """
    from conformance.cli.console import plain

    fleet = simulate_variants.changed(read_fleet(file, example), changed or [])
    if seed is not None:
        fleet = fleet.model_copy(update={"seed": seed})
    others = simulate_variants.of(fleet) if variants else {}
    out.mkdir(parents=True, exist_ok=True)  # before the work, should it not be possible
    _told(_simulated(fleet, engine, out, workers, scheduler), out)
    for name, other in others.items():
        plain(f"{name}:")
        folder = out / simulate_variants.FOLDER / name
        _told(_simulated(other, engine, folder, workers, scheduler), folder)
    if others:
        simulate_variants.compare(out, list(others))


def _told(summary: dict[str, Any], out: Path) -> None:
    """Say what came of it; a run that was interrupted is told to be partial, and ends the command."""
    from conformance.cli.console import plain
    from conformance.cli.problems import INTERRUPTED
    from conformance.cli.simulate_rollouts import tell_rollouts
    from reports.fleet import page

    some = "" if not summary["missing_devices"] else f"{summary['simulated_devices']:,} of "
    compiled = (
        f"; compiled in {summary['compile_s']:.0f} s (kept for the next time)" if summary["compile_s"] > 1 else ""
    )
    plain(f"{some}{summary['devices']:,} devices, {summary['polls']:,} polls in {summary['wall_s']:.1f} s{compiled}")
    tell_rollouts(summary, summary["covered_s"])
    plain(str(out / "summary.json"))
    plain(str(page.write_report(out)))
    simulate_shards.tell(summary)
    if not summary["complete"]:
        plain("PARTIAL: interrupted; what was counted until then is kept")
        raise typer.Exit(INTERRUPTED)


def read_fleet(file: Path | None, example: str | None) -> Fleet:
    """Read the description that is named. Raises Misuse."""
    from conformance.cli.problems import Misuse
    from simulator.fleet import reading

    if (file is None) == (example is None):
        known = ", ".join(reading.examples())
        raise Misuse("usage", "expected either FILE or --example", f"examples: {known}; `simulate init` writes a file")
    try:
        return reading.read_example(str(example)) if file is None else reading.read(file.read_bytes(), str(file))
    except reading.UnknownExample as error:
        raise Misuse("unknown-example", str(error.args[0]), f"examples: {', '.join(reading.examples())}") from None
    except reading.WrongDescription as error:
        raise Misuse("fleet", str(error), "correct the description; `simulate init` shows every key") from None


@interrupted_once()
def _simulated(fleet: Fleet, engine: Engine, out: Path, workers: int | None, scheduler: str | None) -> dict[str, Any]:
    from conformance.cli.console import stderr
    from conformance.cli.problems import Misuse

    try:
        from simulator.fleet import compiled, notes, plan, results, simpy_engine
    except ModuleNotFoundError as error:
        raise Misuse("missing-extra", str(error), EXTRA) from None
    for note in notes.notes_of(fleet):
        stderr().print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    world = plan.plan_of(fleet)
    began = time.perf_counter()
    if engine is Engine.COMPILED:
        compiled.prepare(world)
    started = time.perf_counter()
    done = 0.0
    whole, shards = False, None
    with simulate_progress.showing(lambda: int(world.rates.sum())) as show, suppress(KeyboardInterrupt):

        def advance(part: float) -> None:
            nonlocal done
            done = part
            show(part)

        if workers or scheduler:
            shards = simulate_shards.run(fleet, world, engine.value, workers, scheduler, advance)
        elif engine is Engine.COMPILED:
            compiled.simulate(world, progress=advance)
        else:
            simpy_engine.simulate(fleet, world, progress=advance)
        whole = shards is None or not shards.missing
    by_time = shards is None and (engine is Engine.SIMPY or bool(world.fixed[0]["in_order"]))
    covered = done * fleet.duration if by_time and not whole else None
    missing = _missing(fleet, done, shards) if not by_time and not whole else []
    how = results.Run(engine.value, time.perf_counter() - started, started - began, whole, covered, missing)
    summary = results.summary_of(fleet, world, how)
    if shards is not None:
        summary["shards"] = shards.to_plain()
    results.write(out, summary, results.tables_of(fleet, world, covered, missing), fleet)
    return summary


def _missing(fleet: Fleet, done: float, shards: Outcome | None) -> list[range]:
    """The devices that were not simulated when the others were, each for the whole time."""
    from simulator.fleet.shards import joined

    return [range(round(done * fleet.devices), fleet.devices)] if shards is None else joined(shards.missing)
