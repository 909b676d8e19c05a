"""The arithmetic of verdicts: from findings to requirements to the word at the top of the report.

Rules (proved by property tests): adding a failure never improves anything; nothing exercised is never conformant;
blocked, not-run, inconclusive and error are never shown as pass.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from conformance.record.events import Outcome, RequirementEntry, Role, ScenarioOutcome, Severity


class RequirementVerdict(StrEnum):
    """What a run says of one requirement, worst first."""

    FAIL = "fail"
    ERROR = "error"
    BLOCKED = "blocked"
    INCONCLUSIVE = "inconclusive"
    WARNING = "warning"
    PASS = "pass"  # noqa: S105 - a verdict
    OBSERVATION = "observation"
    NOT_RUN = "not-run"
    NOT_APPLICABLE = "not-applicable"
    NOT_EXERCISED = "not-exercised"


RANK = {verdict: rank for rank, verdict in enumerate(RequirementVerdict)}
EXERCISED = frozenset({RequirementVerdict.FAIL, RequirementVerdict.WARNING, RequirementVerdict.PASS})
"""Verdicts that rest on something seen."""

_OF_FINDING = {
    Outcome.FAIL: RequirementVerdict.FAIL,
    Outcome.WARNING: RequirementVerdict.WARNING,
    Outcome.PASS: RequirementVerdict.PASS,
    Outcome.OBSERVATION: RequirementVerdict.OBSERVATION,
    Outcome.INCONCLUSIVE: RequirementVerdict.INCONCLUSIVE,
}
_OF_SCENARIO = {
    ScenarioOutcome.ERROR: RequirementVerdict.ERROR,
    ScenarioOutcome.BLOCKED: RequirementVerdict.BLOCKED,
    ScenarioOutcome.INCONCLUSIVE: RequirementVerdict.INCONCLUSIVE,
    ScenarioOutcome.NOT_RUN: RequirementVerdict.NOT_RUN,
    ScenarioOutcome.NOT_APPLICABLE: RequirementVerdict.NOT_APPLICABLE,
}


class Conformity(StrEnum):
    """The word at the top; each has its exit code."""

    CONFORMANT = "conformant"
    NOT_CONFORMANT = "not conformant"
    ERROR = "suite error"
    INCOMPLETE = "incomplete"

    @property
    def exit_code(self) -> int:
        """0 only when conformant."""
        return {"conformant": 0, "not conformant": 1, "suite error": 3, "incomplete": 4}[self.value]


@dataclass(frozen=True, slots=True)
class Assessment:
    """The verdict of one role, with the coverage that always stands beside it."""

    role: Role
    conformity: Conformity
    requirements: Mapping[str, RequirementVerdict]
    mandatory: int
    exercised: int
    failed: int
    scenarios: Mapping[ScenarioOutcome, int] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The verdict with its coverage: `conformant: 118 of 121 applicable MUSTs exercised, 0 failed`."""
        return (
            f"{self.conformity}: {self.exercised} of {self.mandatory} applicable MUSTs exercised, {self.failed} failed"
        )


def verdict_of(findings: Iterable[Outcome], scenarios: Iterable[ScenarioOutcome]) -> RequirementVerdict:
    """Judge one requirement from its findings and from the scenarios that were to show it: the worst of all."""
    seen = [_OF_FINDING[outcome] for outcome in findings]
    seen += [_OF_SCENARIO[outcome] for outcome in scenarios if outcome in _OF_SCENARIO]
    return worst(seen)


def broken_by(severity: Severity) -> RequirementVerdict:
    """Judge a statement that a known departure breaks, by how grave that is."""
    grave: dict[Severity, RequirementVerdict] = {"must": RequirementVerdict.FAIL, "should": RequirementVerdict.WARNING}
    return grave.get(severity, RequirementVerdict.OBSERVATION)


def of_behaviour(findings: Iterable[Outcome], scenario: ScenarioOutcome) -> RequirementVerdict:
    """Judge a behaviour by one scenario: by what is found of it, and by how the scenario ended where that is worse."""
    found = [_OF_FINDING[outcome] for outcome in findings]
    if scenario is ScenarioOutcome.PASSED:
        return worst(found) if found else RequirementVerdict.PASS
    ended = RequirementVerdict.FAIL if scenario is ScenarioOutcome.FAILED else _OF_SCENARIO[scenario]
    return worst([*found, ended])


def worst(verdicts: Iterable[RequirementVerdict]) -> RequirementVerdict:
    """Give the worst verdict; of nothing it is not-exercised."""
    return min(verdicts, key=RANK.__getitem__, default=RequirementVerdict.NOT_EXERCISED)


