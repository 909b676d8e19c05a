"""Digests: the grammar, and exact bytes."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.protocol.digest import (
    InvalidDigest,
    UnsupportedAlgorithm,
    digest_of,
    entity_tag,
    matches,
    parse_digest,
)


@given(st.binary())
def test_a_digest_is_sha256_over_the_exact_bytes(data: bytes) -> None:
    digest = digest_of(data)
    assert digest == "sha256:" + hashlib.sha256(data).hexdigest()
    assert parse_digest(digest) == digest
    assert entity_tag(digest) == f'"{digest}"'
    assert matches(data, digest)
    assert not matches(data + b"\n", digest)


@given(st.binary(), st.integers(0, 70), st.characters(exclude_characters="0123456789abcdef"))
def test_any_other_character_or_length_is_refused(data: bytes, place: int, wrong: str) -> None:
    digest = digest_of(data)
    at = min(place, len(digest) - 1)
    for text in (digest[:at] + digest[at + 1 :], digest + "0", digest.upper(), f" {digest}", f"{digest}\n"):
        with pytest.raises(InvalidDigest):
            parse_digest(text)
    if at > len("sha256:"):
        with pytest.raises(InvalidDigest):
            parse_digest(digest[:at] + wrong + digest[at + 1 :])


@pytest.mark.parametrize("name", ["sha512", "md5", "sha256+b64", "blake3"])
def test_another_algorithm_is_told_apart(name: str) -> None:
    with pytest.raises(UnsupportedAlgorithm, match="expected a sha256 digest"):
        parse_digest(f"{name}:00ff")


@pytest.mark.parametrize("text", ["", "sha256", "sha256:", ":00", "sha256:" + "0" * 63, 'sha256:"', "SHA512:00"])
def test_what_is_no_digest_is_not_merely_unsupported(text: str) -> None:
    with pytest.raises(InvalidDigest) as caught:
        parse_digest(text)
    assert not isinstance(caught.value, UnsupportedAlgorithm)
