"""Accommodations by name or from a file of the user's, each error with file, line, field, expected and found."""

import json
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from conformance.bench.accommodations.model import (
    SERVED,
    STEPS,
    Accommodation,
    AccommodationFile,
    AccommodationSet,
    Route,
    ServedRoute,
)
from conformance.bench.accommodations.speaking import parameters_of
from conformance.bench.errors import UsageError
from conformance.bench.yaml_places import field_of, line_of, read_text
from conformance.catalogue import UnknownName, load
from conformance.record.events import Role

SHIPPED = ("wfm.yaml", "device.yaml")
MAX_BYTES = 1024 * 1024
SUFFIXES = (".yaml", ".yml")
PARAMETERS = ("deviceId", "deploymentId", "digest", "clientId")
_BRACES = re.compile(r"\{[^}]*\}?|\}")


class UnknownAccommodation(UnknownName):
    """A name that stands for no accommodation or set."""

    kind = "accommodation"


@cache
def shipped() -> AccommodationFile:
    """Give what the suite ships for both roles."""
    read = [
        _parsed(files("conformance.bench.accommodations").joinpath(name).read_text(encoding="utf-8"), name)
        for name in SHIPPED
    ]
    return AccommodationFile(
        accommodations=tuple(item for file in read for item in file.accommodations),
        sets=tuple(item for file in read for item in file.sets),
    )


def accommodations(given: Iterable[str], role: Role, revision: str) -> tuple[Accommodation, ...]:
    """Give what the names and files on a command line stand for, each once, in the order given.

    Raises UnknownAccommodation with the nearest names, and UsageError for a file that cannot be used, or what belongs
    to another role or revision.
    """
    chosen: dict[str, Accommodation] = {}
    for one in given:
        for item in _from_file(Path(one)) if _is_file(one) else _named(one, role, revision):
            _check_fits(one, item.name, item, role, revision)
            chosen.setdefault(item.name, item)
    return tuple(of_revision(item, revision) for item in chosen.values())


def of_revision(item: Accommodation, revision: str) -> Accommodation:
    """Give an accommodation with those of its statements that the revision has, and those that say the same."""
    catalogue = load(revision)

    def held(names: Iterable[str]) -> tuple[str, ...]:
        own = [name for name in names if name in catalogue]
        return tuple(dict.fromkeys(other for name in own for other in (name, *catalogue.also_judges(name))))

    return item.model_copy(update={"breaks": held(item.breaks), "hides": held(item.hides)})


def _is_file(given: str) -> bool:
    return given.endswith(SUFFIXES) or "/" in given


def _named(name: str, role: Role, revision: str) -> tuple[Accommodation, ...]:
    known = shipped()
    sets = [one for one in known.sets if one.name == name]
    singles = [item for item in known.accommodations if item.name == name]
    if not sets and not singles:
        raise UnknownAccommodation(
            name, sorted({*(item.name for item in known.accommodations), *(one.name for one in known.sets)})
        )
    fitting = next((item for item in sets if item.role == role), sets[0] if sets else None)
    if fitting is None:
        return tuple(singles)
    _check_fits(name, name, fitting, role, revision)
    by_name = {item.name: item for item in known.accommodations}
    return tuple(by_name[member] for member in fitting.members)


def _check_fits(given: str, name: str, item: Accommodation | AccommodationSet, role: Role, revision: str) -> None:
    said = f"--accommodate {given}" + ("" if name == given else f": {name}")
    if item.role != role:
        raise UsageError(f"{said}: expected an accommodation for the role {role}, found one for the role {item.role}")
    if revision not in item.revisions:
        raise UsageError(f"{said}: expected one for revision {revision}, found one for {', '.join(item.revisions)}")


