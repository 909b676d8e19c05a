"""Signed requests of revision 1.0.0-rc.2-signed: RFC 9421 signatures over a digest of the body (RFC 9530).

A request is signed as `sig1` over `@method`, `@target-uri` and, when it has a body, `content-digest`, with `created`
and `keyid` (SIG-001..SIG-005). The algorithm is never named on the wire, so it follows from the key (AMB-B-05): for
an RSA key both paddings are tried. A verifier rebuilds the base from the values that arrived (SIG-011) and says
precisely what is wrong; a component name that is not lower case is accepted and noted (AMB-B-03).
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self, cast
from urllib.parse import urlsplit

import http_sf
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from simulator.identity.errors import IdentityError

Algorithm = Literal["ecdsa-p256-sha256", "ecdsa-p384-sha384", "rsa-v1_5-sha256", "rsa-pss-sha256"]
SignerKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
VerifierKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
LABEL = "sig1"
BASE_COMPONENTS = ("@method", "@target-uri")
DIGEST_COMPONENT = "content-digest"
MAX_FIELD_CHARACTERS = 8192
"""Longer signature fields are refused unread."""

Refusal = Literal[
    "missing-signature",
    "malformed-signature",
    "missing-digest",
    "wrong-digest",
    "uncovered-component",
    "unknown-component",
    "stale",
    "in-the-future",
    "wrong-signature",
]


class SignatureRefused(IdentityError):
    """A request whose signature does not hold. `kind` is stable, `clause` the statement, `reason` what was found."""

    def __init__(self, kind: Refusal, clause: str, reason: str) -> None:
        super().__init__(f"{clause}: {reason}")
        self.kind = kind
        self.clause = clause
        self.reason = reason


class KeyUnsuitable(IdentityError):
    """A key that none of the four algorithms, or not the one asked for, can use: what was expected and found."""


@dataclass(frozen=True, slots=True)
class SignedParts:
    """What of a request a signature can cover. `target_uri` is absolute; header names are in lower case."""

    method: str
    target_uri: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How far `created` may lie from now, in seconds: behind (SIG-007, the example of the text) and ahead (SIG-008)."""

    window_s: float = 300.0
    skew_s: float = 30.0


@dataclass(frozen=True, slots=True)
class HeldSignature:
    """A signature that was verified; `notes` are departures that were put up with."""

    label: str
    created: int
    keyid: str
    algorithm: Algorithm
    components: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs requests with one key and one algorithm."""

    key: SignerKey = field(repr=False)
    keyid: str
    algorithm: Algorithm

    @classmethod
    def of(cls, key: SignerKey, keyid: str, algorithm: Algorithm | None = None) -> Self:
        """Take a key; without an algorithm its usual one. Raises KeyUnsuitable when the two do not go together."""
        fitting = algorithms_of(key.public_key())
        if algorithm is not None and algorithm not in fitting:
            raise KeyUnsuitable(f"a key for {algorithm} was expected, found {described(key.public_key())}")
        return cls(key, keyid, algorithm or fitting[0])

    def sign(
        self, parts: SignedParts, created: int, *, components: Sequence[str] | None = None, label: str = LABEL
    ) -> dict[str, str]:
        """Give the headers to add: `Content-Digest` when there is a body, `Signature-Input`, `Signature` (SIG-005)."""
        headers = {"Content-Digest": content_digest(parts.body)} if parts.body else {}
        if components is None:
            components = (*BASE_COMPONENTS, DIGEST_COMPONENT) if headers else BASE_COMPONENTS
        found = {**parts.headers, **{name.lower(): value for name, value in headers.items()}}
        listed: list[Any] = [(name, {}) for name in components]
        flags: dict[str, Any] = {"created": created, "keyid": self.keyid}
        parameters = http_sf.ser({label: (listed, flags)}).removeprefix(f"{label}=")
        base = signature_base(SignedParts(parts.method, parts.target_uri, found, parts.body), components, parameters)
        signature = base64.b64encode(_sign(self.key, self.algorithm, base)).decode()
        return headers | {"Signature-Input": f"{label}={parameters}", "Signature": f"{label}=:{signature}:"}


def verify(parts: SignedParts, key: VerifierKey, now: float, freshness: Freshness | None = None) -> HeldSignature:
    """Verify the signature of a request as it arrived; `now` in seconds since the epoch.

    Raises SignatureRefused with what is wrong first: fields missing or malformed, digest, coverage, age, signature.
    """
    label, components, parameters, signature = _fields(parts.headers)
    notes = tuple(f"component {name!r} is not in lower case" for name in components if name != name.lower())
    digest_covered = DIGEST_COMPONENT in [name.lower() for name in components]
    _check_digest(parts)
    for name in BASE_COMPONENTS:
        if name not in components:
            raise SignatureRefused("uncovered-component", "SIG-003", f"the signature does not cover {name}")
    if parts.body and not digest_covered:
        raise SignatureRefused("uncovered-component", "SIG-003", "the signature does not cover content-digest")
    created, keyid = _created(parameters, now, freshness or Freshness()), parameters.get("keyid")
    if not isinstance(keyid, str) or not keyid:
        raise SignatureRefused("malformed-signature", "SIG-005", "Signature-Input has no keyid")
    written = parts.headers["signature-input"].strip()
    base = signature_base(parts, components, _as_written(written, label))
    for algorithm in algorithms_of(key):
        if _holds(key, algorithm, signature, base):
            return HeldSignature(label, created, keyid, algorithm, components, notes)
    reason = f"the signature does not belong to this request and the key of the client ({described(key)})"
    raise SignatureRefused("wrong-signature", "SIG-012", reason)


def content_digest(body: bytes) -> str:
    """Give the value of `Content-Digest` for a body (SIG-002, RFC 9530 section 2)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def signature_base(parts: SignedParts, components: Sequence[str], parameters: str) -> bytes:
    """Build the bytes that are signed (RFC 9421 section 2.5). SignatureRefused for a component that is absent."""
    lines = [f'"{name}": {_component(parts, name)}' for name in components]
    try:
        return "\n".join([*lines, f'"@signature-params": {parameters}']).encode("ascii")
    except UnicodeEncodeError:
        raise SignatureRefused("malformed-signature", "SIG-011", "a covered value is not ASCII") from None


