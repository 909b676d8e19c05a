"""The identity service: discovery and trust bundle over HTTPS, with what it serves changeable while it runs.

Source: ID-70..ID-75, ID-80; RFC 9110 section 13 (conditional requests). Issuance has no standard API (ID-04).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from simulator.identity.bundle import TrustBundle
from simulator.identity.svid import Credential
from simulator.identity.web import ServerTrust, SpkiPins, WebAuthority, in_url, spki_pin, web_server_context
from simulator.listening import Served, serve
from simulator.protocol.discovery import BUNDLE_PATH, DISCOVERY_PATH, DiscoveryDocument
from simulator.protocol.documents import canonical_json
from simulator.protocol.problem import PROBLEM_MEDIA_TYPE, Problem, ProblemType

MisOperation = Literal["discover", "fetch-trust-bundle"]
MAX_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class MisRequest:
    """One request that was answered, with the request's headers (names in lower case)."""

    operation: MisOperation
    status: int
    headers: Mapping[str, str]


class Published:
    """What the service serves now, and who asked for it. No I/O.

    Either document may be any bytes, since a bench has to serve broken ones too; None is answered with 404.
    """

    def __init__(self) -> None:
        self.documents: dict[MisOperation, bytes | None] = {"discover": None, "fetch-trust-bundle": None}
        self.cache_control: str | None = None
        self.requests: list[MisRequest] = []
        self.counts: dict[MisOperation, int] = {"discover": 0, "fetch-trust-bundle": 0}

    def note(self, request: MisRequest) -> None:
        """Count a request and remember it, up to a bound."""
        self.counts[request.operation] += 1
        if len(self.requests) < MAX_REMEMBERED:
            self.requests.append(request)


def mis_app(published: Published, middlewares: Sequence[Middleware] = ()) -> web.Application:
    """Make the web application that serves what is published; `middlewares` stand around both endpoints."""
    app = web.Application(middlewares=middlewares)
    app.router.add_get(DISCOVERY_PATH, _endpoint(published, "discover", ProblemType.DISCOVERY_NOT_FOUND))
    app.router.add_get(BUNDLE_PATH, _endpoint(published, "fetch-trust-bundle", ProblemType.BUNDLE_NOT_FOUND))
    return app


class MisServer:
    """The identity service of a trust domain on a port of its own.

    Its HTTPS certificate comes from `web_authority` (a new one unless given), never from the SVID authority (ID-90);
    `credential` replaces it, for benches that show a client the wrong one. `public_host` is the name in its URLs.
    `on_hello` may be set, and hears of every TLS connection that is begun, whatever becomes of it.
    """

    encrypted = True

    def __init__(
        self,
        trust_domain: str,
        bundle: TrustBundle | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        public_host: str = "localhost",
        web_authority: WebAuthority | None = None,
        credential: Credential | None = None,
        middlewares: Sequence[Middleware] = (),
    ) -> None:
        self.trust_domain = trust_domain
        self.published = Published()
        self.web_authority = web_authority or WebAuthority.new()
        self.credential = credential or self.web_authority.issue_for((public_host, host))
        self._host, self._port, self._public_host = host, port, public_host
        self._middlewares = middlewares
        self.on_hello: Callable[[], object] = lambda: None
        self._served: Served | None = None
        self.publish(bundle)

    async def start(self) -> Self:
        """Open the port; the discovery document points at the bundle unless one was set before.

        Raises:
            OSError: the port cannot be opened.
        """
        runner = web.AppRunner(mis_app(self.published, self._middlewares), access_log=None, handle_signals=False)
        context = web_server_context(self.credential, on_hello=self._heard) if self.encrypted else None
        self._served = await serve(runner, self._host, self._port, context)
        self._port = self._served.port
        if self.published.documents["discover"] is None:
            # no model of the document, which would refuse a plain address
            document = {"trustDomain": self.trust_domain, "trustBundleUri": self.bundle_url}
            self.publish_discovery(canonical_json(document))
        return self

    async def stop(self) -> None:
        """Close the port and all connections; what is published stays, and so does the port for the next start."""
        served, self._served = self._served, None
        if served is not None:
            await served.stop()

    @property
    def port(self) -> int:
        """The port, once started."""
        return self._port

    def _heard(self) -> None:
        self.on_hello()

    @property
    def base_url(self) -> str:
        """The origin of both endpoints."""
        return f"{'https' if self.encrypted else 'http'}://{in_url(self._public_host)}:{self._port}"

    @property
    def discovery_url(self) -> str:
        """Where the discovery document is (ID-71)."""
        return self.base_url + DISCOVERY_PATH

    @property
    def bundle_url(self) -> str:
        """Where the trust bundle is."""
        return self.base_url + BUNDLE_PATH

    @property
    def anchors(self) -> ServerTrust:
        """Trust in this server by its authority and name."""
        return self.web_authority.anchors

    @property
    def pins(self) -> ServerTrust:
        """Trust in this server by the pin of its key."""
        return SpkiPins(frozenset({spki_pin(self.credential.leaf)}))

    def publish(self, bundle: TrustBundle | bytes | None) -> None:
        """Serve this bundle from now on: any bytes, even broken; None for 404."""
        self.published.documents["fetch-trust-bundle"] = bundle.to_json() if isinstance(bundle, TrustBundle) else bundle

    def publish_discovery(self, document: DiscoveryDocument | bytes | None) -> None:
        """Serve this discovery document from now on: any bytes, even broken; None for 404."""
        raw = canonical_json(document.to_wire()) if isinstance(document, DiscoveryDocument) else document
        self.published.documents["discover"] = raw

    def count(self, operation: MisOperation) -> int:
        """Tell how often an endpoint was asked."""
        return self.published.counts[operation]


class PlainMisServer(MisServer):
    """An identity service without encryption, which no client may use (ID-78, ID-87)."""

    encrypted = False


def _endpoint(published: Published, operation: MisOperation, missing: ProblemType) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        response = _answer(request, published, published.documents[operation], missing)
        headers = {name.lower(): value for name, value in request.headers.items()}
        published.note(MisRequest(operation, response.status, headers))
        return response

    return handle


def _answer(request: web.Request, published: Published, body: bytes | None, missing: ProblemType) -> web.Response:
    if body is None:
        problem = Problem.of(missing, f"nothing is published at {request.path}")
        return web.Response(status=404, body=problem.to_bytes(), content_type=PROBLEM_MEDIA_TYPE)
    tag = hashlib.sha256(body).hexdigest()
    headers = {"ETag": f'"{tag}"'}
    if published.cache_control is not None:
        headers["Cache-Control"] = published.cache_control
    known = request.if_none_match or ()
    if any(etag.value in {tag, "*"} for etag in known):
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type="application/json", headers=headers)
