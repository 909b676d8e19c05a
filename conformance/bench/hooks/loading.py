"""Hooks from a file, from the statement, or from both; and whether they could be called."""

import shutil
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from pydantic import TypeAdapter, ValidationError

from conformance.bench.errors import UsageError
from conformance.bench.hooks.abilities import ABILITIES
from conformance.bench.hooks.calling import Call, HookFailed, Nobody, Person, function_of
from conformance.bench.hooks.model import CommandHook, Hook, HttpHook, ManualHook, PythonHook, known

CONNECT_S = 5.0
_HOOKS: TypeAdapter[dict[str, Hook]] = TypeAdapter(dict[str, Hook])


def load_hooks(path: Path) -> Mapping[str, Hook]:
    """Read hooks from a file: a mapping of their names, at its root or under `hooks`.

    Raises UsageError naming file, field, expected and found.
    """
    try:
        value: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if isinstance(value, dict) and set(value) == {"hooks"}:
        value = value["hooks"]
    if not isinstance(value, dict):
        raise UsageError(f"{path}: expected a mapping of hooks, found {type(value).__name__}")
    try:
        return known(_HOOKS.validate_python(value))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path}: {field}: {first['msg']}, found {first.get('input')!r}") from None
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None


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
