"""`explain`: everything the suite knows of a statement, behaviour, interpretation, accommodation or mutant."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from conformance.cli import options
from conformance.cli.helptext import EXIT_CODES_PLAIN, help_of

if TYPE_CHECKING:
    from conformance.catalogue import Behaviour, Catalogue, Interpretation, Requirement


ADAPTERS = "adapters"
"""Not an id: what `--northbound` takes."""
ACCOMMODATIONS = "accommodations"
"""Nor is this: what `--accommodate` takes."""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "explain",
        short_help="Explain a requirement, behaviour or interpretation.",
        help=help_of(
            "Explain a requirement, a behaviour or an interpretation: what is stated where, how it is read, which "
            "checks and scenarios hold it, and which mutants break it.",
            "explain DS-069",
            "explain FB-01",
            "explain AMB-X-22",
            "explain adapters          # what --northbound takes",
            "explain accommodations    # what --accommodate takes",
            "explain sandbox-era-a     # a set of them, or one",
            "explain accepts-equal-version  # a broken variant",
        ),
        epilog=EXIT_CODES_PLAIN,
    )(explain)


def explain(
    name: Annotated[str, typer.Argument(metavar="ID", help="Such as DS-069, FB-01 or AMB-X-22.")],
    revision: options.Revision = None,
) -> None:
    """Print everything known under one id."""
    from conformance.catalogue import DEFAULT_REVISION, load

    if name.strip().lower() == ADAPTERS:
        _adapters()
        return
    if _accommodation(name.strip().lower(), revision):
        return
    catalogue = load(revision or DEFAULT_REVISION)
    wanted = name.strip().upper()
    behaviour = next((item for item in catalogue.behaviours if item.id == wanted), None)
    reading = next((item for item in catalogue.interpretations if item.id == wanted), None)
    if wanted in catalogue:
        _requirement(catalogue.requirement(wanted), catalogue)
    elif behaviour:
        _behaviour(behaviour, catalogue)
    elif reading:
        _interpretation(reading, catalogue)
    elif not _mutant(name.strip().lower(), catalogue):
        raise _unknown(name, wanted, catalogue)


def _unknown(name: str, wanted: str, catalogue: Catalogue) -> Exception:
    from conformance.catalogue import load, revisions
    from conformance.cli.problems import Misuse
    from conformance.cli.roles import unknown

    elsewhere = [other for other in revisions() if other != catalogue.revision and wanted in _ids(load(other))]
    if elsewhere:
        hint = f"it is one of revision {elsewhere[0]}: add --revision {elsewhere[0]}"
        return Misuse("unknown-id", f"revision {catalogue.revision} has no {wanted}", hint)
    names = [ADAPTERS, ACCOMMODATIONS, *_accommodation_names(), *_mutant_names(catalogue)]
    return unknown("id", name, [*_ids(catalogue), *names])


def _accommodation_names() -> list[str]:
    from conformance.bench.accommodations.loading import shipped

    known = shipped()
    return [*(item.name for item in known.sets), *(item.name for item in known.accommodations)]


def _mutant_names(catalogue: Catalogue) -> list[str]:
    from conformance.cli.mutants import mutants
    from conformance.cli.roles import ROLES

    return [item.name for role in ROLES for item in mutants(role, catalogue.revision)]


def _ids(catalogue: Catalogue) -> list[str]:
    entries: tuple[tuple[Requirement | Behaviour | Interpretation, ...], ...] = (
        catalogue.requirements,
        catalogue.behaviours,
        catalogue.interpretations,
    )
    return [item.id for kind in entries for item in kind]


def _requirement(item: Requirement, catalogue: Catalogue) -> None:
    from conformance.bench.coverage import coverage
    from conformance.bench.run import load_checks
    from conformance.checks.registry import checks
    from conformance.cli.mutants import mutants
    from conformance.cli.roles import ROLES

    load_checks()
    _title(item.id, f"{item.level}, {item.area}")
    _text(item.statement)
    _field("source", item.source)
    _field("severity", item.severity)
    _field("binds", ", ".join(item.binds) + (f" ({item.binds_note})" if item.binds_note else ""))
    _field("observable", f"{item.observable} ({item.how})")
    _many("says the same", item.same_as)
    _many("part of", item.part_of)
    _many("parts", item.parts)
    _many("read as", [_reading(entry) for entry in catalogue.interpretations_of(item.id)])
    _many("behaviours", [f"{entry.id}: {entry.title}" for entry in catalogue.behaviours_of(item.id)])
    known = checks()
    for role in (role for role in ROLES if role in item.binds):
        held = next(entry for entry in coverage(role, catalogue) if entry.requirement.id == item.id)
        _many(f"{role} checks", [f"{name}: {known[name].title}" for name in held.checks])
        _many(f"{role} scenarios", held.scenarios)
        _field(f"{role}: no check", held.reason or "")
        ids = {item.id, *item.same_as}
        broken = [
            f"{entry.name}: {entry.description}" for entry in mutants(role, catalogue.revision) if entry.breaks in ids
        ]
        _many(f"{role} mutants", broken)


def _adapters() -> None:
    """Print what an adapter of the operator's side is asked for, and where the worked examples are."""
    from conformance.bench.adapters.files import KINDS
    from conformance.bench.northbound import OPERATIONS

    _title(ADAPTERS, "the operator's side of a WFM, given with --northbound")
    _text("An address is the reference WFM's own API. A file says `adapter:` and what that kind needs; docs/")
    _text("northbound-adapters.md has a worked example of each: " + ", ".join(KINDS) + ".")
    for item in OPERATIONS.values():
        needed = "required" if item.required else "optional"
        lines = [f"{item.purpose} ({needed})"]
        lines += [f"takes {', '.join(item.takes)}"] if item.takes else []
        lines += [f"gives {', '.join(item.gives)}"] if item.gives else []
        _many(item.name, lines)


