"""From what was given with `--northbound` to the operator's side: an address, or an adapter file."""

from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from conformance.bench.adapters.command import CommandAdapter
from conformance.bench.adapters.files import (
    AdapterFile,
    CommandFile,
    HttpFile,
    ManualFile,
    SymphonyFile,
    read_adapter_file,
)
from conformance.bench.adapters.http import HttpAdapter
from conformance.bench.adapters.manual import ManualAdapter
from conformance.bench.adapters.python import PythonAdapter
from conformance.bench.adapters.symphony import SymphonyAdapter
from conformance.bench.errors import UsageError
from conformance.bench.northbound import REQUIRED, Adapter, Northbound

REFERENCE = "reference.yaml"


def open_northbound(given: str, timeout_s: float | None = None) -> Northbound:
    """Give the operator's side behind an address (the reference's own API) or an adapter file.

    Raises UsageError for what cannot be used.
    """
    if "://" in given:
        return reference(given, timeout_s)
    path = Path(given)
    described = read_adapter_file(path)
    try:
        adapter = _adapter(described, path.parent, timeout_s)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    missing = [name for name in REQUIRED if name not in adapter.operations]
    if missing and not isinstance(described, ManualFile):
        cause = f"operations: expected at least {', '.join(REQUIRED)}, found no {', '.join(missing)}"
        raise UsageError(f"{path}: {cause}")
    return Northbound(adapter, described.refresh)


def reference(url: str, timeout_s: float | None = None) -> Northbound:
    """Give the northbound API of a reference WFM at an address. Raises UsageError for an address that is none."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        good = False
    if not good:
        raise UsageError(f"northbound URL: expected http://host:port, found {url!r}")
    text = files(__package__).joinpath(REFERENCE).read_text(encoding="utf-8")
    described = read_adapter_file(Path(REFERENCE), text)
    changes = {"url": url, **({"timeout": timeout_s} if timeout_s else {})}
    assert isinstance(described, HttpFile)  # noqa: S101 - our own file
    return Northbound(HttpAdapter(described.model_copy(update=changes), Path(), kind="reference"))


def _adapter(described: AdapterFile, folder: Path, timeout_s: float | None) -> Adapter:
    if isinstance(described, HttpFile):
        shorter = described.model_copy(update={"timeout": timeout_s}) if timeout_s else described
        return HttpAdapter(shorter, folder)
    if isinstance(described, CommandFile):
        return CommandAdapter(described, folder)
    if isinstance(described, ManualFile):
        return ManualAdapter(described)
    if isinstance(described, SymphonyFile):
        return SymphonyAdapter(described, folder)
    return PythonAdapter(described, folder)
