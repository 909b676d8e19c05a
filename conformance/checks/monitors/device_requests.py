"""Watching every request and every connection of the device, in every scenario."""

import re
from collections.abc import Iterator

from conformance.checks.device.evidence import ONBOARDING, known_before, management
from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, check, expect, noted
from conformance.record.events import Connection

MANIFEST_TYPE = "application/vnd.margo.manifest.v1+json"
CLIENT = re.compile(r"spiffe://[a-z0-9._-]+/margo/wfm/[A-Za-z0-9._-]+/client/[A-Za-z0-9._-]+")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
OLD_TLS = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1")
TYPE_URI = "problem-types"
CREDENTIAL_CLAUSES = ("ID-20", "ID-22", "ID-24", "ID-25", "ID-27", "ID-34")
"""Why the bench refuses a certificate that was shown; a client without one may be anybody."""


@check("API-003", role="device", monitor=True)
def requests_are_http_1_1(record: Record) -> Iterator[Judgement]:
    """Every request is made with HTTP/1.1."""
    for item in management(record):
        if item.http_version is not None:
            yield expect(item.http_version == "1.1", item, expected="HTTP/1.1", found=f"HTTP/{item.http_version}")


@check("DS-003", role="device", monitor=True)
def polls_ask_for_the_manifest_type(record: Record) -> Iterator[Judgement]:
    """A request for the desired state names the media type of the manifest."""
    for poll in record.polls:
        accept = poll.request_header("Accept") or "nothing"
        yield expect(MANIFEST_TYPE in accept, poll, expected=MANIFEST_TYPE, found=accept)


@check("DS-068", role="device", monitor=True)
def polls_carry_the_last_tag(record: Record) -> Iterator[Judgement]:
    """A poll carries the entity tag of the last adopted manifest, as it was served, and no other.

    The tag with which a device comes from an earlier scenario shows nothing: whether it was served stands elsewhere.
    """
    came_with = record.polls[0].request_header("If-None-Match") if record.polls and known_before(record) else None
    for poll in record.polls:
        tag = poll.request_header("If-None-Match")
        served = [offer.etag for offer in record.offers if offer.exchange.finished <= poll.at and offer.etag]
        if tag not in (None, came_with) and served:
            found = f"{tag}, of {len(served)} tags that were served"
            yield expect(tag in served, poll, expected="a tag as it was served", found=found)


@check("DS-048", "DS-047", "DS-049", "DS-052", role="device", monitor=True)
def artefacts_are_fetched_where_the_manifest_says(record: Record) -> Iterator[Judgement]:
    """An artefact is asked for at exactly the address that the manifest gives, with its digest unchanged."""
    for item in record.fetches:
        addresses: set[str] = set()
        for offer in record.offers:
            entries = [*offer.refs, *([offer.bundle] if offer.bundle else [])]
            addresses |= {str(entry.get("url")) for entry in entries}
        if addresses:
            expected = "an address from a manifest that was served"
            yield expect(item.target in addresses, item, expected=expected, found=item.target)


@check("DC-001", "DC-002", "SEC-009", "DEV-02", "API-002", role="device", monitor=True)
def capabilities_come_first(record: Record) -> Iterator[Judgement]:
    """The first request of a device that was provisioned, or onboarded itself, is its capabilities report."""
    fact = record.last_fact("provisioned")
    requests = [item for item in management(record) if item.operation not in ONBOARDING]
    if requests and fact is not None and not fact.data.get("knownVersion"):
        first = requests[0]
        expected = "capabilities are reported"
        yield expect(first.operation == "report-capabilities", first, expected=expected, found=first.operation)


