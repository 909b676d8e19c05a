"""How a device of revision 1.0.0-rc.2-signed speaks: it onboards once, then signs every request (ONB-*, SIG-*).

The agent core knows nothing of it: routes and documents are translated here, on their way out.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from simulator.device.events import Answer, RequestFailed, ResponseArrived, Send
from simulator.device.transport import HttpsTransport, Limits
from simulator.identity.client_certificate import (
    CertificateEncoding,
    CertificateUnreadable,
    ClientCertificate,
    read_certificate,
    written_certificate,
)
from simulator.identity.signatures import SignedParts
from simulator.identity.web import WebAnchors
from simulator.protocol.documents import DocumentError, canonical_json, parse_json
from simulator.protocol.operations import recognise
from simulator.protocol.problem import Problem, ProblemType
from simulator.protocol.signed import (
    CAPABILITIES_ENVELOPE,
    CERTIFICATE_PATH,
    ONBOARDING_ENVELOPE,
    ONBOARDING_PATH,
    STATUS_ENVELOPE,
    read_client_id,
    scoped,
    with_envelope,
)

CLIENT_FILE = "client-id"
"""In the device's storage: the id that the WFM gave it."""
ROOT_FILE = "root-ca.pem"
"""There too: the root certificate that it fetched."""
_JSON = {"Content-Type": "application/json"}


