"""Devices that hang, half-close, stop in the middle or never come: the run ends in time, and says which it was."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from conformance.bench.device_external import Arrangement
from conformance.bench.device_seat import external_seat
from conformance.bench.device_world import Endpoint
from conformance.bench.errors import UsageError
from conformance.bench.flood import Tally
from conformance.bench.ics import Ics
from conformance.bench.run import RunPlan, run
from conformance.bench.scenarios import Selection
from conformance.record.run import Run

WAIT_S = 1.5
Misbehaving = Callable[[int, ssl.SSLContext], Awaitable[None]]
REQUEST = b"GET /api/v1/deployments HTTP/1.1\r\nHost: bench\r\n\r\n"


async def opened(port: int, tls: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port, ssl=tls)


async def hangs(port: int, _: ssl.SSLContext) -> None:
    await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(60)


async def stops_in_the_middle(port: int, tls: ssl.SSLContext) -> None:
    _, writer = await opened(port, tls)
    writer.write(REQUEST[:20])
    await asyncio.sleep(60)


async def half_closes(port: int, _: ssl.SSLContext) -> None:
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write_eof()
        with contextlib.suppress(OSError):
            await reader.read()
        writer.close()
        await asyncio.sleep(0.05)


@contextlib.contextmanager
def device(folder: Path, port: int, misbehaves: Misbehaving) -> Iterator[None]:
    """A peer with the right credentials and the wrong manners, in a thread of its own."""
    loop = asyncio.new_event_loop()

    async def behave() -> None:
        sheet = folder / "device/connection.txt"
        while not sheet.is_file():  # noqa: ASYNC110 - another thread is waited for
            await asyncio.sleep(0.02)
        tls = ssl.create_default_context(cafile=folder / "device/trust-anchors.pem")
        tls.check_hostname = False
        tls.load_cert_chain(folder / "device/svid.pem", folder / "device/svid_key.pem")
        while True:
            with contextlib.suppress(OSError):
                await misbehaves(port, tls)
            await asyncio.sleep(0.05)

    task = loop.create_task(behave())

    def serve() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(20)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as trial:
        return int(trial.getsockname()[1])


def run_with(folder: Path, misbehaves: Misbehaving | None) -> Run:
    port = free_port()
    said: list[str] = []
    arrangement = Arrangement(Endpoint(port=port), folder, tell=said.append)
    limits = {"connect": WAIT_S, "poll": 1.0, "apply": 1.0}
    ics = Ics.of_reference("device").model_copy(update={"limits": limits})
    seat = external_seat(ics, arrangement, wait_s=WAIT_S)
    plan = RunPlan((seat,), folder / "out", selection=Selection(text="A chart is deployed"))
    with device(folder, port, misbehaves) if misbehaves else contextlib.nullcontext():
        return run(plan)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(
    ("misbehaves", "words"),
    [
        (None, "no device connected"),
        (hangs, "none led to a request|no device connected"),
        (half_closes, "none led to a request|no device connected"),
        (stops_in_the_middle, "none led to a request"),
    ],
)
def test_a_device_that_makes_no_request_ends_the_run_and_is_described(
    misbehaves: Misbehaving | None, words: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=words):
        run_with(tmp_path, misbehaves)


def test_a_tally_begins_anew_with_each_scenario() -> None:
    tally = Tally(max_exchanges=2, max_bytes=100)
    assert [tally.admits(1, 10, 0.0) for _ in range(3)] == [True, True, False]
    assert tally.admits(2, 10, 1.0)
    assert not tally.admits(2, 1000, 1.5)
    assert tally.words(2.0) == "2 requests and connections with 1010 bytes within 1.0 s"