def of_parts(
    verdicts: Mapping[str, RequirementVerdict], wholes: Mapping[str, Sequence[str]]
) -> dict[str, RequirementVerdict]:
    """Judge statements that are made of others: the worst of their own verdict and of every part's.

    A whole with a part that nothing exercised is itself not exercised, unless something of it already failed; wholes of
    which nothing at all was touched are left out.
    """
    judged = {}
    for whole, parts in wholes.items():
        of = [verdicts[part] for part in parts if part in verdicts]
        if whole not in verdicts and not of:
            continue
        complete = len(of) == len(parts)
        own = [verdicts[whole]] if whole in verdicts else []
        found = worst([*own, *of])
        green = found in (RequirementVerdict.PASS, RequirementVerdict.OBSERVATION)
        judged[whole] = RequirementVerdict.NOT_EXERCISED if green and not complete and not own else found
    return judged


def assess(
    role: Role,
    requirements: Sequence[RequirementEntry],
    verdicts: Mapping[str, RequirementVerdict],
    scenarios: Iterable[ScenarioOutcome],
    *,
    partial: bool = False,
    planned: int = 0,
    departures: int = 0,
    unclaimed: Sequence[str] = (),
) -> Assessment:
    """Judge one role.

    `partial` says that a filter was at work: such a run may fail, but is never conformant. `planned` is how many
    scenarios the suite has; when the record holds fewer, something is missing from it. A failure of any statement,
    mandatory or not, is a failure of the role. So is each of the known `departures` that were got past: whatever was
    judged past one, the subject is not as the text has it. `unclaimed` are features that were seen and that the
    statement does not claim: what belongs to them was not judged, so such a role is never conformant.
    """
    mandatory = [entry.id for entry in requirements if role in entry.mandatory]
    judged = [verdicts.get(name, RequirementVerdict.NOT_EXERCISED) for name in mandatory]
    counts = Counter(scenarios)
    exercised = sum(verdict in EXERCISED for verdict in judged)
    failed = sum(verdict is RequirementVerdict.FAIL for verdict in judged)
    broken = sum(verdict is RequirementVerdict.FAIL for verdict in verdicts.values())
    missing = max(0, planned - counts.total())
    conformity, reasons = _conformity(
        judged,
        counts,
        broken=broken,
        exercised=exercised,
        partial=partial,
        missing=missing,
        departures=departures,
        unclaimed=unclaimed,
    )
    return Assessment(role, conformity, dict(verdicts), len(mandatory), exercised, failed, dict(counts), reasons)


def overall(assessments: Iterable[Assessment]) -> Conformity:
    """Give the worst word of several roles; of no role at all it is incomplete."""
    order = (Conformity.NOT_CONFORMANT, Conformity.ERROR, Conformity.INCOMPLETE, Conformity.CONFORMANT)
    return min((item.conformity for item in assessments), key=order.index, default=Conformity.INCOMPLETE)


def _conformity(
    judged: Sequence[RequirementVerdict],
    counts: Counter[ScenarioOutcome],
    *,
    broken: int,
    exercised: int,
    partial: bool,
    missing: int,
    departures: int,
    unclaimed: Sequence[str],
) -> tuple[Conformity, tuple[str, ...]]:
    of = Counter(judged)
    if broken or counts[ScenarioOutcome.FAILED] or departures:
        scenarios = counts[ScenarioOutcome.FAILED]
        failed = f"{_many(broken, 'MUST')} and {_many(scenarios, 'scenario')} failed"
        past = (f"{_many(departures, 'known departure')} got past with --accommodate",) if departures else ()
        return Conformity.NOT_CONFORMANT, (failed, *past)
    if of[RequirementVerdict.ERROR] or counts[ScenarioOutcome.ERROR]:
        return Conformity.ERROR, (f"{_many(counts[ScenarioOutcome.ERROR], 'scenario')} ended in an error of the suite",)
    open_points = (
        (exercised == 0, "nothing was exercised"),
        (partial, "only a part of the suite was run"),
        (missing > 0, f"{_many(missing, 'scenario')} missing from the record"),
        (of[RequirementVerdict.BLOCKED] > 0, f"{_many(of[RequirementVerdict.BLOCKED], 'applicable MUST')} blocked"),
        (counts[ScenarioOutcome.BLOCKED] > 0, f"{_many(counts[ScenarioOutcome.BLOCKED], 'scenario')} blocked"),
        (
            counts[ScenarioOutcome.NOT_RUN] > 0 and not partial,
            f"{_many(counts[ScenarioOutcome.NOT_RUN], 'scenario')} not run",
        ),
        (
            of[RequirementVerdict.INCONCLUSIVE] > 0,
            f"{_many(of[RequirementVerdict.INCONCLUSIVE], 'applicable MUST')} could not be seen",
        ),
        (
            counts[ScenarioOutcome.INCONCLUSIVE] > 0,
            f"{_many(counts[ScenarioOutcome.INCONCLUSIVE], 'scenario')} inconclusive",
        ),
        (bool(unclaimed), _not_claimed(unclaimed)),
    )
    reasons = tuple(text for holds, text in open_points if holds)
    return (Conformity.INCOMPLETE, reasons) if reasons else (Conformity.CONFORMANT, ())


def _not_claimed(features: Sequence[str]) -> str:
    them = "it" if len(features) == 1 else "them"
    return (
        f"seen but not claimed: {', '.join(features)}; claim {them} in the statement, so that what belongs to {them} "
        "is judged"
    )


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
