"""TLS sessions that a device resumes."""

from collections.abc import Iterator

from conformance.checks.device.evidence import management
from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, check, expect, unseen


@check("ID-38", role="device", interpretations=("A-23",))
def resumption_ends_with_its_trust(record: Record) -> Iterator[Judgement]:
    """Once the anchor of a WFM is gone from the device's bundle, a session that began with it is not resumed."""
    expected = "no request on a session of before"
    offered, outlived = record.last_fact("sessions-offered"), record.last_fact("sessions-outlived")
    if offered is None or outlived is None:
        yield unseen(expected, "no session outlived its trust")
        return
    if not any(offered.at < poll.at < outlived.at for poll in record.polls):
        yield unseen(expected, "the device had no session that could be resumed", offered)
        return
    later = [item.at for item in record.facts_of("presented") if item.at > outlived.at]
    end = min(later, default=float("inf"))
    attempts = [item for item in record.facts_of("connecting") if outlived.at < item.at < end]
    resumed = [item for item in record.facts_of("session-resumed") if outlived.at < item.at < end]
    sent = [item for item in management(record) if outlived.at < item.at < end]
    if not attempts and not resumed and not sent:
        yield unseen(expected, "the device did not connect", outlived)
    elif sent and not resumed:
        yield unseen(expected, "the device took the WFM without its anchor, on a session of its own", outlived, sent[0])
    else:
        found = f"{len(attempts)} connections, {len(resumed)} resumed, {len(sent)} requests"
        yield expect(not resumed, outlived, *resumed[:2], *sent[:2], *attempts[:1], expected=expected, found=found)
