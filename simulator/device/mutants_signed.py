"""Broken devices of revision 1.0.0-rc.2-signed: in how they sign, onboard, and know the WFM's server."""

import base64
import hashlib
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from simulator.device.config import DeviceConfig
from simulator.device.events import Answer, RequestFailed, Send
from simulator.device.mutant import Change, Mutant
from simulator.device.signed import CLIENT_FILE, SignedTransport, Signing
from simulator.identity.authority import Issuer, Leaf
from simulator.identity.client_certificate import CertificateUnreadable, key_for, read_certificate
from simulator.identity.clock import utc_now
from simulator.identity.signatures import SignedParts, Signer
from simulator.identity.web import WebAnchors
from simulator.protocol.documents import canonical_json, parse_json
from simulator.protocol.operations import manifest_path
from simulator.protocol.signed import REVISION, recognise_signed

Headers = dict[str, str]
Respell = Callable[[Headers, SignedParts, SignedTransport], Headers]
Document = dict[str, Any]


def _transport(kind: type[SignedTransport]) -> Change:
    return lambda config: replace(config, signed_class=kind)


def _signs(respell: Respell, *operations: str) -> Change:
    """A device whose signature headers are changed; only those of some operations if any are named."""

    class Signs(SignedTransport):
        """Signs in another way."""

        def signature(self, request: Send, parts: SignedParts) -> Headers:
            """Change the headers."""
            plain = super().signature(request, parts)
            if operations and recognise_signed(request.method, request.target).operation not in operations:
                return plain
            return respell(plain, parts, self)

    return _transport(Signs)


def _covers(*names: str) -> Change:
    """A device whose signatures cover these components and no other."""

    def respell(plain: Headers, parts: SignedParts, by: SignedTransport) -> Headers:
        there = [name for name in names if name != "content-digest" or parts.body]
        return {**plain, **by.signer.sign(parts, by.now(), components=there)}

    return _signs(respell)


def _in_input(old: str, new: str) -> Change:
    """A device that writes a part of Signature-Input in another way."""

    def respell(plain: Headers, parts: SignedParts, by: SignedTransport) -> Headers:
        del parts
        now, key = str(by.now()), by.signer.keyid
        written = plain["Signature-Input"].replace(old.format(now=now, key=key), new)
        return {**plain, "Signature-Input": written}

    return _signs(respell)


def _nothing(plain: Headers, _: SignedParts, __: SignedTransport) -> Headers:
    return {name: value for name, value in plain.items() if name == "Content-Digest"}


def _without_digest(_: Headers, parts: SignedParts, by: SignedTransport) -> Headers:
    return by.signer.sign(replace(parts, body=b""), by.now())


def _another_digest(_: Headers, parts: SignedParts, by: SignedTransport) -> Headers:
    return by.signer.sign(replace(parts, body=parts.body + b"\n") if parts.body else parts, by.now())


def _another_label(_: Headers, parts: SignedParts, by: SignedTransport) -> Headers:
    return by.signer.sign(parts, by.now(), label="margo")


def _an_hour_ahead(_: Headers, parts: SignedParts, by: SignedTransport) -> Headers:
    return by.signer.sign(parts, by.now() + 3700)


def _in_der(plain: Headers, _: SignedParts, __: SignedTransport) -> Headers:
    raw = base64.b64decode(plain["Signature"].partition("=:")[2].rstrip(":"))
    half = len(raw) // 2
    der = encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
    return {**plain, "Signature": f"sig1=:{base64.b64encode(der).decode()}:"}


def _hex_digest(plain: Headers, parts: SignedParts, _: SignedTransport) -> Headers:
    return {**plain, "Content-Digest": hashlib.sha256(parts.body).hexdigest()} if parts.body else plain


