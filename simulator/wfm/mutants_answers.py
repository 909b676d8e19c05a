"""WFMs that are broken in how they answer: types, tags, caching, negotiation, problems and retries."""

import gzip
from collections.abc import Callable

from aiohttp import web

from simulator.protocol.manifest import BUNDLE_MEDIA_TYPE
from simulator.protocol.operations import Call, recognise
from simulator.protocol.problem import BLANK, NAMESPACE, Problem
from simulator.wfm.api import ManagementApi
from simulator.wfm.mutants_model import Json, WfmMutant, answering, telling
from simulator.wfm.state import Publication

OWN = "https://vendor.example/problems/trouble"


def _header(operation: str, name: str, value: str | None) -> type[ManagementApi]:
    """Change or leave out a header of the good answers of an operation."""

    def change(request: web.BaseRequest, response: web.Response) -> None:
        if response.status == 200 and recognise("GET", request.path).operation == operation:
            response.headers.pop(name, None)
            if value is not None:
                response.headers[name] = value

    return answering(change)


class _UnquotedTag(ManagementApi):
    def manifest_tag(self, publication: Publication) -> str:
        return publication.etag.strip('"')


class _VersionAsTag(ManagementApi):
    def manifest_tag(self, publication: Publication) -> str:
        return f'"v{publication.version}"'


class _Recompressed(ManagementApi):
    """Bundles are packed anew when served, so their bytes are not the promised ones."""

    def content(
        self, request: web.BaseRequest, body: bytes, digest: str, media_type: str, compress: bool
    ) -> web.StreamResponse:
        served = gzip.compress(gzip.decompress(body), mtime=1) if media_type == BUNDLE_MEDIA_TYPE else body
        return super().content(request, served, digest, media_type, compress)


class _LineEnds(ManagementApi):
    def document(self, client_id: str, deployment_id: str, digest: str) -> bytes:
        return super().document(client_id, deployment_id, digest).replace(b"\n", b"\r\n")


class _LatestForUnknown(ManagementApi):
    """A digest that is not known gives the newest content."""

    def document(self, client_id: str, deployment_id: str, digest: str) -> bytes:
        known = self.core.client(client_id).documents
        newest = [data for (name, _), data in known.items() if name == deployment_id]
        return newest[-1] if newest else super().document(client_id, deployment_id, digest)


class _IgnoresAccept(ManagementApi):
    def check_accept(self, header: str | None) -> None:
        """Take every Accept."""


class _NeedsAccept(ManagementApi):
    def check_accept(self, header: str | None) -> None:
        super().check_accept(header or "text/html")


class _NoStatus(ManagementApi):
    def recognise(self, request: web.BaseRequest) -> Call:
        call = super().recognise(request)
        return Call("unknown") if call.operation == "report-status" else call


class _AlwaysCreated(ManagementApi):
    def written_status(self, created: bool) -> int:
        del created
        return 201


