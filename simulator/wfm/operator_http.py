"""What the operator's and the bench's HTTP APIs share: routes as data, JSON in and out, problems as documents."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from simulator.listening import Served
from simulator.protocol.documents import DocumentError, expectation, parse_json, shown
from simulator.protocol.problem import FieldError, Problem, ProblemType
from simulator.wfm.http import problem_response, serve_on
from simulator.wfm.refusals import Refusal, SemanticError, refusal_of

MAX_BODY = 32 * 1024 * 1024
log = logging.getLogger("margo.wfm")
M = TypeVar("M", bound="OperatorModel")


class OperatorModel(BaseModel):
    """A JSON document of these APIs: camelCase members, no unknown ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


@dataclass(frozen=True, slots=True)
class Query:
    """A query parameter."""

    name: str
    description: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: how it is called, what it takes and gives. `request` and `response` None: no body.

    `path` is as OpenAPI writes it; a parameter in `deep` may hold slashes.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    name: str
    summary: str
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    request: type[OperatorModel] | str | None = None
    response: type[OperatorModel] | None = None
    status: int = 200
    query: tuple[Query, ...] = ()
    deep: tuple[str, ...] = ()

    @property
    def pattern(self) -> str:
        """The path as aiohttp takes it."""
        pattern = self.path
        for name in self.deep:
            pattern = pattern.replace(f"{{{name}}}", f"{{{name}:.+}}")
        return pattern


class OperatorServer:
    """Routes on a port of their own, plain HTTP; meant for the loopback."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._app = web.Application(middlewares=[_problems], client_max_size=MAX_BODY)
        for route in routes:
            self._app.router.add_route(route.method, route.pattern, route.handler)
        self._served: Served | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; gives the port. Raises PortInUse."""
        runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=1.0)
        self._served = await serve_on(runner, host, port)
        return self._served.port

    async def stop(self) -> None:
        """Stop listening and close what is open."""
        served, self._served = self._served, None
        if served is not None:
            await served.stop()


async def read_model(request: web.Request, model: type[M]) -> M:
    """The body as a model. Raises Refusal with every wrong field; 415 for another media type."""
    if request.content_type != "application/json":
        raise _media_type("application/json", request)
    try:
        value = parse_json(await request.read(), "request")
    except DocumentError as error:
        raise refusal_of(error) from None
    try:
        return model.model_validate(value)
    except ValidationError as error:
        items = error.errors(include_url=False)
        fields = [(".".join(map(str, item["loc"])) or "(root)", _message(item)) for item in items]
        detail = "; ".join(f"{name}: {message}" for name, message in fields)
        errors = tuple(FieldError(field=name, message=message) for name, message in fields)
        raise SemanticError(detail, errors) from None


async def read_archive(request: web.Request) -> bytes:
    """The body as a tar.gz; 415 for another media type."""
    if request.content_type not in ("application/gzip", "application/x-gzip", "application/octet-stream"):
        raise _media_type("application/gzip", request)
    return await request.read()


def give(model: OperatorModel, status: int = 200) -> web.Response:
    """A model as the response."""
    text = model.model_dump_json(by_alias=True)
    return web.Response(status=status, text=text, content_type="application/json")


def time_text(at: float) -> str:
    """Seconds since the epoch as RFC 3339 text in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def time_of(text: str, field: str) -> float:
    """RFC 3339 text as seconds since the epoch. Raises SemanticError."""
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))  # a plus sign that a query string made a blank
    except ValueError:
        raise SemanticError.of_field(field, f"expected a time such as 2026-03-01T12:00:00Z, found {text!r}") from None
    if moment.tzinfo is None:
        raise SemanticError.of_field(field, f"expected a time with its zone, found {text!r}")
    return moment.timestamp()


def query(request: web.Request, name: str) -> str | None:
    """A query parameter. Raises SemanticError when it is given twice."""
    values = request.query.getall(name, [])
    if len(values) > 1:
        raise SemanticError.of_field(name, "expected it once, found it more often")
    return values[0] if values else None


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong becomes a problem document."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return problem_response(refusal.problem())
    except DocumentError as error:
        return problem_response(refusal_of(error).problem())
    except ValueError as error:
        return problem_response(SemanticError(str(error)).problem())
    except web.HTTPException as error:
        return problem_response(Problem.of(ProblemType.BLANK, error.reason, status=error.status))
    except ConnectionError:
        raise
    except Exception:
        log.exception("request failed: %s %s", request.method, request.path)
        return problem_response(Problem.of(ProblemType.BLANK, "the WFM failed", status=500, retry_after_s=1))


def _media_type(expected: str, request: web.Request) -> web.HTTPException:
    return web.HTTPUnsupportedMediaType(reason=f"Content-Type: expected {expected}, found {request.content_type}")


def _message(item: Any) -> str:
    found = "nothing" if item["type"] == "missing" else shown(item.get("input"))
    return f"expected {expectation(item)}, found {found}"
