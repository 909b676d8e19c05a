"""Ports that are closed without losing a connection that is just being accepted.

`asyncio.Server.close` of the selector loop drops a connection whose accept has been carried out but whose transport is
not made yet: its socket is left to the garbage collector, and the peer waits for an answer that never comes. Here the
loop first stops accepting, then finishes what it accepted, then closes the port.
"""

import asyncio
from collections.abc import Callable
from ssl import SSLContext
from typing import Any, cast

from aiohttp import web

BACKLOG = 128


class Listener:
    """An open port. Close once."""

    def __init__(self, server: asyncio.AbstractServer, sockets: tuple[Any, ...]) -> None:
        self._server = server
        self._sockets = sockets
        self.port: int = sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Accept no more; what was accepted before gets its protocol, then new callers are refused."""
        loop = asyncio.get_running_loop()
        if isinstance(loop, asyncio.SelectorEventLoop):
            for each in self._sockets:
                loop.remove_reader(each)
            await asyncio.sleep(0)  # the accept runs in a task of its own: one turn makes the transport,
            await asyncio.sleep(0)  # the next tells the protocol
        self._server.close()


async def listen(
    protocol: Callable[[], asyncio.BaseProtocol], host: str, port: int, context: SSLContext | None = None
) -> Listener:
    """Open a port for a protocol, with TLS when there is a context. Raises OSError when it cannot be opened."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, host, port, ssl=context, backlog=BACKLOG)
    return Listener(server, tuple(server.sockets))


class Served:
    """A set-up aiohttp runner behind an open port."""

    def __init__(self, runner: web.BaseRunner, listener: Listener) -> None:
        self._runner = runner
        self._listener = listener
        self.port = listener.port

    async def stop(self) -> None:
        """Close the port, answer what runs for as long as the runner allows, close every connection."""
        await self._listener.close()
        await self._runner.cleanup()


async def serve(runner: web.BaseRunner, host: str, port: int, context: SSLContext | None = None) -> Served:
    """Set an aiohttp runner up and open its port. Raises OSError, after cleaning up, when it cannot be opened."""
    await runner.setup()
    try:
        return Served(runner, await listen(cast("web.Server", runner.server), host, port, context))
    except BaseException:
        await runner.cleanup()
        raise
