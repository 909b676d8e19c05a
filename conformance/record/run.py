"""A finished run as reports and judges read it: events gathered by scenario and by requirement."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from conformance.record.events import (
    BehaviourEntry,
    CatalogueEvent,
    Claim,
    Connection,
    Departure,
    Event,
    Exchange,
    Fact,
    Finding,
    Header,
    InterpretationEntry,
    Outcome,
    RequirementEntry,
    Role,
    ScenarioFinished,
    ScenarioOutcome,
    ScenarioStarted,
    Standing,
    StepFinished,
)
from conformance.record.verdict import (
    Assessment,
    Conformity,
    RequirementVerdict,
    assess,
    broken_by,
    of_behaviour,
    of_parts,
    overall,
    verdict_of,
    worst,
)


@dataclass(frozen=True)
class ScenarioRun:
    """One scenario with everything that belongs to it, in order."""

    started: ScenarioStarted
    finished: ScenarioFinished
    steps: tuple[StepFinished, ...] = ()
    findings: tuple[Finding, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    connections: tuple[Connection, ...] = ()
    facts: tuple[Fact, ...] = ()

    @property
    def number(self) -> int:
        """Number of the scenario in the run."""
        return self.started.scenario

    @property
    def outcome(self) -> ScenarioOutcome:
        """How it ended."""
        return self.finished.outcome


@dataclass(frozen=True)
class Run:
    """A whole run. Built by `Run.of(events)`."""

    header: Header
    requirements: tuple[RequirementEntry, ...]
    scenarios: tuple[ScenarioRun, ...]
    by_number: Mapping[int, Event] = field(repr=False)
    behaviours: tuple[BehaviourEntry, ...] = ()
    interpretations: tuple[InterpretationEntry, ...] = ()
    claims: tuple[Claim, ...] = ()
    departures: tuple[Departure, ...] = ()

    @classmethod
    def of(cls, events: Iterable[Event]) -> "Run":
        """Gather events.

        Raises ValueError when they make no run, since a finding that belongs nowhere would be a finding lost: no
        header, two events of one number, a scenario begun or ended twice, a part of a scenario that never began, or
        a scenario or a claim of a role without a subject.
        """
        listed = tuple(events)
        numbered = {event.n: event for event in listed}
        header = next((event for event in listed if isinstance(event, Header)), None)
        if header is None:
            raise ValueError("a run starts with a header")
        _check_belonging(header, listed)
        catalogues = [event for event in numbered.values() if isinstance(event, CatalogueEvent)]
        requirements = tuple(entry for catalogue in catalogues for entry in catalogue.requirements)
        behaviours = tuple(entry for catalogue in catalogues for entry in catalogue.behaviours)
        interpretations = tuple(entry for catalogue in catalogues for entry in catalogue.interpretations)
        claims = tuple(event for event in numbered.values() if isinstance(event, Claim))
        departures = tuple(event for event in numbered.values() if isinstance(event, Departure))
        scenarios = _scenarios(numbered.values())
        return cls(header, requirements, scenarios, numbered, behaviours, interpretations, claims, departures)

    @cached_property
    def _readings(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for entry in self.interpretations:
            for check in entry.checks:
                for requirement in entry.requirements:
                    found[check, requirement].append(entry.id)
        return {key: tuple(names) for key, names in found.items()}

    def readings_of(self, check: str, requirement: str) -> tuple[str, ...]:
        """Give the ids of the readings of ambiguous texts on which a finding of a check about a requirement rests."""
        return self._readings.get((check, requirement), ())

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles under test, in the order of the header."""
        return tuple(subject.role for subject in self.header.subjects)

    def findings(self, role: Role) -> dict[str, list[Finding]]:
        """Findings of one role by requirement."""
        found: dict[str, list[Finding]] = defaultdict(list)
        for scenario in self.of_role(role):
            for finding in scenario.findings:
                found[finding.requirement].append(finding)
        return found

    def claims_of(self, role: Role) -> tuple[Claim, ...]:
        """What is stated of one role's subject, beside what was seen; empty in records that compare nothing."""
        return tuple(claim for claim in self.claims if claim.role == role)

    def _unclaimed(self, role: Role) -> tuple[str, ...]:
        """The features that were seen of a role's subject without being claimed; a policy may be left undeclared."""
        return tuple(
            claim.name
            for claim in self.claims_of(role)
            if claim.about == "feature" and claim.standing is Standing.NOT_CLAIMED
        )

    def departures_of(self, role: Role) -> tuple[Departure, ...]:
        """The known departures of one role's subject that were to be got past."""
        return tuple(item for item in self.departures if item.role == role)

    def _departed(self, role: Role) -> dict[str, list[RequirementVerdict]]:
        """What the departures that were shown make of statements, whatever the scenarios found besides."""
        made: dict[str, list[RequirementVerdict]] = defaultdict(list)
        severities = {entry.id: entry.severity for entry in self.requirements}
        for item in self.departures_of(role):
            for name in item.breaks if item.uses else ():
                made[name].append(broken_by(severities.get(name, "must")))
            for name in item.hides if item.uses else ():
                made[name].append(RequirementVerdict.INCONCLUSIVE)
        return made

    def of_role(self, role: Role) -> tuple[ScenarioRun, ...]:
        """The scenarios of one role."""
        return tuple(scenario for scenario in self.scenarios if scenario.started.role == role)

    def verdicts(self, role: Role) -> dict[str, RequirementVerdict]:
        """The verdict of every requirement that this role's scenarios touch."""
        behaviours = {entry.id for entry in self.behaviours}
        findings = {name: found for name, found in self.findings(role).items() if name not in behaviours}
        outcomes: dict[str, list[ScenarioOutcome]] = defaultdict(list)
        for scenario in self.of_role(role):
            judged = {finding.requirement for finding in scenario.findings}
            for requirement in scenario.started.requirements:
                # what a scenario left open of one requirement does not open those that it did judge
                if scenario.outcome is not ScenarioOutcome.INCONCLUSIVE or requirement not in judged:
                    outcomes[requirement].append(scenario.outcome)
        departed = self._departed(role)
        own = {
            requirement: worst(
                [
                    verdict_of((finding.outcome for finding in findings.get(requirement, ())), outcomes[requirement]),
                    *departed.get(requirement, ()),
                ]
            )
            for requirement in sorted({*findings, *outcomes, *departed})
        }
        wholes = {entry.id: entry.parts for entry in self.requirements if entry.parts and role in entry.roles}
        return {**own, **of_parts(own, wholes)}

    def behaviour_verdicts(self, role: Role) -> dict[str, RequirementVerdict]:
        """The verdict of every behaviour that this role's scenarios are to show, or that a finding of theirs names.

        It is the worst of what is found of the behaviour itself and of how its scenarios ended. A scenario that passed
        counts for the behaviour only where no finding of its own says more, such as that something was only observed.
        """
        known = {entry.id for entry in self.behaviours}
        verdicts: dict[str, list[RequirementVerdict]] = defaultdict(list)
        for scenario in self.of_role(role):
            found: dict[str, list[Outcome]] = defaultdict(list)
            for finding in scenario.findings:
                if finding.requirement in known:
                    found[finding.requirement].append(finding.outcome)
            for name in dict.fromkeys([*scenario.started.behaviours, *found]):
                verdicts[name].append(of_behaviour(found.get(name, ()), scenario.outcome))
        return {name: worst(of) for name, of in sorted(verdicts.items()) if name in known}

    @cached_property
    def assessments(self) -> tuple[Assessment, ...]:
        """One verdict per role."""
        return tuple(
            assess(
                role,
                self.requirements,
                self.verdicts(role),
                [scenario.outcome for scenario in self.of_role(role)],
                partial=self.header.selection is not None,
                planned=self.header.planned.get(role, 0),
                departures=sum(item.uses > 0 for item in self.departures_of(role)),
                unclaimed=self._unclaimed(role),
            )
            for role in self.roles
        )

    @property
    def conformity(self) -> Conformity:
        """The word at the top."""
        return overall(self.assessments)


