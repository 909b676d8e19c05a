"""Broken devices whose defect lies in whom they talk to, and in what they present themselves with."""

import ssl
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from simulator.device.config import DeviceConfig
from simulator.device.mutant import Change, Mutant
from simulator.device.transport import HttpTransport
from simulator.identity.authority import Authority
from simulator.identity.bundle import TrustBundle
from simulator.identity.errors import SvidRefused
from simulator.identity.handshake import Peer, PeerCheckingObject, peer_chain
from simulator.identity.spiffe import SpiffeId, client_spiffe_id, wfm_id_of
from simulator.identity.svid import Credential, Svid
from simulator.identity.svid_rules import check_leaf, uri_sans
from simulator.identity.tls import ReloadingContext

MUTUAL_TLS = "1.0.0-rc.3"
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of OpenSSL
Tune = Callable[[ssl.SSLContext, TrustBundle | None], object]


class LaxPeer(PeerCheckingObject):
    """Knows its peer by the first name that leads to an accepted one; `verified`: only after OpenSSL's validation."""

    verified = True

    def _check_peer(self) -> Peer:
        chain = [x509.load_der_x509_certificate(der) for der in peer_chain(self, verified=self.verified)]
        spiffe_id = self.known(chain[0])
        self._policy.recognise(spiffe_id)
        return Peer(spiffe_id, self._sent_digests(), chain[-1], min(cert.not_valid_after_utc for cert in chain))

    def known(self, leaf: x509.Certificate) -> SpiffeId:
        """Give the SPIFFE ID of a leaf; raises SvidRefused."""
        return check_leaf(leaf, self._policy.trust.trust_domain)


class TakesAnyName(LaxPeer):
    """Looks for the right name among all that a certificate has, and at nothing else of it."""

    def known(self, leaf: x509.Certificate) -> SpiffeId:
        """Give the first name that is accepted."""
        for text in uri_sans(leaf):
            try:
                found = SpiffeId.parse(text)
                self._policy.recognise(found)
            except SvidRefused:
                continue
            return found
        raise SvidRefused("ID-27", "none of the names is known")


class TakesAnyDomain(LaxPeer):
    """Looks at the path of a SPIFFE ID only."""

    def known(self, leaf: x509.Certificate) -> SpiffeId:
        """Give the same path in the own trust domain."""
        found = check_leaf(leaf)
        return SpiffeId(self._policy.trust.trust_domain, found.path)


class TakesWeakKeys(LaxPeer):
    """Does not look at keys."""

    def known(self, leaf: x509.Certificate) -> SpiffeId:
        """Check all but the key."""
        try:
            return super().known(leaf)
        except SvidRefused as refused:
            if refused.clause != "ID-22":
                raise
        return SpiffeId.parse(uri_sans(leaf)[0])


class NeedsNoBundle(LaxPeer):
    """Validates where it has a trust bundle, and believes everybody where it has none."""

    verified = False


class RefusesForGood(PeerCheckingObject):
    """Takes nobody any more once it refused somebody; `refused` is what it remembers of that."""

    refused: list[bool]

    def do_handshake(self) -> None:
        """Remember a refusal."""
        if self.refused:
            raise ssl.SSLError("the WFM was refused before")
        try:
            super().do_handshake()
        except ssl.SSLCertVerificationError:
            self.refused.append(True)
            raise


def _remade(
    plain: ssl.SSLContext, kind: type[ReloadingContext], object_class: type[PeerCheckingObject]
) -> ReloadingContext:
    """Give a context of another kind with the material of the one that a transport made."""
    assert isinstance(plain, ReloadingContext)  # noqa: S101 - what is broken here are devices with SVIDs
    made = kind.make(plain._policy, plain._source, allow_tls12=plain._allow_tls12)  # noqa: SLF001
    made.object_class = object_class
    return made


