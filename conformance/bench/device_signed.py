"""The counterpart of a device of revision 1.0.0-rc.2-signed: the same bench, whose WFM takes in one client that signs.

The WFM's certificate is that of the other revision with the host's names in it; the client is known by the certificate
that it onboards with, whichever that is, and always gets the id that this bench has for it.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from conformance.bench.accommodations.model import Accommodation
from conformance.bench.accommodations.serving import Serving, classes_for
from conformance.bench.device_world import HANDED, KEPT, BenchCore, Endpoint, World
from conformance.bench.flood import Tally
from conformance.bench.recorder import Recorder
from conformance.checks.departures import DEPARTED
from conformance.record.events import Connection, Exchange, Fact
from simulator.device.signed import Kept, Signing
from simulator.faults.intercept import ObservedExchange, intercept
from simulator.identity.authority import Authority, Leaf
from simulator.identity.client_certificate import (
    CERTIFICATE_FILE,
    KEY_FILE,
    CertificateEncoding,
    ClientCertificate,
    read_certificate,
    written_certificate,
)
from simulator.identity.handshake import HandshakeFacts
from simulator.identity.svid import Credential, PrivateKey, Svid
from simulator.identity.trust import TrustSource
from simulator.identity.web import WebAnchors
from simulator.protocol.operations import Call
from simulator.protocol.signed import (
    CERTIFICATE_PATH,
    DEPLOYMENT_ENVELOPE,
    ONBOARDING_PATH,
    scoped_root,
)
from simulator.wfm.onboarding import Enrolment, Onboarding
from simulator.wfm.server import ReferenceWfm, WfmConfig
from simulator.wfm.signed import SignedFront, SignedState
from simulator.wfm.signed_server import SignedWfm

OWN_CLAUSES = {"ID-31": "API-006"}
"""What a TLS rule of the other revision is called here; the others do not exist."""
FOREIGN_HOST = "other-host-only"
"""The credential whose names are all those of another host (API-007)."""


ROOT_CA = "root-ca.pem"
STEPS = (
    "How to connect the device:",
    "1. Install the root CA as that of the WFM's server. The host name of the URL is checked too.",
    "2. Install the client certificate and its key (PEM), or let the device use its own: the bench takes every",
    "   certificate that is valid now, with a key on P-256 or P-384 or of RSA.",
    "3. Set the WFM URL.",
    "4. Switch the device on. It fetches the root certificate if it does so, onboards, reports its capabilities,",
    "   then polls for its desired state, and signs every request.",
)
"""What a person does with the connection sheet."""


@dataclass(frozen=True, slots=True)
class HostAuthority(Authority):
    """An authority whose leaves name a host too, by which web clients know a server."""

    dns: tuple[str, ...] = ("localhost",)
    ips: tuple[str, ...] = ("127.0.0.1",)

    @classmethod
    def over(cls, authority: Authority, host: str) -> "HostAuthority":
        """Take an authority for a WFM that is reached at a host."""
        dns, ips = ["localhost"], ["127.0.0.1"]
        try:
            ips.append(str(ip_address(host)))
        except ValueError:
            dns.append(host)
        named = tuple(dict.fromkeys(dns)), tuple(dict.fromkeys(ips))
        return cls(authority.trust_domain, authority.root, authority.intermediate, authority.clock, *named)

    def leaf(self, *uris: str, **validity: Any) -> Leaf:
        """Describe a leaf with the host's names."""
        return replace(Authority.leaf(self, *uris, **validity), dns=self.dns, ips=self.ips)

    def sign(self, leaf: Leaf, key: PrivateKey | None = None) -> Credential:
        """Sign a leaf; one without any name of a host gets those of this one."""
        return Authority.sign(self, leaf if leaf.dns or leaf.ips else replace(leaf, dns=self.dns, ips=self.ips), key)

    def second_root(self) -> "HostAuthority":
        """Make another authority for the same host."""
        return replace(Authority.second_root(self), dns=self.dns, ips=self.ips)


