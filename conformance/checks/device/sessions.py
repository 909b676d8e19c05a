"""How a device speaks TLS with a WFM that knows nothing newer than TLS 1.2, and the sessions that it resumes."""

from collections.abc import Iterator

from conformance.checks.device.evidence import management
from conformance.checks.device.silence import polls_again
from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, check, expect, noted, unseen
from conformance.record.events import Exchange

FORBIDDEN = ("NULL", "RC4", "EXP", "DES-CBC-", "aNULL", "ADH", "AECDH")
"""What the names of ciphers hold that nobody may negotiate (RFC 9325, section 4.1)."""
RECOMMENDED = ("GCM", "CHACHA20", "CCM")


@check("ID-32", role="device")
def falling_back_keeps_to_the_rules(record: Record) -> Iterator[Judgement]:
    """A WFM that speaks TLS 1.2 alone is left, or spoken to with a cipher that RFC 9325 allows."""
    fact = record.last_fact("older-tls")
    expected = "no connection, or TLS 1.2 with a cipher that RFC 9325 allows"
    if fact is None:
        yield unseen(expected, "the WFM always spoke TLS 1.3")
        return
    end = min((item.at for item in record.facts_of("newest-tls") if item.at > fact.at), default=float("inf"))
    tried = [item for item in record.connections if fact.at < item.at < end]
    made = [item for item in tried if item.outcome == "established" and item.tls and item.tls.version == "TLSv1.2"]
    if not tried:
        yield unseen(expected, "the device did not connect", fact)
    elif not made:
        yield expect(True, fact, *tried[:2], expected=expected, found=f"{len(tried)} attempts, none established")
    for item in made[:3]:
        cipher = (item.tls.cipher if item.tls else None) or "an unknown cipher"
        if not any(word in cipher for word in (*RECOMMENDED, *FORBIDDEN)):
            yield noted(f"{cipher}, which RFC 9325 does not recommend", item, expected=expected)
        forbidden = any(word in cipher for word in FORBIDDEN)
        yield expect(not forbidden, fact, item, expected=expected, found=cipher)


@check("ID-31", role="device")
def newest_tls_is_spoken_again(record: Record) -> Iterator[Judgement]:
    """Once the WFM speaks TLS 1.3 again, the device comes with it, whatever it had to do with before."""
    fact = record.last_fact("newest-tls")
    if fact is None:
        yield unseen("requests with TLS 1.3", "the WFM always spoke it")
        return

    def newest(poll: Exchange) -> bool:
        return poll.tls is not None and poll.tls.version == "TLSv1.3"

    expected, found = "requests with TLS 1.3", "{} polls with it"
    yield from polls_again(record, fact.at, fact, expected=expected, right=newest, found=found)


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
