"""How a client's requests go over the wire: the suite says what it means once, and a revision's manner puts it so."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from json import JSONDecodeError, JSONDecoder, dumps
from typing import Protocol

from simulator.identity.signatures import BASE_COMPONENTS, DIGEST_COMPONENT, SignedParts, Signer, content_digest
from simulator.protocol.operations import API_ROOT, Call, recognise
from simulator.protocol.signed import (
    CAPABILITIES_ENVELOPE,
    STATUS_ENVELOPE,
    recognise_signed,
    scoped,
)

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request before it is sent. `target` is the path behind the root, or the whole address.

    `covers` are components that its signature covers besides those of the text.
    """

    method: str
    target: str
    headers: Headers
    body: bytes | None
    covers: tuple[str, ...] = ()


class Manner(Protocol):
    """The manner of a revision."""

    def meant(self, request: Outgoing) -> Outgoing:
        """Give a request as the revision writes it, before it is signed."""

    def signed(self, request: Outgoing, root: str) -> Outgoing:
        """Give what was meant as it is sent; `root` is the address before the target, such as `https://wfm:8443`."""

    def recognise(self, method: str, target: str) -> Call:
        """Tell the operation behind a request line."""


class Plain:
    """Requests go as the suite says them: that is 1.0.0-rc.3."""

    def meant(self, request: Outgoing) -> Outgoing:
        """Give the request as it is."""
        return request

    def signed(self, request: Outgoing, root: str) -> Outgoing:
        """Give the request as it is."""
        del root
        return request

    def recognise(self, method: str, target: str) -> Call:
        """See `Manner`."""
        return recognise(method, target)


PLAIN = Plain()
_ENVELOPES: Mapping[str, tuple[Mapping[str, str], frozenset[str]]] = {
    "report-capabilities": (CAPABILITIES_ENVELOPE, frozenset({"labels"})),
    "report-status": (STATUS_ENVELOPE, frozenset({"adoptedManifestVersion"})),
}
"""What is put round a document, and which of its members the revision does not know."""
Change = Callable[[Mapping[str, str]], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a signature: how it is made, and what becomes of the request afterwards.

    `age_s` is how far `created` lies behind now. `headers` changes what is added, `body` what is sent instead of the
    body that was signed, `target` the address that is signed instead of the true one.
    """

    age_s: float = 0.0
    components: tuple[str, ...] | None = None
    headers: Change = dict
    body: Callable[[bytes], bytes] | None = None
    target: Callable[[str], str] | None = None
    method: str | None = None


SOUND = Flaw()


@dataclass(frozen=True, slots=True)
class Signing:
    """Requests of revision 1.0.0-rc.2-signed: below the client's routes, in envelopes, with its signature.

    Without a client id nothing is scoped, which is for onboarding. Without a signer nothing is signed.
    """

    signer: Signer | None
    clock: Callable[[], float] = field(repr=False)
    client_id: str = ""
    flaw: Flaw = SOUND

    def meant(self, request: Outgoing) -> Outgoing:
        """Put the request below the client, and into its envelope."""
        kind = recognise(request.method, _path(request.target)).operation
        return replace(request, target=self._scoped(request.target), body=_enveloped(kind, request.body))

    def signed(self, request: Outgoing, root: str) -> Outgoing:
        """Sign what was meant (SIG-001..SIG-005)."""
        if self.signer is None:
            return request
        flaw, target, body = self.flaw, request.target, request.body
        address = target if "://" in target else f"{root}{target}"
        signed = flaw.target(address) if flaw.target else address
        named = {name.lower(): value for name, value in request.headers}
        content = unchunked(body) if named.get("transfer-encoding") == "chunked" else body
        parts = SignedParts(flaw.method or request.method, signed, named, content or b"")
        components = flaw.components
        if components and not content:
            components = tuple(name for name in components if name.lower() != "content-digest")
        if request.covers:
            usual = (*BASE_COMPONENTS, DIGEST_COMPONENT) if content else BASE_COMPONENTS
            components = (*(components or usual), *request.covers)
        added = self.signer.sign(parts, int(self.clock() - flaw.age_s), components=components)
        if flaw.body and body is not None:
            body = flaw.body(body)
        return Outgoing(request.method, target, (*request.headers, *flaw.headers(added).items()), body)

    def recognise(self, method: str, target: str) -> Call:
        """See `Manner`."""
        return recognise_signed(method, target)

    def _scoped(self, target: str) -> str:
        at = target.find(f"{API_ROOT}/")
        if at < 0 or not self.client_id:
            return target
        return target[:at] + scoped(target[at:], self.client_id)


def without(*names: str) -> Change:
    """Leave out headers of a signature."""
    return lambda headers: {name: value for name, value in headers.items() if name not in names}


def digest_of_another_body(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Give the digest of other content, in a header that is well-formed."""
    return {**headers, "Content-Digest": content_digest(b"another body")} if "Content-Digest" in headers else headers


def _path(target: str) -> str:
    at = target.find(f"{API_ROOT}/")
    return target[max(at, 0) :]


def unchunked(body: bytes | None) -> bytes:
    """Undo the chunks that a body was written in by the suite itself."""
    rest, content = body or b"", b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size or b"0", 16)
        content, rest = content + rest[:length], rest[length + 2 :]
    return content


def chunked(content: bytes) -> bytes:
    """Write a body in chunks."""
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content)


def _enveloped(kind: str, body: bytes | None) -> bytes | None:
    """Put `apiVersion` and `kind` before the members of a document, whose text otherwise stays as it was written."""
    if body is None or kind not in _ENVELOPES:
        return body
    envelope, dropped = _ENVELOPES[kind]
    chunks = body.endswith(b"\r\n0\r\n\r\n")
    try:
        text = (unchunked(body) if chunks else body).decode()
        start, members, end = _members(text)
    except (UnicodeDecodeError, JSONDecodeError, RecursionError, IndexError, ValueError):
        return body
    kept = [written for name, written in members if name not in dropped]
    own = [f"{dumps(name)}:{dumps(value)}" for name, value in envelope.items()]
    written = (text[:start] + "{" + ",".join([*own, *kept]) + "}" + text[end:]).encode()
    return chunked(written) if chunks else written


def _members(text: str) -> tuple[int, list[tuple[str, str]], int]:
    """Give where an object begins, its members as they are written, and where it ends; else raises JSONDecodeError."""
    start = _blank(text, 0)
    if text[start] != "{":
        raise JSONDecodeError("no object", text, start)
    _, end = JSONDecoder().raw_decode(text, start)
    return start, list(_each(text, start + 1)), end


def _each(text: str, at: int) -> Iterator[tuple[str, str]]:
    decoder = JSONDecoder()
    at = _blank(text, at)
    while text[at] != "}":
        name, end = decoder.raw_decode(text, at)
        _, end = decoder.raw_decode(text, _blank(text, _blank(text, end) + 1))
        yield name, text[at:end]
        at = _blank(text, end)
        at = _blank(text, at + 1) if text[at] == "," else at


def _blank(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at
