"""One TLS connection to a WFM: what is offered, what came of the handshake, and why there is none."""

import hashlib
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Iterable
from itertools import count
from typing import Any, Literal, cast

from cryptography import x509

from conformance.bench.wfm_http import AnswerReader
from conformance.record.events import TlsFacts
from simulator.identity.bundle import TrustBundle
from simulator.identity.handshake import peer_chain
from simulator.identity.svid import Credential
from simulator.identity.svid_rules import uri_sans
from simulator.identity.tls import load_credential
from simulator.identity.web import WebAnchors

ServerTrust = TrustBundle | WebAnchors
"""A WFM is trusted as the holder of an SVID, or as an HTTPS server by its name."""
TlsOffer = Literal["default", "1.2 only", "1.1 only"]
BY_WFM = "by the WFM"
BY_PROBE = "by the probe"
PEEK_S = 0.02
"""How long the probe waits for bytes behind an answer that has no body."""
SILENCE = ("no connection to", "no TLS handshake", "no complete answer", "expected TLS")
"""How the reasons begin of exchanges in which nobody answered."""
BETWEEN_PIECES_S = 0.05
"""How long a slow request pauses between two pieces."""

_READ_BYTES = 64 * 1024
_pause = threading.Event()  # never set: waiting for it is a pause
_numbers = count(1)


class CannotConnect(Exception):
    """There is no connection; `refused` says whether TLS was refused, and by whom."""

    def __init__(self, reason: str, refused: str | None = None) -> None:
        super().__init__(reason)
        self.refused = refused


class Line:
    """One TLS connection, with what it showed of the WFM."""

    def __init__(self, number: int, sock: ssl.SSLSocket) -> None:
        self.number = number
        self.sock = sock
        self.chain = tuple(peer_chain(cast("Any", sock), verified=False))
        self.facts = _tls_facts(sock, self.chain)
        self.settled = False
        self.deadline = 0.0
        self.reader = AnswerReader(self._receive)

    def send(self, data: bytes, deadline: float, pieces: int = 1) -> None:
        """Send, in several `pieces` if wanted; answers are read until the same deadline. Raises OSError."""
        self.deadline = deadline
        self.sock.settimeout(max(0.01, deadline - time.monotonic()))
        size = max(1, -(-len(data) // pieces))
        for start in range(0, len(data), size):
            if start:
                _pause.wait(BETWEEN_PIECES_S)
            self.sock.sendall(data[start : start + size])

    def peek(self) -> bytes:
        """Give what else is there already."""
        self.sock.settimeout(PEEK_S)
        try:
            return self.sock.recv(_READ_BYTES)
        except OSError:
            return b""

    def close(self) -> None:
        """Close it."""
        self.sock.close()

    def _receive(self) -> bytes:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.sock.settimeout(left)
        return self.sock.recv(_READ_BYTES)


def connect(
    host: str, port: int, context: ssl.SSLContext, session: ssl.SSLSession | None, deadline: float, answer_s: float
) -> Line:
    """Open a connection until `deadline` (of the monotonic clock), with a session to resume if there is one.

    `answer_s` is how many seconds there were, for the reason. Raises CannotConnect.
    """
    where = f"{host} port {port}"
    try:
        plain = socket.create_connection((host, port), timeout=_left(deadline))
    except OSError as error:
        raise CannotConnect(f"no connection to {where}: {reason(error, answer_s)}") from None
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        plain.settimeout(_left(deadline))
        # the handshake on its own: a peer that is gone already must not leave a socket without TLS behind
        secured = context.wrap_socket(plain, server_hostname=host, session=session, do_handshake_on_connect=False)
    except (OSError, ValueError) as error:
        plain.close()
        raise _handshake_failed(error, where, answer_s) from None
    try:
        secured.do_handshake()
    except (OSError, ValueError) as error:
        secured.close()
        raise _handshake_failed(error, where, answer_s) from None
    return Line(next(_numbers), secured)


def context_of(trust: ServerTrust, credential: Credential | None, offer: TlsOffer) -> ssl.SSLContext:
    """Make a context: the anchors given are the only ones; of the holder of an SVID the name plays no part (ID-58)."""
    if isinstance(trust, WebAnchors):
        context = trust.client_context()
        context.set_alpn_protocols(["http/1.1"])
        _limit_versions(context, offer)
        return context
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=trust.to_der())
    context.set_alpn_protocols(["http/1.1"])
    _limit_versions(context, offer)
    if credential is not None:
        load_credential(context, credential)
    return context


def _limit_versions(context: ssl.SSLContext, offer: TlsOffer) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if offer == "1.2 only":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    elif offer == "1.1 only":
        # offering what nobody may take is the point of the attempt (ID-33)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1


def _tls_facts(sock: ssl.SSLSocket, chain: Iterable[bytes]) -> TlsFacts:
    cipher = sock.cipher()
    der = sock.getpeercert(binary_form=True)
    uris = uri_sans(x509.load_der_x509_certificate(der)) if der else []
    return TlsFacts(
        version=sock.version(),
        cipher=cipher[0] if cipher else None,
        peer_id=uris[0] if len(uris) == 1 else None,
        peer_chain=tuple(hashlib.sha256(cert).hexdigest() for cert in chain),
    )


def _handshake_failed(error: Exception, where: str, answer_s: float) -> CannotConnect:
    if isinstance(error, ssl.SSLCertVerificationError):
        return CannotConnect(f"the WFM's certificate is not trusted: {error.verify_message}", BY_PROBE)
    library = (getattr(error, "reason", None) or "") if isinstance(error, ssl.SSLError) else ""
    if "NO_PROTOCOLS" in library or "NO_CIPHERS" in library:
        return CannotConnect(f"the TLS library of this machine cannot offer that: {library}")
    if "WRONG_VERSION_NUMBER" in library or "HTTP_REQUEST" in library:
        return CannotConnect(f"expected TLS at {where}, found something else ({library})")
    if isinstance(error, TimeoutError):
        return CannotConnect(f"no TLS handshake with {where} within {answer_s:g} s")
    return CannotConnect(f"TLS handshake with {where} refused: {reason(error, answer_s)}", BY_WFM)


def reason(error: Exception, answer_s: float) -> str:
    """Tell in a few words why a request came to nothing; `answer_s` is how many seconds there were."""
    match error:
        case TimeoutError():
            return f"no complete answer within {answer_s:g} s"
        case ssl.SSLError():
            return f"TLS alert or failure: {getattr(error, 'reason', None) or error}"
        case OSError():
            return error.strerror or str(error) or type(error).__name__
    return str(error)


def _left(deadline: float) -> float:
    return max(0.01, deadline - time.monotonic())
