"""HTTP/1.1 as a client needs it: requests as bytes, and an incremental parser of responses (RFC 9112).

One response at a time, as one request at a time is sent; content codings are left alone. What is not clear is refused:
two lengths, a length beside a transfer coding, folded lines, more than was asked for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

MAX_HEAD_BYTES = 32 * 1024
_STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\r\n]*)?")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}(?:[ \t]*;[^\r\n]*)?")


class BadResponse(ValueError):
    """What came is no HTTP/1.1 response to what was asked; the message says why."""


class BodyTooLarge(BadResponse):
    """A body beyond the bound."""


@dataclass(frozen=True, slots=True)
class Response:
    """One response. Header names in lower case, several lines of one name joined by `, `; `size` in bytes as received.

    `reusable`: the connection may carry another request.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    size: int
    reusable: bool


def request_head(method: str, target: str, host: str, headers: Mapping[str, str], length: int | None = None) -> bytes:
    """A request's head; with a body its length is told."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class ResponseParser:
    """Takes bytes as they come; gives each response once it is whole."""

    __slots__ = ("_buffer", "_expected", "_head", "_max_body", "_parts", "_received", "_size", "_state")

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self._buffer = b""
        self._start()

    @property
    def begun(self) -> bool:
        """Whether any byte of the next response has come."""
        return bool(self._buffer) or self._state != "head" or self._size > 0

    def feed(self, data: bytes) -> Response | None:
        """Take bytes; gives the response when it is whole. Raises BadResponse."""
        self._buffer = self._buffer + data if self._buffer else data
        if self._state == "head" and not self._take_head():
            return None
        if self._state == "length":
            return self._take_length()
        if self._state == "close":
            self._take(len(self._buffer))
            return None
        return self._take_chunks()

    def end(self) -> Response | None:
        """The connection was closed: gives the response that ends with it. Raises BadResponse in the middle of one."""
        if self._state == "close":
            return self._finish(reusable=False)
        if self.begun:
            raise BadResponse("the connection was closed in the middle of a response")
        return None

    # --- parts ---------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._state = "head"
        self._head: tuple[int, dict[str, str], bool] = (0, {}, False)
        self._parts: list[bytes] = []
        self._expected = 0
        self._received = 0
        self._size = 0

    def _take_head(self) -> bool:
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0 or end > MAX_HEAD_BYTES:
                if len(self._buffer) > MAX_HEAD_BYTES:
                    raise BadResponse(f"a head of more than {MAX_HEAD_BYTES} bytes")
                return False
            head = self._buffer[:end].decode("latin-1")
            self._buffer = self._buffer[end + 4 :]
            self._size += end + 4
            minor, status, headers = _parse_head(head)
            if status >= 200:
                break
            if status == 101:
                raise BadResponse("status 101, though no other protocol was asked for")
        connection = headers.get("connection", "").lower()
        reusable = "close" not in connection and (minor == 1 or "keep-alive" in connection)
        self._head = (status, headers, reusable)
        self._state, self._expected = _framing(status, headers)
        if self._expected > self._max_body:
            raise BodyTooLarge(f"a body of {self._expected} bytes, at most {self._max_body} are taken")
        return True

    def _take(self, count: int) -> None:
        part = self._buffer[:count]
        self._buffer = self._buffer[count:]
        self._received += len(part)
        self._size += len(part)
        if self._received > self._max_body:
            raise BodyTooLarge(f"a body of more than {self._max_body} bytes")
        if part:
            self._parts.append(part)

    def _take_length(self) -> Response | None:
        if self._expected > self._received:
            self._take(self._expected - self._received)
            if self._received < self._expected:
                return None
        return self._finish(reusable=self._head[2])

    def _take_chunks(self) -> Response | None:
        while True:
            if self._state == "chunk":
                if len(self._buffer) < self._expected + 2:
                    return None
                if self._buffer[self._expected : self._expected + 2] != b"\r\n":
                    raise BadResponse("a chunk that does not end where its size says")
                self._take(self._expected)
                self._skip(2)
                self._state = "size"
            line = self._line()
            if line is None:
                return None
            if self._state == "trailer":
                if not line:
                    return self._finish(reusable=self._head[2])
                continue
            if not _SIZE.fullmatch(line):
                raise BadResponse(f"expected the size of a chunk, found {line[:40]!r}")
            self._expected = int(line.partition(b";")[0], 16)
            if self._expected + self._received > self._max_body:
                raise BodyTooLarge(f"a body of more than {self._max_body} bytes")
            self._state = "chunk" if self._expected else "trailer"

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise BadResponse("a line without an end")
            return None
        line = self._buffer[:end]
        self._skip(end + 2)
        return line

    def _skip(self, count: int) -> None:
        self._buffer = self._buffer[count:]
        self._size += count

    def _finish(self, *, reusable: bool) -> Response:
        if self._buffer:
            raise BadResponse(f"{len(self._buffer)} bytes behind the response that nobody asked for")
        status, headers, _ = self._head
        response = Response(status, headers, b"".join(self._parts), self._size, reusable)
        self._start()
        return response


def _parse_head(head: str) -> tuple[int, int, dict[str, str]]:
    lines = head.split("\r\n")
    found = _STATUS_LINE.fullmatch(lines[0])
    if found is None:
        raise BadResponse(f"expected a status line of HTTP/1.1, found {lines[0][:60]!r}")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name):
            raise BadResponse(f"expected a header line, found {line[:60]!r}")
        key, value = name.lower(), value.strip(" \t")
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return int(found[1]), int(found[2]), headers


def _framing(status: int, headers: Mapping[str, str]) -> tuple[str, int]:
    """How the body ends, and its length where that is known (RFC 9112, 6.3)."""
    if status in (204, 304):
        return "length", 0
    coding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None:
        if length is not None or coding.lower() != "chunked":
            raise BadResponse("Transfer-Encoding: expected chunked alone, without Content-Length")
        return "size", 0
    if length is None:
        return "close", 0
    if not length.isascii() or not length.isdecimal() or len(length) > 15:
        raise BadResponse(f"Content-Length: expected one number, found {length[:40]!r}")
    return "length", int(length)
