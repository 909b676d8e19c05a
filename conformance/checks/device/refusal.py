"""A desired state that is wrong is refused whole: nothing is adopted, and what ran before stays."""

from collections.abc import Iterator

from conformance.checks.device.evidence import (
    damaged_fetches,
    polls_after,
    reports_after,
    servings,
    signs_of_adoption,
    told,
)
from conformance.checks.device.silence import silence
from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, check, expect, noted, unseen
from conformance.record.events import Fact

NOTHING = "nothing of it was adopted"


def _refused(record: Record, expected: str, *, fetching: bool = False) -> Iterator[Judgement]:
    """Judge the newest offer: it was fetched, the window of two more polls went by, and nothing shows adoption."""
    offer = record.last_fact("offered")
    if offer is None:
        yield unseen(expected, "nothing wrong was offered")
        return
    met = damaged_fetches(record, offer) if offer.data.get("damaged") else servings(record, offer)
    signs = signs_of_adoption(record, offer, fetching=fetching)
    if offer.data.get("damaged") and not met:
        yield unseen(expected, "the device never fetched what is damaged", offer)
    elif signs:
        shown = [event for _, event in signs][:5]
        yield expect(False, *met[:1], *shown, expected=expected, found=told(signs, NOTHING))
    elif not met:
        yield unseen(expected, "the device never fetched it", offer)
    elif len(polls_after(record, met[0].finished)) < 2:
        yield unseen(expected, "fewer than two polls came afterwards", *met[:1])
    else:
        yield expect(True, *met[:1], *record.polls[-1:], expected=expected, found=NOTHING)


@check("DS-070", role="device")
def refusal_is_logged(record: Record) -> Iterator[Judgement]:
    """A state that is refused since it is not newer is logged as a security event."""
    offer, log = record.last_fact("offered"), record.last_fact("security-log")
    if offer is None or log is None or log.at < offer.at or not servings(record, offer):
        yield unseen("a security event in the log", "no older state was served, or the log was not read")
        return
    entries = log.data["entries"]
    found = f"{len(entries)} security events" + (f", the last: {entries[-1]}" if entries else "")
    yield expect(bool(entries), servings(record, offer)[0], log, expected="a security event in the log", found=found)


@check("DS-069", role="device", interpretations=("AMB-X-12",))
def older_or_equal_state_is_refused(record: Record) -> Iterator[Judgement]:
    """A desired state whose version is not above the one that is held is refused, and nothing is fetched for it."""
    yield from _refused(record, "refused: its version is not above the one that is held", fetching=True)


@check("DS-029", "DS-030", "DS-053", "DS-054", role="device", interpretations=("AMB-X-14",))
def damaged_content_is_refused(record: Record) -> Iterator[Judgement]:
    """Content without the digest that the manifest names aborts the update, and the former state stays."""
    yield from _refused(record, "the update is aborted, the former state stays")


@check("DS-030", "DS-054", role="device", interpretations=("AMB-X-14",))
def damaged_archive_is_not_gone_around(record: Record) -> Iterator[Judgement]:
    """A damaged archive aborts the update, even where the deployments could be had one by one."""
    offer = record.last_fact("offered")
    if offer is not None and servings(record, offer) and not damaged_fetches(record, offer):
        yield noted("the device fetches deployments one by one, and never the archive", *servings(record, offer)[:1])
    else:
        yield from _refused(record, "the update is aborted, the former state stays")


@check("DS-055", "DS-049", role="device")
def unsupported_algorithm_is_refused(record: Record) -> Iterator[Judgement]:
    """A digest of an unsupported algorithm makes the whole manifest invalid, and processing stops there."""
    yield from _refused(record, "the whole manifest is invalid, nothing is fetched", fetching=True)


@check("DS-039", "ST-022", role="device")
def malformed_state_is_refused(record: Record) -> Iterator[Judgement]:
    """A desired state that cannot be read changes nothing: nothing is removed and no version is claimed."""
    yield from _refused(record, "refused whole, polling goes on")


@check("ST-022", "ST-021", role="device")
def fetched_version_is_not_claimed(record: Record, deployment: str) -> Iterator[Judgement]:
    """The version of a manifest that was only fetched is not reported as adopted."""
    offer = record.last_fact("offered")
    fetched = damaged_fetches(record, offer) if offer else ()
    if offer is None or not fetched:
        yield unseen("the older version is reported", "the newer manifest was never taken up")
        return
    reports = reports_after(record, fetched[0].finished, deployment)
    claims = [report for report in reports if (report.version or 0) >= offer.data["version"]]
    expected = f"a version below {offer.data['version']}"
    if not reports:
        yield unseen(expected, "there was no report afterwards", fetched[0])
        return
    found = ", ".join(f"version {report.version}" for report in claims or reports)
    shown = [report.exchange for report in (claims or reports)[:3]]
    yield expect(not claims, fetched[0], *shown, expected=expected, found=found)


@check("DS-038", "DS-044", role="device")
def missing_content_is_no_removal(record: Record, deployment: str, since: Fact) -> Iterator[Judgement]:
    """Content that cannot be found is not an order to remove anything."""
    missing = [item for item in record.fetches if item.status == 404 and item.at > since.at]
    expected = "nothing is removed"
    leaving = [
        report for report in reports_after(record, since.at, deployment) if report.state in ("removing", "removed")
    ]
    if not missing:
        yield unseen(expected, "the missing content was never asked for", since)
    elif not leaving and len(polls_after(record, missing[0].finished)) < 2:
        yield unseen(expected, "fewer than two polls came afterwards", missing[0])
    else:
        found = ", ".join(f"{report.state} was reported" for report in leaving) or "it stayed"
        yield expect(not leaving, missing[0], *[r.exchange for r in leaving[:3]], expected=expected, found=found)


@check("DS-022", "DS-026", role="device")
def stated_size_is_no_integrity(record: Record, deployment: str) -> Iterator[Judgement]:
    """A wrong size beside a right digest does not matter."""
    facts = [fact for fact in record.facts_of("published") if fact.data["deploymentId"] == deployment]
    last = record.last_report(deployment)
    right = bool(facts) and last is not None and last.state == "installed"
    right = right and last is not None and (last.version or 0) >= facts[-1].data["version"]
    found = f"{last.state} with version {last.version}" if last else "no report"
    if facts and not right and (why := silence(record, facts[-1].at)):
        yield unseen("installed, since the digests are right", why, facts[-1])
        return
    yield expect(right, *facts[-1:], expected="installed, since the digests are right", found=found)


@check("DS-069", role="device", observes=True, interpretations=("AMB-X-04",))
def large_versions_are_told_apart(record: Record) -> Iterator[Judgement]:
    """Versions beyond what a floating-point number can tell apart are told apart (AMB-X-04)."""
    facts = record.facts_of("published")
    large = [fact for fact in facts if fact.data["version"] > 2**53]
    reported = {report.version for report in record.reports}
    for fact in large:
        taken = fact.data["version"] in reported
        yield noted(f"version {fact.data['version']} {'was' if taken else 'was not'} adopted exactly", fact)
