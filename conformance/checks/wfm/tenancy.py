"""What belongs to one client is neither shown to another nor changed by it."""

from collections.abc import Iterator

from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, check
from conformance.checks.wfm.history import history, refusals
from conformance.checks.wfm.judged import exchange, expect, offers_to, said, unseen

DEVICES = ("report-capabilities", "withdraw-capabilities")


@check("SEC-006", "SEC-007", "ID-49", role="wfm", interpretations=("AMB-C-09",))
def foreign_content_is_not_given(record: Record) -> Iterator[Judgement]:
    """A client that asks for content of another is told there is none, or that it may not."""
    yield from refusals(record, "fetch-deployment", "fetch-bundle")


@check("SEC-006", "SEC-007", "ID-49", role="wfm", interpretations=("AMB-C-09",))
def foreign_statuses_are_refused(record: Record) -> Iterator[Judgement]:
    """A client cannot report on a deployment of another, and the other's own first report is still its first."""
    yield from refusals(record, "report-status")


@check("SEC-006", "SEC-007", "ID-49", role="wfm", interpretations=("AMB-C-09",))
def foreign_devices_cannot_be_withdrawn(record: Record) -> Iterator[Judgement]:
    """A client cannot withdraw a device of another: for it there is none, and the other's stays."""
    yield from refusals(record, *DEVICES)


@check("SEC-006", "SEC-007", "ID-49", role="wfm")
def foreign_gateways_are_none(record: Record) -> Iterator[Judgement]:
    """A gateway of another client is none for the caller: a device behind it is refused until it has its own."""
    yield from refusals(record, *DEVICES)


@check("SEC-007", "ID-49", role="wfm")
def manifests_have_nothing_in_common(record: Record) -> Iterator[Judgement]:
    """No deployment stands in the manifests of two clients."""
    last = {
        str(fact.data.get("identity")): offers_to(record, str(fact.data.get("identity")))
        for fact in record.facts_of("client")
    }
    shown = [offers[-1] for offers in last.values() if offers]
    if len(shown) < 2 or not all(offer.refs for offer in shown):
        yield unseen("manifests of two clients that have been given something", f"{len(shown)} served", *shown)
        return
    common = frozenset.intersection(*(offer.deployment_ids for offer in shown))
    yield expect(not common, "nothing in common", ", ".join(sorted(common)) or "nothing in common", *shown)


@check("SEC-008", "ID-49", "DC-040", role="wfm")
def equal_device_ids_are_separate_records(record: Record) -> Iterator[Judgement]:
    """Two clients that use one device id have a record each."""
    yield from history(record, *DEVICES)


@check("SEC-007", "ID-49", role="wfm")
def other_clients_are_not_concerned(record: Record) -> Iterator[Judgement]:
    """What one client is given leaves the manifest of another as it was."""
    given = {fact.data.get("client") for fact in record.facts_of("deployed")}
    others = [fact for fact in record.facts_of("client") if fact.data.get("identity") not in given]
    for fact in others:
        offers = offers_to(record, str(fact.data.get("identity")))
        if len(offers) < 2:
            yield unseen("manifests before and after", f"{len(offers)} served")
            continue
        same = offers[0].manifest == offers[-1].manifest
        found = f"version {offers[0].version}, then {offers[-1].version}"
        yield expect(same, "the same manifest before and after", found, offers[0], offers[-1])


@check("SEC-005", "ID-48", "ID-40", role="wfm")
def claims_do_not_count(record: Record) -> Iterator[Judgement]:
    """Who calls is told by the certificate of the connection alone, never by a header or address."""
    for fact in record.facts_of("claimed"):
        item = exchange(record, fact.ref("exchange"))
        if item is None:
            continue
        theirs = {offer.exchange.response.digest for offer in offers_to(record, str(fact.data.get("of")))[-1:]}
        own = [offer for offer in offers_to(record, item.client or "") if offer.exchange.n != item.n]
        if not theirs or not own:
            yield unseen("manifests of both clients", "not both were served", item)
            continue
        if item.status == 200:
            right = item.response.digest == own[-1].exchange.response.digest and item.response.digest not in theirs
            found = "its own manifest" if right else "another manifest"
            yield expect(right, "the caller's own manifest", found, item, own[-1])
        else:
            yield expect(400 <= (item.status or 0) < 500, "the caller's own manifest, or a refusal", said(item), item)
