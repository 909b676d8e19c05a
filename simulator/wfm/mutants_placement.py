"""WFMs that choose devices wrongly: each evaluates one rule of matching in its own way."""

from collections.abc import Iterable, Mapping
from typing import Any

from simulator.protocol.capabilities import Cpu, DeviceCapabilities
from simulator.protocol.constraints import (
    CapacityRequirements,
    CpuRequirement,
    DeviceConstraints,
    EligibilityRule,
    MatchExpression,
    Selector,
)
from simulator.wfm.mutants_model import WfmMutant
from simulator.wfm.placement import Matcher, quantity
from simulator.wfm.server import ReferenceWfm


class _AnyDevice(Matcher):
    def unfit_because(self, constraints: DeviceConstraints | None, capabilities: DeviceCapabilities) -> str | None:
        del constraints, capabilities
        return None


class _NoDevice(Matcher):
    def unfit_because(self, constraints: DeviceConstraints | None, capabilities: DeviceCapabilities) -> str | None:
        del constraints, capabilities
        return "this device is never good enough"


class _CapacityIgnored(Matcher):
    def lacking(self, needed: CapacityRequirements | None, capabilities: DeviceCapabilities) -> str | None:
        del needed, capabilities
        return None


class _CoresAdded(Matcher):
    def has_cpu(self, needed: CpuRequirement, cpus: Iterable[Cpu]) -> bool:
        cpus = tuple(cpus)
        known = not needed.architectures or any(one.architecture in needed.architectures for one in cpus)
        return known and sum(one.cores for one in cpus) >= needed.cores


class _CoresOfAnotherCpu(Matcher):
    def has_cpu(self, needed: CpuRequirement, cpus: Iterable[Cpu]) -> bool:
        cpus = tuple(cpus)
        known = not needed.architectures or any(one.architecture in needed.architectures for one in cpus)
        return known and any(one.cores >= needed.cores for one in cpus)


class _AnyArchitecture(Matcher):
    def has_cpu(self, needed: CpuRequirement, cpus: Iterable[Cpu]) -> bool:
        return any(one.cores >= needed.cores for one in cpus)


class _MoreThanEnough(Matcher):
    def is_enough(self, given: str, demanded: str) -> bool:
        return quantity(given) > quantity(demanded)


class _UnitsIgnored(Matcher):
    def is_enough(self, given: str, demanded: str) -> bool:
        return float(given.rstrip("KMGTPEi ")) >= float(demanded.rstrip("KMGTPEi "))


class _EveryRule(Matcher):
    def any_rule_holds(self, rules: Iterable[EligibilityRule], capabilities: DeviceCapabilities) -> bool:
        return all(self.rule_holds(rule, capabilities) for rule in rules)


class _EitherSelector(Matcher):
    def rule_holds(self, rule: EligibilityRule, capabilities: DeviceCapabilities) -> bool:
        kinds = {"property_selector": rule.property_selector, "label_selector": rule.label_selector}
        alone = [EligibilityRule(**{name: kind}) for name, kind in kinds.items() if kind is not None]
        return any(super(_EitherSelector, self).rule_holds(one, capabilities) for one in alone)


class _FirstCondition(Matcher):
    def all_hold(self, selector: Selector | None, values: Mapping[str, Any], *, pointer: bool = False) -> bool:
        return selector is None or self.holds(selector.match_expressions[0], values, pointer)


class _NothingIsNotIn(Matcher):
    def holds_of_nothing(self, expression: MatchExpression) -> bool:
        return expression.operator == "NotIn"


class _ObjectsAreNotIn(Matcher):
    def holds_of_another_type(self, expression: MatchExpression) -> bool:
        return expression.operator == "NotIn"


class _ComparesTexts(Matcher):
    def compares(self, operator: str, value: Any, bound: Any) -> bool:
        return str(value) > str(bound) if operator == "Gt" else str(value) < str(bound)


class _OrEqual(Matcher):
    def compares(self, operator: str, value: Any, bound: Any) -> bool:
        return float(value) >= float(bound) if operator == "Gt" else float(value) <= float(bound)


class _SpreadOverObjects(Matcher):
    def contains(self, expression: MatchExpression, value: Any) -> bool:
        inner = expression.item_selector.match_expressions if expression.item_selector else ()
        combine = all if expression.operator == "ContainsAll" else any
        return combine(any(self.holds(one, item, True) for item in value) for one in inner)


class _FirstOfList(Matcher):
    def is_among(self, items: Iterable[Any], wanted: Iterable[Any]) -> bool:
        return super().is_among(list(items)[:1], wanted)


class _NoLabels(Matcher):
    def rule_holds(self, rule: EligibilityRule, capabilities: DeviceCapabilities) -> bool:
        return super().rule_holds(rule.model_copy(update={"label_selector": None}), capabilities)


class _CaseIgnored(Matcher):
    def is_equal(self, left: Any, right: Any) -> bool:
        return str(left).lower() == str(right).lower()


class _Beginnings(Matcher):
    def is_equal(self, left: Any, right: Any) -> bool:
        return str(left).startswith(str(right))


def _matching(matcher: type[Matcher]) -> type[ReferenceWfm]:
    """A WFM that matches in another way."""

    class Changed(ReferenceWfm):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.northbound.matcher = matcher()

    return Changed


PLACEMENT = tuple(
    WfmMutant(name, breaks, description, wfm_class=_matching(matcher))
    for name, breaks, description, matcher in (
        ("places-anywhere", "SEL-02", "Every device is said to fit", _AnyDevice),
        ("places-nowhere", "SEL-02", "No device is said to fit", _NoDevice),
        ("capacity-ignored", "SEL-03", "Rules are looked at, capacity is not", _CapacityIgnored),
        ("any-architecture", "SEL-03", "The architecture is not looked at", _AnyArchitecture),
        ("more-than-enough", "SEL-03", "As much as is demanded is too little", _MoreThanEnough),
        ("units-ignored", "SEL-03", "Sizes are compared without their units", _UnitsIgnored),
        ("cores-added-up", "DC-022", "The cores of all CPUs are added up", _CoresAdded),
        ("cores-of-another-cpu", "SEL-04", "Cores and architecture may be of different CPUs", _CoresOfAnotherCpu),
        ("every-rule", "SEL-06", "Every rule has to hold, not one of them", _EveryRule),
        ("either-selector", "SEL-06", "One selector of a rule is enough", _EitherSelector),
        ("first-condition-only", "SEL-06", "Only the first condition of a selector is looked at", _FirstCondition),
        ("nothing-is-not-in", "SEL-08", "A property that is absent is said to be none of the values", _NothingIsNotIn),
        ("objects-are-not-in", "SEL-08", "Objects are said to be none of the values", _ObjectsAreNotIn),
        ("compares-as-texts", "SEL-08", "Numbers are compared as texts", _ComparesTexts),
        ("or-equal", "SEL-08", "An equal number is said to be greater and less", _OrEqual),
        ("spread-over-objects", "SEL-08", "Conditions may be met by different objects of a list", _SpreadOverObjects),
        ("labels-ignored", "SEL-09", "Labels are not looked at", _NoLabels),
        ("first-of-a-label", "SEL-09", "Of a list only the first entry is looked at", _FirstOfList),
        ("case-ignored", "SEL-10", "Texts are compared without regard to case", _CaseIgnored),
        ("beginning-of-a-text", "SEL-10", "A text that begins with the value is said to equal it", _Beginnings),
    )
)
