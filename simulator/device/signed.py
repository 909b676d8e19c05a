"""How a device of revision 1.0.0-rc.2-signed speaks: it onboards once, then signs every request (ONB-*, SIG-*).

The agent core knows nothing of it: routes and documents are translated here, on their way out.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from simulator.device.events import Answer, RequestFailed, ResponseArrived, Send
from simulator.device.transport import HttpsTransport, Limits
from simulator.identity.client_certificate import CertificateEncoding, ClientCertificate, written_certificate
from simulator.identity.signatures import SignedParts
from simulator.identity.web import WebAnchors
from simulator.protocol.documents import DocumentError, canonical_json, parse_json
from simulator.protocol.operations import recognise
from simulator.protocol.signed import (
    CAPABILITIES_ENVELOPE,
    ONBOARDING_ENVELOPE,
    ONBOARDING_PATH,
    STATUS_ENVELOPE,
    read_client_id,
    scoped,
    with_envelope,
)

CLIENT_FILE = "client-id"
"""In the device's storage: the id that the WFM gave it."""
_JSON = {"Content-Type": "application/json"}


class KeptId:
    """The id that the WFM gave the client: in a file, over restarts, or in memory as long as the device exists."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._id: str | None = None

    def get(self) -> str | None:
        """Give the id; None while there is none."""
        if self._id is None and self._file is not None:
            with contextlib.suppress(OSError):
                self._id = self._file.read_text().strip() or None
        return self._id

    def keep(self, client_id: str) -> None:
        """Keep an id."""
        self._id = client_id
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(client_id)

    def erase(self) -> None:
        """Forget it."""
        self._id = None
        if self._file is not None:
            self._file.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Signing:
    """What a device of this revision is provisioned with: its certificate and key, and the anchors of the WFM's server.

    `encoding` is that of the certificate in the onboarding request (AMB-B-16). `kept_id` is used by a device without a
    folder for what has to last.
    """

    certificate: ClientCertificate
    anchors: WebAnchors
    encoding: CertificateEncoding = "der"
    kept_id: KeptId = field(default_factory=KeptId)


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
        super().__init__(wfm_url, signing.anchors.client_context(allow_tls12=False), limits, proxy_url)
        self._signing = signing
        self._signer = signing.certificate.signer()
        self.kept_id = KeptId(folder / CLIENT_FILE) if folder is not None else signing.kept_id
        self._clock = clock
        self._onboarding = asyncio.Lock()

    @property
    def client_id(self) -> str | None:
        """The client's id; None while it is not onboarded."""
        return self.kept_id.get()

    async def exchange(self, request: Send) -> Answer:
        """Onboard before the first request, then send this one; a refused onboarding is the answer to it."""
        refused = await self._onboarded(request.request_id)
        if refused is not None:
            return refused
        return await super().exchange(self.signed(self.translated(request)))

    def forget(self) -> None:
        """Forget the client's id: the device onboards again (factory reset)."""
        self.kept_id.erase()

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
        return replace(request, headers={**request.headers, **self._signer.sign(parts, int(self._clock()))})

    async def _onboarded(self, request_id: int) -> Answer | None:
        """See to it that the client has an id; gives the answer that stands in the way."""
        async with self._onboarding:
            if self.client_id is not None:
                return None
            certificate = written_certificate(self._signing.certificate.certificate, self._signing.encoding)
            body = canonical_json(with_envelope(ONBOARDING_ENVELOPE, {"certificate": certificate}))
            answer = await super().exchange(self.signed(Send(request_id, "POST", ONBOARDING_PATH, _JSON, body)))
            if isinstance(answer, ResponseArrived) and answer.status in (200, 201):
                return self._taken_in(answer)
            return answer

    def _taken_in(self, answer: ResponseArrived) -> Answer | None:
        try:
            self.kept_id.keep(read_client_id(answer.body))
        except DocumentError as error:
            return RequestFailed(answer.request_id, "reset", str(error))
        return None


def _members(body: bytes | None) -> dict[str, object]:
    members = parse_json(body or b"{}", "own document")
    return dict(members)
