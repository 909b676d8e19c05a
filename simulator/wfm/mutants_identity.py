"""WFMs that are broken in whom they believe: certificates, trust bundles, headers, and versions of TLS."""

import base64
import hashlib
import ssl
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from simulator.identity.bundle import TrustBundle
from simulator.identity.errors import SvidRefused
from simulator.identity.handshake import (
    Peer,
    PeerCheckingObject,
    PeerPolicy,
    PolicyContext,
    Recognise,
    peer_chain,
)
from simulator.identity.spiffe import SpiffeId, recognise_client
from simulator.identity.svid import Credential
from simulator.identity.svid_rules import check_leaf, uri_sans
from simulator.identity.tls import CredentialSource, ReloadingContext
from simulator.identity.trust import TrustSource
from simulator.wfm.api import ManagementApi
from simulator.wfm.callers import Caller, NotAuthenticated
from simulator.wfm.mutants_model import WfmMutant
from simulator.wfm.server import ReferenceWfm, WfmConfig
from simulator.wfm.service import WfmService

_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of OpenSSL
_NEVER = datetime(9000, 1, 1, tzinfo=UTC)
Weaken = Callable[[PolicyContext, Credential], None]


def wfm_with(weaken: Weaken, connection: type[PeerCheckingObject] = PeerCheckingObject) -> type[ReferenceWfm]:
    """A WFM whose TLS contexts are weakened, and whose connections check their peers in their own way."""

    class Weak(ReloadingContext):
        def _build(self, credential: Credential, bundle: TrustBundle | None) -> PolicyContext:
            inner = super()._build(credential, bundle)
            inner.sslobject_class = connection
            weaken(inner, credential)
            return inner

    class Changed(ReferenceWfm):
        def _context(self, credential: CredentialSource, trust: TrustSource) -> ssl.SSLContext:
            policy = PeerPolicy("server", trust, self._recognise, self._observer)
            return Weak.make(policy, credential, allow_tls12=self.config.allow_tls12)

    return Changed


def _as_it_is(context: PolicyContext, credential: Credential) -> None:
    """Weaken nothing."""


def any_time(context: PolicyContext, _: Credential) -> None:
    """Have certificates taken before and after their time."""
    context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)


def _own_intermediate(context: PolicyContext, credential: Credential) -> None:
    """Take the intermediate from elsewhere: from the chain of the WFM itself."""
    chain = x509.load_pem_x509_certificates(credential.chain_pem)
    context.load_verify_locations(cadata=b"".join(cert.public_bytes(Encoding.DER) for cert in chain[1:]))


def _nobody_too(context: PolicyContext, _: Credential) -> None:
    context.verify_mode = ssl.CERT_OPTIONAL


def _old_versions(context: PolicyContext, _: Credential) -> None:
    # taking what nobody may take is the point of this WFM (ID-33)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1


def _old_default(context: PolicyContext, _: Credential) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2


class Lenient(PeerCheckingObject):
    """Checks nothing of a peer but what a subclass adds."""

    def _check_peer(self) -> Peer:
        chain = [x509.load_der_x509_certificate(der) for der in peer_chain(self, verified=True)]
        if not chain:
            raise SvidRefused("ID-25", "peer has no validated chain")
        return self.peer_of(chain[0])

    def peer_of(self, leaf: x509.Certificate) -> Peer:
        """Give the peer that a leaf makes, for ever. Raises SvidRefused, NotRecognised."""
        spiffe_id = self.identified(leaf)
        self._policy.recognise(spiffe_id)
        return Peer(spiffe_id, self._sent_digests(), self._policy.trust.current().anchors[0], _NEVER)

    def identified(self, leaf: x509.Certificate) -> SpiffeId:
        """Give the identity in a leaf. Raises SvidRefused."""
        return check_leaf(leaf, self._policy.trust.trust_domain)


class _AnyDomain(Lenient):
    def identified(self, leaf: x509.Certificate) -> SpiffeId:
        return check_leaf(leaf)


class _FirstName(Lenient):
    """Takes the first URI name of whatever leaf there is."""

    def identified(self, leaf: x509.Certificate) -> SpiffeId:
        uris = uri_sans(leaf)
        if not uris:
            raise SvidRefused("ID-27", "leaf has no URI name")
        return SpiffeId.parse(uris[0])


class _NoHostNames(PeerCheckingObject):
    """Takes no leaf that has a DNS name too."""

    def _check_peer(self) -> Peer:
        peer = super()._check_peer()
        leaf = self._leaf()
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value if leaf else None
        if names is not None and names.get_values_for_type(x509.DNSName):
            raise SvidRefused("ID-24", "leaf has a DNS name")
        return peer


class _Anonymous(PeerCheckingObject):
    """Lets those in who show nothing."""

    def _check_peer(self) -> Peer:
        if not self.getpeercert(binary_form=True):
            return cast("Peer", None)
        return super()._check_peer()


class _AskedFor(ManagementApi):
    """Takes the caller from somewhere else than the connection, where that says anything."""

    def __init__(self, service: Any, caller: Caller, *rest: Any) -> None:
        def asked(request: web.BaseRequest, now: float) -> tuple[str, bool]:
            claimed = self.claimed(request)
            if claimed:
                return claimed, False
            try:
                return caller(request, now)
            except NotAuthenticated:
                return self.stranger(), False

        super().__init__(service, asked, *rest)

    def claimed(self, request: web.BaseRequest) -> str | None:
        """Give the client that a request claims to come from, if it does."""
        del request
        return None

    def stranger(self) -> str:
        """Give the client for a connection without one. Raises NotAuthenticated."""
        raise NotAuthenticated("the connection has no TLS client identity")


