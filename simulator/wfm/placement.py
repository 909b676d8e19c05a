"""Whether a device can take an application: capacity and eligibility rules (SEL-02..SEL-10).

Matching before placement is optional (SEL-01); the operator asks for it. `Matcher` is replaced by broken variants.
"""

import re
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

_UNITS = {unit: 1024.0**power for power, unit in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))}
_QUANTITY = re.compile(r"^([0-9]+(?:\.[0-9]+)?) ?(Ki|Mi|Gi|Ti|Pi|Ei)$")
_ABSENT = object()


class Matcher:
    """Decides whether a device fits. One method for each rule, so that each can be broken by itself."""

    def unfit_because(self, constraints: DeviceConstraints | None, capabilities: DeviceCapabilities) -> str | None:
        """Why a device cannot take the application; None when it can (SEL-02)."""
        if constraints is None:
            return None
        lacking = self.lacking(constraints.capacity_requirements, capabilities)
        if lacking:
            return lacking
        rules = constraints.eligibility_rules
        if rules is not None and not self.any_rule_holds(rules, capabilities):
            return "no eligibility rule holds for the device"
        return None

    def lacking(self, needed: CapacityRequirements | None, capabilities: DeviceCapabilities) -> str | None:
        """The first capacity that is short (SEL-03)."""
        if needed is None:
            return None
        device = capabilities.properties
        if needed.cpu is not None and not self.has_cpu(needed.cpu, device.cpus or ()):
            cpu = needed.cpu
            return f"no CPU with {cpu.cores} cores and one of the architectures {list(cpu.architectures or ('any',))}"
        for name, demanded, given in (
            ("memory", needed.memory, device.memory),
            ("storage", needed.storage, device.storage),
        ):
            if demanded is not None and (given is None or not self.is_enough(given, demanded)):
                return f"{name}: needs {demanded}, has {given or 'none'}"
        return None

    def has_cpu(self, needed: CpuRequirement, cpus: Iterable[Cpu]) -> bool:
        """Whether one CPU entry has cores and architecture; cores of several are never summed (SEL-04, DC-022)."""
        return any(
            entry.cores >= needed.cores and (not needed.architectures or entry.architecture in needed.architectures)
            for entry in cpus
        )

    def is_enough(self, given: str, demanded: str) -> bool:
        """Whether an amount is at least another (SEL-03)."""
        return quantity(given) >= quantity(demanded)

    def any_rule_holds(self, rules: Iterable[EligibilityRule], capabilities: DeviceCapabilities) -> bool:
        """Whether one of the rules holds (SEL-06)."""
        return any(self.rule_holds(rule, capabilities) for rule in rules)

    def rule_holds(self, rule: EligibilityRule, capabilities: DeviceCapabilities) -> bool:
        """Whether both selectors of a rule hold (SEL-06)."""
        properties = capabilities.properties.to_wire()
        labels = capabilities.to_wire().get("labels") or {}
        return self.all_hold(rule.property_selector, properties, pointer=True) and self.all_hold(
            rule.label_selector, labels
        )

    def all_hold(self, selector: Selector | None, values: Mapping[str, Any], *, pointer: bool = False) -> bool:
        """All expressions of a selector; an omitted selector holds (SEL-06)."""
        if selector is None:
            return True
        return all(self.holds(expression, values, pointer) for expression in selector.match_expressions)

    def holds(self, expression: MatchExpression, values: Mapping[str, Any], pointer: bool) -> bool:
        """Whether one expression holds of properties or labels."""
        value = _look_up(values, expression.key) if pointer else values.get(expression.key, _ABSENT)
        operator = expression.operator
        if operator in ("Exists", "DoesNotExist"):
            return (value is not _ABSENT) == (operator == "Exists")
        if value is _ABSENT:
            return self.holds_of_nothing(expression)
        if operator in ("ContainsAll", "ContainsAny"):
            return self.contains(expression, value)
        items = value if isinstance(value, list) else [value]
        if not items or not all(isinstance(item, str | int | float) for item in items):
            return self.holds_of_another_type(expression)
        if operator in ("Gt", "Lt"):
            return not isinstance(value, list) and self.compares(operator, value, (expression.values or ("",))[0])
        return self.is_among(items, expression.values or ()) == (operator == "In")

    def holds_of_nothing(self, expression: MatchExpression) -> bool:
        """What an operator on values says of a key that is absent: nothing holds of it, `NotIn` neither."""
        del expression
        return False

    def holds_of_another_type(self, expression: MatchExpression) -> bool:
        """What is said of a JSON type that the operator is not for: nothing holds of it (SEL-08, SEL-09)."""
        del expression
        return False

    def is_among(self, items: Iterable[Any], wanted: Iterable[Any]) -> bool:
        """Whether one of the items equals one of the values."""
        wanted = tuple(wanted)
        return any(self.is_equal(item, one) for item in items for one in wanted)

    def is_equal(self, left: Any, right: Any) -> bool:
        """Exact and case-sensitive (SEL-10); true is not 1."""
        return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)

    def contains(self, expression: MatchExpression, value: Any) -> bool:
        """At least one object in the array for which all, or any, of the inner expressions hold."""
        selector = expression.item_selector
        if not isinstance(value, list) or selector is None or not all(isinstance(item, dict) for item in value):
            return False
        combine = all if expression.operator == "ContainsAll" else any
        return any(combine(self.holds(inner, item, True) for inner in selector.match_expressions) for item in value)

    def compares(self, operator: str, value: Any, bound: Any) -> bool:
        """Strictly greater or less, as numbers."""
        try:
            left, right = float(value), float(bound)
        except (TypeError, ValueError):
            return False
        return left > right if operator == "Gt" else left < right


def quantity(text: str) -> float:
    """`8Gi` in bytes. Raises ValueError."""
    found = _QUANTITY.match(text)
    if not found:
        raise ValueError(f"expected a quantity such as 8Gi, found {text!r}")
    return float(found.group(1)) * _UNITS[found.group(2)]


def _look_up(values: Any, pointer: str) -> Any:
    """The value behind an RFC 6901 pointer (AD-025); keys within array items may lack the leading slash."""
    for part in pointer.removeprefix("/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(values, Mapping):
            values = values.get(key, _ABSENT)
        elif isinstance(values, list) and key.isdigit() and int(key) < len(values):
            values = values[int(key)]
        else:
            return _ABSENT
    return values
