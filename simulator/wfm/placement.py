"""Whether a device can take an application: capacity and eligibility rules (SEL-02..SEL-10).

Matching before placement is optional (SEL-01); the operator switches it on per deployment.
"""

import re
from collections.abc import Mapping
from typing import Any

from simulator.protocol.capabilities import DeviceCapabilities
from simulator.protocol.constraints import (
    CapacityRequirements,
    DeviceConstraints,
    EligibilityRule,
    MatchExpression,
    Selector,
)

_UNITS = {unit: 1024.0**power for power, unit in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))}
_QUANTITY = re.compile(r"^([0-9]+(?:\.[0-9]+)?) ?(Ki|Mi|Gi|Ti|Pi|Ei)$")
_ABSENT = object()


def unfit_because(constraints: DeviceConstraints | None, capabilities: DeviceCapabilities) -> str | None:
    """Why a device cannot take the application; None when it can (SEL-02)."""
    if constraints is None:
        return None
    lacking = _lacking(constraints.capacity_requirements, capabilities)
    if lacking:
        return lacking
    rules = constraints.eligibility_rules
    if rules is not None and not any(_rule_holds(rule, capabilities) for rule in rules):
        return "no eligibility rule holds for the device"
    return None


def quantity(text: str) -> float:
    """`8Gi` in bytes. Raises ValueError."""
    found = _QUANTITY.match(text)
    if not found:
        raise ValueError(f"expected a quantity such as 8Gi, found {text!r}")
    return float(found.group(1)) * _UNITS[found.group(2)]


def _lacking(needed: CapacityRequirements | None, capabilities: DeviceCapabilities) -> str | None:
    """The first capacity that is short; cores of separate CPU entries are never summed (SEL-03, SEL-04)."""
    if needed is None:
        return None
    device = capabilities.properties
    if needed.cpu is not None:
        cpu = needed.cpu
        fitting = [
            entry
            for entry in device.cpus or ()
            if entry.cores >= cpu.cores and (not cpu.architectures or entry.architecture in cpu.architectures)
        ]
        if not fitting:
            return f"no CPU with {cpu.cores} cores and one of the architectures {list(cpu.architectures or ('any',))}"
    for name, demanded, given in (
        ("memory", needed.memory, device.memory),
        ("storage", needed.storage, device.storage),
    ):
        if demanded is not None and (given is None or quantity(given) < quantity(demanded)):
            return f"{name}: needs {demanded}, has {given or 'none'}"
    return None


def _rule_holds(rule: EligibilityRule, capabilities: DeviceCapabilities) -> bool:
    properties = capabilities.properties.to_wire()
    labels = capabilities.to_wire().get("labels") or {}
    return _all_hold(rule.property_selector, properties, pointer=True) and _all_hold(rule.label_selector, labels)


def _all_hold(selector: Selector | None, values: Mapping[str, Any], *, pointer: bool = False) -> bool:
    """All expressions of a selector; an omitted selector holds (SEL-06)."""
    if selector is None:
        return True
    return all(_holds(expression, values, pointer) for expression in selector.match_expressions)


def _holds(expression: MatchExpression, values: Mapping[str, Any], pointer: bool) -> bool:
    value = _look_up(values, expression.key) if pointer else values.get(expression.key, _ABSENT)
    operator = expression.operator
    if operator in ("Exists", "DoesNotExist"):
        return (value is not _ABSENT) == (operator == "Exists")
    if value is _ABSENT:
        return False
    if operator in ("ContainsAll", "ContainsAny"):
        return _contains(expression, value)
    items = value if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, str | int | float) for item in items):
        return False
    if operator in ("Gt", "Lt"):
        return not isinstance(value, list) and _compares(operator, value, (expression.values or ("",))[0])
    found = any(_equal(item, wanted) for item in items for wanted in expression.values or ())
    return found == (operator == "In")


def _contains(expression: MatchExpression, value: Any) -> bool:
    """At least one object in the array for which all, or any, of the inner expressions hold."""
    selector = expression.item_selector
    if not isinstance(value, list) or selector is None or not all(isinstance(item, dict) for item in value):
        return False
    combine = all if expression.operator == "ContainsAll" else any
    return any(combine(_holds(inner, item, True) for inner in selector.match_expressions) for item in value)


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


def _equal(left: Any, right: Any) -> bool:
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _compares(operator: str, value: Any, bound: Any) -> bool:
    try:
        left, right = float(value), float(bound)
    except (TypeError, ValueError):
        return False
    return left > right if operator == "Gt" else left < right
