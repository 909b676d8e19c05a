"""A forward proxy on the loopback that carries CONNECT tunnels (RFC 9110, section 9.3.6), and says where to."""

import asyncio
import contextlib
from typing import Self

CHUNK_BYTES = 64 * 1024
MAX_HEAD_BYTES = 16 * 1024


class ConnectProxy:
    """Listens on a port that the system chooses; `tunnels` are the targets it was asked for, such as `127.0.0.1:8443`.

    Anything but CONNECT is answered with 405, a target that is not `only`, if that is given, with 403, and one that
    cannot be reached with 502.
    """

    def __init__(self, host: str = "127.0.0.1", public: str = "", only: str | None = None) -> None:
        self.tunnels: list[str] = []
        self._host = host
        self._public = public or host
        self._only = only
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """What a device is told to use, by the name that it knows the host by; raises RuntimeError before `start`."""
        if self._server is None:
            raise RuntimeError("the proxy was not started")
        name = f"[{self._public}]" if ":" in self._public else self._public
        return f"http://{name}:{self._server.sockets[0].getsockname()[1]}"

    async def start(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, self._host, 0)
        return self

    async def stop(self) -> None:
        """Stop listening and break every tunnel."""
        if self._server is not None:
            self._server.close()
            self._server = None
        ending = tuple(self._tasks)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry a connection in a task of our own: asyncio takes one of its own that is cancelled for an error."""
        task = asyncio.get_running_loop().create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the caller went away or sent something else: nothing to tell it
        finally:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, _, rest = head[:MAX_HEAD_BYTES].decode("latin-1").partition(" ")
        target = rest.partition(" ")[0]
        if method != "CONNECT":
            await _answer(writer, "405 Method Not Allowed")
            return
        if self._only not in (None, target):
            await _answer(writer, "403 Forbidden")
            return
        self.tunnels.append(target)
        host, _, port = target.rpartition(":")
        try:
            far_reader, far_writer = await asyncio.open_connection(host.strip("[]"), int(port))
        except (OSError, ValueError):
            await _answer(writer, "502 Bad Gateway")
            return
        await _answer(writer, "200 Connection established")
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            far_writer.transport.abort()


async def _answer(writer: asyncio.StreamWriter, status: str) -> None:
    writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
    await writer.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction until it ends."""
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
