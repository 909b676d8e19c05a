"""The registry over HTTPS: pulling manifests and blobs, with GET and HEAD (OCI distribution specification 1.1, Pull).

Whatever is to go wrong on the way is put in by the middlewares (`simulator.faults.intercept`); the registry itself is
always right.
"""

from collections.abc import Sequence
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Middleware

from simulator.identity.svid import Credential
from simulator.identity.web import ServerTrust, WebAuthority, in_url, web_server_context
from simulator.listening import Served, serve
from simulator.protocol.component import MANIFEST_MEDIA_TYPE
from simulator.protocol.digest import digest_of
from simulator.protocol.documents import canonical_json
from simulator.registry.content import Content

BLOB_MEDIA_TYPE = "application/octet-stream"


class Registry:
    """A registry on a port of its own, with a certificate of a web authority (never of the trust domain).

    `public_host` is the name in its references; `credential` replaces the certificate, to show a device a wrong one.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        public_host: str = "localhost",
        web_authority: WebAuthority | None = None,
        credential: Credential | None = None,
        middlewares: Sequence[Middleware] = (),
    ) -> None:
        self.content = Content()
        self.web_authority = web_authority or WebAuthority.new()
        self._credential = credential or self.web_authority.issue_for((public_host, host))
        self._host, self._port, self._public_host = host, port, public_host
        self._middlewares = tuple(middlewares)
        self._served: Served | None = None

    async def start(self) -> Self:
        """Open the port. Raises OSError when it cannot be opened."""
        app = registry_app(self.content, self._middlewares)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        self._served = await serve(runner, self._host, self._port, web_server_context(self._credential))
        self._port = self._served.port
        return self

    async def stop(self) -> None:
        """Close the port and all connections; what is held stays, and so does the port for the next start."""
        served, self._served = self._served, None
        if served is not None:
            await served.stop()

    @property
    def port(self) -> int:
        """The port, once started."""
        return self._port

    @property
    def address(self) -> str:
        """`host:port`, as it stands in references behind `oci://`."""
        return f"{in_url(self._public_host)}:{self._port}"

    @property
    def anchors(self) -> ServerTrust:
        """What a client is configured with to trust this registry."""
        return self.web_authority.anchors


def registry_app(content: Content, middlewares: Sequence[Middleware] = ()) -> web.Application:
    """Make the web application; `middlewares` stand around all endpoints. HEAD is answered wherever GET is."""
    handlers = _Handlers(content)
    app = web.Application(middlewares=middlewares)
    app.router.add_get("/v2/", handlers.version)
    app.router.add_get(r"/v2/{name:.+}/manifests/{reference:[^/]+}", handlers.manifest)
    app.router.add_get(r"/v2/{name:.+}/blobs/{digest:[^/]+}", handlers.blob)
    return app


class _Handlers:
    def __init__(self, content: Content) -> None:
        self._content = content

    async def version(self, _request: web.Request) -> web.Response:
        return web.json_response({}, headers={"Docker-Distribution-API-Version": "registry/2.0"})

    async def manifest(self, request: web.Request) -> web.Response:
        repository = self._content.repository(request.match_info["name"])
        if repository is None:
            return _error(404, "NAME_UNKNOWN", "there is no repository of this name")
        data = repository.manifest(request.match_info["reference"])
        if data is None:
            return _error(404, "MANIFEST_UNKNOWN", "the repository has no such manifest")
        return _content(data, MANIFEST_MEDIA_TYPE)

    async def blob(self, request: web.Request) -> web.Response:
        repository = self._content.repository(request.match_info["name"])
        data = repository.blobs.get(request.match_info["digest"]) if repository else None
        if data is None:
            return _error(404, "BLOB_UNKNOWN", "the repository has no such blob")
        return _content(data, BLOB_MEDIA_TYPE)


def _content(data: bytes, media_type: str) -> web.Response:
    return web.Response(body=data, content_type=media_type, headers={"Docker-Content-Digest": digest_of(data)})


def _error(status: int, code: str, message: str) -> web.Response:
    body = canonical_json({"errors": [{"code": code, "message": message}]})
    return web.Response(status=status, body=body, content_type="application/json")
