"""A reading of signed requests of its own: RFC 9421 signatures, RFC 9530 digests, X.509 certificates.

It reads the record only, and shares nothing with what signs or verifies on the bench. The profile is that of revision
1.0.0-rc.2-signed (SIG-001..SIG-005): one label, plain components, `created` and `keyid`.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from conformance.record.events import Exchange

LABEL = "sig1"
METHOD, TARGET, DIGEST = "@method", "@target-uri", "content-digest"
_STRING = r'"(?:[ !#-\[\]-~]|\\["\\])*"'
_PARAMETER = rf";[ ]*([a-z*][a-z0-9_.*-]*)(?:=({_STRING}|-?[0-9]{{1,15}}(?:\.[0-9]{{1,3}})?|[A-Za-z*][^\s,;()\"]*))?"
_INPUT = re.compile(
    rf"(?P<label>[a-z*][a-z0-9_.*-]*)=(?P<whole>\((?P<items>[^)]*)\)(?P<parameters>(?:{_PARAMETER})*))", re.ASCII
)
_ITEM = re.compile(rf"({_STRING})((?:{_PARAMETER})*)", re.ASCII)
_BYTES = re.compile(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):", re.ASCII)
_NO_BODY = hashlib.sha256(b"").digest()
_CURVES = {"secp256r1": ("ecdsa-p256-sha256", hashes.SHA256()), "secp384r1": ("ecdsa-p384-sha384", hashes.SHA384())}


@dataclass(frozen=True, slots=True)
class Signature:
    """What the signature fields of a request say. `whole` is the member of Signature-Input as it was written."""

    label: str
    components: tuple[str, ...]
    parameters: Mapping[str, str]
    """As written, without quotes."""
    whole: str
    value: bytes

    @property
    def created(self) -> int | None:
        """When it was made, in seconds since the epoch; None where that is not said."""
        text = self.parameters.get("created", "")
        return int(text) if re.fullmatch(r"[0-9]{1,12}", text) else None

    @property
    def keyid(self) -> str | None:
        """The name of the key."""
        return self.parameters.get("keyid") or None

    def covers(self, name: str) -> bool:
        """Whether a component is covered, whatever letters its name is written in (AMB-B-03)."""
        return name in [item.lower() for item in self.components]


def signature_of(item: Exchange) -> Signature | str:
    """Read the signature of a request; gives in words what is wrong where there is none that can be read."""
    written, signed = _field(item, "Signature-Input"), _field(item, "Signature")
    if written is None or signed is None:
        lacking = [n for n, value in (("Signature-Input", written), ("Signature", signed)) if value is None]
        return f"no {' and no '.join(lacking)}"
    inputs = {found["label"]: found for found in _INPUT.finditer(written)}
    values = dict(_BYTES.findall(signed))
    label = LABEL if LABEL in inputs else next(iter(inputs), "")
    if label not in inputs:
        return f"Signature-Input cannot be read: {written[:80]}"
    if label not in values:
        return f"Signature has no bytes in colons under {label}: {signed[:80]}"
    found = inputs[label]
    items = _ITEM.findall(found["items"])
    if any(parameters for _, parameters, *_ in items):
        return "components with parameters, which the profile does not have"
    try:
        value = base64.b64decode(values[label], validate=True)
    except binascii.Error:
        return "Signature is no Base64"
    names = tuple(_plain(text) for text, *_ in items)
    parameters = {name: _plain(text) for name, text in re.findall(_PARAMETER, found["parameters"])}
    return Signature(label, names, parameters, found["whole"], value)


def base_of(item: Exchange, signature: Signature) -> bytes | str:
    """Rebuild what was signed from the request as it arrived; gives in words what keeps that from being done."""
    lines = []
    for name in signature.components:
        value = component_of(item, name)
        if value is None:
            return f"the signature covers {name}, which the request does not have"
        lines.append(f'"{name}": {value}')
    text = "\n".join([*lines, f'"@signature-params": {signature.whole}'])
    return text.encode() if text.isascii() else "a covered value is not ASCII"


def component_of(item: Exchange, name: str) -> str | None:
    """Give the value of a component of a request; None when it has none."""
    host = _field(item, "Host") or ""
    path, mark, query = item.target.partition("?")
    derived = {
        METHOD: item.method,
        TARGET: item.target if "://" in item.target else f"https://{host}{item.target}",
        "@authority": host.lower(),
        "@scheme": "https",
        "@path": path,
        "@query": f"?{query}",
        "@request-target": f"{path}{mark}{query}",
    }
    return derived.get(name) if name.startswith("@") else _field(item, name)


def algorithm_of(signature: Signature, base: bytes, certificate: bytes) -> str | None:
    """Name the algorithm by which a signature belongs to a base and to the key of a certificate (DER); None for none.

    The text names no algorithm on the wire, so the key tells it, and for RSA both paddings are tried (AMB-B-05).
    """
    key = public_key(certificate)
    try:
        if isinstance(key, rsa.RSAPublicKey):
            return _rsa_algorithm(key, signature.value, base)
        if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
            name, digest = _CURVES[key.curve.name]
            half = (key.curve.key_size + 7) // 8
            if len(signature.value) != 2 * half:
                return None
            r, s = (int.from_bytes(part, "big") for part in (signature.value[:half], signature.value[half:]))
            key.verify(encode_dss_signature(r, s), base, ec.ECDSA(digest))
            return name
    except InvalidSignature:
        pass
    return None


def public_key(certificate: bytes) -> object:
    """Give the public key of a certificate (DER); None for one that is of no known kind."""
    try:
        return x509.load_der_x509_certificate(certificate).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None


def key_in_words(certificate: bytes) -> str:
    """Name the kind of a certificate's key."""
    key = public_key(certificate)
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC on {key.curve.name}"
    return type(key).__name__


