"""The simulated clock jumps where nothing is under way, and only there."""

import asyncio
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_seat import simulated_seat
from conformance.bench.ics import Ics
from conformance.bench.loop import BackgroundLoop
from conformance.bench.recorder import Recorder
from conformance.catalogue import load
from conformance.record.events import Header, Subject
from conformance.record.file import EventWriter

HOUR_S = 3600.0
SOON_S = 20.0
"""Far less than an hour, however busy the machine is."""


@pytest.fixture
def loop() -> Iterator[BackgroundLoop]:
    simulated = BackgroundLoop("simulated")
    yield simulated
    simulated.close()


@pytest.fixture
def recorder(tmp_path: Path, loop: BackgroundLoop) -> Iterator[Recorder]:
    with EventWriter(tmp_path / "events.ndjson") as writer:
        made = Recorder(writer)
        subject = Subject(role="device", name="x", target="simulated", profile="standalone")
        made.append(Header(run="r", started="now", suite="1", revision="1.0.0-rc.3", subjects=(subject,)))
        made.use(loop.clock)
        made.begin(1, "device", {})
        yield made


def test_hours_pass_at_once(loop: BackgroundLoop) -> None:
    began, simulated, unix = time.monotonic(), loop.clock.now(), loop.clock.unix()
    loop.run(asyncio.sleep(6 * HOUR_S))
    assert loop.clock.now() - simulated == pytest.approx(6 * HOUR_S, abs=0.1)
    assert loop.clock.unix() - unix == pytest.approx(6 * HOUR_S, abs=0.1)
    assert time.monotonic() - began < SOON_S


def test_time_stands_still_while_the_steps_compute(loop: BackgroundLoop) -> None:
    rung: list[float] = []

    async def later() -> None:
        asyncio.get_running_loop().call_later(HOUR_S, lambda: rung.append(1.0))

    loop.run(later())
    for _ in range(200):
        loop.run(asyncio.sleep(0))
    assert not rung, "between two calls nobody waited"
    loop.run(asyncio.sleep(HOUR_S))
    assert rung


def test_work_in_a_thread_takes_no_time(loop: BackgroundLoop) -> None:
    def work() -> bytes:
        return hashlib.pbkdf2_hmac("sha256", b"p", b"s", 200_000)

    async def within(seconds: float) -> bytes:
        async with asyncio.timeout(seconds):
            return await asyncio.to_thread(work)

    assert loop.run(within(0.02))


def test_real_sockets_and_simulated_delays(loop: BackgroundLoop) -> None:
    answering: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.append(asyncio.current_task())  # type: ignore[arg-type]
        await reader.readexactly(4)
        await asyncio.sleep(HOUR_S)
        writer.write(b"pong")
        writer.close()
        await writer.wait_closed()

    async def ask(patience: float) -> bytes:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"ping")
            async with asyncio.timeout(patience):
                return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()
            server.close()
            for task in answering:
                await asyncio.wait([task])

    assert loop.run(ask(2 * HOUR_S)) == b"pong"
    with pytest.raises(TimeoutError):
        loop.run(ask(HOUR_S / 2))


def test_waiting_for_evidence_ends_with_it_or_at_the_deadline(loop: BackgroundLoop, recorder: Recorder) -> None:
    async def later() -> None:
        asyncio.get_running_loop().call_later(HOUR_S, recorder.note, "rebooted")

    loop.run(later())
    began = recorder.now()
    assert not recorder.until(lambda record: record.facts_of("rebooted"), within=HOUR_S / 2)
    assert recorder.now() - began == pytest.approx(HOUR_S / 2, abs=0.1)
    assert recorder.until(lambda record: record.facts_of("rebooted"), within=HOUR_S)
    assert recorder.now() - began == pytest.approx(HOUR_S, abs=0.1)


def test_who_never_rests_grows_older_too(loop: BackgroundLoop, recorder: Recorder) -> None:
    async def restless() -> None:
        while True:  # noqa: ASYNC110 - restless on purpose
            await asyncio.sleep(0)

    async def begin() -> asyncio.Task[None]:
        return asyncio.create_task(restless())

    task = loop.run(begin())
    assert not recorder.until(lambda _: False, within=0.1)
    assert not task.done()


def test_no_two_readings_are_the_same(loop: BackgroundLoop) -> None:
    readings = [loop.clock.now() for _ in range(100)]
    assert readings == sorted(set(readings))


def test_another_clock_takes_up_where_the_former_stood(tmp_path: Path) -> None:
    loop = BackgroundLoop("simulated")
    with EventWriter(tmp_path / "other.ndjson") as writer:
        recorder = Recorder(writer)
        recorder.use(loop.clock)
        loop.run(asyncio.sleep(HOUR_S))
        before = recorder.now()
        wall = BackgroundLoop()
        recorder.use(wall.clock)
        assert HOUR_S < before <= recorder.now() < before + SOON_S
        wall.close()
    loop.close()


def test_a_device_comes_back_after_half_a_day_without_network(loop: BackgroundLoop, recorder: Recorder) -> None:
    ics = Ics.of_reference("device")
    bench = simulated_seat(ics).make_bench(ics, recorder, load(), loop)
    assert isinstance(bench, DeviceBench)
    began = time.monotonic()
    try:
        bench.open()
        bench.run(("multipart", 1))
        bench.configure(poll_s=300.0)
        cut = bench.cut()
        bench.let_pass(12 * HOUR_S)
        assert not [poll for poll in bench.record.polls if poll.at > cut.at]
        restored = bench.restore()
        assert restored.at - cut.at == pytest.approx(12 * HOUR_S, abs=1.0)
        assert recorder.until(lambda record: [poll for poll in record.polls if poll.at > restored.at], within=600.0)
        bench.look()
        assert bench.deployment_id("multipart") in bench.record.facts_of("workloads")[-1].data["running"]
    finally:
        bench.close()
    assert time.monotonic() - began < SOON_S
