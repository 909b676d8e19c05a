"""The published schema of the event file describes what the suite writes, and nothing else."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from conformance.record.events import Event, Header
from conformance.record.file import write
from conformance.record.schema import SCHEMA_FILE, schema_text
from tests.record.strategies import EVENTS, HEADER


def published() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


def test_the_published_schema_is_the_one_of_the_events() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "run python -m conformance.record.schema"
    Draft202012Validator.check_schema(published().schema)


@given(header=HEADER, events=st.lists(EVENTS, max_size=6))
@settings(max_examples=50, deadline=None)
def test_every_line_that_is_written_keeps_to_the_published_schema(
    tmp_path_factory: pytest.TempPathFactory, header: Header, events: list[Event]
) -> None:
    path = tmp_path_factory.mktemp("run") / "events.ndjson"
    write(path, [header, *events])
    validator = published()
    for line in path.read_bytes().splitlines():
        validator.validate(json.loads(line))


@pytest.mark.parametrize("change", [{"type": "rumour"}, {"n": -1}, {"surprise": 1}, {"outcome": "green"}])
def test_a_line_that_no_suite_writes_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    line = {"type": "scenario-finished", "n": 3, "at": 1.5, "scenario": 1, "outcome": "passed", "duration": 1.0}
    assert published().is_valid(line)
    assert not published().is_valid(line | change)