def _accommodation(name: str, revision: str | None) -> bool:
    """Print what is known of accommodations, a set of them, or one; False where the name is no such."""
    from conformance.bench.accommodations.loading import of_revision, shipped
    from conformance.bench.accommodations.writing import EXAMPLE, way_past

    known = shipped()
    singles = [item for item in known.accommodations if item.name == name]
    sets = [item for item in known.sets if item.name == name]
    if name == ACCOMMODATIONS:
        _title(ACCOMMODATIONS, "known departures from the text, given with --accommodate")
        _text(
            "The suite goes on past a known departure. It stays a failure under its own statements, told once for the"
        )
        _text("whole run; everything else is judged on its own. One that is never needed changes nothing, and is told.")
        _many("sets", [f"{item.name} ({item.role}): {item.about}" for item in known.sets])
        _many("single ones", [f"{item.name} ({item.role}): {item.departs}" for item in known.accommodations])
        _many("a file of yours", EXAMPLE.rstrip().splitlines())
    for item in sets:
        _title(item.name, f"set of accommodations, {item.role}, {', '.join(item.revisions)}")
        _text(item.about)
        about = {one.name: one for one in known.accommodations}
        _many("departures", [f"{one}: {about[one].departs}" for one in item.members])
    for one in singles:
        fitting = of_revision(one, revision if revision in one.revisions else one.revisions[0])
        _title(one.name, f"accommodation, {one.role}, {', '.join(one.revisions)}")
        _text(one.departs)
        _field("expected", one.expected)
        _field("found", one.found)
        _field("breaks", ", ".join(fitting.breaks))
        _field("not judged past it", ", ".join(fitting.hides))
        _field("tried when answered", ", ".join(map(str, one.shown_by)))
        _many("way past", [way_past(step) for step in one.past])
        _many("in the sets", [item.name for item in known.sets if one.name in item.members and item.role == one.role])
    return bool(singles or sets or name == ACCOMMODATIONS)


