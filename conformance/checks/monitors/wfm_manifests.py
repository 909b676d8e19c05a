"""Every manifest a WFM serves is well-formed, has a true entity tag and the right caching, and versions only grow."""

import hashlib
import re
from collections.abc import Iterator

from conformance.checks.evidence import Offer, Record
from conformance.checks.registry import Judgement, check
from conformance.checks.wfm.judged import MANIFEST_TYPE, directives, expect, flaws, media_type, noted
from conformance.record.events import Exchange, Fact

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
DAY_S = 86_400
MINUTE_S = 60
MAX_VERSION = 2**64 - 1


def digest(data: bytes) -> str:
    """Give the digest of exact bytes (DS-047..DS-051)."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@check("DS-009", role="wfm", monitor=True, interpretations=("AMB-X-03",))
def manifests_are_complete(record: Record) -> Iterator[Judgement]:
    """A manifest has `manifestVersion`, `bundle` and `deployments`, and each entry what it needs."""
    for offer in record.offers:
        found = [flaw for flaw in flaws("state-manifest", offer.manifest) if flaw.keyword in ("required", "type")]
        shown = "; ".join(f"{flaw.path}: {flaw.message}" for flaw in found) or "complete"
        yield expect(offer.manifest is not None and not found, "a complete manifest", shown, offer)


@check("DS-010", role="wfm", monitor=True, interpretations=("AMB-X-04",))
def manifest_versions_are_in_range(record: Record) -> Iterator[Judgement]:
    """`manifestVersion` is an integer from 1 to 2^64-1."""
    for offer in record.offers:
        found = (offer.manifest or {}).get("manifestVersion")
        fits = offer.version is not None and 1 <= offer.version <= MAX_VERSION
        yield expect(fits, "an integer from 1 to 2^64-1", repr(found), offer)


@check("DS-011", "DS-012", role="wfm", monitor=True)
def manifest_versions_only_grow(record: Record) -> Iterator[Judgement]:
    """Every new manifest of a client has a larger version than the one before."""
    last: dict[str | None, Offer] = {}
    for offer in record.offers:
        before = last.get(offer.exchange.client)
        last[offer.exchange.client] = offer
        if before is None or offer.version is None or before.version is None:
            continue
        if offer.manifest != before.manifest:
            grown = offer.version > before.version
            found = f"version {offer.version} after {before.version}, with other content"
            yield expect(grown, "a larger version for a new manifest", found, before, offer)


@check("DS-058", role="wfm", monitor=True, interpretations=("AMB-X-12",))
def equal_manifests_have_equal_bytes(record: Record) -> Iterator[Judgement]:
    """The same manifest is written the same way each time, so that its entity tag stays."""
    seen: dict[tuple[str | None, int], Offer] = {}
    for offer in record.offers:
        if offer.version is None:
            continue
        before = seen.setdefault((offer.exchange.client, offer.version), offer)
        if before is not offer and before.manifest == offer.manifest:
            same = before.exchange.response.digest == offer.exchange.response.digest
            found = "the same bytes" if same else "the same content in other bytes"
            yield expect(same, "the same bytes for the same manifest", found, before, offer)


@check("DS-014", "DS-016", role="wfm", monitor=True)
def bundle_is_null_without_deployments(record: Record) -> Iterator[Judgement]:
    """`bundle` is always there, and null when there are no deployments."""
    for offer in record.offers:
        manifest = offer.manifest or {}
        yield expect("bundle" in manifest, "a member bundle", sorted(manifest), offer, only=["DS-016"])
        if manifest.get("deployments") == []:
            null = "bundle" in manifest and manifest["bundle"] is None
            yield expect(null, "bundle null", repr(manifest.get("bundle", "nothing")), offer)


@check("DS-017", "DS-023", role="wfm", monitor=True, interpretations=("AMB-X-11",))
def bundles_are_named_rightly(record: Record) -> Iterator[Judgement]:
    """A bundle has its media type, and an address that ends in its digest."""
    for offer in record.offers:
        if offer.bundle is None:
            continue
        kind = offer.bundle.get("mediaType")
        right = "application/vnd.margo.bundle.v1+tar+gzip"
        yield expect(kind == right, right, repr(kind), offer, only=["DS-017"])
        url = f"{root(record, offer)}/bundles/{offer.bundle.get('digest')}"
        yield expect(offer.bundle.get("url") == url, url, offer.bundle.get("url"), offer, only=["DS-023"])


@check("DS-027", role="wfm", monitor=True, interpretations=("AMB-X-11",))
def deployments_are_addressed_by_their_digest(record: Record) -> Iterator[Judgement]:
    """A deployment's address holds its id and its digest."""
    for offer in record.offers:
        for ref in offer.refs:
            url = f"{root(record, offer)}/deployments/{ref.get('deploymentId')}/{ref.get('digest')}"
            yield expect(ref.get("url") == url, url, ref.get("url"), offer)


