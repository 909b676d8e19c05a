"""`simulate calibrate`: from a live run to the parameters of a description."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conformance.cli import options
from conformance.cli.helptext import EXIT_CODES_PLAIN, help_of
from conformance.cli.simulate_calibrate_into import Description, flow
from conformance.cli.simulate_fidelity import Identity, LiveUrl, Northbound, reached, run_live

if TYPE_CHECKING:
    from simulator.fleet.calibration import Calibration, Fitted

EXAMPLE = "fidelity-500"


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "calibrate",
        short_help="Fit a description's parameters to a live run.",
        help=help_of(
            "Fit service times, round trip and bytes to what a live run measured, and print the part of a description "
            "that says so; --into puts it into a file, whose comments stay. RESULTS is the folder of a live run or of "
            "`simulate fidelity`, or a file in it; with --live a run of its own is made: a hundred devices for half a "
            "minute. Times hold for the load they were measured at: keep it light.",
            "simulate fidelity --example fidelity-500 --out fidelity",
            "simulate calibrate fidelity",
            "simulate calibrate fidelity --into fleet.yaml",
            "simulate calibrate --live https://wfm:8443 --northbound http://127.0.0.1:8081 --identity DIR",
        ),
        epilog=EXIT_CODES_PLAIN,
    )(calibrate)


def calibrate(
    results: Annotated[Path | None, typer.Argument(metavar="RESULTS", help="What a live run left.")] = None,
    *,
    live: LiveUrl = None,
    northbound: Northbound = None,
    identity: Identity = options.DEFAULT_IDENTITY,
    into: Annotated[
        Path | None, typer.Option("--into", metavar="FILE", help="Put the parameters into this description.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Fit, and print or merge."""
    from conformance.cli.console import plain
    from conformance.cli.problems import Misuse
    from simulator.fleet import calibration

    if (results is None) == (live is None):
        raise Misuse("usage", "expected either RESULTS or --live", "`--help` has examples")
    description = None if into is None else Description(into)  # before a run, should it not be possible
    try:
        measured = calibration.read_results(results) if results is not None else _measured(live, northbound, identity)
        fitted = calibration.calibrate(measured)
    except calibration.CannotCalibrate as error:
        raise Misuse("calibration", str(error), "RESULTS is what `simulate fidelity` or a live run wrote") from None
    if as_json:
        plain(json.dumps(fitted.to_plain(), indent=2))
    else:
        for line in lines(fitted):
            plain(line)
    if description is not None:
        description.merge(fitted)
        plain(f"# merged into {into}")


def _measured(live: str | None, northbound: str | None, identity: Path) -> dict[str, Any]:
    from simulator.fleet.reading import read_example

    example = read_example(EXAMPLE)
    polling = example.cohorts[0].polling.model_copy(update={"start_spread": 5.0})
    cohort = example.cohorts[0].model_copy(update={"count": 100, "polling": polling})
    (rollout,) = example.rollouts
    waves = (rollout.waves[0].model_copy(update={"at": 10.0, "share": 1.0}),)
    rollouts = (rollout.model_copy(update={"waves": waves}),)
    fleet = example.model_copy(update={"cohorts": (cohort,), "duration": 30.0, "rollouts": rollouts})
    with reached(live, northbound, identity) as wfm:
        result, _ = run_live(fleet, wfm)
    return result.measured()


def lines(fitted: Calibration) -> Iterator[str]:
    """The fragment as YAML, each line with how well it fits."""
    part = fitted.fragment()
    yield "# distance: between the distribution functions of what was measured and fitted; 0 is perfect"
    yield "wfm:"
    yield "  service:"
    for kind, of in part["wfm"]["service"].items():
        yield f"    {kind}: {flow(of, 4)}  {_fit(fitted.service[kind])}"
    sizes = ", ".join(f"{kind}: {size}" for kind, size in fitted.sizes.items())
    yield f"  sizes: {{{sizes}}}"
    yield "# for each cohort:"
    yield "network:"
    yield f"  rtt: {flow(part['network']['rtt'], 2)}  {_fit(fitted.rtt)}"
    if fitted.bundle_bytes is not None:
        yield f"# bytes of a revision, as its bundle was on average: {fitted.bundle_bytes}"
    shake = fitted.handshake
    yield (
        f"# connections, which the model leaves out: {shake['count']}, median {_ms(shake['p50'])}, "
        f"p99 {_ms(shake['p99'])}, TLS included"
    )
    for text in fitted.left_out:
        yield f"# left out: {text}"


def _fit(fitted: Fitted) -> str:
    return f"# distance {fitted.distance:.3f}, {fitted.count:,} measured"


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f} ms"
