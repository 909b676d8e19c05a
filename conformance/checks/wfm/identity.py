"""Who is let in: clients of this WFM with a sound certificate, and nobody else."""

from collections.abc import Iterable, Iterator

from conformance.checks.evidence import Record
from conformance.checks.monitors.wfm_problems import told_by_prose
from conformance.checks.registry import Judgement, check
from conformance.checks.wfm.history import sent
from conformance.checks.wfm.judged import (
    NAMESPACE,
    accepted,
    exchange,
    expect,
    noted,
    problem_type,
    said,
    told_time,
    unseen,
)
from conformance.record.events import Connection, Exchange, Fact

BY_WFM = "by the WFM: "
MARGIN_S = 1.0
"""So long after the end of a certificate, by the WFM's own clock, what is asked with it says something (A-23)."""
ALWAYS = ("SEC-003", "SEC-004", "ID-48")
_CHAIN = ("ID-25", "ID-34", "ID-20")


def refused_connections(record: Record, name: object) -> tuple[Connection, ...]:
    """Give the connections of a credential that the WFM turned away."""
    return tuple(
        item
        for item in record.connections
        if item.offered == name and item.outcome == "refused" and (item.reason or "").startswith(BY_WFM)
    )


@check(
    *ALWAYS, "SEC-002", "ID-14", "ID-20", "ID-22", "ID-24", "ID-25", "ID-26", "ID-27", "ID-30", "ID-34", "ID-50",
    "ID-51", "ID-40", role="wfm", interpretations=("AMB-C-07", "A-04"),
)  # fmt: skip
def bad_certificates_are_turned_away(record: Record) -> Iterator[Judgement]:
    """Somebody with a bad certificate, or none, is refused before anything is said, and changes nothing."""
    for fact in record.facts_of("bad-certificate"):
        names = _statements(str(fact.data.get("clause")))
        yield from _turned_away(record, fact, names)
        yield from _sound_twins(record, fact, names)
        yield from _went_on(record, fact, names)


@check("ID-33", role="wfm")
def outdated_encryption_is_turned_down(record: Record) -> Iterator[Judgement]:
    """A client that offers TLS 1.1 at most gets no connection."""
    for fact, item in _older(record, "1.1 only"):
        if item.status is None and not refused_connections(record, fact.data.get("name")):
            yield unseen("an attempt with TLS 1.1", said(item), item)
            continue
        yield expect(item.status is None, "no connection", said(item), item)
        yield from _went_on(record, fact, ("ID-33",))


@check("ID-32", role="wfm")
def falling_back_is_noted(record: Record) -> Iterator[Judgement]:
    """TLS 1.2 may be offered to those who know nothing newer; whether it is, is for the record."""
    for fact, item in _older(record, "1.2 only"):
        cipher = (item.tls.cipher or "") if item.tls else ""
        refused = refused_connections(record, fact.data.get("name"))
        if item.status is None and not refused:
            yield unseen("an attempt with TLS 1.2", said(item), item)
            continue
        if item.status is None:
            yield expect(True, "TLS 1.2 refused, or as RFC 9325 has it", refused[0].reason, item, refused[0])
        else:
            good = cipher.startswith("ECDHE") and ("GCM" in cipher or "CHACHA20" in cipher)
            yield expect(good, "TLS 1.2 refused, or with a cipher of RFC 9325", cipher or "no cipher known", item)
        yield from _went_on(record, fact, ("ID-32",))


@check("ID-21", "ID-25", "SEC-003", role="wfm")
def sound_certificates_are_let_in(record: Record) -> Iterator[Judgement]:
    """A client with a sound certificate is served."""
    for fact in record.facts_of("sound-certificate"):
        item = exchange(record, fact.ref("exchange"))
        if item is not None:
            yield expect(item.status == 200, f"a certificate {fact.data.get('form')} served", said(item), item)


@check("ID-23", role="wfm")
def optional_keys_are_noted(record: Record) -> Iterator[Judgement]:
    """Other keys than P-256 are optional: let in or turned away, but never half."""
    for fact in record.facts_of("sound-certificate"):
        item = exchange(record, fact.ref("exchange"))
        if item is None:
            continue
        turned_away = bool(refused_connections(record, fact.data.get("name")))
        yield noted("let in or turned away", f"{fact.data.get('form')}: {said(item)}", item)
        whole = item.status == 200 or turned_away
        yield expect(whole, "served, or turned away at the connection", said(item), item)
        yield from _went_on(record, fact, ("ID-23",))


