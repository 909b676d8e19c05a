"""The last words of a run on the terminal: verdict, coverage, failures, where the report is."""

import io
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from conformance.record.events import ScenarioOutcome
from conformance.record.run import Run
from conformance.record.verdict import Conformity, RequirementVerdict
from reports.claims import claim_in_words, claim_name, claims_counted, never_seen, warned
from reports.departures import breaking, departure_in_words, stale, used
from reports.model import FindingReport, Report, RequirementReport, RoleReport, ScenarioReport
from reports.projection import (
    failing_findings,
    failures,
    not_applicable,
    of_outcome,
    report_of,
    reproduced,
    unexplained_failures,
    why,
)
from reports.text import shorten

WIDTH = 110
"""Columns of the plain text."""
SHOWN_FAILURES = 20
SHOWN_CLAIMS = 10
SHOWN_CHARACTERS = 400
_STYLE = {
    Conformity.CONFORMANT: "bold green",
    Conformity.NOT_CONFORMANT: "bold red",
    Conformity.ERROR: "bold magenta",
    Conformity.INCOMPLETE: "bold yellow",
}
_MARK = {
    Conformity.CONFORMANT: "✔",
    Conformity.NOT_CONFORMANT: "✘",
    Conformity.ERROR: "‼",
    Conformity.INCOMPLETE: "…",
}
_OPEN = (ScenarioOutcome.ERROR, ScenarioOutcome.BLOCKED, ScenarioOutcome.INCONCLUSIVE)


def render(run: Run) -> str:
    """Give the summary as plain text, without colours."""
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(summary(run))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()).strip() + "\n"


def summary(run: Run, html: Path | None = None) -> RenderableType:
    """Give the summary for a rich console; `html` is the file to point at."""
    report = report_of(run)
    parts: list[RenderableType] = []
    for role in report.roles:
        parts += _role(report, role)
    if html is not None:
        parts.append(Text.assemble("\nReport: ", (str(html), "bold")))
    return Group(*parts)


def _role(report: Report, role: RoleReport) -> list[RenderableType]:
    name = " ".join(part for part in (role.subject.name, role.subject.version) if part)
    parts: list[RenderableType] = [Text(f"\n{role.role}: {_line(name)} ({_line(role.subject.profile)})", "bold")]
    parts += [
        _indent(_failure(role, requirement, report.run.revision)) for requirement in failures(role)[:SHOWN_FAILURES]
    ]
    if len(failures(role)) > SHOWN_FAILURES:
        parts.append(_indent(Text(f"… and {len(failures(role)) - SHOWN_FAILURES} more failures")))
    parts += _scenarios("failed", unexplained_failures(report, role.role), "red")
    for outcome in _OPEN:
        parts += _scenarios(outcome.value, of_outcome(report, role.role, outcome), "yellow")
    parts += [_indent(text) for text in _not_applicable(report, role)]
    parts += [_indent(text) for text in _departures(role)]
    parts.append(_indent(Text(_counts(role), "dim")))
    parts += [_indent(text) for text in _claims(report, role)]
    parts += [_indent(Text(f"- {_line(reason)}")) for reason in role.reasons]
    parts.append(Text(f"{_MARK[role.conformity]} {role.headline}", _STYLE[role.conformity]))
    return parts


def _not_applicable(report: Report, role: RoleReport) -> list[Text]:
    """What of the suite does not apply, and why."""
    return [
        Text(f"does not apply ({count} scenario{'' if count == 1 else 's'}): {_line(reason)}", "dim")
        for reason, count in not_applicable(report, role.role)
    ]


def _departures(role: RoleReport) -> list[Text]:
    """The known departures that were got past, and those that were never needed."""
    lines = [Text.assemble(("known departure ", "red"), _line(departure_in_words(item))) for item in used(role)]
    if unneeded := stale(role):
        names = ", ".join(item.name for item in unneeded)
        lines.append(Text.assemble(("accommodated, never needed ", "yellow"), _line(names)))
    return lines


def _claims(report: Report, role: RoleReport) -> list[Text]:
    """What does not fit the statement (ICS), and what of it nothing shows; of a part of the suite that is no wonder."""
    if not role.claims:
        return []
    bad = warned(role)
    lines = [
        Text.assemble(("claim ", "yellow"), _line(claim_in_words(claim, briefly=True))) for claim in bad[:SHOWN_CLAIMS]
    ]
    if len(bad) > SHOWN_CLAIMS:
        lines.append(Text(f"… and {len(bad) - SHOWN_CLAIMS} more claims that do not fit, in the report"))
    unseen = never_seen(role)
    if unseen and report.run.selection is None:
        names = ", ".join(claim_name(claim) for claim in unseen)
        lines.append(Text.assemble(("claimed, never seen ", "yellow"), _line(names)))
    part = " in the part that was run" if report.run.selection is not None else ""
    return [*lines, Text(f"claims: {claims_counted(role)}{part}", "dim")]


def _failure(role: RoleReport, requirement: RequirementReport, revision: str) -> Text:
    text = Text.assemble((f"✘ {_line(requirement.id)} ", "bold red"), _line(requirement.statement))
    for finding in failing_findings(requirement.findings)[:3]:
        text.append(f"\n    {_line(finding.message)} (scenario {finding.scenario})")
        for title, value in _comparison(finding):
            text.append(f"\n      {title:<9}", "dim").append(_line(value))
    if departing := breaking(role, requirement.id):
        text.append(f"\n    known departure: {', '.join(item.name for item in departing)}")
    return text.append(f"\n    {reproduced(role, requirement.id, revision)}", "cyan")


def _comparison(finding: FindingReport) -> Iterable[tuple[str, str]]:
    pairs = (("expected", finding.expected), ("found", finding.found))
    return [(title, value) for title, value in pairs if value is not None]


def _scenarios(title: str, scenarios: Iterable[ScenarioReport], style: str) -> list[RenderableType]:
    return [
        _indent(
            Text.assemble(
                (f"{title} ", style), f"{_line(scenario.title)} (scenario {scenario.number}): {_line(why(scenario))}"
            )
        )
        for scenario in scenarios
    ]


def _counts(role: RoleReport) -> str:
    kinds = ", ".join(
        f"{count} {verdict}" for verdict, count in role.counts_applicable.items() if count or _always(verdict)
    )
    scenarios = ", ".join(f"{count} {outcome}" for outcome, count in role.counts_scenarios.items() if count)
    return f"applicable MUSTs: {kinds}\nscenarios: {scenarios or 'none'}"


def _always(verdict: RequirementVerdict) -> bool:
    # these two stand there even when they are zero: they are what a reader looks for first
    return verdict in (RequirementVerdict.FAIL, RequirementVerdict.PASS)


def _indent(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, 2))


def _line(text: str) -> str:
    return shorten(text, SHOWN_CHARACTERS)