def _check_belonging(header: Header, events: tuple[Event, ...]) -> None:
    numbers = Counter(event.n for event in events)
    begun = Counter(event.scenario for event in events if isinstance(event, ScenarioStarted))
    ended = Counter(event.scenario for event in events if isinstance(event, ScenarioFinished))
    roles = {subject.role for subject in header.subjects}
    for number, times in numbers.items():
        if times > 1:
            raise ValueError(f"{times} events have the number {number}")
    for what, scenarios in (("begins", begun), ("ends", ended)):
        for scenario, times in scenarios.items():
            if times > 1:
                raise ValueError(f"scenario {scenario} {what} {times} times")
    for event in events:
        if isinstance(event, ScenarioStarted) and event.role not in roles:
            raise ValueError(f"scenario {event.scenario} is for the role {event.role}, which has no subject")
        if isinstance(event, Claim | Departure) and event.role not in roles:
            raise ValueError(f"event {event.n} speaks of the role {event.role}, which has no subject")
        owner = getattr(event, "scenario", None)
        if owner is not None and owner not in begun:
            raise ValueError(f"event {event.n} ({event.type}) belongs to scenario {owner}, which never began")


def _scenarios(events: Iterable[Event]) -> tuple[ScenarioRun, ...]:
    started: dict[int, ScenarioStarted] = {}
    finished: dict[int, ScenarioFinished] = {}
    parts: dict[int, dict[type, list[Event]]] = defaultdict(lambda: defaultdict(list))
    for event in events:
        match event:
            case ScenarioStarted():
                started[event.scenario] = event
            case ScenarioFinished():
                finished[event.scenario] = event
            case StepFinished() | Finding() | Exchange() | Connection() | Fact():
                if event.scenario is not None:
                    parts[event.scenario][type(event)].append(event)
    return tuple(_scenario(begun, finished.get(number), parts[number]) for number, begun in sorted(started.items()))


