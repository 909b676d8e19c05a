"""From a run to the machine report, and the few sentences that several renderers share."""

import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable

from conformance.record.events import (
    Fact,
    Finding,
    Outcome,
    RequirementEntry,
    Role,
    ScenarioOutcome,
    Subject,
)
from conformance.record.run import Run, ScenarioRun
from conformance.record.verdict import EXERCISED, RANK, Assessment, RequirementVerdict
from reports.claims import claims_of
from reports.departures import departures_of
from reports.groups import NOTABLE, SHOWN_EXAMPLES
from reports.model import (
    BehaviourReport,
    CondensedReport,
    Coverage,
    ExampleReport,
    FindingReport,
    InterpretationReport,
    Report,
    RequirementReport,
    RoleReport,
    RunReport,
    ScenarioReport,
    StepReport,
    SubjectReport,
)

BAD_SCENARIOS = (ScenarioOutcome.FAILED, ScenarioOutcome.ERROR, ScenarioOutcome.BLOCKED, ScenarioOutcome.INCONCLUSIVE)
"""Outcomes that somebody has to look at, gravest first."""

_WHY_OPEN = {
    RequirementVerdict.ERROR: "The suite itself went wrong where it was to be shown.",
    RequirementVerdict.BLOCKED: "What was to show it was blocked: a prerequisite or a hook was missing.",
    RequirementVerdict.INCONCLUSIVE: "It was tried and could not be seen.",
    RequirementVerdict.OBSERVATION: "What the subject did was recorded; the specification leaves open what is right.",
    RequirementVerdict.NOT_RUN: "What was to show it was left out by the selection.",
    RequirementVerdict.NOT_APPLICABLE: "What was to show it does not apply to the features that are claimed.",
    RequirementVerdict.NOT_EXERCISED: "No scenario covers it yet.",
}
_NOTHING_TO_JUDGE = "Not exercised: nothing in this run gave its checks anything to judge."


def report_of(run: Run) -> Report:
    """Project a run on the machine report."""
    return Report(
        run=_run(run),
        conformity=run.conformity,
        exit_code=run.conformity.exit_code,
        roles=tuple(_role(run, assessment) for assessment in run.assessments),
        interpretations=_interpretations(run),
        scenarios=tuple(_scenario(run, scenario) for scenario in run.scenarios),
    )


def resting(findings: Iterable[FindingReport], report: Report) -> tuple[InterpretationReport, ...]:
    """The readings that some findings rest on, in the order of the register."""
    named = {name for finding in findings for name in finding.interpretations}
    return tuple(item for item in report.interpretations if item.id in named)


def in_doubt(report: Report) -> tuple[InterpretationReport, ...]:
    """The readings by which something failed or was warned of: with another reading that would be otherwise."""
    return tuple(
        item for item in report.interpretations if item.findings.get(Outcome.FAIL) or item.findings.get(Outcome.WARNING)
    )


def _interpretations(run: Run) -> tuple[InterpretationReport, ...]:
    found: dict[str, Counter[Outcome]] = defaultdict(Counter)
    for scenario in run.scenarios:
        for finding in scenario.findings:
            for name in run.readings_of(finding.check, finding.requirement):
                found[name][finding.outcome] += 1
    return tuple(
        InterpretationReport(
            **entry.model_dump(),
            findings={outcome: found[entry.id][outcome] for outcome in Outcome if found[entry.id][outcome]},
        )
        for entry in run.interpretations
    )


def failures(role: RoleReport) -> tuple[RequirementReport, ...]:
    """The requirements of a role that failed, applicable MUSTs first."""
    return tuple(
        sorted(
            (item for item in role.requirements if item.verdict is RequirementVerdict.FAIL),
            key=lambda item: (not item.applicable, item.id),
        )
    )


def failing_findings(findings: Iterable[FindingReport]) -> tuple[FindingReport, ...]:
    """Only those that failed."""
    return tuple(finding for finding in findings if finding.outcome is Outcome.FAIL)


