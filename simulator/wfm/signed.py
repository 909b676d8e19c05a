"""The management API of revision 1.0.0-rc.2-signed: the same WFM behind signed requests and routes by client.

What the two revisions share is done by `api`; here stand the signature (SIG-001..SIG-014), onboarding (ONB-*), the
certificate endpoint (CERT-*) and the bodies of errors.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from cryptography import x509

from simulator.identity.client_certificate import CertificateEncoding, written_certificate
from simulator.identity.signatures import Freshness, SignatureRefused, SignedParts, VerifierKey, verify
from simulator.identity.svid import Credential
from simulator.identity.tls import CredentialSource
from simulator.protocol.capabilities import DeviceCapabilities
from simulator.protocol.operations import Call
from simulator.protocol.problem import Problem
from simulator.protocol.signed import (
    CERTIFICATE_PATH,
    ONBOARDING_PATH,
    SignedCapabilities,
    SignedStatus,
    recognise_signed,
    scoped_root,
    unscoped,
)
from simulator.protocol.status import StatusReport
from simulator.wfm.api import ApiSettings, ManagementApi, origin_form
from simulator.wfm.callers import Caller, NotAuthenticated
from simulator.wfm.core import DesiredState
from simulator.wfm.load import LoadGate
from simulator.wfm.onboarding import Enrolment, Onboarding
from simulator.wfm.refusals import Refusal, read
from simulator.wfm.service import WfmService

PUBLIC = "public, max-age=31536000, immutable"
BODY = web.RequestKey("body", bytes)
"""The body of a request, read before anything else, since the signature covers its digest."""


class SignatureInvalid(NotAuthenticated):
    """A request that is not signed as its client has to (400 or 401)."""

    def __init__(self, refused: SignatureRefused) -> None:
        super().__init__(str(refused))
        self.kind = refused.kind
        self.status = 400 if refused.kind in ("missing-digest", "wrong-digest") else 401


class UnknownClient(NotAuthenticated):
    """A route of a client that was never onboarded (404, ONB-001)."""

    status = 404


class SignedState(DesiredState):
    """The core, reading documents in their envelopes and publishing below the client's own routes (DS-023, DS-027)."""

    def capabilities_of(self, body: bytes) -> DeviceCapabilities:
        """The capabilities inside their envelope."""
        return read(SignedCapabilities, body, "DeviceCapabilitiesManifest").report()

    def status_of(self, body: bytes) -> StatusReport:
        """The status report with its envelope."""
        return read(SignedStatus, body, "DeploymentStatusManifest")

    def root(self, client_id: str) -> str:
        """The client's own routes."""
        return scoped_root(client_id)


@dataclass(frozen=True, slots=True)
class SignedFront:
    """How the WFM shows itself, and whom it takes in.

    `credential` is its HTTPS server certificate (or a source that renews it), below `root`, which the certificate
    endpoint gives. `accepted`: see
    `Onboarding`.
    """

    credential: Credential | CredentialSource = field(repr=False)
    root: x509.Certificate
    accepted: frozenset[str] | None = None
    freshness: Freshness = field(default_factory=Freshness)
    certificate_encoding: CertificateEncoding = "pem"


class SignedCaller:
    """The client that a route names, if the request carries its signature (SIG-009..SIG-012)."""

    def __init__(self, clients: Onboarding, front: SignedFront) -> None:
        self.clients = clients
        self.front = front

    def __call__(self, request: web.BaseRequest, now: float) -> tuple[str, bool]:
        """Give the client's id; the connection may stay. Raises NotAuthenticated."""
        named = unscoped(origin_form(request.raw_path))
        if named is None:
            raise UnknownClient("nothing is served here")
        enrolment = self.clients.find(named[0])
        if enrolment is None:
            raise UnknownClient(f"no client {named[0]} has been onboarded")
        self.check(request, enrolment.key, now)
        return named[0], False

    def check(self, request: web.BaseRequest, key: VerifierKey, now: float) -> None:
        """Verify a request's signature with a key. Raises SignatureInvalid."""
        try:
            verify(parts_of(request), key, now, self.front.freshness)
        except SignatureRefused as refused:
            raise SignatureInvalid(refused) from None


