"""`list`: what there is - scenarios, requirements, behaviours, mutants, revisions, hooks, accommodations."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import typer

from conformance.cli import options
from conformance.cli.helptext import EXIT_CODES_PLAIN, help_of

Row = Mapping[str, Any]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "list",
        short_help="List scenarios, requirements, behaviours, mutants, revisions, hooks or accommodations.",
        help=help_of(
            "List what can be run, explained or broken: scenarios (the default), requirements, behaviours, mutants, "
            "revisions, the hooks by which a real device can be rebooted, reset and the like, or the known departures "
            "that --accommodate goes on past.",
            "list",
            "list requirements --role wfm",
            "list mutants --role device --json",
            "list accommodations --revision 1.0.0-rc.2-signed",
        ),
        epilog=EXIT_CODES_PLAIN,
    )(list_)


def list_(
    what: Annotated[
        str, typer.Argument(metavar="[WHAT]", help="scenarios, requirements, behaviours, mutants, .., accommodations.")
    ] = "scenarios",
    role: options.RoleOption = None,
    revision: options.Revision = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List one kind of thing, as a table or as JSON."""
    from conformance.catalogue import DEFAULT_REVISION, load
    from conformance.cli.console import plain
    from conformance.cli.roles import roles_of, unknown

    if what not in _KINDS:
        raise unknown("list", what, _KINDS)
    roles = roles_of(role)
    chosen = load(revision or DEFAULT_REVISION).revision
    rows = list(_KINDS[what](roles, chosen))
    if as_json:
        plain(json.dumps({"revision": chosen, what: rows}, indent=2, ensure_ascii=False))
    else:
        _print_table(what, rows, chosen)


def _scenarios(roles: tuple[str, ...], revision: str) -> Iterator[Row]:
    from conformance.bench.scenarios import HOOK_TAG, scenarios
    from conformance.cli.roles import role_of

    for role in map(role_of, roles):
        for item in scenarios(role, revision):
            yield {
                "role": role,
                "at": f"{item.uri}:{item.line}",
                "feature": item.feature,
                "name": item.title,
                "requirements": item.requirements,
                "needs": item.tagged(HOOK_TAG),
                "tags": sorted(item.tags),
            }


def _requirements(roles: tuple[str, ...], revision: str) -> Iterator[Row]:
    from conformance.catalogue import load

    for item in load(revision).requirements:
        if set(roles) & set(item.binds) or set(roles) == {"device", "wfm"}:
            yield {
                "id": item.id,
                "level": item.level,
                "severity": item.severity,
                "roles": item.binds,
                "observable": item.observable,
                "statement": item.statement,
            }


def _behaviours(roles: tuple[str, ...], revision: str) -> Iterator[Row]:
    from conformance.bench.coverage import behaviour_coverage
    from conformance.catalogue import load

    catalogue = load(revision)
    for item in behaviour_coverage(catalogue):
        of, shown = item.behaviour, [scenario for scenario in item.scenarios if scenario.role in roles]
        bound = {role for name in of.see for role in catalogue.requirement(name).binds}
        if shown or not of.see or bound & set(roles):
            yield {
                "id": of.id,
                "basis": of.basis,
                "title": of.title,
                "policy": {name: list(values) for name, values in of.policy.items()},
                "requirements": of.see,
                "scenarios": len(shown),
                "reason": item.reason,
            }


def _mutants(roles: tuple[str, ...], revision: str) -> Iterator[Row]:
    from conformance.cli.mutants import mutants
    from conformance.cli.roles import role_of

    for role in map(role_of, roles):
        for item in mutants(role, revision):
            yield {"role": role, "name": item.name, "breaks": item.breaks, "description": item.description}


