"""The certificate authority of a trust domain: a root, an intermediate, and SVIDs issued by the intermediate.

Source: ID-05..ID-07 (names), ID-20 (chains), ID-21, ID-22 (P-256), ID-28 (keys from the system's CSPRNG), ID-64 (a
second root for rotation). Keys are made per run; `write` and `load` keep an authority over several runs, for a real
subject that was provisioned once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from simulator.identity.bundle import TrustBundle
from simulator.identity.clock import Clock, utc_now
from simulator.identity.errors import CredentialError
from simulator.identity.files import write_private
from simulator.identity.spiffe import SCHEME, SpiffeId
from simulator.identity.svid import Credential, PrivateKey, Svid, key_to_pem, read_chain, read_key
from simulator.identity.svid_rules import uri_sans

__all__ = ["Authority", "Credential", "Issuer", "Leaf", "Svid", "new_key"]

SKEW = timedelta(minutes=5)  # clocks of the two seats may differ a little
LEAF_LIFETIME = timedelta(hours=24)
CA_AGE = timedelta(days=30)
CA_LIFETIME = timedelta(days=3650)
_SUBJECT = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Margo conformance")])
_USAGES = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])


def new_key() -> ec.EllipticCurvePrivateKey:
    """Make a P-256 key from the system's CSPRNG (ID-21, ID-28)."""
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a leaf is to contain. The defaults are those of a good SVID; everything else is for the bad ones.

    `uris`: URI names as written. `ca_issuers`: address offered in the AIA extension (ID-26). `revocation`: address at
    which its status is said to be told, by OCSP and in a list (ID-35).
    """

    uris: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    dns: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    ca: bool = False
    key_cert_sign: bool = False
    crl_sign: bool = False
    ca_issuers: str | None = None
    revocation: str | None = None


@dataclass(frozen=True, slots=True)
class Issuer:
    """A certificate with its key, used to sign others; leaves with PSS if asked for and if the key is RSA (ID-23)."""

    certificate: x509.Certificate
    key: PrivateKey
    pss: bool = False

    @classmethod
    def new_root(cls, label: str, not_before: datetime, not_after: datetime, *, uri: str | None = None) -> Self:
        """Make a self-signed root with a new P-256 key; `label` goes into its name, `uri` into its SAN."""
        key = new_key()
        builder = _ca_builder(label, uri, None, key, not_before, not_after)
        return cls(builder.sign(key, _hash_for(key)), key)

    def sign(self, leaf: Leaf, public_key: PrivateKey) -> x509.Certificate:
        """Sign a leaf as described; only the public half of `public_key` is used."""
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri) for uri in leaf.uris]
        names += [x509.DNSName(name) for name in leaf.dns]
        names += [x509.IPAddress(ip_address(address)) for address in leaf.ips]
        builder = _builder(_SUBJECT, self.certificate.subject, public_key, leaf.not_before, leaf.not_after)
        builder = builder.add_extension(x509.BasicConstraints(ca=leaf.ca, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(leaf.key_cert_sign, leaf.crl_sign, True), critical=True)
        builder = builder.add_extension(_USAGES, critical=False)
        builder = builder.add_extension(self._key_identifier(), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if leaf.ca_issuers is not None:
            builder = builder.add_extension(_authority_information(leaf.ca_issuers), critical=False)
        if leaf.revocation is not None:
            builder = _with_revocation(builder, leaf.revocation)
        if self.pss and isinstance(self.key, rsa.RSAPrivateKey):
            salted = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            return builder.sign(self.key, hashes.SHA256(), rsa_padding=salted)
        return builder.sign(self.key, _hash_for(self.key))

    def sign_ca(
        self, label: str, public_key: PrivateKey, not_before: datetime, not_after: datetime, *, uri: str | None = None
    ) -> x509.Certificate:
        """Sign an intermediate certificate authority; `label` goes into its name, `uri` into its SAN."""
        builder = _ca_builder(label, uri, self.certificate.subject, public_key, not_before, not_after)
        builder = builder.add_extension(self._key_identifier(), critical=False)
        return builder.sign(self.key, _hash_for(self.key))

    def _key_identifier(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())


@dataclass(frozen=True, slots=True)
class Authority:
    """The certificate authority of one trust domain. `clock` tells the time from which validity is counted."""

    trust_domain: str
    root: Issuer
    intermediate: Issuer
    clock: Clock = utc_now

    @classmethod
    def new(cls, trust_domain: str, *, clock: Clock = utc_now) -> Self:
        """Make a root and an intermediate with new P-256 keys."""
        start, end = clock() - CA_AGE, clock() + CA_LIFETIME
        # X.509-SVID: signing certificates carry the SPIFFE ID of the trust domain
        root = Issuer.new_root(f"{trust_domain[:32]} root", start, end, uri=f"{SCHEME}{trust_domain}")
        return cls(trust_domain, root, root, clock).with_intermediate(new_key(), start, end)

    def with_intermediate(self, key: PrivateKey, not_before: datetime, not_after: datetime) -> Self:
        """Give this authority with another intermediate below the same root."""
        label, uri = f"{self.trust_domain[:32]} intermediate", f"{SCHEME}{self.trust_domain}"
        cert = self.root.sign_ca(label, key, not_before, not_after, uri=uri)
        return replace(self, intermediate=Issuer(cert, key))

    def second_root(self) -> Self:
        """Make another authority for the same trust domain: the successor in a rotation (ID-64)."""
        return type(self).new(self.trust_domain, clock=self.clock)

    @property
    def anchor(self) -> x509.Certificate:
        """The root certificate: what a trust bundle carries."""
        return self.root.certificate

    def bundle(self, *, sequence: int | None = 1, refresh_hint: int | None = None) -> TrustBundle:
        """Give a trust bundle with this authority's anchor only; `refresh_hint` in seconds."""
        return TrustBundle(self.trust_domain, (self.anchor,), sequence, refresh_hint)

    def issue(
        self,
        spiffe_id: SpiffeId,
        *,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        dns: Iterable[str] = (),
        ips: Iterable[str] = (),
        key: PrivateKey | None = None,
    ) -> Svid:
        """Issue an SVID; unless given: valid from five minutes ago for a day, with a new P-256 key.

        Raises:
            SvidRefused: the SPIFFE ID or key given makes no SVID.
        """
        leaf = self.leaf(str(spiffe_id), not_before=not_before, not_after=not_after)
        return Svid.from_credential(self.sign(replace(leaf, dns=tuple(dns), ips=tuple(ips)), key))

    def leaf(self, *uris: str, not_before: datetime | None = None, not_after: datetime | None = None) -> Leaf:
        """Describe a leaf with these URI names and, unless given, the usual validity."""
        now = self.clock()
        return Leaf(uris, not_before or now - SKEW, not_after or now + LEAF_LIFETIME)

    def sign(self, leaf: Leaf, key: PrivateKey | None = None) -> Credential:
        """Sign any leaf, good or bad, by the intermediate; the credential carries both certificates."""
        key = key or new_key()
        return Credential.of(key, self.intermediate.sign(leaf, key), self.intermediate.certificate)

    def write(self, folder: Path) -> None:
        """Keep this authority in a folder: certificates and keys, all files mode 0600.

        Raises:
            OSError: the files cannot be written.
        """
        for name, issuer in (("root", self.root), ("intermediate", self.intermediate)):
            write_private(folder / f"{name}_key.pem", key_to_pem(issuer.key))
            write_private(folder / f"{name}.pem", issuer.certificate.public_bytes(Encoding.PEM))

    @classmethod
    def load(cls, folder: Path, *, clock: Clock = utc_now) -> Self:
        """Read an authority kept with `write`.

        Raises:
            CredentialError: a file is missing, unreadable or not of an authority.
        """
        root = load_issuer(folder / "root.pem", folder / "root_key.pem")
        intermediate = load_issuer(folder / "intermediate.pem", folder / "intermediate_key.pem")
        uris = uri_sans(root.certificate)
        if len(uris) != 1 or not uris[0].startswith(SCHEME):
            raise CredentialError(folder / "root.pem", "URI name", "the SPIFFE ID of a trust domain", ", ".join(uris))
        return cls(SpiffeId.parse(uris[0]).trust_domain, root, intermediate, clock)


