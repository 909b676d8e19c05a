"""The machine report as documents: what a run came to, without the wire evidence.

It is condensed. Monitors judge every requirement in every scenario, so passes repeat by the thousand: every finding
that failed, warned or stayed inconclusive stands in the report, while passes and observations stand there as groups
with their number, their scenarios and a few examples. `events.ndjson` is the whole truth; each number in `shown_by` is
an event of it, on line number + 1.

All renderers that list requirements or scenarios read this projection, so that they cannot disagree. Its JSON Schema is
published in `reports/schema/report.schema.json`.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from conformance.record.events import Outcome, Role, ScenarioOutcome, Severity, Standing
from conformance.record.verdict import Conformity, RequirementVerdict

VERSION = 1
"""The version of the machine report; it changes when a reader would have to."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FindingReport(_Document):
    """What one check said of one requirement in one scenario."""

    scenario: int
    requirement: str
    check: str
    outcome: Outcome
    message: str
    expected: str | None = None
    found: str | None = None
    shown_by: tuple[int, ...] = ()
    """Numbers of the events in the event file that show it."""
    departures: tuple[str, ...] = ()
    """Known departures that were got past, for which it is no pass."""
    interpretations: tuple[str, ...] = ()
    """Readings of ambiguous texts that it rests on, by their ids in the register."""


class ExampleReport(_Document):
    """One of many findings alike."""

    scenario: int
    expected: str | None = None
    found: str | None = None
    shown_by: tuple[int, ...] = ()


class CondensedReport(_Document):
    """Passes or observations in which one check said the same, told once."""

    check: str
    outcome: Outcome
    message: str
    count: int
    """How many findings these were."""
    scenarios: tuple[int, ...]
    """Every scenario that has one of them."""
    examples: tuple[ExampleReport, ...]
    """The first few that differ in what was expected or found."""
    interpretations: tuple[str, ...] = ()
    """Readings of ambiguous texts that they rest on."""


class InterpretationReport(_Document):
    """A reading of a text that is ambiguous or contradicts itself, and what of this run rests on it."""

    id: str
    where: str
    issue: str
    reading: str
    why: str | None = None
    upstream: tuple[str, ...] = ()
    """Threads of the specification that discuss it: `owner/name#number`."""
    requirements: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    """Checks that depend on it."""
    reason: str | None = None
    """Why no check depends on it."""
    findings: Mapping[Outcome, int] = {}
    """How many findings of this run rest on it, by outcome; those that are zero left out."""


class RequirementReport(_Document):
    """One statement of the specification and its verdict for one role."""

    id: str
    area: str
    severity: Severity
    level: str
    statement: str
    source: str
    observable: str
    applicable: bool
    """Whether it is an applicable, observable MUST of the claimed profile: counted in the coverage."""
    verdict: RequirementVerdict
    reason: str | None = None
    """Why nothing exercises it."""
    interpretations: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    """Statements that together say what this one says: its verdict is the worst of theirs."""
    checks: tuple[str, ...] = ()
    findings: tuple[FindingReport, ...] = ()
    """Every finding that failed, warned or stayed inconclusive."""
    condensed: tuple[CondensedReport, ...] = ()
    """All other findings, in groups."""
    scenarios: tuple[int, ...] = ()
    """Numbers of the scenarios that announce it or found something of it."""


class SubjectReport(_Document):
    """What was under test in one role."""

    name: str
    version: str | None = None
    vendor: str | None = None
    target: str
    profile: str
    features: tuple[str, ...] = ()
    policies: Mapping[str, str] = {}


class Coverage(_Document):
    """How much of what applies was exercised."""

    applicable: int
    exercised: int
    failed: int


class BehaviourReport(_Document):
    """One standard behaviour in failure and recovery, and how the subject behaved."""

    id: str
    title: str
    basis: Literal["normative", "ambiguous", "undefined"]
    """Whether the revision demands it, demands it and leaves the path open, or says nothing of it."""
    statement: str
    requirements: tuple[str, ...] = ()
    """Statements that it rests on."""
    policy: Mapping[str, tuple[str, ...]] = {}
    """What a supplier may declare of it."""
    declared: Mapping[str, str] = {}
    """What the supplier of this subject declares of it."""
    verdict: RequirementVerdict
    reason: str | None = None
    """Why nothing exercises it, or a part of it."""
    findings: tuple[FindingReport, ...] = ()
    """Every finding that failed, warned or stayed inconclusive."""
    condensed: tuple[CondensedReport, ...] = ()
    """All other findings, in groups."""
    scenarios: tuple[int, ...] = ()
    """Numbers of the scenarios that were to show it."""