class SignsWithAnotherKey(SignedTransport):
    """Has a key that is not that of its certificate."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.signer = Signer.of(key_for(self.signer.algorithm), self.signer.keyid)


class SignsBeforehand(SignedTransport):
    """Takes the moment at which it was switched on for that of every signature."""

    _moment: int | None = None

    def now(self) -> int:
        """Always the same."""
        if self._moment is None:
            self._moment = super().now()
        return self._moment


class OnboardsAtEveryStart(SignedTransport):
    """Forgets who it is when it goes off."""

    async def close(self) -> None:
        """Forget."""
        await super().close()
        self.kept.erase()


class StaysTheSame(SignedTransport):
    """Keeps its id over a reset to the state of delivery."""

    def forget(self) -> None:
        """Keep it."""


class InventsItsId(SignedTransport):
    """Calls by an id that it made itself."""

    def translated(self, request: Send) -> Send:
        """Put another id into the route."""
        plain = super().translated(request)
        return replace(plain, target=plain.target.replace(f"/{self.client_id}/", "/device-1/"))


class AsksAllTheSame(SignedTransport):
    """Goes on without an id when its onboarding is refused."""

    async def _onboarded(self, request_id: int) -> Answer | None:
        if await super()._onboarded(request_id) is not None:
            self.kept.keep(CLIENT_FILE, "device-1")
        return None


class PollsAtOnce(SignedTransport):
    """Asks for its desired state before it says what it is."""

    async def _onboarded(self, request_id: int) -> Answer | None:
        new = self.client_id is None
        refused = await super()._onboarded(request_id)
        if new and refused is None:
            await super().exchange(Send(request_id, "GET", manifest_path()))
        return refused


def _onboards(spoil: Callable[[Document], object]) -> Change:
    """A device that spoils its onboarding request."""

    class Onboards(SignedTransport):
        """Sends another one."""

        def onboarding(self) -> dict[str, object]:
            """Spoil it."""
            document = super().onboarding()
            spoil(document)
            return document

    return _transport(Onboards)


def _as_pem_text(document: Document) -> None:
    certificate = read_certificate(document["certificate"])
    document["certificate"] = certificate.public_bytes(Encoding.PEM).decode()


def _as_a_key(document: Document) -> None:
    key = read_certificate(document["certificate"]).public_key()
    written = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    document["certificate"] = base64.b64encode(written).decode()


def _sends(operation: str, spoil: Callable[[Document], object]) -> Change:
    """A device that spoils documents after it put them into their envelope."""

    class Sends(SignedTransport):
        """Spoils what it sends."""

        def translated(self, request: Send) -> Send:
            """Spoil the document."""
            plain = super().translated(request)
            if recognise_signed(plain.method, plain.target).operation != operation:
                return plain
            document = dict(parse_json(plain.body, "own document"))
            spoil(document)
            return replace(plain, body=canonical_json(document))

    return _transport(Sends)


def _trusts(tune: Callable[[ssl.SSLContext], object]) -> Change:
    """A device that looks at the WFM's server in another way."""

    class Trusts(SignedTransport):
        """Tunes its contexts."""

        def trusting(self, anchors: WebAnchors) -> ssl.SSLContext:
            """Change the context."""
            context = super().trusting(anchors)
            tune(context)
            return context

    return _transport(Trusts)


def _any_host(context: ssl.SSLContext) -> None:
    context.check_hostname = False


def _anybody(context: ssl.SSLContext) -> None:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


