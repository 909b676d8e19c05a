"""A summary in Markdown for the job pages of CI servers: headline, counts, failures, what blocked."""

import html
import re
from collections.abc import Iterable, Mapping

from conformance.record.events import ScenarioOutcome
from conformance.record.run import Run
from conformance.record.verdict import Conformity, RequirementVerdict
from reports.claims import STANDINGS, claim_name, claims_counted, never_seen, warned
from reports.departures import STALE, breaking
from reports.model import (
    ClaimReport,
    DepartureReport,
    FindingReport,
    Report,
    RequirementReport,
    RoleReport,
    ScenarioReport,
)
from reports.projection import (
    failing_findings,
    failures,
    in_doubt,
    not_applicable,
    not_exercised,
    of_outcome,
    report_of,
    reproduced,
    resting,
    unexplained_failures,
    why,
)
from reports.text import shorten

SHOWN_FAILURES = 50
"""More failures than this are only counted: job pages are cut off at about a megabyte."""
SHOWN_IDS = 30
"""Ids named for one reason."""
SHOWN_CHARACTERS = 300
"""Longer values are shortened: the HTML report has the whole."""
_MARK = {
    Conformity.CONFORMANT: "✅",
    Conformity.NOT_CONFORMANT: "❌",
    Conformity.ERROR: "💥",
    Conformity.INCOMPLETE: "⚠️",
}
_OPEN = (ScenarioOutcome.ERROR, ScenarioOutcome.BLOCKED, ScenarioOutcome.INCONCLUSIVE)


def render(run: Run) -> str:
    """Give the summary as GitHub-flavoured Markdown."""
    report = report_of(run)
    lines = [f"# {_MARK[report.conformity]} Margo conformance: {report.conformity}", ""]
    for role in report.roles:
        lines += _role(report, role)
    lines += _interpretations(report)
    lines += _facts(report)
    return "\n".join(lines).rstrip() + "\n"


def _role(report: Report, role: RoleReport) -> list[str]:
    name = " ".join(part for part in (role.subject.name, role.subject.version) if part)
    lines = [f"## {role.role}: {_inline(name)}", "", f"**{_inline(role.headline)}**", ""]
    if role.reasons:
        lines += [*(f"- {_inline(reason)}" for reason in role.reasons), ""]
    lines += _counts(role)
    lines += _failures(report, role)
    for outcome in _OPEN:
        lines += _open(of_outcome(report, role.role, outcome), outcome)
    return lines + _not_applicable(report, role) + _departures(role) + _claims(report, role) + _left(role)


def _not_applicable(report: Report, role: RoleReport) -> list[str]:
    """What of the suite does not apply to the subject, and why."""
    reasons = not_applicable(report, role.role)
    rows = [f"- {_inline(reason)} ({count} scenario{'' if count == 1 else 's'})" for reason, count in reasons]
    return ["### Does not apply, and why", "", *rows, ""] if rows else []


def _departures(role: RoleReport) -> list[str]:
    """The known departures that were to be got past: each once, with how often the run shows it."""
    if not role.departures:
        return []
    head = [
        "| Departure | Breaks | Expected | Found | Exchanges | Scenarios |",
        "| --- | --- | --- | --- | ---: | --- |",
    ]
    rows = [_departure(item) for item in role.departures]
    return ["### Known departures", "", "Got past with `--accommodate`; each is a failure.", "", *head, *rows, ""]


def _departure(item: DepartureReport) -> str:
    if not item.uses:
        return f"| {_inline(item.name)} | - | - | {STALE} | 0 | - |"
    shown = ", ".join(map(str, item.scenarios[:SHOWN_IDS])) or "-"
    cells = (item.name, ", ".join(item.breaks), item.expected, item.found, str(item.uses), shown)
    return f"| {' | '.join(_inline(cell) for cell in cells)} |"


def _claims(report: Report, role: RoleReport) -> list[str]:
    """What is claimed of the subject beside what was seen; what fits is only counted."""
    if not role.claims:
        return []
    part = " in the part that was run" if report.run.selection is not None else ""
    lines = ["### Claims compared with what was seen", "", f"{claims_counted(role)}{part}.", ""]
    rows = [*warned(role), *never_seen(role)]
    if not rows:
        return lines
    head = ["| Claim | Stated | Seen | | Evidence |", "| --- | --- | --- | --- | --- |"]
    return [*lines, *head, *map(_claim, rows), ""]


def _claim(claim: ClaimReport) -> str:
    evidence = ". ".join(filter(None, (claim.evidence, claim.advice)))
    word = STANDINGS[claim.standing][0]
    cells = (claim_name(claim), claim.claimed or "-", claim.seen or "-", word, evidence)
    return f"| {' | '.join(_inline(cell) for cell in cells)} |"


