"""Trust bundles: the anchors of a trust domain, and their form on the wire.

Source: ID-80 (JWK Set with `x5c`), ID-81 (other keys ignored), ID-82 (no anchors: rejected), ID-76 (unknown
members ignored).
"""

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from simulator.identity.errors import BundleRejected, CredentialError
from simulator.identity.files import read_file
from simulator.protocol.documents import DocumentError, canonical_json, parse_json
from simulator.protocol.trust_bundle import X509_SVID, JsonWebKey, TrustBundleDocument

MAX_BUNDLE_BYTES = 1 << 20
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


@dataclass(frozen=True, slots=True)
class TrustBundle:
    """The X.509 anchors of one trust domain; several are equal in rank (ID-25). `refresh_hint` in seconds.

    An empty bundle can be built, so that an identity service can serve one; `from_json` never gives one.
    """

    trust_domain: str
    anchors: tuple[x509.Certificate, ...]
    sequence: int | None = None
    refresh_hint: int | None = None

    @classmethod
    def from_json(cls, data: bytes, trust_domain: str) -> Self:
        """Read a bundle served for a trust domain.

        Raises:
            BundleRejected: it is too large, no JWK Set (ID-80), or has no X.509 anchors (ID-82).
        """
        if len(data) > MAX_BUNDLE_BYTES:
            raise BundleRejected("ID-80", f"trust bundle has more than {MAX_BUNDLE_BYTES} bytes")
        try:
            document = TrustBundleDocument.from_wire(parse_json(data, "trust bundle"), "trust bundle")
        except DocumentError as error:
            raise BundleRejected("ID-80", str(error)) from error
        anchors = tuple(dict.fromkeys(_anchor(key) for key in document.keys if key.is_x509_svid))
        if not anchors:
            raise BundleRejected("ID-82", "trust bundle has no X.509 anchors")
        return cls(trust_domain, anchors, document.spiffe_sequence, document.spiffe_refresh_hint)

    @classmethod
    def load(cls, file: Path, trust_domain: str) -> Self:
        """Read a bundle delivered out of band as a file (ID-91).

        Raises:
            CredentialError: the file cannot be read or holds no usable bundle.
        """
        try:
            return cls.from_json(read_file(file, "trust bundle"), trust_domain)
        except BundleRejected as rejected:
            expected = f"a SPIFFE bundle with X.509 anchors ({rejected.clause})"
            raise CredentialError(file, "trust bundle", expected, rejected.reason) from rejected

    def to_json(self) -> bytes:
        """Write the bundle as a JWK Set in UTF-8 JSON."""
        document: dict[str, Any] = {"keys": [_jwk(anchor) for anchor in self.anchors]}
        if self.sequence is not None:
            document["spiffe_sequence"] = self.sequence
        if self.refresh_hint is not None:
            document["spiffe_refresh_hint"] = self.refresh_hint
        return canonical_json(document)

    def to_der(self) -> bytes:
        """Give all anchors in DER, one after the other: what a TLS library loads."""
        return b"".join(anchor.public_bytes(Encoding.DER) for anchor in self.anchors)


def _anchor(key: JsonWebKey) -> x509.Certificate:
    match key.x5c:
        case [str(text)]:
            pass
        case _:
            raise BundleRejected("ID-80", "an x509-svid key has not exactly one certificate in x5c")
    try:
        cert = x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
        is_ca = cert.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (binascii.Error, ValueError, x509.ExtensionNotFound) as error:
        raise BundleRejected("ID-80", "an x509-svid key has no certificate of an authority in x5c") from error
    if not is_ca:  # trusting a leaf would let its owner stand in for the trust domain
        raise BundleRejected("ID-80", "an x509-svid key has a certificate in x5c that is not of an authority")
    return cert


def _jwk(anchor: x509.Certificate) -> dict[str, Any]:
    x5c = base64.b64encode(anchor.public_bytes(Encoding.DER)).decode()
    return {**_public_members(anchor), "use": X509_SVID, "x5c": [x5c]}


def _public_members(anchor: x509.Certificate) -> dict[str, str]:
    """Give the key members of RFC 7518 section 6 and RFC 8037 section 2."""
    match anchor.public_key():
        case ec.EllipticCurvePublicKey() as key:
            numbers, size = key.public_numbers(), (key.key_size + 7) // 8
            return {"kty": "EC", "crv": _CURVES[key.curve.name], "x": _b64(numbers.x, size), "y": _b64(numbers.y, size)}
        case rsa.RSAPublicKey() as key:
            n, e = key.public_numbers().n, key.public_numbers().e
            return {"kty": "RSA", "n": _b64(n, (n.bit_length() + 7) // 8), "e": _b64(e, (e.bit_length() + 7) // 8)}
        case ed25519.Ed25519PublicKey() as key:
            raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
            return {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(raw).rstrip(b"=").decode()}
        case other:
            raise TypeError(f"no JWK form for a key of the kind {type(other).__name__}")


def _b64(number: int, size: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(size, "big")).rstrip(b"=").decode()
