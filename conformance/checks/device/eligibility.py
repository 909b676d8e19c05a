"""Where a deployment may go: eligibility rules, and deployments for other devices."""

from collections.abc import Iterator

from conformance.checks.device.evidence import (
    RUNNING,
    installed,
    polls_after,
    publication,
    reports_after,
    served_version,
)
from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, check, expect, noted, unseen


@check(
    "AD-024",
    "DEP-02",
    "SEL-06",
    "SEL-08",
    "SEL-09",
    "SEL-10",
    role="device",
    interpretations=("AMB-C-14", "A-14", "A-16"),
)
def ineligible_deployment_is_not_installed(record: Record, deployment: str) -> Iterator[Judgement]:
    """A deployment whose eligibility rules the device does not meet is never installed."""
    yield from _never_installed(record, deployment, "never installing or installed")


@check("AD-024", "DEP-02", "SEL-06", "SEL-08", "SEL-09", "SEL-10", role="device", interpretations=("A-14",))
def eligible_deployment_is_installed(record: Record, deployment: str) -> Iterator[Judgement]:
    """A deployment whose eligibility rules the device meets is installed."""
    fact = publication(record, deployment)
    if fact is None or served_version(record, fact.data["version"]) is None:
        yield unseen("installed", "the deployment was never offered")
        return
    last = record.last_report(deployment)
    found = f"{last.state}: {last.error}" if last else "no report"
    yield expect(installed(record, fact) is not None, fact, expected="installed", found=found)


@check("AD-006", "DS-076", role="device")
def deployment_for_another_is_not_installed(record: Record, deployment: str) -> Iterator[Judgement]:
    """A deployment that is for another device is not installed."""
    yield from _never_installed(record, deployment, "not installed here")


@check("DC-022", role="device")
def cores_are_not_added_up(record: Record, deployment: str) -> Iterator[Judgement]:
    """A deployment that needs more cores than any one CPU has is not installed, however many all have together."""
    yield from _never_installed(record, deployment, "not installed: no one CPU has the cores")


def _never_installed(record: Record, deployment: str, expected: str) -> Iterator[Judgement]:
    fact = publication(record, deployment)
    offer = served_version(record, fact.data["version"]) if fact else None
    if fact is None or offer is None:
        yield unseen(expected, "the deployment was never offered")
        return
    reports = reports_after(record, fact.at, deployment)
    bad = [report for report in reports if report.state in RUNNING]
    if not bad and len(polls_after(record, offer.exchange.finished)) < 2:
        yield unseen(expected, "fewer than two polls came afterwards", offer.exchange)
        return
    found = ", ".join(str(report.state) for report in reports) or "silence"
    shown = [report.exchange for report in (bad or reports)[:3]]
    yield expect(not bad, fact, *shown, expected=expected, found=found)
    if not bad:
        yield noted(f"the device said: {found} (AMB-C-14)", *shown, expected="failed, or silence")
    seen = record.last_fact("workloads")
    if seen is not None and seen.at > offer.exchange.at:
        there = deployment in seen.data["running"]
        yield expect(not there, seen, expected="it does not run", found="it runs" if there else "it does not run")
