"""When a run ended, and by which version of the suite it was carried out."""

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any


def stamp() -> dict[str, Any]:
    """For summary.json; `suite` is None where it runs from its source and is not installed."""
    try:
        suite = version("margo-conformance")
    except PackageNotFoundError:
        suite = None
    return {"finished": datetime.now(UTC).isoformat(timespec="seconds"), "suite": suite}
