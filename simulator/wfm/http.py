"""The HTTP server under the management API: aiohttp's low-level one, with problem documents for its own errors too."""

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from ssl import SSLContext
from typing import Any, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpVersion11
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.typedefs import Middleware

from simulator.listening import Served, serve
from simulator.protocol.problem import PROBLEM_MEDIA_TYPE, Problem, ProblemType

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
log = logging.getLogger("margo.wfm")


class PortInUse(OSError):
    """A port that cannot be listened on: names host and port."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(errno.EADDRINUSE, f"cannot listen on {host} port {port}: {reason}")
        self.host = host
        self.port = port


class BoundedRequest(web.BaseRequest):
    """A request whose body is bounded for good: once too large, every later read says so too."""

    _too_large: web.HTTPRequestEntityTooLarge | None = None

    async def read(self) -> bytes:
        """The whole body. Raises HTTPRequestEntityTooLarge beyond the server's bound."""
        if self._too_large is not None:
            raise self._too_large
        try:
            return await super().read()
        except web.HTTPRequestEntityTooLarge as error:
            self._too_large = error
            raise


class _Protocol(web.RequestHandler):
    """One connection; what aiohttp refuses by itself is answered with a problem document (ERR-001)."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a request that could not be parsed or that failed in us; the connection closes."""
        gone = isinstance(exc, ConnectionError)
        if status >= 500 and not gone:
            log.error("request failed: %s %s", request.method, request.raw_path, exc_info=exc)
        elif not gone:
            cast("_Server", self._manager).on_refused(message or f"answered {status}")
        if request.writer.output_size > 0:
            raise ConnectionError("part of a response has been sent already")
        detail = "the WFM failed to answer" if status >= 500 else message or "the request cannot be understood"
        kind = ProblemType.INVALID_REQUEST if status == 400 else ProblemType.BLANK
        response = problem_response(Problem.of(kind, " ".join(detail.split()), status=status, retry_after_s=1))
        response.force_close()
        return response


class _Server(web.Server):
    def __init__(
        self, handler: Handler, max_body: int, options: dict[str, Any], on_refused: Callable[[str], object]
    ) -> None:
        super().__init__(cast("Any", handler), request_factory=self._bounded)
        self.on_refused = on_refused
        self._options = options
        self._max_body = max_body

    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, loop=self._loop, **self._options)

    def _bounded(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        if message.method == "UNKNOWN":  # aiohttp's stand-in for what it could not parse claims HTTP/1.0
            message = message._replace(version=HttpVersion11)
        size = self._max_body
        return BoundedRequest(message, payload, protocol, writer, task, self._loop, client_max_size=size)


class HttpServer:
    """A handler behind middlewares, listening on one port. The first middleware is the outermost.

    `on_refused` is told why something that came was no HTTP request that any handler could be given.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        middlewares: Sequence[Middleware] = (),
        max_body: int = 1024 * 1024,
        on_refused: Callable[[str], object] = log.debug,
    ) -> None:
        chain: Any = handler
        for middleware in reversed(middlewares):
            chain = partial(middleware, handler=chain)
        self._handler: Handler = _expecting(chain)
        self._max_body = max_body
        self._on_refused = on_refused
        self._served: Served | None = None

    async def start(self, host: str, port: int, context: SSLContext | None) -> int:
        """Listen; gives the port, which differs from the one asked for when that is 0. Raises PortInUse."""
        # exact bytes are recorded and measured, so a compressed body is not unpacked behind our back
        options = {"access_log": None, "auto_decompress": False, "keepalive_timeout": 75.0, "lingering_time": 2.0}
        runner = web.ServerRunner(
            _Server(self._handler, self._max_body, options, self._on_refused), shutdown_timeout=1.0
        )
        self._served = await serve_on(runner, host, port, context)
        return self._served.port

    async def stop(self) -> None:
        """Answer what runs (for at most a second), then close every connection."""
        served, self._served = self._served, None
        if served is not None:
            await served.stop()


async def serve_on(runner: web.BaseRunner, host: str, port: int, context: SSLContext | None = None) -> Served:
    """Have a runner serve a port. Raises PortInUse, after cleaning up."""
    try:
        return await serve(runner, host, port, context)
    except OSError as error:
        raise PortInUse(host, port, error.strerror or str(error)) from None


def problem_response(problem: Problem) -> web.Response:
    """A problem document as a response; `Retry-After` exactly where a retry makes sense (RTY-002..RTY-005)."""
    headers = {"Content-Type": PROBLEM_MEDIA_TYPE, "Cache-Control": "private, no-store"}
    if problem.retry_after_seconds is not None:
        headers["Retry-After"] = str(problem.retry_after_seconds)
    return web.Response(status=problem.status or 500, headers=headers, body=problem.to_bytes())


def _expecting(handler: Handler) -> Handler:
    """Answer `Expect: 100-continue`, which the low-level server leaves to its handler."""

    async def expecting(request: web.BaseRequest) -> web.StreamResponse:
        expect = request.headers.get("Expect")
        if expect is not None and expect.lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        return await handler(request)

    return expecting
