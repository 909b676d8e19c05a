"""The back end of the user's telemetry: it reads what collectors send, and what it was told is judged rightly."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.bench.device_telemetry import BackEnd, names
from conformance.checks.device import telemetry
from conformance.checks.evidence import Record
from conformance.checks.registry import Seen
from conformance.record.events import Exchange, Fact
from simulator.device.telemetry import CONTAINER_METRICS, HOST_METRICS, Collector
from simulator.device.workloads import Machine

NAMES = st.lists(st.text(min_size=1, max_size=40), max_size=5)


def member(number: int, data: bytes) -> bytes:
    """Encode a length-delimited member as protobuf has it."""
    assert len(data) < 1 << 14
    size = bytes([len(data)]) if len(data) < 0x80 else bytes([len(data) & 0x7F | 0x80, len(data) >> 7])
    return bytes([number << 3 | 2]) + size + data


def export_of(found: list[str], number: int) -> bytes:
    """Encode an export with things of some names, each beside members that do not matter here."""
    beside = b"\x08\x96\x01" + b"\x11" + bytes(8) + b"\x25" + bytes(4) + member(9, b"other")
    items = b"".join(member(2, beside + member(number, name.encode()) + beside) for name in found)
    return member(1, member(1, member(1, b"resource")) + member(2, member(1, b"scope") + items))


@pytest.mark.parametrize(("signal", "number"), [("metrics", 1), ("traces", 5)])
@given(found=NAMES)
def test_names_are_read_from_protobuf(signal: str, number: int, found: list[str]) -> None:
    assert names(signal, export_of(found, number), packed=True) == sorted(set(found))


@given(data=st.binary(max_size=200), packed=st.booleans())
def test_whatever_is_sent_is_survived(data: bytes, packed: bool) -> None:
    assert isinstance(names("metrics", data, packed=packed), list)


async def _exported(tell: Callable[..., object]) -> tuple[int, int]:
    """Have the collector of the reference export to a back end that closes and opens; gives how much came."""
    heard = asyncio.Event()
    count = 0

    def hear(**told: Any) -> None:
        nonlocal count
        count += 1
        heard.set()
        tell(**told)

    back_end = await BackEnd(hear, "127.0.0.1", "127.0.0.1").open()
    collector = Collector("d-1", Machine(), back_end.url, 0.02)
    collector.start()
    try:
        async with asyncio.timeout(10):
            await heard.wait()
            await back_end.close()
            before = count
            heard.clear()
            await back_end.open()
            await heard.wait()
    finally:
        await collector.stop()
        await back_end.close()
    return before, count


def test_the_reference_exports_and_is_not_put_off_by_a_path_that_was_closed() -> None:
    told: list[Mapping[str, Any]] = []
    before, after = asyncio.run(_exported(lambda **one: told.append(one)))
    assert 0 < before < after
    assert told[0]["signal"] == "metrics"
    assert set(told[0]["names"]) == set(HOST_METRICS)
    assert not set(CONTAINER_METRICS) & set(told[0]["names"]), "nothing runs on this machine"


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("/v1/metrics", "application/x-protobuf", 200),
        ("/v1/profiles", "application/json", 404),
        ("/v1/logs", "text/x", 415),
    ],
)
def test_what_is_no_otlp_is_answered_as_such(path: str, kind: str, status: int) -> None:
    async def ask() -> int:
        back_end = await BackEnd(lambda **_: None, "127.0.0.1", "127.0.0.1").open()
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.post(back_end.url + path, data=json.dumps({}), headers={"Content-Type": kind}) as response,
            ):
                return response.status
        finally:
            await back_end.close()

    assert asyncio.run(ask()) == status


def fact(kind: str, at: float, **data: Any) -> Fact:
    return Fact(n=int(at * 10), at=at, scenario=1, kind=kind, data=data)


def poll(at: float) -> Exchange:
    named = {"method": "GET", "target": "/", "scenario": 1, "seat": "client", "operation": "fetch-manifest"}
    return Exchange(n=int(at * 10), at=at, finished=at + 0.01, status=304, **named)


POLLS = tuple(poll(at) for at in (1.0, 2.0, 3.0, 4.0, 6.0, 7.0, 8.0, 9.0))
ASKED = fact("configured", 1.5, export="http://b", began=1.4)
TAKEN_BACK = fact("configured", 5.0, export=None, began=4.9, told={"export": None})


def export(at: float) -> Fact:
    return fact("telemetry", at, names=["system.cpu.time"])


@pytest.mark.parametrize(
    ("exports", "seen"),
    [
        ((export(2.0), export(5.2)), Seen.KEPT),
        ((export(2.0), export(7.0)), Seen.BROKEN),
        ((export(1.1), export(2.0)), Seen.BROKEN),
        ((export(7.0),), Seen.UNSEEN),
        ((), Seen.UNSEEN),
    ],
)
def test_telemetry_that_nobody_asked_for_is_told(exports: tuple[Fact, ...], seen: Seen) -> None:
    record = Record("device", POLLS, facts=(ASKED, *exports, TAKEN_BACK))
    assert [item.seen for item in telemetry.telemetry_leaves_only_when_asked(record)] == [seen]


@pytest.mark.parametrize(
    ("exports", "seen"), [((2.0, 7.0), Seen.UNSEEN), ((1.1, 2.0), Seen.BROKEN), ((2.0,), Seen.KEPT)]
)
def test_telemetry_that_a_hook_did_not_take_back_is_held_against_nobody(exports: tuple[float, ...], seen: Seen) -> None:
    silent = fact("configured", 5.0, export=None, began=4.9, told=None)
    record = Record("device", POLLS, facts=(ASKED, *map(export, exports), silent))
    assert [item.seen for item in telemetry.telemetry_leaves_only_when_asked(record)] == [seen]


@pytest.mark.parametrize(
    ("exports", "seen"),
    [
        ((export(2.0), export(4.0), export(5.0)), Seen.KEPT),
        ((export(2.0), export(3.1), export(7.0)), Seen.BROKEN),
        ((export(4.0), export(5.0)), Seen.UNSEEN),
    ],
)
def test_telemetry_that_waits_for_the_wfm_is_told(exports: tuple[Fact, ...], seen: Seen) -> None:
    facts = (fact("network-cut", 3.0), fact("network-restored", 6.0), *exports)
    record = Record("device", facts=facts, claims={"policies": {"runtime-status": "otlp"}})
    assert [item.seen for item in telemetry.telemetry_needs_no_wfm(record)] == [seen]