def _honest(end: ScenarioFinished, parts: Mapping[type, list[Event]]) -> ScenarioFinished:
    """Never take a scenario's word that it passed when its own steps or findings say otherwise."""
    if end.outcome is not ScenarioOutcome.PASSED:
        return end
    steps = [step for step in parts.get(StepFinished, ()) if isinstance(step, StepFinished)]
    failed = [item for item in parts.get(Finding, ()) if isinstance(item, Finding) and item.outcome is Outcome.FAIL]
    if any(step.outcome != "passed" for step in steps):
        return end.model_copy(update={"outcome": ScenarioOutcome.ERROR, "reason": "not every step was carried out"})
    if failed:
        return end.model_copy(update={"outcome": ScenarioOutcome.FAILED, "reason": f"{failed[0].requirement} failed"})
    return end


def _scenario(begun: ScenarioStarted, ended: ScenarioFinished | None, parts: Mapping[type, list[Event]]) -> ScenarioRun:
    # a scenario that never ended is an error of the suite, whatever its findings say
    end = ended or ScenarioFinished(
        scenario=begun.scenario, outcome=ScenarioOutcome.ERROR, reason="the scenario did not end"
    )
    return ScenarioRun(
        begun,
        _honest(end, parts),
        steps=tuple(event for event in parts.get(StepFinished, ()) if isinstance(event, StepFinished)),
        findings=tuple(event for event in parts.get(Finding, ()) if isinstance(event, Finding)),
        exchanges=tuple(event for event in parts.get(Exchange, ()) if isinstance(event, Exchange)),
        connections=tuple(event for event in parts.get(Connection, ()) if isinstance(event, Connection)),
        facts=tuple(event for event in parts.get(Fact, ()) if isinstance(event, Fact)),
    )
