"""One connection of one device: TCP, mutual TLS, and one HTTP/1.1 request at a time, with the times at which it went.

A bare asyncio protocol: between the bytes that arrive and the device that waits for them stand TLS and a small parser.
Times are those of `time.monotonic`, taken when the bytes arrive (the loop's own clock may tick in milliseconds).
"""

import asyncio
import contextlib
import errno
import socket
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

from simulator.fleet.live.http1 import BadResponse, BodyTooLarge, Response, ResponseParser

FailureKind = Literal[
    "refused",
    "unreachable",
    "connect-timeout",
    "tls",
    "timeout",
    "reset",
    "closed",
    "bad-response",
    "too-large",
    "no-ports",
    "no-files",
    "unfinished",
    "no-network",
]
OWN_FAILURES = ("no-ports", "no-files")
"""Failures of this machine, not of the WFM or the network to it."""

_RTT_AT = 68
"""Where the round trip stands in struct tcp_info of linux/tcp.h, in microseconds."""
_BIND_ADDRESS_NO_PORT = 24  # IP_BIND_ADDRESS_NO_PORT of Linux: the port is chosen when the peer is known


class ExchangeFailed(Exception):
    """A request that got no answer: what kind of failure, in words, and whether any byte of an answer had come."""

    def __init__(self, kind: FailureKind, message: str, *, begun: bool = False) -> None:
        super().__init__(message)
        self.kind: FailureKind = kind
        self.begun = begun


@dataclass(frozen=True, slots=True)
class Answer:
    """A response and when its last byte arrived."""

    response: Response
    at: float


@dataclass(frozen=True, slots=True)
class Target:
    """Where the WFM is: resolved address, and the names used in TLS and in `Host`; `prefix` stands before all paths."""

    family: socket.AddressFamily
    address: tuple[Any, ...]
    host: str
    authority: str
    prefix: str = ""


class Connection(asyncio.Protocol):
    """Carries one request at a time. `made`: TLS was completed; `reused`: a request has been answered on it before.

    `on_lost` is called once, when a connection that was made is gone.
    """

    __slots__ = ("_on_lost", "_parser", "_transport", "_waiter", "lost", "made", "reused")

    def __init__(self, max_body: int, on_lost: Callable[[], object]) -> None:
        self._on_lost = on_lost
        self._parser = ResponseParser(max_body)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self.lost: ExchangeFailed | None = None
        self.made = False
        self.reused = False

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The TLS of the connection, while it is open."""
        return None if self._transport is None else self._transport.get_extra_info("ssl_object")

    @property
    def usable(self) -> bool:
        """Whether a request can be sent."""
        return self.lost is None and self._transport is not None

    def send(self, data: bytes) -> "asyncio.Future[Answer]":
        """Send a request; the future gives its answer or raises ExchangeFailed."""
        waiter = asyncio.get_running_loop().create_future()
        if self.lost is not None or self._transport is None:
            waiter.set_exception(self.lost or ExchangeFailed("closed", "the connection is closed"))
            return waiter
        self._waiter = waiter
        self._transport.write(data)
        return waiter

    def fail(self, kind: FailureKind, message: str) -> None:
        """Give the request up and close the connection without a word more."""
        self._end(ExchangeFailed(kind, message, begun=self._parser.begun))
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close the connection in order."""
        self.lost = self.lost or ExchangeFailed("closed", "the device closed the connection")
        if self._transport is not None:
            self._transport.close()

    # --- what the event loop calls ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS is done."""
        self._transport, self.made = cast("asyncio.Transport", transport), True

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer."""
        try:
            response = self._parser.feed(data)
        except BodyTooLarge as error:
            self.fail("too-large", str(error))
        except BadResponse as error:
            self.fail("bad-response", str(error))
        else:
            if response is not None:
                self._answered(response)

    def eof_received(self) -> None:
        """The WFM closes the connection; what it began may end with that."""
        try:
            response = self._parser.end()
        except BadResponse as error:
            self.fail("closed", str(error))
        else:
            if response is not None:
                self._answered(response)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._transport = None
        if exc is None:
            self.eof_received()
            self._end(ExchangeFailed("closed", "the WFM closed the connection"))
        else:
            kind, message = failure_of(exc)
            self._end(ExchangeFailed(kind, message, begun=self._parser.begun))
        self._on_lost()

    # --- inside ------------------------------------------------------------------------------------------

    def _answered(self, response: Response) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is None or waiter.done():
            self.fail("bad-response", "a response that nobody asked for")
            return
        self.reused = True
        if not response.reusable:
            self.close()
        waiter.set_result(Answer(response, time.monotonic()))

    def _end(self, reason: ExchangeFailed) -> None:
        self.lost = self.lost or reason
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(reason)


async def connect(
    target: Target,
    context: ssl.SSLContext,
    connection: Connection,
    timeout_s: float,
    source_ip: str | None = None,
) -> float:
    """Open a connection, TLS handshake included; gives the seconds of a round trip of TCP. Raises ExchangeFailed."""
    loop = asyncio.get_running_loop()
    began = time.monotonic()
    try:
        async with asyncio.timeout(timeout_s):
            sock = await _connected(target, source_ip)
            tcp = _round_trip(sock, time.monotonic() - began)
            # from here on the socket is the loop's, which closes it when the handshake fails
            await loop.create_connection(lambda: connection, sock=sock, ssl=context, server_hostname=target.host)
    except TimeoutError:
        raise ExchangeFailed("connect-timeout", f"no connection within {timeout_s:g} s") from None
    except (OSError, ValueError) as error:
        raise ExchangeFailed(*failure_of(error)) from None
    return tcp


def failure_of(error: BaseException) -> tuple[FailureKind, str]:
    """What kind of failure an exception stands for, and in words."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, ssl.SSLError):
        return "tls", text
    if isinstance(error, ConnectionRefusedError):
        return "refused", text
    if isinstance(error, TimeoutError):
        return "timeout", text
    known: dict[int | None, FailureKind] = {
        errno.EADDRNOTAVAIL: "no-ports",
        errno.EADDRINUSE: "no-ports",
        errno.EMFILE: "no-files",
        errno.ENFILE: "no-files",
        errno.EHOSTUNREACH: "unreachable",
        errno.ENETUNREACH: "unreachable",
    }
    return known.get(getattr(error, "errno", None), "reset"), text


def _round_trip(sock: socket.socket, took: float) -> float:
    """What the kernel measured when TCP connected, whatever else this process was at; or else how long it took."""
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RTT_AT + 4)
    except (AttributeError, OSError):  # not Linux
        return took
    return int.from_bytes(info[_RTT_AT : _RTT_AT + 4], sys.byteorder) / 1e6 or took


async def _connected(target: Target, source_ip: str | None) -> socket.socket:
    sock = socket.socket(target.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source_ip is not None:
            with contextlib.suppress(OSError):  # not Linux: the port is chosen now, which allows fewer connections
                sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
            sock.bind((source_ip, 0))
        await asyncio.get_running_loop().sock_connect(sock, target.address)
    except BaseException:
        sock.close()
        raise
    return sock
