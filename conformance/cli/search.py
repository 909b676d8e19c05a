"""`search`: random sequences of actions against a device or a WFM, shrunk to a counterexample that can be replayed."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conformance.cli import options
from conformance.cli.helptext import help_of

if TYPE_CHECKING:
    from conformance.cli.searching import Wish

EXIT_CODES = (
    "Exit codes: 0 nothing was found, 1 a counterexample was found, 2 usage or configuration, 3 error of the suite "
    "itself, 4 nothing could be carried out, 130 interrupted. None of them is a verdict: a search informs."
)
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", min=0, help="Draw the same again. Default: any.")]
Examples = Annotated[int, typer.Option("--examples", metavar="N", min=1, help="Sequences to carry out, at most.")]
Budget = Annotated[
    float, typer.Option("--budget", metavar="SECONDS", min=1, help="Time for searching; half as much for shrinking.")
]
Save = Annotated[Path, typer.Option("--save", metavar="DIR", help="Folder for the counterexample.")]
EveryMutant = Annotated[
    bool, typer.Option("--mutants", help="Search every broken variant, each within the budget: which are found?")
]
DEFAULT_SAVE = Path("search-findings")


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command(
        "device",
        short_help="Search a device for a sequence that it does not survive.",
        help=help_of(
            "Publish, update, withdraw, reboot, cut, break and lead astray in random order, and watch whether the "
            "device comes to what is wanted, never goes back, tells the truth and loses nothing. What is found is "
            "shrunk, printed as a scenario and saved for `run device --replay FILE`.",
            "search device --budget 60",
            "search device --target simulated:NAME --seed 7",
            "search device --listen 0.0.0.0:8443 --budget 900",
        ),
        epilog=EXIT_CODES,
    )(search_device)
    app.command(
        "wfm",
        short_help="Search a WFM for requests and sequences that it does not survive.",
        help=help_of(
            "Report, deploy, update, remove and ask in random order, with documents generated from the schemas, valid "
            "and spoiled. What is found is shrunk, printed as a scenario and saved for `run wfm --replay FILE`.",
            "search wfm --budget 60",
            "search wfm --url URL --identity DIR --northbound URL",
        ),
        epilog=EXIT_CODES,
    )(search_wfm)


def search_device(  # noqa: PLR0913 - one parameter for each option
    *,
    target: options.Target = None,
    mutants: EveryMutant = False,
    listen: Annotated[
        str | None, typer.Option("--listen", metavar="HOST:PORT", help="Wait here for a real device.")
    ] = None,
    identity: Annotated[
        Path, typer.Option("--identity", metavar="DIR", help="Where a real device's credentials are written.")
    ] = options.DEFAULT_IDENTITY,
    hooks: Annotated[Path | None, typer.Option("--hooks", metavar="FILE", help="Hooks of a real device.")] = None,
    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=1, help="How long to wait for a real device.")
    ] = 300.0,
    ics: options.Ics = None,
    app: options.Apps = None,
    seed: Seed = None,
    examples: Examples = 500,
    budget: Budget = 120.0,
    save: Save = DEFAULT_SAVE,
    as_json: options.AsJson = False,
) -> None:
    """Choose the seat, then search."""
    from conformance.cli.searching import one_of, search_mutants, search_one

    wish = _wish(seed, examples, budget, save, as_json=as_json)
    packages = tuple(app or ())
    one_of(("--listen", listen), ("--target", target), ("--mutants", mutants or None))
    if mutants:
        raise typer.Exit(search_mutants("device", ics, packages, wish))
    if listen:
        from conformance.cli.searching import device_at

        raise typer.Exit(search_one(device_at(listen, identity, hooks, ics, packages, wait), wish))
    from conformance.cli.searching import simulated_subject

    raise typer.Exit(search_one(simulated_subject("device", target, ics, packages), wish))


def search_wfm(  # noqa: PLR0913 - one parameter for each option
    *,
    target: options.Target = None,
    mutants: EveryMutant = False,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="Address of a real WFM.")] = None,
    identity: Annotated[
        Path | None, typer.Option("--identity", metavar="DIR", help="Folder with the authority the WFM trusts.")
    ] = None,
    northbound: Annotated[
        str | None, typer.Option("--northbound", metavar="URL|FILE", help="The operator's API, or an adapter file.")
    ] = None,
    ics: options.Ics = None,
    app: options.Apps = None,
    seed: Seed = None,
    examples: Examples = 500,
    budget: Budget = 120.0,
    save: Save = DEFAULT_SAVE,
    as_json: options.AsJson = False,
) -> None:
    """Choose the seat, then search."""
    from conformance.cli.searching import one_of, search_mutants, search_one

    wish = _wish(seed, examples, budget, save, as_json=as_json)
    packages = tuple(app or ())
    one_of(("--url", url), ("--target", target), ("--mutants", mutants or None))
    if mutants:
        raise typer.Exit(search_mutants("wfm", ics, packages, wish))
    if url:
        from conformance.cli.searching import wfm_at

        raise typer.Exit(search_one(wfm_at(url, identity, northbound, ics, packages), wish))
    from conformance.cli.searching import simulated_subject

    raise typer.Exit(search_one(simulated_subject("wfm", target, ics, packages), wish))


def _wish(seed: int | None, examples: int, budget: float, save: Path, *, as_json: bool) -> "Wish":
    from conformance.cli.searching import Wish

    return Wish.of(seed, examples, budget, save, as_json=as_json)
