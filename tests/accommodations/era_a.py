"""A stand-in for the WFM of the public sandbox until 2025-12: the reference, departing as it did.

Source: the facts gathered of that WFM, section "Era A". What it did not do at all (validate certificates, compare
digests, look at the age of a signature) it does not do here either.
"""

import base64
import json
import re
import time
import uuid
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from simulator.identity.signatures import SignatureRefused, SignedParts, VerifierKey, verify
from simulator.protocol.manifest import MANIFEST_MEDIA_TYPE
from simulator.protocol.operations import Call
from simulator.protocol.problem import Problem, ProblemType
from simulator.protocol.signed import CERTIFICATE_PATH, ONBOARDING_PATH, unscoped
from simulator.wfm.api import origin_form
from simulator.wfm.callers import NotAuthenticated
from simulator.wfm.refusals import Refusal
from simulator.wfm.server import WfmConfig
from simulator.wfm.signed import PUBLIC, SignatureInvalid, SignedApi, SignedCaller, SignedFront, UnknownClient
from simulator.wfm.signed_server import SignedWfm
from simulator.wfm.state import Publication

PREFIX = "/v1alpha2/margo"
CERTIFICATES: dict[str, str] = {}
"""What each client onboarded with, as it was sent: it outlives a restart, and is parsed only when it is needed."""
STATUS = re.compile(r"^(/api/v1/clients/[^/]+)/deployment/([^/]+/status)$")
CAPABILITIES = re.compile(r"^(/api/v1/clients/([^/]+))/capabilities$")
NOT_SERVED = re.compile(r"^/api/v1/clients/[^/]+/(capabilities/.+|deployments/[^/]+/status)$")
DIALLED = web.RequestKey("dialled", str)
FORGIVEN = ("missing-digest", "wrong-digest", "stale", "in-the-future")


class NotTheForm(Refusal):
    kind = ProblemType.CANNOT_GENERATE


class EraACaller(SignedCaller):
    """Looks at the certificate now, in one encoding; wants `@authority` covered, and compares no digest or age."""

    def __call__(self, request: web.BaseRequest, now: float) -> tuple[str, bool]:
        named = unscoped(origin_form(request.raw_path))
        if named is None or named[0] not in CERTIFICATES:
            raise UnknownClient("no such client")
        try:
            certificate = x509.load_pem_x509_certificate(base64.b64decode(CERTIFICATES[named[0]]))
        except ValueError as error:
            raise SignatureInvalid(SignatureRefused("wrong-signature", "-", str(error))) from None
        key: Any = certificate.public_key()
        self.check(request, key, now)
        return named[0], False

    def check(self, request: web.BaseRequest, key: VerifierKey, now: float) -> None:
        if '"@authority"' not in request.headers.get("Signature-Input", ""):
            raise SignatureInvalid(SignatureRefused("uncovered-component", "-", "@authority is not covered"))
        headers = {name.lower(): value for name, value in request.headers.items()}
        dialled = request[DIALLED]
        uri = dialled if "://" in dialled else f"https://{request.headers['Host']}{dialled}"
        try:
            verify(SignedParts(request.method, uri, headers, request[BODY]), key, now, self.front.freshness)
        except SignatureRefused as refused:
            of_the_digest = refused.kind == "uncovered-component" and "content-digest" in str(refused)
            if refused.kind not in FORGIVEN and not of_the_digest:
                raise SignatureInvalid(refused) from None


BODY = web.RequestKey("sent", bytes)


class EraAApi(SignedApi):
    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = origin_form(request.raw_path)
        if not path.startswith(f"{PREFIX}/"):
            return web.Response(status=404)
        path = path.removeprefix(PREFIX)
        body = await request.read()
        if path == ONBOARDING_PATH and request.method == "POST":
            return self.take_in(body)
        if NOT_SERVED.match(path) and request.method != "GET":
            return web.Response(status=404)
        whose = CAPABILITIES.match(path)
        if whose and request.method == "PUT" and _id(body) != whose[2]:
            return self.error(400, "the id has to be that of the client")
        request[DIALLED], request[BODY] = request.raw_path, body
        # the rest of the WFM is the reference's, which knows its own routes only
        request._message = request._message._replace(path=_inside(path))
        request._cache.pop("raw_path", None)
        return self.answer(await super().handle(request), self.recognise(request))

    def answer(self, response: web.StreamResponse, call: Call) -> web.StreamResponse:
        kind = call.operation
        if kind in ("report-capabilities", "report-status") and response.status in (200, 201):
            return web.json_response(None, status=201)
        if response.status == 401 and kind != "fetch-bundle":
            response.set_status(400)
        if response.status == 404 and kind in ("report-capabilities", "fetch-manifest"):
            response.set_status(400)
        if response.status == 406:
            response.set_status(500)
        if kind == "fetch-bundle":
            response.headers.popall("ETag", None)
            response.headers.popall("Cache-Control", None)
        return response

    def take_in(self, body: bytes) -> web.Response:
        try:
            certificate = json.loads(body).get("public_certificate")
        except (ValueError, AttributeError):
            certificate = None
        if not certificate:
            return self.error(400, "public_certificate is missing")
        if certificate in CERTIFICATES.values():
            return self.error(409, "the certificate is onboarded already")
        client_id = f"client-{uuid.uuid4().hex}-{int(time.time())}"
        CERTIFICATES[client_id] = str(certificate)
        return web.json_response({"client_id": client_id, "endpoint_list": []}, status=201)

    def written_root(self) -> str:
        pem = self.caller.front.root.public_bytes(Encoding.PEM)
        pem += b"\n" * (len(pem) % 3 == 0)  # or there would be no padding to leave out, and nothing to see
        return base64.urlsafe_b64encode(pem).decode().rstrip("=")

    def error(self, status: int, error: str, message: str | None = None) -> web.Response:
        return web.json_response({"Error": message or error}, status=status)

    def check_accept(self, header: str | None) -> None:
        if header != MANIFEST_MEDIA_TYPE:
            raise NotTheForm("state 406")

    def manifest_tag(self, publication: Publication) -> str:
        bundle = json.loads(publication.body)["bundle"]
        return f'"{bundle["digest"]}"' if bundle else publication.etag

    def manifest_caching(self) -> str:
        return PUBLIC

    async def fetch_deployment(self, *_: object) -> web.StreamResponse:
        return self.refuse(Problem.of(ProblemType.BLANK, "not found", status=404))

    def not_authenticated(self, error: NotAuthenticated) -> web.StreamResponse:
        return self.error(error.status, str(error))


def build(config: WfmConfig, front: SignedFront) -> SignedWfm:
    return EraA(config, front, api_class=EraAApi)


class EraA(SignedWfm):
    caller_class = EraACaller


def _inside(path: str) -> str:
    path = STATUS.sub(r"\1/deployments/\2", path)
    return CAPABILITIES.sub(r"\1/capabilities/\2", path)


def _id(body: bytes) -> object:
    try:
        return json.loads(body)["properties"]["id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


__all__ = ["CERTIFICATE_PATH", "PREFIX", "build"]
