"""The TCP link: relays, is cut, comes back on the same port, and points elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest

from simulator.faults.link import Link, LinkConnection
from tests.wfm.support import MANIFEST, Client, client_of, running


@asynccontextmanager
async def echo(prefix: bytes = b"") -> AsyncIterator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(prefix + line)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def ask(port: int, text: bytes = b"hello\n") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(text)
        writer.write_eof()
        return await reader.read()
    finally:
        writer.close()


def test_bytes_go_both_ways_and_are_counted() -> None:
    async def scenario() -> None:
        ended: asyncio.Queue[LinkConnection] = asyncio.Queue()
        async with echo(b">") as port, Link(port, on_connection=ended.put_nowait) as link:
            assert await ask(link.port) == b">hello\n"
            connection = await asyncio.wait_for(ended.get(), 5)
            assert (connection.bytes_up, connection.bytes_down, connection.cut) == (6, 7, False)

    asyncio.run(scenario())


def test_cut_resets_and_refuses_until_restored_on_the_same_port() -> None:
    async def scenario() -> None:
        async with echo() as port, Link(port) as link:
            reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
            writer.write(b"one\n")
            assert await reader.readline() == b"one\n"
            before = link.port
            await link.cut()
            assert link.is_cut
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
            with pytest.raises(ConnectionRefusedError):
                await ask(before)
            assert link.connections[0].cut
            await link.restore()
            assert link.port == before
            assert await ask(link.port) == b"hello\n"

    asyncio.run(scenario())


def test_retarget_and_delay() -> None:
    async def scenario() -> None:
        async with echo(b"a") as first, echo(b"b") as second, Link(first) as link:
            assert await ask(link.port) == b"ahello\n"
            link.retarget(second)
            assert await ask(link.port) == b"bhello\n"
            link.delay(0.05)
            started = asyncio.get_running_loop().time()
            assert await ask(link.port) == b"bhello\n"
            assert asyncio.get_running_loop().time() - started >= 0.1

    asyncio.run(scenario())


def test_nothing_behind_the_link_resets_the_caller() -> None:
    async def scenario() -> None:
        async with echo() as port:
            pass
        async with Link(port) as link:
            with suppress(ConnectionResetError):
                assert await ask(link.port) == b""

    asyncio.run(scenario())


def test_mutual_tls_runs_over_the_link_and_survives_a_cut() -> None:
    async def scenario() -> None:
        async with running() as (wfm, _), Link(wfm.management_port) as link, client_of(wfm) as client:
            over = Client(client.session, f"https://127.0.0.1:{link.port}")
            assert (await over.get(MANIFEST)).status == 200
            await link.cut()
            with pytest.raises(aiohttp.ClientConnectionError):
                await over.get(MANIFEST)
            await link.restore()
            assert (await over.get(MANIFEST)).status == 200

    asyncio.run(scenario())


def test_throttled_link_takes_its_time_and_loses_nothing() -> None:
    async def scenario() -> None:
        async with echo() as port, Link(port) as link:
            link.throttle(20_000)
            started = asyncio.get_running_loop().time()
            text = b"x" * 3_999 + b"\n"
            assert await ask(link.port, text) == text
            assert asyncio.get_running_loop().time() - started >= 0.2, "4000 bytes at 20 kB/s"
            link.undisturb()
            assert await ask(link.port) == b"hello\n"

    asyncio.run(scenario())


def test_corrupted_link_flips_one_bit_of_each_connection_and_each_stays_sound_for_twice_as_long() -> None:
    async def scenario() -> None:
        async with echo() as port, Link(port) as link:
            link.corrupt(3)
            assert await ask(link.port, b"aaaaaaaaaaaaaaa\n") == b"aaa`aaaaaaaaaaa\n"
            assert await ask(link.port, b"aaaaaaaaaaaaaaa\n") == b"aaaaaa`aaaaaaaa\n"
            assert await ask(link.port, b"aaaaaaaa\n") == b"aaaaaaaa\n"
            assert link.damaged == 2
            link.undisturb()
            assert await ask(link.port, b"aaaaaaaaaaaaaaa\n") == b"aaaaaaaaaaaaaaa\n"

    asyncio.run(scenario())


def test_a_connection_that_runs_is_damaged_from_then_on() -> None:
    async def scenario() -> None:
        async with echo() as port, Link(port) as link:
            reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
            said = []
            for line in (b"aaaa\n", b"aaaa\n", b"aaaa\n"):
                writer.write(line)
                said.append(await reader.readline())
                if len(said) == 1:
                    link.corrupt(2)
            assert said == [b"aaaa\n", b"aa`a\n", b"aaaa\n"]
            writer.close()

    asyncio.run(scenario())


def test_mutual_tls_notices_every_damage_and_comes_through_in_the_end() -> None:
    async def scenario() -> None:
        async with running() as (wfm, _), Link(wfm.management_port) as link, client_of(wfm) as client:
            over = Client(client.session, f"https://127.0.0.1:{link.port}")
            link.corrupt(100)
            failed, status = 0, None
            while status is None:
                try:
                    status = (await over.get(MANIFEST)).status
                except aiohttp.ClientError:
                    failed += 1
            assert status == 200
            assert 0 < failed <= link.damaged < 10

    asyncio.run(scenario())
