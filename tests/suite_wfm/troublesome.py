"""Servers at the address of a WFM that are of no use, each in one way; many connections at a time, no waiting."""

import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from simulator.identity.authority import Authority
from simulator.identity.spiffe import wfm_spiffe_id
from simulator.identity.tls import load_credential

TRUST_DOMAIN, WFM_ID = "plant.example", "Plant-7"
HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<p/>"
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: https://login.example/\r\nContent-Length: 0\r\n\r\n"
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
DRIP_EVERY_S = 0.05
HANG_S = 60.0
Talk = Callable[[socket.socket, threading.Event], None]
"""What is said on a connection; the event is set when everybody is to leave."""


def plain(connection: socket.socket, _: threading.Event) -> None:
    """HTTP without TLS."""
    connection.recv(65536)
    connection.sendall(BAD_REQUEST)


def silent(_: socket.socket, over: threading.Event) -> None:
    """Nothing is ever said, nor hung up."""
    over.wait(HANG_S)


def closing(connection: socket.socket, _: threading.Event) -> None:
    """A request is read, and the connection closed."""
    connection.recv(65536)


def dripping(connection: socket.socket, over: threading.Event) -> None:
    """An answer comes, a byte at a time, and never to its end."""
    connection.recv(65536)
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 100_000:
        connection.sendall(bytes((byte,)))
        if over.wait(DRIP_EVERY_S):
            return


def saying(data: bytes) -> Talk:
    """Every request is answered with the same bytes."""

    def talk(connection: socket.socket, _: threading.Event) -> None:
        while connection.recv(65536):
            connection.sendall(data)

    return talk


def over_tls(talk: Talk, folder: Path) -> Talk:
    """Say it behind TLS, as the WFM of an identity folder."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_credential(context, Authority.load(folder).issue(wfm_spiffe_id(TRUST_DOMAIN, WFM_ID)))

    def secured(connection: socket.socket, over: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            talk(wrapped, over)

    return secured


@contextmanager
def listening(talk: Talk) -> Iterator[int]:
    """Serve a free port of the loopback, each connection in a thread of its own; gives the port."""
    over = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                talk(self.request, over)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            over.set()
            server.shutdown()
            thread.join(5)


def identity(folder: Path) -> Path:
    """Make an identity folder with the authority of the WFM that ought to be there."""
    Authority.new(TRUST_DOMAIN).write(folder)
    (folder / "wfm.json").write_text(f'{{"wfmId": "{WFM_ID}"}}')
    return folder