def _mutant(name: str, catalogue: Catalogue) -> bool:
    """Print what is known of broken variants of a name, one of either role; False where there is none."""
    from conformance.bench.scenarios import BEHAVIOUR_TAG
    from conformance.catalogue import DEFAULT_REVISION
    from conformance.cli.mutants import mutants
    from conformance.cli.roles import ROLES

    found = [(role, item) for role in ROLES for item in mutants(role, catalogue.revision) if item.name == name]
    for role, item in found:
        behaviour = catalogue.behaviour(item.breaks)
        broken = behaviour or catalogue.requirement(item.breaks)
        part = f"--tag {BEHAVIOUR_TAG}{item.breaks}" if behaviour else f"--req {item.breaks}"
        _title(item.name, f"mutant: a {'device' if role == 'device' else 'WFM'} with one defect, {catalogue.revision}")
        _text(item.description)
        _many("breaks", [f"{item.breaks}: {broken.statement}"])
        _field("shows in a run for", item.needs)
        of = f" --revision {catalogue.revision}" if catalogue.revision != DEFAULT_REVISION else ""
        _many("see it fail", [f"margo-conformance run {role} --target simulated:{item.name} {part}{of}"])
        _many("see it caught", [f"margo-conformance selftest {role} --mutant {item.name}{of}"])
    return bool(found)


def _behaviour(item: Behaviour, catalogue: Catalogue) -> None:
    from conformance.bench.coverage import behaviour_coverage
    from conformance.bench.run import load_checks
    from conformance.checks.registry import checks
    from conformance.cli.mutants import mutants
    from conformance.cli.roles import ROLES

    load_checks()
    known = checks()
    held = next(entry for entry in behaviour_coverage(catalogue) if entry.behaviour.id == item.id)
    _title(item.id, f"behaviour, {item.basis}")
    _text(item.title)
    _text(item.statement)
    _many("rests on", [f"{name}: {catalogue.requirement(name).statement}" for name in item.see])
    policies = [
        f"{name}: {values[0]} (default)" + "".join(f", {other}" for other in values[1:])
        for name, values in item.policy.items()
    ]
    _many("declared as", policies)
    _many("needs control of", item.control)
    _many("checks", [f"{name}: {known[name].title}" for name in held.checks])
    _many("scenarios", [entry.key for entry in held.scenarios] or ["none"])
    _field("not shown", held.reason or "")
    broken = [entry for role in ROLES for entry in mutants(role, catalogue.revision) if entry.breaks == item.id]
    _many("mutants", [f"{entry.name}: {entry.description}" for entry in broken])


def _reading(item: Interpretation) -> str:
    because = f" Why: {item.why}" if item.why else ""
    return f"{item.id}: {item.reading}{because}"


def _interpretation(item: Interpretation, catalogue: Catalogue) -> None:
    from conformance.bench.run import load_checks
    from conformance.checks.registry import checks

    load_checks()
    _title(item.id, "interpretation")
    _field("where", item.where)
    _field("issue", item.issue)
    _field("reading", item.reading)
    _field("why", item.why or "")
    _many("bears on", [f"{name}: {catalogue.requirement(name).statement}" for name in item.requirements])
    _many("upstream", item.upstream)
    depending = [entry for entry in checks().values() if item.id in entry.interpretations]
    _many("checks", [f"{entry.name}: {entry.title}" for entry in depending])
    _field("no check", "" if depending else item.no_check or "none of this revision is run")


def _title(name: str, kind: str) -> None:
    from rich.text import Text

    from conformance.cli.console import stdout

    stdout().print(Text.assemble((name, "bold"), (f"  {kind}", "dim")))


def _text(text: str) -> None:
    from conformance.cli.console import stdout

    stdout().print(text, markup=False)


def _field(label: str, value: str) -> None:
    if value:
        _many(label, [value])


def _many(label: str, values: Iterable[str]) -> None:
    from rich.table import Table
    from rich.text import Text

    from conformance.cli.console import stdout

    lines = list(values)
    if lines:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(width=18, style="cyan")
        grid.add_column(overflow="fold")
        for number, line in enumerate(lines):
            grid.add_row(label if number == 0 else "", Text(line))
        stdout().print(grid)
