"""YAML files of the user's: read once, with nothing said twice, and messages that name file, line and field."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from conformance.bench.errors import UsageError
from conformance.catalogue import UnknownName

SHOWN = 200
"""Characters of what was found that are repeated in a message."""
_EXPECTED: Mapping[str, str] = {
    "missing": "a value",
    "mapping_type": "a mapping",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
    "too_short": "at least one entry",
    "string_type": "a text",
    "string_too_short": "a text that is not empty",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "greater_than": "a number greater than {gt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "literal_error": "one of {expected}",
}
"""What is expected, by pydantic's types of errors, in words of somebody who writes YAML."""


class UnknownField(UnknownName):
    """A field that there is not at this place."""

    kind = "field"


@dataclass(frozen=True, slots=True)
class Source:
    """A file and the tree of its YAML, by which a message names the line."""

    name: str
    tree: Any

    def wrong(self, steps: Sequence[Any], what: object) -> UsageError:
        """Say what is wrong at a place."""
        return UsageError(f"{self.name}:{line_of(self.tree, steps)}: {field_of(steps)}: {what}")


def read_file(path: Path) -> tuple[Any, Source]:
    """Read a file. Raises UsageError: it cannot be read, is not valid YAML, or says something twice."""
    try:
        return read_text(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not valid YAML: expected UTF-8, found {error.reason} at {error.start}") from None


def read_text(text: str, name: str) -> tuple[Any, Source]:
    """Read the text of a file. Raises UsageError with its line: not valid YAML, or a key that is there twice.

    Of a key that is there twice YAML gives the last, which is seldom the one that somebody looks at.
    """
    try:
        source = Source(name, yaml.compose(text, Loader=yaml.SafeLoader))
        for steps, key, first in _twice(source.tree):
            line, where = key.start_mark.line + 1, field_of([*steps, key.value])
            raise UsageError(f"{name}:{line}: {where}: expected once, found again: it is in line {first} already")
        return yaml.safe_load(text), source
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        said = " ".join(str(getattr(error, "problem", None) or error).split())
        raise UsageError(f"{name}{line}: not valid YAML: {said}") from None


def _twice(tree: Any) -> Iterator[tuple[list[Any], yaml.ScalarNode, int]]:
    """Give the keys that a mapping has more than once, with the place of the mapping and the line of the first."""
    left: list[tuple[list[Any], Any]] = [([], tree)]
    known: set[int] = set()
    while left:
        steps, node = left.pop()
        if id(node) in known:  # an alias: it stands for what was looked at already
            continue
        known.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            left += [([*steps, index], item) for index, item in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode):
            continue
        lines: dict[tuple[str, str], int] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in lines:
                    yield steps, key, lines[key.tag, key.value]
                lines[key.tag, key.value] = key.start_mark.line + 1
            left.append(([*steps, getattr(key, "value", "")], value))


def line_of(tree: Any, steps: Sequence[Any]) -> int:
    """Give the line (from 1) of the deepest part of a path that there is; `tree` is what `yaml.compose` gave."""
    if tree is None:
        return 1
    node, line = tree, tree.start_mark.line
    for step in steps:
        if isinstance(node, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in node.value}
            if str(step) not in pairs:
                break
            key, node = pairs[str(step)]
            line = key.start_mark.line
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line
        else:
            break
    return int(line) + 1


def field_of(steps: Sequence[Any]) -> str:
    """Give a path as it is written in messages, such as `operations.deploy.take`."""
    return ".".join(str(step) for step in steps) or "(root)"


def in_words(error: Mapping[str, Any], fields: Iterable[str] = ()) -> str:
    """Put one error of pydantic into words: what was expected and found; `fields` are those known at its place."""
    kind, given = str(error["type"]), error.get("input")
    found = "nothing" if kind == "missing" or given is None else repr(given)[:SHOWN]
    if kind == "extra_forbidden":
        return str(UnknownField(str(error["loc"][-1]), fields))
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind].format(**error.get('ctx', {}))}, found {found}"
    said = str(error["msg"]).removeprefix("Value error, ")
    said = said[:1].lower() + said[1:]
    return said if "found" in said or said.startswith("unknown") else f"{said}, found {found}"
