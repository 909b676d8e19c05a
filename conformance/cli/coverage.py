"""`coverage`: statement by statement, what holds it - told without running anything."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conformance.cli import options
from conformance.cli.behaviours import tell_behaviours
from conformance.cli.helptext import EXIT_CODES_PLAIN, help_of

if TYPE_CHECKING:
    from conformance.bench.coverage import StatementCoverage
    from conformance.record.events import Role

BAR = 24


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "coverage",
        short_help="Which checks hold which statement, or why none does.",
        help=help_of(
            "Show statement by statement which checks hold it, or why none does. Nothing is run.",
            "coverage",
            "coverage --role wfm --json",
            "coverage --open           # MUSTs without a check",
            "coverage --behaviours     # failure and recovery",
        ),
        epilog=EXIT_CODES_PLAIN,
    )(coverage)


def coverage(
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="device or wfm.")] = "device",
    revision: options.Revision = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    only_open: Annotated[
        bool, typer.Option("--open", help="List the MUSTs without a check that can be seen at all, each with why.")
    ] = False,
    behaviours: Annotated[
        bool, typer.Option("--behaviours", help="Show the behaviours in failure and recovery instead, of both roles.")
    ] = False,
) -> None:
    """Tell the coverage of one role by table or by JSON."""
    from conformance.bench.coverage import coverage as covered
    from conformance.bench.run import load_checks
    from conformance.catalogue import DEFAULT_REVISION, load
    from conformance.cli.console import plain
    from conformance.cli.roles import role_of

    chosen = role_of(role)
    catalogue = load(revision or DEFAULT_REVISION)
    load_checks()
    if behaviours:
        tell_behaviours(catalogue, as_json=as_json)
        return
    statements = covered(chosen, catalogue)
    if as_json:
        plain(json.dumps(as_document(catalogue.revision, chosen, statements), indent=2, ensure_ascii=False))
    else:
        _print_table(catalogue.revision, chosen, statements)
        if only_open:
            _print_open(statements)


def as_document(revision: str, role: Role, statements: Sequence[StatementCoverage]) -> dict[str, Any]:
    """Give the coverage as it is printed for programs.

    `observable` is whether a bench could judge the statement; `observable_musts` counts the MUSTs for which it holds,
    `exercised_musts` those of them that at least one check holds. `set_aside_musts` are further ones that others can
    see and this bench cannot, each with its reason.
    """
    musts = [item for item in statements if _is_must(item)]
    return {
        "revision": revision,
        "role": role,
        "observable_musts": len(musts),
        "exercised_musts": sum(bool(item.checks) for item in musts),
        "set_aside_musts": len(set_aside(statements)),
        "statements": [
            {
                "id": item.requirement.id,
                "severity": item.requirement.severity,
                "observable": item.requirement.testable,
                "checks": list(item.checks),
                "reason": item.reason,
            }
            for item in statements
        ],
    }


def set_aside(statements: Iterable[StatementCoverage]) -> list[StatementCoverage]:
    """Give the MUSTs that are seen from outside or with access, but not by this bench."""
    return [
        item
        for item in statements
        if item.requirement.severity == "must" and item.requirement.observable_from_outside and not _is_must(item)
    ]


def _is_must(item: StatementCoverage) -> bool:
    from conformance.bench.coverage import is_observable_must

    return is_observable_must(item.requirement)


def _print_table(revision: str, role: str, statements: Sequence[StatementCoverage]) -> None:
    from rich.table import Table
    from rich.text import Text

    from conformance.cli.console import stdout

    table = Table(
        box=None, pad_edge=False, header_style="bold", title=f"{role}, revision {revision}", title_style="bold"
    )
    table.add_column("area")
    table.add_column("observable MUSTs with a check")
    table.add_column("", justify="right")
    table.add_column("all statements", justify="right")
    for area, items in groupby(sorted(statements, key=_area), key=_area):
        table.add_row(area, *_cells(list(items)))
    table.add_section()
    table.add_row(Text("total", "bold"), *_cells(statements))
    console = stdout()
    console.print(table)
    if aside := set_aside(statements):
        held = sum(bool(item.checks) for item in statements if _is_must(item))
        total = sum(map(_is_must, statements)) + len(aside)
        console.print(
            f"{len(aside)} more MUSTs can be seen by others than this bench and are set aside, `--open` says why: "
            f"{held} of {total} MUSTs have a check.",
            style="dim",
        )
    other = "wfm" if role == "device" else "device"
    console.print(f"`margo-conformance coverage --role {other}` shows the other role.", style="dim")


def _cells(items: Iterable[StatementCoverage]) -> tuple[Any, ...]:
    from rich.text import Text

    listed = list(items)
    musts = [item for item in listed if _is_must(item)]
    held = sum(bool(item.checks) for item in musts)
    everything = f"{sum(bool(item.checks) for item in listed)}/{len(listed)}"
    if not musts:
        return (Text("-", "dim"), "", everything)
    full = round(BAR * held / len(musts))
    bar = Text("█" * full, "green").append("░" * (BAR - full), "dim")
    return (bar, f"{held}/{len(musts)}", everything)


def _print_open(statements: Iterable[StatementCoverage]) -> None:
    from conformance.cli.console import stdout

    aside = {item.requirement.id for item in set_aside(statements)}
    for item in statements:
        if (_is_must(item) and not item.checks) or item.requirement.id in aside:
            stdout().print(f"{item.requirement.id}  {item.requirement.statement}\n    {item.reason}", markup=False)


def _area(item: StatementCoverage) -> str:
    return item.requirement.area
