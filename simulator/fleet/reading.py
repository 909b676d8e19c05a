"""A fleet's description from a YAML file: what is wrong is told with file, line, field, and the nearest known name."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import UnionType
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from simulator.fleet.description import Fleet
from simulator.protocol.documents import DocumentError, parse_yaml

SHORT = 60
"""Characters of what was found that are told."""
Path = Sequence[Any]
_EXPECTED = {
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "string_type": "a text",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "a whole number"),
}
"""What the library says in words of its own, in those of a user."""


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

    def place(path: Path) -> str:
        tree: Any = yaml.compose(data.decode(), Loader=yaml.SafeLoader)
        return f"{file}:{_line(tree, path)}: {'.'.join(map(str, path)) or '(root)'}"

    return checked(value, place)


def checked(value: Any, place: Callable[[Path], str]) -> Fleet:
    """The fleet that is described by plain values; `place` says where a path lies. Raises WrongDescription."""
    try:
        return Fleet.model_validate(value)
    except ValidationError as error:
        wrong: list[Any] = _causes(error.errors(include_url=False))
        raise WrongDescription("; ".join(_told(item, value, place) for item in wrong[:5])) from None


def _causes(wrong: list[Any]) -> list[Any]:
    """Without what only follows: a list is not too short because a member of it is wrong."""
    return [
        item
        for item in wrong
        if item["type"] != "too_short"
        or not any(other["loc"][: len(item["loc"])] == item["loc"] and other is not item for other in wrong)
    ]


def _told(item: Any, value: Any, place: Callable[[Path], str]) -> str:
    path = _path(item, value)
    return f"{place(path)}: {_message(item, path)}"


def _path(item: Any, value: Any) -> Path:
    """The keys and positions that lead to what is wrong, without the steps that only the model has."""
    path: list[Any] = []
    for step in item["loc"]:
        known = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        key = next((key for key in known if str(key) == str(step)), None)
        if key is not None:
            path.append(key)
            value = value[key]
    return [*path, item["loc"][-1]] if item["type"] == "missing" else path


def _message(item: Any, path: Path) -> str:
    if item["type"] == "extra_forbidden":
        known = sorted(_keys_at(Fleet, path[:-1]))
        near = get_close_matches(str(path[-1]), known, n=1, cutoff=0.5)
        return f"unknown key; {f'did you mean {near[0]}?' if near else 'known here: ' + ', '.join(known)}"
    if item["type"] == "missing":
        return "expected a value, found none"
    if item["type"] == "model_type":
        message = f"expected a mapping with keys such as {', '.join(list(_keys_at(Fleet, path))[:4])}"
    elif item["type"] in _EXPECTED:
        message = f"expected {_EXPECTED[item['type']].format_map(item.get('ctx', {}))}"
    else:
        message = str(item["msg"]).removeprefix("Value error, ").replace("Input should be ", "expected ")
    return message if "found" in message else message + _found(item["input"])


def _found(value: Any) -> str:
    """What stands there, if it is short."""
    if isinstance(value, dict | list | tuple):
        text = str(yaml.safe_dump(value, default_flow_style=True, width=1000)).strip()
        return f", found {text}" if len(text) <= SHORT else ""
    return "" if isinstance(value, BaseModel) else f", found {str(value)[:SHORT]!r}"


def _line(node: Any, path: Path) -> int:
    line = node.start_mark.line if node is not None else 0
    for step in path:
        if isinstance(node, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in node.value}
            if str(step) not in pairs:
                break
            key, node = pairs[str(step)]
            line = key.start_mark.line
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line
    return int(line) + 1


def _keys_at(model: Any, path: Path) -> list[str]:
    """The keys a part of the description may have."""
    for step in path:
        if not isinstance(step, int):
            model = _part_in(model.model_fields[step].annotation)
    return list(model.model_fields)


def _part_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, BaseModel):
        return annotation
    inner = get_args(annotation) if get_origin(annotation) is not None or isinstance(annotation, UnionType) else ()
    return next((part for part in map(_part_in, inner) if part is not None), None)
