"""A fleet's description from a YAML file: what is wrong is told with file, line, field, and the nearest known name."""

from difflib import get_close_matches
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import UnionType
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from simulator.fleet.description import Fleet
from simulator.protocol.documents import DocumentError, parse_yaml


class WrongDescription(ValueError):
    """The description cannot be simulated; the message says where, what was expected, and what was found."""


class UnknownExample(LookupError):
    """No such example is shipped; the message names the nearest."""


def examples() -> dict[str, Traversable]:
    """The shipped examples by name."""
    found = [item for item in (files("simulator.fleet") / "examples").iterdir() if item.name.endswith(".yaml")]
    return {item.name.removesuffix(".yaml"): item for item in sorted(found, key=lambda item: item.name)}


def read_example(name: str) -> Fleet:
    """Read a shipped example; raises UnknownExample."""
    known = examples()
    if name not in known:
        near = get_close_matches(name, known, n=1)
        raise UnknownExample(
            f"example {name!r} is not shipped; " + (f"nearest: {near[0]}" if near else f"there are {', '.join(known)}")
        )
    return read(known[name].read_bytes(), name)


def read(data: bytes, file: str) -> Fleet:
    """Read a description; raises WrongDescription."""
    try:
        value = parse_yaml(data, file)
    except DocumentError as error:
        raise WrongDescription(" ".join(str(error).split())) from None
    try:
        return Fleet.model_validate(value)
    except ValidationError as error:
        tree: Any = yaml.compose(data.decode(), Loader=yaml.SafeLoader)
        wrong: list[Any] = _causes(error.errors(include_url=False))
        raise WrongDescription("; ".join(_told(item, file, tree) for item in wrong[:5])) from None


def _causes(wrong: list[Any]) -> list[Any]:
    """Without what only follows: a list is not too short because a member of it is wrong."""
    return [
        item
        for item in wrong
        if item["type"] != "too_short"
        or not any(other["loc"][: len(item["loc"])] == item["loc"] and other is not item for other in wrong)
    ]


def _told(item: Any, file: str, tree: Any) -> str:
    path = [step for step in item["loc"] if step not in ("Distribution", "float")]
    line = _line(tree, path)
    field = ".".join(map(str, path)) or "(root)"
    if item["type"] == "extra_forbidden":
        known = sorted(_keys_at(Fleet, path[:-1]))
        near = get_close_matches(str(path[-1]), known, n=1, cutoff=0.5)
        help_ = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        return f"{file}:{line}: {field}: unknown key; {help_}"
    message = str(item["msg"]).removeprefix("Value error, ")
    found = "" if isinstance(item["input"], dict | list | BaseModel) else f", found {str(item['input'])[:60]!r}"
    return f"{file}:{line}: {field}: {message}" + ("" if "found" in message else found)


def _line(node: Any, path: list[Any]) -> int:
    line = node.start_mark.line if node is not None else 0
    for step in path:
        if isinstance(node, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in node.value}
            if str(step) not in pairs:
                break
            key, node = pairs[str(step)]
            line = key.start_mark.line
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            line = node.start_mark.line
    return int(line) + 1


def _keys_at(model: Any, path: list[Any]) -> set[str]:
    """The keys a part of the description may have."""
    for step in path:
        if not isinstance(step, int):
            model = _part_in(model.model_fields[step].annotation)
    return set(model.model_fields)


def _part_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, BaseModel):
        return annotation
    inner = get_args(annotation) if get_origin(annotation) is not None or isinstance(annotation, UnionType) else ()
    return next((part for part in map(_part_in, inner) if part is not None), None)
