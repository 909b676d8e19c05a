"""The connection sheet as a device reads it that `run device --listen` waits for."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from conformance.bench.connection_sheet import (
    ANCHORS,
    BUNDLE_FILE,
    BUNDLE_URL,
    DISCOVERY,
    REGISTRY,
    SVID,
    SVID_KEY,
    TRUST_DOMAIN,
    WFM_URL,
)
from conformance.cli.device_trust_source import ServiceTrust
from conformance.cli.problems import Misuse
from simulator.device.retrieval import RegistryAccess
from simulator.identity.files import read_file
from simulator.identity.web import WebAnchors

FETCH_S = 5.0
"""How long the stand-in waits for its registry."""


@dataclass(frozen=True, slots=True)
class Connection:
    """What the sheet tells, by its entries."""

    file: Path
    entries: Mapping[str, str]

    @classmethod
    def load(cls, file: Path) -> "Connection":
        """Read a sheet. Raises Misuse, CredentialError: it is missing, or is no sheet."""
        try:
            entries = json.loads(read_file(file, "connection sheet"))
        except ValueError as error:
            raise _no_sheet(file, f"no JSON ({error})") from None
        if not isinstance(entries, dict) or not all(isinstance(value, str) for value in entries.values()):
            raise _no_sheet(file, "something else")
        missing = [name for name in (WFM_URL, SVID, SVID_KEY, BUNDLE_FILE) if name not in entries]
        if missing:
            raise _no_sheet(file, f"one without {missing[0]!r}")
        return cls(file, entries)

    @property
    def wfm(self) -> str:
        """Where the WFM is."""
        return self.entries[WFM_URL]

    @property
    def svid(self) -> Path:
        """The device's SVID with its chain."""
        return Path(self.entries[SVID])

    @property
    def key(self) -> Path:
        """Its key."""
        return Path(self.entries[SVID_KEY])

    @property
    def trust_bundle(self) -> Path:
        """The trust bundle as a file, for a device that fetches none."""
        return Path(self.entries[BUNDLE_FILE])

    def registries(self) -> RegistryAccess | None:
        """How components are fetched, where there is a registry. Raises CredentialError."""
        return RegistryAccess(self._anchors(), timeout_s=FETCH_S) if REGISTRY in self.entries else None

    def trust(self, cache: Path, poll_interval_s: float, say: Callable[[str], object]) -> ServiceTrust | None:
        """Where trust is fetched, where there is an identity service. Raises CredentialError."""
        if DISCOVERY not in self.entries:
            return None
        return ServiceTrust(
            self.entries[TRUST_DOMAIN],
            self.entries[DISCOVERY],
            self.entries[BUNDLE_URL],
            self._anchors(),
            cache=cache,
            poll_interval_s=poll_interval_s,
            say=say,
        )

    def _anchors(self) -> WebAnchors:
        return WebAnchors(read_file(Path(self.entries[ANCHORS]), "anchors"))


def _no_sheet(file: Path, found: str) -> Misuse:
    hint = "it is device/connection.json in the --identity folder of `run device --listen`"
    return Misuse("document", f"{file}: expected a connection sheet, found {found}", hint)
