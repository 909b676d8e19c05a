"""Documents drawn from a JSON Schema: valid ones, and such with exactly one thing wrong.

Covers the keywords that the catalogue's schemas use, and refuses any other; the schema itself has the last word on what
was drawn. hypothesis-jsonschema would do the same, but its last release does not run with current Hypothesis; with
schemathesis come an HTTP client of its own and a dozen packages, while requests have to go through the recording probe.
"""

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator

Json = Any
Path = tuple[str | int, ...]
_JUDGED_AFTERWARDS = frozenset({"if", "then", "else", "$comment", "$schema", "$id", "title", "description", "$defs"})
"""Keywords that drawing passes over: what was drawn is held against the whole schema anyway."""
_KNOWN = _JUDGED_AFTERWARDS | {
    "$ref", "additionalProperties", "const", "enum", "exclusiveMinimum", "items", "maxItems", "maximum", "minItems",
    "minLength", "minimum", "oneOf", "pattern", "patternProperties", "properties", "required", "type",
}  # fmt: skip
_BIG = 10**6
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
OTHER_TYPES: tuple[Json, ...] = (None, True, -7, 1.5, "no such thing", [], [{}], {}, {"a": 1})
"""What stands where something else belongs."""


class UnknownKeyword(ValueError):
    """A schema has a keyword for which nothing can be drawn: this module has to learn it."""


def documents(schema: Mapping[str, Any]) -> st.SearchStrategy[Json]:
    """Give documents that a schema allows. Raises UnknownKeyword."""
    validator = Draft202012Validator(schema)
    return _drawn(schema, schema).filter(validator.is_valid)


@st.composite
def spoiled(draw: st.DrawFn, schema: Mapping[str, Any], spared: Sequence[str]) -> Json:
    """Give documents with one thing wrong by a schema: a member missing, or of another type or value.

    `spared` are names of members that stay as they are, since what a wrong one means is left open.
    """
    document = draw(documents(schema))
    validator = Draft202012Validator(schema)
    places = [path for path in _places(document) if path and not set(path) & set(spared)]
    ways = [(path, value) for path in places for value in (..., *OTHER_TYPES)]
    first = draw(st.integers(0, max(0, len(ways) - 1)))
    # most ways spoil a document; the first one from where the draw stands that does is taken
    made = (_changed(document, path, value) for path, value in (*ways[first:], *ways[:first]))
    return next((item for item in made if not validator.is_valid(item)), "no document at all")


def _drawn(schema: Mapping[str, Any], root: Mapping[str, Any]) -> st.SearchStrategy[Json]:
    unknown = set(schema) - _KNOWN
    if unknown - {"anyOf"}:
        raise UnknownKeyword(f"nothing can be drawn for {', '.join(sorted(unknown))}")
    if "$ref" in schema:
        return _drawn(_resolved(str(schema["$ref"]), root), root)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "oneOf" in schema:
        return st.one_of([_drawn(branch, root) for branch in schema["oneOf"]])
    kinds = schema.get("type", "object")
    return st.one_of([_of_type(kind, schema, root) for kind in ([kinds] if isinstance(kinds, str) else kinds)])


def _of_type(kind: str, schema: Mapping[str, Any], root: Mapping[str, Any]) -> st.SearchStrategy[Json]:
    if kind not in _TYPES:
        raise UnknownKeyword(f"nothing can be drawn for the type {kind}")
    return _TYPES[kind](schema, root)


def _arrays(schema: Mapping[str, Any], root: Mapping[str, Any]) -> st.SearchStrategy[Json]:
    low = int(schema.get("minItems", 0))
    return st.lists(_drawn(schema["items"], root), min_size=low, max_size=low + 3)


def _strings(schema: Mapping[str, Any], root: Mapping[str, Any]) -> st.SearchStrategy[Json]:
    del root
    if "pattern" in schema:
        return st.from_regex(re.compile(schema["pattern"], re.ASCII))
    return _TEXT.filter(lambda text: len(text) >= schema.get("minLength", 0))


def _integers(schema: Mapping[str, Any], root: Mapping[str, Any]) -> st.SearchStrategy[Json]:
    del root
    return st.integers(schema.get("minimum", -_BIG), schema.get("maximum", _BIG))


def _numbers(schema: Mapping[str, Any], root: Mapping[str, Any]) -> st.SearchStrategy[Json]:
    del root
    low = schema.get("exclusiveMinimum", schema.get("minimum", -_BIG))
    return st.one_of(st.integers(int(low) + 1, _BIG), st.floats(low, _BIG, exclude_min=True))


def _objects(schema: Mapping[str, Any], root: Mapping[str, Any]) -> st.SearchStrategy[Json]:
    required = set(schema.get("required", ()))
    members = {name: _drawn(part, root) for name, part in schema.get("properties", {}).items()}
    # a required member without a schema of its own may be anything
    members |= dict.fromkeys(required - members.keys(), _TEXT)
    fixed = st.fixed_dictionaries(
        {name: members[name] for name in sorted(required)},
        optional={name: members[name] for name in sorted(members.keys() - required)},
    )
    further = schema.get("additionalProperties")
    extra: list[st.SearchStrategy[dict[str, Json]]] = [
        st.dictionaries(st.from_regex(re.compile(pattern, re.ASCII)), _loose(part, root), max_size=1)
        for pattern, part in schema.get("patternProperties", {}).items()
    ]
    if isinstance(further, dict):
        names = st.from_regex(r"[a-z]{1,8}(\.[a-z]{2,5})?(/[a-z]{1,8})?", fullmatch=True)
        extra.append(st.dictionaries(names, _drawn(further, root), max_size=3))
    return st.tuples(fixed, *extra).map(lambda parts: {name: value for part in parts for name, value in part.items()})


_TYPES: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], st.SearchStrategy[Json]]] = {
    "object": _objects,
    "array": _arrays,
    "string": _strings,
    "integer": _integers,
    "number": _numbers,
    "boolean": lambda _schema, _root: st.booleans(),
}


def _loose(schema: Mapping[str, Any], root: Mapping[str, Any]) -> st.SearchStrategy[Json]:
    """Anything that a schema without members of its own allows."""
    if set(schema) == {"type"} and schema["type"] == "object":
        return st.dictionaries(
            _TEXT.filter(bool), st.one_of(_TEXT, st.integers(-_BIG, _BIG), st.booleans()), max_size=2
        )
    return _drawn(schema, root)


def _resolved(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def _places(value: Json, path: Path = ()) -> Iterator[Path]:
    yield path
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _places(part, (*path, name))
    elif isinstance(value, list):
        for position, part in enumerate(value):
            yield from _places(part, (*path, position))


def _changed(document: Json, path: Path, value: Json) -> Json:
    made = copy.deepcopy(document)
    holder = made
    for part in path[:-1]:
        holder = holder[part]
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return made
