"""What becomes of the trust bundles a WFM is offered: a sound one replaces the old one, nothing else does anything."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, check
from conformance.checks.wfm.identity import refused_connections
from conformance.checks.wfm.judged import exchange, expect, noted, said, unseen
from conformance.record.events import Exchange, Fact


@dataclass(frozen=True, slots=True)
class Offered:
    """What has to become of an offer, and which statements say so."""

    becomes: Literal["adopted", "kept", "closed"]
    statements: tuple[str, ...]


OFFERS = {
    "another root": Offered("adopted", ("ID-84",)),
    "another root among things nobody knows": Offered("adopted", ("ID-76", "ID-81", "ID-84")),
    "nothing at all": Offered("kept", ("ID-83",)),
    "a web page": Offered("kept", ("ID-83",)),
    "half a bundle": Offered("kept", ("ID-83",)),
    "a bundle without any root": Offered("kept", ("ID-81", "ID-82", "ID-83")),
    "a root meant for something else": Offered("kept", ("ID-81", "ID-82", "ID-83")),
    "another root, with a certificate nobody vouches for": Offered("kept", ("ID-87", "ID-89")),
    "another root, under the name of somebody else": Offered("kept", ("ID-87", "ID-89")),
    "another root, with a certificate of the trust domain": Offered("kept", ("ID-90", "ID-87", "ID-89")),
    "another root, at an address without encryption": Offered("kept", ("ID-78",)),
    "another root, at a place nobody vouches for": Offered("kept", ("ID-79", "ID-87")),
    "the old root": Offered("kept", ("ID-82",)),
    "no bundle to begin with": Offered("closed", ("ID-82",)),
}


@check(
    "ID-76", "ID-78", "ID-79", "ID-81", "ID-82", "ID-83", "ID-84", "ID-87", "ID-89", "ID-90", role="wfm"
)  # fmt: skip
def trust_is_what_was_offered_rightly(record: Record) -> Iterator[Judgement]:
    """Clients are let in by the last sound bundle from a proven service, and by no other."""
    offers = record.facts_of("trust-offered")
    for fact, following in zip(offers, (*offers[1:], None), strict=True):
        tried = record.since(fact).facts_of("trust-tried")
        offered = OFFERS[str(fact.data.get("offer"))]
        if not fact.data.get("taken_up"):
            yield unseen("the offer looked at", "the WFM did not ask for it in time", fact, only=offered.statements)
            continue
        let_in = {"adopted": "new root", "kept": "old root", "closed": ""}[offered.becomes]
        for attempt in tried if following is None else [one for one in tried if one.at < following.at]:
            item = exchange(record, attempt.ref("exchange"))
            if item is not None:
                served = attempt.data.get("of") == let_in
                yield _judged(record, attempt, item, served=served, names=offered.statements)
        before = [one for one in record.before(fact.at).facts_of("trust-tried") if one.data.get("of") == "old root"]
        if offered.becomes != "closed" and not before:
            yield unseen("a client of the old root served before", "none", fact, only=offered.statements)


@check("ID-92", "ID-85", role="wfm", interpretations=("A-23",))
def bundles_are_asked_for_properly(record: Record) -> Iterator[Judgement]:
    """The identity service is asked again and again, for JSON."""
    for fact in record.facts_of("identity-service-asked"):
        times = fact.data.get("times", 0)
        yield expect(times > 1, "asked again and again", f"{times} times", fact, only=["ID-85"])
        accepts = fact.data.get("accept")
        yield expect("application/json" in str(accepts), "Accept: application/json", accepts, fact, only=["ID-92"])


def _judged(record: Record, fact: Fact, item: Exchange, *, served: bool, names: tuple[str, ...]) -> Judgement:
    whom = f"a client of the {fact.data.get('of')}"
    if served:
        return expect(item.status == 200, f"{whom} served", said(item), item, only=names)
    if item.status is None and not refused_connections(record, fact.data.get("name")):
        return unseen(f"{whom} turned away", said(item), item, only=names)
    if item.status in (401, 403):
        return noted(f"{whom} turned away at the connection", said(item), item, only=names)
    return expect(item.status is None, f"{whom} turned away", said(item), item, only=names)