def suits_an_algorithm(certificate: bytes) -> bool:
    """Whether one of the four algorithms can be used with the key of a certificate (API-014)."""
    key = public_key(certificate)
    return isinstance(key, rsa.RSAPublicKey) or (
        isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES
    )


def digest_problem(item: Exchange) -> str | None:
    """Say what is wrong with the digest of a request's body; None when nothing is (SIG-002, AMB-B-04, AMB-B-11)."""
    written, body = _field(item, "Content-Digest"), item.request.data or b""
    sent = item.request.digest or f"sha256:{hashlib.sha256(body).hexdigest()}"
    if written is None:
        return "a body, and no Content-Digest" if body else None
    found = dict(_BYTES.findall(written)).get("sha-256")
    if found is None:
        return f"no sha-256 value in {written[:80]}"
    try:
        right = f"sha256:{base64.b64decode(found, validate=True).hex()}" == sent
    except binascii.Error:
        return "the sha-256 value is no Base64"
    return None if right else "the digest is that of another body"


def certificate_problem(certificate: bytes, unix: float) -> str | None:
    """Say where a client's certificate (DER) departs from RFC 5280; None where nothing is found (API-013)."""
    try:
        found = x509.load_der_x509_certificate(certificate)
        _ = [item.value for item in found.extensions]
    except (ValueError, UnsupportedAlgorithm) as error:
        return f"it cannot be read: {error}"
    rules = (
        (found.version is x509.Version.v3, "it is not of version 3"),
        (
            0 < found.serial_number < 1 << 160,
            "its serial number is not one of 20 octets",
        ),
        (bool(found.issuer.rdns), "it names no issuer"),
    )
    for right, wrong in rules:
        if not right:
            return wrong
    if not found.not_valid_before_utc.timestamp() <= unix <= found.not_valid_after_utc.timestamp():
        return f"it is valid from {found.not_valid_before_utc:%F} to {found.not_valid_after_utc:%F}"
    return None


def _rsa_algorithm(key: rsa.RSAPublicKey, value: bytes, base: bytes) -> str | None:
    # the length of a PSS signature's salt is told by the signature: the name rsa-pss-sha256 is not registered
    salted = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
    for name, used in (("rsa-v1_5-sha256", padding.PKCS1v15()), ("rsa-pss-sha256", salted)):
        try:
            key.verify(value, base, used, hashes.SHA256())
        except InvalidSignature:
            continue
        return name
    return None


def _field(item: Exchange, name: str) -> str | None:
    """Give a header with all its lines, as RFC 9110 joins them."""
    lines = [value.strip() for found, value in item.request_headers if found.lower() == name.lower()]
    return ", ".join(lines) if lines else None


def _plain(text: str) -> str:
    if not text.startswith('"'):
        return text
    return re.sub(r"\\(.)", r"\1", text[1:-1])
