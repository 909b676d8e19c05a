"""Signed requests as the bench records them, made without a socket."""

import base64
import json
import time
from dataclasses import replace
from typing import Any

from conformance.checks.evidence import Record
from conformance.record.events import Body, Exchange, Fact
from simulator.identity.client_certificate import ClientCertificate, written_certificate
from simulator.identity.signatures import Algorithm, SignedParts
from simulator.identity.web import WebAuthority
from simulator.protocol.signed import ONBOARDING_ENVELOPE, ONBOARDING_PATH, with_envelope

REVISION = "1.0.0-rc.2-signed"
HOST = "wfm.example:8443"
CLIENT = "3f8a"
NOW = int(time.time())
CLIENTS = WebAuthority.new()
OWN = ClientCertificate.issue(CLIENTS.root)


def certificate(algorithm: Algorithm) -> ClientCertificate:
    return ClientCertificate.issue(CLIENTS.root, algorithm)


def signed(
    by: ClientCertificate = OWN,
    method: str = "GET",
    target: str = f"/api/v1/clients/{CLIENT}/deployments",
    body: bytes = b"",
    *,
    created: int = NOW,
    operation: str = "fetch-manifest",
    at: float = 1.0,
    status: int = 200,
    answer: bytes = b"{}",
    **how: Any,
) -> Exchange:
    """An exchange whose request is signed; `how` is for the signer."""
    parts = SignedParts(method, f"https://{HOST}{target}", {}, body)
    headers = {"Host": HOST, **by.signer().sign(parts, created, **how)}
    return Exchange(
        n=int(at * 1000),
        at=at,
        finished=at + 0.001,
        scenario=1,
        seat="client",
        operation=operation,
        params={"clientId": CLIENT} if "/clients/" in target else {},
        method=method,
        target=target,
        request_headers=tuple(headers.items()),
        request=body_of(body),
        status=status,
        response=body_of(answer),
    )


def body_of(data: bytes) -> Body:
    return Body(size=len(data), base64=base64.b64encode(data).decode())


def onboarding(by: ClientCertificate = OWN, at: float = 0.5, **changes: Any) -> Exchange:
    document = with_envelope(ONBOARDING_ENVELOPE, {"certificate": written_certificate(by.certificate)}) | changes
    body = json.dumps({name: value for name, value in document.items() if value is not ...}).encode()
    answer = json.dumps({"clientId": CLIENT}).encode()
    return signed(by, "POST", ONBOARDING_PATH, body, operation="onboard", at=at, status=201, answer=answer)


def changed(item: Exchange, **headers: str | None) -> Exchange:
    """The same with headers changed after it was signed; None takes one out. `_` stands for `-`."""
    names = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    kept = [(name, value) for name, value in item.request_headers if name.lower() not in names]
    kept += [(name, value) for name, value in names.items() if value is not None]
    return item.model_copy(update={"request_headers": tuple(kept)})


def record(*events: Exchange | Fact, registered: ClientCertificate | None = OWN, **claims: Any) -> Record:
    """A record of this revision whose client is registered with a certificate already, unless it is None."""
    known = written_certificate(registered.certificate) if registered else None
    data = {"client": CLIENT, "certificate": known, "url": f"https://{HOST}", "unix": NOW}
    began = Fact(n=1, at=0.1, scenario=1, kind="provisioned", data=data)
    exchanges = tuple(item for item in events if isinstance(item, Exchange))
    facts = (began, *(item for item in events if isinstance(item, Fact)))
    return Record("device", exchanges, (), facts, {"revision": REVISION, **claims})


def without_key(by: ClientCertificate) -> ClientCertificate:
    """The same certificate with a key that is not its own."""
    return replace(by, key=certificate(by.algorithm).key)
