"""TLS contexts for both seats: mutual authentication with SVIDs, always with the newest credential and trust bundle.

Source: ID-30..ID-38, ID-48, ID-50, ID-52, ID-84. Chain validation is OpenSSL's, with the bundle's anchors as the only
anchors; the SVID rules and recognition follow in `handshake`. Host names play no part (ID-24, ID-58).
"""

import os
import ssl
import tempfile
from pathlib import Path
from typing import Any, NoReturn, Protocol, Self

from simulator.identity.bundle import TrustBundle
from simulator.identity.clock import Clock
from simulator.identity.errors import NoTrustMaterial
from simulator.identity.handshake import (
    Observer,
    PeerCheckingObject,
    PeerPolicy,
    PolicyContext,
    Recognise,
    Side,
    note_client_hello,
)
from simulator.identity.svid import Credential
from simulator.identity.trust import TrustSource

TLS12_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # RFC 9325 section 4.2
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of OpenSSL


class CredentialSource(Protocol):
    """Gives the credential to present; a renewed one is used from the next connection on (ID-39, ID-61)."""

    def current(self) -> Credential:
        """Give the credential to present now."""
        ...


class HeldCredential:
    """A credential that can be renewed in place."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    def current(self) -> Credential:
        """Give the credential to present now."""
        return self._credential

    def renew(self, credential: Credential) -> None:
        """Present another credential from the next connection on."""
        self._credential = credential


class ReloadingContext(ssl.SSLContext):
    """Looks like one context for the life of a server or client, and is a fresh one whenever its material changed.

    A new inner context is made when the credential or the bundle was replaced, so that nothing is ever merged (ID-84).
    Connections that exist keep what they were made with. Only for asyncio-like users (`wrap_bio`).
    """

    object_class: type[PeerCheckingObject] = PeerCheckingObject
    """What makes the connections; another one only for parties that are broken on purpose."""
    resumable: bool = False
    """Whether sessions can be resumed: only where it is looked at who resumes them (ID-38)."""
    only_tls12: str | None = None
    """The ciphers of a party that speaks TLS 1.2 alone: only where it is looked at who falls back to it (ID-32)."""
    _policy: PeerPolicy
    _source: CredentialSource
    _allow_tls12: bool
    _made_of: tuple[Credential, TrustBundle | None] | None = None
    _inner: PolicyContext

    @classmethod
    def make(cls, policy: PeerPolicy, source: CredentialSource, *, allow_tls12: bool) -> Self:
        """Make a context; its inner one is made at the first connection."""
        context = cls(_protocol(policy.side))
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context._policy, context._source, context._allow_tls12 = policy, source, allow_tls12
        return context

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Start a connection with the newest material; `session` is not used, resumption is not offered (ID-38)."""
        del session
        return self.newest().wrap_bio(incoming, outgoing, server_side=server_side, server_hostname=server_hostname)

    def wrap_socket(self, *_args: Any, **_options: Any) -> NoReturn:
        """Refuse: a blocking socket would go around the checks of `handshake`.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("SVID contexts work with asyncio only, not with blocking sockets")

    def newest(self) -> PolicyContext:
        """Give the inner context for the current credential and bundle.

        Raises:
            ssl.SSLError: OpenSSL does not take the credential.
        """
        try:
            bundle = self._policy.trust.current()
        except NoTrustMaterial:
            bundle = None  # a context without anchors refuses every peer (ID-82)
        credential = self._source.current()
        made_of = self._made_of
        if made_of is None or made_of[0] is not credential or made_of[1] is not bundle:
            self._inner = self._build(credential, bundle)
            self._made_of = (credential, bundle)
        return self._inner

    def _build(self, credential: Credential, bundle: TrustBundle | None) -> PolicyContext:
        context = fixed_context(self._policy, credential, bundle, allow_tls12=self._allow_tls12)
        context.sslobject_class = self.object_class
        if self.only_tls12 is not None:
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(self.only_tls12)
        if self.resumable:
            _allow_resumption(context)
        return context


def fixed_context(
    policy: PeerPolicy, credential: Credential, bundle: TrustBundle | None, *, allow_tls12: bool = False
) -> PolicyContext:
    """Make a context for one credential and one bundle, for good: what fleets use, whose devices live for one run.

    Raises:
        ssl.SSLError: OpenSSL does not take the credential.
    """
    context = PolicyContext(_protocol(policy.side))
    context.policy = policy
    context.sslobject_class = PeerCheckingObject
    harden(context, allow_tls12=allow_tls12)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    # every certificate of the bundle is an anchor, whether self-signed or not (ID-25)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if policy.clock is not None:
        context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)  # our own clock is asked instead
    if bundle is not None:
        context.load_verify_locations(cadata=bundle.to_der())
    load_credential(context, credential)
    if policy.side == "server":
        context.sni_callback = note_client_hello
    return context


def server_context(
    svid: Credential | CredentialSource,
    trust: TrustSource,
    recognise: Recognise,
    observer: Observer | None = None,
    *,
    allow_tls12: bool = False,
    clock: Clock | None = None,
) -> ReloadingContext:
    """Make the context of a server that demands an SVID of every client.

    `recognise` raises `NotRecognised` for a peer that is not accepted; `observer` hears of every handshake; `clock`
    replaces the machine's time in the validation of certificates; TLS 1.2 is refused unless allowed (ID-31, ID-32).
    """
    return _context(PeerPolicy("server", trust, recognise, observer, clock), svid, allow_tls12)


def client_context(
    svid: Credential | CredentialSource,
    trust: TrustSource,
    recognise: Recognise,
    observer: Observer | None = None,
    *,
    allow_tls12: bool = False,
    clock: Clock | None = None,
) -> ReloadingContext:
    """Make the context of a client that demands an SVID of its server; arguments as for `server_context`."""
    return _context(PeerPolicy("client", trust, recognise, observer, clock), svid, allow_tls12)


def harden(context: ssl.SSLContext, *, allow_tls12: bool = False) -> None:
    """Set what all contexts here share: TLS 1.3 (or 1.2 by RFC 9325), HTTP/1.1, no renegotiation, no resumption."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2 if allow_tls12 else ssl.TLSVersion.TLSv1_3
    context.set_ciphers(TLS12_CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
    if context.protocol == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])


def _allow_resumption(context: ssl.SSLContext) -> None:
    context.options &= ~ssl.OP_NO_TICKET
    if context.protocol == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 2


def load_credential(context: ssl.SSLContext, credential: Credential) -> None:
    """Have a context present a credential. The library reads files only: one of mode 0600 exists for a moment.

    Raises:
        ssl.SSLError: OpenSSL does not take the credential.
    """
    handle, name = tempfile.mkstemp(prefix="margo-", suffix=".pem")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(credential.key_pem + credential.chain_pem)
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()


def _context(policy: PeerPolicy, svid: Credential | CredentialSource, allow_tls12: bool) -> ReloadingContext:
    source = HeldCredential(svid) if isinstance(svid, Credential) else svid
    return ReloadingContext.make(policy, source, allow_tls12=allow_tls12)


def _protocol(side: Side) -> int:
    return ssl.PROTOCOL_TLS_SERVER if side == "server" else ssl.PROTOCOL_TLS_CLIENT
