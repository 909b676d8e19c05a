"""How a revision lets clients in at a WFM: by the SVIDs they show, or by onboarding a certificate and signing."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cryptography import x509

from conformance.bench.accommodations.contact import first_contact
from conformance.bench.errors import NotSeen, UsageError
from conformance.bench.probe import Presented
from conformance.bench.wfm_clients import Client
from conformance.bench.wfm_line import ServerTrust
from conformance.bench.wfm_manner import Signing
from conformance.bench.wfm_requests import as_json
from conformance.record.events import Exchange
from simulator.identity.client_certificate import (
    CERTIFICATE_FILE,
    KEY_FILE,
    CertificateEncoding,
    ClientCertificate,
    written_certificate,
)
from simulator.identity.errors import CredentialError, SvidRefused
from simulator.identity.files import read_file
from simulator.identity.signatures import Algorithm
from simulator.identity.svid_rules import check_leaf
from simulator.identity.web import WebAnchors, WebAuthority
from simulator.protocol.documents import DocumentError
from simulator.protocol.signed import ONBOARDING_ENVELOPE, ONBOARDING_PATH, read_client_id, with_envelope

if TYPE_CHECKING:
    from conformance.bench.wfm_bench import WfmBench

JSON = (("Content-Type", "application/json"),)


class Binding(Protocol):
    """What a revision does its own way when a client comes to a WFM."""

    def trust(self, bench: "WfmBench") -> ServerTrust:
        """Give what probes trust the WFM's server by."""

    def enter(self, bench: "WfmBench", name: str) -> Client:
        """Make a client of the scenario; raises NotSeen when the WFM does not take it in."""

    def prepare(self, bench: "WfmBench") -> None:
        """Find out, with a client of no scenario's, which of the known departures there are that need it."""

    def judge_chain(self, bench: "WfmBench", chain: tuple[bytes, ...]) -> None:
        """Note what the WFM showed of itself, once for each connection."""


class SvidBinding:
    """1.0.0-rc.3: a client is who its X.509-SVID says, and so is the WFM."""

    def trust(self, bench: "WfmBench") -> ServerTrust:
        """Give the trust bundle."""
        return bench.subject.authority.bundle()

    def enter(self, bench: "WfmBench", name: str) -> Client:
        """Make a client with an SVID of its own."""
        spiffe_id = bench.identity(name.lower())
        credential = bench.subject.authority.issue(spiffe_id)
        probe = bench.probe(Presented(f"client {name}", credential, str(spiffe_id)))
        return Client(name, spiffe_id.segments[-1], str(spiffe_id), probe)

    def prepare(self, bench: "WfmBench") -> None:
        """Nothing has to be known beforehand: every request shows by itself what it needs."""

    def judge_chain(self, bench: "WfmBench", chain: tuple[bytes, ...]) -> None:
        """Hold the WFM's leaf against the SVID profile; what is wrong with it is a fact."""
        if not chain:
            return  # a resumed session sends none
        clause = reason = None
        try:
            check_leaf(x509.load_der_x509_certificate(chain[0]))
        except SvidRefused as refused:
            clause, reason = refused.clause, refused.reason
        bench.note("wfm-credential", clause=clause, reason=reason)


