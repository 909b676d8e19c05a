"""The behaviours in failure and recovery, as `coverage`, `list` and `explain` tell of them."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.bench.coverage import BehaviourCoverage
    from conformance.catalogue import Catalogue


def tell_behaviours(catalogue: Catalogue, *, as_json: bool) -> None:
    """Print which scenarios show which behaviour, or why none does."""
    from conformance.bench.coverage import behaviour_coverage
    from conformance.cli.console import plain

    found = behaviour_coverage(catalogue)
    if as_json:
        plain(json.dumps(as_document(catalogue.revision, found), indent=2, ensure_ascii=False))
    else:
        _print_table(catalogue.revision, found)


def as_document(revision: str, found: Sequence[BehaviourCoverage]) -> dict[str, Any]:
    """Give the behaviours as they are printed for programs; `shown` counts those that a scenario shows."""
    return {
        "revision": revision,
        "behaviours": len(found),
        "shown": sum(bool(item.scenarios) for item in found),
        "entries": [
            {
                "id": item.behaviour.id,
                "title": item.behaviour.title,
                "basis": item.behaviour.basis,
                "policy": {name: list(values) for name, values in item.behaviour.policy.items()},
                "requirements": list(item.behaviour.see),
                "scenarios": [{"role": scenario.role, "scenario": scenario.key} for scenario in item.scenarios],
                "checks": list(item.checks),
                "reason": item.reason,
            }
            for item in found
        ],
    }


def _print_table(revision: str, found: Sequence[BehaviourCoverage]) -> None:
    from rich.table import Table
    from rich.text import Text

    from conformance.cli.console import stdout

    table = Table(box=None, pad_edge=False, header_style="bold", title=f"behaviours, revision {revision}")
    for name in ("id", "basis", "behaviour", "declared as", "scenarios"):
        table.add_column(name, overflow="fold", no_wrap=name in ("id", "basis"), justify="left")
    for item in found:
        of = item.behaviour
        policies = "; ".join(f"{name}: {', '.join(values)}" for name, values in of.policy.items())
        table.add_row(of.id, of.basis, of.title, policies, Text(_scenarios(item)))
    console = stdout()
    console.print(table)
    shown = sum(bool(item.scenarios) for item in found)
    console.print(f"{shown} of {len(found)} behaviours are shown by scenarios.", style="bold")
    for item in found:
        if item.reason:
            console.print(f"{item.behaviour.id}  not shown: {item.reason}", markup=False)
    console.print("`margo-conformance explain ID` names the scenarios of one.", style="dim")


def _scenarios(item: BehaviourCoverage) -> str:
    roles = [scenario.role for scenario in item.scenarios]
    return ", ".join(f"{roles.count(role)} {role}" for role in dict.fromkeys(roles)) or "none"
