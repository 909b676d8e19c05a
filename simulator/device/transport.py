"""Requests over TLS; with an SVID, every connection is checked against the device's own identity (ID-52).

Connections are reused, for a bounded time (ID-36), and not after the SVID was renewed or the trust bundle replaced
(ID-39, ID-84). Bodies are handed on after undoing Content-Encoding, and only up to a size (DS-050).
"""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import aiohttp
from yarl import URL

from simulator.device.events import Answer, FailureKind, RequestFailed, ResponseArrived, Send
from simulator.identity.handshake import Observer
from simulator.identity.retrieval import said_of
from simulator.identity.spiffe import SpiffeId, recognise_wfm
from simulator.identity.svid import Svid
from simulator.identity.tls import HeldCredential, ReloadingContext, client_context
from simulator.identity.trust import TrustSource

MAX_BODY_BYTES = 64 * 1024 * 1024
_CHUNK = 64 * 1024


class Transport(Protocol):
    """Carries requests to the WFM."""

    async def exchange(self, request: Send) -> Answer:
        """Send a request and give its answer; never raises for what the network or the other side does."""
        ...

    async def close(self) -> None:
        """Close every connection; the next exchange opens new ones."""
        ...


@runtime_checkable
class Onboarded(Protocol):
    """A transport of a client that onboarded."""

    def forget(self) -> None:
        """Forget that."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the transport: seconds and bytes."""

    request_timeout_s: float = 30.0
    connect_timeout_s: float = 10.0
    connection_age_s: float = 300.0
    body_bytes: int = MAX_BODY_BYTES


@dataclass(slots=True)
class _Pool:
    """One generation of connections; closed once it is retired and nothing uses it any more."""

    session: aiohttp.ClientSession
    born: float
    users: int = 0
    retired: bool = False

    async def close_if_unused(self) -> None:
        if self.retired and not self.users:
            await self.session.close()


class _TooLarge(Exception):
    """A body beyond the bound."""


class HttpsTransport:
    """HTTP/1.1 over TLS: connections, limits and what goes wrong. `context` says who is trusted and who is shown."""

    def __init__(
        self, wfm_url: str, context: ssl.SSLContext, limits: Limits | None = None, proxy_url: str | None = None
    ) -> None:
        self._base = wfm_url.rstrip("/")
        self._origin = URL(self._base).origin()
        self._limits = limits or Limits()
        self._proxy = proxy_url
        self.context: ssl.SSLContext = context
        self._pool: _Pool | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def exchange(self, request: Send) -> Answer:
        """Send a request; whatever goes wrong is a RequestFailed that says what."""
        url = self._url(request.target)
        if url is None:
            return RequestFailed(request.request_id, "foreign-url", f"{request.target} is not of {self._origin}")
        pool = self._current_pool()
        pool.users += 1
        try:
            return await self._exchange(pool.session, request, url)
        except (aiohttp.ClientError, OSError, TimeoutError, _TooLarge, ValueError) as error:
            return RequestFailed(request.request_id, failure_kind(error), said_of(error))
        finally:
            pool.users -= 1
            await pool.close_if_unused()

    async def close(self) -> None:
        """Close every connection."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.session.close()
        await asyncio.gather(*self._closing)

    async def _exchange(self, session: aiohttp.ClientSession, request: Send, url: URL) -> ResponseArrived:
        headers = {"Accept-Encoding": "gzip", **request.headers}
        async with session.request(
            request.method,
            url,
            headers=headers,
            data=request.body or None,
            ssl=self.context,
            allow_redirects=False,
            proxy=self._proxy,
        ) as response:
            body = await self._read(response)
            names = {name.lower(): value for name, value in response.headers.items()}
            return ResponseArrived(request.request_id, response.status, names, body)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in response.content.iter_chunked(_CHUNK):
            size += len(part)
            if size > self._limits.body_bytes:
                response.close()
                raise _TooLarge(f"body larger than {self._limits.body_bytes} bytes")
            parts.append(part)
        return b"".join(parts)

    def _url(self, target: str) -> URL | None:
        """The target byte for byte under the WFM's URL; None for one that leads elsewhere."""
        if target.startswith("/") and not target.startswith("//"):
            return URL(self._base + target, encoded=True)
        url = URL(target, encoded=True)
        return url if url.absolute and url.origin() == self._origin else None

    def _current_pool(self) -> _Pool:
        now = asyncio.get_running_loop().time()
        if self._pool is not None and now - self._pool.born > self._limits.connection_age_s:
            self._retire()
        if self._pool is None:
            self._pool = _Pool(self._new_session(), now)
        return self._pool

    def _new_session(self) -> aiohttp.ClientSession:
        limits = self._limits
        session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=limits.request_timeout_s, sock_connect=limits.connect_timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Content-Type"),
            trust_env=False,
        )
        # the library repeats a request on a broken reused connection; here the agent alone decides on that (RB-09)
        session._retry_connection = False  # noqa: SLF001
        return session

    def _retire(self) -> None:
        """Use new connections from now on; the old ones end with the requests that are on them."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        pool.retired = True
        task = asyncio.get_running_loop().create_task(pool.close_if_unused())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class HttpTransport(HttpsTransport):
    """Over mutual TLS with an SVID.

    `check_wfm` false leaves out the recognition of the WFM's SPIFFE ID: only for devices that are broken on purpose.
    """

    def __init__(
        self,
        wfm_url: str,
        svid: Svid,
        trust: TrustSource,
        *,
        check_wfm: bool = True,
        limits: Limits | None = None,
        proxy_url: str | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._svid = svid
        self._credential = HeldCredential(svid)
        self._check_wfm = check_wfm
        self.context: ReloadingContext = client_context(self._credential, trust, self._recognise, observer)
        super().__init__(wfm_url, self.context, limits, proxy_url)
        trust.on_change(lambda _bundle: self._retire())

    def renew(self, svid: Svid) -> None:
        """Present another SVID, on new connections only (ID-39, ID-61)."""
        self._svid = svid
        self._credential.renew(svid)
        self._retire()

    def _recognise(self, peer: SpiffeId) -> None:
        if self._check_wfm:
            recognise_wfm(peer, self._svid.spiffe_id)


def failure_kind(error: BaseException) -> FailureKind:
    """What kind of failure an exception of the library stands for."""
    if isinstance(error, _TooLarge):
        return "too-large"
    if isinstance(error, TimeoutError):
        return "timeout"
    if _is_tls(error):
        return "tls"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "half-sent"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "refused"
    return "reset"


def _is_tls(error: BaseException | None) -> bool:
    if error is None:
        return False
    tls = (ssl.SSLError, aiohttp.ClientSSLError)
    return isinstance(error, tls) or _is_tls(error.__cause__) or _is_tls(error.__context__)
