"""How a device behaves when the WFM answers with an error: when it asks again, and what it makes of the answer."""

from collections.abc import Iterator
from itertools import pairwise

from conformance.checks.device.evidence import management, usual_interval
from conformance.checks.device.silence import polls_again, silence
from conformance.checks.evidence import Record, problem_of
from conformance.checks.registry import Judgement, check, expect, noted, unseen
from conformance.record.events import Exchange, Fact

TOLERANCE_S = 0.05
SHRINKING = 0.15
"""How much shorter than the one before a wait may be: room for jitter."""
ARTEFACTS = ("fetch-bundle", "fetch-deployment")
"""Two ways of fetching the same thing: the device chooses."""


def refusals(record: Record, answering: Fact) -> tuple[Exchange, ...]:
    """Give the requests that got the error answer."""
    operation, status = answering.data["operation"], answering.data["status"]
    operations = ARTEFACTS if operation in ARTEFACTS else (operation,)
    return tuple(
        item
        for item in management(record)
        if item.operation in operations and item.status == status and item.at >= answering.at and item.fault
    )


def next_of(record: Record, refused: Exchange) -> Exchange | None:
    """Give the next request for the same thing."""
    later = [
        item
        for item in management(record)
        if item.operation == refused.operation and item.params == refused.params and item.at >= refused.finished
    ]
    return later[0] if later else None


def _gaps(record: Record, answering: Fact) -> list[tuple[Exchange, Exchange, float]]:
    pairs = [(item, next_of(record, item)) for item in refusals(record, answering)]
    return [(item, again, again.at - item.finished) for item, again in pairs if again is not None]


def _not_before(record: Record, seconds: float, what: str) -> Iterator[Judgement]:
    answering = record.last_fact("answering")
    if answering is None or not refusals(record, answering):
        yield unseen(what, "the device never met the error")
        return
    gaps = _gaps(record, answering)
    if not gaps:
        yield unseen(what, "the device never asked again", *refusals(record, answering)[:1])
    for refused, again, gap in gaps:
        yield expect(gap >= seconds - TOLERANCE_S, refused, again, expected=what, found=f"again after {gap:.2f} s")


@check("RTY-006", "RTY-007", "ERR-014", role="device", interpretations=("AMB-C-18",))
def retry_after_is_respected(record: Record) -> Iterator[Judgement]:
    """The device does not ask again before the time that the WFM named is over."""
    answering = record.last_fact("answering")
    seconds = float(answering.data["headers"].get("Retry-After", 0)) if answering else 0.0
    yield from _not_before(record, seconds, f"not again within {seconds:g} s")


@check("ERR-015", role="device")
def header_wins_over_the_document(record: Record) -> Iterator[Judgement]:
    """Where the time in the header and the one in the problem document differ, the header counts."""
    answering = record.last_fact("answering")
    seconds = float(answering.data["headers"].get("Retry-After", 0)) if answering else 0.0
    yield from _not_before(record, seconds, f"not again within {seconds:g} s, as the header says")


@check("RTY-009", "ERR-016", role="device", interpretations=("AMB-C-18",))
def waits_do_not_shrink(record: Record) -> Iterator[Judgement]:
    """With the exponential strategy no wait is shorter than the time that was named, and none than the one before.

    By how much waits grow, and where they end, is not defined (AMB-C-18). A device that polls less often than that
    anyway shows nothing of the strategy.
    """
    answering = record.last_fact("answering")
    gaps = _gaps(record, answering) if answering else []
    expected = "no wait shorter than the named time, or than the one before"
    if answering is None or len(gaps) < 2:
        yield unseen(expected, f"{len(gaps)} waits were seen")
        return
    start = float(answering.data["problem"].get("retryAfterSeconds", 0))
    waits = [gap for _, _, gap in gaps]
    right = all(wait >= start - TOLERANCE_S for wait in waits)
    right = right and all(later >= earlier * (1 - SHRINKING) for earlier, later in pairwise(waits))
    found, shown = ", ".join(f"{wait:.2f} s" for wait in waits), [item for item, _, _ in gaps]
    usual = usual_interval(record, answering.at)
    if right and usual is not None and usual >= start:
        yield noted(f"{found}, with a poll every {usual:.2f} s anyway", *shown, expected=expected)
    else:
        yield expect(right, *shown, expected=expected, found=found)


