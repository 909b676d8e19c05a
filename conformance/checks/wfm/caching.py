"""Conditional requests and what may be kept."""

from collections.abc import Iterator

from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, check
from conformance.checks.wfm.judged import exchange, expect, noted, offers_to, said, unseen
from conformance.record.events import Exchange


def conditional(record: Record, *kinds: str) -> Iterator[Exchange]:
    """Give the conditional requests for the manifest of some kinds: `current`, `other` or `odd`."""
    for fact in record.facts_of("conditional"):
        item = exchange(record, fact.ref("exchange"))
        if item is not None and fact.data.get("how") in kinds:
            yield item


@check("DS-062", "DS-008", role="wfm")
def the_newest_manifest_is_not_sent_again(record: Record) -> Iterator[Judgement]:
    """A client that names the tag of the current manifest gets 304 without a body."""
    for item in conditional(record, "current"):
        yield expect(item.status == 304, "304", said(item), item)
        yield expect(not item.response.size, "no body", f"{item.response.size} bytes", item)


@check("DS-006", "DS-056", "DS-062", role="wfm")
def another_manifest_is_sent_whole(record: Record) -> Iterator[Judgement]:
    """A client that names any other tag gets the whole manifest with its tag."""
    for item in conditional(record, "other"):
        whole = item.status == 200 and item.response.size > 0 and item.response_header("ETag")
        yield expect(whole, "200 with the manifest and its tag", said(item), item)


@check("DS-062", role="wfm", interpretations=("AMB-X-28",))
def odd_conditions_do_no_harm(record: Record) -> Iterator[Judgement]:
    """Lists, weak tags and `*` are matters of RFC 9110: what the WFM does is noted, breaking over them is not."""
    for item in conditional(record, "odd"):
        yield noted("304 by RFC 9110 (AMB-X-28)", said(item), item)
        harmless = item.status in (200, 304) or 400 <= (item.status or 0) < 500
        yield expect(harmless, "200, 304 or a refusal", said(item), item)
        after = [poll for poll in record.polls if poll.at > item.at]
        if not after:
            yield unseen("a plain question afterwards", "none")
        for poll in after[:1]:
            yield expect(poll.status == 200, "200 for a plain question afterwards", said(poll), poll)


@check("DS-028", "DS-056", role="wfm")
def tags_follow_the_content(record: Record) -> Iterator[Judgement]:
    """Different manifests have different tags, and none of them is the digest of a bundle or deployment."""
    for client in record.facts_of("client"):
        offers = offers_to(record, str(client.data.get("identity")))
        tags: dict[str | None, object] = {}
        for offer in offers:
            named = {f'"{holder.get("digest")}"' for holder in (*offer.refs, *filter(None, [offer.bundle]))}
            yield expect(offer.etag not in named, "a tag of its own", offer.etag, offer)
            same = tags.setdefault(offer.etag, offer.manifest) == offer.manifest
            yield expect(same, "one tag for one manifest", f"{offer.etag} for two manifests", offer)
        if len({offer.etag for offer in offers}) < 2:
            yield unseen("several manifests", f"{len(offers)} served")


@check("DS-061", role="wfm")
def every_kind_of_answer_was_seen(record: Record) -> Iterator[Judgement]:
    """Manifest, deployment and bundle were all served, so that what they say of caching could be judged."""
    kinds = ("fetch-manifest", "fetch-deployment", "fetch-bundle")
    missing = [kind for kind in kinds if not record.of(kind, status=200)]
    if missing:
        yield unseen("manifest, deployment and bundle", f"without {', '.join(missing)}")
    for kind in kinds:
        for item in record.of(kind, status=200)[:1]:
            found = item.response_header("Cache-Control")
            yield expect("private" in (found or "").lower(), "Cache-Control with private", found, item)


@check("DS-067", role="wfm", interpretations=("AMB-X-07",))
def content_that_is_held_need_not_be_sent(record: Record) -> Iterator[Judgement]:
    """A client that names the tag of content it holds gets 304, or the same content again."""
    for fact in record.facts_of("content-held"):
        for number in fact.refs.get("exchanges", ()):
            item = exchange(record, number)
            if item is None:
                continue
            if item.status == 200:
                yield noted("304, which is a MAY", "200 with the content", item)
            else:
                yield expect(
                    item.status == 304 and not item.response.size, "304 without body, or 200", said(item), item
                )
