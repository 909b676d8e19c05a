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


def _array_with_plain_operator(own: Mapping[str, Any]) -> Rules:
    del own
    return [_on_properties(_expression("/cpus", "In", "amd64"))]


RULES: Mapping[str, Maker] = {
    "of its vendor": _vendor("In"),
    "of either of two vendors, one of them its own": lambda own: [
        _on_properties(_expression("/vendor", "In", "nobody", _own(own, "vendor")))
    ],
    "that meet one of two rules": _either,
    "that lack a label": _no_label,
    "that have a vendor": lambda _: [_on_properties(_expression("/vendor", "Exists"))],
    "with a CPU of its architecture": _contains(_architecture),
    "of another vendor": _vendor("In", lambda _: "nobody"),
    "of any vendor but its own": _vendor("NotIn"),
    "of its vendor in other letters": _vendor("In", str.swapcase),
    "that have a label which it lacks": lambda _: [_on_labels(_expression("nobody.example/label", "Exists"))],
    "of its vendor but of another model": _both,
    "of its vendor with a label which it lacks": _label_beside,
    "with a CPU that nobody makes": _contains(lambda _: "pdp-11"),
    "whose list of CPUs is a text": _array_with_plain_operator,
}
"""The first six hold for the device that reported these capabilities, the others do not."""
