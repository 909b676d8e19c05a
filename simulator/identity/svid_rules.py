"""What a leaf and the keys of a chain must look like, beyond what chain validation by OpenSSL already checks.

Source: ID-22 (keys and hashes), ID-24 (trust domain), ID-27 (leaf clauses), ID-07 (path segments).
"""

from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from simulator.identity.errors import SvidRefused
from simulator.identity.spiffe import SpiffeId

MIN_RSA_BITS = 3072
_CURVES = (ec.SECP256R1, ec.SECP384R1)
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


def check_leaf(cert: x509.Certificate, trust_domain: str | None = None) -> SpiffeId:
    """Check a leaf's own clauses and give its SPIFFE ID; `trust_domain` None accepts any.

    DNS names in the certificate play no part (ID-24).

    Raises:
        SvidRefused: with the broken clause: ID-24, ID-27, ID-07 or ID-22.
    """
    try:
        spiffe_id = _spiffe_id(cert)
        if trust_domain is not None and spiffe_id.trust_domain != trust_domain:
            raise SvidRefused("ID-24", f"leaf is of the trust domain {spiffe_id.trust_domain}, expected {trust_domain}")
        if not spiffe_id.path:
            raise SvidRefused("ID-27", "leaf has a SPIFFE ID with the root path")
        _check_not_signing(cert)
    except (ValueError, x509.DuplicateExtension) as error:
        raise SvidRefused("ID-27", f"leaf has unreadable extensions ({error})") from error
    check_key(cert, "leaf")
    return spiffe_id


def check_chain_keys(certificates: Iterable[x509.Certificate]) -> None:
    """Check keys and signature hashes of the certificates sent beside the leaf (ID-22).

    Raises:
        SvidRefused: one of them is weaker than the profile allows, or of another kind.
    """
    for cert in certificates:
        check_key(cert, "intermediate")


def check_key(cert: x509.Certificate, name: str) -> None:
    """Check the key and signature hash of one certificate; `name` is what messages call it.

    Raises:
        SvidRefused: clause ID-22.
    """
    try:
        key = cert.public_key()
        algorithm = cert.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SvidRefused("ID-22", f"{name} has an unknown key or signature algorithm") from error
    if algorithm is not None and not isinstance(algorithm, _HASHES):
        raise SvidRefused("ID-22", f"{name} is signed with {algorithm.name}")
    match key:
        case ec.EllipticCurvePublicKey():
            if not isinstance(key.curve, _CURVES):
                raise SvidRefused("ID-22", f"{name} has a key on the curve {key.curve.name}")
        case rsa.RSAPublicKey():
            if key.key_size < MIN_RSA_BITS:
                raise SvidRefused("ID-22", f"{name} has an RSA key of {key.key_size} bits, at least {MIN_RSA_BITS}")
        case ed25519.Ed25519PublicKey():
            pass
        case _:
            raise SvidRefused("ID-22", f"{name} has a key of another kind ({type(key).__name__})")


def uri_sans(cert: x509.Certificate) -> list[str]:
    """Give the URI names of a certificate, none if it has no subject alternative names."""
    try:
        sans = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return sans.get_values_for_type(x509.UniformResourceIdentifier)


def _spiffe_id(cert: x509.Certificate) -> SpiffeId:
    uris = uri_sans(cert)
    if len(uris) != 1:
        raise SvidRefused("ID-27", f"leaf has {len(uris)} URI names, exactly one is required")
    return SpiffeId.parse(uris[0])


def _check_not_signing(cert: x509.Certificate) -> None:
    for extension in cert.extensions:
        match extension.value:
            case x509.BasicConstraints(ca=True):
                raise SvidRefused("ID-27", "leaf has cA set")
            case x509.KeyUsage(key_cert_sign=True):
                raise SvidRefused("ID-27", "leaf has keyCertSign set")
            case x509.KeyUsage(crl_sign=True):
                raise SvidRefused("ID-27", "leaf has cRLSign set")
