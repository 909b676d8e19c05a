"""What goes wrong on the device itself: components that fail, that are slow, or that never get ready."""

import re
from collections.abc import Iterator
from itertools import pairwise

from conformance.checks.device.effects import component_doubt
from conformance.checks.device.evidence import installed, publication, reports_after, revisions, withdrawal
from conformance.checks.device.silence import silence
from conformance.checks.evidence import Record, Report
from conformance.checks.registry import Judgement, check, expect, noted, unseen
from conformance.record.events import Fact

TIMEOUT = re.compile(r"(\d+)m(\d+)s")
EARLY = 0.9
"""The part of a timeout that has to be over: clocks differ a little."""


def _failures(record: Record, deployment: str) -> tuple[Report, ...]:
    fact = publication(record, deployment)
    return tuple(
        report for report in reports_after(record, fact.at if fact else 0.0, deployment) if report.state == "failed"
    )


@check("DS-002", "DS-074", "CMP-15", role="device")
def failure_is_reported(record: Record, deployment: str) -> Iterator[Judgement]:
    """A deployment with a component that fails is reported failed."""
    failures, fact = _failures(record, deployment), publication(record, deployment)
    last = record.last_report(deployment)
    shown = [report.exchange for report in failures[:1]]
    found = "failed" if failures else f"{last.state}" if last else "no report"
    of = ("DS-002", "DS-074", *(("CMP-15",) if _exits_at_start(record, deployment) else ()))
    if not failures and fact is not None and (why := silence(record, fact.at)):
        yield unseen("failed is reported", why, fact, of=of)
        return
    if not failures and (why := component_doubt(record, deployment)):
        yield unseen("failed is reported", f"{found}; {why}", *([last.exchange] if last else []), of=of)
        return
    yield expect(bool(failures), *shown, expected="failed is reported", found=found, of=of)


def _exits_at_start(record: Record, deployment: str) -> bool:
    """Whether a container of a Compose project exits when it is started: other failures say nothing of CMP-15."""
    fact, script = publication(record, deployment), record.last_fact("component-script")
    if fact is None or script is None or script.data["deploymentId"] != deployment:
        return False
    kind = fact.data["document"]["spec"]["deploymentProfile"]["type"]
    return bool(kind == "compose" and script.data["behaviour"] == "fails")


@check("ST-009", "ST-011", "ST-015", role="device")
def each_component_is_reported_as_it_is(record: Record, deployment: str, component: str) -> Iterator[Judgement]:
    """Where one component fails, it alone is reported failed, and each other one in the state it is in."""
    failures = _failures(record, deployment)
    if not failures:
        yield unseen("the failed component and no other", "no failure was reported")
        return
    report = failures[-1]
    states = report.component_states
    failed = [name for name, state in states.items() if state == "failed"]
    found = ", ".join(f"{name} {state}" for name, state in states.items())
    expected = f"{component} failed, and no other"
    yield expect(failed == [component], report.exchange, expected=expected, found=found)


@check("ST-012", role="device", interpretations=("AMB-X-16",))
def failure_says_why(record: Record, deployment: str) -> Iterator[Judgement]:
    """A failure says why, with a code, a source and a message."""
    failures = _failures(record, deployment)
    if not failures:
        yield unseen("an error with code, source and message", "no failure was reported")
        return
    error = failures[-1].error or {}
    lacking = [name for name in ("code", "source", "message") if not error.get(name)]
    found = f"without {', '.join(lacking)}" if lacking else f"{error['code']}: {error['message']}"
    yield expect(not lacking, failures[-1].exchange, expected="code, source and message", found=found)


@check("ST-024", role="device")
def failed_first_installation_has_a_version(record: Record, deployment: str) -> Iterator[Judgement]:
    """A first installation that fails is reported with the version it came with."""
    failures, fact = _failures(record, deployment), publication(record, deployment)
    if not failures or fact is None:
        yield unseen("a version in the report of the failure", "no failure was reported")
        return
    found = f"version {failures[-1].version}"
    right = (failures[-1].version or 0) >= fact.data["version"]
    yield expect(right, failures[-1].exchange, expected=f"version {fact.data['version']} or newer", found=found)


@check("APP-02", "AD-020", role="device", interpretations=("A-17",))
def next_component_waits(record: Record, deployment: str) -> Iterator[Judgement]:
    """A component is begun only once the one before it is installed."""
    fact = publication(record, deployment)
    names = list(fact.data["components"]) if fact else []
    expected = "each component after the one before it"
    if len(names) < 2 or fact is None:
        yield unseen(expected, "the application has only one component")
        return
    for report in reports_after(record, fact.at, deployment):
        states = report.component_states
        for earlier, later in pairwise(names):
            begun = states.get(later) in ("installing", "installed")
            if begun:
                found = f"{later} is {states.get(later)} while {earlier} is {states.get(earlier)}"
                yield expect(states.get(earlier) == "installed", report.exchange, expected=expected, found=found)


