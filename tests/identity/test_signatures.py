"""Signed requests: what one side signs the other verifies, an independent library agrees, and each defect is named."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache

import http_message_signatures as other
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from http_message_signatures import algorithms
from hypothesis import given
from hypothesis import strategies as st

from simulator.identity.signatures import (
    Algorithm,
    KeyUnsuitable,
    SignatureRefused,
    SignedParts,
    Signer,
    SignerKey,
    content_digest,
    verify,
)

NOW = 1_760_000_000
URL = "https://wfm.example/api/v1/clients/c-1/deployments?x=1"
ALGORITHMS: tuple[Algorithm, ...] = ("ecdsa-p256-sha256", "ecdsa-p384-sha384", "rsa-v1_5-sha256", "rsa-pss-sha256")
OTHERS = {
    "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256,
    "ecdsa-p384-sha384": algorithms.ECDSA_P384_SHA384,
    "rsa-v1_5-sha256": algorithms.RSA_V1_5_SHA256,
}


@cache
def key_for(algorithm: str) -> SignerKey:
    if algorithm.startswith("rsa"):
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP384R1() if "384" in algorithm else ec.SECP256R1())


def signer(algorithm: Algorithm = "ecdsa-p256-sha256") -> Signer:
    return Signer.of(key_for(algorithm), "key-1", algorithm)


def arrived(parts: SignedParts, headers: dict[str, str]) -> SignedParts:
    return replace(parts, headers={**parts.headers, **{name.lower(): value for name, value in headers.items()}})


def signed(body: bytes = b'{"a": 1}', by: Signer | None = None, created: int = NOW, **how: object) -> SignedParts:
    parts = SignedParts("POST" if body else "GET", URL, {"content-type": "application/json"}, body)
    return arrived(parts, (by or signer()).sign(parts, created, **how))  # type: ignore[arg-type]


@dataclass
class Message:
    """A request as the other library reads it."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


class Keys(other.HTTPSignatureKeyResolver):
    def __init__(self, key: SignerKey) -> None:
        self.key = key

    def resolve_public_key(self, key_id: str) -> other.VerificationKey:  # noqa: ARG002 - theirs to name
        return self.key.public_key()

    def resolve_private_key(self, key_id: str) -> other.SigningKey:  # noqa: ARG002 - theirs to name
        return self.key


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("body", [b"", b"x" * 3000])
def test_signature_is_verified_with_its_key(algorithm: Algorithm, body: bytes) -> None:
    held = verify(signed(body, signer(algorithm)), key_for(algorithm).public_key(), NOW + 10)
    assert (held.label, held.created, held.keyid, held.algorithm) == ("sig1", NOW, "key-1", algorithm)
    assert held.components == ("@method", "@target-uri", *(["content-digest"] if body else []))
    assert held.notes == ()


@pytest.mark.parametrize("algorithm", OTHERS)
def test_another_library_verifies_ours(algorithm: Algorithm) -> None:
    parts = signed(by=signer(algorithm), created=int(datetime.now(UTC).timestamp()))
    verifier = other.HTTPMessageVerifier(signature_algorithm=OTHERS[algorithm], key_resolver=Keys(key_for(algorithm)))
    message = Message(parts.method, parts.target_uri, dict(parts.headers))
    found = verifier.verify(message, max_age=timedelta(minutes=5), body=parts.body)
    assert [each.label for each in found] == ["sig1"]


@pytest.mark.parametrize("algorithm", OTHERS)
def test_ours_verifies_another_librarys(algorithm: Algorithm) -> None:
    body = b"hello"
    message = Message("POST", URL)
    other.HTTPMessageSigner(signature_algorithm=OTHERS[algorithm], key_resolver=Keys(key_for(algorithm))).sign(
        message,
        key_id="theirs",
        created=datetime.fromtimestamp(NOW, UTC),
        label="any",
        body=body,
        covered_component_ids=("@method", "@authority", "@target-uri", "content-digest"),
    )
    parts = arrived(SignedParts("POST", URL, {}, body), message.headers)
    assert verify(parts, key_for(algorithm).public_key(), NOW).keyid == "theirs"


def _header(name: str, change: Callable[[str], str | None]) -> Callable[[SignedParts], SignedParts]:
    def changed(parts: SignedParts) -> SignedParts:
        value = change(parts.headers[name])
        rest = {other_name: text for other_name, text in parts.headers.items() if other_name != name}
        return replace(parts, headers=rest if value is None else {**rest, name: value})

    return changed


