"""The event file: what was written is what is read, and anything else is refused."""

import json
import re
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from conformance.record.events import (
    Event,
    Exchange,
    Fact,
    Finding,
    Footer,
    Header,
    Outcome,
    ScenarioFinished,
    ScenarioOutcome,
    json_schema,
)
from conformance.record.file import BrokenRecord, EventWriter, read, write
from conformance.record.redact import MAX_BODY_BYTES, REDACTED, body, headers, without_passwords
from tests.record.strategies import EVENTS, HEADER

PRIVATE_KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIPlanted0Secret1Key2Material3\n-----END EC PRIVATE KEY-----\n"
SIMPLE_HEADER = Header(run="r", started="2026-01-01T00:00:00Z", suite="1", revision="1.0.0-rc.3", subjects=())
SCHEMA = Draft202012Validator(json_schema())


def exchange(**changes: object) -> Exchange:
    values: dict[str, object] = {
        "scenario": None,
        "seat": "client",
        "operation": "fetch-manifest",
        "method": "GET",
        "target": "/api/v1/manifest",
        "status": 200,
    }
    return Exchange.model_validate(values | changes)


def small_file(path: Path) -> Path:
    finding = Finding(scenario=1, requirement="DS-069", check="c", outcome=Outcome.FAIL, message="older was adopted")
    ended = ScenarioFinished(scenario=1, outcome=ScenarioOutcome.FAILED)
    write(path, [SIMPLE_HEADER, finding, ended])
    return path


@given(header=HEADER, events=st.lists(EVENTS, max_size=6))
@settings(max_examples=50, deadline=None)
def test_events_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, header: Header, events: list[Event]
) -> None:
    path = tmp_path_factory.mktemp("run") / "events.ndjson"
    write(path, [header, *events])
    *back, footer = read(path)
    assert back == [event.model_copy(update={"n": n}) for n, event in enumerate([header, *events])]
    assert isinstance(footer, Footer)
    assert footer.events == len(back)
    for line in path.read_bytes().splitlines():
        SCHEMA.validate(json.loads(line))


def test_writing_what_was_read_gives_the_same_file(tmp_path: Path) -> None:
    first = small_file(tmp_path / "a.ndjson")
    write(tmp_path / "b.ndjson", read(first))
    assert (tmp_path / "b.ndjson").read_bytes() == first.read_bytes()


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    data = small_file(tmp_path / "events.ndjson").read_bytes()
    cut = tmp_path / "cut.ndjson"
    for length in range(len(data)):
        cut.write_bytes(data[:length])
        with pytest.raises(BrokenRecord):
            read(cut)


def test_any_edited_byte_is_refused(tmp_path: Path) -> None:
    data = small_file(tmp_path / "events.ndjson").read_bytes()
    edited = tmp_path / "edited.ndjson"
    for position in range(len(data)):
        edited.write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        with pytest.raises(BrokenRecord):
            read(edited)


def test_an_edited_total_in_the_footer_is_refused(tmp_path: Path) -> None:
    path = small_file(tmp_path / "events.ndjson")
    data = path.read_bytes()
    for before, after in ((b'"scenario:failed":1', b'"scenario:failed":0'), (b'"finding:fail":1', b'"finding:fail":0')):
        assert before in data
        path.write_bytes(data.replace(before, after))
        with pytest.raises(BrokenRecord, match="edited"):
            read(path)


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize(
    "order", [(0, 2, 3), (0, 1, 3), (1, 2, 3), (0, 2, 1, 3), (0, 1, 1, 2, 3), (0, 1, 2, 2, 3), (1, 0, 2, 3), (0, 0, 3)]
)
def test_missing_moved_and_repeated_lines_are_refused(tmp_path: Path, order: tuple[int, ...]) -> None:
    path = small_file(tmp_path / "events.ndjson")
    lines = lines_of(path)
    assert len(lines) == 4
    path.write_bytes(b"".join(lines[index] for index in order))
    with pytest.raises(BrokenRecord):
        read(path)


