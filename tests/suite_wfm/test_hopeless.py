"""A WFM that is not there, talks something else or answers nothing: findings, a clear message, and an early end."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.bench.errors import Blocked
from conformance.bench.wfm_patience import IN_VAIN, Patience
from conformance.record.events import Outcome
from conformance.record.file import EVENT_FILE, read
from conformance.record.run import Run
from simulator.identity.authority import Authority
from simulator.identity.spiffe import wfm_spiffe_id
from simulator.identity.tls import load_credential
from tests.cli.commands import Ended, call
from tests.suite_wfm.test_probe import listening

ANSWER_S = 0.3
HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\n<p/>"
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: https://login.example/\r\nContent-Length: 0\r\n\r\n"
Serve = Callable[[socket.socket], None]


def plain(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def hanging(_: socket.socket) -> None:
    threading.Event().wait(ANSWER_S + 0.1)


def answering(data: bytes | None, folder: Path) -> Serve:
    """Speak TLS as the WFM of an identity folder would, and answer everything alike; None answers nothing."""
    authority = Authority.load(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_credential(context, authority.issue(wfm_spiffe_id("plant.example", "Plant-7")))

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.settimeout(ANSWER_S)
            while secured.recv(65536):
                if data is None:
                    threading.Event().wait(ANSWER_S + 0.1)
                    return
                secured.sendall(data)

    return serve


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Authority.new("plant.example").write(tmp_path / "identity")
    (tmp_path / "identity" / "wfm.json").write_text('{"wfmId": "Plant-7"}')
    (tmp_path / "ics.yaml").write_text(
        f"role: wfm\nsubject: {{name: Nobody}}\nprofile: full\nlimits: {{answer: {ANSWER_S}, publish: {ANSWER_S}}}\n"
    )
    return tmp_path


def called(folder: Path, port: int, *filters: str) -> Ended:
    return call(
        "run", "wfm", "--url", f"https://127.0.0.1:{port}", "--identity", folder / "identity", "--ics",
        folder / "ics.yaml", "--out", folder / "out", "--jobs", "1", *filters,
    )  # fmt: skip


def judged(folder: Path, port: int, *filters: str) -> tuple[Ended, Run, float]:
    began = time.monotonic()
    ended = called(folder, port, *filters)
    return ended, Run.of(read(folder / "out" / EVENT_FILE)), time.monotonic() - began


@pytest.mark.parametrize(
    ("serve", "words"),
    [(None, "cannot be reached"), (plain, "TLS"), (hanging, "TLS")],
    ids=["nobody", "plain", "hanging"],
)
def test_a_run_does_not_begin_where_no_scenario_could_talk(folder: Path, serve: Serve | None, words: str) -> None:
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        if serve is None:
            with socket.create_server(("127.0.0.1", 0)) as server:
                port = server.getsockname()[1]
        else:
            port = stack.enter_context(listening(serve))
        ended = called(folder, port)
    assert ended.code == 2, ended
    assert words in ended.err
    assert str(port) in ended.err
    assert "Traceback" not in ended.err
    assert time.monotonic() - began < 30


def test_silence_uses_up_patience_and_any_answer_restores_it() -> None:
    patience = Patience()
    for _ in range(IN_VAIN - 1):
        patience.waited("no complete answer within 1 s")
    patience.heard()
    for _ in range(IN_VAIN):
        patience.try_again()
        patience.waited("no complete answer within 1 s")
    with pytest.raises(Blocked, match="no complete answer within 1 s"):
        patience.try_again()


@pytest.mark.parametrize(("data", "words"), [(HTML, "text/html"), (REDIRECT, "302")])
def test_a_wfm_that_answers_with_something_else_has_findings(folder: Path, data: bytes, words: str) -> None:
    with listening(answering(data, folder / "identity")) as port:
        ended, run, took = judged(folder, port, "--req", "DS-007", "--req", "DS-004")
    failed = [one for item in run.scenarios for one in item.findings if one.outcome is Outcome.FAIL]
    assert ended.code == 1, ended
    assert any(words in str(one.found) for one in failed)
    assert "Traceback" not in ended.out + ended.err
    assert took < 30
