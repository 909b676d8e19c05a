"""Reading one HTTP/1.1 answer without losing anything: exact bytes, every header, and bytes where none belong.

A library would repair or hide what a WFM does wrong (a body behind a 304, a second header, a wrong length), so the few
rules of RFC 9112 section 6 are applied here, within bounds.
"""

from collections.abc import Callable
from dataclasses import dataclass

Receive = Callable[[], bytes]
"""Gives the next bytes, or nothing at the end of the connection; raises OSError (TimeoutError among them)."""

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 16 * 1024 * 1024
_WITHOUT_BODY = (204, 304)


class AnswerError(Exception):
    """What came is no complete HTTP/1.1 answer; the message says what was expected and found."""


class NoAnswer(AnswerError):
    """The connection ended before the first byte of an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `surplus` are bytes that came behind an answer that has no body (204, 304, HEAD)."""

    http_version: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    surplus: bytes
    closes: bool

    def header(self, name: str) -> str | None:
        """Give the first header of that name."""
        return _first(self.headers, name)


class AnswerReader:
    """Reads the answers of one connection, one after the other."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._buffer = bytearray()
        self.any_byte = False
        """Whether the WFM sent anything at all."""

    def read(self, method: str, peek: Receive) -> Answer:
        """Read the answer to a request; `peek` gives what else is there without waiting long.

        Raises NoAnswer, AnswerError, and what `receive` raises.
        """
        version, status, headers = self._head()
        while 100 <= status < 200:
            version, status, headers = self._head()
        closes = version == "HTTP/1.0" or "close" in (_first(headers, "Connection") or "").lower()
        if method == "HEAD" or status in _WITHOUT_BODY:
            surplus = bytes(self._buffer) or peek()
            self._buffer.clear()
            return Answer(version, status, headers, b"", surplus, closes or bool(surplus))
        body, until_close = self._body(headers)
        return Answer(version, status, headers, body, b"", closes or until_close)

    def _head(self) -> tuple[str, int, tuple[tuple[str, str], ...]]:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if self._buffer and not b"HTTP/".startswith(self._buffer[:5]) and self._buffer[:5] != b"HTTP/":
                raise AnswerError(f"expected an HTTP/1.1 status line, found {bytes(self._buffer[:60])!r}")
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise AnswerError(f"expected at most {MAX_HEAD_BYTES} bytes of headers, found more")
            self._more("the end of the headers")
        lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        version, _, rest = lines[0].partition(" ")
        code = rest.partition(" ")[0]
        if not (len(code) == 3 and code.isascii() and code.isdigit()):
            raise AnswerError(f"expected a status line with a code of three digits, found {lines[0][:60]!r}")
        return version, int(code), tuple(_header(line) for line in lines[1:])

    def _body(self, headers: tuple[tuple[str, str], ...]) -> tuple[bytes, bool]:
        if "chunked" in (_first(headers, "Transfer-Encoding") or "").lower():
            return self._chunks(), False
        length = _first(headers, "Content-Length")
        if length is None:
            return self._rest(), True
        if not (length.isascii() and length.isdigit()) or int(length) > MAX_BODY_BYTES:
            raise AnswerError(f"expected a Content-Length of at most {MAX_BODY_BYTES}, found {length[:40]!r}")
        return self._exactly(int(length)), False

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more(f"{size} bytes of body")
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _rest(self) -> bytes:
        while chunk := self._receive():
            self._buffer += chunk
            if len(self._buffer) > MAX_BODY_BYTES:
                raise AnswerError(f"expected a body of at most {MAX_BODY_BYTES} bytes, found more")
        return bytes(self._buffer)

    def _chunks(self) -> bytes:
        data = bytearray()
        while True:
            size = self._chunk_size()
            if size == 0:
                while self._line("the end of the chunks"):
                    pass
                return bytes(data)
            if len(data) + size > MAX_BODY_BYTES:
                raise AnswerError(f"expected a body of at most {MAX_BODY_BYTES} bytes, found more")
            data += self._exactly(size)
            self._line("the end of a chunk")

    def _chunk_size(self) -> int:
        line = self._line("the size of a chunk").partition(b";")[0].strip()
        try:
            return int(line, 16)
        except ValueError:
            raise AnswerError(f"expected the size of a chunk, found {line[:40]!r}") from None

    def _line(self, what: str) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise AnswerError(f"expected {what}, found a line without end")
            self._more(what)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _more(self, expected: str) -> None:
        chunk = self._receive()
        if chunk:
            self.any_byte = True
            self._buffer += chunk
        elif self.any_byte and self._buffer:
            raise AnswerError(f"expected {expected}, found the end of the connection after {len(self._buffer)} bytes")
        else:
            raise NoAnswer("the connection was closed without an answer")


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.strip(" \t")


def _first(headers: tuple[tuple[str, str], ...], name: str) -> str | None:
    return next((value for key, value in headers if key.lower() == name.lower()), None)
