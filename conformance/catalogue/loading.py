"""From a folder of data files to a `Catalogue`: one function per file, references checked across files."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib.resources.abc import Traversable
from itertools import chain
from typing import Any

from conformance.catalogue.errors import CatalogueError
from conformance.catalogue.model import Behaviour, Feature, Interpretation, ProblemType, Profile, Requirement, Wire
from conformance.catalogue.reading import as_list, as_mapping, build, check_known, entries, read_json, read_yaml


def read_requirements(folder: Traversable) -> dict[str, Requirement]:
    """Read the statements of a revision together with what `equivalences.yaml` says of them."""
    file = folder / "requirements.yaml"
    listed = as_list(file, read_yaml(file))
    raws = [as_mapping(file, f"entry {number}", raw) for number, raw in enumerate(listed, start=1)]
    known = {str(raw.get("id")) for raw in raws}
    return entries(Requirement, file, raws, _equivalences(folder / "equivalences.yaml", known))


def _equivalences(file: Traversable, known: Collection[str]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Give the fields `same_as`, `parts` and `part_of` by id.

    The file has `same`, a list of groups of ids, and `composed`, a mapping from an id to its parts.
    """
    links: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    if not file.is_file():
        return links
    content = as_mapping(file, "file", read_yaml(file))
    for number, group in enumerate(content.get("same", ()), start=1):
        check_known(file, f"same, group {number}", "ids", group, known)
        for member in group:
            if "same_as" in links[member]:
                raise CatalogueError(str(file), member, "same", expected="an id in one group", found="a second group")
            links[member]["same_as"] = tuple(other for other in group if other != member)
    wholes: dict[str, list[str]] = defaultdict(list)
    for whole, parts in as_mapping(file, "composed", content.get("composed", {})).items():
        check_known(file, whole, "composed", [whole, *parts], known)
        links[whole]["parts"] = tuple(parts)
        for part in parts:
            wholes[part].append(whole)
    for part, containing in wholes.items():
        links[part]["part_of"] = tuple(containing)
    return links


def read_behaviours(file: Traversable, requirements: Mapping[str, Requirement]) -> dict[str, Behaviour]:
    """Read the behaviours, which all revisions share, as they hold for one revision.

    `see` keeps only the statements this revision has; a normative behaviour that rests on none of them is undefined
    here, since nothing in this revision demands it.
    """
    adapted: dict[str, Behaviour] = {}
    for name, behaviour in entries(Behaviour, file, as_list(file, read_yaml(file))).items():
        see = tuple(ref for ref in behaviour.see if ref in requirements)
        groundless = behaviour.basis == "normative" and not see
        adapted[name] = behaviour.model_copy(
            update={"see": see, "basis": "undefined" if groundless else behaviour.basis}
        )
    return adapted


def read_interpretations(folder: Traversable, requirements: Mapping[str, Requirement]) -> dict[str, Interpretation]:
    """Read the register of readings of a revision; empty when the revision has none."""
    file = folder / "interpretations.yaml"
    if not file.is_file():
        return {}
    register = entries(Interpretation, file, as_list(file, read_yaml(file)))
    for name, interpretation in register.items():
        check_known(file, name, "requirements", interpretation.requirements, requirements)
    return register


def read_problem_types(folder: Traversable) -> dict[str, ProblemType]:
    """Read the registry of problem types by full URI; empty for revisions before RFC 9457 came in."""
    file = folder / "problem_types.yaml"
    if not file.is_file():
        return {}
    content = as_mapping(file, "file", read_yaml(file))
    types: dict[str, ProblemType] = {}
    for number, raw in enumerate(content.get("types", ()), start=1):
        mapping = as_mapping(file, f"type {number}", raw)
        name = str(mapping.get("fragment", f"type {number}"))
        entry = build(ProblemType, file, name, {**mapping, "uri": f"{content.get('base')}#{name}"})
        types[entry.uri] = entry
    return types


def read_wire(folder: Traversable) -> Wire | None:
    """Read what the revision puts on the wire in its own way; None when the revision has no such file."""
    file = folder / "wire.yaml"
    return build(Wire, file, "file", as_mapping(file, "file", read_yaml(file))) if file.is_file() else None


def read_profiles(
    folder: Traversable, requirements: Mapping[str, Requirement]
) -> tuple[dict[tuple[str, str], Feature], dict[tuple[str, str], Profile]]:
    """Read features and profiles, each keyed by role and name; both empty when the revision has no such file."""
    file = folder / "profiles.yaml"
    if not file.is_file():
        return {}, {}
    content = as_mapping(file, "file", read_yaml(file))
    features: dict[tuple[str, str], Feature] = {}
    for role, name, raw in _by_role(file, content, "features"):
        feature = build(Feature, file, f"feature {role}/{name}", {**raw, "role": role, "name": name})
        check_known(file, f"feature {role}/{name}", "requirements", feature.requirements, requirements)
        features[role, name] = feature
    profiles: dict[tuple[str, str], Profile] = {}
    for role, name, raw in _by_role(file, content, "profiles"):
        claims = tuple(raw.get("claims", ()))
        strange = [claim for claim in claims if (role, claim) not in features]
        if strange:
            place = f"profile {role}/{name}"
            raise CatalogueError(str(file), place, "claims", expected=f"features of {role}", found=", ".join(strange))
        held = [item.id for item in applicable(requirements.values(), features.values(), role, claims)]
        mandatory = tuple(item for item in held if requirements[item].severity == "must")
        full = {**raw, "role": role, "name": name, "claims": claims, "mandatory": mandatory}
        profiles[role, name] = build(Profile, file, f"profile {role}/{name}", full)
    return features, profiles


def _by_role(file: Traversable, content: Mapping[str, Any], part: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for role, named in as_mapping(file, part, content.get(part, {})).items():
        for name, raw in as_mapping(file, f"{part}, {role}", named).items():
            yield role, name, as_mapping(file, f"{part}, {role}, {name}", raw)


def applicable(
    requirements: Iterable[Requirement], features: Iterable[Feature], role: str, claims: Iterable[str]
) -> list[Requirement]:
    """Give the statements that bind the role, without those of features of that role that are not claimed.

    A statement named by several features holds only when all of them are claimed.
    """
    claimed = set(claims)
    unclaimed = (f.requirements for f in features if f.role == role and f.name not in claimed)
    excluded = set(chain.from_iterable(unclaimed))
    return [item for item in requirements if role in item.binds and item.id not in excluded]


def read_schemas(folder: Traversable) -> dict[str, dict[str, Any]]:
    """Read the JSON Schemas of a revision by name (file name without `.json`)."""
    schemas = folder / "schemas"
    if not schemas.is_dir():
        return {}
    files = sorted((file for file in schemas.iterdir() if file.name.endswith(".json")), key=lambda file: file.name)
    return {file.name.removesuffix(".json"): read_json(file) for file in files}


def digest(folder: Traversable, shared: Iterable[Traversable]) -> str:
    """Give `sha256:<hex>` over the names and bytes of every data file a revision is made from."""
    own = [file for file in _files(folder, "") if file[0].endswith((".yaml", ".json"))]
    common = [(f"shared/{file.name}", file) for file in shared]
    total = hashlib.sha256()
    for name, file in sorted(own + common, key=lambda item: item[0]):
        content = file.read_bytes()
        total.update(f"{name}\0{len(content)}\0".encode())
        total.update(content)
    return f"sha256:{total.hexdigest()}"


def _files(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for child in folder.iterdir():
        if child.is_dir():
            found += _files(child, f"{prefix}{child.name}/")
        else:
            found.append((f"{prefix}{child.name}", child))
    return found
