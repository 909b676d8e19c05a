"""HTTPS servers that are not SVID holders: their certificate authority, and how a client authenticates them.

Source: ID-87 (configured anchors with the DNS name, or SPKI pins), ID-88 (a pinned server addressed by IP needs no
name), ID-90 (the authority of such servers has nothing to do with the trust bundle); RFC 9525, RFC 7469 section 2.4.
"""

import asyncio
import base64
import contextlib
import hashlib
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from simulator.identity.authority import CA_AGE, CA_LIFETIME, LEAF_LIFETIME, SKEW, Issuer, Leaf, load_issuer, new_key
from simulator.identity.bundle import TrustBundle
from simulator.identity.clock import Clock, utc_now
from simulator.identity.errors import IdentityError
from simulator.identity.files import write_private
from simulator.identity.handshake import AnyPeer, Observer, PeerPolicy, PolicyContext, peer_chain
from simulator.identity.svid import Credential, key_to_pem
from simulator.identity.tls import CredentialSource, ReloadingContext, harden, load_credential
from simulator.identity.trust import HeldTrust

WEB_ROOT, WEB_KEY = "web_root.pem", "web_root_key.pem"


class ServerNotTrusted(IdentityError):
    """An HTTPS server could not be authenticated (ID-87, ID-89)."""


@dataclass(frozen=True, slots=True)
class WebAuthority:
    """A certificate authority for HTTPS servers."""

    root: Issuer
    clock: Clock = utc_now

    @classmethod
    def new(cls, *, clock: Clock = utc_now) -> Self:
        """Make an authority with a new P-256 key."""
        return cls(Issuer.new_root("web root", clock() - CA_AGE, clock() + CA_LIFETIME), clock)

    @property
    def anchors(self) -> "WebAnchors":
        """What a client is configured with to trust this authority's servers."""
        return WebAnchors(self.root.certificate.public_bytes(Encoding.PEM))

    def write(self, folder: Path) -> None:
        """Keep certificate and key in a folder, both files mode 0600. Raises OSError."""
        write_private(folder / WEB_KEY, key_to_pem(self.root.key))
        write_private(folder / WEB_ROOT, self.root.certificate.public_bytes(Encoding.PEM))

    @classmethod
    def load(cls, folder: Path, *, clock: Clock = utc_now) -> Self:
        """Read an authority kept with `write`. Raises CredentialError: a file is missing or cannot be used."""
        return cls(load_issuer(folder / WEB_ROOT, folder / WEB_KEY), clock)

    def issue_for(self, hosts: Iterable[str]) -> Credential:
        """Issue a server certificate for hosts, each a name or an address, and for the loopback."""
        wanted = dict.fromkeys(("127.0.0.1", *hosts))
        addresses = [host for host in wanted if is_address(host)]
        return self.issue((host for host in wanted if host and host not in addresses), addresses)

    def issue(self, dns: Iterable[str] = ("localhost",), ips: Iterable[str] = ("127.0.0.1",)) -> Credential:
        """Issue a server certificate for these names and addresses; the root is sent along, for those who pin it."""
        key, now = new_key(), self.clock()
        leaf = Leaf((), now - SKEW, now + LEAF_LIFETIME, dns=tuple(dns), ips=tuple(ips))
        return Credential.of(key, self.root.sign(leaf, key), self.root.certificate)


@dataclass(frozen=True, slots=True)
class WebAnchors:
    """Trust by configured anchors (PEM) and the server's name."""

    pem: bytes

    async def context(self, _url: str, _timeout_s: float) -> ssl.SSLContext:
        """Make a client context that accepts the server of a URL only if its chain and name are right."""
        return self.client_context()

    def client_context(self, *, allow_tls12: bool = True) -> ssl.SSLContext:
        """Make a client context that accepts a server only if its chain and name are right."""
        context = _client_context(allow_tls12=allow_tls12)
        context.load_verify_locations(cadata=self.pem.decode())
        return context


@dataclass(frozen=True, slots=True)
class SpkiPins:
    """Trust by pins: base64 of SHA-256 over the SubjectPublicKeyInfo of any certificate in the validated path.

    The name is checked too, unless the server is addressed by IP (ID-88).
    """

    pins: frozenset[str]

    async def context(self, url: str, timeout_s: float) -> ssl.SSLContext:
        """Make a client context whose only anchor is the pinned certificate that the server shows.

        A first handshake, on which nothing is sent, only learns the server's certificates. The validation is OpenSSL's,
        in the handshake that uses the context: the path has to lead to the pinned key.

        Raises:
            ServerNotTrusted: the server shows no certificate with a pinned key.
            OSError: it cannot be reached.
        """
        shown = await _shown_certificates(url, timeout_s)
        pinned = [cert for cert in shown if spki_pin(cert) in self.pins]
        if not pinned:
            raise ServerNotTrusted(f"ID-87: the server of {url} shows no certificate with a pinned key")
        context = _client_context()
        context.check_hostname = not is_address(_host_and_port(url)[0])
        context.load_verify_locations(cadata=b"".join(cert.public_bytes(Encoding.DER) for cert in pinned))
        return context


ServerTrust = WebAnchors | SpkiPins


def spki_pin(certificate: x509.Certificate) -> str:
    """Give the pin of a certificate's key (RFC 7469 section 2.4, without the algorithm's name)."""
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()


def web_server_context(
    credential: Credential, *, allow_tls12: bool = False, on_hello: Callable[[], object] | None = None
) -> ssl.SSLContext:
    """Make the context of an HTTPS server that asks clients for no certificate (ID-70).

    `on_hello` hears of every TLS connection that is begun, whatever becomes of it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if on_hello is not None:

        def begun(_socket: object, _name: object, _context: object) -> None:
            on_hello()

        context.sni_callback = begun
    harden(context, allow_tls12=allow_tls12)
    load_credential(context, credential)
    return context


class OpenContext(ReloadingContext):
    """The context of an HTTPS server that asks clients for no certificate, and whose handshakes are observed."""

    object_class = AnyPeer

    def _build(self, credential: Credential, bundle: TrustBundle | None) -> PolicyContext:
        context = super()._build(credential, bundle)
        context.verify_mode = ssl.CERT_NONE
        return context


def watched_server_context(
    source: CredentialSource, observer: Observer | None, *, allow_tls12: bool = False
) -> OpenContext:
    """Make such a context: with the newest credential of a source, and an observer who hears of every handshake."""
    policy = PeerPolicy("server", HeldTrust(""), lambda _: None, observer)
    return OpenContext.make(policy, source, allow_tls12=allow_tls12)


def _client_context(*, allow_tls12: bool = True) -> ssl.SSLContext:
    # name and chain are checked by default for this protocol; no default anchors are loaded
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    harden(context, allow_tls12=allow_tls12)  # the identity service may stand behind an older web front (ID-32)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def in_url(host: str) -> str:
    """Give a host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


async def _shown_certificates(url: str, timeout_s: float) -> list[x509.Certificate]:
    context = _client_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent or believed: the answer is only searched for a pinned key
    host, port = _host_and_port(url)
    async with asyncio.timeout(timeout_s):
        _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    try:
        connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return [x509.load_der_x509_certificate(der) for der in peer_chain(connection, verified=False)]
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 443


def is_address(host: str) -> bool:
    """Whether a host is an IP address rather than a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
