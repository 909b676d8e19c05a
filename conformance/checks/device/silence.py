"""When it says something of a device that no poll came, and when it says nothing.

A device whose distance of polls is known, since the bench sets it or its statement gives it, should have come by the
end of a deadline that was made of it. One of which nobody knows that may be about to come: it is held against it only
that it tried in vain.
"""

from collections.abc import Callable, Iterator

from conformance.checks.device.evidence import management, polls_after
from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, expect, unseen
from conformance.record.events import Exchange, _Event

STATE_THE_PACE = "with `poll-interval:` in the statement the suite knows how long to wait"


def pace_is_known(record: Record) -> bool:
    """Whether the bench knows how long to wait for a poll: it sets the distance itself, or the statement gives it."""
    provisioned = record.last_fact("provisioned")
    return provisioned is None or provisioned.data.get("pollInterval") is not None


def silence(record: Record, at: float) -> str:
    """Say why it says nothing of a device that it has not polled since a moment; empty where it does say something."""
    if pace_is_known(record) or polls_after(record, at):
        return ""
    requests = [item for item in management(record) if item.at >= at]
    answered = [item for item in requests if item.status is not None]
    tries = [item for item in (*requests, *record.connections, *record.facts_of("connecting")) if item.at >= at]
    if not tries:
        return f"no attempt to connect; {STATE_THE_PACE}"
    return f"{len(answered)} requests, and no poll among them; {STATE_THE_PACE}" if answered else ""


def polls_again(
    record: Record,
    at: float,
    *shown: _Event,
    expected: str,
    right: Callable[[Exchange], bool] | None = None,
    found: str = "{} polls since then",
) -> Iterator[Judgement]:
    """Hold that the device polls after a moment, with polls that are `right`; `found` has braces for their number."""
    good = [poll for poll in polls_after(record, at) if right is None or right(poll)]
    if why := silence(record, at):
        yield unseen(expected, why, *shown)
    else:
        yield expect(bool(good), *shown, *good[:1], expected=expected, found=found.format(len(good)))
