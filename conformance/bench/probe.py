"""The probe: a management client that sends exactly what it is told, with any credential, and records all that comes.

Nothing is added to a request but what HTTP/1.1 cannot do without (`Host`, `Content-Length`), nothing is unpacked,
followed or repaired. Whatever the WFM does ends as recorded evidence within the deadline `answer`, never as an
exception: an exchange without a status has an `error` that says why.
"""

import contextlib
import hashlib
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from cryptography import x509

from conformance.bench.errors import UsageError
from conformance.bench.recorder import Recorder
from conformance.bench.wfm_http import Answer, AnswerError, AnswerReader, NoAnswer
from conformance.bench.wfm_patience import Patience
from conformance.record import redact
from conformance.record.events import Connection, Exchange, TlsFacts
from simulator.identity.bundle import TrustBundle
from simulator.identity.handshake import peer_chain
from simulator.identity.svid import Credential
from simulator.identity.svid_rules import uri_sans
from simulator.identity.tls import load_credential
from simulator.protocol.operations import recognise

TlsOffer = Literal["default", "1.2 only", "1.1 only"]
BY_WFM = "by the WFM"
BY_PROBE = "by the probe"
HTTP_VERSION = "1.1"
"""What every request is sent as."""
PEEK_S = 0.02
"""How long the probe waits for bytes behind an answer that has no body."""

SILENCE = ("no connection to", "no TLS handshake", "no complete answer", "expected TLS")
"""How the errors begin of exchanges in which nobody answered."""
BETWEEN_PIECES_S = 0.05
"""How long a slow request pauses between two pieces."""