def not_exercised(role: RoleReport) -> tuple[tuple[RequirementVerdict, str, tuple[str, ...]], ...]:
    """The applicable MUSTs that do not count as exercised: verdict, reason and ids; the most frequent reason first."""
    left: dict[tuple[RequirementVerdict, str], list[str]] = defaultdict(list)
    for item in role.requirements:
        if item.applicable and item.verdict not in EXERCISED:
            left[(item.verdict, why_open(item))].append(item.id)
    ordered = sorted(left.items(), key=lambda item: (RANK[item[0][0]], -len(item[1])))
    return tuple((verdict, reason, tuple(ids)) for (verdict, reason), ids in ordered)


def why_open(item: RequirementReport) -> str:
    """Why a statement does not count as exercised, in a sentence."""
    if item.verdict is RequirementVerdict.NOT_EXERCISED and item.checks:
        return _NOTHING_TO_JUDGE
    return _sentence(item.reason or _WHY_OPEN[item.verdict])


def _sentence(text: str) -> str:
    """Begin with a capital and end with a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def unexplained_failures(report: Report, role: Role) -> tuple[ScenarioReport, ...]:
    """Scenarios that failed although no finding of theirs did: a step broke off before any check could speak."""
    return tuple(
        scenario
        for scenario in report.scenarios
        if scenario.role == role
        and scenario.outcome is ScenarioOutcome.FAILED
        and not failing_findings(scenario.findings)
    )


def of_outcome(report: Report, role: Role, outcome: ScenarioOutcome) -> tuple[ScenarioReport, ...]:
    """The scenarios of a role that ended in one way."""
    return tuple(item for item in report.scenarios if item.role == role and item.outcome is outcome)


def not_applicable(report: Report, role: Role) -> tuple[tuple[str, int], ...]:
    """Why scenarios of a role do not apply to its subject, each reason with their number, the most frequent first."""
    return tuple(Counter(why(item) for item in of_outcome(report, role, ScenarioOutcome.NOT_APPLICABLE)).most_common())


def why(scenario: ScenarioReport) -> str:
    """Why a scenario did not pass: its reason, else the message of the step that broke, else of its worst finding."""
    if scenario.reason:
        return scenario.reason
    broken = next((step.message for step in scenario.steps if step.outcome == "failed" and step.message), None)
    if broken:
        return broken
    bad = [item for item in scenario.findings if item.outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE)]
    return bad[0].message if bad else "no reason was recorded"


def reproduce(
    role: Role,
    requirement: str,
    target: str = "simulated",
    revision: str | None = None,
    past: Iterable[str] = (),
) -> str:
    """The command line that runs only what shows this requirement, on the subject that was reached at `target`.

    `past` are the accommodations of the run, by name or file: without them nothing behind a departure is seen again.
    """
    words = ["margo-conformance", "run", role]
    words += ["--revision", revision] if revision else []
    if target.startswith("simulated:"):
        words += ["--target", target]
    elif target != "simulated":
        words += ["--listen", target] if role == "device" else ["--url", target, "--identity", "DIR"]
    for one in dict.fromkeys(past):
        words += ["--accommodate", one]
    return shlex.join([*words, "--req", requirement])


def reproduced(role: RoleReport, requirement: str, revision: str) -> str:
    """The command line that runs only what shows this requirement again, of a run of this revision.

    What was accommodated and needed is given again: shipped ones by name, others by their file.
    """
    past = [item.name if item.source == "shipped" else item.source for item in role.departures if item.uses]
    return reproduce(role.role, requirement, role.subject.target, revision, past)


def _run(run: Run) -> RunReport:
    header = run.header
    return RunReport(
        id=header.run,
        started=header.started,
        duration=max((event.at for event in run.by_number.values()), default=0.0) - header.at,
        suite=header.suite,
        revision=header.revision,
        selection=header.selection,
        seed=header.seed,
        deadlines=header.deadlines,
        digests=header.digests,
        environment={**header.environment, **_clocks(run)},
    )


def _clocks(run: Run) -> dict[str, str]:
    """Say how simulated time went, by role: workers have a clock each."""
    told: dict[str, list[Fact]] = defaultdict(list)
    for event in run.by_number.values():
        if isinstance(event, Fact) and event.kind == "clock" and event.scenario is None:
            told[str(event.data["role"])].append(event)
    sums = {
        role: [sum(fact.data[name] for fact in facts) for name in ("simulated", "real")] for role, facts in told.items()
    }
    return {
        f"time of the {role}'s scenarios": f"{simulated:.1f} s simulated in {real:.1f} s of real time, "
        f"{simulated / real:.1f} times as fast"
        for role, (simulated, real) in sums.items()
    }


def _role(run: Run, assessment: Assessment) -> RoleReport:
    role = assessment.role
    requirements = tuple(_requirements(run, assessment))
    scenarios = Counter(scenario.outcome for scenario in run.of_role(role))
    everything = Counter(item.verdict for item in requirements)
    applicable = Counter(item.verdict for item in requirements if item.applicable)
    return RoleReport(
        role=role,
        subject=_subject(next(subject for subject in run.header.subjects if subject.role == role)),
        conformity=assessment.conformity,
        headline=assessment.headline,
        reasons=assessment.reasons,
        coverage=Coverage(applicable=assessment.mandatory, exercised=assessment.exercised, failed=assessment.failed),
        counts={verdict: everything[verdict] for verdict in RequirementVerdict},
        counts_applicable={verdict: applicable[verdict] for verdict in RequirementVerdict},
        counts_scenarios={outcome: scenarios[outcome] for outcome in ScenarioOutcome},
        requirements=requirements,
        behaviours=_behaviours(run, role),
        claims=claims_of(run, role),
        departures=departures_of(run, role),
    )


def _behaviours(run: Run, role: Role) -> tuple[BehaviourReport, ...]:
    """The behaviours of a role in the order of the catalogue; those that no scenario shows stand with the device."""
    verdicts, findings = run.behaviour_verdicts(role), run.findings(role)
    policies = next(subject.policies for subject in run.header.subjects if subject.role == role)
    elsewhere = {name for other in run.roles if other != role for name in run.behaviour_verdicts(other)}
    return tuple(
        BehaviourReport(
            id=entry.id,
            title=entry.title,
            basis=entry.basis,
            statement=entry.statement,
            requirements=entry.see,
            policy=entry.policy,
            declared={name: policies[name] for name in entry.policy if name in policies},
            verdict=verdicts.get(entry.id, RequirementVerdict.NOT_EXERCISED),
            reason=entry.reason,
            findings=_notable(run, findings.get(entry.id, ())),
            condensed=_condensed(run, findings.get(entry.id, ())),
            scenarios=tuple(item.number for item in run.of_role(role) if entry.id in item.started.behaviours),
        )
        for entry in run.behaviours
        if entry.id in verdicts or (role == "device" and entry.id not in elsewhere)
    )


def _subject(subject: Subject) -> SubjectReport:
    return SubjectReport.model_validate(subject.model_dump(exclude={"role"}))


def _requirements(run: Run, assessment: Assessment) -> list[RequirementReport]:
    """The statements that bind the role, and any other of which something was found; worst first, then by id."""
    role = assessment.role
    entries = {
        entry.id: entry
        for entry in run.requirements
        if role in entry.roles or role in entry.mandatory or entry.id in assessment.requirements
    }
    for unknown in assessment.requirements.keys() - entries.keys():
        entries[unknown] = _not_in_catalogue(unknown, role)
    findings = run.findings(role)
    scenarios = run.of_role(role)
    reports = [
        _requirement(
            run,
            entry,
            role,
            assessment.requirements.get(entry.id, RequirementVerdict.NOT_EXERCISED),
            findings.get(entry.id, ()),
            scenarios,
        )
        for entry in entries.values()
    ]
    return sorted(reports, key=lambda item: (RANK[item.verdict], item.id))


def _requirement(
    run: Run,
    entry: RequirementEntry,
    role: Role,
    verdict: RequirementVerdict,
    findings: Iterable[Finding],
    scenarios: Iterable[ScenarioRun],
) -> RequirementReport:
    said = tuple(findings)
    speaking = {finding.scenario for finding in said}
    return RequirementReport(
        id=entry.id,
        area=entry.area,
        severity=entry.severity,
        level=entry.level,
        statement=entry.statement,
        source=entry.source,
        observable=entry.observable,
        applicable=role in entry.mandatory,
        verdict=verdict,
        reason=entry.reason if verdict is RequirementVerdict.NOT_EXERCISED else None,
        interpretations=entry.interpretations,
        parts=entry.parts,
        checks=entry.checks.get(role, ()),
        findings=_notable(run, said),
        condensed=_condensed(run, said),
        scenarios=tuple(
            scenario.number
            for scenario in scenarios
            if scenario.number in speaking or entry.id in scenario.started.requirements
        ),
    )


def _not_in_catalogue(requirement: str, role: Role) -> RequirementEntry:
    return RequirementEntry(
        id=requirement,
        area="Not in the catalogue",
        severity="info",
        level="",
        roles=(role,),
        statement="The catalogue of this run has no such statement; a check or a scenario names it.",
        source="",
        observable="",
    )


def _notable(run: Run, findings: Iterable[Finding]) -> tuple[FindingReport, ...]:
    """Every finding that somebody has to look at, in the order of the run."""
    return tuple(
        FindingReport(
            **finding.model_dump(exclude={"n", "at", "type"}),
            interpretations=run.readings_of(finding.check, finding.requirement),
        )
        for finding in findings
        if finding.outcome in NOTABLE
    )


def _condensed(run: Run, findings: Iterable[Finding]) -> tuple[CondensedReport, ...]:
    """All other findings: those in which one check said the same are told once."""
    same: dict[tuple[str, Outcome, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.outcome not in NOTABLE:
            same[(finding.check, finding.outcome, finding.message)].append(finding)
    return tuple(
        CondensedReport(
            check=check,
            outcome=outcome,
            message=message,
            count=len(alike),
            scenarios=tuple(dict.fromkeys(finding.scenario for finding in alike)),
            examples=_examples(alike),
            interpretations=run.readings_of(check, alike[0].requirement),
        )
        for (check, outcome, message), alike in same.items()
    )


def _examples(findings: Iterable[Finding]) -> tuple[ExampleReport, ...]:
    different = {(finding.expected, finding.found): finding for finding in reversed(tuple(findings))}
    first = sorted(different.values(), key=lambda finding: finding.n)[:SHOWN_EXAMPLES]
    return tuple(
        ExampleReport(
            scenario=finding.scenario, expected=finding.expected, found=finding.found, shown_by=finding.shown_by
        )
        for finding in first
    )


def _ids(findings: Iterable[Finding], outcome: Outcome) -> tuple[str, ...]:
    return tuple(sorted({finding.requirement for finding in findings if finding.outcome is outcome}))


def _scenario(run: Run, scenario: ScenarioRun) -> ScenarioReport:
    begun, ended = scenario.started, scenario.finished
    found = Counter(finding.outcome for finding in scenario.findings)
    return ScenarioReport(
        number=scenario.number,
        role=begun.role,
        feature=begun.feature,
        name=begun.name,
        title=begun.title,
        uri=begun.uri,
        line=begun.line,
        outcome=ended.outcome,
        reason=ended.reason,
        duration=ended.duration,
        requirements=begun.requirements,
        behaviours=begun.behaviours,
        tags=begun.tags,
        example=begun.example,
        steps=tuple(
            StepReport.model_validate(step.model_dump(exclude={"n", "at", "type", "scenario"}))
            for step in scenario.steps
        ),
        findings=_notable(run, scenario.findings),
        passed=_ids(scenario.findings, Outcome.PASS),
        observed=_ids(scenario.findings, Outcome.OBSERVATION),
        counts={outcome: found[outcome] for outcome in Outcome if found[outcome]},
        exchanges=len(scenario.exchanges),
    )
