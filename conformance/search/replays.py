"""Replay files: a counterexample written down so that anybody can carry it out again.

YAML, `format: margo-search/1`. A file that cannot be relied on is refused with file, line, field, expected and found.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from conformance.bench.errors import UsageError
from conformance.bench.yaml_places import read_text
from conformance.record.events import Role
from conformance.search.actions import AnyAction, misfit
from conformance.search.device_actions import DeviceActions
from conformance.search.device_model import DeviceModel
from conformance.search.violations import Violation
from conformance.search.wfm_actions import WfmActions
from conformance.search.wfm_model import WfmModel

MAX_BYTES = 1_000_000
_ACTIONS: dict[Role, TypeAdapter[Any]] = {
    "device": TypeAdapter(tuple[DeviceActions, ...]),
    "wfm": TypeAdapter(tuple[WfmActions, ...]),
}


class Replay(BaseModel):
    """A counterexample: on whom, from which seed, what was done, and which promise it broke."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["margo-search/1"] = "margo-search/1"
    role: Role
    revision: str
    subject: Annotated[str, Field(min_length=1)]
    """`simulated`, `simulated:NAME`, or where a real subject was."""
    seed: int
    violated: Violation
    actions: Annotated[tuple[Any, ...], BeforeValidator(tuple)]
    """None where the violation shows as soon as the subject is there."""
    gherkin: str = ""
    """The same for people; not read."""

    @property
    def steps(self) -> tuple[AnyAction, ...]:
        """The actions."""
        return self.actions


def model_of(role: Role) -> Any:
    """Give the model that a sequence of a role begins with."""
    return DeviceModel() if role == "device" else WfmModel()


def save(replay: Replay, path: Path) -> None:
    """Write a replay file. Raises OSError."""
    document = replay.model_dump(mode="json", exclude={"actions"})
    gherkin = document.pop("gherkin")
    document["actions"] = [action.model_dump(mode="json") for action in replay.steps]
    document["gherkin"] = _Block(gherkin)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100), "utf-8")


def read(path: Path, role: Role) -> Replay:
    """Read a replay file for a subject of a role.

    Raises UsageError with file, line, field, expected and found for what cannot be carried out again.
    """
    text = _text(path)
    value, source = read_text(text, str(path))
    tree = source.tree
    if not isinstance(value, dict):
        raise UsageError(f"{path}:1: expected a replay file with format, role and actions, found {_told(value)}")
    replay = _validated(path, value, tree, role)
    place = misfit(replay.steps, model_of(role))
    if place is not None:
        where, what = _line(tree, ("actions", place)), replay.steps[place]
        raise UsageError(
            f"{path}:{where}: actions.{place}: expected an action that can be carried out at this place, "
            f"found {what.do!r}: {what.sentence()}"
        )
    return replay


def _validated(path: Path, value: dict[str, Any], tree: Any, role: Role) -> Replay:
    try:
        replay = Replay.model_validate(value)
    except ValidationError as error:
        raise _unusable(path, tree, error, ()) from None
    if replay.role != role:
        where = _line(tree, ("role",))
        raise UsageError(f"{path}:{where}: role: expected {role}, found {replay.role}: `run {replay.role} --replay`")
    try:
        actions = _ACTIONS[role].validate_python(value["actions"])
    except ValidationError as error:
        raise _unusable(path, tree, error, ("actions",)) from None
    return replay.model_copy(update={"actions": actions})


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise UsageError(f"{path}: expected at most {MAX_BYTES} bytes, found {len(data)}")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise UsageError(f"{path}:1: expected text in UTF-8, found other bytes") from None


def _unusable(path: Path, tree: Any, error: ValidationError, before: tuple[str, ...]) -> UsageError:
    first = error.errors(include_url=False)[0]
    # the name of the kind of action stands in the location, and not in the file
    location = (*before, *first["loc"])
    if location[:1] == ("actions",) and len(location) > 2:
        location = (*location[:2], *location[3:])
    found = "nothing" if first["type"] == "missing" else _told(first.get("input"))
    expected = str(first.get("ctx", {}).get("expected") or first.get("ctx", {}).get("expected_tags") or "")
    said = f"expected {expected}" if expected else str(first["msg"]).lower()
    field = ".".join(str(part) for part in location)
    return UsageError(f"{path}:{_line(tree, location)}: {field}: {said}, found {found}")


def _line(tree: Any, location: Sequence[str | int]) -> int:
    """Give the line of a place in the file, or of the nearest one around it."""
    node = tree
    line: int = tree.start_mark.line + 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pairs = [(key, held) for key, held in node.value if key.value == str(part)]
            if not pairs:
                return line
            line, node = pairs[0][0].start_mark.line + 1, pairs[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def _told(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


class _Block(str):
    """A text that is written line by line."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such, and others so that they are read as they were."""


def _as_block(dumper: yaml.SafeDumper, value: _Block) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(value), style="|")


def _as_text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    folded = set(value) & {"\x85", "\u2028", "\u2029"}  # read as spaces, unless they are escaped
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"' if folded else None)


_Dumper.add_representer(_Block, _as_block)
_Dumper.add_representer(str, _as_text)
