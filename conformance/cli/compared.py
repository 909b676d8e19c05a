"""The two sides of `report diff`, as they were typed: records of runs, or names of revisions."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from conformance.bench.coverage import entries
from conformance.bench.run import load_checks
from conformance.catalogue import Catalogue, load, revisions, succession
from conformance.cli.problems import Misuse
from conformance.cli.records import event_file, read_run
from conformance.record.events import Role, Subject
from conformance.record.run import Run
from reports.sides import Side, Way

_Known = tuple[Subject, str]
"""A subject that was run, and the revision of that run."""


def sides_of(before: str, after: str, roles: tuple[Role, ...]) -> tuple[Side, Side]:
    """Read both sides, a path before a revision of the same name; of the roles only those that are wanted.

    What a revision asks is that of the subject of the other side's run, as far as it is one. Raises Misuse,
    BrokenRecord.
    """
    runs = tuple(_run(text) for text in (before, after))
    subjects = {item.role: (item, run.header.revision) for run in runs if run for item in run.header.subjects}
    whole = [
        Side.of_run(run) if run else _revision(text, subjects, roles)
        for text, run in zip((before, after), runs, strict=True)
    ]
    sides = [replace(side, roles={role: of for role, of in side.roles.items() if role in roles}) for side in whole]
    if not any(role in sides[1].roles for role in sides[0].roles):
        there = " and ".join(", ".join(side.roles) or "nothing" for side in whole)
        cause = f"expected {' or '.join(roles)} on both sides, found {there}"
        raise Misuse("roles", cause, "leave --role out, or compare runs of the same role")
    if sides[0].revision == sides[1].revision and not all(side.ran for side in sides):
        cause = f"expected two runs, or two revisions, found {sides[0].revision} twice and not two runs of it"
        raise Misuse("nothing-to-compare", cause, "`list revisions` shows the others")
    return sides[0], sides[1]


def way_of(before: Side, after: Side) -> Way | None:
    """Tell how the one's revision leads to the other's; None for one revision."""
    if before.revision == after.revision or {before.revision, after.revision} - set(revisions()):
        return None
    known = succession(before.revision, after.revision)
    return Way(
        replaced={name: (item.by, item.change) for name, item in known.replaced.items()},
        restated=known.restated,
        unchanged=known.unchanged,
        unread=known.unread,
        known=known.known,
    )


def _run(text: str) -> Run | None:
    path = Path(text)
    if path.exists():
        return read_run(event_file(path))
    if text in revisions():
        return None
    nearest = get_close_matches(text, revisions(), n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]}?" if nearest else "a run writes a record into its --out folder"
    raise Misuse("missing-file", f"{text}: no record there, and no revision of that name", hint)


def _revision(name: str, subjects: Mapping[Role, _Known], roles: Iterable[Role]) -> Side:
    load_checks()
    catalogue = load(name)
    wanted = [role for role in roles if not subjects or role in subjects]
    claims = {role: _claims(catalogue, role, subjects.get(role)) for role in wanted}
    return Side.of_revision(name, entries(catalogue, claims), wanted)


def _claims(catalogue: Catalogue, role: Role, known: _Known | None) -> tuple[str, ...]:
    """Give what a subject claims in a revision: what it claimed in its run; what could not be said there, as usual."""
    profiles = {item.name: item for item in catalogue.profiles(role)}
    if not profiles:
        return ()
    if known is None or known[0].profile not in profiles:
        return next(iter(profiles.values())).claims
    subject, revision = known
    sayable = {feature.name for feature in load(revision).features(role)} if revision in revisions() else set()
    usual = profiles[subject.profile].claims
    names = [feature.name for feature in catalogue.features(role)]
    return tuple(name for name in names if name in (subject.features if name in sayable else usual))