@check("DS-023", "DS-027", role="wfm", monitor=True, interpretations=("AMB-X-11",))
def addresses_are_resolved_in_one_way(record: Record) -> Iterator[Judgement]:
    """Behind a root with a path, every address of a manifest leads to content in the same way."""
    ways = {str(fact.data.get("how")) for fact in record.facts_of("address-resolved")}
    for fact in record.facts_of("address-resolved"):
        name = ["DS-027" if _operation(record, fact) == "fetch-deployment" else "DS-023"]
        how = str(fact.data.get("how"))
        yield noted("content at the address of the manifest", f"found {how}", fact, only=name)
        yield expect(len(ways) == 1, "one way for every address", " and ".join(sorted(ways)), fact, only=name)


@check("DS-047", "DS-048", "DS-049", role="wfm", monitor=True, interpretations=("AMB-X-09",))
def digests_are_written_as_they_should(record: Record) -> Iterator[Judgement]:
    """A digest is `sha256:` and 64 lower-case hexadecimal characters, with nothing before, in or behind it."""
    for offer in record.offers:
        for holder in (*offer.refs, *((offer.bundle,) if offer.bundle else ())):
            found = holder.get("digest")
            fits = isinstance(found, str) and DIGEST.fullmatch(found)
            yield expect(fits, "sha256:<64 lower-case hex characters>", repr(found), offer)


@check("DS-006", "DS-056", "DS-028", role="wfm", monitor=True)
def manifest_tag_is_the_digest_of_its_bytes(record: Record) -> Iterator[Judgement]:
    """The entity tag of a manifest is the digest of exactly the bytes that were served."""
    for offer in record.offers:
        tag = f'"{offer.exchange.response.digest}"'
        yield expect(offer.etag == tag, f"ETag {tag}", offer.etag, offer)


@check("DS-057", "DS-052", role="wfm", monitor=True)
def manifest_tag_is_a_strong_quoted_digest(record: Record) -> Iterator[Judgement]:
    """The entity tag of a manifest is a digest in quotes, and not marked weak."""
    for item in record.polls:
        tag = item.response_header("ETag")
        if item.status == 200 or (item.status == 304 and tag is not None):
            fits = tag is not None and tag[:1] == tag[-1:] == '"' and DIGEST.fullmatch(tag[1:-1])
            yield expect(fits, '"sha256:<64 lower-case hex characters>"', tag, item)


@check("DS-007", role="wfm", monitor=True)
def manifests_have_their_media_type(record: Record) -> Iterator[Judgement]:
    """A manifest is served as `application/vnd.margo.manifest.v1+json`."""
    for offer in record.offers:
        found = media_type(offer.exchange)
        yield expect(found == MANIFEST_TYPE, MANIFEST_TYPE, found, offer)


@check("DS-059", role="wfm", monitor=True, interpretations=("AMB-X-29",))
def manifests_are_not_kept_long(record: Record) -> Iterator[Judgement]:
    """A manifest is neither immutable nor cached for long."""
    for offer in record.offers:
        found = directives(offer.exchange)
        age = _seconds(found.get("max-age"))
        shown = offer.exchange.response_header("Cache-Control")
        if "immutable" not in found and MINUTE_S < age < DAY_S and "no-cache" not in found and "no-store" not in found:
            yield noted(f"max-age of at most {MINUTE_S} s", shown, offer)  # no text gives a number (AMB-X-29)
        yield expect("immutable" not in found and age < DAY_S, "no immutable, no long max-age", shown, offer)


@check("DS-060", "DS-061", role="wfm", monitor=True, interpretations=("AMB-C-08",))
def manifests_are_private(record: Record) -> Iterator[Judgement]:
    """A manifest is marked `Cache-Control: private`."""
    for offer in record.offers:
        yield private(offer.exchange)


@check("DS-061", role="wfm", monitor=True, interpretations=("AMB-C-08",))
def contents_are_private(record: Record) -> Iterator[Judgement]:
    """A deployment or bundle is marked `Cache-Control: private`."""
    for item in record.fetches:
        if item.status == 200:
            yield private(item)


def private(item: Exchange) -> Judgement:
    """Judge whether an answer is kept out of shared caches."""
    found = directives(item)
    holds = "private" in found and "public" not in found
    return expect(holds, "Cache-Control with private", item.response_header("Cache-Control"), item)


@check("DS-062", "DS-008", role="wfm", monitor=True)
def not_modified_has_no_body(record: Record) -> Iterator[Judgement]:
    """A 304 has no body."""
    for item in record.polls:
        if item.status == 304:
            yield expect(not item.response.size, "no body", f"{item.response.size} bytes", item)


@check("AD-003", "ST-005", role="wfm", monitor=True)
def deployment_ids_are_uuids(record: Record) -> Iterator[Judgement]:
    """A deployment's id is a UUID."""
    pattern = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
    for offer in record.offers:
        for ref in offer.refs:
            found = ref.get("deploymentId")
            yield expect(isinstance(found, str) and pattern.fullmatch(found), "a UUID", repr(found), offer)


def root(record: Record, offer: Offer) -> str:
    """Give what the addresses of a client begin with in the revision."""
    return record.catalogue.wire.root.format(clientId=offer.exchange.client)


def _operation(record: Record, fact: Fact) -> str:
    found = (item.operation for item in record.fetches if item.n == fact.ref("exchange"))
    return next(found, "unknown")


def _seconds(value: str | None) -> int:
    return int(value) if value and value.isascii() and value.isdigit() else 0
