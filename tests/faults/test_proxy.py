"""The forward proxy: tunnels there and back, what it refuses, and an end with tunnels that are still open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from simulator.faults.proxy import ConnectProxy

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def echo() -> AsyncIterator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(line)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def proxying() -> AsyncIterator[ConnectProxy]:
    proxy = await ConnectProxy().start()
    try:
        yield proxy
    finally:
        await proxy.stop()


async def asked(proxy: ConnectProxy, head: str) -> tuple[bytes, Streams]:
    """Send a head; gives the first line of the answer and the connection."""
    port = int(proxy.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{head}\r\n\r\n".encode())
    return (await reader.readuntil(b"\r\n\r\n")).splitlines()[0], (reader, writer)


def test_a_tunnel_carries_bytes_there_and_back_and_is_remembered() -> None:
    async def scenario() -> None:
        async with echo() as port, proxying() as proxy:
            said, (reader, writer) = await asked(proxy, f"CONNECT 127.0.0.1:{port} HTTP/1.1")
            assert said == b"HTTP/1.1 200 Connection established"
            writer.write(b"hello\n")
            writer.write_eof()
            assert await reader.read() == b"hello\n"
            assert proxy.tunnels == [f"127.0.0.1:{port}"]
            writer.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET http://127.0.0.1/ HTTP/1.1", b"405"),
        ("CONNECT nowhere HTTP/1.1", b"502"),
        ("CONNECT 127.0.0.1:1 HTTP/1.1", b"502"),
    ],
)
def test_anything_else_is_refused(head: str, status: bytes) -> None:
    async def scenario() -> None:
        async with proxying() as proxy:
            said, (_, writer) = await asked(proxy, head)
            assert said.split()[1] == status
            writer.close()

    asyncio.run(scenario())


def test_stopping_with_an_open_tunnel_ends_it_and_nothing_is_logged_as_an_error() -> None:
    async def scenario() -> None:
        wrong: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: wrong.append(context))
        async with echo() as port:
            async with proxying() as proxy:
                said, (reader, writer) = await asked(proxy, f"CONNECT 127.0.0.1:{port} HTTP/1.1")
                assert said.split()[1] == b"200"
                _, (_, idle) = await asked(proxy, "CONNECT 127.0.0.1:1 HTTP/1.1")
            with suppress(ConnectionError):
                assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()
            idle.close()
            await asyncio.sleep(0)
        assert wrong == []

    asyncio.run(scenario())
