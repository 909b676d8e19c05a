"""JUnit XML for CI servers: one suite per role, one case per scenario.

What could not be judged is never a pass: blocked, inconclusive and error become `error`; not-run and not-applicable
become `skipped`. A role that is not conformant although no scenario of it went wrong (nothing exercised, only a part
was run) gets a case of its own that says so, for a CI server looks at nothing but cases.
"""

import re
from xml.etree import ElementTree as ET

from conformance.record.events import ScenarioOutcome
from conformance.record.run import Run
from conformance.record.verdict import Conformity, RequirementVerdict
from reports.claims import claim_in_words
from reports.departures import breaking, departure_in_words
from reports.model import FindingReport, Report, RequirementReport, RoleReport, ScenarioReport
from reports.projection import failing_findings, failures, report_of, why

_KIND = {
    ScenarioOutcome.FAILED: "failure",
    ScenarioOutcome.ERROR: "error",
    ScenarioOutcome.BLOCKED: "error",
    ScenarioOutcome.INCONCLUSIVE: "error",
    ScenarioOutcome.NOT_APPLICABLE: "skipped",
    ScenarioOutcome.NOT_RUN: "skipped",
}


def render(run: Run) -> str:
    """Give the JUnit document."""
    report = report_of(run)
    root = ET.Element("testsuites", {"name": _text(f"margo-conformance {report.run.suite}")})
    for role in report.roles:
        root.append(_suite(report, role))
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    root.set("time", f"{report.run.duration:.3f}")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(report: Report, role: RoleReport) -> ET.Element:
    cases = [_case(scenario) for scenario in report.scenarios if scenario.role == role.role]
    cases += [_unowned_failure(role, item) for item in failures(role) if not _shown_by_a_case(report, item)]
    if role.conformity is not Conformity.CONFORMANT and not any(_bad(case) for case in cases):
        cases.append(_open_verdict(role))
    suite = ET.Element("testsuite", {"name": f"{role.role}: {_text(role.subject.name)}"})
    suite.set("tests", str(len(cases)))
    for name, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(kind) is not None for case in cases)))
    suite.set("time", f"{sum(float(case.get('time', '0')) for case in cases):.3f}")
    suite.set("timestamp", _text(report.run.started))
    properties = {
        "run": report.run.id,
        "revision": report.run.revision,
        "suite": report.run.suite,
        "profile": role.subject.profile,
        "verdict": role.conformity.value,
        "headline": role.headline,
        **{f"requirements.{verdict}": str(count) for verdict, count in role.counts.items()},
    }
    claims = [(f"claim.{claim.standing}", claim_in_words(claim)) for claim in role.claims]
    departures = [
        (f"departure.{'used' if item.uses else 'stale'}", departure_in_words(item)) for item in role.departures
    ]
    suite.append(_properties([*properties.items(), *claims, *departures]))
    suite.extend(cases)
    return suite


def _case(scenario: ScenarioReport) -> ET.Element:
    case = ET.Element(
        "testcase",
        {
            "classname": _text(f"{scenario.role}.{scenario.feature}"),
            "name": _text(scenario.title),
            "file": _text(f"features/{scenario.uri}"),
            "line": str(scenario.line),
            "time": f"{scenario.duration:.3f}",
        },
    )
    named = [("requirement", item) for item in scenario.requirements]
    case.append(_properties([("scenario", str(scenario.number)), ("outcome", scenario.outcome.value), *named]))
    kind = _KIND.get(scenario.outcome)
    if kind is not None:
        text = "\n".join(_sentences(scenario))
        case.append(_problem(kind, scenario.outcome.value, _message(scenario), text))
    return case


def _message(scenario: ScenarioReport) -> str:
    failed = failing_findings(scenario.findings)
    if scenario.outcome is ScenarioOutcome.FAILED and failed:
        return f"{failed[0].requirement}: {failed[0].message}"
    return f"{scenario.outcome}: {why(scenario)}"


def _sentences(scenario: ScenarioReport) -> list[str]:
    lines = [f"{step.outcome:>11}  {step.keyword} {step.text}" for step in scenario.steps]
    for finding in scenario.findings:
        lines += _finding_lines(finding)
    return lines


def _finding_lines(finding: FindingReport) -> list[str]:
    lines = [f"{finding.requirement} {finding.outcome}: {finding.message}"]
    if finding.expected is not None:
        lines.append(f"  expected: {finding.expected}")
    if finding.found is not None:
        lines.append(f"  found:    {finding.found}")
    return lines


def _shown_by_a_case(report: Report, requirement: RequirementReport) -> bool:
    return any(
        scenario.outcome is ScenarioOutcome.FAILED
        for scenario in report.scenarios
        if scenario.number in requirement.scenarios
    )


def _unowned_failure(role: RoleReport, requirement: RequirementReport) -> ET.Element:
    # a monitor's finding can fail a requirement within a scenario that passed for itself, and a known departure does
    failed = failing_findings(requirement.findings)
    departing = [departure_in_words(item) for item in breaking(role, requirement.id)]
    text = "\n".join([*departing, *(line for finding in failed for line in _finding_lines(finding))])
    case = ET.Element(
        "testcase", {"classname": f"{role.role}.requirements", "name": _text(requirement.id), "time": "0.000"}
    )
    case.append(_properties([("requirement", requirement.id)]))
    said = [*departing, *(finding.message for finding in failed)]
    message = said[0] if said else f"of {', '.join(requirement.parts)} at least one failed"
    case.append(_problem("failure", "failed", f"{requirement.id}: {message}", text))
    return case


def _open_verdict(role: RoleReport) -> ET.Element:
    case = ET.Element("testcase", {"classname": f"{role.role}.verdict", "name": "conformant", "time": "0.000"})
    kind = "failure" if role.conformity is Conformity.NOT_CONFORMANT else "error"
    left = role.counts_applicable[RequirementVerdict.NOT_EXERCISED]
    text = "\n".join((*role.reasons, f"{left} applicable MUSTs not exercised"))
    case.append(_problem(kind, role.conformity.value, role.headline, text))
    return case


def _bad(case: ET.Element) -> bool:
    return case.find("failure") is not None or case.find("error") is not None


def _problem(kind: str, name: str, message: str, text: str) -> ET.Element:
    problem = ET.Element(kind, {"message": _text(message)})
    if kind != "skipped":
        problem.set("type", _text(name))
    problem.text = _text(text)
    return problem


def _properties(items: list[tuple[str, str]]) -> ET.Element:
    element = ET.Element("properties")
    for name, value in items:
        ET.SubElement(element, "property", {"name": _text(name), "value": _text(value)})
    return element


def _text(value: str) -> str:
    """Spell out the characters that XML 1.0 cannot hold."""
    return _NO_XML.sub(lambda found: found[0].encode("unicode_escape").decode(), value)


_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
