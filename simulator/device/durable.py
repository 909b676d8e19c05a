"""What outlives the agent: everything that has to survive a reboot or a power cut, as frozen data (DS-031, DS-075)."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FORMAT = 1


class DamagedState(ValueError):
    """Stored state that cannot be used: it is treated as lost (MM-06)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong, as the status API wants it (ST-012)."""

    code: str
    source: str
    message: str


@dataclass(frozen=True, slots=True)
class PartRecord:
    """A component's state as last known."""

    name: str
    state: str
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class WorkRecord:
    """One deployment: the revision it is to have, the one it last had whole, and how far it came."""

    deployment_id: str
    goal: bytes
    held: bytes | None
    version: int
    held_version: int
    device_id: str
    removing: bool
    settled: bool
    kept_old: bool
    parts: tuple[PartRecord, ...]
    fault: Fault | None
    reported: str


@dataclass(frozen=True, slots=True)
class Report:
    """A status report that is not delivered yet; the body is kept as it was when the state was that."""

    deployment_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Durable:
    """The whole durable state.

    `version` is that of the newest accepted manifest (nothing older is ever taken again) and `manifest_digest` its
    bytes; `etag` goes into polls, and becomes `accepted_etag` only once everything is reconciled (DS-075).
    """

    version: int = 0
    manifest_digest: str = ""
    accepted_etag: str | None = None
    etag: str | None = None
    reconciled: bool = True
    works: tuple[WorkRecord, ...] = ()
    outbox: tuple[Report, ...] = ()
    announced: Mapping[str, str] = field(default_factory=dict)


def to_json(state: Durable) -> dict[str, Any]:
    """The state as JSON values."""
    return {
        "version": str(state.version),
        "manifestDigest": state.manifest_digest,
        "acceptedEtag": state.accepted_etag,
        "etag": state.etag,
        "reconciled": state.reconciled,
        "works": [_work_to_json(work) for work in state.works],
        "outbox": [[report.deployment_id, _text(report.body)] for report in state.outbox],
        "announced": dict(state.announced),
    }


def from_json(value: Any) -> Durable:
    """Read what `to_json` wrote; raises DamagedState."""
    try:
        return Durable(
            version=int(value["version"]),
            manifest_digest=str(value["manifestDigest"]),
            accepted_etag=value["acceptedEtag"],
            etag=value["etag"],
            reconciled=bool(value["reconciled"]),
            works=tuple(_work_from_json(work) for work in value["works"]),
            outbox=tuple(Report(name, _bytes(body)) for name, body in value["outbox"]),
            announced={str(name): str(digest) for name, digest in value["announced"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedState(f"stored state: {type(error).__name__}: {error}") from None


def _work_to_json(work: WorkRecord) -> dict[str, Any]:
    return {
        "id": work.deployment_id,
        "goal": _text(work.goal),
        "held": None if work.held is None else _text(work.held),
        "version": str(work.version),
        "heldVersion": str(work.held_version),
        "deviceId": work.device_id,
        "removing": work.removing,
        "settled": work.settled,
        "keptOld": work.kept_old,
        "parts": [[part.name, part.state, _fault_to_json(part.fault)] for part in work.parts],
        "fault": _fault_to_json(work.fault),
        "reported": work.reported,
    }


def _work_from_json(value: Any) -> WorkRecord:
    return WorkRecord(
        deployment_id=str(value["id"]),
        goal=_bytes(value["goal"]),
        held=None if value["held"] is None else _bytes(value["held"]),
        version=int(value["version"]),
        held_version=int(value["heldVersion"]),
        device_id=str(value["deviceId"]),
        removing=bool(value["removing"]),
        settled=bool(value["settled"]),
        kept_old=bool(value["keptOld"]),
        parts=tuple(PartRecord(name, state, _fault_from_json(fault)) for name, state, fault in value["parts"]),
        fault=_fault_from_json(value["fault"]),
        reported=str(value["reported"]),
    )


def _fault_to_json(fault: Fault | None) -> list[str] | None:
    return None if fault is None else [fault.code, fault.source, fault.message]


def _fault_from_json(value: Any) -> Fault | None:
    return None if value is None else Fault(*(str(part) for part in value))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