def test_two_headers_are_refused_even_under_a_valid_seal(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    write(path, [SIMPLE_HEADER, SIMPLE_HEADER])
    with pytest.raises(BrokenRecord, match="header in the middle"):
        read(path)


def test_a_run_that_does_not_begin_with_a_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    write(path, [exchange()])
    with pytest.raises(BrokenRecord, match="expected a header"):
        read(path)


def test_another_format_is_refused_and_the_message_names_both(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    write(path, [SIMPLE_HEADER.model_copy(update={"format": 99})])
    with pytest.raises(BrokenRecord, match=re.escape(f"{path}:1: event format 99 where this suite reads 1")):
        read(path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"[]\n", "1"),
        (b"not json\n", "not JSON"),
        (b'{"type":"surprise"}\n', "surprise"),
        (b"\xff\xfe\n", "not JSON"),
    ],
)
def test_what_is_no_event_file_is_refused_with_its_line(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "events.ndjson"
    path.write_bytes(content)
    with pytest.raises(BrokenRecord, match=problem) as caught:
        read(path)
    assert caught.value.line == 1
    assert str(path) in str(caught.value)


def test_a_run_that_broke_off_has_no_footer_and_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"

    def broken_run() -> None:
        with EventWriter(path) as writer:
            writer.append(SIMPLE_HEADER)
            raise RuntimeError("the bench fell over")

    with pytest.raises(RuntimeError):
        broken_run()
    assert b'"footer"' not in path.read_bytes()
    with pytest.raises(BrokenRecord, match="no footer"):
        read(path)


def test_an_event_file_is_never_written_over(tmp_path: Path) -> None:
    path = small_file(tmp_path / "events.ndjson")
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        EventWriter(path)
    assert path.read_bytes() == before


def test_closing_twice_seals_once(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    with EventWriter(path) as writer:
        writer.append(SIMPLE_HEADER)
        writer.close()
    assert sum(isinstance(event, Footer) for event in read(path)) == 1


def test_many_threads_write_one_unbroken_file(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    per_thread, threads = 200, 8
    numbers: list[int] = []
    start = threading.Barrier(threads)

    def recorder(writer: EventWriter, who: int) -> None:
        start.wait()
        for index in range(per_thread):
            written = writer.append(Fact(scenario=None, kind="tick", data={"who": who, "index": index}))
            numbers.append(written.n)

    with EventWriter(path) as writer:
        writer.append(SIMPLE_HEADER)
        workers = [threading.Thread(target=recorder, args=(writer, who)) for who in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    events = read(path)
    assert sorted(numbers) == list(range(1, per_thread * threads + 1))
    facts = [event.data for event in events if isinstance(event, Fact)]
    for who in range(threads):
        assert [fact["index"] for fact in facts if fact["who"] == who] == list(range(per_thread))


@given(st.binary(max_size=4096))
def test_a_body_without_secrets_is_kept_byte_for_byte(data: bytes) -> None:
    kept = body(data)
    assert kept.data == data
    assert kept.size == len(data)
    assert not kept.cut


def test_a_body_survives_the_file_byte_for_byte(tmp_path: Path) -> None:
    bodies = [b"", b"\x00\xff\xfe\x80", b"\xef\xbb\xbf{}\r\n", "grüße \u2028 \U0001f600".encode(), b"a\rb\x0bc"]
    path = tmp_path / "events.ndjson"
    write(path, [SIMPLE_HEADER, *(exchange(response=body(data)) for data in bodies)])
    assert [event.response.data for event in read(path) if isinstance(event, Exchange)] == bodies


def test_a_long_body_is_cut_and_does_not_pretend_to_be_whole() -> None:
    kept = body(b"x" * (MAX_BODY_BYTES + 1))
    assert kept.cut
    assert kept.data is None
    assert kept.size == MAX_BODY_BYTES + 1


@pytest.mark.parametrize(
    "data",
    [
        PRIVATE_KEY.encode(),
        b"key: |\n  " + PRIVATE_KEY.replace("\n", "\n  ").encode(),
        json.dumps({"key": PRIVATE_KEY}).encode(),
        b"\xff\x00" + PRIVATE_KEY.encode(),
        b"x" * (MAX_BODY_BYTES - 60) + PRIVATE_KEY.encode(),
    ],
    ids=["pem", "indented", "in JSON", "among binary", "cut off"],
)
def test_a_private_key_in_a_body_never_reaches_the_file(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "events.ndjson"
    kept = body(data)
    write(path, [SIMPLE_HEADER, exchange(request=kept)])
    assert b"Planted0" not in path.read_bytes()
    assert b"Planted0" not in (kept.data or b"")
    assert kept.base64 is None
    assert kept.size == len(data)
    assert kept.data is None


def test_secret_members_are_replaced_and_the_rest_stays_readable() -> None:
    kept = body(b'{"user": "u", "password": "pl\\"anted", "client_secret":"planted","access_token" : "planted"}')
    assert kept.text is not None
    assert "anted" not in kept.text
    assert json.loads(kept.text) == {
        "user": "u",
        "password": REDACTED,
        "client_secret": REDACTED,
        "access_token": REDACTED,
    }


@pytest.mark.parametrize("name", ["Authorization", "AUTHORIZATION", "proxy-authorization", "Cookie", "set-cookie"])
def test_secret_headers_never_reach_the_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / "events.ndjson"
    secret = ((name, "Bearer planted-token"), ("Accept", "*/*"))
    assert headers(secret) == ((name, REDACTED), ("Accept", "*/*"))
    # a recorder that forgot to redact is caught by the writer
    write(path, [SIMPLE_HEADER, exchange(request_headers=secret, response_headers=secret)])
    assert b"planted-token" not in path.read_bytes()
    recorded = next(event for event in read(path) if isinstance(event, Exchange))
    assert recorded.request_header("accept") == "*/*"


def test_a_private_key_in_a_fact_or_a_finding_never_reaches_the_file(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    fact = Fact(scenario=None, kind="read-file", data={"content": PRIVATE_KEY, "after": 'stays "here"'})
    finding = Finding(
        scenario=1, requirement="SEC-001", check="c", outcome=Outcome.FAIL, message="m", found=PRIVATE_KEY
    )
    write(path, [SIMPLE_HEADER, fact, finding])
    assert b"Planted0" not in path.read_bytes()
    back = read(path)
    assert isinstance(back[1], Fact)
    assert back[1].data == {"content": REDACTED, "after": 'stays "here"'}


def test_header_bytes_that_are_no_text_can_be_recorded(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    hostile = b"caf\xe9\xff".decode("utf-8", "surrogateescape")
    write(path, [SIMPLE_HEADER, exchange(request_headers=headers([("X-Name", hostile)]))])
    recorded = next(event for event in read(path) if isinstance(event, Exchange))
    assert (recorded.request_header("x-name") or "").startswith("caf\\")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("run wfm --url https://me:secret@wfm:443/x", f"run wfm --url https://{REDACTED}@wfm:443/x"),
        ("--northbound=http://me:p@ss@host --x a@b", f"--northbound=http://{REDACTED}@host --x a@b"),
        ("https://wfm:443/a@b?c=d@e", "https://wfm:443/a@b?c=d@e"),
    ],
)
def test_passwords_in_addresses_are_not_kept(typed: str, kept: str) -> None:
    assert without_passwords(typed) == kept
