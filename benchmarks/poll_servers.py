"""The servers that `conditional_gets` measures; each prints its port and serves until it is ended."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, cast

import uvloop
from aiohttp import web

from simulator.identity.svid import Svid
from simulator.identity.tls import HeldCredential, server_context
from simulator.identity.trust import StaticTrust
from simulator.listening import serve as serve_runner
from simulator.wfm.api import ManagementApi
from simulator.wfm.callers import FixedCaller
from simulator.wfm.core import DesiredState
from simulator.wfm.http import HttpServer
from simulator.wfm.server import ReferenceWfm, WfmConfig
from simulator.wfm.service import WfmService

PATH = "/api/v1/deployments"
DOMAIN, WFM_ID, CLIENT = "bench.example", "wfm", "device"


async def bare() -> int:
    """The least an aiohttp application can do: one route, one comparison, 304."""
    tag = DesiredState().manifest(CLIENT).etag

    async def handler(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        return web.Response(body=b"{}", headers={"ETag": tag})

    application = web.Application()
    application.router.add_get(PATH, handler)
    runner = web.AppRunner(application, access_log=None)
    return (await serve_runner(runner, "127.0.0.1", 0)).port


async def wfm_plain() -> int:
    """The management API, whole, without TLS; every request comes from one client."""
    api = ManagementApi(WfmService(DesiredState()), FixedCaller(CLIENT))
    return await HttpServer(api.handle).start("127.0.0.1", 0, None)


async def wfm_mutual_tls(folder: str) -> int:
    """The reference WFM as it is; identity files are read from the folder."""
    trust = StaticTrust.load(Path(folder, "bundle.json"), DOMAIN)
    svid = Svid.load(Path(folder, "svid.pem"), Path(folder, "svid_key.pem"))
    wfm = ReferenceWfm(WfmConfig(DOMAIN, WFM_ID, svid=svid, trust=trust, northbound_port=None))
    await wfm.start()
    return wfm.management_port


class _Quick(asyncio.Protocol):
    """The least a server can do: 304 to every request with a tag, an empty manifest to others, 201 to a body."""

    def __init__(self) -> None:
        self._tag = DesiredState().manifest(CLIENT)
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer each request whose head and body are there."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head, rest = self._buffer[:end].lower(), self._buffer[end + 4 :]
            _, has_body, length = head.partition(b"content-length: ")
            size = int(length.partition(b"\r\n")[0]) if has_body else 0
            if len(rest) < size:
                return
            self._buffer = rest[size:]
            self._transport.write(self._answer(head))

    def _answer(self, head: bytes) -> bytes:
        tag = self._tag.etag.encode()
        if head.startswith(b"put"):
            return b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
        if b"if-none-match" in head:
            return b"HTTP/1.1 304 Not Modified\r\nETag: " + tag + b"\r\n\r\n"
        body = self._tag.body
        return b"HTTP/1.1 200 OK\r\nETag: %b\r\nContent-Length: %d\r\n\r\n%b" % (tag, len(body), body)


async def quick_mutual_tls(folder: str) -> int:
    """The least a server can do, behind the reference's own mutual TLS."""
    trust = StaticTrust.load(Path(folder, "bundle.json"), DOMAIN)
    svid = Svid.load(Path(folder, "svid.pem"), Path(folder, "svid_key.pem"))
    context = server_context(HeldCredential(svid), trust, lambda _: None)
    made = await asyncio.get_running_loop().create_server(_Quick, "127.0.0.1", 0, ssl=context)
    return int(made.sockets[0].getsockname()[1])


async def serve(name: str, *arguments: str) -> None:
    """Start a server by name, tell its port, and serve for ever."""
    servers: dict[str, Callable[..., Coroutine[Any, Any, int]]] = {
        "bare": bare,
        "wfm": wfm_plain,
        "mtls": wfm_mutual_tls,
        "quick": quick_mutual_tls,
    }
    port = await servers[name](*arguments)
    print(port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(*sys.argv[1:]))
