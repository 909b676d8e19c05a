"""The back end that the user of a device has its telemetry go to: OTLP over HTTP, in JSON or protobuf, in plain.

It takes whatever comes and keeps the names of it alone: what telemetry has to say is defined by no revision (A-21).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from aiohttp import web

from conformance.bench.device_bench import DeviceBench
from conformance.record.events import Fact

MAX_BODY = 4 * 1024 * 1024
MAX_EXPORTS = 300
"""How many exports of a scenario are recorded; more of them would show no more."""
MAX_NAMES = 50
SIGNALS = ("metrics", "logs", "traces")
LENGTH_DELIMITED = 2
_GROUPS = {
    "metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
    "traces": ("resourceSpans", "scopeSpans", "spans"),
}
_NAME = {"metrics": 1, "traces": 5}
"""The number of the member `name` of a metric and of a span, by the protobuf definitions of OTLP 1.x."""
Heard = Callable[..., object]


class BackEnd:
    """Listens at a port that stays the same while it is closed and opened again; `heard` is told of every export."""

    def __init__(self, heard: Heard, host: str, public: str) -> None:
        self._heard = heard
        self._host, self._public, self._port = host, public, 0
        self._runner: web.AppRunner | None = None
        self.count = 0

    @property
    def url(self) -> str:
        """The OTLP endpoint that a device is told of; valid once it was open."""
        name = f"[{self._public}]" if ":" in self._public else self._public
        return f"http://{name}:{self._port}"

    async def open(self) -> Self:
        """Listen. Raises OSError."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_post("/v1/{signal}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def close(self) -> None:
        """Listen no more, and break what is open; safe to call twice."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        signal, kind = request.match_info["signal"], request.content_type
        if signal not in SIGNALS or kind not in ("application/json", "application/x-protobuf"):
            return web.Response(status=404 if signal not in SIGNALS else 415)
        data = await request.read()
        self.count += 1
        if self.count <= MAX_EXPORTS:
            found = names(signal, data, packed=kind != "application/json")
            self._heard(signal=signal, content=kind, size=len(data), names=found[:MAX_NAMES], named=len(found))
        body = b"" if kind == "application/x-protobuf" else b"{}"
        return web.Response(body=body, content_type=kind)


def names(signal: str, data: bytes, *, packed: bool) -> list[str]:
    """Give the names of metrics or spans in an export, each once and sorted; none for logs, or where it is damaged."""
    if signal not in _GROUPS:
        return []
    try:
        found = _packed_names(data, _NAME[signal]) if packed else _json_names(json.loads(data), _GROUPS[signal])
        return sorted(set(found))
    except (ValueError, IndexError, TypeError, AttributeError, RecursionError):
        return []


def _json_names(value: Any, groups: tuple[str, ...]) -> Iterator[str]:
    if not groups:
        yield str(value.get("name", ""))
        return
    for item in value.get(groups[0], ()):
        yield from _json_names(item, groups[1:])


def _packed_names(data: bytes, number: int) -> Iterator[str]:
    """Give the names behind resource (1), scope (2) and item (2), where each stands in an export of any signal."""
    for resource in _members(data, 1):
        for scope in _members(resource, 2):
            for item in _members(scope, 2):
                yield from (name.decode() for name in _members(item, number))


def _members(data: bytes, number: int) -> Iterator[bytes]:
    """Give the length-delimited members of a number, passing over all others (protobuf encoding). Raises ValueError."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        match tag & 7:
            case 0:
                _, at = _varint(data, at)
            case 1:
                at += 8
            case 5:
                at += 4
            case 2:
                size, at = _varint(data, at)
                if at + size > len(data):
                    raise ValueError("a member is longer than what holds it")
                if tag >> 3 == number:
                    yield data[at : at + size]
                at += size
            case kind:
                raise ValueError(f"wire type {kind}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("a number without end")


# --- what scenarios do with it ---------------------------------------------------------------------------------------


def open_back_end(bench: DeviceBench) -> None:
    """Open the back end until the scenario ends; nobody is told of it yet."""
    host, public = bench.world.listening
    backend = BackEnd(lambda **told: bench.note("telemetry", **told), host, public)
    bench.loop.run(backend.open())
    bench.at_end(lambda: bench.loop.run(backend.close()))
    bench.named["back end"] = backend
    bench.note("back-end-opened", url=backend.url)


def export_there(bench: DeviceBench, *, wanted: bool = True) -> Fact:
    """Have the user of the device say that telemetry goes to the back end, or no more."""
    return bench.configure(export=back_end(bench).url if wanted else None)


def close_path(bench: DeviceBench) -> Fact:
    """Have nothing get through to the back end."""
    bench.loop.run(back_end(bench).close())
    return bench.note("telemetry-closed")


def open_path(bench: DeviceBench) -> Fact:
    """Have it get through again."""
    bench.loop.run(back_end(bench).open())
    return bench.note("telemetry-open")


def back_end(bench: DeviceBench) -> BackEnd:
    """Give the back end of the scenario."""
    found: Mapping[str, Any] = bench.named
    backend = found["back end"]
    assert isinstance(backend, BackEnd)  # noqa: S101 - a step before opened it
    return backend
