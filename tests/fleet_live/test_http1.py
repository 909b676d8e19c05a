from itertools import pairwise

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.fleet.live.http1 import BadResponse, BodyTooLarge, Response, ResponseParser, request_head

BODIES = st.binary(max_size=300)
NAMES = st.sampled_from(["ETag", "Date", "X-A", "Vary", "Cache-Control"])
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)


def fed(data: bytes, cuts: list[int] | None = None, max_body: int = 10_000) -> tuple[Response | None, ResponseParser]:
    parser = ResponseParser(max_body)
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts or []), len(data)]
    found = None
    for begin, end in pairwise(places):
        if data[begin:end]:
            found = parser.feed(data[begin:end]) or found
    return found, parser


@given(
    st.sampled_from([200, 201, 206, 304, 403, 503]),
    st.lists(st.tuples(NAMES, VALUES), max_size=4),
    BODIES,
    st.booleans(),
    st.lists(st.integers(0, 2000), max_size=6),
)
def test_what_a_well_known_library_writes_is_read_however_it_is_cut(
    status: int, headers: list[tuple[str, str]], body: bytes, chunked: bool, cuts: list[int]
) -> None:
    body = b"" if status == 304 else body
    framing = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(body)))
    if status == 304 and chunked:
        framing = ("Server", "none")
    server = h11.Connection(h11.SERVER)
    server.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    while server.next_event() is not h11.PAUSED and server.their_state is not h11.DONE:
        pass
    data = server.send(h11.Response(status_code=status, headers=[*headers, framing])) or b""
    data += (server.send(h11.Data(data=body)) or b"") if body else b""
    data += server.send(h11.EndOfMessage()) or b""
    response, parser = fed(data, cuts)
    assert response is not None
    assert (response.status, response.body, response.size) == (status, body, len(data))
    assert response.reusable
    assert not parser.begun
    for name, _ in headers:
        expected = ", ".join(value for other, value in headers if other == name)
        assert response.headers[name.lower()] == expected


def test_a_body_may_end_with_the_connection() -> None:
    response, parser = fed(b"HTTP/1.1 200 OK\r\nX: 1\r\n\r\nsome text")
    assert response is None
    ended = parser.end()
    assert ended is not None
    assert (ended.body, ended.reusable) == (b"some text", False)


def test_interim_responses_are_passed_over_and_close_is_heeded() -> None:
    response, _ = fed(b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 204 No\r\nConnection: close\r\n\r\n")
    assert response is not None
    assert (response.status, response.reusable) == (204, False)
    old, _ = fed(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert old is not None
    assert not old.reusable


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: 1\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\nbody",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000,
    ],
)
def test_what_is_no_clear_response_is_refused(data: bytes) -> None:
    with pytest.raises(BadResponse):
        fed(data)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"y" * 101,
    ],
)
def test_bodies_are_bounded_and_a_body_at_the_bound_is_taken(data: bytes) -> None:
    with pytest.raises(BodyTooLarge):
        fed(data, max_body=100)
    response, _ = fed(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"y" * 100, max_body=100)
    assert response is not None


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        _, parser = fed(b"HTTP/1.1 200 OK\r\n" + data)
        parser.end()
    except BadResponse:
        pass


def test_a_request_names_its_host_and_its_length() -> None:
    head = request_head("POST", "/a", "h:1", {"Content-Type": "x"}, 3)
    assert head == b"POST /a HTTP/1.1\r\nHost: h:1\r\nContent-Type: x\r\nContent-Length: 3\r\n\r\n"
    assert b"Content-Length" not in request_head("GET", "/a", "h:1", {})
