"""Placeholders in adapter files, simple paths into answers, and secrets that must never be shown."""

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from conformance.bench.errors import UsageError
from conformance.record.redact import REDACTED

ENVIRONMENT = "env:"
_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_WHOLE = re.compile(r"\{([^{}]+)\}")
Quote = Callable[[str], str]


class Secrets:
    """Values from environment variables: used where a file names them, and hidden wherever they would be shown."""

    def __init__(self) -> None:
        self._values: set[str] = set()

    def add(self, value: str) -> str:
        """Remember a value as secret; gives it back."""
        if value:
            self._values.add(value)
        return value

    def of(self, variable: str) -> str:
        """Give the value of an environment variable, as a secret. Raises UsageError when it is not set."""
        value = os.environ.get(variable)
        if not value:
            raise UsageError(f"environment variable {variable}: expected a value, found it unset or empty")
        return self.add(value)

    def hide(self, text: str) -> str:
        """Replace every secret in a text."""
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, REDACTED)
        return text

    def hide_in(self, value: Any) -> Any:
        """Replace every secret in the texts of a JSON value."""
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, Mapping):
            return {name: self.hide_in(item) for name, item in value.items()}
        return [self.hide_in(item) for item in value] if isinstance(value, list | tuple) else value


def places(value: Any) -> set[str]:
    """Give the names of all placeholders in a text, or in the texts of a JSON value."""
    if isinstance(value, str):
        return {found.group(1).strip() for found in _PLACE.finditer(value) if found.group(1) is not None}
    if isinstance(value, Mapping):
        return {name for pair in value.items() for item in pair for name in places(item)}
    return {name for item in value for name in places(item)} if isinstance(value, list | tuple) else set()


def filled(value: Any, arguments: Mapping[str, Any], secrets: Secrets, quote: Quote = str) -> Any:
    """Fill in the placeholders; a text that is nothing but one becomes the argument itself, whatever its type.

    `{{` and `}}` stand for braces. Raises UsageError for an environment variable that is not set.
    """
    if isinstance(value, str):
        whole = _WHOLE.fullmatch(value)
        if whole and not whole.group(1).strip().startswith(ENVIRONMENT):
            return arguments[whole.group(1).strip()]
        return text_filled(value, arguments, secrets, quote)
    if isinstance(value, Mapping):
        return {
            text_filled(name, arguments, secrets, quote): filled(item, arguments, secrets, quote)
            for name, item in value.items()
        }
    return [filled(item, arguments, secrets, quote) for item in value] if isinstance(value, list | tuple) else value


def text_filled(text: str, arguments: Mapping[str, Any], secrets: Secrets, quote: Quote = str) -> str:
    """Fill in the placeholders of a text; each argument passes through `quote`, secrets do not."""

    def put(found: re.Match[str]) -> str:
        name = found.group(1)
        if name is None:
            return found.group(0)[0]
        name = name.strip()
        if name.startswith(ENVIRONMENT):
            return secrets.of(name.removeprefix(ENVIRONMENT))
        value = arguments[name]
        return quote("" if value is None else str(value))

    return _PLACE.sub(put, text)


class NothingThere(LookupError):
    """A path leads nowhere; the message says how far it led."""


def at(path: str, answer: Any) -> Any:
    """Follow a path such as `deployments.0.id` into JSON; `.` is all of it. Raises NothingThere."""
    value = answer
    parts = [] if path == "." else path.split(".")
    for index, part in enumerate(parts):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            so_far = ".".join(parts[:index]) or "the answer"
            raise NothingThere(f"{path}: {so_far} has no {part}")
    return value
