"""What has to be made durable: rows to put and rows to drop, and how records become rows and records again.

Rows are plain mappings, so that the core needs no database. Manifest versions are text of 20 digits: 2^64-1 fits no
signed integer column, and text of equal length still sorts by number.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from simulator.protocol.capabilities import DeviceCapabilities
from simulator.protocol.documents import parse_json
from simulator.protocol.manifest import parse_manifest
from simulator.protocol.signed import SignedStatus, without_envelope
from simulator.protocol.status import DeploymentStatus, StatusReport
from simulator.wfm.state import (
    ClientState,
    DeploymentRecord,
    Desired,
    DeviceRecord,
    JournalEntry,
    Publication,
    StatusRecord,
)

Table = Literal[
    "clients", "certificates", "devices", "deployments", "statuses", "publications", "contents", "packages", "journal"
]
TABLES: tuple[Table, ...] = (
    "clients",
    "certificates",
    "devices",
    "deployments",
    "statuses",
    "publications",
    "contents",
    "packages",
    "journal",
)
KEYS: Mapping[Table, tuple[str, ...]] = {
    "clients": ("client_id",),
    "certificates": ("client_id",),
    "devices": ("client_id", "device_id"),
    "deployments": ("client_id", "deployment_id"),
    "statuses": ("client_id", "deployment_id"),
    "publications": ("client_id", "version"),
    "contents": ("client_id", "deployment_id", "digest"),
    "packages": ("application_id", "version"),
    "journal": ("seq",),
}
Row = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Put:
    """A row to insert or replace."""

    table: Table
    row: Row

    @property
    def key(self) -> tuple[Any, ...]:
        """The values of the key columns."""
        return tuple(self.row[name] for name in KEYS[self.table])


@dataclass(frozen=True, slots=True)
class Drop:
    """A row to delete, by its key."""

    table: Table
    key: tuple[Any, ...]


Change = Put | Drop


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What a command gave: its result, what to make durable, and the publication to show once it is."""

    value: T
    changes: tuple[Change, ...] = ()
    client_id: str | None = None
    publication: Publication | None = field(default=None, compare=False)


def client_put(client: ClientState) -> Put:
    """The client's own row."""
    forced = None if client.next_version is None else version_text(client.next_version)
    return Put("clients", {"client_id": client.client_id, "retired": client.retired, "next_version": forced})


def device_put(client_id: str, device: DeviceRecord) -> Put:
    """A device's row."""
    row = {"client_id": client_id, "device_id": device.device_id, "body": device.body}
    return Put("devices", {**row, "first_at": device.first_at, "at": device.at})


def deployment_put(client_id: str, record: DeploymentRecord) -> Put:
    """A deployment's row."""
    desired = record.desired
    about = {
        "name": desired.name,
        "components": desired.components,
        "profile": desired.profile,
        "package": desired.package,
        "parameters": dict(desired.parameters),
    }
    return Put(
        "deployments",
        {
            "client_id": client_id,
            "deployment_id": desired.deployment_id,
            "target": desired.target,
            "document": desired.document,
            "about": json.dumps(about),
            "phase": record.phase,
            "created_at": record.created_at,
            "changed_at": record.changed_at,
        },
    )


def status_put(client_id: str, record: StatusRecord) -> Put:
    """A status report's row."""
    row = {"client_id": client_id, "deployment_id": record.deployment_id, "body": record.body, "at": record.at}
    return Put("statuses", row)


def publication_put(client_id: str, publication: Publication) -> Put:
    """A manifest's row."""
    row = {"client_id": client_id, "version": version_text(publication.version), "body": publication.body}
    return Put("publications", {**row, "at": publication.at})


def content_put(client_id: str, deployment_id: str, digest: str, body: bytes) -> Put:
    """The row of a served artifact; a bundle has an empty deployment id."""
    row = {"client_id": client_id, "deployment_id": deployment_id, "digest": digest, "body": body}
    return Put("contents", row)


def journal_put(entry: JournalEntry) -> Put:
    """A journal entry's row."""
    return Put(
        "journal",
        {
            "seq": entry.seq,
            "at": entry.at,
            "actor": entry.actor,
            "action": entry.action,
            "client_id": entry.client_id,
            "device_id": entry.device_id,
            "deployment_id": entry.deployment_id,
            "detail": json.dumps(dict(entry.detail)),
        },
    )


def version_text(version: int) -> str:
    """A manifest version as 20 digits."""
    return f"{version:020d}"


def device_of(row: Mapping[str, Any]) -> DeviceRecord:
    """A device from its row."""
    body = bytes(row["body"])
    capabilities = DeviceCapabilities.from_wire(without_envelope(parse_json(body, "stored capabilities")))
    return DeviceRecord(row["device_id"], body, capabilities, row["first_at"], row["at"])


def deployment_of(row: Mapping[str, Any]) -> DeploymentRecord:
    """A deployment from its row."""
    about = json.loads(row["about"])
    package = about["package"]
    desired = Desired(
        row["deployment_id"],
        row["target"],
        bytes(row["document"]),
        about["name"],
        tuple(about["components"]),
        about["profile"],
        (package[0], package[1]) if package else None,
        about["parameters"],
    )
    return DeploymentRecord(desired, row["phase"], row["created_at"], row["changed_at"])


def status_of(row: Mapping[str, Any]) -> StatusRecord:
    """A status report from its row."""
    body = bytes(row["body"])
    value = parse_json(body, "stored status")
    kind = SignedStatus if isinstance(value, dict) and "kind" in value else DeploymentStatus
    status: StatusReport = kind.from_wire(value)
    return StatusRecord(row["deployment_id"], body, status, row["at"])


def publication_of(row: Mapping[str, Any]) -> Publication:
    """A manifest from its row."""
    body = bytes(row["body"])
    manifest = parse_manifest(body)
    contents = {ref.deployment_id: ref.digest for ref in manifest.deployments}
    digest = manifest.bundle.digest if manifest.bundle else None
    return Publication.of(int(row["version"]), body, contents, digest, row["at"])


def journal_of(row: Mapping[str, Any]) -> JournalEntry:
    """A journal entry from its row."""
    return JournalEntry(
        seq=row["seq"],
        at=row["at"],
        actor=row["actor"],
        action=row["action"],
        client_id=row["client_id"],
        device_id=row["device_id"],
        deployment_id=row["deployment_id"],
        detail=json.loads(row["detail"]),
    )
