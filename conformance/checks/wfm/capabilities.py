"""Reports of devices: taken when they are right, refused when they are not, and never mixed up."""

from collections.abc import Iterator

from conformance.checks.evidence import Record, parsed
from conformance.checks.registry import Judgement, check
from conformance.checks.wfm.history import history, refusals, sent
from conformance.checks.wfm.judged import accepted, exchange, expect, noted, said, unseen

REPORTS = ("report-capabilities", "withdraw-capabilities")


@check("DC-040", role="wfm", interpretations=("AMB-X-25",))
def new_devices_are_told_from_known_ones(record: Record) -> Iterator[Judgement]:
    """A report of a new device is answered 201, of a known one 200; a withdrawal 204, or 404 when it is unknown."""
    yield from history(record, *REPORTS)


@check("DC-006", "DC-007", role="wfm", interpretations=("AMB-X-26",))
def well_formed_ids_are_taken(record: Record) -> Iterator[Judgement]:
    """A device id of unreserved characters, in one part or several, is taken."""
    for item in sent(record, "report-capabilities"):
        if item.good:
            yield expect(accepted(item.exchange), f"device {item.subject} taken", said(item.exchange), item.exchange)


@check("DC-006", "DC-007", role="wfm")
def malformed_ids_are_refused(record: Record) -> Iterator[Judgement]:
    """A device id with other characters or an empty part is refused."""
    yield from refusals(record, "report-capabilities")


@check("DC-040", role="wfm", interpretations=("AMB-X-20", "AMB-X-22"))
def wrong_reports_are_refused(record: Record) -> Iterator[Judgement]:
    """A report that cannot be parsed is a 400, one that is wrong a 422, and neither changes anything."""
    yield from refusals(record, "report-capabilities")


@check("DC-040", "ERR-007", role="wfm")
def unknown_devices_cannot_be_withdrawn(record: Record) -> Iterator[Judgement]:
    """Withdrawing a device that was never reported is a 404 of its own type."""
    yield from refusals(record, *REPORTS)


@check("DC-034", "GW-02", "DC-008", role="wfm")
def devices_wait_for_their_gateway(record: Record) -> Iterator[Judgement]:
    """A device whose gateway has not been reported is refused, and taken once the gateway is known."""
    yield from refusals(record, *REPORTS)


@check("DC-026", "DC-027", "DEV-08", role="wfm", interpretations=("AMB-C-12",))
def unknown_kinds_are_taken_as_custom(record: Record) -> Iterator[Judgement]:
    """A runtime or deployment type that the WFM does not know is treated as `custom`."""
    for fact in record.facts_of("unknown-kinds"):
        item = exchange(record, fact.ref("exchange"))
        if item is None:
            continue
        if item.status == 422:
            yield noted("the report taken", f"{said(item)}, as a closed enumeration has it (AMB-C-12)", item)
            continue
        yield expect(accepted(item), "the report taken", said(item), item)
        shown = fact.data.get("shown")
        if isinstance(shown, list) and shown:
            yield expect("custom" in shown, "shown as custom", shown, fact)


@check("DC-038", "DC-039", "EXT-001", "EXT-002", "EXT-01", role="wfm")
def unknown_extensions_do_no_harm(record: Record) -> Iterator[Judgement]:
    """A report with extensions that nobody knows is taken like one without."""
    reports = [item for item in sent(record, "report-capabilities") if item.good]
    with_them = [item for item in reports if b"-extensions" in (item.exchange.request.data or b"")]
    if not with_them or len(with_them) == len(reports):
        yield unseen("a report with and one without extensions", f"{len(with_them)} of {len(reports)} with")
    for item in reports:
        yield expect(accepted(item.exchange), "the report taken", said(item.exchange), item.exchange)


@check("SEC-007", "SEC-008", "SEC-009", "ID-49", role="wfm")
def the_operator_sees_what_was_reported(record: Record) -> Iterator[Judgement]:
    """A device appears under the client that reported it, with what was reported last."""
    for fact in record.facts_of("operator-view"):
        reports = [
            item
            for item in sent(record.before(fact.at), "report-capabilities")
            if item.good and item.exchange.client == fact.data.get("client") and item.subject == fact.data.get("device")
        ]
        if not reports:
            continue
        said_of_it = (parsed(reports[-1].exchange.request.readable) or {}).get("properties")
        shown = fact.data.get("properties")
        held = "as reported" if shown == said_of_it else f"as {shown}"
        yield expect(shown == said_of_it, f"device {reports[-1].subject} as reported", held, reports[-1].exchange, fact)


@check("ERR-017", "PRB-05", role="wfm")
def wrong_fields_are_named(record: Record) -> Iterator[Judgement]:
    """A 422 names each field that is wrong."""
    for item in sent(record, "report-capabilities"):
        if item.good:
            continue
        if item.exchange.status != 422:
            yield unseen("a 422", said(item.exchange), item.exchange)
            continue
        if item.exchange.response.cut:
            yield unseen("the field that is wrong", "the answer is too large to be recorded", item.exchange)
            continue
        errors = (parsed(item.exchange.response.readable) or {}).get("errors")
        fields = [str(one.get("field")) for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
        yield expect(fields, "the field that is wrong", ", ".join(fields) or "no field named", item.exchange)
