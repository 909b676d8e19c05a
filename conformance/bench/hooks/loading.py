"""Hooks from a file, from the statement, or from both; and whether they could be called."""

import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from conformance.bench.errors import UsageError
from conformance.bench.hooks.abilities import ABILITIES
from conformance.bench.hooks.calling import Call, HookFailed, Nobody, Person, function_of
from conformance.bench.hooks.model import (
    COMMON,
    FIELDS,
    KINDS,
    CommandHook,
    Hook,
    HttpHook,
    ManualHook,
    PythonHook,
    UnknownHook,
    unfit,
)
from conformance.bench.yaml_places import Source, UnknownField, in_words, read_file

CONNECT_S = 5.0
_HOOKS: TypeAdapter[dict[str, Hook]] = TypeAdapter(dict[str, Hook])


def load_hooks(path: Path) -> Mapping[str, Hook]:
    """Read hooks from a file: a mapping of their names, at its root or under `hooks`.

    Raises UsageError naming file, line, field, expected and found.
    """
    value, source = read_file(path)
    if isinstance(value, dict) and "hooks" in value:
        if beside := [name for name in value if name != "hooks"]:
            raise source.wrong([beside[0]], "expected nothing beside `hooks`: one file has either hooks, or `hooks`")
        return hooks_of(value["hooks"], source, "hooks")
    return hooks_of(value, source)


def hooks_of(value: Any, source: Source, *at: str) -> Mapping[str, Hook]:
    """Give the hooks that stand at a place of a file. Raises UsageError as `load_hooks` does."""
    if not isinstance(value, dict):
        found = "nothing" if value is None else type(value).__name__
        raise source.wrong(at, f"expected a mapping of hooks, each by its name, found {found}")
    for name in value:
        if name not in ABILITIES:
            raise source.wrong([*at, name], UnknownHook(str(name), ABILITIES))
    try:
        hooks = _HOOKS.validate_python(value)
    except ValidationError as error:
        raise _wrong(source, at, value, error.errors(include_url=False)[0]) from None
    for name, hook in hooks.items():
        if misplaced := unfit(name, hook):
            raise source.wrong([*at, name, misplaced[0]], misplaced[1])
    return hooks


def _wrong(source: Source, at: Sequence[str], value: Mapping[str, Any], first: Any) -> UsageError:
    """Say what is wrong with one hook; the kind of hook is a step of pydantic's path, and none of the file's."""
    name, *kind_and_rest = first["loc"]
    steps, given = [*at, name, *kind_and_rest[1:]], value[name]
    if first["type"] == "hook":
        there = given if isinstance(given, dict) else {}
        kinds, odd = [kind for kind in KINDS if kind in there], [str(one) for one in there if one not in COMMON]
        found = ", ".join(kinds) or (f"{odd[0]!r}" if odd else "none of them")
        near = UnknownField(odd[0], KINDS).nearest if odd and not kinds else ()
        hint = f"; nearest: {', '.join(near)}" if near else ""
        where = [*steps, odd[0]] if odd and not kinds else steps
        return source.wrong(where, f"expected exactly one of {', '.join(KINDS)}, found {found}{hint}")
    return source.wrong(steps, in_words(first, FIELDS[kind_and_rest[0]] if kind_and_rest else ()))


@dataclass(frozen=True, slots=True)
class Readiness:
    """What is known of a hook before it is called: `problem` is empty when nothing speaks against it."""

    name: str
    kind: str
    what: str
    problem: str = ""


def readiness(hooks: Mapping[str, Hook], person: Person) -> Iterator[Readiness]:
    """Examine every hook without calling it: nothing happens to the device."""
    for name, hook in hooks.items():
        try:
            yield Readiness(name, hook.kind, _examine(name, hook, person))
        except HookFailed as error:
            yield Readiness(name, hook.kind, "", str(error))


def _examine(name: str, hook: Hook, person: Person) -> str:
    ability = ABILITIES[name]
    call = Call(name, next(iter(ability.actions)), {key: f"<{key}>" for key in ability.carries})
    match hook:
        case CommandHook():
            found = shutil.which(call.fill(hook.command[0]))
            if found is None:
                raise HookFailed(f"there is no program {hook.command[0]} that could be started")
            return " ".join([found, *(call.fill(part) for part in hook.command[1:])])
        case HttpHook():
            _reach(hook.http)
            return f"{hook.method} {call.fill(hook.http)}"
        case PythonHook():
            function_of(hook)
            return hook.python
        case ManualHook():
            if isinstance(person, Nobody):
                raise HookFailed("needs a person at a terminal, and this is none")
            return call.fill(hook.manual)


def _reach(url: str) -> None:
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), CONNECT_S).close()
    except (OSError, ValueError) as error:
        raise HookFailed(f"{parts.netloc.rpartition('@')[2]} cannot be reached: {error}") from None
