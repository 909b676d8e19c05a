"""TLS sessions that are resumed: never by the references, but where it is looked at who resumes them (ID-38)."""

from collections.abc import Callable
from typing import ClassVar

from simulator.identity.errors import SvidRefused
from simulator.identity.handshake import Peer, PeerCheckingObject
from simulator.identity.spiffe import SpiffeId
from simulator.identity.svid_rules import check_leaf

OnResumed = Callable[[SpiffeId], object]


class ResumedObject(PeerCheckingObject):
    """Knows the peer of a resumed session by the leaf with which the session began: nothing is validated anew."""

    chains: ClassVar[dict[bytes, tuple[str, ...]]] = {}
    """What was sent when sessions began, by the leaf: of a chain a session keeps nothing else."""

    def resumed(self, peer: SpiffeId) -> None:
        """Hear of a session that is resumed."""

    def _check_peer(self) -> Peer:
        leaf, trust = self.getpeercert(binary_form=True) or b"", self._policy.trust
        if not self.session_reused:
            peer = super()._check_peer()
            self.chains[leaf] = peer.chain_digests
            return peer
        certificate = self._leaf()
        if certificate is None:
            raise SvidRefused("ID-48", "the session that is resumed has no certificate of the peer")
        spiffe_id = check_leaf(certificate, trust.trust_domain)
        self._policy.recognise(spiffe_id)
        self.resumed(spiffe_id)
        anchor = trust.current().anchors[0]
        return Peer(spiffe_id, self._sent_digests(), anchor, certificate.not_valid_after_utc)

    def _sent_digests(self) -> tuple[str, ...]:
        leaf = self.getpeercert(binary_form=True) or b""
        return super()._sent_digests() or self.chains.get(leaf, ())


def telling(told: OnResumed) -> type[ResumedObject]:
    """Give what makes connections that may resume a session, and tell of it."""

    class Telling(ResumedObject):
        """Keeps the chains of one server."""

        chains: ClassVar[dict[bytes, tuple[str, ...]]] = {}

        def resumed(self, peer: SpiffeId) -> None:
            """Tell of it."""
            told(peer)

    return Telling