@check("SEC-005", role="wfm")
def a_renewed_certificate_is_the_same_client(record: Record) -> Iterator[Judgement]:
    """The caller is the SPIFFE ID: who renewed a certificate finds what was there before, with either one."""
    for fact in record.facts_of("renewed"):
        before, after = (exchange(record, fact.ref(name)) for name in ("before", "after"))
        again, old = (exchange(record, fact.ref(name)) for name in ("again", "old"))
        if before is None or before.status != 200:
            yield unseen("a client that was served before", said(before) if before else "nothing", before)
            continue
        if after is not None:
            same = after.status == 200 and after.response_header("ETag") == before.response_header("ETag")
            wanted, found = f"the manifest {before.response_header('ETag')}", after.response_header("ETag")
            yield expect(same, wanted, f"{said(after)} {found}", after)
        for item, which in ((again, "renewed"), (old, "old")):
            if item is not None:
                known = item.status == 200
                yield expect(known, f"the device known with the {which} certificate (200)", said(item), item)


@check("ID-36", "ID-57", role="wfm", interpretations=("A-23",))
def connections_end_with_their_certificate(record: Record) -> Iterator[Judgement]:
    """A connection does not go on for long when the certificate it was made with has expired."""
    for fact in record.facts_of("expired-meanwhile"):
        before, after = exchange(record, fact.ref("before")), exchange(record, fact.ref("after"))
        if before is None or after is None or before.status != 200:
            yield unseen("a client that was served before", said(before) if before else "nothing", before)
            continue
        late = _seconds_late(fact, before, after)
        if late is None or late < MARGIN_S:
            by_wfm = "unknown, since the WFM gives no Date" if late is None else f"{late:.1f} s after its end"
            yield unseen(f"a request {MARGIN_S:g} s after the certificate's end by the WFM's clock", by_wfm, after)
            continue
        yield from _ended(record, fact, after)


@check("ID-38", role="wfm", interpretations=("A-23",))
def resumption_does_not_prolong(record: Record) -> Iterator[Judgement]:
    """A TLS session that is resumed after the certificate expired does not let its client in again."""
    for fact in record.facts_of("resumed"):
        item = exchange(record, fact.ref("exchange"))
        if item is None:
            continue
        if not fact.data.get("offered"):
            yield expect(True, "no resumption, or one that ends in time", "no session to resume was given", fact)
        elif accepted(item) or _refused(record, item, fact.data.get("name")):
            yield expect(not accepted(item), "not served", said(item), item, fact)
        else:
            yield unseen("a resumption that is refused", said(item), item, fact)


@check(
    "SEC-011", "SEC-012", "ID-37", "ID-53", "ID-54", "ID-55", "DS-077", role="wfm"
)  # fmt: skip
def retired_clients_are_not_served(record: Record) -> Iterator[Judgement]:
    """A client whose relationship has ended is refused every request with 403, others are served as before."""
    for fact in record.facts_of("retired"):
        late = [item for item in record.exchanges if item.client == fact.data.get("client") and item.at > fact.at]
        if not late:
            yield unseen("requests of the retired client", "none", fact)
        for item in late:
            yield expect(item.status == 403, "403", said(item), item)
        yield from _went_on(record, fact, None)


@check("SEC-013", "ID-56", role="wfm", interpretations=("AMB-C-01", "A-01"))
def retired_clients_are_told_so(record: Record) -> Iterator[Judgement]:
    """The refusal of a retired client is a problem of the type `#not-authorized`."""
    for fact in record.facts_of("retired"):
        for item in record.exchanges:
            if item.client == fact.data.get("client") and item.at > fact.at:
                kind = problem_type(item)
                right = f"{NAMESPACE}#not-authorized"
                if told_by_prose(item):
                    yield noted(right, f"{kind}, as the prose has it (AMB-C-01)", item)
                else:
                    yield expect(item.status == 403 and kind == right, f"403 with type {right}", said(item), item)


def _ended(record: Record, fact: Fact, after: Exchange) -> Iterator[Judgement]:
    """Judge what became of a client whose certificate has expired; others must fare as before."""
    if accepted(after):
        # the limit is policy, only to be short against lifetimes: what is seen here is no proof of a breach
        yield noted("an end of the connection soon", "still served after the end of validity", after)
        return
    if not _refused(record, after, fact.data.get("name")):
        yield unseen("a refusal: the connection closed, a failed handshake, 401 or 403", said(after), after)
        return
    yield expect(True, "not served any longer", said(after), after)
    others = [poll for poll in record.polls if poll.at > after.at and poll.client in _clients(record)]
    for poll in others[:1]:
        if poll.status is None:
            yield unseen("other clients served as before", said(poll), poll)
        else:
            yield expect(poll.status == 200, "other clients served as before", said(poll), poll)