class Kept:
    """What onboarding left, by the names of files: in a folder, over restarts, or in memory."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._values: dict[str, str] = {}

    def get(self, name: str) -> str | None:
        """Give a value; None while there is none."""
        if name not in self._values and self._folder is not None:
            with contextlib.suppress(OSError):
                self._values[name] = (self._folder / name).read_text().strip()
        return self._values.get(name) or None

    def keep(self, name: str, value: str) -> None:
        """Keep a value."""
        self._values[name] = value
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / name).write_text(value)

    def erase(self) -> None:
        """Forget everything."""
        self._values.clear()
        if self._folder is not None:
            for name in (CLIENT_FILE, ROOT_FILE):
                (self._folder / name).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Signing:
    """What a device of this revision is provisioned with: its certificate and key, and the anchors of the WFM's server.

    `encoding` is that of the certificate in the onboarding request (AMB-B-16). With `fetches_root` the device asks the
    WFM for the root certificate that it trusts from then on, over the channel that `anchors` prove (CERT-001).
    `kept` is used by a device without a folder for what has to last.
    """

    certificate: ClientCertificate
    anchors: WebAnchors
    encoding: CertificateEncoding = "der"
    fetches_root: bool = True
    kept: Kept = field(default_factory=Kept)


class SignedTransport(HttpsTransport):
    """Over TLS that authenticates the server only (API-004, API-006); requests carry the client's signature.

    `folder` keeps the client's id over restarts; without one it is kept where `signing` says.
    """

    def __init__(
        self,
        wfm_url: str,
        signing: Signing,
        folder: Path | None = None,
        *,
        limits: Limits | None = None,
        proxy_url: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.kept = Kept(folder) if folder is not None else signing.kept
        super().__init__(wfm_url, self.trusting(self.known_anchors(signing)), limits, proxy_url)
        self._signing = signing
        self.signer = signing.certificate.signer()
        self._clock = clock
        self._onboarding = asyncio.Lock()

    @property
    def client_id(self) -> str | None:
        """The client's id; None while it is not onboarded."""
        return self.kept.get(CLIENT_FILE)

    async def exchange(self, request: Send) -> Answer:
        """Onboard before the first request, then send this one; a refused onboarding is the answer to it."""
        refused = await self._onboarded(request.request_id)
        if refused is not None:
            return refused
        answer = await super().exchange(self.signed(self.translated(request)))
        return _understood(request, answer)

    def forget(self) -> None:
        """Forget the client's id: the device onboards again (factory reset)."""
        self.kept.erase()
        self.trust(self._signing.anchors)

    def translated(self, request: Send) -> Send:
        """Give a request of the agent core in the form of this revision: the client's route, envelopes."""
        operation = recognise(request.method, request.target).operation
        target = scoped(request.target, self.client_id or "")
        if operation == "report-capabilities":
            members = _members(request.body)
            members.pop("labels", None)
            return replace(request, target=target, body=canonical_json(with_envelope(CAPABILITIES_ENVELOPE, members)))
        if operation == "report-status":
            members = _members(request.body)
            members.pop("adoptedManifestVersion", None)
            return replace(request, target=target, body=canonical_json(with_envelope(STATUS_ENVELOPE, members)))
        return replace(request, target=target)

    def signed(self, request: Send) -> Send:
        """Add digest and signature (SIG-001..SIG-005); `created` is now."""
        url = self._url(request.target)
        if url is None:
            return request  # it will be refused as leading elsewhere
        parts = SignedParts(request.method, str(url), {}, request.body or b"")
        return replace(request, headers={**request.headers, **self.signature(request, parts)})

    def signature(self, request: Send, parts: SignedParts) -> dict[str, str]:
        """Give the headers that sign a request; `parts` is what of it is covered."""
        del request
        return self.signer.sign(parts, self.now())

    def now(self) -> int:
        """The moment that a signature names, in seconds since the epoch."""
        return int(self._clock())

    def onboarding(self) -> dict[str, object]:
        """What the device makes itself known by (ONB-008)."""
        certificate = written_certificate(self._signing.certificate.certificate, self._signing.encoding)
        return with_envelope(ONBOARDING_ENVELOPE, {"certificate": certificate})

    def known_anchors(self, signing: Signing) -> WebAnchors:
        """What the WFM's server is trusted by: what was fetched, or else what the device was provisioned with."""
        root = self.kept.get(ROOT_FILE)
        return WebAnchors(root.encode()) if root else signing.anchors

    def trusting(self, anchors: WebAnchors) -> ssl.SSLContext:
        """Make the context of connections that trust these anchors."""
        return anchors.client_context(allow_tls12=False)

    def trust(self, anchors: WebAnchors) -> None:
        """Trust other anchors, on new connections only."""
        self.context = self.trusting(anchors)
        self._retire()

    async def fetch_root(self, request_id: int) -> RequestFailed | None:
        """Ask for the root certificate, once; gives why the WFM cannot be reached. Without one the anchors stay."""
        if not self._signing.fetches_root or self.kept.get(ROOT_FILE):
            return None
        answer = await super().exchange(Send(request_id, "GET", CERTIFICATE_PATH))
        if isinstance(answer, RequestFailed):
            return answer
        with contextlib.suppress(CertificateUnreadable):
            if answer.status == 200:
                root = self.read_root(answer.body).public_bytes(Encoding.PEM)
                self.kept.keep(ROOT_FILE, root.decode())
                self.trust(WebAnchors(root))
        return None

    def read_root(self, body: bytes) -> x509.Certificate:
        """Read the answer of the certificate endpoint, in either encoding (AMB-B-16). Raises CertificateUnreadable."""
        try:
            document = parse_json(body, "root certificate")
        except DocumentError as error:
            raise CertificateUnreadable(str(error)) from None
        return read_certificate(str(document.get("certificate")) if isinstance(document, dict) else "")

    async def _onboarded(self, request_id: int) -> Answer | None:
        """See to it that the client has an id; gives the answer that stands in the way."""
        async with self._onboarding:
            if self.client_id is not None:
                return None
            unreachable = await self.fetch_root(request_id)
            if unreachable is not None:
                return unreachable
            body = canonical_json(self.onboarding())
            answer = await super().exchange(self.signed(Send(request_id, "POST", ONBOARDING_PATH, _JSON, body)))
            if isinstance(answer, ResponseArrived) and answer.status in (200, 201):
                return self._taken_in(answer)
            return answer

    def _taken_in(self, answer: ResponseArrived) -> Answer | None:
        try:
            self.kept.keep(CLIENT_FILE, read_client_id(answer.body))
        except DocumentError as error:
            return RequestFailed(answer.request_id, "reset", str(error))
        return None


def _understood(request: Send, answer: Answer) -> Answer:
    """Give an answer as the agent core knows it: 404 to a report for a child is for want of its gateway (DC-034)."""
    call = recognise(request.method, request.target)
    if call.operation != "report-capabilities" or "/" not in call.params["deviceId"]:
        return answer
    if not isinstance(answer, ResponseArrived) or answer.status != 404:
        return answer
    problem = Problem.of(ProblemType.GATEWAY_NOT_FOUND, "there is no gateway of this device", status=404)
    return replace(answer, body=canonical_json(problem.to_wire()))


def _members(body: bytes | None) -> dict[str, object]:
    members = parse_json(body or b"{}", "own document")
    return dict(members)
