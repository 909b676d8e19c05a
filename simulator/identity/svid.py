"""Credentials as presented in a TLS handshake, and SVIDs: credentials known to follow the profile.

Source: ID-20 (leaf and intermediates are sent), ID-22 (keys), X.509-SVID; ID-66 (the key file is readable by its
owner only).
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from simulator.identity.clock import Clock, utc_now
from simulator.identity.errors import CredentialError, SvidRefused
from simulator.identity.files import read_file, write_private
from simulator.identity.spiffe import SpiffeId
from simulator.identity.svid_rules import check_leaf

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
CERTIFICATE_FILE = "svid.pem"
KEY_FILE = "svid_key.pem"


@dataclass(frozen=True, slots=True)
class Credential:
    """What one side presents in a TLS handshake, good or bad.

    `chain_pem`: the leaf, then the intermediates (ID-20). `key_pem`: the leaf's key, PKCS#8, unencrypted.
    """

    chain_pem: bytes
    key_pem: bytes
    leaf: x509.Certificate

    @classmethod
    def of(cls, key: PrivateKey, leaf: x509.Certificate, *intermediates: x509.Certificate) -> Self:
        """Put a credential together from its key and certificates."""
        chain = b"".join(cert.public_bytes(Encoding.PEM) for cert in (leaf, *intermediates))
        return cls(chain, key_to_pem(key), leaf)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write `svid.pem` and `svid_key.pem` (mode 0600) into a folder; give their paths.

        Raises:
            OSError: the files cannot be written.
        """
        certificate, key = folder / CERTIFICATE_FILE, folder / KEY_FILE
        write_private(key, self.key_pem)
        write_private(certificate, self.chain_pem)
        return certificate, key


@dataclass(frozen=True, slots=True)
class Svid(Credential):
    """An X.509-SVID with its key."""

    spiffe_id: SpiffeId

    @classmethod
    def from_credential(cls, credential: Credential) -> Self:
        """Take a credential as an SVID of the trust domain it names.

        Raises:
            SvidRefused: it does not follow the profile.
        """
        spiffe_id = check_leaf(credential.leaf)
        return cls(credential.chain_pem, credential.key_pem, credential.leaf, spiffe_id)

    @classmethod
    def load(cls, certificate: Path, key: Path, *, clock: Clock = utc_now) -> Self:
        """Read an SVID from two PEM files: the leaf with its intermediates, and the leaf's unencrypted key.

        Raises:
            CredentialError: a file is missing, unreadable, expired, not yet valid, breaks the SVID profile, or the
                two do not belong together.
        """
        chain_pem, leaf = read_chain(certificate)
        key_pem, private = read_key(key)
        if _spki(private.public_key()) != _spki(leaf.public_key()):
            raise CredentialError(key, "key", f"the private key of the first certificate in {certificate}", "another")
        _check_times(certificate, leaf, clock())
        try:
            spiffe_id = check_leaf(leaf)
        except SvidRefused as refused:
            raise CredentialError(
                certificate, "first certificate", f"an X.509-SVID ({refused.clause})", refused.reason
            ) from refused
        return cls(chain_pem, key_pem, leaf, spiffe_id)


def key_to_pem(key: PrivateKey) -> bytes:
    """Write a key as unencrypted PKCS#8 in PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_chain(file: Path) -> tuple[bytes, x509.Certificate]:
    """Read the certificates of a PEM file; give them normalised, and the first one.

    Raises:
        CredentialError: the file is unreadable or holds no certificate.
    """
    data = read_file(file, "certificates")
    try:
        certificates = x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise CredentialError(file, "certificates", "PEM certificates, the leaf first", "none readable") from error
    pem = b"".join(cert.public_bytes(Encoding.PEM) for cert in certificates)
    return pem, certificates[0]


def read_key(file: Path) -> tuple[bytes, PrivateKey]:
    """Read an unencrypted private key from a PEM file; give it as normalised PKCS#8 too.

    Raises:
        CredentialError: the file is unreadable, encrypted, or holds a key of another kind.
    """
    expected = "an unencrypted PEM private key (P-256, P-384, Ed25519 or RSA)"
    data = read_file(file, "key")
    try:
        key = load_pem_private_key(data, password=None)
    except TypeError as error:  # how the library says that a passphrase is missing
        raise CredentialError(file, "key", expected, "an encrypted one") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CredentialError(file, "key", expected, "none readable") from error
    if not isinstance(key, PrivateKey):
        raise CredentialError(file, "key", expected, type(key).__name__)
    return key_to_pem(key), key


def _check_times(file: Path, leaf: x509.Certificate, now: datetime) -> None:
    if now > leaf.not_valid_after_utc:
        found = f"one that expired at {leaf.not_valid_after_utc.isoformat()}"
    elif now < leaf.not_valid_before_utc:
        found = f"one not valid before {leaf.not_valid_before_utc.isoformat()}"
    else:
        return
    raise CredentialError(file, "validity", f"a certificate valid at {now.isoformat(timespec='seconds')}", found)


def _spki(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
