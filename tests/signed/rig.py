"""A signed WFM and clients that sign, on the loopback."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from yarl import URL

from simulator.identity.client_certificate import ClientCertificate, written_certificate
from simulator.identity.signatures import Algorithm, SignedParts
from simulator.identity.web import WebAuthority
from simulator.protocol.signed import ONBOARDING_ENVELOPE, ONBOARDING_PATH, with_envelope
from simulator.wfm.server import WfmConfig
from simulator.wfm.signed import SignedFront
from simulator.wfm.signed_server import SignedWfm

WEB = WebAuthority.new()
CLIENTS = WebAuthority.new()


def certificate(algorithm: Algorithm = "ecdsa-p256-sha256") -> ClientCertificate:
    return ClientCertificate.issue(CLIENTS.root, algorithm)


@asynccontextmanager
async def running(store: str | None = None, **front: Any) -> AsyncIterator[SignedWfm]:
    shown = replace(SignedFront(WEB.issue(), WEB.root.certificate), **front)
    async with SignedWfm(WfmConfig("unused", "wfm-1", northbound_port=None, store_url=store), shown) as wfm:
        yield wfm


@dataclass
class Client:
    """Sends requests as they are told to be: signed by default."""

    session: aiohttp.ClientSession
    url: str
    own: ClientCertificate
    client_id: str = ""
    context: Any = field(default_factory=WEB.anchors.client_context)

    async def send(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        signed: bool = True,
        created: float | None = None,
        components: tuple[str, ...] | None = None,
        then: Mapping[str, str | None] | None = None,
        sent: bytes | None = None,
    ) -> tuple[int, Mapping[str, str], Any]:
        """Give status, headers and the JSON (or bytes). `then` changes headers after signing, `sent` the body."""
        own = {"Content-Type": "application/json"} if body else {}
        own |= headers or {}
        if signed:
            lower = {name.lower(): value for name, value in own.items()}
            parts = SignedParts(method, f"{self.url}{target}", lower, body)
            own |= self.own.signer().sign(parts, int(created or time.time()), components=components)
        for name, value in (then or {}).items():
            own.pop(name, None)
            if value is not None:
                own[name] = value
        url = URL(f"{self.url}{target}", encoded=True)
        data = (sent if sent is not None else body) or None
        async with self.session.request(method, url, headers=own, data=data, ssl=self.context) as answer:
            found = await answer.read()
            kind = answer.headers.get("Content-Type", "")
            return answer.status, answer.headers, json.loads(found) if "json" in kind else found

    async def onboard(self, **how: Any) -> tuple[int, Any]:
        body = onboarding(written_certificate(self.own.certificate))
        status, _, found = await self.send("POST", ONBOARDING_PATH, body, **how)
        if status == 201:
            self.client_id = found["clientId"]
        return status, found

    def route(self, rest: str) -> str:
        return f"/api/v1/clients/{self.client_id}{rest}"


def onboarding(text: str) -> bytes:
    return json.dumps(with_envelope(ONBOARDING_ENVELOPE, {"certificate": text})).encode()


@asynccontextmanager
async def client_of(wfm: SignedWfm, own: ClientCertificate | None = None) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(skip_auto_headers=("Content-Type",)) as session:
        yield Client(session, wfm.management_url, own or certificate())
