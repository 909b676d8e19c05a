"""Whether a device may take a deployment: eligibility rules and capacity (AD-023..AD-027, DEP-02, SEL-03..SEL-10).

All functions are pure. `properties` and `labels` are the reported JSON values.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from simulator.protocol.capabilities import DeviceCapabilities
from simulator.protocol.constraints import (
    CapacityRequirements,
    CpuRequirement,
    DeviceConstraints,
    EligibilityRule,
    MatchExpression,
    Selector,
)

Kind = Literal["absent", "scalar", "scalars", "objects", "other"]
_MISSING = object()
_UNITS = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}


def unmet(constraints: DeviceConstraints | None, device: DeviceCapabilities) -> str | None:
    """Why the eligibility rules keep a deployment off the device, or None when they do not (SEL-06)."""
    if constraints is None or not constraints.eligibility_rules:
        return None
    wire = device.to_wire()
    properties, labels = wire["properties"], wire.get("labels", {})
    if any(rule_holds(rule, properties, labels) for rule in constraints.eligibility_rules):
        return None
    return "no eligibility rule holds for this device"


def rule_holds(rule: EligibilityRule, properties: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Both selectors hold; an omitted one does (SEL-06)."""
    return (rule.property_selector is None or selector_holds(rule.property_selector, properties)) and (
        rule.label_selector is None
        or all(holds(e, label_of(e.key, labels)) for e in rule.label_selector.match_expressions)
    )


def selector_holds(selector: Selector, document: Mapping[str, Any]) -> bool:
    """All expressions hold on values found by JSON pointer in the document (SEL-06, SEL-07)."""
    return all(holds(e, pointed(e.key, document)) for e in selector.match_expressions)


def label_of(key: str, labels: Mapping[str, Any]) -> object:
    """The label of exactly that key (SEL-07, SEL-10)."""
    return labels.get(key, _MISSING)


def pointed(pointer: str, document: object) -> object:
    """The value at an RFC 6901 pointer; an ill-formed pointer points at nothing that has a usable type."""
    if pointer and not pointer.startswith("/"):
        return None
    value = document
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list) and _is_index(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            return _MISSING
    return value


def holds(expression: MatchExpression, value: object) -> bool:
    """One expression on one value; a value of a type that selectors do not know makes it false (SEL-08, SEL-09)."""
    operator = expression.operator
    kind = kind_of(value)
    if kind == "absent":
        return operator == "DoesNotExist"
    if operator in ("ContainsAll", "ContainsAny"):
        return kind == "objects" and _contains(expression, value)
    if kind not in ("scalar", "scalars"):
        return False
    if operator in ("Exists", "DoesNotExist"):
        return operator == "Exists"
    if operator in ("Gt", "Lt"):
        return _compares(operator, value, (expression.values or ("",))[0])
    found = any(same(item, wanted) for item in _items(value) for wanted in expression.values or ())
    return found == (operator == "In")


def kind_of(value: object) -> Kind:
    """What a value is to a selector; an empty array is an array of scalars."""
    if value is _MISSING:
        return "absent"
    if isinstance(value, str | bool | int | float):
        return "scalar"
    if isinstance(value, list | tuple):
        if all(isinstance(item, Mapping) for item in value) and value:
            return "objects"
        strings = all(isinstance(item, str) for item in value)
        numbers = all(isinstance(item, int | float) and not isinstance(item, bool) for item in value)
        return "scalars" if strings or numbers else "other"
    return "other"


def same(left: object, right: object) -> bool:
    """Equal and of one type: text is compared exactly, and true is not 1 (SEL-10)."""
    return (
        isinstance(left, str) == isinstance(right, str)
        and isinstance(left, bool) == isinstance(right, bool)
        and left == right
    )


def _contains(expression: MatchExpression, value: object) -> bool:
    selector = expression.item_selector
    if selector is None or not isinstance(value, Sequence):
        return False
    every = all if expression.operator == "ContainsAll" else any
    return any(every(holds(e, pointed(e.key, item)) for e in selector.match_expressions) for item in value)


def _compares(operator: str, value: object, bound: object) -> bool:
    if isinstance(value, bool | str) or not isinstance(value, int | float) or isinstance(bound, bool):
        return False
    try:
        limit = float(bound) if isinstance(bound, str) else bound
    except ValueError:
        return False
    return isinstance(limit, int | float) and (value > limit if operator == "Gt" else value < limit)


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else (value,)


def _is_index(text: str) -> bool:
    return text.isdecimal() and (text == "0" or not text.startswith("0"))


def unmet_capacity(needed: CapacityRequirements | None, properties: Mapping[str, Any]) -> str | None:
    """Which capacity is missing: CPU in one entry, memory and storage as minima (SEL-03, SEL-04)."""
    if needed is None:
        return None
    if needed.cpu is not None and not any(_cpu_fits(needed.cpu, cpu) for cpu in properties.get("cpus", ())):
        return f"no CPU has {needed.cpu.cores} cores of the architectures asked for"
    for name, amount in (("memory", needed.memory), ("storage", needed.storage)):
        if amount is not None and quantity(properties.get(name, "0Ki")) < quantity(amount):
            return f"{name}: {amount} needed, {properties.get(name, 'nothing')} there"
    return None


def _cpu_fits(needed: CpuRequirement, cpu: Mapping[str, Any]) -> bool:
    fits = cpu["cores"] >= needed.cores
    return bool(fits and (needed.architectures is None or cpu.get("architecture") in needed.architectures))


def quantity(text: str) -> float:
    """`16Gi` in bytes."""
    number, unit = text[:-2].strip(), text[-2:]
    return float(number) * 1024.0 ** _UNITS[unit]
