"""A TCP link on the loopback that can be cut, slowed and pointed elsewhere while connections run over it."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from simulator.listening import Listener, listen

CHUNK_BYTES = 64 * 1024
MAX_CONNECTIONS = 128
"""At once: beyond that the oldest is reset, so that one who opens connections without end keeps nobody else out."""
MAX_REMEMBERED = 10_000
OPENING_BYTES = 24
"""How much of what a caller sends first is remembered."""
SLICES_PER_S = 20
"""In how many pieces a second a throttled connection is served."""


@dataclass(frozen=True, slots=True)
class LinkConnection:
    """A connection that has ended: when (loop's clock, seconds), bytes from and to the caller, whether it was cut.

    `opening` are the first bytes that came from the caller.
    """

    opened: float
    closed: float
    bytes_up: int
    bytes_down: int
    cut: bool
    opening: bytes


class _Pipe:
    """One relayed connection."""

    def __init__(self, near: asyncio.StreamWriter) -> None:
        self.near = near
        self.far: asyncio.StreamWriter | None = None
        self.opened = asyncio.get_running_loop().time()
        self.up = 0
        self.down = 0
        self.opening = b""
        self.sound_for: int | None = None
        """How many bytes still go to the caller before one is damaged; negative once that is done."""
        self.cut = False

    def abort(self) -> None:
        self.cut = True
        self.end()

    def end(self) -> None:
        """Leave no socket behind; does nothing to one that is closed already."""
        for writer in (self.near, self.far):
            if writer is not None:
                writer.transport.abort()


class Link:
    """Relays `port` to a port of this machine. While cut, connections are reset and new ones refused at once.

    `host` is where it listens; `target_host` is where what it relays to listens.
    """

    def __init__(
        self,
        target_port: int,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        target_host: str = "127.0.0.1",
        on_connection: Callable[[LinkConnection], None] | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._target = target_host
        self._target_port = target_port
        self._delay_s = 0.0
        self._rate: float | None = None
        self._corrupt_after: int | None = None
        self._report = on_connection
        self._listener: Listener | None = None
        self._pipes: dict[_Pipe, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.accepted = 0
        """How many connections came, whatever became of them."""
        self.damaged = 0
        """How many connections had a bit flipped since that was asked for."""
        self.connections: deque[LinkConnection] = deque(maxlen=MAX_REMEMBERED)

    @property
    def port(self) -> int:
        """The port to connect to; it stays the same while the link is cut and restored."""
        return self._port

    @property
    def is_cut(self) -> bool:
        """Whether nothing listens now."""
        return self._listener is None

    @property
    def is_disturbed(self) -> bool:
        """Whether what passes is delayed, throttled or damaged now."""
        return bool(self._delay_s or self._rate or self._corrupt_after)

    async def __aenter__(self) -> Self:
        await self.restore()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def restore(self) -> None:
        """Listen (again) on the link's port. Raises OSError when another process took it."""
        if self._listener is None:
            self._listener = await listen(self._protocol, self._host, self._port)
            self._port = self._listener.port

    async def cut(self) -> None:
        """Reset what runs and refuse what comes, until restored."""
        listener, self._listener = self._listener, None
        if listener is not None:
            await listener.close()
        for pipe in list(self._pipes):
            pipe.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """End for good."""
        await self.cut()

    def delay(self, seconds: float) -> None:
        """Hold every chunk this long, in each direction; 0 for no delay."""
        self._delay_s = seconds

    def throttle(self, bytes_per_s: float | None) -> None:
        """Let no more than so many bytes a second through each connection and direction; None for no bound."""
        self._rate = bytes_per_s

    def corrupt(self, after: int | None) -> None:
        """Flip one bit of each connection once so many bytes went to the caller from now on; None for no damage.

        Each connection stays sound for twice as many bytes as the one before: whatever is tried again comes through.
        """
        self._corrupt_after, self.damaged = after, 0
        for pipe in self._pipes:
            pipe.sound_for = None

    def undisturb(self) -> None:
        """Neither delay, throttle nor corrupt."""
        self._delay_s, self._rate = 0.0, None
        self.corrupt(None)

    def retarget(self, port: int) -> None:
        """Relay new connections to another port."""
        self._target_port = port

    def _protocol(self) -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._accept)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection over at once, so that a cut in the same turn of the loop meets it too."""
        pipe = _Pipe(writer)
        if self._listener is None:
            pipe.abort()
            return
        self.accepted += 1
        if len(self._pipes) >= MAX_CONNECTIONS:
            next(iter(self._pipes)).abort()
        self._pipes[pipe] = None
        task = asyncio.get_running_loop().create_task(self._carry(pipe, reader))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, pipe: _Pipe, reader: asyncio.StreamReader) -> None:
        try:
            await self._relay(pipe, reader)
        finally:
            pipe.end()
            ended = asyncio.get_running_loop().time()
            pipe_end = LinkConnection(pipe.opened, ended, pipe.up, pipe.down, pipe.cut, pipe.opening)
            self._pipes.pop(pipe, None)
            self.connections.append(pipe_end)
            if self._report is not None:
                self._report(pipe_end)

    async def _relay(self, pipe: _Pipe, near: asyncio.StreamReader) -> None:
        """Connect once the caller has said something: who never does costs the other side nothing."""
        try:
            first = await near.read(self._slice())
            if not first:
                pipe.near.close()
                return
            far, pipe.far = await asyncio.open_connection(self._target, self._target_port)
        except OSError:
            pipe.near.transport.abort()
            return
        if pipe.cut:
            pipe.far.transport.abort()
            return
        up = asyncio.ensure_future(self._pump(pipe, near, pipe.far, "up", first))
        down = asyncio.ensure_future(self._pump(pipe, far, pipe.near, "down"))
        await asyncio.gather(up, down)
        for writer in (pipe.near, pipe.far):
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _pump(
        self,
        pipe: _Pipe,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        direction: str,
        first: bytes = b"",
    ) -> None:
        """Copy one direction until it ends; a reset of one side resets the other. `first` was read already."""
        try:
            while chunk := first or await reader.read(self._slice()):
                first = b""
                if pause := self._delay_s + (len(chunk) / self._rate if self._rate else 0.0):
                    await asyncio.sleep(pause)
                if direction == "up":
                    pipe.opening = (pipe.opening + chunk[:OPENING_BYTES])[:OPENING_BYTES]
                    pipe.up += len(chunk)
                else:
                    chunk = self._corrupted(pipe, chunk)
                    pipe.down += len(chunk)
                writer.write(chunk)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:
            for side in (pipe.near, pipe.far):
                if side is not None:
                    side.transport.abort()

    def _slice(self) -> int:
        """How many bytes are relayed at once."""
        return CHUNK_BYTES if self._rate is None else max(1, min(CHUNK_BYTES, int(self._rate / SLICES_PER_S)))

    def _corrupted(self, pipe: _Pipe, chunk: bytes) -> bytes:
        """Flip a bit of the byte that a connection is to be damaged at, when that is in this chunk."""
        if self._corrupt_after is None:
            return chunk
        if pipe.sound_for is None:
            pipe.sound_for, self._corrupt_after = self._corrupt_after, 2 * self._corrupt_after
        place, pipe.sound_for = pipe.sound_for, max(-1, pipe.sound_for - len(chunk))
        if not 0 <= place < len(chunk):
            return chunk
        self.damaged += 1
        return chunk[:place] + bytes((chunk[place] ^ 1,)) + chunk[place + 1 :]
