"""How the bench's WFM of revision 1.0.0-rc.2-signed serves a device past its known departures.

Nothing is changed for a device that does what the text says. Each time one is served otherwise, what it sent stays as
it was in the record, and the departure is told beside it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from aiohttp import web

from conformance.bench.accommodations.model import (
    Accommodation,
    MissingDigest,
    ServedMember,
    ServedRoute,
    ServedStatus,
    Uncovered,
)
from conformance.bench.accommodations.speaking import pattern_of
from conformance.checks.evidence import parsed
from conformance.record.events import Exchange
from simulator.identity.signatures import SignatureRefused, SignedParts, VerifierKey, content_digest, verify
from simulator.protocol.operations import Call, Operation
from simulator.protocol.signed import recognise_signed, unscoped
from simulator.wfm.api import origin_form
from simulator.wfm.signed import BODY, SignatureInvalid, SignedApi, SignedCaller, parts_of
from simulator.wfm.signed_server import SignedWfm

REPEATS = 2
"""How often in a row a device sends the same again, without going on, before it counts as not having understood."""
NOT_COVERED = "content-digest"


@dataclass
class Serving:
    """The known departures of the device that is served, and what it did of late."""

    given: tuple[Accommodation, ...] = ()
    _repeated: int = 0
    _last: str = ""
    _replaced: int = 0
    _understands: set[str] = field(default_factory=set)

    def steps(self, kind: type) -> Iterator[tuple[Accommodation, Any]]:
        """Give the steps of a kind, each with its accommodation."""
        return ((item, step) for item in self.given for step in item.served if isinstance(step, kind))

    # --- what is asked ------------------------------------------------------------------------------------------------

    def recognised(self, method: str, target: str) -> Call:
        """Tell the operation behind a request line, also when it is called in a departing way."""
        call = recognise_signed(method, target)
        if call.operation != "unknown":
            return call
        found = next(self._routed(method, target), None)
        return found[1] if found else call

    def _routed(self, method: str, target: str) -> Iterator[tuple[Accommodation, Call]]:
        path = target.partition("?")[0]
        apart = unscoped(path)
        for item, step in self.steps(ServedRoute):
            found = re.search(f"/clients/[^/]+{pattern_of(step.from_)}$", path)
            if found and apart and method == step.method:
                operation: Operation = step.operation
                yield item, Call(operation, {**found.groupdict(), "clientId": apart[0]})

    def with_member(self, call: Call, body: bytes) -> Call:
        """Give a call with what its route leaves out, taken from the body."""
        for _, step in self.steps(ServedRoute):
            wanted = re.findall(r"\{(\w+)\}", step.to)
            if step.member and step.operation == call.operation and wanted and wanted[0] not in call.params:
                value = _inside(parsed(body) or {}, step.member)
                return Call(call.operation, {**call.params, wanted[0]: value}) if value else call
        return call

    def renamed(self, body: bytes) -> tuple[bytes, str | None]:
        """Give an onboarding as the text has it, and the other name under which its id is looked for."""
        document = parsed(body)
        for _, step in self.steps(ServedMember):
            if document is not None and step.from_ in document and step.to not in document:
                renamed = {step.to if name == step.from_ else name: value for name, value in document.items()}
                return json.dumps(renamed).encode(), step.answered
        return body, None

    # --- what is answered ---------------------------------------------------------------------------------------------

    def asked(self, operation: str, body: bytes) -> None:
        """Take note of a request, by which is seen whether the device goes on."""
        digest = f"{operation} {sha256(body).hexdigest()}"
        if operation in {step.operation for _, step in self.steps(ServedStatus)}:
            self._repeated = self._repeated + 1 if digest == self._last else 0
            self._last = digest
        else:
            self._repeated, self._last = 0, ""

    def status(self, operation: str, status: int) -> int:
        """Give the status that the device understands."""
        for item, step in self.steps(ServedStatus):
            if step.operation == operation and status == step.instead_of:
                self._understands |= {item.name} if self._repeated >= REPEATS else set()
                if item.name in self._understands:
                    self._replaced += 1
                    return int(step.given)
        return status

    @staticmethod
    def without_digest(sent: str | None) -> type[Uncovered | MissingDigest]:
        """Give the departure of a body whose digest is not signed, by the header that was sent."""
        return MissingDigest if sent is None else Uncovered

    # --- what is told -------------------------------------------------------------------------------------------------

    def departed(self, item: Exchange) -> Iterator[tuple[Accommodation, Mapping[str, Any]]]:
        """Give the departures that a recorded exchange shows, with what is read otherwise of it."""
        body = item.request.readable or b""
        if recognise_signed(item.method, item.target).operation == "unknown":
            for one, call in self._routed(item.method, item.target):
                yield one, {"params": dict(self.with_member(call, body).params)}
                break
        for one, step in self.steps(ServedMember):
            if item.operation == step.operation and self.renamed(body)[0] != body:
                yield one, {"request": self.renamed(body)[0].decode()}
        covered = (item.request_header("Signature-Input") or NOT_COVERED).lower()
        refused = item.status in (400, 401) and item.fault is None
        if item.request.size and NOT_COVERED not in covered and not refused:
            for one, _ in self.steps(self.without_digest(item.request_header(NOT_COVERED))):
                yield one, {}
        for one, step in self.steps(ServedStatus):
            if self._replaced and item.operation == step.operation and item.status == step.given:
                self._replaced -= 1
                yield one, {"status": step.instead_of}


class PastCaller(SignedCaller):
    """Tells callers as the reference does; with a departure, also by a signature that leaves the digest out.

    A digest that is sent still has to be that of the body, and the rest of the signature to hold.
    """

    serving: Serving

    def check(self, request: web.BaseRequest, key: VerifierKey, now: float) -> None:
        """See `SignedCaller`."""
        try:
            super().check(request, key, now)
        except SignatureInvalid as refused:
            parts = parts_of(request)
            departure = self.serving.without_digest(parts.headers.get(NOT_COVERED))
            left_out = refused.kind in ("uncovered-component", "missing-digest") and NOT_COVERED in str(refused).lower()
            if not left_out or not any(self.serving.steps(departure)):
                raise
            self._check_without_digest(parts, key, now, refused)

    def _check_without_digest(
        self, parts: SignedParts, key: VerifierKey, now: float, refused: SignatureInvalid
    ) -> None:
        if parts.headers.get(NOT_COVERED) not in (None, content_digest(parts.body)):
            raise refused
        headers = {name: value for name, value in parts.headers.items() if name != NOT_COVERED}
        try:
            verify(SignedParts(parts.method, parts.target_uri, headers), key, now, self.front.freshness)
        except SignatureRefused as other:
            raise SignatureInvalid(other) from None


class PastApi(SignedApi):
    """Answers as the reference does, also what is asked in a departing way."""

    serving: Serving

    def recognise(self, request: web.BaseRequest) -> Call:
        """See `SignedApi`."""
        method = "GET" if request.method == "HEAD" else request.method
        call = self.serving.recognised(method, origin_form(request.raw_path))
        self.serving.asked(call.operation, request[BODY])
        return self.serving.with_member(call, request[BODY])

    async def report_capabilities(self, request: web.BaseRequest, client_id: str, call: Call) -> web.StreamResponse:
        """See `ManagementApi`; answered as the device understands."""
        response = await super().report_capabilities(request, client_id, call)
        response.set_status(self.serving.status("report-capabilities", response.status))
        return response

    async def onboard(self, request: web.BaseRequest) -> web.StreamResponse:
        """See `SignedApi`; with a departure, the members have other names."""
        body, answered = self.serving.renamed(request[BODY])
        return await self.enrol(request, body, ["clientId", *([answered] if answered else [])])


def classes_for(serving: Serving) -> tuple[type[SignedWfm], type[SignedApi]]:
    """Give a WFM and its API that serve a device past its departures."""
    caller = type("Caller", (PastCaller,), {"serving": serving})
    api = type("Api", (PastApi,), {"serving": serving})
    return type("Wfm", (SignedWfm,), {"caller_class": caller}), api


def _inside(document: Mapping[str, Any], path: str) -> str | None:
    found: Any = document
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) and found else None
