"""From what a check saw to findings: the keyword of the statement decides how grave it is, never the check."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from conformance.catalogue import Catalogue
from conformance.checks.evidence import Record
from conformance.checks.registry import Check, Judgement, Seen
from conformance.record.events import Finding, Outcome

_BROKEN = {"must": Outcome.FAIL, "should": Outcome.WARNING, "may": Outcome.OBSERVATION, "info": Outcome.OBSERVATION}
_MAX_SHOWN = 20


def judge(check: Check, record: Record, catalogue: Catalogue, scenario: int, **subject: Any) -> list[Finding]:
    """Run one check and turn what it saw into findings, one for each statement or behaviour and distinct outcome.

    A check that is called by a step and sees nothing at all is inconclusive; a monitor stays silent.
    """
    judgements = check(record, **subject)
    if not judgements and not check.monitor:
        judgements = (Judgement(Seen.UNSEEN, check.title, "nothing that could be judged"),)
    findings = [
        _past_departures(finding, seen, record)
        for seen in judgements
        for finding in _findings(check, seen, catalogue, scenario)
    ]
    return list(_condensed(findings))


def covered(check: Check, catalogue: Catalogue) -> tuple[str, ...]:
    """Give every statement a check speaks for: those it names that the revision has, and those that say the same."""
    named = [name for name in check.requirements if name in catalogue]
    same = [other for name in named for other in catalogue.also_judges(name)]
    return tuple(dict.fromkeys([*named, *same]))


def _findings(check: Check, seen: Judgement, catalogue: Catalogue, scenario: int) -> Iterator[Finding]:
    wanted = check.requirements if seen.requirements is None else seen.requirements
    names = dict.fromkeys(
        other for name in wanted if name in catalogue for other in (name, *catalogue.also_judges(name))
    )
    for name in names:
        requirement = catalogue.requirement(name)
        if check.role in requirement.binds:
            yield _finding(name, _outcome(seen.seen, requirement.severity), check, seen, scenario)
    for name in wanted:
        if name not in catalogue and catalogue.behaviour(name):
            # what a supplier declares, or the outcome that every path has to have, is not to be broken
            yield _finding(name, _outcome(seen.seen, "must"), check, seen, scenario)


def _past_departures(finding: Finding, seen: Judgement, record: Record) -> Finding:
    """Call nothing kept that rests on an exchange in which the subject departs from that very statement.

    The departure itself is told once, for the whole run. What is broken besides stays broken, unless the departure
    hides the statement: then the exchange says nothing of it.
    """
    if finding.outcome not in (Outcome.PASS, Outcome.FAIL, Outcome.WARNING) or not record.departed:
        return finding
    shown = [record.departed[number] for number in seen.shown_by if number in record.departed]
    shown = shown if seen.shown_by else list(record.departed.values())
    kept = finding.outcome is Outcome.PASS
    names = tuple(dict.fromkeys(name for one in shown for name in one.names(finding.requirement, kept=kept)))
    if not names:
        return finding
    found = f"{finding.found}; read past the known departure {', '.join(names)}"
    return finding.model_copy(update={"outcome": Outcome.OBSERVATION, "found": found, "departures": names})


def _finding(name: str, outcome: Outcome, check: Check, seen: Judgement, scenario: int) -> Finding:
    return Finding(
        scenario=scenario,
        requirement=name,
        check=check.name,
        outcome=outcome,
        message=check.title,
        expected=seen.expected,
        found=seen.found,
        shown_by=seen.shown_by[:_MAX_SHOWN],
    )


def _outcome(seen: Seen, severity: str) -> Outcome:
    match seen:
        case Seen.KEPT:
            return Outcome.PASS
        case Seen.BROKEN:
            return _BROKEN[severity]
        case Seen.UNSEEN:
            return Outcome.INCONCLUSIVE
        case Seen.NOTED:
            return Outcome.OBSERVATION


def _condensed(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Merge repeated passes of one statement; every failure stays on its own."""

    def key(finding: Finding) -> tuple[str, str]:
        return (finding.requirement, finding.outcome)

    for (_, outcome), group in groupby(sorted(findings, key=key), key=key):
        alike = list(group)
        if outcome != Outcome.PASS:
            yield from alike
            continue
        shown = tuple(dict.fromkeys(number for finding in alike for number in finding.shown_by))[:_MAX_SHOWN]
        more = f" (and {len(alike) - 1} more)" if len(alike) > 1 else ""
        yield alike[0].model_copy(update={"shown_by": shown, "found": f"{alike[0].found}{more}"})
