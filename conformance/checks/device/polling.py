"""How a device asks for its desired state."""

from collections.abc import Iterator
from itertools import pairwise
from statistics import median

from conformance.checks.device.effects import setting_doubt
from conformance.checks.device.evidence import ONBOARDING, management, polls_after, usual_interval
from conformance.checks.device.silence import silence
from conformance.checks.evidence import Record, asked_at
from conformance.checks.registry import Judgement, check, expect, unseen
from conformance.record.events import Fact

SET_UP_S = 0.15
"""What a device may still be doing when a downtime is set."""
LONG_AGO = 3.0
"""After so many times the declared distance a poll that has not come is missing."""
OTHERWISE = 0.2
"""By how much of it the distance of polls has to change for it to be another one."""
CLEARLY_SHORTER = 0.5
"""How much of a downtime the usual time between polls may be, for silence in it to mean something."""


@check("DC-001", "DC-002", "SEC-009", "DEV-02", role="device")
def capabilities_are_reported_first(record: Record) -> Iterator[Judgement]:
    """A device that comes for the first time, or onboarded, reports its capabilities before it asks for anything."""
    reset = record.last_fact("factory-reset")
    sent = [item for item in management(record) if item.operation not in ONBOARDING]
    requests = [item for item in sent if reset is None or item.at > reset.at]
    if not requests:
        yield unseen("capabilities, before anything else", "the device made no request")
        return
    first = requests[0].operation
    expected = "capabilities are reported"
    yield expect(first == "report-capabilities", requests[0], expected=expected, found=first)
    reports = [item for item in requests if item.operation == "report-capabilities"]
    accepted = [item for item in reports if item.status in (200, 201)]
    found = f"{len(accepted)} of {len(reports)} reports accepted"
    yield expect(bool(accepted), *accepted[:1], expected="accepted by the WFM", found=found)


@check("DS-001", role="device")
def desired_state_is_asked_for_at_intervals(record: Record) -> Iterator[Judgement]:
    """The device asks for its desired state again and again."""
    polls, said = record.polls, _declared_interval(record)
    if len(polls) < 3:
        since = max((fact.at for fact in record.facts), default=0.0) - polls[-1].finished if polls else 0.0
        if said and since > said * LONG_AGO:
            found = f"{len(polls)} polls, and none within {since:.2f} s"
            yield expect(False, *polls, expected=f"polls, one in {said:g} s", found=found)
        else:
            yield unseen("polls at intervals", f"{len(polls)} polls")
        return
    gaps = [later.at - earlier.finished for earlier, later in pairwise(polls)]
    found = f"{len(polls)} polls, {min(gaps):.2f} s to {max(gaps):.2f} s apart"
    yield expect(True, *polls[:3], expected="polls at intervals", found=found)


def _declared_interval(record: Record) -> float | None:
    """Give the seconds between two polls that the supplier declares; None where nothing is declared."""
    fact = record.last_fact("provisioned")
    return fact.data.get("pollInterval") if fact else None


@check("DS-001", "DS-002", role="device")
def nothing_is_invented(record: Record) -> Iterator[Judgement]:
    """With nothing desired, nothing is installed and nothing is reported."""
    if len(record.polls) < 3:
        yield unseen("no deployment is reported", f"{len(record.polls)} polls")
        return
    reports = [report.exchange for report in record.reports]
    found = f"{len(reports)} status reports"
    yield expect(not reports, *reports[:3], *record.polls[-1:], expected="no deployment is reported", found=found)
    for seen in record.facts_of("workloads"):
        running = ", ".join(seen.data["running"]) or "nothing"
        yield expect(not seen.data["running"], seen, expected="nothing runs", found=running, of=("DS-002",))


@check("DS-068", role="device")
def polls_carry_the_adopted_tag(record: Record, since: Fact | None = None) -> Iterator[Judgement]:
    """Once a desired state is applied, polls carry the tag that it was served with."""
    offers = [offer for offer in record.offers if offer.exchange.fault is None and offer.refs]
    polls = record.polls[-2:] if since is None else polls_after(record, since.at)[:1]
    if not offers or not polls:
        yield unseen("polls with the tag", "nothing was applied, or no poll came since")
        return
    wanted = offers[-1].etag
    found = ", ".join(poll.request_header("If-None-Match") or "none" for poll in polls)
    right = all(poll.request_header("If-None-Match") == wanted for poll in polls)
    yield expect(right, offers[-1].exchange, *polls, expected=f"{wanted}", found=found)


