"""Forms and codings: what a client accepts, and what it is given."""

from collections.abc import Iterator

from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, check
from conformance.checks.wfm.archive import Unreadable, content_digest
from conformance.checks.wfm.history import refusals, sent
from conformance.checks.wfm.judged import MANIFEST_TYPE, exchange, expect, media_type, noted, said, unseen
from conformance.record.events import Exchange


@check("DS-005", "DS-007", role="wfm", interpretations=("AMB-X-28",))
def the_first_form_is_the_default(record: Record) -> Iterator[Judgement]:
    """A client that accepts the v1 manifest among others, or says nothing, is given it."""
    for item in sent(record, "fetch-manifest"):
        if item.good:
            answer = item.exchange
            right = answer.status == 200 and media_type(answer) == MANIFEST_TYPE
            yield expect(right, f"200 as {MANIFEST_TYPE}", f"{said(answer)} as {media_type(answer)}", answer)


@check("DS-004", role="wfm", interpretations=("AMB-X-28",))
def unknown_forms_cannot_be_given(record: Record) -> Iterator[Judgement]:
    """A client that accepts only forms the WFM does not have gets 406."""
    yield from refusals(record, "fetch-manifest")


@check("DS-050", "DS-040", "DS-045", role="wfm", interpretations=("AMB-X-30",))
def compressed_content_unpacks_to_what_was_promised(record: Record) -> Iterator[Judgement]:
    """The digest of content is that of its bytes before any HTTP compression."""
    asked = list(_compressible(record))
    coded = [item for item in asked if item.response_header("Content-Encoding")]
    if not coded:
        yield unseen("compressed content", f"none of {len(asked)} answers is compressed", only=["DS-050"])
    for item in asked:
        name = "DS-040" if item.operation == "fetch-deployment" else "DS-045"
        coding = item.response_header("Content-Encoding")
        if coding is None:
            yield noted("compression, which is a MAY", "none", item, only=[name])
            continue
        yield expect(True, "compression, which is a MAY", coding, item, only=[name])
        try:
            found = content_digest(item)
        except Unreadable as error:
            found = str(error)
        wanted = item.params.get("digest")
        if found is None:
            yield unseen(f"{wanted} after unpacking", "too large to be recorded", item, only=["DS-050"])
            continue
        yield expect(found == wanted, f"{wanted} after unpacking", found, item, only=["DS-050"])


@check("DS-050", role="wfm", interpretations=("AMB-X-30",))
def compression_changes_nothing(record: Record) -> Iterator[Judgement]:
    """Content is the same whether or not the client accepts compression."""
    plain = {item.target: item for item in record.fetches if not item.request_header("Accept-Encoding")}
    for item in _compressible(record):
        other = plain.get(item.target)
        if other is None:
            yield unseen("the same content without compression", "not fetched", item)
            continue
        try:
            one, two = content_digest(item), content_digest(other)
            if one is None or two is None:
                yield unseen("the same content", "too large to be recorded", item, other)
                continue
            same = one == two
            found = "the same content" if same else "other content"
        except Unreadable as error:
            same, found = False, str(error)
        yield expect(same and item.status == 200, "the same content", found, item, other)


def _compressible(record: Record) -> Iterator[Exchange]:
    for fact in record.facts_of("compression-accepted"):
        for number in fact.refs.get("exchanges", ()):
            item = exchange(record, number)
            if item is not None:
                yield item
