"""Digests over exact bytes: `sha256:<64 lower-case hex>` (DS-047..DS-052)."""

import hashlib
import re

ALGORITHM = "sha256"
_GRAMMAR = re.compile(r"^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-f]+$")
_SHA256 = re.compile(r"^sha256:[0-9a-f]{64}$")


class InvalidDigest(ValueError):
    """Text that is no digest of the required algorithm."""


class UnsupportedAlgorithm(InvalidDigest):
    """A digest of an algorithm other than sha256: it makes the whole manifest invalid (DS-055)."""


def digest_of(data: bytes) -> str:
    """The digest of exactly these bytes (DS-050, DS-051)."""
    return f"{ALGORITHM}:{hashlib.sha256(data).hexdigest()}"


def parse_digest(text: str) -> str:
    """The digest as given, if it is one that can be verified.

    Raises UnsupportedAlgorithm for a digest of another algorithm, InvalidDigest for anything else.
    """
    if _SHA256.fullmatch(text):
        return text
    if _GRAMMAR.fullmatch(text) and not text.startswith(f"{ALGORITHM}:"):
        raise UnsupportedAlgorithm(f"expected a {ALGORITHM} digest, found {text.partition(':')[0]}")
    raise InvalidDigest(f"expected sha256:<64 lower-case hex characters>, found {text!r}")


def entity_tag(digest: str) -> str:
    """The digest as a strong entity tag: quoted, nothing else (DS-056, DS-057)."""
    return f'"{digest}"'


def matches(data: bytes, digest: str) -> bool:
    """Whether these exact bytes have this digest."""
    return digest_of(data) == digest
