"""Eligibility rules made from what a device said of itself, each by the words of the scenarios (SEL-06..SEL-10)."""

from collections.abc import Callable, Mapping
from typing import Any

Rules = list[dict[str, Any]]
Maker = Callable[[Mapping[str, Any]], Rules]


def _expression(key: str, operator: str, *values: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"key": key, "operator": operator}
    return made | {"values": list(values)} if values else made


def _on_properties(*expressions: dict[str, Any]) -> dict[str, Any]:
    return {"propertySelector": {"matchExpressions": list(expressions)}}


def _on_labels(*expressions: dict[str, Any]) -> dict[str, Any]:
    return {"labelSelector": {"matchExpressions": list(expressions)}}


def _own(capabilities: Mapping[str, Any], name: str) -> str:
    return str(capabilities.get("properties", {}).get(name, ""))


def _vendor(operator: str, change: Callable[[str], str] = str) -> Maker:
    return lambda own: [_on_properties(_expression("/vendor", operator, change(_own(own, "vendor"))))]


def _both(own: Mapping[str, Any]) -> Rules:
    vendor, model = _own(own, "vendor"), _own(own, "modelNumber")
    return [_on_properties(_expression("/vendor", "In", vendor), _expression("/modelNumber", "NotIn", model))]


def _either(own: Mapping[str, Any]) -> Rules:
    wrong = _on_properties(_expression("/vendor", "In", "nobody"))
    return [wrong, *_vendor("In")(own)]


def _label_beside(own: Mapping[str, Any]) -> Rules:
    return [_vendor("In")(own)[0] | _on_labels(_expression("nobody.example/label", "Exists"))]


def _no_label(own: Mapping[str, Any]) -> Rules:
    del own
    return [_on_labels(_expression("nobody.example/label", "DoesNotExist"))]


def _contains(architecture: Callable[[Mapping[str, Any]], str]) -> Maker:
    def make(own: Mapping[str, Any]) -> Rules:
        items = {"matchExpressions": [_expression("/architecture", "In", architecture(own))]}
        return [_on_properties({"key": "/cpus", "operator": "ContainsAny", "itemSelector": items})]

    return make


def _architecture(own: Mapping[str, Any]) -> str:
    cpus = own.get("properties", {}).get("cpus") or [{}]
    return str(cpus[0].get("architecture", "amd64"))


def most_cores(own: Mapping[str, Any]) -> float:
    """Give the cores of the largest CPU that a device reported; 0 when it reported none."""
    cpus = own.get("properties", {}).get("cpus") or []
    return max((float(cpu.get("cores", 0)) for cpu in cpus), default=0.0)


def _array_with_plain_operator(own: Mapping[str, Any]) -> Rules:
    del own
    return [_on_properties(_expression("/cpus", "In", "amd64"))]


def _items(operator: str, *expressions: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Maker:
    """Conditions on the entries of the list of CPUs."""

    def make(own: Mapping[str, Any]) -> Rules:
        selector = {"matchExpressions": [expression(own) for expression in expressions]}
        return [_on_properties({"key": "/cpus", "operator": operator, "itemSelector": selector})]

    return make


def _cores(operator: str, value: int) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    return lambda _: _expression("/cores", operator, value)


def _made_as(operator: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    return lambda own: _expression("/architecture", operator, _architecture(own))


def _property(key: str, operator: str, *values: Any) -> Maker:
    return lambda _: [_on_properties(_expression(key, operator, *values))]


def _neither(own: Mapping[str, Any]) -> Rules:
    return [*_vendor("NotIn")(own), _on_properties(_expression("/modelNumber", "In", "nobody's"))]


def _vendor_not_among(own: Mapping[str, Any]) -> Rules:
    return [_on_properties(_expression("/vendor", "NotIn", "nobody", _own(own, "vendor")))]


def _vendor_of_others(own: Mapping[str, Any]) -> Rules:
    del own
    return [_on_properties(_expression("/vendor", "NotIn", "nobody", "somebody"))]


def _label_or_not(operator: str) -> Maker:
    return lambda _: [_on_labels(_expression("nobody.example/label", operator, "any"))]


MANY = 100_000
"""More cores than any device has."""

RULES: Mapping[str, Maker] = {
    "of its vendor": _vendor("In"),
    "of either of two vendors, one of them its own": lambda own: [
        _on_properties(_expression("/vendor", "In", "nobody", _own(own, "vendor")))
    ],
    "that meet one of two rules": _either,
    "that lack a label": _no_label,
    "that have a vendor": lambda _: [_on_properties(_expression("/vendor", "Exists"))],
    "with a CPU of its architecture": _contains(_architecture),
    "with a CPU of more than no cores": _items("ContainsAny", _cores("Gt", 0)),
    "with a CPU of fewer cores than anybody has": _items("ContainsAny", _cores("Lt", MANY)),
    "with a CPU that meets two conditions at once": _items("ContainsAll", _made_as("In"), _cores("Gt", 0)),
    "with a CPU that meets one of two conditions": _items("ContainsAny", _made_as("In"), _cores("Gt", MANY)),
    "with a memory": _property("/memory", "Exists"),
    "that lack a property": _property("/nobodyHasThis", "DoesNotExist"),
    "of none of two other vendors": _vendor_of_others,
    "of another vendor": _vendor("In", lambda _: "nobody"),
    "of any vendor but its own": _vendor("NotIn"),
    "of its vendor in other letters": _vendor("In", str.swapcase),
    "that have a label which it lacks": lambda _: [_on_labels(_expression("nobody.example/label", "Exists"))],
    "of its vendor but of another model": _both,
    "of its vendor with a label which it lacks": _label_beside,
    "with a CPU that nobody makes": _contains(lambda _: "pdp-11"),
    "whose list of CPUs is a text": _array_with_plain_operator,
    "with a CPU of more cores than anybody has": _items("ContainsAny", _cores("Gt", MANY)),
    "with a CPU of no cores": _items("ContainsAny", _cores("Lt", 1)),
    "with a CPU that meets one condition and not the other": _items("ContainsAll", _made_as("In"), _cores("Gt", MANY)),
    "that lack a vendor": _property("/vendor", "DoesNotExist"),
    "with a property that nobody has": _property("/nobodyHasThis", "Exists"),
    "whose vendor is more than a number": _property("/vendor", "Gt", 0),
    "of none of two vendors, one of them its own": _vendor_not_among,
    "that meet neither of two rules": _neither,
    "whose label has a value": _label_or_not("In"),
    "whose label, which they lack, has another value": _label_or_not("NotIn"),
}
"""Those before `of another vendor` hold for the device that reported these capabilities, the others do not."""