def _left(role: RoleReport) -> list[str]:
    """What does not count as exercised, so that a good verdict is never read for more than it says."""
    coverage = role.coverage
    left = coverage.applicable - coverage.exercised
    head = f"{left} of {coverage.applicable} applicable MUSTs were not exercised."
    if not left:
        return [head, ""]
    rows = [
        f"- {_inline(reason)} {_inline(', '.join(ids[:SHOWN_IDS]))}{' …' if len(ids) > SHOWN_IDS else ''} ({len(ids)})"
        for _, reason, ids in not_exercised(role)
    ]
    return ["### Not exercised, and why", "", head, "", *rows, ""]


def _counts(role: RoleReport) -> list[str]:
    def row(title: str, counts: Mapping[RequirementVerdict, int]) -> str:
        return f"| {title} | " + " | ".join(str(counts[verdict]) for verdict in RequirementVerdict) + " |"

    kinds = list(RequirementVerdict)
    scenarios = ", ".join(f"{count} {outcome}" for outcome, count in role.counts_scenarios.items() if count)
    return [
        "| | " + " | ".join(kinds) + " |",
        "| --- |" + " ---: |" * len(kinds),
        row("applicable MUSTs", role.counts_applicable),
        row("all statements", role.counts),
        "",
        f"Scenarios: {scenarios or 'none'}",
        "",
    ]


def _failures(report: Report, role: RoleReport) -> list[str]:
    failed = failures(role)
    broken = unexplained_failures(report, role.role)
    if not failed and not broken:
        return []
    lines = ["### Failures", ""]
    for requirement in failed[:SHOWN_FAILURES]:
        lines += _failure(report, role, requirement)
    if len(failed) > SHOWN_FAILURES:
        lines += [f"… and {len(failed) - SHOWN_FAILURES} more.", ""]
    lines += _scenario_list(broken)
    return lines


def _failure(report: Report, role: RoleReport, requirement: RequirementReport) -> list[str]:
    lines = [f"- **{_inline(requirement.id)}** {_inline(requirement.statement)}"]
    for finding in failing_findings(requirement.findings)[:3]:
        lines += [f"  - {_inline(finding.message)} (scenario {finding.scenario})", *_comparison(finding)]
    for departure in breaking(role, requirement.id):
        lines.append(f"  - known departure {_inline(departure.name)}: {_inline(departure.departs)}")
    for item in resting(failing_findings(requirement.findings), report):
        lines.append(f"  - read as {_inline(item.id)}: {_inline(item.reading)}")
    return [*lines, f"  - reproduce: {_code(reproduced(role, requirement.id, report.run.revision))}", ""]


def _interpretations(report: Report) -> list[str]:
    """The readings of ambiguous texts by which something failed or was warned of; of the others only their number."""
    if not report.interpretations:
        return []
    resting_on = in_doubt(report)
    used = sum(bool(item.findings) for item in report.interpretations)
    lines = [
        "### Interpretations",
        "",
        f"{len(report.interpretations)} passages of the text are ambiguous; {used} readings bore on this run. By "
        f"{len(resting_on)} of them something failed or was warned of:"
        if resting_on
        else f"{len(report.interpretations)} passages of the text are ambiguous; {used} readings bore on this run, and "
        "nothing failed by one of them.",
        "",
    ]
    lines += [
        f"- **{_inline(item.id)}** {_inline(item.issue)} Read as: {_inline(item.reading)}"
        + (f" ({', '.join(map(_inline, item.upstream))})" if item.upstream else "")
        for item in resting_on
    ]
    return [*lines, ""] if resting_on else lines


def _comparison(finding: FindingReport) -> list[str]:
    pairs = (("expected", finding.expected), ("found", finding.found))
    return [f"    - {title}: {_code(value)}" for title, value in pairs if value is not None]


def _open(scenarios: tuple[ScenarioReport, ...], outcome: ScenarioOutcome) -> list[str]:
    title = "Errors of the suite" if outcome is ScenarioOutcome.ERROR else outcome.value.capitalize()
    return [f"### {title}", "", *_scenario_list(scenarios)] if scenarios else []


def _scenario_list(scenarios: Iterable[ScenarioReport]) -> list[str]:
    lines = [
        f"- {_inline(scenario.title)} (scenario {scenario.number}"
        + (f", {_inline(', '.join(scenario.requirements))}" if scenario.requirements else "")
        + f"): {_inline(why(scenario))}"
        for scenario in scenarios
    ]
    return [*lines, ""] if lines else []


def _facts(report: Report) -> list[str]:
    run = report.run
    facts = [f"revision {run.revision}", f"suite {run.suite}", f"run {run.id}", f"started {run.started}"]
    if run.selection is not None:
        facts.append(f"only {run.selection} was run")
    return [f"<sub>{_inline(' · '.join(facts))}</sub>"]


def _inline(text: str) -> str:
    """Text that cannot become markup, whoever wrote it."""
    return re.sub(r"([\\`*_{}\[\]()#|~!@])", r"\\\1", html.escape(shorten(text, SHOWN_CHARACTERS), quote=False))


def _code(text: str) -> str:
    """A code span that holds any text: fenced by more backticks than it has in a row."""
    flat = shorten(text, SHOWN_CHARACTERS) or " "
    fence = "`" * (max((len(run) for run in re.findall(r"`+", flat)), default=0) + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{pad}{flat}{pad}{fence}"
