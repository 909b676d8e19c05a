"""Negatives and their twins: the same request without the one defect, taken before and after in the same scenario.

A refusal proves nothing of a WFM that refuses everything. Whatever the bench tries that is to be refused is a fact of
one of the kinds in `NEGATIVE`; what else it notes stands in `NEUTRAL`, so that no new kind of attempt goes without
twins unnoticed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from conformance.checks.evidence import Record
from conformance.checks.wfm.judged import accepted, exchange
from conformance.record.events import Exchange, Fact


@dataclass(frozen=True, slots=True)
class Negative:
    """Something that is to be refused, with the good requests of the same kind before and after it."""

    fact: Fact
    before: tuple[Exchange, ...]
    after: tuple[Exchange, ...]

    @property
    def complete(self) -> bool:
        """Whether a twin was taken on either side."""
        return any(map(taken, self.before)) and any(map(taken, self.after))


Twins = Callable[[Record, Fact], tuple[Iterable[Exchange], Iterable[Exchange]]]


def negatives(record: Record) -> Iterator[Negative]:
    """Give every attempt of a record that is to be refused."""
    for fact in record.facts:
        twins = NEGATIVE.get(fact.kind)
        if twins is not None and not fact.data.get("good"):
            before, after = twins(record, fact)
            yield Negative(fact, tuple(before), tuple(after))


def taken(item: Exchange) -> bool:
    """Whether a good request was served; a withdrawal of what is gone is rightly answered 404, a held tag 304."""
    if item.operation == "withdraw-capabilities":
        return item.status in (204, 404)
    return accepted(item) or (item.status == 304 and item.operation == "fetch-manifest")


def of_same_request(record: Record, fact: Fact) -> tuple[list[Exchange], list[Exchange]]:
    """Give the good requests of the same operation by the same client, before and after a bad one."""
    bad = exchange(record, fact.ref("exchange"))
    if bad is None:
        return [], []
    good = [
        item
        for other in record.facts_of("sent")
        if other.data.get("good") and other.data.get("request") == fact.data.get("request")
        for item in [exchange(record, other.ref("exchange"))]
        if item is not None and item.client == bad.client
    ]
    return [item for item in good if item.at < bad.at], [item for item in good if item.at > bad.at]


def _named(record: Record, fact: Fact) -> tuple[list[Exchange], list[Exchange]]:
    """Give the twins that the bench itself sent around an attempt: `before` and `after` in the fact."""
    before, after = (
        [item for number in fact.refs.get(side, ()) for item in [exchange(record, number)] if item is not None]
        for side in ("before", "after")
    )
    return before, after


def _polls_of_clients(record: Record, fact: Fact) -> tuple[list[Exchange], list[Exchange]]:
    """Give the polls of the scenario's own clients around a fact."""
    own = {str(item.data.get("identity")) for item in record.facts_of("client")}
    tried = exchange(record, fact.ref("exchange"))
    began = tried.at if tried is not None else fact.at
    polls = [item for item in record.polls if item.client in own and item.n != fact.ref("exchange")]
    return [item for item in polls if item.at < began], [item for item in polls if item.at > fact.at]


def _of_the_old_root(record: Record, fact: Fact) -> tuple[list[Exchange], list[Exchange]]:
    tried = [
        (item, note)
        for note in record.facts_of("trust-tried")
        for item in [exchange(record, note.ref("exchange"))]
        if item is not None
    ]
    return [item for item, _ in tried if item.at < fact.at], [item for item, _ in tried if item.at > fact.at]


NEGATIVE: Mapping[str, Twins] = {
    "sent": of_same_request,
    "bad-certificate": _named,
    "older-tls-offered": _polls_of_clients,
    "claimed": _polls_of_clients,
    "forbidden-value": _polls_of_clients,
    "retired": _polls_of_clients,
    "overloaded": _polls_of_clients,
    "expired-meanwhile": _polls_of_clients,
    "trust-offered": _of_the_old_root,
}
"""Kinds of facts that stand for something to be refused, and where their twins are found."""

NEUTRAL = frozenset(
    {
        "address-escaped", "address-resolved", "admitted", "broken-off", "capital-letters", "changed-at-once",
        "client", "compression-accepted", "conditional", "content-held", "deployed", "former-content", "http-version",
        "identity-service-asked", "kept-connection-closed", "northbound-call", "northbound-failed", "odd-request",
        "onboarded", "onboarded-again", "onboarding-tried", "operator-view", "overload-began", "placement",
        "placement-asked", "published", "renewed", "restarted", "resumed", "root-certificate", "sent-twice",
        "sound-certificate", "standing-still", "trust-tried", "unknown-kinds", "updated", "version-forced",
        "was-away", "wfm-address", "wfm-credential", "withdrawn",
    }
)  # fmt: skip
"""Kinds of facts that stand for nothing to be refused."""