def _refused(record: Record, item: Exchange, name: object) -> bool:
    """Whether the WFM refused a request: with 401 or 403, or by ending the connection (AMB-C-07)."""
    if item.status is not None:
        return item.status in (401, 403)
    return any(item.at <= refusal.at <= item.finished for refusal in refused_connections(record, name))


def _seconds_late(fact: Fact, before: Exchange, after: Exchange) -> float | None:
    """Give how long after the certificate's end a request was made at least, by the WFM's clock; None when unknown.

    `Date` tells that clock when the WFM answered before, rounded down to whole seconds.
    """
    ends, then = fact.data.get("ends"), told_time(before)
    if not isinstance(ends, int | float) or then is None:
        return None
    return then + (after.at - before.finished) - ends


def _clients(record: Record) -> frozenset[str]:
    """Give the identities of the clients of the scenario itself, rather than of attempts."""
    return frozenset(str(fact.data.get("identity")) for fact in record.facts_of("client"))


def _turned_away(record: Record, fact: Fact, names: Iterable[str]) -> Iterator[Judgement]:
    """Judge each attempt: turned away by the WFM, at the connection or (AMB-C-07) with 401 or 403."""
    attempts = [exchange(record, number) for number in fact.refs.get("exchanges", ())]
    refused = refused_connections(record, fact.data.get("name"))
    for item in attempts:
        if item is None:
            continue
        defect = fact.data.get("defect")
        if item.status in (401, 403):
            yield noted(f"the connection refused: {defect}", f"{said(item)} (AMB-C-07)", item, only=names)
            yield expect(True, f"refused: {defect}", said(item), item, only=names)
        elif item.status is not None:
            yield expect(False, f"refused: {defect}", said(item), item, only=names)
        elif refused:
            yield expect(True, f"refused: {defect}", refused[0].reason, item, refused[0], only=names)
        else:
            yield unseen(f"refused: {defect}", said(item), item, only=names)


def _sound_twins(record: Record, fact: Fact, names: Iterable[str] | None) -> Iterator[Judgement]:
    """Judge that the same identity with a sound certificate was served before and after, and found nothing changed."""
    for where in ("before", "after"):
        items = [exchange(record, number) for number in fact.refs.get(where, ())]
        if not items:
            yield unseen(f"a sound certificate {where}", "none was presented", fact, only=names)
        for item in items:
            yield expect(
                accepted(item), f"a sound certificate served {where}", said(item) if item else None, item, only=names
            )
            if item is not None and item.operation == "report-capabilities" and where == "after":
                yield expect(item.status == 201, "201: nobody reported it before", said(item), item, only=names)


def _went_on(record: Record, fact: Fact, names: Iterable[str] | None) -> Iterator[Judgement]:
    """Judge that good clients were served before and after, and found nothing changed."""
    others = _clients(record) - {fact.data.get("client")}
    good = [poll for poll in record.polls if poll.client in others]
    for where, found in (
        ("before", [poll for poll in good if poll.at < fact.at][-1:]),
        ("after", [poll for poll in good if poll.at > fact.at][:1]),
    ):
        if not found:
            yield unseen(f"a good client {where}", "none", fact, only=names)
        for poll in found:
            yield expect(poll.status == 200, f"a good client served {where}", said(poll), poll, only=names)
    for item in sent(record.since(fact), "report-capabilities"):
        if item.good:
            created = item.exchange.status == 201
            yield expect(created, "201: nobody reported it before", said(item.exchange), item.exchange, only=names)


def _older(record: Record, offer: str) -> Iterator[tuple[Fact, Exchange]]:
    for fact in record.facts_of("older-tls-offered"):
        item = exchange(record, fact.ref("exchange"))
        if item is not None and fact.data.get("offer") == offer:
            yield fact, item


def _statements(clause: str) -> tuple[str, ...]:
    """Give the statements that an attempt with a broken clause speaks for."""
    if clause in _CHAIN:
        return (*ALWAYS, *_CHAIN)
    more = {
        "ID-07": ("ID-14", "ID-50"),
        "ID-14": ("ID-14", "ID-50"),
        "none": ("SEC-002", "ID-30"),
        "forwarded": ("SEC-002", "ID-30", "ID-40"),
    }
    return (*ALWAYS, *more.get(clause, (clause,)))
