"""The management API: six endpoints of revision 1.0.0-rc.3, with every header, code and problem type.

The class holds one small method per rule, so that a broken WFM can break exactly one.
"""

import gzip
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from aiohttp import hdrs, web

from simulator.protocol.deployment import DEPLOYMENT_MEDIA_TYPE
from simulator.protocol.digest import entity_tag
from simulator.protocol.manifest import BUNDLE_MEDIA_TYPE, MANIFEST_MEDIA_TYPE
from simulator.protocol.operations import Call, manifest_path, recognise
from simulator.protocol.problem import Problem, ProblemType
from simulator.wfm.callers import Caller, NotAuthenticated
from simulator.wfm.http import problem_response
from simulator.wfm.load import LoadGate
from simulator.wfm.negotiation import accepts, accepts_gzip, none_match
from simulator.wfm.refusals import Refusal
from simulator.wfm.service import WfmService
from simulator.wfm.state import Publication

IMMUTABLE = "private, max-age=31536000, immutable"
METHODS = ("GET", "HEAD", "PUT", "DELETE", "POST")
_MANIFEST_PATH = manifest_path()
_FETCH_MANIFEST = Call("fetch-manifest")
log = logging.getLogger("margo.wfm")


@dataclass(slots=True)
class ApiSettings:
    """What may change while the API runs: HTTP compression of deployments and bundles (DS-040, DS-045)."""

    compress_deployments: bool = False
    compress_bundles: bool = False