@check("CMP-14", "ST-021", role="device")
def installed_is_not_said_too_early(record: Record, deployment: str) -> Iterator[Judgement]:
    """A deployment is reported installed only once its slowest component is ready."""
    script, fact = record.last_fact("component-script"), publication(record, deployment)
    report = installed(record, fact) if fact else None
    if script is None or fact is None or report is None:
        yield unseen("installed once everything is ready", "no slow component was installed")
        return
    claims = [item for item in reports_after(record, fact.at, deployment) if item.state == "installed"]
    if why := component_doubt(record, deployment):
        yield unseen("installed once everything is ready", why, script, claims[0].exchange)
        return
    took, needed = claims[0].exchange.at - fact.at, float(script.data.get("seconds", 0.0))
    expected = f"not within {needed:g} s"
    yield expect(took >= needed * 0.95, fact, claims[0].exchange, expected=expected, found=f"after {took:.2f} s")


@check("AD-021", "APP-03", role="device", interpretations=("A-18",))
def timeout_ends_an_installation(record: Record, deployment: str) -> Iterator[Judgement]:
    """An installation that takes longer than its timeout has failed, and not before."""
    failures, fact = _failures(record, deployment), publication(record, deployment)
    last = record.last_report(deployment)
    shown = [report.exchange for report in failures[:1]] or ([last.exchange] if last else [])
    why = component_doubt(record, deployment) or (silence(record, fact.at) if fact else "")
    if not failures and why:
        yield unseen("failed, once the timeout is over", why, *shown)
        return
    if not failures or fact is None:
        yield expect(False, *shown, expected="failed, once the timeout is over", found="not failed")
        return
    seconds, took = _timeout(fact), failures[0].exchange.at - fact.at
    expected = f"failed, once {seconds:g} s are over"
    yield expect(took >= seconds * EARLY, fact, *shown, expected=expected, found=f"failed after {took:.2f} s")


def _timeout(fact: Fact) -> float:
    """The shortest timeout of a published deployment's components, in seconds; 0 where none is given."""
    components = fact.data["document"]["spec"]["deploymentProfile"]["components"]
    found = [TIMEOUT.fullmatch(str(item["properties"].get("timeout", ""))) for item in components]
    return min((int(match[1]) * 60.0 + int(match[2]) for match in found if match), default=0.0)


@check("ST-021", role="device")
def failed_update_says_what_is_held(record: Record, deployment: str) -> Iterator[Judgement]:
    """After an update that failed, the version reported is that of the revision that the device holds."""
    facts = [fact for fact in record.facts_of("published") if fact.data["deploymentId"] == deployment]
    failures = _failures(record, deployment)
    if len(facts) < 2 or not failures:
        yield unseen("the version that is held", "no update failed")
        return
    seen, report = record.last_fact("workloads"), failures[-1]
    old, new = facts[-2], facts[-1]
    if seen is None:
        yield unseen("the version that is held", "the bench cannot see what runs")
        return
    running = seen.data["running"].get(deployment, {})
    held = old if running == revisions(old) else new if running == revisions(new) else None
    if held is None:
        yield noted(f"it holds a mixture: {running}", report.exchange, seen)
        return
    right = report.version is not None and (
        report.version >= new.data["version"] if held is new else report.version < new.data["version"]
    )
    wanted = f"the version of the {'new' if held is new else 'former'} revision, {held.data['version']}"
    yield expect(right, report.exchange, seen, expected=wanted, found=f"version {report.version}")


@check("DS-073", role="device")
def failed_removal_is_not_called_removed(record: Record, deployment: str) -> Iterator[Judgement]:
    """A deployment of which something could not be removed is not reported removed while it still runs."""
    expected = "not removed before it is gone"
    order = withdrawal(record, deployment)
    reports = reports_after(record, order.at if order else 0.0, deployment)
    gone = [report for report in reports if report.state == "removed"]
    failures = [report for report in reports if report.state == "failed"]
    if not gone:
        if failures:
            yield expect(True, failures[-1].exchange, expected=expected, found="failed, and never removed")
        else:
            yield unseen(expected, "neither failed nor removed was reported")
        return
    said = gone[0].exchange
    seen = next((fact for fact in record.facts_of("workloads") if fact.at >= said.at), None)
    if seen is None:
        yield unseen(expected, "what ran when it was reported removed cannot be seen", said)
        return
    there = bool(seen.data["running"].get(deployment))
    if not there and not failures and (why := component_doubt(record, deployment)):
        yield unseen(expected, why, said, seen)
        return
    found = "removed, and it still runs" if there else "removed, and nothing of it runs"
    yield expect(not there, *[report.exchange for report in failures[:1]], said, seen, expected=expected, found=found)
