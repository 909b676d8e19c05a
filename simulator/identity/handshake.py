"""What is checked when a handshake ends, and what an observer is told of it.

OpenSSL validates the chain; the rest of the rules (ID-22, ID-24, ID-27, recognition) is checked here, still inside
`do_handshake`, so that a refused peer neither gets nor has read a single byte of HTTP. Works with every event loop
that drives TLS through `ssl.SSLContext.wrap_bio` (asyncio, uvloop).
"""

import hashlib
import itertools
import ssl
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from cryptography import x509

from simulator.identity.clock import Clock
from simulator.identity.errors import NoTrustMaterial, SvidRefused
from simulator.identity.spiffe import SpiffeId
from simulator.identity.svid_rules import check_chain_keys, check_leaf, uri_sans
from simulator.identity.trust import TrustSource

Outcome = Literal["started", "completed", "refused", "alert"]
Side = Literal["server", "client"]
Recognise = Callable[[SpiffeId], object]
"""Returns for an accepted peer and raises `NotRecognised` for any other."""

_numbers = itertools.count(1)
_NOT_FAILURES = (ssl.SSLWantReadError, ssl.SSLWantWriteError, ssl.SSLZeroReturnError, ssl.SSLEOFError)

# X509_V_ERR_* codes of OpenSSL whose cause is a stated requirement
_CLAUSE_OF_VERIFY_CODE = {
    2: "ID-25",  # no certificate of the issuer
    7: "ID-25",  # signature failure
    9: "ID-25",  # not yet valid
    10: "ID-25",  # expired
    18: "ID-25",  # self-signed leaf
    19: "ID-25",  # self-signed certificate in the chain
    20: "ID-25",  # no local certificate of the issuer: foreign root, or an intermediate that was not sent
    21: "ID-25",  # first certificate cannot be verified
    24: "ID-34",  # issuer is no authority
    25: "ID-34",  # path too long
    32: "ID-34",  # issuer may not sign certificates
    66: "ID-22",  # leaf key too small
    67: "ID-22",  # issuer key too small
    68: "ID-22",  # signature hash too weak
    79: "ID-34",  # issuer is no authority (OpenSSL 3)
}
_CLAUSE_OF_REASON = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "ID-48",
    "UNSUPPORTED_PROTOCOL": "ID-31",
    "WRONG_SSL_VERSION": "ID-31",
    "VERSION_TOO_LOW": "ID-31",
    "NO_PROTOCOLS_AVAILABLE": "ID-31",
}


@dataclass(frozen=True, slots=True)
class HandshakeFacts:
    """One thing that happened in one TLS connection, as seen by one side.

    `outcome`: `started` (server: a ClientHello came; client: one is being sent), `completed` (the peer is accepted),
    `refused` (the handshake failed; `by` tells who refused), `alert` (the peer ended a completed connection with an
    alert, which is how a TLS 1.3 server refuses a client). A `started` that nothing follows was abandoned by the peer
    without a word. `number` is the same for all facts of one connection. `clause` is the requirement broken, when
    known; `reason` is ours or OpenSSL's. Digests are SHA-256 over DER in hexadecimal, in the order sent. What is not
    known is None or empty.
    """

    number: int
    side: Side
    outcome: Outcome
    by: Literal["self", "peer"] | None = None
    clause: str | None = None
    reason: str | None = None
    server_name: str | None = None
    tls_version: str | None = None
    cipher: str | None = None
    peer_spiffe_id: str | None = None
    peer_chain_digests: tuple[str, ...] = ()
    not_after: datetime | None = None


Observer = Callable[[HandshakeFacts], None]


class PeerRefused(ssl.SSLCertVerificationError):
    """The peer's credential broke a rule that OpenSSL does not check. Carries `clause` and `reason`."""

    def __init__(self, refused: SvidRefused) -> None:
        super().__init__(1, f"peer refused: {refused}")
        self.clause = refused.clause
        self.reason = refused.reason
        self.verify_message = refused.reason


@dataclass(frozen=True, slots=True)
class PeerPolicy:
    """What a context demands of its peers. With a `clock`, that time counts and not the machine's."""

    side: Side
    trust: TrustSource
    recognise: Recognise
    observer: Observer | None = None
    clock: Clock | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """An accepted peer. `not_after` is the earliest end of validity in its validated chain (ID-36)."""

    spiffe_id: SpiffeId
    chain_digests: tuple[str, ...]
    anchor: x509.Certificate
    not_after: datetime

    def still_accepted(self, trust: TrustSource, now: datetime) -> bool:
        """Tell whether a connection to this peer may go on: nothing expired, anchor not retired (ID-36, ID-57)."""
        return now <= self.not_after and self.anchor in trust.current().anchors


class PolicyContext(ssl.SSLContext):
    """A context whose connections check their peer against `policy` before the handshake counts as done."""

    policy: PeerPolicy


