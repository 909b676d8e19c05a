"""What a client of revision 1.0.0-rc.2-signed is known by: an X.509 certificate, whose key signs its requests.

Source: API-012..API-017, ONB-005, CERT-004; the readings AMB-B-05 (the key tells the algorithm) and AMB-B-16 (two
encodings of a certificate in JSON, of which both are read).
"""

import base64
import binascii
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from simulator.identity.authority import LEAF_LIFETIME, SKEW, Issuer, Leaf
from simulator.identity.clock import Clock, utc_now
from simulator.identity.errors import CredentialError, IdentityError
from simulator.identity.files import read_file, write_private
from simulator.identity.signatures import Algorithm, KeyUnsuitable, Signer, SignerKey, described
from simulator.identity.svid import key_to_pem

CertificateEncoding = Literal["der", "pem"]
"""What the Base64 of a certificate carries."""
CERTIFICATE_FILE = "client.pem"
KEY_FILE = "client_key.pem"
_RSA_BITS = 2048


class CertificateUnreadable(IdentityError):
    """A text that is not the Base64 of an X.509 certificate: says what was found."""


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A client's certificate with its key, and the algorithm with which it signs."""

    certificate: x509.Certificate
    key: SignerKey = field(repr=False)
    algorithm: Algorithm

    @classmethod
    def issue(cls, issuer: Issuer, algorithm: Algorithm = "ecdsa-p256-sha256", *, clock: Clock = utc_now) -> Self:
        """Make a key that suits the algorithm, and have it certified for a day."""
        key, now = key_for(algorithm), clock()
        leaf = Leaf((), now - SKEW, now + LEAF_LIFETIME)
        return cls(issuer.sign(leaf, key), key, algorithm)

    @classmethod
    def load(cls, certificate: Path, key: Path, algorithm: Algorithm | None = None) -> Self:
        """Read a certificate and its unencrypted key, PEM.

        Without an algorithm it is the usual one of the key. Raises CredentialError: a file is missing or unreadable,
        the two do not belong together, or none of the four algorithms (not the one asked for) takes the key.
        """
        try:
            found = x509.load_pem_x509_certificate(read_file(certificate, "certificate"))
        except ValueError as error:
            raise CredentialError(certificate, "certificate", "an X.509 certificate in PEM", str(error)) from None
        try:
            private = load_pem_private_key(read_file(key, "key"), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise CredentialError(key, "key", "an unencrypted private key in PEM", str(error)) from None
        if not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise CredentialError(key, "key", "an EC or RSA key", type(private).__name__)
        if private.public_key() != found.public_key():
            raise CredentialError(key, "key", f"the private key of {certificate}", "another")
        try:
            signer = Signer.of(private, fingerprint(found), algorithm)
        except KeyUnsuitable:
            any_key = "a key on P-256 or P-384, or of RSA with 2048 bits or more"
            wanted = f"a key for {algorithm}" if algorithm else any_key
            raise CredentialError(key, "key", wanted, described(private.public_key())) from None
        return cls(found, private, signer.algorithm)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write `client.pem` and `client_key.pem` (mode 0600) into a folder; give their paths. Raises OSError."""
        certificate, key = folder / CERTIFICATE_FILE, folder / KEY_FILE
        write_private(key, key_to_pem(self.key))
        write_private(certificate, self.certificate.public_bytes(Encoding.PEM))
        return certificate, key

    def signer(self) -> Signer:
        """What signs requests; the key's name is the certificate's fingerprint (AMB-B-06: any name will do)."""
        return Signer.of(self.key, fingerprint(self.certificate), self.algorithm)

    def with_algorithm(self, algorithm: Algorithm) -> Self:
        """The same key with another algorithm that suits it. Raises KeyUnsuitable."""
        return replace(self, algorithm=Signer.of(self.key, "key", algorithm).algorithm)


def key_for(algorithm: Algorithm) -> SignerKey:
    """Make a key that an algorithm can use."""
    if algorithm.startswith("rsa"):
        return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    return ec.generate_private_key(ec.SECP384R1() if algorithm == "ecdsa-p384-sha384" else ec.SECP256R1())


def fingerprint(certificate: x509.Certificate) -> str:
    """The SHA-256 of a certificate, in hexadecimal digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def written_certificate(certificate: x509.Certificate, encoding: CertificateEncoding = "der") -> str:
    """Write a certificate as documents carry it: Base64 without line breaks (CERT-004, AMB-B-16)."""
    kind = Encoding.PEM if encoding == "pem" else Encoding.DER
    return base64.b64encode(certificate.public_bytes(kind)).decode()


def read_certificate(text: str) -> x509.Certificate:
    """Read a certificate in either encoding (AMB-B-16). Raises CertificateUnreadable."""
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
        if data.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_certificate(data)
        return x509.load_der_x509_certificate(data)
    except (binascii.Error, ValueError) as error:
        raise CertificateUnreadable(f"expected the Base64 of an X.509 certificate, found: {error}") from None