def algorithms_of(key: VerifierKey) -> tuple[Algorithm, ...]:
    """Name the algorithms that a key can be used with, the usual one first. Raises KeyUnsuitable when there is none."""
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048:
        return ("rsa-v1_5-sha256", "rsa-pss-sha256")
    if isinstance(key, ec.EllipticCurvePublicKey):
        curves: dict[str, Algorithm] = {"secp256r1": "ecdsa-p256-sha256", "secp384r1": "ecdsa-p384-sha384"}
        if key.curve.name in curves:
            return (curves[key.curve.name],)
    raise KeyUnsuitable(
        f"an EC key on P-256 or P-384, or RSA of 2048 bits or more was expected, found {described(key)}"
    )


def described(key: object) -> str:
    """Name a key's kind and size."""
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC on {key.curve.name}"
    return type(key).__name__


def _component(parts: SignedParts, name: str) -> str:
    target = urlsplit(parts.target_uri)
    derived = {
        "@method": parts.method,
        "@target-uri": parts.target_uri,
        "@authority": target.netloc.lower(),
        "@scheme": target.scheme.lower(),
        "@path": target.path or "/",
        "@query": f"?{target.query}",
        "@request-target": f"{target.path or '/'}{f'?{target.query}' if target.query else ''}",
    }
    value = derived.get(name) if name.startswith("@") else parts.headers.get(name.lower())
    if value is None:
        raise SignatureRefused("unknown-component", "SIG-011", f"the signature covers {name!r}, which is not there")
    return value if name.startswith("@") else " ".join(value.strip().split("\n"))


def _fields(headers: Mapping[str, str]) -> tuple[str, tuple[str, ...], Mapping[str, object], bytes]:
    """Read both signature fields: label, covered components, parameters, signature."""
    inputs, signatures = (_dictionary(headers, name) for name in ("signature-input", "signature"))
    label = LABEL if LABEL in inputs else next(iter(inputs), "")
    member, signed = inputs.get(label), signatures.get(label)
    if member is None or signed is None:
        raise SignatureRefused("malformed-signature", "SIG-010", "Signature-Input and Signature share no label")
    listed, parameters = member
    if not isinstance(listed, list) or not all(isinstance(item[0], str) for item in listed):
        raise SignatureRefused("malformed-signature", "SIG-005", "Signature-Input does not list covered components")
    if any(flags for _, flags in listed):
        raise SignatureRefused("malformed-signature", "SIG-003", "components with parameters are not of this profile")
    if not isinstance(signed[0], bytes):
        raise SignatureRefused("malformed-signature", "SIG-004", "Signature is not a sequence of bytes in colons")
    return label, tuple(item[0] for item in listed), parameters, signed[0]


