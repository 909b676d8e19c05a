"""What the probe makes of a WFM that hangs, talks something else, or is not there: evidence, never a traceback."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conformance.bench.errors import UsageError
from conformance.bench.probe import Endpoint, Presented, Probe
from conformance.bench.recorder import Recorder
from conformance.record.events import Exchange
from conformance.record.file import EventWriter
from simulator.identity.authority import Authority
from simulator.identity.spiffe import client_spiffe_id, wfm_spiffe_id
from simulator.identity.tls import load_credential

AUTHORITY = Authority.new("margo.test")
CLIENT = client_spiffe_id("margo.test", "w", "c")
ANSWER_S = 0.5
Serve = Callable[[socket.socket], None]


@contextmanager
def listening(serve: Serve) -> Iterator[int]:
    """Run a server that gives each accepted connection to `serve`."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        stop = threading.Event()

        def accept() -> None:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except OSError:
                    continue
                with connection:
                    try:
                        serve(connection)
                    except OSError:
                        continue

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            thread.join(timeout=5)


def over_tls(answer: Callable[[ssl.SSLSocket], None], authority: Authority = AUTHORITY) -> Serve:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_credential(context, authority.issue(wfm_spiffe_id("margo.test", "w")))

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(65536)
            answer(secured)

    return serve


def silent(_: socket.socket) -> None:
    """Say nothing, and hang up."""


def hanging(_: socket.socket) -> None:
    """Say nothing for longer than anybody waits."""
    threading.Event().wait(ANSWER_S + 0.2)


def saying(data: bytes) -> Serve:
    return over_tls(lambda secured: secured.sendall(data))


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    with EventWriter(tmp_path / "events.ndjson") as writer:
        made = Recorder(writer)
        made.begin(1, "wfm", {})
        yield made


def asked(recorder: Recorder, port: int, method: str = "GET") -> Exchange:
    presented = Presented("client", AUTHORITY.issue(CLIENT), str(CLIENT))
    probe = Probe(Endpoint("127.0.0.1", port), AUTHORITY.bundle(), presented, recorder, ANSWER_S)
    try:
        return probe.send(method, "/api/v1/deployments")
    finally:
        probe.close()


@pytest.mark.parametrize(
    ("serve", "words"),
    [
        (lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n"), "expected TLS"),
        (hanging, "no TLS handshake"),
        (silent, "refused"),
        (over_tls(silent), "closed without an answer"),
        (over_tls(hanging), "no complete answer within"),
        (saying(b"220 mail.example ESMTP\r\n"), "expected an HTTP/1.1 status line"),
        (saying(b"HTTP/1.1 OK\r\n\r\n"), "three digits"),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), "expected 10 bytes of body"),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: much\r\n\r\n"), "expected a Content-Length"),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"), "expected a Content-Length of at most"),
        (saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "expected the size of a chunk"),
        (saying(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000), "bytes of headers"),
        (over_tls(silent, AUTHORITY.second_root()), "not trusted"),
    ],
)
def test_trouble_is_recorded_in_bounded_time(recorder: Recorder, serve: Serve, words: str) -> None:
    with listening(serve) as port:
        began = time.monotonic()
        exchange = asked(recorder, port)
        took = time.monotonic() - began
    assert exchange.status is None
    assert words in (exchange.error or "")
    assert took < ANSWER_S + 1
    assert recorder.record().exchanges == (exchange,)


def test_nobody_there_is_told_with_the_address(recorder: Recorder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    exchange = asked(recorder, port)
    assert f"127.0.0.1 port {port}" in (exchange.error or "")
    assert recorder.record().connections == ()


def test_a_refused_credential_is_a_refused_connection(recorder: Recorder) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_credential(context, AUTHORITY.issue(wfm_spiffe_id("margo.test", "w")))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=AUTHORITY.second_root().bundle().to_der())

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True):
            pass

    with listening(serve) as port:
        exchange = asked(recorder, port)
    (connection,) = recorder.record().connections
    assert exchange.status is None
    assert connection.outcome == "refused"
    assert (connection.reason or "").startswith("by the WFM")


@pytest.mark.parametrize(
    ("data", "status", "body"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: https://x/\r\nContent-Length: 0\r\n\r\n", 302, b""),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\n<p>", 200, b"<p>"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=1\r\nab\r\n1\r\nc\r\n0\r\nT: 1\r\n\r\n",
            200,
            b"abc",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\nwhat should not be here", 304, b"what should not be here"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    ],
)
def test_answers_are_recorded_to_the_last_byte(recorder: Recorder, data: bytes, status: int, body: bytes) -> None:
    with listening(saying(data)) as port:
        exchange = asked(recorder, port)
    assert (exchange.status, exchange.response.data, exchange.error) == (status, body, None)
    assert (exchange.operation, exchange.http_version) == ("fetch-manifest", "1.1")
    assert exchange.tls is not None
    assert exchange.tls.peer_id == "spiffe://margo.test/margo/wfm/w"


@pytest.mark.parametrize("url", ["http://wfm.example", "wfm.example", "https://", "https://host:port"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="https://host"):
        Endpoint.of(url)


def test_a_prefix_belongs_to_the_address_and_not_to_the_operation() -> None:
    endpoint = Endpoint.of("https://wfm.example/v1alpha2/margo/")
    assert endpoint == Endpoint("wfm.example", 443, "/v1alpha2/margo")
    assert endpoint.operation_target("/v1alpha2/margo/api/v1/deployments") == "/api/v1/deployments"