_READ_BYTES = 64 * 1024
_pause = threading.Event()  # never set: waiting for it is a pause
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the management interface is: host, port, and the path before `/api/v1` (empty as a rule)."""

    host: str
    port: int
    prefix: str = ""

    @classmethod
    def of(cls, url: str) -> "Endpoint":
        """Read an address such as `https://wfm.example`; raises UsageError."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise UsageError(f"WFM URL: expected https://host[:port], found {url!r} ({error})") from None
        if parts.scheme != "https" or not host:
            raise UsageError(f"WFM URL: expected https://host[:port], found {url!r}")
        return cls(host, port or 443, parts.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """The value of `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 443 else f"{host}:{self.port}"

    def operation_target(self, target: str) -> str:
        """Give a request target without the prefix, as the operations know it."""
        return target.removeprefix(self.prefix)


@dataclass(frozen=True, slots=True)
class Presented:
    """What the probe shows of itself: a credential (None for none at all), its name in the record, and its identity."""

    name: str
    credential: Credential | None
    spiffe_id: str | None = None
    tls: TlsOffer = "default"


class _CannotConnect(Exception):
    """There is no connection; `refused` says whether TLS was refused, and by whom."""

    def __init__(self, reason: str, refused: str | None = None) -> None:
        super().__init__(reason)
        self.refused = refused


class _Line:
    """One TLS connection."""

    def __init__(self, number: int, sock: ssl.SSLSocket) -> None:
        self.number = number
        self.sock = sock
        self.chain = tuple(peer_chain(cast("Any", sock), verified=False))
        self.facts = _tls_facts(sock, self.chain)
        self.settled = False
        self.deadline = 0.0
        self.reader = AnswerReader(self._receive)

    def send(self, data: bytes, deadline: float, pieces: int = 1) -> None:
        self.deadline = deadline
        self.sock.settimeout(max(0.01, deadline - time.monotonic()))
        size = max(1, -(-len(data) // pieces))
        for start in range(0, len(data), size):
            if start:
                _pause.wait(BETWEEN_PIECES_S)
            self.sock.sendall(data[start : start + size])

    def peek(self) -> bytes:
        self.sock.settimeout(PEEK_S)
        try:
            return self.sock.recv(_READ_BYTES)
        except OSError:
            return b""

    def close(self) -> None:
        self.sock.close()

    def _receive(self) -> bytes:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.sock.settimeout(left)
        return self.sock.recv(_READ_BYTES)


class Probe:
    """Sends requests of one identity to one WFM; keeps its connection alive between them."""

    def __init__(
        self,
        endpoint: Endpoint,
        trust: TrustBundle,
        presented: Presented,
        recorder: Recorder,
        answer_s: float,
        on_chain: Callable[[tuple[bytes, ...]], None] = lambda _: None,
        patience: Patience | None = None,
    ) -> None:
        # `on_chain` is told what certificates the WFM sent, once for each connection
        self.presented = presented
        self._endpoint = endpoint
        self._trust = trust
        self._recorder = recorder
        self._answer_s = answer_s
        self._on_chain = on_chain
        self._patience = patience or Patience()
        self._context: ssl.SSLContext | None = None
        self._line: _Line | None = None
        self._session: ssl.SSLSession | None = None
        self._resume = False

    def send(
        self,
        method: str,
        path: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes | None = None,
        *,
        fresh: bool = False,
        bare: bool = False,
        pieces: int = 1,
    ) -> Exchange:
        """Send one request and give the recorded exchange; `fresh` demands a connection of its own.

        `path` follows the endpoint's prefix, unless it is to stand `bare`. `Host` and `Content-Length` are added unless
        given. A request in several `pieces` comes slowly. Raises Blocked once the WFM is given up.
        """
        self._patience.try_again()
        if fresh:
            self.close()
        target = path if bare else f"{self._endpoint.prefix}{path}"
        sent = self._headers(tuple(headers), body)
        call = recognise(method, self._endpoint.operation_target(target))
        begun = self._recorder.now()
        answer, line, error = self._exchanged(_request(method, target, sent, body), method, pieces)
        self._remember(answer, error)
        return self._recorder.append(
            Exchange(
                at=begun,
                scenario=self._recorder.scenario,
                seat="server",
                operation=call.operation,
                params=dict(call.params),
                client=self.presented.spiffe_id,
                connection=line.number if line else None,
                method=method,
                target=target,
                http_version=HTTP_VERSION,
                request_headers=redact.headers(sent),
                request=redact.body(body or b""),
                status=answer.status if answer else None,
                response_headers=redact.headers(answer.headers) if answer else (),
                response=redact.body(answer.body or answer.surplus) if answer else redact.body(b""),
                finished=self._recorder.now(),
                tls=line.facts if line else None,
                error=error,
            )
        )

    def break_off(self, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes) -> int:
        """Send the head and half of the body on a connection of its own, and end it; gives the bytes of body sent."""
        self.close()
        half = len(body) // 2
        target = f"{self._endpoint.prefix}{path}"
        self._begin(_request(method, target, self._headers(tuple(headers), body), body[:half]))
        self.close()
        return half

    def stand_still(self, method: str, path: str, *, begun: bool) -> None:
        """Open a connection and leave it so, with half a request line when `begun`; it ends with the probe."""
        self.close()
        target = f"{self._endpoint.prefix}{path}"
        self._begin(_request(method, target, (), None)[:8] if begun else b"")

    def _begin(self, data: bytes) -> None:
        """Open a connection and send a part of a request; that it cannot be sent is for later requests to show."""
        deadline = time.monotonic() + self._answer_s
        with contextlib.suppress(_CannotConnect, OSError):
            self._connected(deadline).send(data, deadline)

    def _remember(self, answer: Answer | None, error: str | None) -> None:
        """Tell what came of a request; silence towards somebody strange says nothing of the WFM."""
        if answer is not None:
            self._patience.heard()
        elif error is not None and error.startswith(SILENCE) and self.presented.name.startswith("client "):
            self._patience.waited(error)

    def close(self) -> None:
        """Close the connection, if there is one; the next request opens another."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def resume_next(self) -> bool:
        """Have the next connection resume the last TLS session there was; whether there is one to resume."""
        self.close()
        self._resume = self._session is not None
        return self._resume

    def _headers(self, headers: tuple[tuple[str, str], ...], body: bytes | None) -> tuple[tuple[str, str], ...]:
        names = {name.lower() for name, _ in headers}
        needed = [] if "host" in names else [("Host", self._endpoint.authority)]
        if body is not None and not names & {"content-length", "transfer-encoding"}:
            needed.append(("Content-Length", str(len(body))))
        return (*needed, *headers)

    def _exchanged(self, data: bytes, method: str, pieces: int = 1) -> tuple[Answer | None, _Line | None, str | None]:
        """Send and read; once more on a new connection when a kept one turns out to be closed."""
        deadline = time.monotonic() + self._answer_s
        reused = self._line is not None
        line: _Line | None = None
        try:
            line = self._line or self._connected(deadline)
            line.send(data, deadline, pieces)
            answer = line.reader.read(method, line.peek)
        except _CannotConnect as error:
            if error.refused:
                self._note_refused(f"{error.refused}: {error}", None)
            return None, None, str(error)
        except (AnswerError, OSError) as error:
            self.close()
            closed = isinstance(error, NoAnswer | ConnectionError | ssl.SSLError)
            if reused and closed:
                self._recorder.note("kept-connection-closed", client=self.presented.name)
                return self._exchanged(data, method, pieces)
            return None, line, self._failed(line, error, closed=closed)
        self._settle(line, answer)
        if answer.closes:
            self.close()
        return answer, line, None

    def _failed(self, line: _Line | None, error: Exception, *, closed: bool) -> str:
        reason = _reason(error, self._answer_s)
        if line is not None and not line.settled:
            if closed and not line.reader.any_byte:
                # with TLS 1.3 a server refuses a client after the client's own handshake is done
                self._note_refused(f"{BY_WFM}: {reason}", line)
            else:
                self._note_established(line)
        return reason

    def _settle(self, line: _Line, answer: Answer) -> None:
        # with TLS 1.3 a session can be resumed only once its ticket came, which is after the handshake
        session = line.sock.session
        self._session = session if session is not None and session.has_ticket else self._session
        if not line.settled:
            self._note_established(line)
            self._recorder.note(
                "http-version",
                version=answer.http_version,
                alpn=line.sock.selected_alpn_protocol(),
                connection=line.number,
            )

    def _note_established(self, line: _Line) -> None:
        line.settled = True
        self._recorder.append(
            Connection(
                scenario=self._recorder.scenario,
                seat="server",
                outcome="established",
                offered=self.presented.name,
                tls=line.facts,
            )
        )
        self._on_chain(line.chain)

    def _note_refused(self, reason: str, line: _Line | None) -> None:
        self._recorder.append(
            Connection(
                scenario=self._recorder.scenario,
                seat="server",
                outcome="refused",
                reason=reason,
                offered=self.presented.name,
                tls=line.facts if line else None,
            )
        )

    def _connected(self, deadline: float) -> _Line:
        where = f"{self._endpoint.host} port {self._endpoint.port}"
        context = self._made_context()
        try:
            plain = socket.create_connection((self._endpoint.host, self._endpoint.port), timeout=self._left(deadline))
        except OSError as error:
            raise _CannotConnect(f"no connection to {where}: {_reason(error, self._answer_s)}") from None
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            plain.settimeout(self._left(deadline))
            session = self._session if self._resume else None
            # the handshake on its own: a peer that is gone already must not leave a socket without TLS behind
            secured = context.wrap_socket(
                plain, server_hostname=self._endpoint.host, session=session, do_handshake_on_connect=False
            )
        except (OSError, ValueError) as error:
            plain.close()
            raise _handshake_failed(error, where, self._answer_s) from None
        try:
            secured.do_handshake()
        except (OSError, ValueError) as error:
            secured.close()
            raise _handshake_failed(error, where, self._answer_s) from None
        line = self._line = _Line(next(_numbers), secured)
        return line

    @staticmethod
    def _left(deadline: float) -> float:
        return max(0.01, deadline - time.monotonic())

    def _made_context(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = _context(self._trust, self.presented)
        return self._context


def _request(method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> bytes:
    lines = [f"{method} {target} HTTP/{HTTP_VERSION}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + (body or b"")


def _context(trust: TrustBundle, presented: Presented) -> ssl.SSLContext:
    """Make a context: the trust bundle's anchors are the only ones, host names play no part (ID-58)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=trust.to_der())
    context.set_alpn_protocols(["http/1.1"])
    _limit_versions(context, presented.tls)
    if presented.credential is not None:
        load_credential(context, presented.credential)
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


def _handshake_failed(error: Exception, where: str, answer_s: float) -> _CannotConnect:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CannotConnect(f"the WFM's certificate is not trusted: {error.verify_message}", BY_PROBE)
    library = (getattr(error, "reason", None) or "") if isinstance(error, ssl.SSLError) else ""
    if "NO_PROTOCOLS" in library or "NO_CIPHERS" in library:
        return _CannotConnect(f"the TLS library of this machine cannot offer that: {library}")
    if "WRONG_VERSION_NUMBER" in library or "HTTP_REQUEST" in library:
        return _CannotConnect(f"expected TLS at {where}, found something else ({library})")
    if isinstance(error, TimeoutError):
        return _CannotConnect(f"no TLS handshake with {where} within {answer_s:g} s")
    return _CannotConnect(f"TLS handshake with {where} refused: {_reason(error, answer_s)}", BY_WFM)


def _reason(error: Exception, answer_s: float) -> str:
    match error:
        case TimeoutError():
            return f"no complete answer within {answer_s:g} s"
        case ssl.SSLError():
            return f"TLS alert or failure: {getattr(error, 'reason', None) or error}"
        case OSError():
            return error.strerror or str(error) or type(error).__name__
    return str(error)