def _revisions(roles: tuple[str, ...], revision: str) -> Iterator[Row]:
    from conformance.bench.scenarios import scenarios
    from conformance.catalogue import DEFAULT_REVISION, load, revisions
    from conformance.cli.roles import role_of

    del revision
    for name in revisions():
        yield {
            "name": name,
            "default": name == DEFAULT_REVISION,
            "requirements": len(load(name).requirements),
            "scenarios": sum(len(scenarios(role_of(role), name)) for role in roles),
        }


def _hooks(roles: tuple[str, ...], revision: str) -> Iterator[Row]:
    from conformance.bench.hooks.abilities import ABILITIES, BUILT_IN
    from conformance.bench.scenarios import HOOK_TAG, scenarios

    asked = [item.tagged(HOOK_TAG) for item in scenarios("device", revision)] if "device" in roles else []
    for name in sorted(BUILT_IN):
        yield _hook(name, "built in", "none: the bench is the network", {}, {}, asked)
    for name, item in ABILITIES.items():
        yield _hook(name, item.does, next(iter(item.examples.values())), item.actions, item.carries, asked)


def _accommodations(roles: tuple[str, ...], revision: str) -> Iterator[Row]:
    from conformance.bench.accommodations.loading import of_revision, shipped

    known = shipped()
    for item in known.sets:
        if item.role in roles and revision in item.revisions:
            told = _accommodation(item.role, item.name, f"of {len(item.members)}", (), item.about)
            yield {**told, "members": item.members}
    for one in known.accommodations:
        if one.role in roles and revision in one.revisions:
            sets = [item.name for item in known.sets if one.name in item.members and item.role == one.role]
            breaks = of_revision(one, revision).breaks
            yield _accommodation(one.role, one.name, ", ".join(sets), breaks, one.departs)


def _accommodation(role: str, name: str, of_set: str, breaks: tuple[str, ...], departs: str) -> Row:
    return {"role": role, "name": name, "set": of_set, "breaks": breaks, "description": departs}


def _hook(
    name: str,
    does: str,
    example: str,
    actions: Mapping[str, str],
    carries: Mapping[str, str],
    asked: list[tuple[str, ...]],
) -> Row:
    needed = sum(name in needs for needs in asked)
    return {"name": name, "does": does, "scenarios": needed, "example": example, "actions": actions, "carries": carries}


_KINDS: Mapping[str, Callable[[tuple[str, ...], str], Iterator[Row]]] = {
    "scenarios": _scenarios,
    "requirements": _requirements,
    "behaviours": _behaviours,
    "mutants": _mutants,
    "revisions": _revisions,
    "hooks": _hooks,
    "accommodations": _accommodations,
}
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "scenarios": ("role", "at", "name", "requirements", "needs"),
    "requirements": ("id", "severity", "roles", "observable", "statement"),
    "behaviours": ("id", "basis", "title", "requirements", "scenarios"),
    "mutants": ("role", "name", "breaks", "description"),
    "revisions": ("name", "requirements", "scenarios", "default"),
    "hooks": ("name", "scenarios", "does", "example"),
    "accommodations": ("role", "name", "set", "breaks", "description"),
}
PIPE_WIDTH = 2000
"""Wide enough for one line per entry, so that other tools can search the output."""
_LONG = ("statement", "name", "title", "description", "does", "example")


def _print_table(what: str, rows: list[Row], revision: str) -> None:
    from rich.table import Table

    from conformance.cli.console import stdout

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in _COLUMNS[what]:
        table.add_column(column, overflow="fold", no_wrap=column in ("id", "role", "severity"), ratio=_ratio(column))
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in _COLUMNS[what]))
    console = stdout()
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    console.print(table, crop=False)
    console.print(f"{len(rows)} {what}" + ("" if what == "revisions" else f" in revision {revision}"), style="dim")


def _ratio(column: str) -> int | None:
    return 3 if column in _LONG else None


def _cell(value: object) -> str:
    from rich.markup import escape

    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, tuple | list | frozenset):
        return escape(", ".join(str(item) for item in value))
    return escape(str(value))
