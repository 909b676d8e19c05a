"""The control API: what a bench may do to the reference WFM and no device or operator ever can.

It has a port of its own, off by default, and is never reachable through the management port.
"""

from base64 import b64encode
from collections import deque
from typing import Any, Protocol

from aiohttp import web
from pydantic import Field

from simulator.faults.intercept import ObservedExchange
from simulator.faults.plan import FaultPlan, Faults
from simulator.protocol.documents import DocumentError
from simulator.wfm.api import ApiSettings
from simulator.wfm.load import LoadGate, LoadLimit
from simulator.wfm.openapi import openapi
from simulator.wfm.operator_http import OperatorModel, Query, Route, give, query, read_model
from simulator.wfm.refusals import SemanticError
from simulator.wfm.service import WfmService
from simulator.wfm.shelf import PackageShelf
from simulator.wfm.state import Desired

ROOT = "/control/v1"
MAX_HISTORY = 1000


class Controlled(Protocol):
    """The parts of a running WFM that control reaches."""

    service: WfmService
    gate: LoadGate
    settings: ApiSettings
    shelf: PackageShelf
    faults: Faults
    history: "ExchangeHistory"


class ExchangeHistory:
    """The newest exchanges of the management port, numbered from 1."""

    def __init__(self, size: int = MAX_HISTORY) -> None:
        self._exchanges: deque[tuple[int, ObservedExchange]] = deque(maxlen=size)
        self._count = 0

    def add(self, exchange: ObservedExchange) -> None:
        """Remember an exchange."""
        self._count += 1
        self._exchanges.append((self._count, exchange))

    def after(self, number: int) -> list[tuple[int, ObservedExchange]]:
        """The exchanges behind a number."""
        return [(found, exchange) for found, exchange in self._exchanges if found > number]

    def clear(self) -> None:
        """Forget them; the numbers go on."""
        self._exchanges.clear()


class Health(OperatorModel):
    """The WFM runs."""

    status: str
    clients: int
    journal: int


class NextVersion(OperatorModel):
    """The version of a client's next manifest."""

    version: int = Field(strict=True)


class Load(OperatorModel):
    """A limit of load; see `LoadLimit`."""

    max_concurrent: int | None = Field(default=None, ge=0)
    rate_per_s: float | None = Field(default=None, gt=0)
    burst: int = Field(default=10, ge=1)
    retry_after_s: int = Field(default=1, ge=0)


class Compression(OperatorModel):
    """Which content is compressed for clients that accept gzip."""

    deployments: bool = False
    bundles: bool = False


class Published(OperatorModel):
    """A manifest that is served now."""

    version: int
    etag: str


class ExchangeInfo(OperatorModel):
    """An observed exchange; bodies in base64, times in seconds of the monotonic clock."""

    number: int
    operation: str
    params: dict[str, str]
    method: str
    target: str
    request_headers: list[tuple[str, str]]
    request_body: str
    status: int | None
    response_headers: list[tuple[str, str]]
    response_body: str
    started: float
    ended: float
    peer: str | None
    fault: str | None
    outcome: str

    @classmethod
    def of(cls, number: int, exchange: ObservedExchange) -> "ExchangeInfo":
        """Describe an exchange."""
        return cls(
            number=number,
            operation=exchange.operation,
            params=dict(exchange.params),
            method=exchange.method,
            target=exchange.target,
            request_headers=list(exchange.request_headers),
            request_body=b64encode(exchange.request_body).decode(),
            status=exchange.status,
            response_headers=list(exchange.response_headers),
            response_body=b64encode(exchange.response_body).decode(),
            started=exchange.started,
            ended=exchange.ended,
            peer=exchange.peer,
            fault=exchange.fault,
            outcome=exchange.outcome,
        )


class ExchangeList(OperatorModel):
    """Exchanges, oldest first."""

    exchanges: list[ExchangeInfo]


