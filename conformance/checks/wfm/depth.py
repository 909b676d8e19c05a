"""What HTTP/1.1 permits is understood, what is odd does no harm, and many things at once stay in order."""

from collections.abc import Iterator
from itertools import pairwise

from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, check
from conformance.checks.wfm.history import sent
from conformance.checks.wfm.judged import exchange, expect, noted, offers_to, said, unseen
from conformance.checks.wfm.twins import taken
from conformance.record.events import Fact

NOT_AT_FAULT = (501, 505)
"""Server errors that say that the request is at fault."""


@check("API-003", "ERR-001", role="wfm", interpretations=("AMB-X-28", "AMB-X-23"))
def odd_requests_do_no_harm(record: Record) -> Iterator[Judgement]:
    """A request that HTTP/1.1 permits is served, an odd one is served or refused, and neither breaks the WFM."""
    for fact in record.facts_of("odd-request"):
        item = exchange(record, fact.ref("exchange"))
        if item is None:
            continue
        what, status = str(fact.data.get("what")), item.status
        names = ("API-003",) if fact.data.get("served") else ("API-003", "ERR-001")
        before = [exchange(record, number) for number in fact.refs.get("before", ())]
        if status is None and not any(one is not None and one.status is not None for one in before):
            yield unseen(f"an answer to {what}", "nobody was answered before either", item, only=names)
        elif status is None:
            # closing the connection is a way to refuse what is malformed, never what has to be served
            refused = not fact.data.get("served") and "within" not in (item.error or "")
            yield expect(refused, f"an answer to {what}", said(item), item, only=names)
        elif fact.data.get("served"):
            if status in fact.data.get("tolerated", ()):
                yield noted(f"{what} served", f"{said(item)}, which HTTP permits", item, only=names)
            else:
                yield expect(200 <= status < 300, f"{what} served", said(item), item, only=names)
        else:
            yield noted(f"(not defined) {what}", said(item), item, only=names)
            yield expect(
                status < 500 or status in NOT_AT_FAULT, f"{what} served or refused", said(item), item, only=names
            )
        yield from _around(record, fact, names)


@check("DC-040", "API-003", role="wfm")
def what_broke_off_was_not_done(record: Record) -> Iterator[Judgement]:
    """A report that broke off in the middle changes nothing: the whole one is the first."""
    for fact in record.facts_of("broken-off"):
        later = [
            item
            for item in sent(record.since(fact), "report-capabilities")
            if item.good and item.subject == fact.data.get("device") and item.exchange.client == fact.data.get("client")
        ]
        if not later:
            yield unseen("the whole report afterwards", "none", fact)
        for item in later[:1]:
            created = item.exchange.status == 201
            yield expect(created, "201: nothing was reported before", said(item.exchange), item.exchange)


@check("API-003", role="wfm")
def idle_connections_keep_nobody_out(record: Record) -> Iterator[Judgement]:
    """While connections stand still, others are served."""
    for fact in record.facts_of("standing-still"):
        later = [poll for poll in record.polls if poll.at > fact.at]
        if not later:
            yield unseen("a request meanwhile", "none", fact)
        for poll in later:
            yield expect(taken(poll), "served meanwhile", said(poll), poll)


@check("DS-011", "DS-012", "DS-076", role="wfm")
def changes_at_once_stay_in_order(record: Record) -> Iterator[Judgement]:
    """When several things change at once, versions still only grow, and what is shown at last is all of it."""
    for fact in record.facts_of("changed-at-once"):
        offers = offers_to(record, str(fact.data.get("client")))
        versions = [offer.version for offer in offers if offer.version is not None]
        shown = ", ".join(map(str, dict.fromkeys(versions)))
        grown = all(one <= other for one, other in pairwise(versions))
        yield expect(grown, "versions that never go back", shown, *offers[-1:], only=["DS-011", "DS-012"])
        bodies: dict[int, str] = {}
        same = all(
            bodies.setdefault(offer.version or 0, offer.exchange.response.digest or "")
            == offer.exchange.response.digest
            for offer in offers
        )
        yield expect(same, "one manifest for each version", shown, *offers[-1:], only=["DS-011"])
        wanted = {str(item.data.get("deploymentId")) for item in record.facts_of("deployed")}
        found = offers[-1].deployment_ids if offers else frozenset()
        yield expect(found == wanted, f"{len(wanted)} deployments", f"{len(found)}", *offers[-1:], only=["DS-076"])


def _around(record: Record, fact: Fact, names: tuple[str, ...]) -> Iterator[Judgement]:
    for where in ("before", "after"):
        for number in fact.refs.get(where, ()):
            twin = exchange(record, number)
            if twin is not None and twin.status is None:
                yield unseen(f"an ordinary request {where} served", said(twin), twin, only=names)
            elif twin is not None:
                yield expect(taken(twin), f"an ordinary request {where} served", said(twin), twin, only=names)