class _DoesItAllTheSame(ManagementApi):
    """Under load a request is carried out, and refused."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        now = self.service.clock()
        client_id, _ = self._caller(request, now)
        refused = self.gate.enter(client_id, now)
        limit, self.gate.limit = self.gate.limit, None
        try:
            answer = await super().handle(request)
        finally:
            self.gate.limit = limit
        if refused is not None:
            return self.overloaded(refused)
        self.gate.leave()
        return answer


def _refusal(change: Callable[[Problem, web.Response], None]) -> type[ManagementApi]:
    """Change the response to a refusal."""

    class Changed(ManagementApi):
        def refuse(self, problem: Problem) -> web.Response:
            response = super().refuse(problem)
            change(problem, response)
            return response

    return Changed


def _plain_type(_: Problem, response: web.Response) -> None:
    response.headers["Content-Type"] = "application/json"


def _wrong_status(problem: Problem, response: web.Response) -> None:
    if problem.status == 404 and str(problem.type).startswith(NAMESPACE):
        response.set_status(400)


def _bad_as_invalid(problem: Problem, response: web.Response) -> None:
    if problem.status == 400:
        response.set_status(422)


def _invalid_as_bad(problem: Problem, response: web.Response) -> None:
    if problem.status == 422:
        response.set_status(400)


def _no_wait_of_client(problem: Problem, response: web.Response) -> None:
    if problem.status == 429:
        response.headers.popall("Retry-After", None)


def _blank(body: Json, kind: str) -> Json:
    return {**body, "type": kind} if body.get("type") == BLANK else body


ANSWERS = (
    WfmMutant(
        "manifest-without-tag", "DS-006", "The manifest has no tag", api_class=_header("fetch-manifest", "ETag", None)
    ),
    WfmMutant(
        "manifest-as-json",
        "DS-007",
        "The manifest is plain JSON",
        api_class=_header("fetch-manifest", "Content-Type", "application/json"),
    ),
    WfmMutant(
        "bundle-as-bytes",
        "DS-018",
        "The bundle is of no particular type",
        api_class=_header("fetch-bundle", "Content-Type", "application/octet-stream"),
    ),
    WfmMutant(
        "deployment-as-text",
        "DS-035",
        "Deployments are plain text",
        api_class=_header("fetch-deployment", "Content-Type", "text/plain"),
    ),
    WfmMutant(
        "deployment-kept-a-minute",
        "DS-037",
        "Deployments may be kept for a minute",
        api_class=_header("fetch-deployment", "Cache-Control", "private, max-age=60"),
    ),
    WfmMutant(
        "bundle-kept-a-minute",
        "DS-043",
        "Bundles may be kept for a minute",
        api_class=_header("fetch-bundle", "Cache-Control", "private, max-age=60"),
    ),
    WfmMutant("bundle-without-tag", "DS-042", "Bundles have no tag", api_class=_header("fetch-bundle", "ETag", None)),
    WfmMutant(
        "deployment-without-tag",
        "DS-036",
        "Deployments have no tag",
        api_class=_header("fetch-deployment", "ETag", None),
    ),
    WfmMutant(
        "compressed-without-vary",
        "DS-041",
        "Compressed deployments do not say what they vary with",
        api_class=_header("fetch-deployment", "Vary", None),
    ),
    WfmMutant("tag-without-quotes", "DS-057", "The manifest's tag has no quotes", api_class=_UnquotedTag),
    WfmMutant("version-as-tag", "DS-056", "The manifest's tag is its version", api_class=_VersionAsTag),
    WfmMutant("bundle-packed-anew", "DS-021", "Bundles are packed anew when served", api_class=_Recompressed),
    WfmMutant("line-ends-changed", "DS-051", "YAML is served with other line ends", api_class=_LineEnds),
    WfmMutant(
        "newest-for-unknown", "DS-034", "An unknown digest gives the newest content", api_class=_LatestForUnknown
    ),
    WfmMutant("ignores-accept", "DS-004", "Whatever is accepted, the manifest is given", api_class=_IgnoresAccept),
    WfmMutant("needs-accept", "DS-005", "Without Accept nothing is given", api_class=_NeedsAccept),
    WfmMutant("no-status-reports", "API-001", "Status reports are not served", api_class=_NoStatus),
    WfmMutant("always-created", "ST-018", "Every report is answered 201", api_class=_AlwaysCreated),
    WfmMutant(
        "busy-but-done", "DC-040", "What is refused under load is done all the same", api_class=_DoesItAllTheSame
    ),
    WfmMutant("problem-as-json", "ERR-002", "Problems are plain JSON", api_class=_refusal(_plain_type)),
    WfmMutant(
        "status-of-another",
        "ERR-006",
        "The problem has another status",
        api_class=telling(lambda it: {**it, "status": 500}),
    ),
    WfmMutant("missing-as-bad", "PT-002", "What is missing is answered 400", api_class=_refusal(_wrong_status)),
    WfmMutant(
        "malformed-as-invalid", "DC-040", "What cannot be parsed is answered 422", api_class=_refusal(_bad_as_invalid)
    ),
    WfmMutant(
        "invalid-as-malformed", "PT-002", "What breaks the schema is answered 400", api_class=_refusal(_invalid_as_bad)
    ),
    WfmMutant(
        "own-type-in-margo-namespace",
        "ERR-012",
        "An own type lies in the namespace of Margo",
        api_class=telling(lambda it: _blank(it, f"{NAMESPACE}#vendor-trouble")),
    ),
    WfmMutant(
        "no-registered-types",
        "PT-001",
        "Registered types are not used",
        api_class=telling(lambda it: {**it, "type": BLANK}),
    ),
    WfmMutant(
        "own-types-for-all",
        "ERR-007",
        "Every problem has an own type",
        api_class=telling(lambda it: {**it, "type": OWN}),
    ),
    WfmMutant(
        "wrong-registered-type",
        "PT-012",
        "What has no type gets a registered one",
        api_class=telling(lambda it: _blank(it, f"{NAMESPACE}#invalid-request")),
    ),
    WfmMutant(
        "own-title-of-blank",
        "PT-013",
        "A problem without type has a title of its own",
        api_class=telling(lambda it: {**it, "title": "Oops"} if it.get("type") == BLANK else it),
    ),
    WfmMutant(
        "always-retryable",
        "RTY-005",
        "Every problem says that a retry makes sense",
        api_class=telling(lambda it: {**it, "retryable": True, "backoffStrategy": "fixed"}),
    ),
    WfmMutant(
        "backoff-of-its-own",
        "ERR-016",
        "The strategy to wait is an own one",
        api_class=telling(lambda it: {**it, "backoffStrategy": "linear"}),
    ),
    WfmMutant("no-wait-for-one-client", "RTY-002", "429 lacks Retry-After", api_class=_refusal(_no_wait_of_client)),
)