class Control:
    """The routes of the control API."""

    def __init__(self, wfm: Controlled) -> None:
        self._wfm = wfm

    def routes(self) -> tuple[Route, ...]:
        """Every operation of this API."""
        client = f"{ROOT}/clients/{{client}}"
        after = (Query("after", "only exchanges behind this number"),)
        ids = (Query("deploymentId", "default: the document's"), Query("deviceId", "default: the document's"))
        yaml = "application/yaml"
        faults, load = f"{ROOT}/faults", f"{ROOT}/load-limit"
        return (
            Route("GET", f"{ROOT}/openapi.json", "openApi", "This description", self._openapi),
            Route("GET", f"{ROOT}/health", "health", "Whether the WFM runs", self._health, None, Health),
            Route("PUT", f"{client}/retirement", "retire", "Retire a client", self._retire, status=204),
            Route("DELETE", f"{client}/retirement", "reinstate", "Reinstate it", self._reinstate, status=204),
            Route("PUT", f"{client}/next-version", "jump", "Force a version", self._jump, NextVersion, None, 204),
            Route(
                "POST",
                f"{client}/documents",
                "putDocument",
                "Serve YAML as it is",
                self._put,
                yaml,
                Published,
                201,
                ids,
            ),
            Route("PUT", load, "limitLoad", "Set the load limit", self._limit, Load, None, 204),
            Route("DELETE", load, "unlimitLoad", "No load limit", self._unlimit, status=204),
            Route("PUT", f"{ROOT}/compression", "compress", "Compression", self._compress, Compression, None, 204),
            Route("GET", faults, "readFaults", "The fault plan", self._read_faults),
            Route("PUT", faults, "setFaults", "Run a fault plan", self._set_faults, "application/json", None, 204),
            Route("DELETE", faults, "clearFaults", "Disturb nothing", self._clear_faults, status=204),
            Route("GET", f"{ROOT}/exchanges", "history", "Requests", self._history, None, ExchangeList, 200, after),
            Route("POST", f"{ROOT}/reset", "reset", "Start from nothing", self._reset, status=204),
        )

    async def _openapi(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(openapi(self.routes(), "Reference WFM, control API"))

    async def _health(self, _: web.Request) -> web.StreamResponse:
        core = self._wfm.service.core
        return give(Health(status="ok", clients=len(core.clients), journal=len(core.journal)))

    async def _retire(self, request: web.Request) -> web.StreamResponse:
        await self._wfm.service.retire(request.match_info["client"])
        return web.Response(status=204)

    async def _reinstate(self, request: web.Request) -> web.StreamResponse:
        await self._wfm.service.retire(request.match_info["client"], retired=False)
        return web.Response(status=204)

    async def _jump(self, request: web.Request) -> web.StreamResponse:
        wanted = await read_model(request, NextVersion)
        await self._wfm.service.jump_version(request.match_info["client"], wanted.version)
        return web.Response(status=204)

    async def _put(self, request: web.Request) -> web.StreamResponse:
        """Serve a document as it is; broken ones need their ids in the query."""
        body = await request.read()
        deployment_id, device_id = query(request, "deploymentId"), query(request, "deviceId")
        try:
            desired = Desired.from_yaml(body)
        except DocumentError:
            if deployment_id is None or device_id is None:
                raise
            desired = Desired(deployment_id, device_id, body)
        if deployment_id is not None and device_id is not None:
            desired = Desired(deployment_id, device_id, body, desired.name, desired.components)
        publication = await self._wfm.service.change(request.match_info["client"], [desired], actor="bench")
        return give(Published(version=publication.version, etag=publication.etag), 201)

    async def _limit(self, request: web.Request) -> web.StreamResponse:
        wanted = await read_model(request, Load)
        limit = LoadLimit(wanted.max_concurrent, wanted.rate_per_s, wanted.burst, wanted.retry_after_s)
        self._wfm.gate.limit = limit
        return web.Response(status=204)

    async def _unlimit(self, _: web.Request) -> web.StreamResponse:
        self._wfm.gate.limit = None
        return web.Response(status=204)

    async def _compress(self, request: web.Request) -> web.StreamResponse:
        wanted = await read_model(request, Compression)
        self._wfm.settings.compress_deployments = wanted.deployments
        self._wfm.settings.compress_bundles = wanted.bundles
        return web.Response(status=204)

    async def _read_faults(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text=self._wfm.faults.plan.to_json(), content_type="application/json")

    async def _set_faults(self, request: web.Request) -> web.StreamResponse:
        self._wfm.faults.replace(FaultPlan.from_json(await request.read()))
        return web.Response(status=204)

    async def _clear_faults(self, _: web.Request) -> web.StreamResponse:
        self._wfm.faults.clear()
        return web.Response(status=204)

    async def _history(self, request: web.Request) -> web.StreamResponse:
        after = query(request, "after") or "0"
        if not after.isdecimal():
            raise SemanticError.of_field("after", f"expected a number, found {after!r}")
        found: list[Any] = [ExchangeInfo.of(*pair) for pair in self._wfm.history.after(int(after))]
        return give(ExchangeList(exchanges=found))

    async def _reset(self, _: web.Request) -> web.StreamResponse:
        await self._wfm.service.reset()
        self._wfm.shelf.clear()
        self._wfm.faults.clear()
        self._wfm.history.clear()
        self._wfm.gate.limit = None
        self._wfm.settings.compress_deployments = self._wfm.settings.compress_bundles = False
        return web.Response(status=204)
