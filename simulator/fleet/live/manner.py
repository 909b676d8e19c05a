"""How a device makes itself known and how its requests go over the wire, by revision.

What is to be said is said once, as 1.0.0-rc.3 has it; 1.0.0-rc.2-signed is translated into here (routes by client,
envelopes, signatures).
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from simulator.identity.client_certificate import ClientCertificate, written_certificate
from simulator.identity.signatures import SignedParts, Signer
from simulator.protocol.documents import canonical_json
from simulator.protocol.operations import Operation
from simulator.protocol.signed import (
    CAPABILITIES_ENVELOPE,
    ONBOARDING_ENVELOPE,
    STATUS_ENVELOPE,
    scoped,
    with_envelope,
)


@dataclass(frozen=True, slots=True)
class Message:
    """A request before it is sent; `path` is what follows the WFM's root."""

    operation: Operation
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None


class Manner(Protocol):
    """What a revision does its own way. `client_id` is the client's name at the WFM, None until it is onboarded."""

    client_id: str | None

    def spoken(self, message: Message, root: str) -> Message:
        """Give a request as it goes over the wire; `root` is the address before its path."""

    def onboarding(self) -> bytes:
        """What the client makes itself known by, where it has no name yet."""


class Plain:
    """1.0.0-rc.3: a client is who its SVID says; requests go as they are."""

    def __init__(self, client_id: str) -> None:
        self.client_id: str | None = client_id

    def spoken(self, message: Message, root: str) -> Message:
        """Give the request as it is."""
        del root
        return message

    def onboarding(self) -> bytes:
        """Nothing: an SVID is enough."""
        return b""


class Signed:
    """1.0.0-rc.2-signed: a client onboards a certificate, and signs each request with its key (ONB-*, SIG-*)."""

    def __init__(self, certificate: ClientCertificate) -> None:
        self.client_id: str | None = None
        self._certificate = certificate
        self._signer: Signer = certificate.signer()

    def spoken(self, message: Message, root: str) -> Message:
        """Put the request below the client's routes and into its envelope, and sign it."""
        path = scoped(message.path, self.client_id) if self.client_id else message.path
        body = _enveloped(message.operation, message.body)
        parts = SignedParts(message.method, root + path, {}, body or b"")
        headers = {**message.headers, **self._signer.sign(parts, int(time.time()))}
        return Message(message.operation, message.method, path, headers, body)

    def onboarding(self) -> bytes:
        """The client's certificate (ONB-005, ONB-008)."""
        certificate = written_certificate(self._certificate.certificate)
        return canonical_json(with_envelope(ONBOARDING_ENVELOPE, {"certificate": certificate}))


def _enveloped(operation: Operation, body: bytes | None) -> bytes | None:
    if body is None or operation not in ("report-capabilities", "report-status"):
        return body
    members = json.loads(body)
    if operation == "report-capabilities":
        members.pop("labels", None)
        return canonical_json(with_envelope(CAPABILITIES_ENVELOPE, members))
    members.pop("adoptedManifestVersion", None)
    return canonical_json(with_envelope(STATUS_ENVELOPE, members))
