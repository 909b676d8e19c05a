"""Credentials of the fleet: an SVID for each device, and a lean TLS context for each SVID.

A context cannot be shared, since each presents another certificate. It holds one client certificate and the anchors of
the trust bundle, nothing else; the machine's own anchors would cost 0.8 MB for each device.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from simulator.fleet.live.manner import Manner, Plain
from simulator.identity.authority import Authority
from simulator.identity.clock import utc_now
from simulator.identity.errors import CredentialError
from simulator.identity.handshake import Peer, PeerCheckingObject, PeerPolicy, PolicyContext, peer_chain
from simulator.identity.spiffe import SpiffeId, client_spiffe_id, recognise_wfm, wfm_id_of
from simulator.identity.svid import CERTIFICATE_FILE, KEY_FILE, Svid
from simulator.identity.tls import fixed_context
from simulator.identity.trust import StaticTrust, TrustSource

LIFETIME = timedelta(days=1)
WFM_FILE = "wfm.json"
TRUST_FILE = "trust-bundle.json"
CLIENTS = "clients"


class FleetPeerCheck(PeerCheckingObject):
    """A device's TLS connection: the WFM is checked as ever (ID-52), the very same certificates only once.

    Ten thousand devices meet one WFM: its chain, byte for byte, has been read and judged when the first one met it.
    OpenSSL validates every handshake all the same.
    """

    def _check_peer(self) -> Peer:
        policy = self._policy
        if not isinstance(policy, FleetPolicy):
            return super()._check_peer()
        chain = tuple(peer_chain(self, verified=True))
        key = (chain, id(policy.trust.current()))
        known = policy.known.get(key)
        if known is None:
            known = policy.known[key] = super()._check_peer()
        return known

    def _tell(self, *_args: Any, **_causes: Any) -> None:
        """Nobody listens."""


@dataclass(frozen=True, slots=True)
class FleetPolicy(PeerPolicy):
    """What the devices of a fleet demand of their WFM, with the peers that were judged already."""

    known: dict[tuple[tuple[bytes, ...], int], Peer] = None  # type: ignore[assignment]


class Wallet:
    """Gives devices their SVIDs and contexts. `authority` issues them; without one they are read from `folder`."""

    def __init__(
        self,
        wfm_id: str,
        trust: TrustSource,
        *,
        authority: Authority | None = None,
        folder: Path | None = None,
        lifetime: timedelta = LIFETIME,
    ) -> None:
        self._wfm_id, self._authority, self._folder = wfm_id, authority, folder
        self._until = utc_now() + lifetime
        own = client_spiffe_id(trust.trust_domain, wfm_id, "fleet")

        def recognise(peer: SpiffeId) -> None:
            recognise_wfm(peer, own)

        self._policy = FleetPolicy("client", trust, recognise, known={})

    @classmethod
    def of(cls, authority: Authority, wfm_id: str) -> "Wallet":
        """Have an authority issue everything."""
        return cls(wfm_id, StaticTrust(authority.bundle()), authority=authority)

    @classmethod
    def open(cls, folder: Path, lifetime: timedelta = LIFETIME) -> "Wallet":
        """Take an identity folder as `serve wfm --identity` writes it.

        With the authority's keys in it every device gets a new SVID; without them each device needs its own in
        `clients/<id>/`. Raises CredentialError.
        """
        wfm_id, trust_domain = _wfm_of(folder)
        authority = Authority.load(folder) if (folder / "intermediate_key.pem").exists() else None
        if trust_domain is None and authority is not None:
            trust_domain = authority.trust_domain
        if trust_domain is None:
            raise CredentialError(folder / "wfm" / CERTIFICATE_FILE, "file", "the WFM's SVID or the authority", "none")
        trust = StaticTrust.load(folder / TRUST_FILE, trust_domain)
        return cls(wfm_id, trust, authority=authority, folder=folder, lifetime=lifetime)

    def name_of(self, client_id: str) -> str:
        """Give the SPIFFE ID of a device's client."""
        return str(client_spiffe_id(self._policy.trust.trust_domain, self._wfm_id, client_id))

    def svid(self, client_id: str) -> Svid:
        """Give a device's SVID. Raises CredentialError."""
        if self._authority is not None:
            spiffe_id = client_spiffe_id(self._authority.trust_domain, self._wfm_id, client_id)
            return self._authority.issue(spiffe_id, not_after=self._until)
        folder = (self._folder or Path()) / CLIENTS / client_id
        return Svid.load(folder / CERTIFICATE_FILE, folder / KEY_FILE)

    def enter(self, name: str) -> tuple[PolicyContext, Manner]:
        """Give a device its context, with an SVID of its own in it."""
        return self.context(self.svid(name)), Plain(name)

    def context(self, svid: Svid) -> PolicyContext:
        """Make a device's context. Raises ssl.SSLError when OpenSSL does not take the credential."""
        context = fixed_context(self._policy, svid, self._policy.trust.current())
        context.sslobject_class = FleetPeerCheck
        return context


def _wfm_of(folder: Path) -> tuple[str, str | None]:
    """The WFM's id and, where its SVID is kept, the trust domain."""
    certificate = folder / "wfm" / CERTIFICATE_FILE
    if certificate.exists():
        svid = Svid.load(certificate, folder / "wfm" / KEY_FILE)
        return wfm_id_of(svid.spiffe_id), svid.spiffe_id.trust_domain
    file = folder / WFM_FILE
    try:
        return str(json.loads(file.read_bytes())["wfmId"]), None
    except FileNotFoundError:
        expected = "an identity folder as `serve wfm --identity DIR` writes it"
        raise CredentialError(file, "file", expected, "no such file") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CredentialError(file, "wfmId", "the WFM's id", str(error)) from None