def _from_file(path: Path) -> tuple[Accommodation, ...]:
    try:
        data = path.read_bytes()
        text = data[: MAX_BYTES + 1].decode("utf-8")
    except OSError as error:
        raise UsageError(f"--accommodate {path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"--accommodate {path}: expected UTF-8, found: {error}") from None
    if len(data) > MAX_BYTES:
        raise UsageError(f"--accommodate {path}: expected at most {MAX_BYTES} bytes, found {len(data)}")
    read = _parsed(text, str(path))
    known = {item.name: item for item in (*shipped().accommodations, *read.accommodations)}
    members = [name for item in read.sets for name in item.members]
    found = {item.name: item for item in read.accommodations}
    for name in members:
        if name not in known:
            raise UsageError(f"{path}: sets: {UnknownAccommodation(name, known)}")
        found.setdefault(name, known[name])
    if not found:
        raise UsageError(f"{path}: expected accommodations or sets, found none")
    return tuple(found.values())


def _parsed(text: str, name: str) -> AccommodationFile:
    """Read a file; raises UsageError."""
    value, source = read_text(text, name)
    tree = source.tree
    if not isinstance(value, dict):
        cause = f"expected a mapping with accommodations or sets, found {type(value).__name__}"
        raise UsageError(f"{name}: {cause}")
    try:
        read = AccommodationFile.model_validate_json(json.dumps(value, default=str))
    except ValidationError as error:
        raise _wrong(name, tree, error) from None
    _check(read, name, tree)
    if name in SHIPPED:
        return read
    own = tuple(item.model_copy(update={"source": name}) for item in read.accommodations)
    return read.model_copy(update={"accommodations": own})


def _wrong(name: str, tree: Any, error: ValidationError) -> UsageError:
    # a slip in the name of a field is told as such, rather than as the field that is missing for it
    first = min(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
    steps = [part for part in first["loc"] if part not in _KINDS]
    if first["type"] == "union_tag_not_found":
        said = f"expected a step with its name in `use`, such as {', '.join(list(_KINDS)[:3])}, found none"
    elif first["type"] == "union_tag_invalid":
        given = str(first["ctx"]["tag"])
        near = UnknownName(given, sorted(_KINDS)).message.partition("; ")[2]
        said = f"expected a step that is known, found {given!r}; {near}"
    else:
        found = "nothing" if first["type"] == "missing" else repr(first.get("input"))[:120]
        said = f"{first['msg'][:1].lower()}{first['msg'][1:]}, found {found}"
    if first["type"] == "extra_forbidden":
        near = UnknownName(str(first["loc"][-1]), _FIELDS).message.partition("; ")[2]
        said = f"expected a field that is known, found {first['loc'][-1]!r}; {near}"
    return UsageError(f"{name}:{line_of(tree, steps)}: {field_of(steps)}: {said}")


def _check(read: AccommodationFile, name: str, tree: Any) -> None:
    """Hold the parts against one another and against the catalogue. Raises UsageError."""
    seen: set[str] = set()
    for index, item in enumerate(read.accommodations):
        at: list[str | int] = ["accommodations", index]
        if item.name in seen:
            raise _at(name, tree, [*at, "name"], f"expected each name once, found {item.name} again")
        seen.add(item.name)
        for field, wrong in _faults(item):
            steps = [int(part) if part.isdecimal() else part for part in field.split(".")]
            raise _at(name, tree, [*at, *steps], wrong)


def _faults(item: Accommodation) -> Iterable[tuple[str, str]]:
    try:
        catalogues = [load(revision) for revision in item.revisions]
    except UnknownName as error:
        yield "revisions", str(error)
        return
    known = {entry.id: entry for catalogue in catalogues for entry in catalogue.requirements}
    for field, names in (("breaks", item.breaks), ("hides", item.hides)):
        for requirement in names:
            if requirement not in known:
                yield field, str(UnknownName(requirement, known))
            elif item.role not in known[requirement].binds:
                yield field, f"expected statements that bind the {item.role}, found {requirement}"
    lacking = [one.revision for one in catalogues if not any(requirement in one for requirement in item.breaks)]
    if lacking:
        yield "breaks", f"expected a statement that {', '.join(lacking)} has, found {', '.join(item.breaks)}"
    foreign = [step.use for step in item.past if isinstance(step, SERVED) != (item.role == "device")]
    if foreign:
        yield "past", f"expected steps for the role {item.role}, found {', '.join(foreign)}"
    if item.sent and not item.shown_by:
        yield "shown-by", f"expected the statuses by which what the text says is refused, found none ({item.name})"
    yield from _faults_of_routes(item)


def _faults_of_routes(item: Accommodation) -> Iterable[tuple[str, str]]:
    for index, step in enumerate(item.past):
        if isinstance(step, Route | ServedRoute):
            yield from ((f"past.{index}.{field}", wrong) for field, wrong in _route_faults(step))


def _route_faults(step: Route | ServedRoute) -> Iterable[tuple[str, str]]:
    """Say what is wrong with the two ends of addresses: no parameter may come twice, or from nowhere."""
    for field, template in (("from", step.from_), ("to", step.to)):
        odd = sorted(set(_BRACES.findall(template)) - {f"{{{name}}}" for name in PARAMETERS})
        if odd:
            yield field, f"expected parameters such as {{{'}, {'.join(PARAMETERS)}}}, found {', '.join(odd)}"
    there = parameters_of(step.from_)
    if len(there) > len(set(there)):
        yield "from", f"expected each parameter once, found {step.from_}"
    unknown = [name for name in parameters_of(step.to) if name not in there]
    if unknown and not (isinstance(step, ServedRoute) and step.member):
        yield "to", f"expected parameters that `from` has, found {', '.join(unknown)}"


def _at(name: str, tree: Any, steps: Sequence[Any], what: str) -> UsageError:
    return UsageError(f"{name}:{line_of(tree, steps)}: {field_of(steps)}: {what}")


_KINDS = {get_args(item.model_fields["use"].annotation)[0]: item for item in STEPS}
_MODELS: tuple[type[BaseModel], ...] = (Accommodation, AccommodationSet, *STEPS)
_FIELDS = sorted(
    {str(field.alias or name) for kind in _MODELS for name, field in kind.model_fields.items()} - {"source"}
)