def _tls_1_2(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2


class SpeaksHttp10(SignedTransport):
    """Makes requests with HTTP/1.0."""

    def _new_session(self) -> aiohttp.ClientSession:
        session = super()._new_session()
        session._version = aiohttp.HttpVersion10  # noqa: SLF001 - a library of another age
        return session


class RefusesForGood(SignedTransport):
    """Takes no server any more once it refused one."""

    _refused = False

    async def exchange(self, request: Send) -> Answer:
        """Remember a refusal."""
        if self._refused:
            return RequestFailed(request.request_id, "tls", "the server was refused before")
        answer = await super().exchange(request)
        self._refused = isinstance(answer, RequestFailed) and answer.kind == "tls"
        return answer


class ReadsDerOnly(SignedTransport):
    """Knows the root certificate in one encoding only."""

    def read_root(self, body: bytes) -> x509.Certificate:
        """Refuse PEM."""
        found = super().read_root(body)
        if b"-----BEGIN" in base64.b64decode(parse_json(body, "root certificate")["certificate"]):
            raise CertificateUnreadable("PEM is not known")
        return found


def _with_signing(change: Callable[[Signing], Signing]) -> Change:
    """A device that is provisioned with something else."""

    def changed(config: DeviceConfig) -> DeviceConfig:
        return replace(config, signing=change(config.signing)) if config.signing is not None else config

    return changed


def _expired(signing: Signing) -> Signing:
    now, key = utc_now(), signing.certificate.key
    issuer = Issuer.new_root("own", now - timedelta(days=9), now + timedelta(days=9))
    leaf = Leaf((), now - timedelta(days=3), now - timedelta(days=2))
    return replace(signing, certificate=replace(signing.certificate, certificate=issuer.sign(leaf, key)))


def _on_p521(signing: Signing) -> Signing:
    """Another key in the certificate, of a kind that none of the four algorithms takes."""
    now = utc_now()
    issuer = Issuer.new_root("own", now - timedelta(days=9), now + timedelta(days=9))
    leaf = Leaf((), now - timedelta(days=1), now + timedelta(days=1))
    certificate = issuer.sign(leaf, ec.generate_private_key(ec.SECP521R1()))
    return replace(signing, certificate=replace(signing.certificate, certificate=certificate))


def _stays_with_anchors(signing: Signing) -> Signing:
    return replace(signing, fetches_root=False)


def _mutant(name: str, breaks: str, description: str, change: Change, needs: str = "") -> Mutant:
    return Mutant(name, breaks, description, change, needs, only=REVISION)


SIGNED_MUTANTS: tuple[Mutant, ...] = (
    _mutant("signs-nothing", "SIG-001", "does not sign its requests", _signs(_nothing)),
    _mutant(
        "signs-once",
        "API-008",
        "signs its onboarding, and takes its connections for proof of who it is afterwards",
        _signs(_nothing, "fetch-manifest", "fetch-bundle", "fetch-deployment", "report-status", "report-capabilities"),
    ),
    _mutant("signs-no-status", "ST-002", "does not sign status reports", _signs(_nothing, "report-status")),
    _mutant("signs-no-capabilities", "DC-005", "does not sign capabilities", _signs(_nothing, "report-capabilities")),
    _mutant("signs-no-onboarding", "ONB-002", "does not sign its onboarding", _signs(_nothing, "onboard")),
    _mutant("omits-digest", "SIG-002", "sends bodies without their digest", _signs(_without_digest)),
    _mutant("digests-another-body", "SIG-002", "digests what it does not send", _signs(_another_digest)),
    _mutant("digests-in-hex", "SIG-002", "writes the digest in hexadecimal digits", _signs(_hex_digest)),
    _mutant("covers-no-digest", "SIG-003", "leaves the digest uncovered", _covers("@method", "@target-uri")),
    _mutant("covers-no-method", "SIG-003", "leaves the method uncovered", _covers("@target-uri", "content-digest")),
    _mutant(
        "covers-path-only",
        "SIG-003",
        "covers the path instead of the whole address",
        _covers("@method", "@path", "content-digest"),
    ),
    _mutant(
        "signs-with-another-key",
        "SIG-004",
        "signs with a key that is not that of its certificate",
        _transport(SignsWithAnotherKey),
    ),
    _mutant("signs-in-der", "SIG-004", "writes signatures in DER, not as two numbers", _signs(_in_der)),
    _mutant("labels-otherwise", "SIG-005", "puts its signatures under another label", _signs(_another_label)),
    _mutant("dates-nothing", "SIG-005", "does not say when it signed", _in_input(";created={now}", "")),
    _mutant("names-no-key", "SIG-005", "does not name its key", _in_input(';keyid="{key}"', "")),
    _mutant("clock-ahead", "SIG-005", "signs as if it were an hour later", _signs(_an_hour_ahead)),
    _mutant(
        "signs-beforehand",
        "SIG-005",
        "dates every signature with the moment it was switched on",
        _transport(SignsBeforehand),
        "network",
    ),
    _mutant(
        "onboards-at-every-start", "ONB-001", "onboards anew after a reboot", _transport(OnboardsAtEveryStart), "reboot"
    ),
    _mutant(
        "stays-the-same",
        "ONB-001",
        "keeps its id over a reset, and says that it forgets",
        _transport(StaysTheSame),
        "factory-reset",
    ),
    _mutant("invents-its-id", "ONB-001", "calls by an id of its own", _transport(InventsItsId)),
    _mutant("asks-all-the-same", "ONB-001", "goes on when it is not onboarded", _transport(AsksAllTheSame)),
    _mutant("polls-at-once", "ONB-007", "polls before it says what it is", _transport(PollsAtOnce)),
    _mutant("onboards-with-pem-text", "ONB-005", "sends its certificate as it is in a file", _onboards(_as_pem_text)),
    _mutant("onboards-with-a-key", "API-012", "sends a key instead of a certificate", _onboards(_as_a_key)),
    _mutant(
        "onboards-without-version",
        "ONB-008",
        "leaves apiVersion out of its onboarding",
        _onboards(lambda it: it.pop("apiVersion")),
    ),
    _mutant(
        "onboards-as-another-kind",
        "ONB-009",
        "makes up the kind of its onboarding",
        _onboards(lambda it: it.update(kind="Onboarding")),
    ),
    _mutant("expired-certificate", "API-013", "comes with a certificate that expired", _with_signing(_expired)),
    _mutant("unusual-key", "API-014", "comes with a key that no algorithm takes", _with_signing(_on_p521)),
    _mutant(
        "another-kind-of-capabilities",
        "DC-010",
        "gives its capabilities the kind of an earlier text",
        _sends("report-capabilities", lambda it: it.update(kind="DeviceCapabilities")),
    ),
    _mutant(
        "another-kind-of-status",
        "ST-004",
        "gives its status reports the kind of an earlier text",
        _sends("report-status", lambda it: it.update(kind="DeploymentStatus")),
    ),
    _mutant(
        "status-without-envelope",
        "ST-003",
        "leaves apiVersion out of its status reports",
        _sends("report-status", lambda it: it.pop("apiVersion")),
    ),
    _mutant("trusts-any-server", "API-004", "does not look at the server's certificate", _trusts(_anybody)),
    _mutant("gives-a-server-up", "API-004", "takes no server after it refused one", _transport(RefusesForGood)),
    _mutant("takes-any-host", "API-007", "takes a certificate of any host below its root", _trusts(_any_host)),
    _mutant("speaks-old-tls", "API-006", "knows TLS 1.2 only", _trusts(_tls_1_2)),
    _mutant("speaks-old-http", "API-003", "makes signed requests with HTTP/1.0", _transport(SpeaksHttp10)),
    _mutant("reads-der-only", "ONB-004", "does not read a root certificate in PEM", _transport(ReadsDerOnly)),
    _mutant(
        "never-fetches-root", "CERT-001", "onboards without the root certificate", _with_signing(_stays_with_anchors)
    ),
)
"""What is peculiar to the revision: the rest is broken by the devices of any."""