class _ByHeader(_AskedFor):
    def claimed(self, request: web.BaseRequest) -> str | None:
        return request.headers.get("X-Client-Id")


class _ByQuery(_AskedFor):
    def claimed(self, request: web.BaseRequest) -> str | None:
        return request.query.get("clientId")


class _ByCertificateHeader(_AskedFor):
    def claimed(self, request: web.BaseRequest) -> str | None:
        header = request.headers.get("Client-Cert")
        if not header:
            return None
        leaf = x509.load_der_x509_certificate(base64.b64decode(header.strip(":")))
        return SpiffeId.parse(uri_sans(leaf)[0]).segments[-1]


class _ForAll(_AskedFor):
    def stranger(self) -> str:
        return "somebody"


class _Merging:
    """A trust source that keeps every anchor it ever had."""

    def __init__(self, source: TrustSource) -> None:
        self._source = source
        self._made: TrustBundle | None = None

    @property
    def trust_domain(self) -> str:
        return self._source.trust_domain

    def current(self) -> TrustBundle:
        newest = self._source.current()
        held = self._made.anchors if self._made else ()
        if self._made is None or not set(newest.anchors) <= set(held):
            self._made = replace(newest, anchors=tuple(dict.fromkeys((*held, *newest.anchors))))
        return self._made

    def on_change(self, callback: Any) -> None:
        self._source.on_change(callback)


class _Merged(ReferenceWfm):
    def __init__(self, config: WfmConfig, **options: Any) -> None:
        super().__init__(replace(config, trust=_Merging(config.trust_source())), **options)


class _KnowsCertificates(ManagementApi):
    """Takes each certificate for a client of its own, but for the first that a client comes with."""

    def __init__(self, service: WfmService, caller: Caller, *more: Any) -> None:
        first: dict[str, bytes] = {}

        def by_certificate(request: web.BaseRequest, now: float) -> tuple[str, bool]:
            client_id, last = caller(request, now)
            tls = request.transport.get_extra_info("ssl_object") if request.transport else None
            shown = tls.getpeercert(binary_form=True) if tls else b""
            known = first.setdefault(client_id, shown) == shown
            return client_id if known else f"{client_id}-{hashlib.sha256(shown).hexdigest()[:8]}", last

        super().__init__(service, by_certificate, *more)


def _any_domain(config: WfmConfig) -> Recognise:
    return lambda peer: recognise_client(peer, peer.trust_domain, config.wfm_id)


_EXPIRED = wfm_with(any_time, Lenient)
IDENTITY = (
    WfmMutant("expired-certificates", "ID-34", "Certificates are taken whenever they are valid", wfm_class=_EXPIRED),
    WfmMutant(
        "other-trust-domains",
        "ID-24",
        "Clients of another trust domain are let in",
        recogniser=_any_domain,
        wfm_class=wfm_with(_as_it_is, _AnyDomain),
    ),
    WfmMutant(
        "certificates-of-any-form",
        "ID-27",
        "Leaves that may sign, or with two names, are taken",
        wfm_class=wfm_with(_as_it_is, _FirstName),
    ),
    WfmMutant(
        "client-by-certificate",
        "SEC-005",
        "A client that renewed its certificate is taken for another",
        api_class=_KnowsCertificates,
    ),
    WfmMutant("weak-keys", "ID-22", "Weak keys are taken", wfm_class=wfm_with(_as_it_is, _FirstName)),
    WfmMutant(
        "intermediate-from-elsewhere",
        "ID-26",
        "A missing intermediate is looked for elsewhere",
        wfm_class=wfm_with(_own_intermediate, Lenient),
    ),
    WfmMutant(
        "intermediate-not-needed",
        "ID-25",
        "An intermediate that was not sent is not missed",
        wfm_class=wfm_with(_own_intermediate, Lenient),
    ),
    WfmMutant(
        "no-names-of-hosts",
        "ID-21",
        "A DNS name beside the identity is refused",
        wfm_class=wfm_with(_as_it_is, _NoHostNames),
    ),
    WfmMutant(
        "nobody-is-let-in",
        "ID-30",
        "Those who show no certificate are served",
        api_class=_ForAll,
        wfm_class=wfm_with(_nobody_too, _Anonymous),
    ),
    WfmMutant("client-by-header", "SEC-005", "A header says who calls", api_class=_ByHeader),
    WfmMutant("client-by-query", "SEC-005", "The query says who calls", api_class=_ByQuery),
    WfmMutant("client-by-forwarded-certificate", "ID-40", "Client-Cert says who calls", api_class=_ByCertificateHeader),
    WfmMutant("old-tls", "ID-33", "TLS 1.0 and 1.1 are taken", wfm_class=wfm_with(_old_versions)),
    WfmMutant("tls-1.2-only", "ID-31", "TLS 1.3 is not spoken", wfm_class=wfm_with(_old_default)),
    WfmMutant("merges-trust", "ID-84", "A new trust bundle is added to the old one", wfm_class=_Merged),
)
