"""Coverage, told without running anything: which statement is held by which checks and scenarios, or why by none."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from conformance.bench.scenarios import BEHAVIOUR_TAG, Scenario, scenarios
from conformance.catalogue import Behaviour, Catalogue, Requirement
from conformance.checks.judging import covered
from conformance.checks.registry import Check, checks
from conformance.record.events import BehaviourEntry, InterpretationEntry, RequirementEntry, Role

ROLES: tuple[Role, ...] = ("device", "wfm")


@dataclass(frozen=True, slots=True)
class StatementCoverage:
    """One statement: the checks that hold it, the scenarios that show it, or the reason why there is none."""

    requirement: Requirement
    checks: tuple[str, ...]
    scenarios: tuple[str, ...]
    reason: str | None


@dataclass(frozen=True, slots=True)
class BehaviourCoverage:
    """One behaviour: the scenarios that show it, the checks that name it, and what of it cannot be shown."""

    behaviour: Behaviour
    scenarios: tuple[Scenario, ...]
    checks: tuple[str, ...]
    reason: str | None


def behaviour_coverage(catalogue: Catalogue) -> tuple[BehaviourCoverage, ...]:
    """Give the coverage of every behaviour, by the scenarios of both roles, in the order of the catalogue."""
    shown: dict[str, list[Scenario]] = defaultdict(list)
    for scenario in (item for role in ROLES for item in scenarios(role, catalogue.revision)):
        for name in scenario.tagged(BEHAVIOUR_TAG):
            shown[name].append(scenario)
    return tuple(_of_behaviour(item, tuple(shown[item.id])) for item in catalogue.behaviours)


def _of_behaviour(behaviour: Behaviour, shown: tuple[Scenario, ...]) -> BehaviourCoverage:
    named = tuple(check.name for check in checks().values() if behaviour.id in check.requirements)
    return BehaviourCoverage(behaviour, shown, named, behaviour.not_tested or (None if shown else "no scenario yet"))


def behaviour_entries(catalogue: Catalogue) -> tuple[BehaviourEntry, ...]:
    """Give the behaviours as they go into the event file."""
    return tuple(
        BehaviourEntry(
            id=item.behaviour.id,
            title=item.behaviour.title,
            basis=item.behaviour.basis,
            statement=item.behaviour.statement,
            see=item.behaviour.see,
            policy=dict(item.behaviour.policy),
            reason=item.reason,
        )
        for item in behaviour_coverage(catalogue)
    )


def coverage(role: Role, catalogue: Catalogue) -> tuple[StatementCoverage, ...]:
    """Give the coverage of every statement that binds the role, in the order of the text.

    A check counts where a scenario that is tagged with the statement could call it, or where it is a monitor.
    """
    by_statement = _checks_by_statement(checks(role).values(), catalogue)
    shown = _scenarios_by_statement(scenarios(role, catalogue.revision), catalogue)
    return tuple(_of(role, item, by_statement, shown) for item in catalogue.for_role(role))


def interpretation_entries(catalogue: Catalogue) -> tuple[InterpretationEntry, ...]:
    """Give the register of readings as it goes into the event file, each with the checks that depend on it."""
    depending: dict[str, list[str]] = defaultdict(list)
    for check in checks().values():
        for name in check.interpretations:
            depending[name].append(check.name)
    return tuple(
        InterpretationEntry(
            id=item.id,
            where=item.where,
            issue=item.issue,
            reading=item.reading,
            why=item.why,
            upstream=item.upstream,
            requirements=tuple(
                dict.fromkeys(other for name in item.requirements for other in (name, *catalogue.also_judges(name)))
            ),
            checks=tuple(depending[item.id]),
            reason=item.no_check,
        )
        for item in catalogue.interpretations
    )


def is_observable_must(requirement: Requirement) -> bool:
    """Whether the statement belongs to the denominator: a MUST that a bench could see."""
    return requirement.severity == "must" and requirement.testable


def entries(catalogue: Catalogue, claims: Mapping[Role, Iterable[str]]) -> tuple[RequirementEntry, ...]:
    """Give the catalogue as it goes into the event file, with what is mandatory for each role under test."""
    held = {role: {item.requirement.id: item for item in coverage(role, catalogue)} for role in claims}
    mandatory = {
        role: {item.id for item in catalogue.applicable(role, of_role) if is_observable_must(item)}
        for role, of_role in claims.items()
    }
    return tuple(_entry(item, catalogue, held, mandatory) for item in catalogue.requirements)


def _checks_by_statement(found: Iterable[Check], catalogue: Catalogue) -> Mapping[str, list[Check]]:
    by_statement: dict[str, list[Check]] = defaultdict(list)
    for check in found:
        for name in covered(check, catalogue):
            by_statement[name].append(check)
    return by_statement


def _scenarios_by_statement(found: Iterable[Scenario], catalogue: Catalogue) -> Mapping[str, list[Scenario]]:
    shown: dict[str, list[Scenario]] = defaultdict(list)
    for scenario in found:
        tagged = [name for name in scenario.requirements if name in catalogue]
        same = [other for name in tagged for other in catalogue.also_judges(name)]
        for statement in dict.fromkeys([*tagged, *same]):
            shown[statement].append(scenario)
    return shown


def _of(
    role: Role,
    requirement: Requirement,
    by_statement: Mapping[str, list[Check]],
    shown: Mapping[str, list[Scenario]],
) -> StatementCoverage:
    tagged = shown.get(requirement.id, [])
    held = tuple(check.name for check in by_statement.get(requirement.id, []) if check.monitor or tagged)
    if not held and requirement.parts:
        held = _checks_of_parts(requirement.parts, by_statement, shown)
    keys = tuple(item.key for item in tagged) if held else ()
    return StatementCoverage(requirement, held, keys, None if held else _reason(requirement, role))


def _checks_of_parts(
    parts: Iterable[str], by_statement: Mapping[str, list[Check]], shown: Mapping[str, list[Scenario]]
) -> tuple[str, ...]:
    """Give the checks of all parts, or none: a whole is exercised only when every part is."""
    of_parts = [
        [check.name for check in by_statement.get(part, []) if check.monitor or shown.get(part)] for part in parts
    ]
    return tuple(dict.fromkeys(name for names in of_parts for name in names)) if all(of_parts) else ()


def _reason(requirement: Requirement, role: Role) -> str:
    if not requirement.observable_from_outside:
        return "not observable from outside"
    return requirement.not_tested or requirement.untested_on.get(role) or "no check yet"


def _entry(
    requirement: Requirement,
    catalogue: Catalogue,
    held: Mapping[Role, Mapping[str, StatementCoverage]],
    mandatory: Mapping[Role, set[str]],
) -> RequirementEntry:
    of_roles = {role: found[requirement.id] for role, found in held.items() if requirement.id in found}
    reasons = [item.reason for item in of_roles.values() if item.reason]
    return RequirementEntry(
        id=requirement.id,
        area=requirement.area,
        severity=requirement.severity,
        level=requirement.level,
        roles=requirement.binds,
        statement=requirement.statement,
        source=requirement.source,
        observable=requirement.observable,
        mandatory=tuple(role for role, names in mandatory.items() if requirement.id in names),
        checks={role: item.checks for role, item in of_roles.items() if item.checks},
        reason=reasons[0] if reasons and not any(item.checks for item in of_roles.values()) else None,
        parts=requirement.parts,
        interpretations=tuple(f"{item.id}: {item.reading}" for item in catalogue.interpretations_of(requirement.id)),
    )
