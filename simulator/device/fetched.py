"""What fetching a component gives: its package, or why there is none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Package:
    """What was fetched for a component: files by path inside its directory, and what runs.

    `services` are those of a Compose project; a chart has one, named as the chart.
    """

    files: Mapping[str, bytes]
    services: Mapping[str, Mapping[str, Any]]
    modes: Mapping[str, int] = field(default_factory=dict)
    """The permissions that its files have on the device (CMP-11)."""

    @property
    def health_checked(self) -> bool:
        """Whether any service says how its health is told (CMP-16)."""
        return any("healthcheck" in service for service in self.services.values())


class RetrievalFailed(Exception):
    """A component that could not be had, or may not be used: `code` and `message` of its status report."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


Fetched = Package | RetrievalFailed