class SignedApi(ManagementApi):
    """Answers management requests of this revision. Its caller is a `SignedCaller`."""

    def __init__(
        self,
        service: WfmService,
        caller: Caller,
        gate: LoadGate | None = None,
        settings: ApiSettings | None = None,
    ) -> None:
        super().__init__(service, caller, gate, settings)
        if not isinstance(caller, SignedCaller):
            raise TypeError("a caller who signs was expected")
        self.caller = caller
        self.clients = caller.clients

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request; the signature covers the body, so it is read first."""
        try:
            request[BODY] = await request.read()
        except web.HTTPException as error:
            return self.error(error.status or 400, error.reason)
        path = origin_form(request.raw_path)
        if path == CERTIFICATE_PATH and request.method in ("GET", "HEAD"):
            return web.json_response({"certificate": self.written_root()})
        if path == ONBOARDING_PATH and request.method == "POST":
            return await self.onboard(request)
        return await super().handle(request)

    async def onboard(self, request: web.BaseRequest) -> web.StreamResponse:
        """POST onboarding: 201 with the client's id (ONB-005, ONB-006, ONB-010), verified with the body's own key."""
        return await self.enrol(request, request[BODY], ("clientId",))

    async def enrol(self, request: web.BaseRequest, body: bytes, names: Iterable[str]) -> web.StreamResponse:
        """Take in a client by what its onboarding says; `names` are the members that give it its id."""
        now = self.service.clock()
        try:
            certificate = self.clients.certificate_of(body, now)
            self.caller.check(request, Enrolment("", certificate).key, now)
            enrolment = self.clients.enrol(certificate)
            await self.service.record((enrolment.put(),))
        except NotAuthenticated as error:
            return self.not_authenticated(error)
        except Refusal as refusal:
            return self.refuse_onboarding(refusal)
        return web.json_response(dict.fromkeys(names, enrolment.client_id), status=201)

    # -- small rules, each its own so that a broken WFM can break just one ------------------------------------------

    def recognise(self, request: web.BaseRequest) -> Call:
        """The operation a request is for."""
        return recognise_signed("GET" if request.method == "HEAD" else request.method, origin_form(request.raw_path))

    def written_root(self) -> str:
        """The root certificate as the certificate endpoint gives it (CERT-004)."""
        return written_certificate(self.caller.front.root, self.caller.front.certificate_encoding)

    def content_caching(self) -> str:
        """Cache-Control of what is addressed by digest (DS-037, DS-043)."""
        return PUBLIC

    def not_authenticated(self, error: NotAuthenticated) -> web.StreamResponse:
        """401 with the body that the text prescribes, and the end of the session (SIG-014); 404 without a client."""
        if error.status == 404:
            return self.error(404, "Not found", str(error))
        response = self.error(error.status, "Invalid signature", str(error))
        response.force_close()
        return response

    def refuse_onboarding(self, refusal: Refusal) -> web.StreamResponse:
        """400 or 403 (ONB-010)."""
        told = {400: "Invalid certificate", 403: "Client rejected"}
        return self.error(refusal.status or 400, told.get(refusal.status or 400, "Refused"), refusal.detail)

    def refuse(self, problem: Problem) -> web.Response:
        """A refusal as this revision writes it; the time of a retry stands in the header only."""
        response = self.error(problem.status or 500, problem.title or "Refused", problem.detail)
        if problem.retry_after_seconds is not None:
            response.headers["Retry-After"] = str(problem.retry_after_seconds)
        return response

    def error(self, status: int, error: str, message: str | None = None) -> web.Response:
        """An error body: `error` and, where there is more to say, `message`."""
        document: Mapping[str, Any] = {"error": error, **({"message": message} if message else {})}
        return web.Response(status=status, body=json.dumps(document).encode(), content_type="application/json")

    def _served(self, method: str, path: str) -> bool:
        call = recognise_signed("GET" if method == "HEAD" else method, path)
        return call.operation in self._operations


def parts_of(request: web.BaseRequest) -> SignedParts:
    """What of a request was signed: the address as the client dialled it, headers by lower-case name, the body."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name.lower()] = f"{headers[name.lower()]}, {value}" if name.lower() in headers else value
    target = request.raw_path
    uri = target if "://" in target else f"https://{request.headers.get('Host', '')}{target}"
    return SignedParts(request.method, uri, headers, request[BODY])