@check("DC-004", "DEV-06", role="device")
def changed_capabilities_are_reported(record: Record) -> Iterator[Judgement]:
    """When what was reported is no longer true, it is reported again."""
    fact = record.last_fact("configured")
    if fact is None:
        yield unseen("a new report", "nothing was changed")
        return
    reports = [item for item in record.capability_reports if item.at > asked_at(fact)]
    wanted = fact.data.get("serial", "")
    right = [item for item in reports if wanted in (item.request.text or "")]
    if not right and any(item.request.cut for item in reports):
        yield unseen(f"a report with {wanted}", "a report that is too large to be recorded", *reports[:3])
        return
    if not right and (why := silence(record, asked_at(fact)) or setting_doubt(fact, "serial")):
        yield unseen(f"a report with {wanted}", why, fact, *reports[:3])
        return
    found = f"{len(reports)} reports since then, {len(right)} with the new facts"
    yield expect(bool(right), fact, *reports[:3], expected=f"a report with {wanted}", found=found)


@check("DT-005", role="device", interpretations=("AMB-X-31",))
def configured_rate_is_kept(record: Record) -> Iterator[Judgement]:
    """Polls come at the distance that the user configured."""
    fact = record.last_fact("configured")
    polls = polls_after(record, fact.at)[1:] if fact else ()
    if fact is None or len(polls) < 3:
        yield unseen("polls at the configured distance", f"{len(polls)} polls since then")
        return
    wanted, usual = float(fact.data["poll_s"]), usual_interval(record, asked_at(fact))
    gaps = [later.at - earlier.at for earlier, later in pairwise(polls)]
    as_before = usual is None or abs(median(gaps) - usual) < usual * OTHERWISE
    if as_before and (why := setting_doubt(fact, "poll_s")):
        yield unseen(f"polls {wanted:g} s apart", f"{why}: polls come as before", fact, *polls)
        return
    found = ", ".join(f"{gap:.2f} s" for gap in gaps)
    right = all(gap >= wanted * 0.8 for gap in gaps)
    yield expect(right, fact, *polls, expected=f"polls {wanted:g} s apart", found=found)


@check("DT-004", role="device")
def configured_hours_are_kept(record: Record) -> Iterator[Judgement]:
    """Polls come only within the hours that the user configured."""
    fact = record.last_fact("configured")
    polls = polls_after(record, fact.at) if fact else ()
    if fact is None or not polls:
        yield unseen("polls within the hours", "no poll since then")
        return
    wait, found = float(fact.data["not_before_s"]), polls[0].at - asked_at(fact)
    expected, usual = f"no poll for {wait:g} s", usual_interval(record, asked_at(fact))
    early, doubt = found < wait * 0.9, setting_doubt(fact, "not_before_s")
    if doubt and (early or usual is None or usual > wait * CLEARLY_SHORTER):
        yield unseen(expected, f"{doubt}: the first after {found:.2f} s", fact, polls[0])
        return
    yield expect(not early, fact, polls[0], expected=expected, found=f"the first after {found:.2f} s")


@check("DT-002", "DT-003", role="device")
def downtime_is_kept(record: Record) -> Iterator[Judgement]:
    """In a downtime that the user configured the device does not try, and afterwards it goes on as if nothing was."""
    fact = record.last_fact("configured")
    if fact is None:
        yield unseen("no tries in the downtime", "none was configured")
        return
    length, usual = float(fact.data["downtime_s"]), usual_interval(record, asked_at(fact))
    if usual is None or usual > length * CLEARLY_SHORTER:
        often = "unknown" if usual is None else f"{usual:.2f} s"
        yield unseen(f"nothing for {length:g} s", f"the usual time between polls is {often}", fact)
        return
    begin, end = fact.at + SET_UP_S, asked_at(fact) + length * 0.9
    after = polls_after(record, end)
    if not after:
        yield unseen("polls after the downtime", "none came", fact)
        return
    tries = [item for item in record.facts_of("connecting") if begin < item.at < end]
    requests = [item for item in management(record) if begin < item.at < end]
    found = f"{len(tries)} connections and {len(requests)} requests in it"
    expected = f"nothing for {length:g} s, then polls"
    quiet = not tries and not requests
    if not quiet and (why := setting_doubt(fact, "downtime_s")):
        yield unseen(expected, f"{why}: {found}", fact, *requests[:3], *tries[:3])
        return
    yield expect(quiet, fact, *requests[:3], *tries[:3], after[0], expected=expected, found=found)
