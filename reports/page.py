"""What the HTML page shows, gathered from the machine report: rows by area, bars of coverage, groups of findings."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from conformance.record.events import Finding, Outcome, Role, ScenarioOutcome, Standing
from conformance.record.run import Run, ScenarioRun
from conformance.record.verdict import EXERCISED, RANK, RequirementVerdict, worst
from reports.groups import NOTABLE, Group, by_content, by_words
from reports.model import BehaviourReport, Report, RequirementReport, RoleReport, ScenarioReport
from reports.projection import failures, not_exercised, of_outcome, unexplained_failures, why

SHOWN_AT_THE_TOP = 3
"""Different occurrences of a failure told before the reader opens the requirement."""
SHOWN_IN_SCENARIO = 20
"""Groups of findings told with a scenario."""
SHOWN_TEXT = 4000
"""Characters of one value."""

ICONS: Mapping[str, str] = {
    "pass": "M3.5 8.5l3 3 6-7",
    "fail": "M4 4l8 8M12 4l-8 8",
    "warning": "M8 2.5L14 13H2zM8 6.5v3M8 11.2v.3",
    "observation": "M1.5 8S4 3.8 8 3.8 14.5 8 14.5 8 12 12.2 8 12.2 1.5 8 1.5 8zM8 6.6a1.4 1.4 0 1 0 .01 0",
    "inconclusive": "M5.6 6a2.4 2.4 0 1 1 3.4 2.2c-.7.3-1 .8-1 1.5M8 12.2v.3",
    "blocked": "M8 2a6 6 0 1 0 .01 0M3.9 3.9l8.2 8.2",
    "error": "M9 1.5L4 9h3.5L7 14.5 12 7H8.5z",
    "not-run": "M5.5 4v8M10.5 4v8",
    "not-applicable": "M3.5 8h9",
    "not-exercised": "M8 2.5v1M11.9 4.1l-.7.7M13.5 8h-1M11.9 11.9l-.7-.7M8 13.5v-1M4.1 11.9l.7-.7M2.5 8h1M4.1 4.1l.7.7",
}
"""Paths on a grid of 16, stroked."""

MEANING: Mapping[str, tuple[str, str]] = {
    "fail": ("Fail", "a check saw the statement broken"),
    "error": ("Suite error", "the suite itself went wrong; nothing is known of the subject"),
    "blocked": ("Blocked", "a prerequisite or a hook was missing; the reason names it"),
    "inconclusive": ("Inconclusive", "it was tried and could not be seen"),
    "warning": ("Warning", "a recommendation (SHOULD) was not followed"),
    "pass": ("Pass", "at least one check saw it held, and none saw otherwise"),
    "observation": ("Observed", "the specification leaves it open; what the subject did is recorded"),
    "not-run": ("Not run", "left out by the selection"),
    "not-applicable": (
        "Not applicable",
        "not for this revision, for a feature that is not claimed, or shown by a simulated device only",
    ),
    "not-exercised": ("Not exercised", "no scenario looked at it"),
}
"""Every kind of verdict: its word and what it means, worst first."""

STANDING_KINDS: Mapping[str, str] = {
    Standing.CONTRADICTED: "warning",
    Standing.NOT_CLAIMED: "warning",
    Standing.NEVER_SEEN: "inconclusive",
    Standing.SEEN: "observation",
}
"""Icon and colour of how a claim stands; never that of a pass, for it is no verdict."""

_SCENARIO_KIND = {ScenarioOutcome.PASSED: "pass", ScenarioOutcome.FAILED: "fail"}
_NEEDS_A_LOOK = (ScenarioOutcome.ERROR, ScenarioOutcome.BLOCKED, ScenarioOutcome.INCONCLUSIVE)


@dataclass(frozen=True, slots=True)
class Cell:
    """One requirement in one role."""

    role: Role
    requirement: RequirementReport
    groups: tuple[Group, ...]
    announced: tuple[int, ...] = ()
    """The scenarios that were made for it."""


@dataclass(frozen=True, slots=True)
class Card:
    """One scenario: what it is about and whatever went wrong, in full; what else held is only counted."""

    scenario: ScenarioReport
    groups: tuple[Group, ...]
    left_out: int
    """Groups beyond those told; each stands with its requirement, too."""
    others: int
    """Statements that were seen to hold beside those of the groups."""


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement on the page, with a cell for each role it binds."""

    anchor: str
    head: RequirementReport
    cells: tuple[Cell, ...]
    verdict: RequirementVerdict

    @property
    def applicable(self) -> bool:
        """Whether it counts for any role of the run."""
        return any(cell.requirement.applicable for cell in self.cells)

    @property
    def tokens(self) -> str:
        """What the filters match: `device=fail wfm=pass`."""
        return " ".join(f"{cell.role}={cell.requirement.verdict}" for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Bar:
    """A stacked bar: verdict, where it begins and how wide it is, in percent."""

    segments: tuple[tuple[RequirementVerdict, float, float, int], ...]
    total: int
    exercised: int
    counts: Mapping[RequirementVerdict, int]


@dataclass(frozen=True, slots=True)
class Left:
    """Applicable MUSTs of which the run does not say whether they hold, all for the same reason."""

    verdict: RequirementVerdict
    reason: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoleView:
    """What the page shows of one role."""

    role: RoleReport
    bar: Bar
    areas: tuple[tuple[str, Bar], ...]
    failures: tuple[Cell, ...]
    broken: tuple[ScenarioReport, ...]
    to_look_at: tuple[tuple[ScenarioOutcome, tuple[tuple[ScenarioReport, str], ...]], ...]
    left: tuple[Left, ...]
    """The applicable MUSTs that count as not exercised; with `coverage.exercised` they add up."""


@dataclass(frozen=True, slots=True)
class BehaviourRow:
    """One behaviour of a role."""

    behaviour: BehaviourReport
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class BehavioursView:
    """The behaviours of a role, in the order of the catalogue, and how many have which verdict."""

    role: Role
    rows: tuple[BehaviourRow, ...]
    counts: tuple[tuple[RequirementVerdict, int], ...]


@dataclass(frozen=True, slots=True)
class Page:
    """The whole page."""

    title: str
    roles: tuple[RoleView, ...]
    areas: tuple[tuple[str, str, tuple[Row, ...]], ...]
    features: tuple[tuple[str, tuple[Card, ...]], ...]
    chips: tuple[tuple[str, int, int], ...]
    """Kind of verdict, how many requirements, how many scenarios."""
    rows: int
    statements: Mapping[str, str]
    """What each requirement that has a row says, by its id."""
    titles: Mapping[int, str]
    """The titles of the scenarios, by their numbers."""
    behaviours: tuple[BehavioursView, ...] = ()


def page_of(run: Run, report: Report) -> Page:
    """Gather everything that the template needs."""
    rows = _rows(run, report)
    order = list(dict.fromkeys([*(entry.area for entry in run.requirements), *(row.head.area for row in rows)]))
    areas = tuple(
        (area, f"area-{number}", mine)
        for number, area in enumerate(order, start=1)
        if (mine := tuple(row for row in rows if row.head.area == area))
    )
    features: dict[str, list[Card]] = defaultdict(list)
    for scenario, told in zip(run.scenarios, report.scenarios, strict=True):
        features[told.feature].append(_card(run, scenario, told))
    names = [" ".join(filter(None, (role.subject.name, role.subject.version))) for role in report.roles]
    return Page(
        title=" and ".join(names) or "no subject",
        roles=tuple(_role(run, report, role, order) for role in report.roles),
        areas=areas,
        features=tuple((feature, tuple(cards)) for feature, cards in features.items()),
        chips=_chips(rows, report),
        rows=len(rows),
        statements={row.head.id: row.head.statement for row in rows},
        titles={scenario.number: scenario.title for scenario in report.scenarios},
        behaviours=tuple(_behaviours(run, role) for role in report.roles if role.behaviours),
    )


def _behaviours(run: Run, role: RoleReport) -> BehavioursView:
    findings = run.findings(role.role)
    rows = tuple(BehaviourRow(item, by_words(run, findings.get(item.id, ()))) for item in role.behaviours)
    counts = Counter(item.verdict for item in role.behaviours)
    ordered = sorted(counts, key=lambda verdict: (verdict is not RequirementVerdict.PASS, RANK[verdict]))
    return BehavioursView(role.role, rows, tuple((verdict, counts[verdict]) for verdict in ordered))


def kind(value: str) -> str:
    """The kind of verdict that names icon and colour: scenarios pass and fail like requirements."""
    return {"passed": "pass", "failed": "fail", "not-reached": "not-run"}.get(value, value)


def label(value: str) -> str:
    """The word shown for a verdict or an outcome."""
    words = {"passed": "Passed", "failed": "Failed", "not-reached": "Not reached"}
    return words.get(value) or MEANING[kind(value)][0]


def anchor_of(requirement: str) -> str:
    """The fragment that leads to a requirement: `req-DS-069`."""
    return "req-" + re.sub(r"[^A-Za-z0-9_.-]", "_", requirement)


def clip(text: str) -> str:
    """Bound one value on the page."""
    return text if len(text) <= SHOWN_TEXT else f"{text[:SHOWN_TEXT]}… ({len(text):,} characters)"


def pointed_at(view: Page) -> list[int]:
    """The events that the page links to, those of failures first."""
    groups = [group for item in view.roles for cell in item.failures for group in cell.groups]
    groups += [group for _, _, rows in view.areas for row in rows for cell in row.cells for group in cell.groups]
    groups += [group for item in view.behaviours for row in item.rows for group in row.groups]
    groups += [group for _, cards in view.features for card in cards for group in card.groups]
    return [shown.number for group in groups for occurrence in group.occurrences for shown in occurrence.shown]


def _card(run: Run, scenario: ScenarioRun, told: ScenarioReport) -> Card:
    own = [
        finding
        for finding in scenario.findings
        if finding.outcome in NOTABLE or finding.requirement in told.requirements
    ]
    named = {finding.requirement for finding in own}
    groups = by_content(run, own)
    left_out = max(len(groups) - SHOWN_IN_SCENARIO, 0)
    return Card(told, groups[:SHOWN_IN_SCENARIO], left_out, sum(name not in named for name in told.passed))


def _rows(run: Run, report: Report) -> list[Row]:
    cells: dict[str, list[Cell]] = defaultdict(list)
    for role in report.roles:
        findings = run.findings(role.role)
        announced: dict[str, list[int]] = defaultdict(list)
        for scenario in run.of_role(role.role):
            for name in scenario.started.requirements:
                announced[name].append(scenario.number)
        for item in role.requirements:
            groups = by_words(run, findings.get(item.id, ()))
            cells[item.id].append(Cell(role.role, item, groups, tuple(announced[item.id])))
    return [
        Row(anchor_of(name), mine[0].requirement, tuple(mine), worst(cell.requirement.verdict for cell in mine))
        for name, mine in sorted(cells.items())
    ]


def _role(run: Run, report: Report, role: RoleReport, areas: list[str]) -> RoleView:
    applicable = [item for item in role.requirements if item.applicable]
    by_area = {area: [item for item in applicable if item.area == area] for area in areas}
    findings = run.findings(role.role)
    return RoleView(
        role=role,
        bar=bar_of(applicable),
        areas=tuple((area, bar_of(items)) for area, items in by_area.items() if items),
        failures=tuple(Cell(role.role, item, _failed(run, findings.get(item.id, ()))) for item in failures(role)),
        broken=unexplained_failures(report, role.role),
        to_look_at=tuple(
            (outcome, tuple((scenario, why(scenario)) for scenario in found))
            for outcome in _NEEDS_A_LOOK
            if (found := of_outcome(report, role.role, outcome))
        ),
        left=tuple(Left(verdict, reason, ids) for verdict, reason, ids in not_exercised(role)),
    )


def _failed(run: Run, findings: Iterable[Finding]) -> tuple[Group, ...]:
    return by_words(run, (finding for finding in findings if finding.outcome is Outcome.FAIL), SHOWN_AT_THE_TOP)


def bar_of(requirements: Iterable[RequirementReport]) -> Bar:
    """Stack requirements by verdict: what passed first, what nothing exercised last."""
    counts: dict[RequirementVerdict, int] = defaultdict(int)
    for item in requirements:
        counts[item.verdict] += 1
    total = sum(counts.values())
    order = sorted(counts, key=lambda verdict: (verdict is not RequirementVerdict.PASS, RANK[verdict]))
    segments, start = [], 0.0
    for verdict in order:
        width = 100 * counts[verdict] / total
        segments.append((verdict, round(start, 3), round(width, 3), counts[verdict]))
        start += width
    exercised = sum(count for verdict, count in counts.items() if verdict in EXERCISED)
    return Bar(tuple(segments), total, exercised, {verdict: counts[verdict] for verdict in order})


def _chips(rows: list[Row], report: Report) -> tuple[tuple[str, int, int], ...]:
    chips = []
    for name in MEANING:
        of_rows = sum(any(cell.requirement.verdict == name for cell in row.cells) for row in rows)
        of_scenarios = sum(kind(scenario.outcome) == name for scenario in report.scenarios)
        if of_rows or of_scenarios:
            chips.append((name, of_rows, of_scenarios))
    return tuple(chips)