class ClaimReport(_Document):
    """Something that is stated of a subject, or could be, beside what the whole run saw. It is no verdict."""

    about: Literal["feature", "policy", "poll-interval", "limit"]
    name: str
    claimed: str | None = None
    """As it is stated; null where it is not."""
    seen: str | None = None
    """As it was seen; null where it never was."""
    standing: Standing
    evidence: str
    advice: str | None = None
    """What to change in the statement."""
    shown_by: tuple[int, ...] = ()
    """Numbers of the events in the event file that show it."""
    scenarios: tuple[int, ...] = ()
    """Scenarios that these events belong to."""


class DepartureReport(_Document):
    """A known departure that was to be got past, told once for the whole run."""

    name: str
    departs: str
    expected: str
    found: str
    breaks: tuple[str, ...]
    """Statements that fail by it, where it was used."""
    hides: tuple[str, ...] = ()
    """Statements of which nothing can be told past it."""
    source: str
    """`shipped`, or the file in which it is described."""
    uses: int
    """How many exchanges show it; none: it was never needed in this run."""
    shown_by: tuple[int, ...] = ()
    """Numbers of the first events in the event file that show it."""
    scenarios: tuple[int, ...] = ()
    """Scenarios that these events belong to."""


class RoleReport(_Document):
    """The assessment of one role. The counts name every kind, also those that are zero."""

    role: Role
    subject: SubjectReport
    conformity: Conformity
    headline: str
    reasons: tuple[str, ...] = ()
    coverage: Coverage
    counts: Mapping[RequirementVerdict, int]
    """Requirements that bind the role, by verdict."""
    counts_applicable: Mapping[RequirementVerdict, int]
    """The same for the applicable MUSTs alone; they add up to `coverage.applicable`."""
    counts_scenarios: Mapping[ScenarioOutcome, int]
    requirements: tuple[RequirementReport, ...]
    behaviours: tuple[BehaviourReport, ...] = ()
    """Those that scenarios of this role were to show; for a device also those that none shows."""
    claims: tuple[ClaimReport, ...] = ()
    """What the statement (ICS) claims, beside what was seen: what to look at first. Empty in older records."""
    departures: tuple[DepartureReport, ...] = ()
    """Known departures that were to be got past (`--accommodate`), those that the run shows first."""


class StepReport(_Document):
    """One sentence of a scenario and how it went."""

    keyword: str
    text: str
    line: int
    outcome: Literal["passed", "failed", "not-reached"]
    duration: float
    """Seconds."""
    message: str | None = None


class ScenarioReport(_Document):
    """One scenario and how it ended."""

    number: int
    role: Role
    feature: str
    name: str
    """As it stands in the feature file; in an outline it may hold placeholders."""
    title: str
    """The name with the values of its row."""
    uri: str
    line: int
    outcome: ScenarioOutcome
    reason: str | None = None
    duration: float
    """Seconds."""
    requirements: tuple[str, ...] = ()
    behaviours: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    example: Mapping[str, str] = {}
    steps: tuple[StepReport, ...] = ()
    findings: tuple[FindingReport, ...] = ()
    """Every finding that failed, warned or stayed inconclusive."""
    passed: tuple[str, ...] = ()
    """Requirements that at least one check saw hold in this scenario."""
    observed: tuple[str, ...] = ()
    """Requirements of which something was recorded without being judged."""
    counts: Mapping[Outcome, int] = {}
    """How many findings of each outcome there are, those that are zero left out."""
    exchanges: int = 0
    """How many exchanges were recorded while it ran."""


class RunReport(_Document):
    """What was run, when, and with what."""

    id: str
    started: str
    """ISO 8601, UTC."""
    duration: float
    """Seconds from the first to the last event."""
    suite: str
    revision: str
    selection: str | None = None
    seed: int | None = None
    deadlines: Mapping[str, float] = {}
    """Effective values in seconds."""
    digests: Mapping[str, str] = {}
    environment: Mapping[str, str] = {}


class Report(_Document):
    """The whole machine report, condensed: what is told in groups here stands one by one in `events.ndjson`."""

    format: Literal["margo-conformance-report"] = "margo-conformance-report"
    version: Literal[1] = 1
    run: RunReport
    conformity: Conformity
    exit_code: int
    roles: tuple[RoleReport, ...]
    interpretations: tuple[InterpretationReport, ...] = ()
    """The register of readings by which the run was judged."""
    scenarios: tuple[ScenarioReport, ...]
