"""Watching, in every scenario, how often the device asks, and how the states that it reports follow each other."""

from collections.abc import Iterator
from itertools import pairwise
from statistics import median

from conformance.checks.evidence import Offer, Record, Report, asked_at
from conformance.checks.registry import Judgement, check, expect, noted
from conformance.record.events import Exchange

FEWEST_GAPS = 3
"""So many distances between polls have to be seen before they are called usual."""
FAR_TOO_OFTEN, FAR_TOO_SELDOM = 0.5, 3.0
"""The part of the declared distance below which, and the multiple above which, polls clearly do not keep it."""
INTERRUPTIONS = frozenset(
    {
        "configured",
        "credential-given",
        "disturbed",
        "factory-reset",
        "hook",
        "network-cut",
        "network-restored",
        "power-cut",
        "powered-up",
        "presented",
        "rebooted",
        "recovered",
        "reinstated",
        "replaced",
        "retired",
        "wfm-started",
        "wfm-stopped",
    }
)
"""What the bench does that is a reason to ask at another time than usual."""
RUNNING = ("pending", "installing", "installed")
"""What is said of a deployment that is wanted."""
USUAL_NEXT = {
    "pending": ("installing", "installed", "failed", "removing"),
    "installing": ("pending", "installed", "failed", "removing"),
    "installed": ("pending", "installing", "failed", "removing"),
    "failed": ("pending", "installing", "installed", "removing"),
    "removing": ("removed", "failed"),
    "removed": ("pending", "installing"),
}
"""The states that follow each other in an ordinary life; the text has no table, so that others are only told."""


@check("DT-005", role="device", monitor=True, interpretations=("AMB-X-31",))
def polls_keep_the_declared_distance(record: Record) -> Iterator[Judgement]:
    """While nothing happens, polls are not clearly closer together than the supplier declares."""
    fact = record.last_fact("provisioned")
    declared = fact.data.get("pollInterval") if fact else None
    gaps = _undisturbed_gaps(record)
    if not declared or len(gaps) < FEWEST_GAPS:
        return
    usual = median(gap for gap, _, _ in gaps)
    shown = gaps[0][1:]
    expected, found = f"one poll in {declared:g} s", f"usually one in {usual:.3g} s"
    if usual > FAR_TOO_SELDOM * declared:
        yield noted(found, *shown, expected=expected)
    else:
        yield expect(usual >= FAR_TOO_OFTEN * declared, *shown, expected=expected, found=found)


def _undisturbed_gaps(record: Record) -> list[tuple[float, Exchange, Exchange]]:
    """Give the seconds from a poll that had nothing new to the next poll, where the bench did nothing in between."""
    breaks = [moment for item in record.facts if item.kind in INTERRUPTIONS for moment in (asked_at(item), item.at)]
    return [
        (later.at - earlier.at, earlier, later)
        for earlier, later in pairwise(record.polls)
        if earlier.status == 304
        and earlier.fault is None
        and later.connection == earlier.connection
        and not any(earlier.at <= moment <= later.at for moment in breaks)
        and not _reconfigured(record, earlier)
    ]


def _reconfigured(record: Record, poll: Exchange) -> bool:
    """Whether the user had told the device to poll at another rate."""
    return any("poll_s" in fact.data for fact in record.facts_of("configured") if asked_at(fact) <= poll.at)


@check("ST-001", "DS-073", role="device", monitor=True)
def what_is_removed_stays_removed(record: Record) -> Iterator[Judgement]:
    """A deployment that was removed because it left the desired state comes back only when it is desired again."""
    expected = "a state other than removed only after the deployment was offered again"
    for name in dict.fromkeys(report.deployment_id for report in record.reports):
        for earlier, later in pairwise(record.reports_of(name)):
            left = _left(record, earlier)
            if earlier.state != "removed" or left is None:
                continue
            back = later.state in RUNNING
            right = not back or _offered(record, name, left, later) or _reset_between(record, earlier, later)
            found = f"{later.state} after removed"
            yield expect(right, left.exchange, earlier.exchange, later.exchange, expected=expected, found=found)


def _left(record: Record, removed: Report) -> Offer | None:
    """Give the last desired state before a report that did not name its deployment; None when all of them did."""
    before = [item for item in record.offers if item.exchange.fault is None and item.exchange.at < removed.exchange.at]
    without = [item for item in before if not _names(item, removed.deployment_id)]
    return without[-1] if without else None


def _names(offer: Offer, deployment: str) -> bool:
    return any(entry.get("deploymentId") == deployment for entry in offer.refs)


def _offered(record: Record, deployment: str, since: Offer, until: Report) -> bool:
    return any(
        since.exchange.at < offer.exchange.at < until.exchange.at and _names(offer, deployment)
        for offer in record.offers
    )


def _reset_between(record: Record, earlier: Report, later: Report) -> bool:
    resets = record.facts_of("factory-reset")
    return any(earlier.exchange.at < fact.at < later.exchange.at for fact in resets)


@check("DS-002", role="device", monitor=True, observes=True, interpretations=("AMB-X-18",))
def unusual_changes_of_state_are_told(record: Record) -> Iterator[Judgement]:
    """Changes of state that are out of the ordinary are told; no text forbids them."""
    for name in dict.fromkeys(report.deployment_id for report in record.reports):
        odd = [
            (earlier, later)
            for earlier, later in pairwise(record.reports_of(name))
            if earlier.state != later.state and later.state not in USUAL_NEXT.get(str(earlier.state), RUNNING)
        ]
        if odd:
            found = ", ".join(f"{later.state} after {earlier.state}" for earlier, later in odd)
            yield noted(found, *[later.exchange for _, later in odd[:3]], expected="(no order of states is defined)")
