"""What the bench knows of the device in the subject's seat: its own reports of what it is."""

from collections.abc import Mapping, Sequence
from typing import Any

from conformance.checks.evidence import Record, parsed


def own_report(record: Record, memory: dict[str, Any]) -> Mapping[str, Any] | None:
    """Give the device's report of itself, of this scenario or of an earlier one that the memory holds.

    Every report of the record is kept in the memory, those of the devices behind it too.
    """
    known: dict[str, Mapping[str, Any]] = memory.setdefault("capabilities", {})
    for exchange in record.capability_reports:
        document = parsed(exchange.request.readable)
        if document:
            known[exchange.params.get("deviceId", "")] = document
    return next((document for name, document in known.items() if "/" not in name), None)


def remember(told: Mapping[str, Mapping[str, Any]], memory: dict[str, Any]) -> None:
    """Keep what devices told last, where anything is kept of them already."""
    if memory.get("capabilities"):
        memory["capabilities"].update(told)


def id_of(capabilities: Mapping[str, Any], otherwise: str) -> str:
    """Give the id in a report."""
    return str(capabilities.get("properties", {}).get("id", otherwise))


def types_of(capabilities: Mapping[str, Any]) -> Sequence[str]:
    """Give the deployment types in a report."""
    return tuple(capabilities.get("properties", {}).get("supportedDeploymentTypes") or ())