@check("RTY-008", "ERR-003", "ERR-009", "PT-002", role="device")
def what_cannot_be_retried_is_not(record: Record) -> Iterator[Judgement]:
    """A report that the WFM refused for good is not sent again, whatever the status code says."""
    answering = record.last_fact("answering")
    refused = refusals(record, answering) if answering else ()
    expected = "not sent again"
    if not refused:
        yield unseen(expected, "the device never met the refusal")
        return
    again = [item for item in record.of("report-status") if item.at > refused[0].finished and _same(item, refused[0])]
    polls = [poll for poll in record.polls if poll.at > refused[0].finished]
    if not again and len(polls) < 2:
        yield unseen(expected, "fewer than two polls came afterwards", refused[0])
        return
    kind = problem_of(refused[0]).get("type")
    found = f"sent again {len(again)} times, after {kind}" if again else "not sent again"
    yield expect(not again, refused[0], *again[:2], expected=expected, found=found)


@check("RTY-008", "ERR-013", role="device")
def what_can_be_retried_is(record: Record) -> Iterator[Judgement]:
    """A report that the WFM could not take just then is sent again."""
    answering = record.last_fact("answering")
    refused = refusals(record, answering) if answering else ()
    if not refused:
        yield unseen("sent again", "the device never met the error")
        return
    later = [item for item in record.of("report-status") if item.at > refused[0].finished]
    same = [item for item in later if _same(item, refused[0])]
    newer = [item for item in later if item.params == refused[0].params]
    if newer and not same:
        yield noted("a newer report took its place", refused[0], newer[0], expected="sent again")
    elif not same and (why := silence(record, refused[0].finished)):
        yield unseen("sent again", why, refused[0])
    else:
        found = f"sent again {len(same)} times"
        yield expect(bool(same), refused[0], *same[:1], expected="sent again", found=found)


@check("ERR-003", "ERR-010", "PT-002", role="device", interpretations=("AMB-C-04",))
def unknown_problem_is_survived(record: Record) -> Iterator[Judgement]:
    """An answer with a problem type that the device does not know does not stop it."""
    answering = record.last_fact("answering")
    refused = refusals(record, answering) if answering else ()
    if not refused:
        yield unseen("it goes on", "the device never met the problem")
        return
    yield from polls_again(
        record,
        refused[-1].finished,
        refused[-1],
        expected="it goes on",
        right=lambda poll: poll.status in (200, 304),
        found="{} polls afterwards",
    )


@check("RTY-008", role="device")
def retired_device_does_not_hammer(record: Record) -> Iterator[Judgement]:
    """A device whose relationship has ended does not ask more often than before."""
    retired = record.last_fact("retired")
    refused = [poll for poll in record.polls if retired and poll.at > retired.at and poll.status == 403]
    before = [poll for poll in record.polls if retired and poll.at < retired.at]
    if len(refused) < 2 or len(before) < 2:
        yield unseen("not more often than before", f"{len(refused)} refused polls, {len(before)} before")
        return
    usual = min(later.at - earlier.finished for earlier, later in pairwise(before))
    gaps = [later.at - earlier.finished for earlier, later in pairwise(refused)]
    found = f"{min(gaps):.2f} s apart, {usual:.2f} s before"
    yield expect(min(gaps) >= usual * 0.5, *refused[:3], expected="not more often than before", found=found)


def _same(left: Exchange, right: Exchange) -> bool:
    return left.params == right.params and left.request == right.request
