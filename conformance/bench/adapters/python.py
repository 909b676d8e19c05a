"""The `python` adapter: a class whose methods are the operations."""

import importlib
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from conformance.bench.adapters.files import PythonFile
from conformance.bench.adapters.templates import Secrets, filled
from conformance.bench.errors import UsageError
from conformance.bench.northbound import OPERATIONS, NorthboundError, Reply

GROUP = "margo_conformance.northbound"
"""The entry-point group in which installed distributions name their adapters."""


class PythonAdapter:
    """An object of the user's class. Raises UsageError when it cannot be made."""

    kind = "python"

    def __init__(self, described: PythonFile, folder: Path) -> None:
        self.where = described.entry
        self._secrets = Secrets()
        options = filled(dict(described.options), {}, self._secrets)
        made = _found(described.entry, folder / described.path if described.path else None)
        try:
            self._object = made(**options)
        except Exception as error:  # noqa: BLE001 - whatever the user's class raises
            raise UsageError(f"entry: {described.entry} could not be made: {self._told(error)}") from None
        self.operations = frozenset(name for name in OPERATIONS if callable(getattr(self._object, name, None)))

    def close(self) -> None:
        """Close the object, where it can be."""
        close = getattr(self._object, "close", None)
        if callable(close):
            close()

    def call(self, operation: str, arguments: Mapping[str, Any]) -> Reply:
        """Call the method of an operation. Raises NorthboundError for whatever it raises."""
        try:
            result = getattr(self._object, operation)(**arguments)
        except Exception as error:  # noqa: BLE001 - whatever the user's method raises is its failure
            raise NorthboundError(f"{self.where}.{operation}: {self._told(error)}") from None
        return Reply(result, {"result": self._secrets.hide(repr(result)[:2000])})

    def _told(self, error: Exception) -> str:
        return self._secrets.hide(f"{type(error).__name__}: {' '.join(str(error).split())}")


def _found(entry: str, folder: Path | None) -> Any:
    """Find the class. Raises UsageError."""
    module, colon, name = entry.partition(":")
    if not colon:
        known = {point.name: point for point in entry_points(group=GROUP)}
        if entry not in known:
            there = ", ".join(sorted(known)) or "none installed"
            raise UsageError(f"entry: expected module:Class or an entry point of {GROUP} ({there}), found {entry!r}")
        return known[entry].load()
    if folder is not None:
        sys.path.insert(0, str(folder.resolve()))
    try:
        return getattr(importlib.import_module(module), name)
    except Exception as error:  # noqa: BLE001 - whatever importing the user's module raises
        raise UsageError(f"entry: {entry} cannot be imported: {type(error).__name__}: {error}") from None
    finally:
        if folder is not None:
            sys.path.remove(str(folder.resolve()))
