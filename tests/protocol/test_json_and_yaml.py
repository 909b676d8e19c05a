"""Canonical JSON, lossless parsing, and YAML that cannot hurt."""

from contextlib import suppress
from typing import Any

import pytest
import rfc8785
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.protocol.documents import (
    MAX_DOCUMENT_BYTES,
    DocumentError,
    canonical_json,
    dump_yaml,
    parse_json,
    parse_yaml,
)

NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
SAFE = st.integers(-(2**53) + 1, 2**53 - 1)
VALUES = st.recursive(
    st.none() | st.booleans() | SAFE | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_canonical_json_is_that_of_rfc_8785_where_both_hold(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@given(VALUES)
def test_canonical_json_reads_back_and_is_stable(value: Any) -> None:
    written = canonical_json(value)
    assert parse_json(written, "x") == value
    assert canonical_json(parse_json(written, "x")) == written


@given(st.integers(0, 2**64 - 1))
def test_integers_stay_exact_where_rfc_8785_gives_up(number: int) -> None:
    assert parse_json(canonical_json({"n": number}), "x") == {"n": number}
    if number >= 2**53:
        with pytest.raises(rfc8785.CanonicalizationError):
            rfc8785.dumps(number)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"{} {}",
        b'{"a":1,"a":2}',
        b"NaN",
        b'{"a":Infinity}',
        b"\xff",
        b"[" * 100_000,
        b"'a'",
        b"\x00",
        b'["\\ud800"]',
    ],
)
def test_bad_json_is_refused_as_text(text: bytes) -> None:
    with pytest.raises(DocumentError, match="x: text: expected valid JSON") as caught:
        parse_json(text, "x")
    assert not caught.value.well_formed


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_no_bytes_make_the_parsers_fail_otherwise(data: bytes) -> None:
    for parse in (parse_json, parse_yaml):
        with suppress(DocumentError):
            parse(data, "x")


BOMB = b"a: &a [x, x]\n" + b"".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n".encode() for n in range(20)
)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (BOMB, "YAML without aliases"),
        (b"a: &a {b: *a}", "YAML without aliases"),
        (b"[" * 70 + b"]" * 70, "at most 64 levels"),
        (b"- " * 70 + b"x", "at most 64 levels"),
        (b"a: 1\na: 2\n", "one valid YAML document"),
        (b"a: 1\n---\nb: 2\n", "one valid YAML document"),
        (b"!!python/object/apply:os.system [echo]", "one valid YAML document"),
        (b"\xff\xfe", "UTF-8"),
        (b"a: [1\n", "one valid YAML document"),
        (b" " * (MAX_DOCUMENT_BYTES + 1), "at most"),
    ],
)
def test_dangerous_yaml_is_refused(data: bytes, expected: str) -> None:
    with pytest.raises(DocumentError, match=expected):
        parse_yaml(data, "x")


def test_deep_yaml_is_refused_without_exhausting_anything() -> None:
    for deep in (b"[" * 200_000, b"{a: " * 100_000, b"- " * 100_000 + b"x"):
        with pytest.raises(DocumentError):
            parse_yaml(deep, "x")


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_yaml_is_written_the_same_each_time_and_reads_back(value: dict[str, Any]) -> None:
    written = dump_yaml(value)
    assert dump_yaml(value) == written
    assert parse_yaml(written, "x") == yaml.safe_load(written) == value


def test_times_stay_text() -> None:
    assert parse_yaml(b"at: 2026-03-01T12:00:00Z", "x") == {"at": "2026-03-01T12:00:00Z"}
