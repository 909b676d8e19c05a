"""Onboarding of revision 1.0.0-rc.2-signed: which certificate belongs to which client (ONB-001..ONB-011).

A client that comes again with its certificate gets the id it has (AMB-B-20).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from simulator.identity.client_certificate import CertificateUnreadable, fingerprint, read_certificate
from simulator.identity.signatures import KeyUnsuitable, VerifierKey, algorithms_of
from simulator.protocol.signed import OnboardingRequest
from simulator.wfm.changes import Put
from simulator.wfm.refusals import Refusal, read


class InvalidCertificate(Refusal):
    """An onboarding request without a usable certificate (400)."""

    status = 400


class ClientRejected(Refusal):
    """A certificate that is not trusted, or that the operator does not accept (403)."""

    status = 403


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A client with its certificate."""

    client_id: str
    certificate: x509.Certificate

    @property
    def key(self) -> VerifierKey:
        """The key that verifies the client's signatures. Raises KeyUnsuitable."""
        key = self.certificate.public_key()
        algorithms_of(key)  # type: ignore[arg-type]  # refuses every key that is not of these two kinds
        return key  # type: ignore[return-value]

    def put(self) -> Put:
        """Its row in the store."""
        pem = self.certificate.public_bytes(Encoding.PEM)
        return Put("certificates", {"client_id": self.client_id, "certificate": pem})


class Onboarding:
    """The clients that are onboarded.

    `accepted` are the SHA-256 fingerprints of the certificates that an operator let in beforehand; None lets every
    certificate in that is valid now.
    """

    def __init__(self, new_id: Callable[[], str], accepted: frozenset[str] | None = None) -> None:
        self.accepted = accepted
        self._new_id = new_id
        self._by_client: dict[str, Enrolment] = {}
        self._by_certificate: dict[str, Enrolment] = {}

    def certificate_of(self, body: bytes, now: float) -> x509.Certificate:
        """Read an onboarding request and judge its certificate; raises InvalidCertificate, ClientRejected."""
        try:
            certificate = read_certificate(read(OnboardingRequest, body, "OnboardingRequest").certificate)
            Enrolment("", certificate).key  # noqa: B018 - a key that cannot sign is as good as none
        except (CertificateUnreadable, KeyUnsuitable, Refusal) as error:
            raise InvalidCertificate(str(error)) from None
        moment = datetime.fromtimestamp(now, UTC)
        if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
            raise ClientRejected("the certificate is not valid now")
        if self.accepted is not None and fingerprint(certificate) not in self.accepted:
            raise ClientRejected("the certificate is not one that the operator accepts")
        return certificate

    def enrol(self, certificate: x509.Certificate) -> Enrolment:
        """Take a client in, or give the one it already is."""
        known = self._by_certificate.get(fingerprint(certificate))
        return known or self._keep(Enrolment(self._new_id(), certificate))

    def find(self, client_id: str) -> Enrolment | None:
        """The client of an id."""
        return self._by_client.get(client_id)

    def every_key(self) -> tuple[VerifierKey, ...]:
        """The keys of all clients."""
        return tuple(enrolment.key for enrolment in self._by_client.values())

    def restore(self, rows: list[Mapping[str, object]]) -> None:
        """Take up the clients of the store."""
        for row in rows:
            pem = row["certificate"]
            assert isinstance(pem, bytes)  # noqa: S101 - as `put` wrote it
            self._keep(Enrolment(str(row["client_id"]), x509.load_pem_x509_certificate(pem)))

    def forget_everything(self) -> None:
        """Start from nothing."""
        self._by_client.clear()
        self._by_certificate.clear()

    def _keep(self, enrolment: Enrolment) -> Enrolment:
        self._by_client[enrolment.client_id] = enrolment
        self._by_certificate[fingerprint(enrolment.certificate)] = enrolment
        return enrolment