@check("SEC-001", "SEC-002", "ID-30", "ID-20", "ID-21", role="device", monitor=True)
def requests_come_with_an_svid(record: Record) -> Iterator[Judgement]:
    """Every request comes over mutual TLS, with a valid SVID and every certificate that is needed to check it."""
    for item in management(record):
        chain = item.tls.peer_chain if item.tls else ()
        found = f"{item.client or 'nobody'}, {len(chain)} certificates"
        yield expect(bool(item.client and chain), item, expected="a client with its chain", found=found)
    for refused in _kept_out(record, CREDENTIAL_CLAUSES):
        yield expect(False, refused, expected="a client with its chain", found=f"{refused.reason}")


@check("SEC-003", role="device", monitor=True)
def client_is_the_one_provisioned(record: Record) -> Iterator[Judgement]:
    """The client that calls is the one that was provisioned, by an SVID of the proper shape."""
    fact = record.last_fact("provisioned")
    for item in management(record):
        if fact is not None and item.client is not None:
            right = CLIENT.fullmatch(item.client) is not None and item.client == fact.data["client"]
            yield expect(right, item, expected=fact.data["client"], found=item.client)


@check("ID-31", "ID-33", "API-006", role="device", monitor=True, interpretations=("AMB-B-18",))
def connections_use_tls_1_3(record: Record) -> Iterator[Judgement]:
    """Connections use TLS 1.3, which is the default, and nothing below 1.2."""
    for item in record.connections:
        version = item.tls.version if item.tls else None
        if item.outcome == "established" and version is not None:
            yield expect(version not in OLD_TLS, item, expected="TLS 1.2 or 1.3", found=version, of=("ID-33",))
            if version == "TLSv1.2" and _older_only(record, item.at):
                continue
            yield expect(version == "TLSv1.3", item, expected="TLS 1.3", found=version, of=("ID-31", "API-006"))
    for refused in _kept_out(record, ("ID-31", "API-006")):
        yield expect(False, refused, expected="TLS 1.3", found=f"{refused.reason}", of=("ID-31", "API-006"))


def _older_only(record: Record, at: float) -> bool:
    """Whether the bench spoke nothing newer than TLS 1.2 then."""
    changes = [fact for fact in record.facts if fact.kind in ("older-tls", "newest-tls") and fact.at <= at]
    return bool(changes) and changes[-1].kind == "older-tls"


def _kept_out(record: Record, clauses: tuple[str, ...]) -> Iterator[Connection]:
    """Give the connections that the bench refused for one of these clauses.

    Only where nobody came through and the bench gave no bad credential: else somebody else may have tried.
    """
    if management(record) or any(fact.data["expired"] for fact in record.facts_of("credential-given")):
        return
    for item in record.connections:
        reason = item.reason or ""
        if reason.startswith("refused by the bench") and any(f"({clause})" in reason for clause in clauses):
            yield item


@check("PT-011", "PRB-04", role="device", monitor=True)
def problem_types_are_never_fetched(record: Record) -> Iterator[Judgement]:
    """The address of a problem type is a name: nothing is ever fetched from it."""
    problems = [item for item in record.exchanges if (item.status or 0) >= 400]
    fetched = [item for item in record.exchanges if item.operation == "unknown" and TYPE_URI in item.target]
    if problems or fetched:
        found = ", ".join(item.target for item in fetched) or "nothing fetched"
        yield expect(not fetched, *fetched[:5], *problems[:1], expected="nothing fetched", found=found)


@check("DS-066", role="device", monitor=True, observes=True)
def artefacts_may_be_revalidated(record: Record) -> Iterator[Judgement]:
    """Whether the device revalidates what it fetches by its digest."""
    if record.fetches:
        tags = [item for item in record.fetches if item.request_header("If-None-Match")]
        yield noted(f"{len(tags)} of {len(record.fetches)} fetches with a tag", *(tags or record.fetches)[:1])


@check("API-002", role="device", monitor=True, observes=True)
def requests_are_of_the_interface(record: Record) -> Iterator[Judgement]:
    """Every request is one that the management interface defines."""
    for item in record.exchanges:
        if item.operation == "unknown" and TYPE_URI not in item.target:
            yield noted(f"{item.method} {item.target}", item, expected="a request of the interface")