def _dictionary(headers: Mapping[str, str], name: str) -> Mapping[str, tuple[Any, Mapping[str, object]]]:
    value = headers.get(name)
    if value is None:
        raise SignatureRefused("missing-signature", "SIG-010", f"there is no {name} header")
    if len(value) > MAX_FIELD_CHARACTERS:
        raise SignatureRefused("malformed-signature", "SIG-010", f"{name} is longer than {MAX_FIELD_CHARACTERS}")
    try:
        return _parsed(value)
    except (http_sf.StructuredFieldError, ValueError) as error:
        raise SignatureRefused("malformed-signature", "SIG-010", f"{name} is no dictionary: {error}") from None


def _parsed(value: str) -> Mapping[str, tuple[Any, Mapping[str, object]]]:
    return cast("Mapping[str, tuple[Any, Mapping[str, object]]]", http_sf.parse(value.encode(), tltype="dictionary"))


def _check_digest(parts: SignedParts) -> None:
    value = parts.headers.get(DIGEST_COMPONENT)
    if value is None:
        if parts.body:
            raise SignatureRefused("missing-digest", "SIG-002", "the request has a body and no Content-Digest header")
        return
    try:
        found = _parsed(value).get("sha-256", (None, {}))[0]
    except (http_sf.StructuredFieldError, ValueError):
        found = None
    if not isinstance(found, bytes):
        raise SignatureRefused("wrong-digest", "SIG-002", "Content-Digest has no sha-256 value")
    if found != hashlib.sha256(parts.body).digest():
        raise SignatureRefused("wrong-digest", "SIG-011", "Content-Digest is not that of the body that arrived")


def _created(parameters: Mapping[str, object], now: float, freshness: Freshness) -> int:
    created = parameters.get("created")
    if not isinstance(created, int) or isinstance(created, bool):
        raise SignatureRefused("malformed-signature", "SIG-005", "Signature-Input has no integer `created`")
    if created < now - freshness.window_s:
        reason = f"created {now - created:.0f} s ago, more than {freshness.window_s:.0f} s"
        raise SignatureRefused("stale", "SIG-007", reason)
    if created > now + freshness.skew_s:
        reason = f"created {created - now:.0f} s in the future, more than {freshness.skew_s:.0f} s"
        raise SignatureRefused("in-the-future", "SIG-008", reason)
    return created


def _as_written(field_value: str, label: str) -> str:
    """Give the member's text exactly as it was written, which is what the other side signed (RFC 9421 section 2.3)."""
    start = field_value.index(f"{label}=") + len(label) + 1
    depth, quoted = 0, False
    for position, char in enumerate(field_value[start:], start):
        if char == '"' and field_value[position - 1] != "\\":
            quoted = not quoted
        elif not quoted:
            depth += (char == "(") - (char == ")")
            if char == "," and not depth:
                return field_value[start:position].strip()
    return field_value[start:].strip()


def _sign(key: SignerKey, algorithm: Algorithm, base: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(base, _padding(algorithm), hashes.SHA256())
    r, s = decode_dss_signature(key.sign(base, ec.ECDSA(_hash(algorithm))))
    size = (key.curve.key_size + 7) // 8
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _holds(key: VerifierKey, algorithm: Algorithm, signature: bytes, base: bytes) -> bool:
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, base, _padding(algorithm), hashes.SHA256())
            return True
        half = (key.curve.key_size + 7) // 8
        if len(signature) != 2 * half:
            return False
        r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        key.verify(encode_dss_signature(r, s), base, ec.ECDSA(_hash(algorithm)))
    except InvalidSignature:
        return False
    return True


def _padding(algorithm: Algorithm) -> padding.PKCS1v15 | padding.PSS:
    if algorithm == "rsa-v1_5-sha256":
        return padding.PKCS1v15()
    # signing takes the digest's length; a verifier learns it from the signature, since the name is not registered
    return padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)


def _hash(algorithm: Algorithm) -> hashes.SHA256 | hashes.SHA384:
    return hashes.SHA384() if algorithm == "ecdsa-p384-sha384" else hashes.SHA256()
