"""A port that closes drops no connection it has accepted: nothing is left to the garbage collector."""

import asyncio
import gc
import socket
from contextlib import suppress

import pytest
from aiohttp import web

from simulator.faults.link import Link
from simulator.listening import listen, serve


async def accepted_only() -> None:
    """Give the loop the turns in which it accepts a waiting connection, and not the one that makes its transport."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def test_connection_accepted_while_the_port_closes_reaches_its_protocol() -> None:
    met: list[asyncio.StreamWriter] = []

    def protocol() -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), lambda _reader, writer: met.append(writer))

    async def scenario() -> None:
        listener = await listen(protocol, "127.0.0.1", 0)
        with socket.create_connection(("127.0.0.1", listener.port)):
            await accepted_only()
            await listener.close()
            assert len(met) == 1
            met[0].transport.abort()
            await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", listener.port))

    asyncio.run(scenario())
    met.clear()
    gc.collect()


def test_link_that_is_cut_resets_what_it_just_accepted() -> None:
    async def scenario() -> None:
        async with Link(1) as link:
            with socket.create_connection(("127.0.0.1", link.port)) as caller:
                await accepted_only()
                await link.cut()
                await asyncio.sleep(0)
                caller.settimeout(5)
                with suppress(ConnectionResetError):  # an orderly end tells the caller the same
                    assert caller.recv(1) == b""

    asyncio.run(scenario())
    gc.collect()


def test_runner_whose_port_is_taken_is_cleaned_up() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            runner = web.ServerRunner(web.Server(lambda _request: asyncio.sleep(0, web.Response())))
            with pytest.raises(OSError, match="address already in use"):
                await serve(runner, "127.0.0.1", taken.getsockname()[1])
            assert runner.server is None

    asyncio.run(scenario())
