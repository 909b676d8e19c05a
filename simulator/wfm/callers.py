"""Who is calling: the SPIFFE ID of the TLS peer and nothing else (SEC-005, ID-48), checked again on every request.

Headers such as `Client-Cert` are never read (ID-40).
"""

from datetime import UTC, datetime
from typing import Protocol
from weakref import WeakKeyDictionary

from aiohttp import web

from simulator.identity.bundle import TrustBundle
from simulator.identity.handshake import PeerCheckingObject
from simulator.identity.trust import TrustSource


class NotAuthenticated(Exception):
    """The caller cannot be told: no valid client SVID (any more), so that the connection has to end.

    `status` is that of the answer.
    """

    status = 403


class Caller(Protocol):
    """Tells a request's wfm-client-id."""

    def __call__(self, request: web.BaseRequest, now: float) -> tuple[str, bool]:
        """Give the wfm-client-id, and whether the connection is to end after this answer. Raises NotAuthenticated."""
        ...


class TlsCaller:
    """The peer of a connection that was accepted in its handshake.

    A connection ends when a certificate of the peer's chain expires, when its anchor leaves the trust bundle (ID-36,
    ID-84), and, after an answer, when it is older than `max_age_s` seconds (ID-57).
    """

    def __init__(self, trust: TrustSource, max_age_s: float = 3600.0) -> None:
        self._trust = trust
        self._max_age_s = max_age_s
        self._seen: WeakKeyDictionary[PeerCheckingObject, tuple[float, float, TrustBundle, str]] = WeakKeyDictionary()

    def __call__(self, request: web.BaseRequest, now: float) -> tuple[str, bool]:
        """Give the wfm-client-id, and whether the connection is to end after this answer. Raises NotAuthenticated."""
        transport = request.transport
        tls = transport.get_extra_info("ssl_object") if transport is not None else None
        if not isinstance(tls, PeerCheckingObject) or tls.peer is None:
            raise NotAuthenticated("the connection has no TLS client identity")
        bundle = self._trust.current()
        since, until, checked_with, client_id = self._seen.get(tls) or (now, 0.0, bundle, "")
        if not client_id or checked_with is not bundle or now > until:
            if not tls.peer.still_accepted(self._trust, datetime.fromtimestamp(now, UTC)):
                raise NotAuthenticated("the client's SVID is no longer valid")
            client_id = tls.peer.spiffe_id.segments[-1]
            self._seen[tls] = (since, tls.peer.not_after.timestamp(), bundle, client_id)
        return client_id, now - since > self._max_age_s


class FixedCaller:
    """Every request comes from one client: for measurements without TLS."""

    def __init__(self, client_id: str) -> None:
        self._answer = (client_id, False)

    def __call__(self, request: web.BaseRequest, now: float) -> tuple[str, bool]:
        """Give the client."""
        del request, now
        return self._answer