DEFECTS: dict[str, tuple[str, Callable[[SignedParts], SignedParts]]] = {
    "no signature": ("missing-signature", _header("signature", lambda _: None)),
    "no input": ("missing-signature", _header("signature-input", lambda _: None)),
    "no dictionary": ("malformed-signature", _header("signature-input", lambda _: 'sig1=("@method"')),
    "other label": ("malformed-signature", _header("signature", lambda text: text.replace("sig1", "sig2"))),
    "token for bytes": ("malformed-signature", _header("signature", lambda _: "sig1=abc")),
    "no created": (
        "malformed-signature",
        _header("signature-input", lambda text: text.replace(f";created={NOW}", "")),
    ),
    "no keyid": (
        "malformed-signature",
        _header("signature-input", lambda text: text.replace(';keyid="key-1"', "")),
    ),
    "huge": ("malformed-signature", _header("signature-input", lambda text: text + " " * 9000)),
    "no digest": ("missing-digest", _header("content-digest", lambda _: None)),
    "digest of another body": ("wrong-digest", _header("content-digest", lambda _: content_digest(b"other"))),
    "digest by another hash": ("wrong-digest", _header("content-digest", lambda _: "sha-512=:YWJj:")),
    "tampered body": ("wrong-digest", lambda parts: replace(parts, body=b"tampered")),
    "another method": ("wrong-signature", lambda parts: replace(parts, method="PUT")),
    "another target": ("wrong-signature", lambda parts: replace(parts, target_uri=URL + "2")),
    "tampered signature": (
        "wrong-signature",
        _header("signature", lambda _: f"sig1=:{base64.b64encode(bytes(64)).decode()}:"),
    ),
    "signature cut short": ("wrong-signature", _header("signature", lambda _: "sig1=:YWJj:")),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_each_defect_is_named_and_its_twin_holds(name: str) -> None:
    kind, spoil = DEFECTS[name]
    good = signed()
    verify(good, key_for("ecdsa-p256-sha256").public_key(), NOW)
    with pytest.raises(SignatureRefused) as refused:
        verify(spoil(good), key_for("ecdsa-p256-sha256").public_key(), NOW)
    assert refused.value.kind == kind


@pytest.mark.parametrize(("age", "kind"), [(301, "stale"), (-31, "in-the-future")])
def test_age_is_bounded_on_both_sides(age: int, kind: str) -> None:
    public = key_for("ecdsa-p256-sha256").public_key()
    verify(signed(), public, NOW + age - (1 if age > 0 else -1))
    with pytest.raises(SignatureRefused) as refused:
        verify(signed(), public, NOW + age)
    assert refused.value.kind == kind


@pytest.mark.parametrize(
    "components", [("@method",), ("@target-uri", "content-digest"), ("@method", "@target-uri"), ()]
)
def test_what_has_to_be_covered_is_asked_for(components: tuple[str, ...]) -> None:
    with pytest.raises(SignatureRefused) as refused:
        verify(signed(components=components), key_for("ecdsa-p256-sha256").public_key(), NOW)
    assert refused.value.kind == "uncovered-component"


def test_component_in_mixed_case_is_accepted_and_noted() -> None:
    parts = signed(components=("@method", "@target-uri", "Content-Digest"))
    assert verify(parts, key_for("ecdsa-p256-sha256").public_key(), NOW).notes


def test_foreign_key_is_refused() -> None:
    with pytest.raises(SignatureRefused, match="SIG-012"):
        verify(signed(), ec.generate_private_key(ec.SECP256R1()).public_key(), NOW)


def test_unsuitable_keys_are_named() -> None:
    with pytest.raises(KeyUnsuitable, match="RSA of 1024 bits"):
        Signer.of(rsa.generate_private_key(65537, 1024), "k")  # noqa: S505 - too weak on purpose
    with pytest.raises(KeyUnsuitable, match="Ed25519"):
        Signer.of(ed25519.Ed25519PrivateKey.generate(), "k")  # type: ignore[arg-type]
    with pytest.raises(KeyUnsuitable, match="key for rsa-pss-sha256"):
        Signer.of(key_for("ecdsa-p256-sha256"), "k", "rsa-pss-sha256")


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=40))
def test_any_header_ends_in_a_refusal_of_its_own(inputs: str, signature: str, digest: str) -> None:
    headers = {"signature-input": inputs, "signature": signature, "content-digest": digest}
    with pytest.raises(SignatureRefused):
        verify(SignedParts("GET", URL, headers), key_for("ecdsa-p256-sha256").public_key(), NOW)
