"""The steps of accommodations, each a small function: how a request is put otherwise, and how an answer is read."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from conformance.bench.accommodations.model import (
    Accommodation,
    AnswerEncoding,
    AnswerHeader,
    AnswerMember,
    AnswerStatus,
    CertificateIn,
    Covers,
    EntityTag,
    FromBundle,
    Prefix,
    Read,
    Route,
    SentHeader,
    SentMember,
    SentValue,
)
from conformance.bench.wfm_manner import Outgoing, chunked, unchunked
from conformance.checks.evidence import parsed
from conformance.record.events import Exchange
from simulator.protocol.operations import API_ROOT, Call
from simulator.wfm.negotiation import accepts

_PARAMETER = re.compile(r"\{(\w+)\}")
Reading = dict[str, Any]
"""What is read otherwise: `status`, `headers`, `response`."""


@dataclass
class Tags:
    """The entity tags that a WFM gave, by those that they are read as."""

    given: dict[str, str] = field(default_factory=dict)

    def of(self, read_as: str) -> str:
        """Give the tag that the WFM knows."""
        return self.given.get(read_as, read_as)

    def read_as(self, given: str) -> str | None:
        """Give what a tag is read as, if it was seen before."""
        return next((tag for tag, known in self.given.items() if known == given), None)


# --- requests ---------------------------------------------------------------------------------------------------------


def put(item: Accommodation, call: Call, said: Outgoing) -> Outgoing:
    """Put a request as such a WFM wants it; the request itself where nothing is to be changed."""
    for step in item.sent:
        said = _PUT[type(step)](step, call, said)
    return said


def _prefix(step: Prefix, _: Call, said: Outgoing) -> Outgoing:
    scheme, there, rest = said.target.rpartition("://")
    authority, slash, path = rest.partition("/") if there else ("", "/", said.target[1:])
    if not f"{slash}{path}".startswith(f"{API_ROOT}/"):
        return said
    return replace(said, target=f"{scheme}{there}{authority}{step.path}{slash}{path}")


def _route(step: Route, call: Call, said: Outgoing) -> Outgoing:
    if call.operation != step.operation:
        return said
    path, query, rest = said.target.partition("?")
    found = re.search(f"{pattern_of(step.from_)}$", path)
    if found is None:
        return said
    return replace(said, target=path[: found.start()] + filled(step.to, found.groupdict()) + query + rest)


def _sent_member(step: SentMember, call: Call, said: Outgoing) -> Outgoing:
    document = _document(said) if call.operation == step.operation else None
    if document is None or step.from_ not in document:
        return said
    renamed = {step.to if name == step.from_ else name: value for name, value in document.items()}
    return _with_body(said, renamed)


def _sent_value(step: SentValue, call: Call, said: Outgoing) -> Outgoing:
    document = _document(said) if call.operation == step.operation else None
    if document is None:
        return said
    value, changed = filled(step.value, call.params), json.loads(json.dumps(document))
    *path, last = step.member.split(".")
    inside = changed
    for name in path:
        inside = inside.get(name) if isinstance(inside, dict) else None
    if not isinstance(inside, dict) or not isinstance(inside.get(last), str) or inside[last] == value:
        return said
    inside[last] = value
    return _with_body(said, changed)


def _sent_header(step: SentHeader, call: Call, said: Outgoing) -> Outgoing:
    there = [value for name, value in said.headers if name.lower() == step.name.lower()]
    admits = not there or (step.name.lower() == "accept" and accepts(", ".join(there), step.value))
    if call.operation != step.operation or there == [step.value] or not admits:
        return said
    others = tuple(pair for pair in said.headers if pair[0].lower() != step.name.lower())
    return replace(said, headers=(*others, (step.name, step.value)))


def _covers(step: Covers, call: Call, said: Outgoing) -> Outgoing:
    # what is not signed by a client that is known tells nothing of what has to be covered
    unsigned = call.operation in ("onboard", "fetch-root-certificate")
    return said if unsigned else replace(said, covers=(*said.covers, step.component))


def _unchanged(_: CertificateIn, __: Call, said: Outgoing) -> Outgoing:
    return said  # the binding writes certificates


_PUT: Mapping[type, Callable[[Any, Call, Outgoing], Outgoing]] = {
    Prefix: _prefix,
    Route: _route,
    SentMember: _sent_member,
    SentValue: _sent_value,
    SentHeader: _sent_header,
    Covers: _covers,
    CertificateIn: _unchanged,
}


# --- answers ----------------------------------------------------------------------------------------------------------


def read(step: Read, item: Exchange, tags: Tags) -> Reading:
    """Read an answer that departs in this way; nothing for one that does not, or when more has to be known."""
    match step:
        case AnswerMember():
            return _answer_member(step, item)
        case AnswerHeader():
            return _answer_header(step, item)
        case AnswerEncoding():
            return _answer_encoding(step, item)
        case EntityTag():
            return _entity_tag(step, item, tags)
        case AnswerStatus():
            named = item.request_header("Accept")
            other = step.unless_accept is not None and named not in (None, step.unless_accept)
            return read_status(step, item, known=None, expects=None) if other else {}
        case FromBundle():
            return {}


def read_status(step: AnswerStatus, item: Exchange, *, known: bool | None, expects: str | None) -> Reading:
    """Read the status of a request of which is known what was meant by it: a good write, or a way to be refused."""
    if item.status != step.found or step.operation not in (None, item.operation):
        return {}
    fits = expects in step.expects if step.expects else expects is None and step.known in (None, known)
    return {"status": step.read_as} if fits else {}


def _answer_member(step: AnswerMember, item: Exchange) -> Reading:
    asked = step.operation in (None, item.operation) and (not step.statuses or item.status in step.statuses)
    document = parsed(item.response.readable) if asked else None
    absent = [name for name in step.to if name not in document] if document is not None else []
    if document is None or step.from_ not in document or not absent:
        return {}
    kept = {name: value for name, value in document.items() if name != step.from_}
    return {"response": json.dumps({**kept, **dict.fromkeys(absent, document[step.from_])}, ensure_ascii=False)}


def _answer_header(step: AnswerHeader, item: Exchange) -> Reading:
    if item.operation != step.operation or item.status not in step.statuses:
        return {}
    there = item.response_header(step.name)
    departs = there is None if step.contains is None else step.contains.lower() in (there or "").lower()
    return {"headers": {step.name: filled(step.read_as, item.params)}} if departs else {}


def _answer_encoding(step: AnswerEncoding, item: Exchange) -> Reading:
    document = parsed(item.response.readable) if item.operation == step.operation and item.status == 200 else None
    text = (document or {}).get(step.member)
    if document is None or not isinstance(text, str) or (len(text) % 4 == 0 and not set(text) & {"-", "_"}):
        return {}
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return {}
    return {"response": json.dumps({**document, step.member: base64.b64encode(data).decode()})}


def _entity_tag(step: EntityTag, item: Exchange, tags: Tags) -> Reading:
    given = item.response_header("ETag")
    if item.operation != "fetch-manifest":
        return {}
    if item.status == 304:
        known = tags.read_as(given or "")
        return {"headers": {"ETag": known}} if known else {}
    right = f'"{item.response.digest}"'
    document = parsed(item.response.readable) if item.status == 200 else None
    if document is None or given == right:
        return {}
    bundle = document.get("bundle")
    of_bundle = isinstance(bundle, dict) and (given or "").strip('"') == bundle.get("digest")
    if of_bundle != (step.found == "bundle-digest"):
        return {}
    if given is not None:
        tags.given[right] = given
    return {"headers": {"ETag": right}}


# --- parts ------------------------------------------------------------------------------------------------------------


def pattern_of(template: str) -> str:
    """Give the expression that finds an address of a template; a parameter takes more than one segment."""
    parts = _PARAMETER.split(template)
    return "".join(f"(?P<{part}>[^?]+?)" if index % 2 else re.escape(part) for index, part in enumerate(parts))


def parameters_of(template: str) -> list[str]:
    """Give the names of a template's parameters, as often as they are in it."""
    return _PARAMETER.findall(template)


def filled(template: str, params: Mapping[str, str]) -> str:
    """Fill in the parameters of a template; one that is not there stays in its braces."""
    return _PARAMETER.sub(lambda found: params.get(found[1], found[0]), template)


def with_known_tag(said: Outgoing, tags: Tags) -> Outgoing:
    """Name the tag that the WFM gave, where the suite means the one that it is read as."""
    headers = tuple(
        (name, tags.of(value) if name.lower() == "if-none-match" else value) for name, value in said.headers
    )
    return said if headers == said.headers else replace(said, headers=headers)


def digest_of(data: bytes) -> str:
    """Give the digest of exact bytes, as manifests name it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _document(said: Outgoing) -> Mapping[str, Any] | None:
    try:
        return parsed(unchunked(said.body) if _in_chunks(said) else said.body)
    except (ValueError, RecursionError):
        return None  # what cannot be read goes as it is


def _with_body(said: Outgoing, document: Mapping[str, Any]) -> Outgoing:
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return replace(said, body=chunked(body) if _in_chunks(said) else body)


def _in_chunks(said: Outgoing) -> bool:
    return any(name.lower() == "transfer-encoding" for name, _ in said.headers)
