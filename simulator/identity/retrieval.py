"""Fetching trust material over authenticated HTTPS, one fresh connection per request.

Source: ID-78 (https only), ID-87 and ID-89 (authenticated every time), ID-92 (`Accept`), ID-74 (conditional requests).
"""

from dataclasses import dataclass

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    TCPConnector,
)

from simulator.identity.errors import IdentityError
from simulator.identity.web import ServerNotTrusted, ServerTrust
from simulator.protocol.discovery import check_https_url

MAX_BODY_BYTES = 1 << 20


class RetrievalFailed(IdentityError):
    """Nothing usable was fetched. `clause` is the requirement that demands the refusal, None for mere bad luck."""

    def __init__(self, clause: str | None, reason: str) -> None:
        super().__init__(f"{clause}: {reason}" if clause else reason)
        self.clause = clause
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Fetched:
    """A representation with its entity tag, if it had one."""

    body: bytes
    etag: str | None


def said_of(error: BaseException) -> str:
    """Say what went wrong: of a connection that never was its address and the cause, not the library's objects."""
    if isinstance(error, ClientConnectorError) and not isinstance(error, ClientSSLError):
        return f"{error.host}:{error.port}: {error.os_error.strerror or error.os_error}"
    return str(error) or type(error).__name__


class Retriever:
    """Fetches documents; remembers those that were accepted, for conditional requests."""

    def __init__(self, server_trust: ServerTrust, *, timeout_s: float) -> None:
        self._server_trust = server_trust
        self._timeout_s = timeout_s
        self._accepted: dict[str, Fetched] = {}

    async def get(self, url: str) -> Fetched:
        """Fetch a document, or give the remembered one if the server says that it still holds.

        Raises:
            RetrievalFailed: wrong scheme, server not authenticated or not reachable, status not 200, body too large.
        """
        self.check_address(url)
        try:
            return await self._get(url)
        except (ClientSSLError, ServerNotTrusted) as error:
            raise RetrievalFailed("ID-87", f"server of {url} was not authenticated ({error})") from error
        except TimeoutError as error:
            raise RetrievalFailed(None, f"{url} gave no answer within {self._timeout_s:g} s") from error
        except (ClientError, OSError) as error:
            raise RetrievalFailed(None, f"{url} could not be fetched ({said_of(error)})") from error

    def check_address(self, url: str) -> None:
        """Refuse an address at which no server could prove itself. Raises RetrievalFailed."""
        try:
            check_https_url(url)
        except ValueError:
            raise RetrievalFailed("ID-78", f"{url} is not an absolute https URL, nothing was fetched") from None

    def accept(self, url: str, fetched: Fetched) -> None:
        """Remember a document as accepted; only such ones are asked for conditionally."""
        self._accepted[url] = fetched

    async def _get(self, url: str) -> Fetched:
        known = self._accepted.get(url)
        headers = {"Accept": "application/json"}
        if known and known.etag:
            headers["If-None-Match"] = known.etag
        context = await self._server_trust.context(url, self._timeout_s)
        connector = TCPConnector(ssl=context, force_close=True)
        timeout = ClientTimeout(total=self._timeout_s)
        async with (
            ClientSession(connector=connector, timeout=timeout) as session,
            # a redirect could lead to an origin that the trust material does not cover (ID-79)
            session.get(url, headers=headers, allow_redirects=False) as response,
        ):
            if response.status == 304 and known:
                return known
            if response.status != 200:
                raise RetrievalFailed(None, f"{url} was answered with status {response.status}")
            return Fetched(await _body(response), response.headers.get("ETag"))


async def _body(response: ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise RetrievalFailed("ID-80", f"{response.url} has more than {MAX_BODY_BYTES} bytes")
    return bytes(body)