def load_issuer(certificate: Path, key_file: Path) -> Issuer:
    """Read the certificate and key of an authority. Raises CredentialError."""
    _, cert = read_chain(certificate)
    _, key = read_key(key_file)
    if key.public_key() != cert.public_key():
        raise CredentialError(key_file, "key", f"the private key of {certificate}", "another")
    return Issuer(cert, key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, not_before: datetime, not_after: datetime
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=not_before,
        not_valid_after=not_after,
    )


def _ca_builder(
    label: str, uri: str | None, issuer: x509.Name | None, key: PrivateKey, not_before: datetime, not_after: datetime
) -> x509.CertificateBuilder:
    subject_key = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    # the key identifier in the name keeps several roots and intermediates of one label apart
    common_name = x509.NameAttribute(NameOID.COMMON_NAME, f"{label} {subject_key.digest.hex()[:12]}")
    subject = x509.Name([*_SUBJECT, common_name])
    builder = _builder(subject, issuer or subject, key, not_before, not_after)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(True, True, False), critical=True)
    builder = builder.add_extension(subject_key, critical=False)
    if uri is not None:
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
        builder = builder.add_extension(names, critical=False)
    return builder


def _key_usage(key_cert_sign: bool, crl_sign: bool, digital_signature: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_information(address: str) -> x509.AuthorityInformationAccess:
    location = x509.UniformResourceIdentifier(address)
    return x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, location)])


def _with_revocation(builder: x509.CertificateBuilder, address: str) -> x509.CertificateBuilder:
    location = x509.UniformResourceIdentifier(address)
    ocsp = x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.OCSP, location)])
    lists = x509.CRLDistributionPoints([x509.DistributionPoint([location], None, None, None)])
    return builder.add_extension(ocsp, critical=False).add_extension(lists, critical=False)


def _hash_for(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | None:
    match key:
        case ed25519.Ed25519PrivateKey():
            return None
        case ec.EllipticCurvePrivateKey() if key.key_size == 384:
            return hashes.SHA384()
    return hashes.SHA256()