def _connecting(object_class: type[PeerCheckingObject], tune: Tune | None = None) -> Change:
    """A device whose connections are made and tuned in another way."""

    class Context(ReloadingContext):
        """Tunes each context that it makes."""

        def _build(self, credential: Credential, bundle: TrustBundle | None) -> Any:
            context = super()._build(credential, bundle)
            if tune is not None:
                tune(context, bundle)
            return context

    class Connects(HttpTransport):
        """Makes other connections."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.context = _remade(self.context, Context, type("Peers", (object_class,), {"refused": []}))

    return lambda config: replace(config, transport_class=Connects)


def _ignore_dates(context: ssl.SSLContext, _: object) -> None:
    context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)


def _low_security(context: ssl.SSLContext, _: object) -> None:
    context.set_ciphers("ECDHE+AESGCM:@SECLEVEL=0")


def _nobody_is_unknown(context: ssl.SSLContext, bundle: object) -> None:
    if bundle is None:
        context.verify_mode = ssl.CERT_NONE


def _tls_1_2(context: ssl.SSLContext, _: object) -> None:
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2


def _any_cipher(context: ssl.SSLContext, _: object) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0")


class RemembersIntermediates(HttpTransport):
    """Completes a chain with whatever authorities it saw before, as browsers do."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        seen: dict[bytes, x509.Certificate] = {}

        class Peers(LaxPeer):
            """Keeps what came beside the leaf."""

            def _check_peer(self) -> Peer:
                peer = super()._check_peer()
                for der in peer_chain(self, verified=True)[1:]:
                    seen[der] = x509.load_der_x509_certificate(der)
                return peer

        class Context(ReloadingContext):
            """Adds what was kept to every connection."""

            def newest(self) -> Any:
                context = super().newest()
                if seen:
                    context.load_verify_locations(cadata=b"".join(seen))
                return context

        self.context = _remade(self.context, Context, Peers)


class SpeaksHttp10(HttpTransport):
    """Makes requests with HTTP/1.0."""

    def _new_session(self) -> aiohttp.ClientSession:
        session = super()._new_session()
        session._version = aiohttp.HttpVersion10  # noqa: SLF001 - a library of another age
        return session


def _transport(transport_class: type[HttpTransport]) -> Change:
    return lambda config: replace(config, transport_class=transport_class)


def _without_intermediate(config: DeviceConfig) -> DeviceConfig:
    svid = config.svid
    if svid is None:
        return config
    return replace(config, svid=replace(svid, chain_pem=svid.leaf.public_bytes(Encoding.PEM)))


def _somebody_else(authority: Authority, given: SpiffeId) -> Svid:
    return authority.issue(client_spiffe_id(given.trust_domain, wfm_id_of(given), "somebody-else"))


def _unchanged(config: DeviceConfig) -> DeviceConfig:
    return config


IDENTITY_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "ignores-dates",
        "ID-25",
        "takes certificates that are not valid yet, or any more",
        _connecting(LaxPeer, _ignore_dates),
    ),
    Mutant("takes-any-name", "ID-27", "takes a certificate if one of its names is right", _connecting(TakesAnyName)),
    Mutant("takes-any-domain", "ID-24", "looks at the path of a SPIFFE ID only", _connecting(TakesAnyDomain)),
    Mutant("takes-weak-keys", "ID-22", "does not look at keys", _connecting(TakesWeakKeys, _low_security)),
    Mutant(
        "remembers-intermediates",
        "ID-26",
        "completes chains from what it saw before",
        _transport(RemembersIntermediates),
    ),
    Mutant("refuses-for-good", "ID-52", "takes no WFM any more after it refused one", _connecting(RefusesForGood)),
    Mutant(
        "trusts-all-without-bundle",
        "ID-82",
        "believes everybody while it has no trust bundle",
        _connecting(NeedsNoBundle, _nobody_is_unknown),
        needs="trust-service",
    ),
    Mutant(
        "comes-as-somebody-else",
        "SEC-003",
        "presents a credential that was meant for another client",
        _unchanged,
        presents=_somebody_else,
    ),
    Mutant(
        "takes-any-cipher",
        "ID-32",
        "falls back to whatever it is asked for",
        _connecting(PeerCheckingObject, _any_cipher),
    ),
    Mutant("speaks-tls-1-2", "ID-31", "does without TLS 1.3", _connecting(PeerCheckingObject, _tls_1_2)),
    Mutant(
        "speaks-http-1-0",
        "API-003",
        "makes requests with HTTP/1.0",
        _transport(SpeaksHttp10),
        only=MUTUAL_TLS,
    ),
    Mutant(
        "sends-no-intermediate",
        "ID-20",
        "leaves out the certificate between its own and the anchor",
        _without_intermediate,
    ),
)
"""Devices that take the wrong peers, or come in the wrong way themselves."""
