"""A WFM that is not there, talks something else or answers nothing: one message, findings, and an early end."""

import socket
import time
from pathlib import Path
from statistics import median

import pytest

from conformance.bench.errors import Blocked
from conformance.bench.wfm_patience import IN_VAIN, Patience
from conformance.record.events import Outcome, ScenarioOutcome
from conformance.record.file import EVENT_FILE, read
from conformance.record.run import Run
from tests.cli.commands import Ended, assert_refused, call
from tests.suite_wfm.troublesome import (
    HTML,
    REDIRECT,
    Talk,
    closing,
    dripping,
    identity,
    listening,
    over_tls,
    plain,
    saying,
    silent,
)

ANSWER_S = 0.3
FIRST_CONTACT_S = 0.5
SAMPLE = ("--req", "DS-007", "--req", "DS-004")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an identity folder and a statement with short deadlines."""
    monkeypatch.setattr("conformance.cli.smoke.TIMEOUT_S", FIRST_CONTACT_S)
    identity(tmp_path / "identity")
    (tmp_path / "ics.yaml").write_text(
        f"role: wfm\nsubject: {{name: Nobody}}\nprofile: full\nlimits: {{answer: {ANSWER_S}, publish: {ANSWER_S}}}\n"
    )
    return tmp_path


def called(folder: Path, port: int, *filters: str) -> Ended:
    return call(
        "run", "wfm", "--url", f"https://127.0.0.1:{port}", "--identity", folder / "identity", "--ics",
        folder / "ics.yaml", "--out", folder / "out", "--jobs", "1", *filters,
    )  # fmt: skip


def judged(folder: Path, talk: Talk, *filters: str) -> tuple[Ended, Run]:
    with listening(over_tls(talk, folder / "identity")) as port:
        ended = called(folder, port, *filters)
    assert "Traceback" not in ended.out + ended.err
    return ended, Run.of(read(folder / "out" / EVENT_FILE))


def test_nobody_at_the_address_is_one_message(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert_refused(called(folder, port), "unreachable", "--url", str(port), "doctor")
    assert not (folder / "out").exists()


@pytest.mark.parametrize(("talk", "words"), [(plain, "HTTPS"), (silent, "no answer within 0.5 s")])
def test_where_no_tls_is_spoken_no_run_begins(folder: Path, talk: Talk, words: str) -> None:
    with listening(talk) as port:
        began = time.monotonic()
        ended = called(folder, port)
        took = time.monotonic() - began
    assert_refused(ended, "tls", "--url", str(port), words)
    assert not (folder / "out").exists()
    assert took < FIRST_CONTACT_S + 10


def test_silence_uses_up_patience_and_any_answer_restores_it() -> None:
    patience = Patience()
    for _ in range(IN_VAIN - 1):
        patience.waited("no complete answer within 1 s")
    patience.heard()
    for _ in range(IN_VAIN):
        patience.try_again()
        patience.waited("no complete answer within 1 s")
    with pytest.raises(Blocked, match=f"none of {IN_VAIN} requests in a row: no complete answer within 1 s"):
        patience.try_again()


def test_who_was_silent_at_first_is_given_one_more_chance_only() -> None:
    patience = Patience()
    patience.doubt("no complete answer within 5 s")
    assert patience.given_up is None
    patience.heard()
    patience.waited("no complete answer within 1 s")
    assert patience.given_up is None, "an answer takes the doubt away"
    patience.doubt("no complete answer within 5 s")
    patience.waited("no complete answer within 1 s")
    assert "no complete answer within 1 s" in str(patience.given_up)


@pytest.mark.parametrize("talk", [silent, dripping], ids=["hanging", "dripping"])
def test_a_wfm_that_never_answers_to_the_end_is_given_up_at_once(folder: Path, talk: Talk) -> None:
    ended, run = judged(folder, talk)
    assert ended.code == 4, ended
    assert "warning: a first contact with 127.0.0.1 port" in ended.err
    assert "no complete answer within 0.5 s" in ended.err
    tried = [item for item in run.scenarios if item.outcome is ScenarioOutcome.INCONCLUSIVE]
    assert len(tried) == 1, "one scenario shows that it stays silent"
    assert {one.outcome for one in tried[0].findings} >= {Outcome.INCONCLUSIVE}
    blocked = [item for item in run.scenarios if "answered none of 2 requests" in str(item.finished.reason)]
    blocked = [item for item in blocked if item.outcome is ScenarioOutcome.BLOCKED]
    assert len(blocked) > 50
    assert median(item.finished.duration for item in blocked) < 0.3
    assert not [item for item in run.scenarios if item.outcome is ScenarioOutcome.PASSED]


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (saying(HTML), "text/html"),
        (saying(REDIRECT), "302"),
        (closing, "closed without an answer"),
    ],
    ids=["html", "redirect", "closing"],
)
def test_a_wfm_that_answers_with_something_else_has_findings(folder: Path, talk: Talk, words: str) -> None:
    began = time.monotonic()
    ended, run = judged(folder, talk, *SAMPLE)
    failed = [one for item in run.scenarios for one in item.findings if one.outcome is Outcome.FAIL]
    assert ended.code == 1, ended
    assert any(words in str(one.found) for one in failed), [one.found for one in failed]
    assert time.monotonic() - began < 30
