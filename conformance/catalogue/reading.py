"""Reading the data files: YAML without surprises, entries checked one by one, every error with its place."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from conformance.catalogue.errors import CatalogueError
from conformance.catalogue.model import Entry

# the C parser reads the same language ten times faster; wheels of PyYAML have it, a source build may not
_Base: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_E = TypeVar("_E", bound=Entry)


class _StrictLoader(_Base):  # type: ignore[misc]  # the base is chosen at import time
    """A safe YAML loader that refuses a key given twice: the second would silently replace the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build the mapping after looking for repeated keys."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} given twice", key.start_mark)
            seen.add(key.value)
        built: dict[Any, Any] = super().construct_mapping(node, deep)
        return built


def read_yaml(file: Traversable) -> object:
    """Give the parsed content of one YAML file. Raises `CatalogueError` when it is absent or not YAML."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(
            str(file), "file", "content", expected="a readable UTF-8 file", found=str(error)
        ) from error
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506  # derived from the safe loader
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f"line {place.line + 1}" if place is not None else "file"
        found = getattr(error, "problem", None) or str(error)
        raise CatalogueError(str(file), line, "syntax", expected="YAML", found=found) from error


def read_json(file: Traversable) -> dict[str, Any]:
    """Give the object in one JSON file. Raises `CatalogueError` when it is not a JSON object."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CatalogueError(str(file), "file", "syntax", expected="JSON", found=str(error)) from error
    if not isinstance(content, dict):
        raise CatalogueError(str(file), "file", "root", expected="an object", found=type(content).__name__)
    return content


def as_list(file: Traversable, content: object) -> list[object]:
    """Give the content when it is a list; raises `CatalogueError` otherwise."""
    if not isinstance(content, list):
        raise CatalogueError(str(file), "file", "root", expected="a list of entries", found=type(content).__name__)
    return content


def as_mapping(file: Traversable, entry: str, content: object) -> Mapping[str, Any]:
    """Give the content when it is a mapping with text keys; raises `CatalogueError` otherwise."""
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise CatalogueError(str(file), entry, "entry", expected="a mapping", found=type(content).__name__)
    return content


def build(kind: type[_E], file: Traversable, entry: str, raw: Mapping[str, Any]) -> _E:
    """Build one entry, turning the first validation error into a `CatalogueError` with its place."""
    try:
        return kind.model_validate(dict(raw))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "entry"
        absent = first["type"] == "missing"
        found = "nothing" if absent else first["input"]
        expected = "a value" if absent else first["msg"]
        raise CatalogueError(str(file), entry, field, expected=expected, found=found) from error


def entries(
    kind: type[_E], file: Traversable, raws: Iterable[object], extra: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, _E]:
    """Build a keyed collection of entries with an `id`, in file order.

    `extra` holds fields by id that stand in another file. Raises `CatalogueError` for a malformed or repeated entry.
    """
    built: dict[str, _E] = {}
    for number, raw in enumerate(raws, start=1):
        mapping = as_mapping(file, f"entry {number}", raw)
        name = str(mapping.get("id", f"entry {number}"))
        entry = build(kind, file, name, {**mapping, **(extra or {}).get(name, {})})
        if name in built:
            raise CatalogueError(
                str(file), name, "id", expected="an id used once", found=f"{name} again (entry {number})"
            )
        built[name] = entry
    return built


def check_known(file: Traversable, entry: str, field: str, ids: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a reference to a requirement id that does not exist, naming entry and field."""
    strange = sorted(set(ids) - set(known))
    if strange:
        raise CatalogueError(str(file), entry, field, expected="known requirement ids", found=", ".join(strange))