@dataclass(frozen=True)
class SignedBinding:
    """1.0.0-rc.2-signed: a client onboards with its certificate, and signs its requests.

    `anchors` vouch for the WFM's server. `given` are the certificates, by client, of a WFM that knows its clients;
    without them each client has a new one below `issuer`.
    """

    anchors: WebAnchors
    given: Mapping[str, ClientCertificate] = field(default_factory=dict)
    issuer: WebAuthority = field(default_factory=WebAuthority.new)
    encoding: CertificateEncoding = "der"

    def trust(self, bench: "WfmBench") -> ServerTrust:
        """Give the anchors of the WFM's server."""
        del bench
        return self.anchors

    def certificate(self, roster_id: str, algorithm: Algorithm = "ecdsa-p256-sha256") -> ClientCertificate:
        """Give the certificate of a client: the one that was given, or a new one."""
        return self.given.get(roster_id) or ClientCertificate.issue(self.issuer.root, algorithm)

    def enter(self, bench: "WfmBench", name: str) -> Client:
        """Onboard a client (ONB-005, ONB-006)."""
        return self.enter_with(bench, name, self.certificate(bench.roster_id(name.lower())))

    def enter_with(
        self, bench: "WfmBench", name: str, own: ClientCertificate, encoding: CertificateEncoding | None = None
    ) -> Client:
        """Onboard a client with this certificate."""
        exchange = self.onboard(bench, name, own, encoding=encoding)
        client_id = client_id_of(exchange)
        if client_id is None:
            why = exchange.error or f"status {exchange.status}"
            raise NotSeen(f"the WFM did not onboard client {name}: {why}")
        signing = Signing(own.signer(), time.time, client_id)
        probe = bench.probe(Presented(f"client {name}", None, client_id, manner=signing))
        client = Client(name, client_id, client_id, probe)
        bench.note("onboarded", {"exchange": exchange}, name=name, client=client_id, algorithm=own.algorithm)
        return client

    def onboard(
        self,
        bench: "WfmBench",
        name: str,
        own: ClientCertificate,
        *,
        encoding: CertificateEncoding | None = None,
        manner: Signing | None = None,
        change: Callable[[dict[str, str]], dict[str, str] | bytes] = lambda document: document,
    ) -> Exchange:
        """Send an onboarding request, signed with the key of the certificate in it unless told otherwise."""
        dialect = bench.dialect
        certificate = written_certificate(own.certificate, encoding or dialect.encoding or self.encoding)
        document = change(with_envelope(ONBOARDING_ENVELOPE, {"certificate": certificate}))
        body = document if isinstance(document, bytes) else as_json(document)
        speaks = manner or Signing(own.signer(), time.time)
        probe = bench.probe(Presented(f"client {name}", None, manner=speaks))
        exchange = probe.send("POST", ONBOARDING_PATH, JSON, body)
        if encoding is None:
            dialect.used_encoding(exchange, bench.recorder)
        return exchange

    def prepare(self, bench: "WfmBench") -> None:
        """See `first_contact`."""
        first_contact(bench, self)

    def judge_chain(self, bench: "WfmBench", chain: tuple[bytes, ...]) -> None:
        """Nothing is asked of the certificate but that it leads to the anchors, which TLS has seen to."""


def client_id_of(exchange: Exchange) -> str | None:
    """Give the id that an onboarding was answered with, if any."""
    if exchange.status not in (200, 201):
        return None
    try:
        return read_client_id(exchange.response.data or b"")
    except DocumentError:
        return None


SVIDS = SvidBinding()
ANCHORS_FILE = "root-ca.pem"
"""In the identity folder of a real WFM: the certificate below which its HTTPS server stands, in PEM."""
CLIENTS = "clients"


def signed_binding(folder: Path, names: Iterable[str] = ()) -> SignedBinding:
    """Read an identity folder: `root-ca.pem`, and `clients/NAME/client.pem` with `client_key.pem` of clients by name.

    Raises UsageError for files that are missing or cannot be used.
    """
    try:
        anchors = WebAnchors(read_file(folder / ANCHORS_FILE, "root CA"))
        anchors.client_context()
        given = {name: _given(folder / CLIENTS / name) for name in names}
    except CredentialError as error:
        raise UsageError(str(error)) from None
    except (ValueError, OSError) as error:
        raise UsageError(f"{folder / ANCHORS_FILE}: expected certificates in PEM, found: {error}") from None
    return SignedBinding(anchors, given)


def _given(place: Path) -> ClientCertificate:
    return ClientCertificate.load(place / CERTIFICATE_FILE, place / KEY_FILE)
