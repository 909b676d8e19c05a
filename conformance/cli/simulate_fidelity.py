"""`simulate fidelity`: the same fleet live and simulated, and how far they are apart."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conformance.cli import options
from conformance.cli.helptext import help_of

if TYPE_CHECKING:
    from conformance.bench.fleet_operator import FleetOperator
    from conformance.cli.live_wfm import Reached
    from simulator.fleet.calibration import Calibration
    from simulator.fleet.description import Fleet
    from simulator.fleet.fidelity import Row
    from simulator.fleet.live.result import LiveResult

INCOMPLETE = 4
EXIT_CODES = (
    "Exit codes: 0 compared, whatever the differences; 2 usage or configuration, 3 error of the suite itself, "
    "4 the live run is partial, 130 interrupted."
)
LiveUrl = Annotated[
    str | None,
    typer.Option("--live", metavar="URL", help="The WFM to run against; default: the reference WFM is started."),
]
Northbound = Annotated[
    str | None,
    typer.Option("--northbound", metavar="URL|FILE", help="Its operator's side, for rollouts: as for `simulate live`."),
]
Identity = Annotated[
    Path, typer.Option("--identity", metavar="DIR", help="With --live: the identity folder of its devices.")
]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "fidelity",
        short_help="Hold the simulation against a live run of the same fleet.",
        help=help_of(
            "Run a fleet live, over mutual TLS on the loopback, and in both engines; compare requests, bytes, "
            "convergence and answer times. The reference WFM is started for it unless --live names another. The live "
            "part takes as long as the description's duration.",
            "simulate fidelity --example fidelity-500 --out fidelity",
            "simulate fidelity fleet.yaml --live https://wfm:8443 --northbound http://127.0.0.1:8081 --identity DIR",
        ),
        epilog=EXIT_CODES,
    )(fidelity)


def fidelity(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Description of the fleet.")] = None,
    *,
    example: Annotated[str | None, typer.Option("--example", metavar="NAME", help="A shipped example.")] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")] = Path("fleet-fidelity"),
    live: LiveUrl = None,
    northbound: Northbound = None,
    identity: Identity = options.DEFAULT_IDENTITY,
) -> None:
    """Run live and simulate, compare, and write report.html, fidelity.json, live.json and summary.json."""
    from conformance.cli.console import plain
    from conformance.cli.problems import Misuse
    from conformance.cli.simulate import read_fleet
    from conformance.cli.simulate_live import write_measured
    from reports.fleet import fidelity as page
    from simulator.fleet import calibration
    from simulator.fleet import fidelity as comparison

    fleet = read_fleet(file, example)
    try:
        comparison.check(fleet)
    except comparison.CannotCompare as error:
        raise Misuse("fidelity", str(error), "`--example fidelity-500` is one that can be compared") from None
    out.mkdir(parents=True, exist_ok=True)
    with reached(live, northbound, identity) as wfm:
        result, operator = run_live(fleet, wfm)
    write_measured(out, result)
    calibrated = calibration.calibrate(result.measured())
    names, rows = _compared(fleet, result, calibrated, operator)
    told: dict[str, Any] = {
        "fleet": fleet.name,
        "devices": fleet.devices,
        "duration_s": fleet.duration,
        "complete": not result.partial,
        "findings": [*(finding.text for finding in result.findings), *operator.left_undone],
        "first_manifests": comparison.first_manifests(result),
        "operator": [asdict(step) for step in operator.steps],
        "figures": comparison.to_plain(names, rows),
        "calibration": calibrated.to_plain(),
    }
    (out / "fidelity.json").write_text(json.dumps(told, indent=2) + "\n")
    summary = {
        "name": fleet.name,
        "devices": fleet.devices,
        "complete": not result.partial,
        "fidelity": told["figures"],
    }
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    _show(names, rows)
    for step in operator.steps:
        plain(f"live, {step.rollout}, {step.what}: {step.devices} devices from {step.at_s:.1f} to {step.until_s:.1f} s")
    plain(
        f"live, {told['first_manifests']} first manifests: counted as unchanged, as a simulated device has it already"
    )
    for text in told["findings"]:
        plain(f"finding: {text}")
    plain(str(out / "fidelity.json"))
    plain(str(page.write_report(out)))
    if result.partial:
        raise typer.Exit(INCOMPLETE)


@contextmanager
def reached(live: str | None, northbound: str | None, identity: Path) -> Iterator[Reached]:
    """The WFM that is named, or one that is started for it. Raises Misuse."""
    from conformance.cli.live_wfm import Reached, reference_wfm
    from conformance.cli.problems import Misuse

    if (live is None) != (northbound is None):
        raise Misuse("usage", "expected --live and --northbound together", "rollouts go through the northbound API")
    if live is not None and northbound is not None:
        yield Reached(live, northbound, identity)
        return
    with tempfile.TemporaryDirectory(prefix="margo-fidelity-") as folder, reference_wfm(Path(folder)) as wfm:
        yield wfm


def run_live(fleet: Fleet, wfm: Reached) -> tuple[LiveResult, FleetOperator]:
    """Run a fleet live, with its rollouts, by an operator who tells what was done. Raises Misuse."""
    from conformance.cli.simulate_live import operator_of, ran
    from simulator.fleet.live.mapping import LiveOptions, mapped

    taken = mapped(fleet, LiveOptions(operated=True))
    operator = operator_of(taken, wfm.northbound)
    return ran(taken.plan, wfm.url, wfm.identity, operator), operator


def _compared(
    fleet: Fleet, result: LiveResult, calibrated: Calibration, operator: FleetOperator
) -> tuple[list[str], list[Row]]:
    from simulator.fleet import fidelity as comparison

    done = {(step.rollout, step.what): (step.at_s, step.until_s) for step in operator.steps}
    given = {
        (number, place): done[name, what]
        for number, rollout in enumerate(fleet.rollouts)
        for place in range(len(rollout.waves))
        if (name := f"{rollout.application} {rollout.revision}", what := f"wave {place + 1}") in done
    }
    nearer = comparison.paced(calibrated.applied(fleet), given)
    runs = [
        comparison.of_live(fleet, result),
        comparison.of_simulation(fleet, "compiled"),
        comparison.of_simulation(fleet, "simpy"),
        comparison.of_simulation(nearer, "compiled", fleet),
    ]
    return ["live", "compiled", "simpy", "calibrated"], comparison.rows(runs)


def _show(names: Sequence[str], rows: Sequence[Row]) -> None:
    from rich.table import Table

    from conformance.cli.console import stdout

    table = Table("figure", *names, box=None, pad_edge=False)
    for row in rows:
        if not any(row.values):
            continue
        apart: list[Any] = [None, *row.differences]
        table.add_row(row.name, *(_cell(*pair) for pair in zip(row.values, apart, strict=True)))
    stdout().print(table)


def _cell(value: float | None, apart: float | None) -> str:
    if value is None:
        return "-"
    text = f"{value:,.0f}" if float(value).is_integer() else f"{value:.5f}"
    return text if apart is None else f"{text} ({apart:+.1%})"
