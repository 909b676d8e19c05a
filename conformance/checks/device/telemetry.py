"""Telemetry: it leaves for where the user says and nowhere else, and neither path waits for the other.

Facts of the bench that are read here: `telemetry` (an export that came to the user's back end), `configured` with
`export` (where the user says that it goes, or nowhere), `telemetry-closed` and `telemetry-open`, and `inspected`.
"""

import re
from collections.abc import Iterator

from conformance.checks.device.components import inspected
from conformance.checks.device.declared import as_declared
from conformance.checks.device.effects import setting_doubt
from conformance.checks.device.evidence import installed, polls_after, publication
from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, check, expect, noted, unseen
from conformance.record.events import Fact

INSTRUMENTATION = re.compile(
    r"-javaagent:|opentelemetry|auto.?instrument|-agentpath:|profiler|newrelic|dynatrace", re.IGNORECASE
)
"""What the value of a variable has in it that loads an instrumentation into a process."""
LOADERS = ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "NODE_OPTIONS", "PYTHONPATH", "PYTHONSTARTUP",
           "RUBYOPT", "LD_PRELOAD", "CORECLR_PROFILER", "CORECLR_PROFILER_PATH", "DOTNET_STARTUP_HOOKS")  # fmt: skip
"""Variables by which a runtime loads what its program does not name."""
SETTLED_S = 0.5
"""An export that was under way when the user took it back may still come, for so many seconds."""


def exports_after(record: Record, at: float) -> tuple[Fact, ...]:
    """Give the exports that came after a time."""
    return tuple(fact for fact in record.facts_of("telemetry") if fact.at > at)


def wishes(record: Record) -> tuple[Fact, ...]:
    """Give where the user said that telemetry goes, one wish after the other."""
    return tuple(fact for fact in record.facts_of("configured") if "export" in fact.data)


@check("OBS-13", "OBS-01", role="device", interpretations=("A-22",))
def telemetry_goes_where_the_user_says(record: Record) -> Iterator[Judgement]:
    """What the device's collector gathers arrives at the back end that the user names."""
    wish = next((fact for fact in wishes(record) if fact.data["export"]), None)
    if wish is None or len(polls_after(record, wish.at)) < 2:
        yield unseen("it arrives at the back end", "the user named none, or the device did not come back")
        return
    came = exports_after(record, float(wish.data["began"]))
    if not came and (why := setting_doubt(wish, "export")):
        yield unseen("it arrives at the back end", why, wish)
        return
    found = f"{len(came)} exports" if came else "nothing, while the device polled on"
    yield expect(bool(came), wish, *came[:2], expected="it arrives at the back end", found=found)
    told = sorted({name for fact in came for name in fact.data["names"]})
    if told:
        yield noted(f"metrics and spans: {', '.join(told[:20])}", came[0], expected="(A-21: names cannot be compared)")


@check("OBS-07", role="device")
def telemetry_leaves_only_when_asked(record: Record) -> Iterator[Judgement]:
    """Nothing comes to the back end before the user names it, nor once the user wants no more of it."""
    asked = wishes(record)
    if len(asked) < 2 or asked[-1].data["export"] or len(polls_after(record, asked[-1].at)) < 2:
        yield unseen("nothing unasked", "the user did not take it back, or the device did not come back")
        return
    first, last = asked[0], asked[-1]
    if not any(first.data["began"] < fact.at < last.at for fact in record.facts_of("telemetry")):
        yield unseen("nothing unasked", "nothing came when the user asked for it either", first)
        return
    early = [fact for fact in record.facts_of("telemetry") if fact.at < first.data["began"]]
    late = exports_after(record, last.at + SETTLED_S)
    if late and not early and (why := setting_doubt(last, "export")):
        yield unseen("nothing unasked", why, last, *late[:2])
        return
    found = f"{len(early)} exports before, {len(late)} after"
    yield expect(not early and not late, first, last, *early[:1], *late[:2], expected="nothing unasked", found=found)


@check("OBS-08", role="device")
def workloads_are_not_instrumented(record: Record, deployment: str) -> Iterator[Judgement]:
    """No container of a workload gets a variable that loads an instrumentation which its deployment does not name."""
    fact, components = inspected(record, deployment)
    published = publication(record, deployment)
    containers = [
        (f"{part}/{name}", environment)
        for part, component in components.items()
        for name, environment in component["containers"].items()
    ]
    if fact is None or published is None or not containers:
        yield unseen("no instrumentation in any container", "no container could be looked into")
        return
    asked = str(published.data["document"].get("spec", {}).get("parameters", ""))
    added = [
        f"{variable} in {name}"
        for name, environment in containers
        for variable, value in environment.items()
        if variable not in asked and variable.upper() in LOADERS and INSTRUMENTATION.search(str(value))
    ]
    found = ", ".join(added) or f"none in {len(containers)} containers"
    yield expect(not added, fact, expected="no instrumentation in any container", found=found)


@check("RS-03", role="device")
def status_needs_no_telemetry(record: Record, deployment: str) -> Iterator[Judgement]:
    """While the path of telemetry is closed, what is published is installed and reported."""
    closed, fact = record.last_fact("telemetry-closed"), publication(record, deployment)
    flowed = [item for item in record.facts_of("telemetry") if closed and item.at < closed.at]
    if closed is None or fact is None or fact.at < closed.at or not flowed:
        yield unseen("installed is reported", "no telemetry flowed, or its path was never closed")
        return
    done, last = installed(record, fact), record.last_report(deployment)
    found = f"{last.state}: {last.error or 'no error'}" if last and last.exchange.at > fact.at else "no report"
    shown = [last.exchange] if last else []
    fits = dict.fromkeys(("otlp", "api", "both", "none"), done is not None)
    yield as_declared(record, "runtime-status", fits, f"while telemetry was closed: {found}", closed, fact, *shown)


@check("RS-03", role="device")
def telemetry_needs_no_wfm(record: Record) -> Iterator[Judgement]:
    """While the WFM cannot be reached, telemetry goes on to flow."""
    away, back = record.last_fact("network-cut"), record.last_fact("network-restored")
    if away is None or back is None or not any(item.at < away.at for item in record.facts_of("telemetry")):
        yield unseen("telemetry flows on", "no telemetry flowed, or the WFM could be reached all the time")
        return
    came = [fact for fact in exports_after(record, away.at + SETTLED_S) if fact.at < back.at]
    flows = len(came) > 1
    fits = {"otlp": flows, "both": flows, "api": True, "none": True}
    found = f"{len(came)} exports while the WFM was away"
    yield as_declared(record, "runtime-status", fits, found, away, back, *came[:2])
