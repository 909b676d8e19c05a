"""The probe: a management client that sends exactly what it is told, with any credential, and records all that comes.

Nothing is added to a request but what HTTP/1.1 cannot do without (`Host`, `Content-Length`), nothing is unpacked,
followed or repaired. Whatever the WFM does ends as recorded evidence within the deadline `answer`, never as an
exception: an exchange without a status has an `error` that says why.
"""

import contextlib
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from conformance.bench.accommodations.dialect import Dialect
from conformance.bench.errors import NotSeen, UsageError
from conformance.bench.recorder import Recorder
from conformance.bench.wfm_http import Answer, AnswerError, NoAnswer
from conformance.bench.wfm_line import (
    BY_WFM,
    SILENCE,
    CannotConnect,
    Line,
    ServerTrust,
    TlsOffer,
    connect,
    context_of,
    reason,
)
from conformance.bench.wfm_manner import PLAIN, Manner, Outgoing
from conformance.bench.wfm_patience import Patience
from conformance.record import redact
from conformance.record.events import Connection, Exchange
from simulator.identity.svid import Credential
from simulator.protocol.operations import Call

HTTP_VERSION = "1.1"
"""What every request is sent as."""


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
    """What the probe shows of itself: a credential (None for none at all), its name in the record, and its identity.

    `spiffe_id` is who it is in the record, by whatever a revision tells clients apart; `manner` how it speaks.
    """

    name: str
    credential: Credential | None
    spiffe_id: str | None = None
    tls: TlsOffer = "default"
    manner: Manner = PLAIN


class Probe:
    """Sends requests of one identity to one WFM; keeps its connection alive between them."""

    def __init__(
        self,
        endpoint: Endpoint,
        trust: ServerTrust,
        presented: Presented,
        recorder: Recorder,
        answer_s: float,
        on_chain: Callable[[tuple[bytes, ...]], None] = lambda _: None,
        patience: Patience | None = None,
        dialect: Dialect | None = None,
    ) -> None:
        # `on_chain` is told what certificates the WFM sent, once for each connection
        self._dialect = dialect or Dialect()
        self.presented = presented
        self._endpoint = endpoint
        self._trust = trust
        self._recorder = recorder
        self._answer_s = answer_s
        self._on_chain = on_chain
        self._patience = patience or Patience()
        self._context: ssl.SSLContext | None = None
        self._line: Line | None = None
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
        given. A request in several `pieces` comes slowly. Known departures of the WFM are got past, and the exchange is
        given as it is read. Raises NotSeen once the WFM is given up.
        """
        if self._patience.given_up:
            raise NotSeen(self._patience.given_up)
        if fresh:
            self.close()
        said = self._meant(method, path if bare else f"{self._endpoint.prefix}{path}", headers, body)
        target = self._dialect.known(self._endpoint.operation_target(said.target))
        call = self.presented.manner.recognise(method, target)
        return self._dialect.carried(call, said, lambda put: self._asked(call, put, pieces), self._recorder)

    def _asked(self, call: Call, said: Outgoing, pieces: int) -> Exchange:
        """Send a request as it is put, and record what comes of it."""
        method, (target, sent, body) = said.method, self._spoken(said)
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
        target, sent, spoken = self._spoken(self._meant(method, f"{self._endpoint.prefix}{path}", headers, body))
        half = len(spoken or b"") // 2
        self._begin(_request(method, target, sent, (spoken or b"")[:half]))
        self.close()
        return half

    def stand_still(self, method: str, path: str, *, begun: bool) -> None:
        """Open a connection and leave it so, with half a request line when `begun`; it ends with the probe."""
        self.close()
        target, _, _ = self._spoken(self._meant(method, f"{self._endpoint.prefix}{path}", (), None))
        self._begin(_request(method, target, (), None)[:8] if begun else b"")

    def _meant(self, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Outgoing:
        return self.presented.manner.meant(Outgoing(method, target, tuple(headers), body))

    def _spoken(self, said: Outgoing) -> tuple[str, tuple[tuple[str, str], ...], bytes | None]:
        """Give target, headers and body as they go over the wire."""
        done = self.presented.manner.signed(said, f"https://{self._endpoint.authority}")
        return done.target, self._headers(done.headers, done.body), done.body

    def _begin(self, data: bytes) -> None:
        """Open a connection and send a part of a request; that it cannot be sent is for later requests to show."""
        deadline = time.monotonic() + self._answer_s
        with contextlib.suppress(CannotConnect, OSError):
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

    def _exchanged(self, data: bytes, method: str, pieces: int = 1) -> tuple[Answer | None, Line | None, str | None]:
        """Send and read; once more on a new connection when a kept one turns out to be closed."""
        deadline = time.monotonic() + self._answer_s
        reused = self._line is not None
        line: Line | None = None
        try:
            line = self._line or self._connected(deadline)
            line.send(data, deadline, pieces)
            answer = line.reader.read(method, line.peek)
        except CannotConnect as error:
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

    def _failed(self, line: Line | None, error: Exception, *, closed: bool) -> str:
        why = reason(error, self._answer_s)
        if line is not None and not line.settled:
            if closed and not line.reader.any_byte:
                # with TLS 1.3 a server refuses a client after the client's own handshake is done
                self._note_refused(f"{BY_WFM}: {why}", line)
            else:
                self._note_established(line)
        return why

    def _settle(self, line: Line, answer: Answer) -> None:
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

    def _note_established(self, line: Line) -> None:
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

    def _note_refused(self, why: str, line: Line | None) -> None:
        self._recorder.append(
            Connection(
                scenario=self._recorder.scenario,
                seat="server",
                outcome="refused",
                reason=why,
                offered=self.presented.name,
                tls=line.facts if line else None,
            )
        )

    def _connected(self, deadline: float) -> Line:
        if self._context is None:
            self._context = context_of(self._trust, self.presented.credential, self.presented.tls)
        session = self._session if self._resume else None
        where = self._endpoint
        self._line = connect(where.host, where.port, self._context, session, deadline, self._answer_s)
        return self._line


def _request(method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> bytes:
    lines = [f"{method} {target} HTTP/{HTTP_VERSION}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + (body or b"")