class OneClient(Onboarding):
    """Onboards one client, which is whoever came last with a certificate; it always has the same id."""

    def __init__(self, client_id: str) -> None:
        super().__init__(lambda: client_id)
        self.client_id = client_id
        self._last: x509.Certificate | None = None

    def forget_everything(self) -> None:
        """Not know the client any more."""
        self._last = self.certificate
        super().forget_everything()

    def remember(self) -> None:
        """Know the client again as it was before, unless it onboarded since."""
        if self.certificate is None and self._last is not None:
            self.enrol(self._last)

    @property
    def certificate(self) -> x509.Certificate | None:
        """What the client is known by; None while it is not onboarded."""
        found = self.find(self.client_id)
        return found.certificate if found else None

    def enrol(self, certificate: x509.Certificate) -> Enrolment:
        """Take the client in, with this certificate from now on."""
        return self._keep(Enrolment(self.client_id, certificate))


class SignedCore(BenchCore, SignedState):
    """The bench's core for documents in envelopes."""


class SignedWorld(World):
    """One WFM and one client that signs; the rest is as for the other revision."""

    envelope: Mapping[str, str] = DEPLOYMENT_ENVELOPE
    has_identity_service = False

    def __init__(
        self,
        recorder: Recorder,
        endpoint: Endpoint,
        *,
        authority: Authority | None = None,
        device_svid: Svid | None = None,
        tally: Tally | None = None,
        client_id: str = "",
    ) -> None:
        self.serving = Serving()
        known = authority or Authority.new("plant.example")
        self.clients = OneClient(client_id or str(uuid.uuid4()))
        self.encoding: CertificateEncoding = "pem"
        host = endpoint.public or endpoint.host
        super().__init__(
            recorder,
            endpoint,
            authority=HostAuthority.over(known, host),
            device_svid=device_svid,
            tally=tally,
            client_id=self.clients.client_id,
        )
        self.device_certificate = self._certified()
        self._kept = Kept()

    def _new_wfm(self, port: int = 0) -> ReferenceWfm:
        config = WfmConfig("unused", "unused", management_port=port, northbound_port=None)
        front = SignedFront(self._credential, self.authority.root.certificate, certificate_encoding=self.encoding)
        wfm_class, api_class = classes_for(self.serving)
        wfm = wfm_class(
            config,
            front,
            middlewares=(self._hold_flood, intercept(self.faults, self._exchanged, self.recogniser)),
            core_class=SignedCore,
            api_class=api_class,
            observer=self._shaken,
            on_refused=self._not_http,
            clock=self.recorder.unix,
        )
        wfm.clients = self.clients
        return wfm

    def get_past(self, accommodations: tuple[Accommodation, ...]) -> None:
        """Serve the device past its known departures."""
        self.serving.given = accommodations

    def _recorded(self, event: Exchange | Connection | Fact) -> None:
        """Tell beside a request in which known ways it departs."""
        if isinstance(event, Exchange) and self.serving.given:
            for item, reading in self.serving.departed(event):
                what = {"name": item.name, "breaks": list(item.breaks), "hides": list(item.hides), "read": reading}
                self.recorder.note(DEPARTED, {"exchange": event}, **what)

    def recogniser(self, method: str, target: str) -> Call:
        """Tell the operation behind a request line."""
        return self.serving.recognised(method, target)

    # --- how this revision does it ----------------------------------------------------------------------------------

    @property
    def root(self) -> str:
        """Below what the client's routes are."""
        return scoped_root(self.client_id)

    @property
    def anchors(self) -> WebAnchors:
        """What the device trusts the WFM's server by."""
        return WebAnchors(self.authority.root.certificate.public_bytes(Encoding.PEM))

    def provisioned(self) -> dict[str, Any]:
        """What is known of the two seats before anything happened."""
        known = self.clients.certificate
        return {
            "client": self.client_id,
            "certificate": written_certificate(known) if known else None,
            "url": self.url,
            "unix": self.recorder.unix(),
        }

    def provisions(self, trust: TrustSource | None = None) -> dict[str, Any]:
        """What the built-in device is configured with to come here."""
        del trust
        return {"signing": Signing(self.device_certificate, self.anchors, kept=self._kept)}

    def reissued(self) -> tuple[str, dict[str, Any]]:
        """Make another unit's credential: the digest of its certificate, and what it is configured with."""
        self.device_certificate = self._certified()
        self._kept = Kept()
        der = self.device_certificate.certificate.public_bytes(Encoding.DER)
        return hashlib.sha256(der).hexdigest(), self.provisions()

    def give_root(self, encoding: CertificateEncoding) -> Authority:
        """Have the certificate endpoint give the root of a new authority for this host; gives that authority."""
        successor = self.authority.second_root()
        self.show_root(successor.root.certificate, encoding)
        return successor

    def show_root(self, root: x509.Certificate, encoding: CertificateEncoding) -> None:
        """Have the certificate endpoint give a root certificate."""
        assert isinstance(self.wfm, SignedWfm)  # noqa: S101 - made above
        self.wfm.show_root(root, encoding)

    @classmethod
    def restored(cls, recorder: Recorder, endpoint: Endpoint, folder: Path, state: Mapping[str, Any]) -> Self:
        """Make the world of an earlier run again, with the client as it was registered."""
        authority, client_id = Authority.load(folder / KEPT), str(state.get("client", ""))
        world = cls(recorder, endpoint, authority=authority, tally=Tally(), client_id=client_id)
        world.device_certificate = ClientCertificate.load(
            folder / HANDED / CERTIFICATE_FILE, folder / HANDED / KEY_FILE
        )
        if state.get("certificate"):
            world.clients.enrol(read_certificate(str(state["certificate"])))
        return world

    def kept(self) -> dict[str, Any]:
        """The client's id, and the certificate that it is registered with."""
        known = self.clients.certificate
        return {"client": self.client_id, "certificate": written_certificate(known) if known else None}

    def sheet(self, folder: Path) -> tuple[dict[str, str], tuple[str, ...]] | None:
        """Write a client certificate with its key, and the root certificate."""
        certificate, key = self.device_certificate.write(folder)
        root = folder / ROOT_CA
        root.write_bytes(self.anchors.pem)
        until = self.device_certificate.certificate.not_valid_after_utc
        entries = {
            "WFM URL": self.url,
            "Root CA": str(root),
            "Client certificate": str(certificate),
            "Client key": str(key),
            "Client certificate valid until": until.isoformat(timespec="minutes"),
            "Onboarding": f"POST {ONBOARDING_PATH}",
            "Certificate API": f"GET {CERTIFICATE_PATH}",
        }
        return entries, STEPS

    async def undisturb(self) -> None:
        """Have the WFM answer as it should, know its client, and give its own root."""
        await super().undisturb()
        self.clients.remember()
        self.show_root(self.authority.root.certificate, self.encoding)

    def refusal(self, status: int, problem: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
        """Write a refusal: headers and body."""
        told = {"error": problem.get("title", "Not now"), "message": problem.get("detail", f"answered {status}")}
        return {"Content-Type": "application/json"}, json.dumps(told).encode()

    def _certified(self) -> ClientCertificate:
        return ClientCertificate.issue(self.authority.intermediate)

    # --- what differs on the wire -----------------------------------------------------------------------------------

    def _credential_of(self, name: str) -> tuple[Credential, str]:
        if name == FOREIGN_HOST:
            leaf = replace(self.authority.leaf(str(self.wfm_identity)), dns=("other.example",), ips=("127.0.0.9",))
            return self.authority.sign(leaf), "API-007"
        credential, clause = super()._credential_of(name)
        return credential, "API-004" if clause else ""

    def _exchanged(self, seen: ObservedExchange) -> None:
        super()._exchanged(replace(seen, peer=seen.params.get("clientId")))

    def _shaken(self, facts: HandshakeFacts) -> None:
        super()._shaken(replace(facts, clause=OWN_CLAUSES.get(facts.clause or "")))
