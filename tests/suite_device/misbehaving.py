"""Peers with the right credentials and the wrong manners: what real devices do when they are broken."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from simulator.protocol.operations import capabilities_path, manifest_path

Misbehaving = Callable[[int, ssl.SSLContext], Awaitable[None]]
"""What a peer does at a port, again and again."""
REQUEST = f"GET {manifest_path()} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
GARBAGE = b"\x00\xff garbage\r\n\r\n" * 1000
ENOUGH_HEADERS = 20_000
HUGE_BODY = 500 * 1_000_000


async def opened(port: int, tls: ssl.SSLContext | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port, ssl=tls)


async def read_to_end(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError):
        await reader.read()


async def sends(port: int, tls: ssl.SSLContext | None, pieces: Iterator[bytes]) -> None:
    """Send one piece after the other until the other side has had enough, and read what it says meanwhile."""
    reader, writer = await opened(port, tls)
    reading = asyncio.ensure_future(read_to_end(reader))
    with contextlib.suppress(OSError):
        for piece in pieces:
            if reading.done() or writer.is_closing():
                break
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        else:
            await reading
    writer.close()
    await reading


async def hangs(port: int, _: ssl.SSLContext) -> None:
    """Connects and says nothing."""
    writer = (await opened(port))[1]
    try:
        await asyncio.sleep(60)
    finally:
        writer.close()


async def half_closes(port: int, _: ssl.SSLContext) -> None:
    """Connects and closes its direction at once."""
    reader, writer = await opened(port)
    writer.write_eof()
    await read_to_end(reader)
    writer.close()


async def stops_in_the_middle(port: int, tls: ssl.SSLContext) -> None:
    """Sends half a request line."""
    _, writer = await opened(port, tls)
    writer.write(REQUEST[:20])
    try:
        await asyncio.sleep(60)
    finally:
        writer.close()


async def sends_byte_by_byte(port: int, tls: ssl.SSLContext) -> None:
    """Sends headers one byte at a time, on many connections, and never comes to an end of them."""

    async def one() -> None:
        _, writer = await opened(port, tls)
        try:
            for byte in REQUEST[:-2] + b"X: y\r\n" * 1000:
                writer.write(bytes((byte,)))
                await writer.drain()
                await asyncio.sleep(0.1)
        finally:
            writer.close()

    await asyncio.gather(*(one() for _ in range(20)))


async def floods_with_requests(port: int, tls: ssl.SSLContext) -> None:
    """Sends thousands of requests over a few connections, never waiting for an answer before the next one."""
    await asyncio.gather(*(sends(port, tls, iter(lambda: REQUEST * 50, b"")) for _ in range(4)))


async def floods_with_connections(port: int, _: ssl.SSLContext) -> None:
    """Opens connections without end, says nothing, and closes none."""
    writers: list[asyncio.StreamWriter] = []
    try:
        while len(writers) < 1500:
            writers.append((await opened(port))[1])
        await asyncio.sleep(60)
    finally:
        for writer in writers:
            writer.close()


async def sends_garbage(port: int, _: ssl.SSLContext) -> None:
    """Sends bytes that are no TLS."""
    await sends(port, None, iter((GARBAGE,)))


async def speaks_without_tls(port: int, _: ssl.SSLContext) -> None:
    """Sends a good request, not encrypted."""
    await sends(port, None, iter((REQUEST,)))


async def sends_garbage_in_tls(port: int, tls: ssl.SSLContext) -> None:
    """Sends bytes over TLS that are no HTTP."""
    await sends(port, tls, iter((GARBAGE,)))


async def sends_endless_headers(port: int, tls: ssl.SSLContext) -> None:
    """Sends header after header, and no body."""
    lines = (b"X-Filler: " + b"x" * 1000 + b"\r\n" for _ in range(ENOUGH_HEADERS))
    await sends(port, tls, iter((REQUEST[:-2], *lines)))


async def sends_a_huge_body(port: int, tls: ssl.SSLContext) -> None:
    """Reports capabilities of half a gigabyte."""
    head = f"PUT {capabilities_path('device')} HTTP/1.1\r\nHost: bench\r\nContent-Length: {HUGE_BODY}\r\n\r\n"
    piece = bytes(1_000_000)
    await sends(port, tls, iter((head.encode(), *(piece for _ in range(HUGE_BODY // len(piece))))))


@contextlib.contextmanager
def device(folder: Path, port: int, misbehaves: Misbehaving) -> Iterator[None]:
    """Have a peer misbehave at a port, in a thread of its own, once the connection sheet is in a folder."""
    loop, leave = asyncio.new_event_loop(), asyncio.Event()

    async def behave() -> None:
        sheet = folder / "device/connection.txt"
        while not sheet.is_file():  # noqa: ASYNC110 - another thread or process is waited for
            await asyncio.sleep(0.02)
        tls = ssl.create_default_context(cafile=folder / "device/trust-anchors.pem")
        tls.check_hostname = False
        tls.load_cert_chain(folder / "device/svid.pem", folder / "device/svid_key.pem")
        while True:
            with contextlib.suppress(OSError):
                await misbehaves(port, tls)
            await asyncio.sleep(0.05)

    async def live() -> None:
        behaving = asyncio.ensure_future(behave())
        await leave.wait()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(behaving, *others, return_exceptions=True)
        await asyncio.sleep(0.05)

    thread = threading.Thread(target=loop.run_until_complete, args=(live(),))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(leave.set)
        thread.join(20)
        loop.close()


def free_port() -> int:
    """Give a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as trial:
        return int(trial.getsockname()[1])
