"""Behaviours seen at run time and on the way: workloads that crash, proxies, and networks that are bad."""

from collections.abc import Iterator

from conformance.checks.device.declared import as_declared, declared
from conformance.checks.device.effects import setting_doubt
from conformance.checks.device.evidence import polls_after, publication, reports_after, revisions
from conformance.checks.device.silence import silence
from conformance.checks.device.tampering import deaths, doubt, last_tampering, shown, tamperings
from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, check, expect, noted, unseen

REPORTS_A_DEATH, REPORTS_BESIDES = 6, 4
"""Failed, and each step of several components until they run again; and what is told of other things meanwhile."""


@check("RS-01", role="device")
def crash_becomes_visible(record: Record, deployment: str) -> Iterator[Judgement]:
    """A workload that dies after it was installed becomes visible on the path that its supplier declares."""
    tampered = last_tampering(record, "stop-workload")
    if tampered is None or len(polls_after(record, tampered.at)) < 2:
        yield unseen("it becomes visible", "no workload died, or the device did not come back")
        return
    if why := doubt(record, tampered):
        yield unseen("it becomes visible", why, tampered, *shown(record, tampered))
        return
    reports = reports_after(record, tampered.at, deployment)
    bad = [report for report in reports if report.state == "failed"]
    found = f"status reports: {', '.join(str(report.state) for report in reports) or 'none'}"
    value, by = declared(record, "runtime-status"), [report.exchange for report in reports[:3]]
    # a device that reports drift says it on this path, whatever it declares of runtime status
    silent = not bad or declared(record, "drift") == "report"
    right = {"api": bool(bad), "both": bool(bad), "none": silent}.get(value or "", True)
    # whether telemetry tells it too is not seen: only what the API shows to be otherwise is held against anybody
    if value == "api" or not right:
        yield expect(right, tampered, *by, expected=f"as with runtime-status: {value}", found=found)
        return
    expected = f"as with runtime-status: {value}" if value else "(no runtime-status is declared)"
    yield noted(f"{found}; telemetry is not watched by this bench", tampered, *by, expected=expected)


@check("RS-02", role="device")
def flapping_is_bounded(record: Record, deployment: str) -> Iterator[Judgement]:
    """A workload that dies again and again does not flood the WFM, and the last report of it is true.

    Whatever is declared, a death has few states to tell: that it failed, and each step until it runs again.
    """
    stops, died = tamperings(record, "stop-workload"), deaths(record, deployment)
    seen, last = record.last_fact("workloads"), record.last_report(deployment)
    if len(stops) < 2 or seen is None or last is None or seen.at < stops[-1].at:
        yield unseen("few reports, the last one true", "no workload flapped, or what runs cannot be seen")
        return
    if len(died) < 2:
        why = next((why for stop in stops if (why := doubt(record, stop))), "it was seen dead only once")
        yield unseen("few reports, the last one true", why, *stops[:1], *shown(record, stops[0]))
        return
    reports = reports_after(record, died[0].at, deployment)
    most = REPORTS_A_DEATH * len(died) + REPORTS_BESIDES
    expected = f"at most {most} reports: {REPORTS_A_DEATH} of each death, and {REPORTS_BESIDES}"
    found = f"{len(reports)} reports of {len(died)} deaths"
    by = [item.exchange for item in reports[:: max(1, len(reports) // 3)]]
    yield expect(len(reports) <= most, died[0], *by, expected=expected, found=found)
    fact = publication(record, deployment)
    names = set(fact.data["components"]) if fact else set()
    runs = names <= set(seen.data["running"].get(deployment, {}))
    found = f"last reported {last.state}; {'it runs' if runs else 'it does not run'}"
    right = (last.state == "installed") == runs
    yield expect(right, last.exchange, seen, expected="the last report is true", found=found)


@check("NW-01", role="device")
def device_begins_every_connection(record: Record, deployment: str) -> Iterator[Judgement]:
    """The device installs and removes by its own requests alone: the WFM has no way in, and never connects to it."""
    facts = [fact for fact in record.facts_of("published") if fact.data["deploymentId"] == deployment]
    reports = record.reports_of(deployment)
    if not facts or not record.polls:
        yield unseen("it works without inbound connections", "nothing was published, or the device never asked")
        return
    states = [str(report.state) for report in reports]
    found = (
        f"it reported {', '.join(states)}; {len(record.connections)} connections came to the WFM, which opened none "
        "and knows no address of a device"
    )
    right = "installed" in states and "removed" in states
    shown = [report.exchange for report in reports[-2:]]
    if not right and (why := silence(record, facts[0].at)):
        yield unseen("installed and removed by its own requests alone", why, facts[0])
        return
    yield expect(right, facts[0], *shown, expected="installed and removed by its own requests alone", found=found)


@check("NW-02", role="device")
def proxy_is_used(record: Record) -> Iterator[Judgement]:
    """A forward proxy that the user names is used, where the supplier declares that it can be."""
    seen = record.last_fact("tunnels")
    if seen is None or not polls_after(record, seen.data["since"]):
        yield unseen("the proxy is used", "no proxy was named, or the device never asked afterwards")
        return
    count = len(seen.data["targets"])
    told = [fact for fact in record.facts_of("configured") if "proxy" in fact.data]
    if not count and told and (why := setting_doubt(told[-1], "proxy")):
        yield unseen("the proxy is used", why, told[-1], seen)
        return
    fits = {"connect": count > 0, "none": count == 0}
    yield as_declared(record, "proxy", fits, f"{count} tunnels through the proxy", seen)


@check("NW-04", role="device")
def bad_network_only_delays(record: Record, deployment: str) -> Iterator[Judgement]:
    """A bad network delays the newest state, and neither breaks nor corrupts it."""
    bad, fact, last = record.last_fact("disturbed"), publication(record, deployment), record.last_report(deployment)
    if bad is None or fact is None or fact.at < bad.at:
        yield unseen("the newest state is reached", "the network was good")
        return
    link = record.last_fact("link")
    if "damaged" in bad.data["label"] and not (link and link.data["damaged"]):
        yield unseen("the newest state is reached", "no connection was damaged", bad)
        return
    seen = record.last_fact("workloads")
    right = last is not None and last.state == "installed" and (last.version or 0) >= fact.data["version"]
    if declared(record, "offline-status") == "drop" and seen is not None and seen.at > fact.at:
        # a report that was lost on such a network is not sent again: what runs says it
        right = seen.data["running"].get(deployment) == revisions(fact)
    found = (
        f"{last.state} with version {last.version} after {last.exchange.at - fact.at:.1f} s" if last else "no report"
    )
    if last and last.exchange.at < fact.at:
        found = f"nothing since; {last.state} with version {last.version} before"
    if not right and (why := silence(record, fact.at)):
        yield unseen("the newest state", why, bad, fact)
        return
    yield expect(right, bad, fact, *([last.exchange] if last else []), expected="the newest state", found=found)
