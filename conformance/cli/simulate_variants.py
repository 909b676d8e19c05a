"""Other settings for a fleet: `--set` on the command line, and the variants that a description names."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conformance.cli import simulate_compare

if TYPE_CHECKING:
    from simulator.fleet.description import Fleet

FOLDER = "variants"
HINT = (
    "a path goes by keys and names of members, such as cohorts.gateways.polling.period, or by * for all members; "
    "`simulate init` shows every key and what it takes"
)

Seed = Annotated[int | None, typer.Option("--seed", min=0, max=2**63 - 1, help="Instead of the description's.")]


def changed(fleet: Fleet, settings: list[str]) -> Fleet:
    """The fleet with what `--set` says; its variants stay. Raises Misuse."""
    import yaml

    from conformance.cli.problems import Misuse
    from simulator.fleet.reading import WrongDescription
    from simulator.fleet.variants import with_settings

    if not settings:
        return fleet
    values = {}
    for setting in settings:
        path, sign, text = setting.partition("=")
        if not (path and sign and text):
            raise Misuse("usage", f"--set: expected PATH=VALUE, found {setting!r}", HINT)
        try:
            values[path] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise Misuse("usage", f"--set {path}: expected a YAML value, found {text!r}", HINT) from None
    try:
        return with_settings(fleet, values, "--set").model_copy(update={"variants": fleet.variants})
    except WrongDescription as error:
        raise Misuse("fleet", str(error), HINT) from None


def of(fleet: Fleet) -> dict[str, Fleet]:
    """The variants of a fleet. Raises Misuse."""
    from conformance.cli.problems import Misuse
    from simulator.fleet.reading import WrongDescription
    from simulator.fleet.variants import variants_of

    try:
        return variants_of(fleet)
    except WrongDescription as error:
        raise Misuse("fleet", str(error), HINT) from None


def compare(out: Path, names: list[str]) -> None:
    """Compare the variants with the fleet as it is described: on stdout, as JSON, and as a page."""
    from conformance.cli.console import plain
    from reports.fleet import comparison_text

    html, json = out / "compare.html", out / "compare.json"
    found = simulate_compare.compared([out, *(out / FOLDER / name for name in names)], html=html, json=json)
    plain(comparison_text.render(found).rstrip())
    plain(str(html))