class PeerCheckingObject(ssl.SSLObject):
    """A TLS connection that knows its peer. `peer` and `peer_id` are there once the handshake is done."""

    number: int = 0
    peer: Peer | None = None
    server_name: str | None = None
    facts: HandshakeFacts | None = None

    @property
    def peer_id(self) -> SpiffeId:
        """The peer's SPIFFE ID.

        Raises:
            ValueError: the handshake is not done.
        """
        if self.peer is None:
            raise ValueError("the peer is not known before the handshake is done")
        return self.peer.spiffe_id

    @property
    def peer_chain_digests(self) -> tuple[str, ...]:
        """SHA-256 over the DER of the peer's certificates, leaf first; none before the handshake is done."""
        return self.peer.chain_digests if self.peer else ()

    def do_handshake(self) -> None:
        """Go on with the handshake; when it is done, check the peer.

        Raises:
            PeerRefused: the peer broke a rule of ours.
            ssl.SSLError: as the base class.
        """
        if self._policy.side == "client":
            self.begin()
        try:
            super().do_handshake()
            self._meet()
        except _NOT_FAILURES:
            raise
        except SvidRefused as refused:
            self._tell("refused", by="self", clause=refused.clause, reason=refused.reason)
            raise PeerRefused(refused) from None
        except ssl.SSLError as error:
            self._tell("refused", **(_causes(error) | self._without_trust(error)))
            raise
        if self.facts is None:
            self._tell("completed")

    def read(self, len: int = 1024, buffer: Any = None) -> Any:  # noqa: A002 - the base class's name
        """Read as the base class does; tell the observer of an alert."""
        try:
            return super().read(len, buffer)
        except _NOT_FAILURES:
            raise
        except ssl.SSLError as error:
            self._tell("alert", **_causes(error))
            raise

    def begin(self, server_name: str | None = None) -> None:
        """Number the connection and tell the observer that it started; later calls do nothing."""
        if not self.number:
            self.number = next(_numbers)
            self.server_name = server_name or self.server_hostname
            self._tell("started")

    def _meet(self) -> None:
        if self.peer is None:
            self.peer = self._check_peer()

    @property
    def _policy(self) -> PeerPolicy:
        return cast("PolicyContext", self.context).policy

    def _check_peer(self) -> Peer:
        policy = self._policy
        chain = [x509.load_der_x509_certificate(der) for der in peer_chain(self, verified=True)]
        if len(chain) < 1:
            raise SvidRefused("ID-25", "peer has no validated chain")
        spiffe_id = check_leaf(chain[0], policy.trust.trust_domain)
        peer = Peer(spiffe_id, self._sent_digests(), chain[-1], min(cert.not_valid_after_utc for cert in chain))
        if policy.clock is not None:
            _check_times(chain, policy.clock())
        # the bundle may have been replaced while this handshake went on (ID-84)
        if peer.anchor not in policy.trust.current().anchors:
            raise SvidRefused("ID-84", "peer's anchor is not in the current trust bundle")
        check_chain_keys(chain[1:-1])
        policy.recognise(spiffe_id)
        return peer

    def _without_trust(self, error: ssl.SSLError) -> dict[str, str]:
        """Name the cause when a peer was refused only because there is no trust bundle yet (ID-82)."""
        if isinstance(error, ssl.SSLCertVerificationError):
            try:
                self._policy.trust.current()
            except NoTrustMaterial as missing:
                return {"clause": "ID-82", "reason": str(missing)}
        return {}

    def _sent_digests(self) -> tuple[str, ...]:
        return tuple(hashlib.sha256(der).hexdigest() for der in peer_chain(self, verified=False))

    def _tell(self, outcome: Outcome, **causes: Any) -> None:
        cipher = self.cipher()
        if not self.number:
            self.number = next(_numbers)
        leaf = self._leaf()
        uris = uri_sans(leaf) if leaf else []
        facts = HandshakeFacts(
            number=self.number,
            side=self._policy.side,
            outcome=outcome,
            server_name=self.server_name,
            tls_version=self.version(),
            cipher=cipher[0] if cipher else None,
            peer_spiffe_id=uris[0] if len(uris) == 1 else None,
            peer_chain_digests=self._sent_digests() if leaf else (),
            not_after=leaf.not_valid_after_utc if leaf else None,
            **causes,
        )
        if outcome == "completed":
            self.facts = facts
        if self._policy.observer:
            self._policy.observer(facts)

    def _leaf(self) -> x509.Certificate | None:
        try:
            der = self.getpeercert(binary_form=True)
        except ValueError:  # the handshake is not done
            return None
        return x509.load_der_x509_certificate(der) if der else None


class AnyPeer(PeerCheckingObject):
    """A TLS connection of a server that asks nobody who they are; its observer hears of handshakes all the same."""

    def _meet(self) -> None:
        pass


def note_client_hello(connection: Any, server_name: str | None, _context: ssl.SSLContext) -> None:
    """Tell the observer of a server's context that a ClientHello came; set as `sni_callback`."""
    if isinstance(connection, PeerCheckingObject):
        connection.begin(server_name)


def _check_times(chain: Sequence[x509.Certificate], now: datetime) -> None:
    for cert in chain:
        if now > cert.not_valid_after_utc:
            raise SvidRefused("ID-25", f"a certificate of the chain expired at {cert.not_valid_after_utc.isoformat()}")
        if now < cert.not_valid_before_utc:
            start = cert.not_valid_before_utc.isoformat()
            raise SvidRefused("ID-25", f"a certificate of the chain is not valid before {start}")


def _causes(error: ssl.SSLError) -> dict[str, Any]:
    reason = getattr(error, "reason", None) or str(error)
    by = "peer" if "ALERT" in reason else "self"
    clause = _CLAUSE_OF_REASON.get(reason)
    if isinstance(error, ssl.SSLCertVerificationError):
        clause = _CLAUSE_OF_VERIFY_CODE.get(error.verify_code, "ID-34")
        reason = error.verify_message
    return {"by": by, "clause": clause, "reason": reason}


def peer_chain(connection: ssl.SSLObject, *, verified: bool) -> list[bytes]:
    """Give the peer's chain in DER, leaf first: as sent, or as validated up to the anchor."""
    name = "get_verified_chain" if verified else "get_unverified_chain"
    if sys.version_info >= (3, 13):
        return list(getattr(connection, name)())
    # public only since Python 3.13; the object behind it has had the method since 3.10
    certificates = getattr(cast("Any", connection)._sslobj, name)() or []  # noqa: SLF001
    return [ssl.PEM_cert_to_DER_cert(cert.public_bytes()) for cert in certificates]
