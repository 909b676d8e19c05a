"""The intercepting layer: an aiohttp middleware that applies a fault plan and reports every exchange as it was.

It sends the response itself, so that what is reported are the headers and bytes that left, and it reports requests
that end in a broken connection too.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal
from weakref import WeakKeyDictionary

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from simulator.faults.plan import (
    AlterHeaders,
    Answer,
    Applied,
    CorruptBody,
    Delay,
    DropConnection,
    FaultPlan,
    Faults,
    ReplaceBody,
    TruncateBody,
    corrupt,
)
from simulator.protocol.operations import Call, Operation, recognise

Headers = tuple[tuple[str, str], ...]
Outcome = Literal["answered", "dropped", "broken"]


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What TLS said of the connection, seen from the server."""

    version: str | None
    cipher: str | None
    chain_digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ObservedExchange:
    """One request and what became of it; times are seconds of the event loop's clock.

    `status` is None when no response left; `outcome` is `dropped` when the plan reset the connection and `broken` when
    the peer did or the response could not be sent in full.
    """

    operation: Operation
    params: Mapping[str, str]
    method: str
    target: str
    http_version: str
    request_headers: Headers
    request_body: bytes
    status: int | None
    reason: str
    response_headers: Headers
    response_body: bytes
    started: float
    ended: float
    peer: str | None
    tls: TlsFacts | None
    connection: int
    fault: str | None = None
    outcome: Outcome = "answered"
    request_too_large: bool = False
    """Whether the request's body was beyond the server's bound: none of it is kept."""


class _Dropped(Exception):
    """The plan reset the connection."""


Recogniser = Callable[[str, str], Call]
"""Gives the operation behind a method and a target, which is a matter of the revision."""


def intercept(
    faults: Faults | FaultPlan, on_exchange: Callable[[ObservedExchange], None], recogniser: Recogniser = recognise
) -> Middleware:
    """A middleware that disturbs requests as planned and tells `on_exchange` of each one.

    Give a `Faults` to change the plan while the server runs. `on_exchange` is called on the event loop, once per
    request, after the response has been written or the connection has broken.
    """
    running = Faults(faults) if isinstance(faults, FaultPlan) else faults

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        seen = await _observe(request, recogniser)
        applied = running.take(Call(seen.operation, seen.params), seen.peer)
        seen = replace(seen, fault=applied.name if applied else None)
        try:
            response = await _answer(request, handler, applied)
            body = _body(response)
            sent = await _send(request, response, applied)
        except _Dropped:
            on_exchange(replace(seen, ended=_now(), outcome="dropped"))
            return _reset(request)
        except ConnectionError:
            on_exchange(replace(seen, ended=_now(), outcome="broken"))
            raise
        except asyncio.CancelledError:
            on_exchange(replace(seen, ended=_now(), outcome="broken"))
            raise
        on_exchange(
            replace(
                seen,
                status=response.status,
                reason=response.reason or "",
                response_headers=tuple(response.headers.items()),
                response_body=body[:sent],
                ended=_now(),
                outcome="answered" if sent == len(body) else "dropped",
            )
        )
        return response

    return middleware


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _observe(request: web.BaseRequest, recogniser: Recogniser) -> ObservedExchange:
    """Everything about the request; the body is read whole, within the server's bound."""
    started = _now()
    peer, tls = _peer(request)
    body: bytes | None
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:  # the handler meets and answers it too
        body = None
    target = request.raw_path
    call = recogniser(request.method, target)
    return ObservedExchange(
        operation=call.operation,
        params=call.params,
        method=request.method,
        target=target,
        http_version=f"{request.version.major}.{request.version.minor}",
        request_headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers),
        request_body=body or b"",
        request_too_large=body is None,
        status=None,
        reason="",
        response_headers=(),
        response_body=b"",
        started=started,
        ended=started,
        peer=peer,
        tls=tls,
        connection=_number_of(request),
    )


_numbers = count(1)
_numbered: WeakKeyDictionary[object, int] = WeakKeyDictionary()


def _number_of(request: web.BaseRequest) -> int:
    """A number that no other connection of this process has, not even one that comes after its end."""
    # transports of some event loops take no weak references; their TLS objects do
    tls = request.transport.get_extra_info("ssl_object") if request.transport else None
    try:
        return _numbered.setdefault(tls or request.protocol, next(_numbers))
    except TypeError:
        return id(request.protocol)


def _peer(request: web.BaseRequest) -> tuple[str | None, TlsFacts | None]:
    """The SPIFFE id of a peer that was authenticated in TLS, and the TLS facts; nothing on a plain connection."""
    tls = request.transport.get_extra_info("ssl_object") if request.transport else None
    if not isinstance(tls, ssl.SSLObject):
        return None, None
    peer = getattr(tls, "peer", None)
    cipher = tls.cipher()
    digests = tuple(str(digest) for digest in getattr(tls, "peer_chain_digests", None) or ())
    return (str(peer.spiffe_id) if peer else None), TlsFacts(tls.version(), cipher[0] if cipher else None, digests)


async def _answer(request: web.Request, handler: Handler, applied: Applied | None) -> web.StreamResponse:
    """The response as it shall leave, not yet sent. Raises _Dropped."""
    action = applied.rule.action if applied else None
    match action:
        case Answer():
            return web.Response(status=action.status, headers=action.headers, body=action.body or None)
        case Delay():
            await asyncio.sleep(action.seconds)
        case DropConnection(when="before"):
            raise _Dropped
    response = await _handled(request, handler)
    match action:
        case DropConnection():
            raise _Dropped
        case CorruptBody():
            return _with_body(response, corrupt(_body(response), action.how, applied.draw if applied else 0))
        case ReplaceBody():
            return _with_headers(_with_body(response, action.body), action.headers)
        case TruncateBody(announce_all=False):
            return _with_body(response, _body(response)[: action.length])
        case AlterHeaders():
            return _with_headers(response, action.put, action.remove)
        case _:
            return response


async def _handled(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The handler's response; a raised HTTP error is its response."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return web.Response(status=error.status, headers=error.headers, body=_body(error) or None)


async def _send(request: web.BaseRequest, response: web.StreamResponse, applied: Applied | None) -> int:
    """Send the response and give the number of body bytes sent; fewer than all when the plan says so."""
    action = applied.rule.action if applied else None
    body = _body(response)
    if isinstance(action, TruncateBody) and action.announce_all and action.length < len(body):
        partial = web.StreamResponse(status=response.status, reason=response.reason, headers=response.headers)
        partial.content_length = len(body)
        await partial.prepare(request)
        await partial.write(body[: action.length])
        response.headers.update(partial.headers)
        _reset(request)
        return action.length
    await response.prepare(request)
    await response.write_eof()
    return len(body)


def _body(response: web.StreamResponse) -> bytes:
    """The body that a response holds; no handler of ours streams."""
    body = response.body if isinstance(response, web.Response) else None
    return bytes(body) if isinstance(body, bytes | bytearray) else b""


def _with_body(response: web.StreamResponse, body: bytes) -> web.StreamResponse:
    headers = response.headers.copy()
    headers.popall("Content-Length", None)
    return web.Response(status=response.status, reason=response.reason, headers=headers, body=body or None)


def _with_headers(
    response: web.StreamResponse, put: Mapping[str, str], remove: tuple[str, ...] = ()
) -> web.StreamResponse:
    for name in remove:
        response.headers.popall(name, None)
    response.headers.update(put)
    return response


def _reset(request: web.BaseRequest) -> web.StreamResponse:
    """Reset the connection; the response that is returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