class ManagementApi:
    """Answers management requests; `handle` is the aiohttp handler."""

    def __init__(
        self,
        service: WfmService,
        caller: Caller,
        gate: LoadGate | None = None,
        settings: ApiSettings | None = None,
    ) -> None:
        self.service = service
        self.core = service.core
        self.gate = gate or LoadGate()
        self.settings = settings or ApiSettings()
        self._caller = caller
        self._operations = {
            "report-capabilities": self.report_capabilities,
            "withdraw-capabilities": self.withdraw_capabilities,
            "fetch-manifest": self.fetch_manifest,
            "fetch-deployment": self.fetch_deployment,
            "fetch-bundle": self.fetch_bundle,
            "report-status": self.report_status,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request; whatever goes wrong becomes a problem document (ERR-001, ERR-002)."""
        now = self.service.clock()
        try:
            client_id, last = self._caller(request, now)
        except NotAuthenticated as error:
            return self.not_authenticated(error)
        refused = self.gate.enter(client_id, now)
        if refused is not None:
            return self.overloaded(refused)
        try:
            response = await self._answer(request, client_id)
        finally:
            self.gate.leave()
        if last:
            response.force_close()
        return response

    async def _answer(self, request: web.BaseRequest, client_id: str) -> web.StreamResponse:
        try:
            self.core.authorize(client_id)
            call = self.recognise(request)
            operation = self._operations.get(call.operation)
            if operation is None:
                return self.unknown(request)
            return await operation(request, client_id, call)
        except Refusal as refusal:
            return self.refuse(refusal.problem())
        except web.HTTPException as error:
            return self.refuse(Problem.of(ProblemType.BLANK, error.reason, status=error.status))
        except ConnectionError:
            raise
        except Exception:  # the last line of defence: logged, and answered as the specification wants it
            log.exception("request failed: %s %s", request.method, request.raw_path)
            problem = Problem.of(ProblemType.BLANK, "the WFM failed to answer", status=500, retry_after_s=1)
            return self.refuse(problem)

    # -- the six endpoints ------------------------------------------------------------------------------------------

    async def report_capabilities(self, request: web.BaseRequest, client_id: str, call: Call) -> web.StreamResponse:
        """PUT capabilities: 201 created, 200 replaced (DC-040)."""
        body = await self.body(request)
        created = await self.service.report_capabilities(client_id, call.params["deviceId"], body)
        return web.Response(status=self.written_status(created))

    async def withdraw_capabilities(self, _: web.BaseRequest, client_id: str, call: Call) -> web.StreamResponse:
        """DELETE capabilities: 204."""
        await self.service.withdraw_capabilities(client_id, call.params["deviceId"])
        return web.Response(status=204)

    async def fetch_manifest(self, request: web.BaseRequest, client_id: str, _: Call) -> web.StreamResponse:
        """GET the manifest: 200, or 304 when the caller has it; answered from memory (DS-003..DS-008, DS-062)."""
        self.check_accept(_joined(request, hdrs.ACCEPT))
        publication = self.core.manifest(client_id)
        tag = self.manifest_tag(publication)
        if not self.changed(_joined(request, hdrs.IF_NONE_MATCH), tag):
            return web.Response(status=304, headers={"ETag": tag, "Cache-Control": self.manifest_caching()})
        return web.Response(
            body=publication.body,
            headers={
                "Content-Type": MANIFEST_MEDIA_TYPE,
                "ETag": tag,
                "Cache-Control": self.manifest_caching(),
                "Vary": "Accept",
            },
        )

    async def fetch_deployment(self, request: web.BaseRequest, client_id: str, call: Call) -> web.StreamResponse:
        """GET a deployment's YAML by digest: 200, 304 or 404 (DS-032..DS-041)."""
        digest = call.params["digest"]
        body = self.document(client_id, call.params["deploymentId"], digest)
        return self.content(request, body, digest, DEPLOYMENT_MEDIA_TYPE, self.settings.compress_deployments)

    async def fetch_bundle(self, request: web.BaseRequest, client_id: str, call: Call) -> web.StreamResponse:
        """GET a bundle by digest: 200, 304 or 404 (DS-018, DS-042..DS-046)."""
        digest = call.params["digest"]
        body = self.core.bundle(client_id, digest)
        return self.content(request, body, digest, BUNDLE_MEDIA_TYPE, self.settings.compress_bundles)

    async def report_status(self, request: web.BaseRequest, client_id: str, call: Call) -> web.StreamResponse:
        """POST a status: 201 for the first of a deployment, then 200 (ST-018)."""
        body = await self.body(request)
        created = await self.service.report_status(client_id, call.params["deploymentId"], body)
        return web.Response(status=self.written_status(created))

    # -- small rules, each its own so that a broken WFM can break just one ------------------------------------------

    def recognise(self, request: web.BaseRequest) -> Call:
        """The operation a request is for; HEAD is GET without the body."""
        target = request.raw_path
        method = "GET" if request.method == "HEAD" else request.method
        if target == _MANIFEST_PATH and method == "GET":
            return _FETCH_MANIFEST
        return recognise(method, origin_form(target))

    def manifest_tag(self, publication: Publication) -> str:
        """The manifest's strong validator (DS-056, DS-057)."""
        return publication.etag

    def manifest_caching(self) -> str:
        """The manifest's Cache-Control: private, and always revalidated (DS-059, DS-060)."""
        return "private, no-cache"

    def content_caching(self) -> str:
        """Cache-Control of what is addressed by digest (DS-037, DS-043, DS-064)."""
        return IMMUTABLE

    def check_accept(self, header: str | None) -> None:
        """Refuse an `Accept` that takes no manifest; raises Refusal (DS-004, DS-005)."""
        if not accepts(header, MANIFEST_MEDIA_TYPE):
            raise _NotAcceptable(f"only {MANIFEST_MEDIA_TYPE} can be given, the request accepts {header}")

    def changed(self, if_none_match: str | None, tag: str) -> bool:
        """Whether the caller has to be sent the whole answer (DS-062)."""
        return none_match(if_none_match, tag)

    def document(self, client_id: str, deployment_id: str, digest: str) -> bytes:
        """The exact bytes of a deployment (DS-025)."""
        return self.core.document(client_id, deployment_id, digest)

    def written_status(self, created: bool) -> int:
        """The code of a successful write (DC-040, ST-018)."""
        return 201 if created else 200

    def content(
        self, request: web.BaseRequest, body: bytes, digest: str, media_type: str, compress: bool
    ) -> web.StreamResponse:
        """An answer addressed by digest; the entity tag is the digest, compressed or not (DS-050, DS-063..DS-067)."""
        tag = entity_tag(digest)
        headers = {"ETag": tag, "Cache-Control": self.content_caching(), "Vary": "Accept-Encoding"}
        if not self.changed(_joined(request, hdrs.IF_NONE_MATCH), tag):
            return web.Response(status=304, headers=headers)
        headers["Content-Type"] = media_type
        if compress and accepts_gzip(_joined(request, hdrs.ACCEPT_ENCODING)):
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, mtime=0)
        return web.Response(body=body, headers=headers)

    def not_authenticated(self, error: NotAuthenticated) -> web.StreamResponse:
        """The answer to a caller who cannot be told; the connection ends with it."""
        refusal = self.refuse(Problem.of(ProblemType.NOT_AUTHORIZED, str(error)))
        refusal.force_close()
        return refusal

    async def body(self, request: web.BaseRequest) -> bytes:
        """The request's body; a content coding is not understood (415), too much is too much (413)."""
        if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
            raise web.HTTPUnsupportedMediaType
        return await request.read()

    def overloaded(self, status: Literal[429, 503]) -> web.StreamResponse:
        """The answer under load: try again later, with growing distances (RTY-001..RTY-005)."""
        wait = self.gate.limit.retry_after_s if self.gate.limit else 1
        detail = "too many requests of this client" if status == 429 else "the WFM is overloaded"
        return self.refuse(Problem.of(ProblemType.BLANK, detail, status=status, retry_after_s=wait))

    def unknown(self, request: web.BaseRequest) -> web.StreamResponse:
        """A path or method that is not of the interface: 404 or 405, `about:blank` (PT-012)."""
        path = origin_form(request.raw_path)
        allowed = [method for method in METHODS if self._served(method, path)]
        status = HTTPStatus.METHOD_NOT_ALLOWED if allowed else HTTPStatus.NOT_FOUND
        detail = f"{request.method} is not served here" if allowed else f"nothing is served at {path[:200]}"
        response = self.refuse(Problem.of(ProblemType.BLANK, detail, status=status))
        if allowed:
            response.headers["Allow"] = ", ".join(allowed)
        return response

    def refuse(self, problem: Problem) -> web.Response:
        """A problem as a response."""
        return problem_response(problem)

    def _served(self, method: str, path: str) -> bool:
        return recognise("GET" if method == "HEAD" else method, path).operation in self._operations


class _NotAcceptable(Refusal):
    """406 (DS-004)."""

    kind = ProblemType.CANNOT_GENERATE


def _joined(request: web.BaseRequest, name: str) -> str | None:
    """A list header as one value, also when it came on several lines (RFC 9110, 5.3); None without any."""
    lines = request.headers.getall(name, None)
    return ", ".join(lines) if lines else None


def origin_form(target: str) -> str:
    """The path of a request target, also when it was sent in absolute form (RFC 9112, 3.2.2)."""
    if not target.startswith("/") and "://" in target:
        rest = target.partition("://")[2]
        target = "/" + rest.partition("/")[2]
    return target.partition("?")[0]
