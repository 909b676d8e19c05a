"""The truth table of eligibility rules, and what has to hold for any (SEL-03..SEL-10)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.device.eligibility import holds, pointed, quantity, rule_holds, same, unmet, unmet_capacity
from simulator.device.facts import default_capabilities
from simulator.protocol.constraints import CapacityRequirements, DeviceConstraints, EligibilityRule, MatchExpression

PROPERTIES: dict[str, Any] = {
    "id": "device-1",
    "vendor": "Acme",
    "modelNumber": "7",
    "otelCollector": True,
    "cpus": [{"cores": 4, "architecture": "amd64"}, {"cores": 2, "architecture": "arm64"}],
    "supportedRuntimes": ["oci", "custom"],
    "peripherals": [],
    "a/b": {"~c": "deep"},
    "count": 3,
    "half": 0.5,
    "mixed": ["a", 1],
    "nothing": None,
}
LABELS: dict[str, Any] = {"example.com/line": "7", "Zone": 4, "sizes": [1, 2.5], "safe": False}


def expression(
    operator: str, values: list[Any] | None = None, items: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    document: dict[str, Any] = {"operator": operator}
    if values is not None:
        document["values"] = values
    if items is not None:
        document["itemSelector"] = {"matchExpressions": items}
    return document


def value_matches(kind: str, key: str, match: dict[str, Any]) -> bool:
    rule = EligibilityRule.from_wire({kind: {"matchExpressions": [{"key": key, **match}]}})
    return rule_holds(rule, PROPERTIES, LABELS)


CPU: list[dict[str, Any]] = [
    {"key": "/cores", "operator": "Gt", "values": [3]},
    {"key": "/architecture", "operator": "In", "values": ["arm64"]},
]
PROPERTY_TABLE: list[tuple[str, dict[str, Any], bool]] = [
    ("/vendor", expression("In", ["Acme", "Else"]), True),
    ("/vendor", expression("In", ["acme"]), False),
    ("/vendor", expression("NotIn", ["Else"]), True),
    ("/vendor", expression("NotIn", ["Acme"]), False),
    ("/absent", expression("In", ["Acme"]), False),
    ("/absent", expression("NotIn", ["Acme"]), False),
    ("/supportedRuntimes", expression("In", ["custom"]), True),
    ("/supportedRuntimes", expression("In", ["wasm"]), False),
    ("/supportedRuntimes", expression("NotIn", ["wasm"]), True),
    ("/supportedRuntimes", expression("NotIn", ["oci"]), False),
    ("/supportedRuntimes/1", expression("In", ["custom"]), True),
    ("/supportedRuntimes/01", expression("Exists"), False),
    ("/supportedRuntimes/2", expression("Exists"), False),
    ("/otelCollector", expression("In", [True]), True),
    ("/otelCollector", expression("In", [1]), False),
    ("/count", expression("In", [3]), True),
    ("/count", expression("In", ["3"]), False),
    ("/modelNumber", expression("In", [7]), False),
    ("/a~1b/~0c", expression("In", ["deep"]), True),
    ("/a~1b", expression("Exists"), False),
    ("/vendor", expression("Exists"), True),
    ("/absent", expression("Exists"), False),
    ("/vendor", expression("DoesNotExist"), False),
    ("/absent", expression("DoesNotExist"), True),
    ("/peripherals", expression("Exists"), True),
    ("/cpus", expression("Exists"), False),
    ("/nothing", expression("Exists"), False),
    ("/nothing", expression("DoesNotExist"), False),
    ("/mixed", expression("In", ["a"]), False),
    ("vendor", expression("Exists"), False),
    ("vendor", expression("DoesNotExist"), False),
    ("/count", expression("Gt", [2]), True),
    ("/count", expression("Gt", [3]), False),
    ("/count", expression("Gt", ["2.5"]), True),
    ("/count", expression("Lt", [4]), True),
    ("/count", expression("Lt", [3]), False),
    ("/half", expression("Lt", [1]), True),
    ("/count", expression("Lt", ["many"]), False),
    ("/vendor", expression("Gt", [1]), False),
    ("/otelCollector", expression("Gt", [0]), False),
    ("/absent", expression("Lt", [4]), False),
    ("/cpus", expression("ContainsAny", items=CPU), True),
    ("/cpus", expression("ContainsAll", items=CPU), False),
    ("/cpus", expression("ContainsAll", items=CPU[:1]), True),
    ("/cpus", expression("ContainsAll", items=CPU[1:]), True),
    ("/cpus", expression("In", ["amd64"]), False),
    ("/peripherals", expression("ContainsAny", items=CPU), False),
    ("/vendor", expression("ContainsAny", items=CPU), False),
    ("/absent", expression("ContainsAll", items=CPU), False),
    ("/cpus", expression("ContainsAny", items=[{"key": "/absent", "operator": "DoesNotExist"}]), True),
]
LABEL_TABLE: list[tuple[str, dict[str, Any], bool]] = [
    ("example.com/line", expression("In", ["7"]), True),
    ("example.com/Line", expression("In", ["7"]), False),
    ("zone", expression("Exists"), False),
    ("Zone", expression("Gt", [3]), True),
    ("sizes", expression("In", [2.5]), True),
    ("sizes", expression("NotIn", [3]), True),
    ("sizes", expression("ContainsAny", items=CPU), False),
    ("safe", expression("In", [False]), True),
    ("safe", expression("In", [True]), False),
    ("nobody", expression("DoesNotExist"), True),
]


@pytest.mark.parametrize(("key", "match", "expected"), PROPERTY_TABLE)
def test_property_expressions(key: str, match: dict[str, Any], expected: bool) -> None:
    assert value_matches("propertySelector", key, match) is expected


@pytest.mark.parametrize(("key", "match", "expected"), LABEL_TABLE)
def test_label_expressions(key: str, match: dict[str, Any], expected: bool) -> None:
    assert value_matches("labelSelector", key, match) is expected


YES = {"matchExpressions": [{"key": "/vendor", "operator": "Exists"}]}
NO = {"matchExpressions": [{"key": "/vendor", "operator": "DoesNotExist"}]}
BOTH = {"matchExpressions": [*YES["matchExpressions"], *NO["matchExpressions"]]}
HERE = {"matchExpressions": [{"key": "safe", "operator": "Exists"}]}
GONE = {"matchExpressions": [{"key": "safe", "operator": "DoesNotExist"}]}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (None, True),
        ([], True),
        ([{}], True),
        ([{"propertySelector": YES}], True),
        ([{"propertySelector": NO}], False),
        ([{"propertySelector": BOTH}], False),
        ([{"propertySelector": YES, "labelSelector": HERE}], True),
        ([{"propertySelector": YES, "labelSelector": GONE}], False),
        ([{"propertySelector": NO, "labelSelector": HERE}], False),
        ([{"labelSelector": HERE}], True),
        ([{"propertySelector": NO}, {"labelSelector": HERE}], True),
        ([{"propertySelector": NO}, {"labelSelector": GONE}], False),
    ],
)
def test_rules_are_alternatives_and_selectors_hold_together(rules: list[Any] | None, expected: bool) -> None:
    device = default_capabilities("device-1", labels={"safe": True})
    document = {} if rules is None else {"eligibilityRules": rules}
    assert (unmet(DeviceConstraints.from_wire(document), device) is None) is expected


@pytest.mark.parametrize(
    ("needed", "fits"),
    [
        ({"cpu": {"cores": 4}}, True),
        ({"cpu": {"cores": 5}}, False),
        ({"cpu": {"cores": 3, "architectures": ["arm64"]}}, False),
        ({"cpu": {"cores": 2, "architectures": ["arm64"]}}, True),
        ({"cpu": {"cores": 4, "architectures": ["riscv64", "amd64"]}}, True),
        ({"memory": "16Gi"}, True),
        ({"memory": "16385Mi"}, False),
        ({"storage": "512Gi"}, True),
        ({"storage": "1Ti"}, False),
    ],
)
def test_capacity(needed: dict[str, Any], fits: bool) -> None:
    properties = default_capabilities("device-1").to_wire()["properties"]
    assert (unmet_capacity(CapacityRequirements.from_wire(needed), properties) is None) is fits


def test_quantities() -> None:
    assert quantity("1Ki") == 1024
    assert quantity("59.5 Gi") == 59.5 * 1024**3
    assert quantity("2Mi") < quantity("1Gi") < quantity("1Ti") < quantity("1Pi") < quantity("1Ei")


scalars = st.text(max_size=4) | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5, allow_nan=False)
values = scalars | st.lists(st.text(max_size=2), max_size=3) | st.lists(st.integers(-3, 3), max_size=3) | st.none()


@given(values, st.lists(scalars, min_size=1, max_size=3))
def test_in_and_not_in_never_both_hold_and_one_does_for_usable_values(value: Any, wanted: list[Any]) -> None:
    outcomes = [holds(MatchExpression(key="/k", operator=op, values=tuple(wanted)), value) for op in ("In", "NotIn")]
    assert sum(outcomes) == (0 if value is None else 1)


@given(values)
def test_exists_and_does_not_exist_are_opposites_for_usable_values(value: Any) -> None:
    for document in ({"k": value}, {}):
        found = pointed("/k", document)
        exists = holds(MatchExpression(key="/k", operator="Exists"), found)
        absent = holds(MatchExpression(key="/k", operator="DoesNotExist"), found)
        assert (exists, absent) == ((value is not None, False) if document else (False, True))


@given(scalars, scalars)
def test_equality_is_symmetric_and_never_across_kinds(left: Any, right: Any) -> None:
    assert same(left, right) == same(right, left)
    assert same(left, left)
    if isinstance(left, str) != isinstance(right, str) or isinstance(left, bool) != isinstance(right, bool):
        assert not same(left, right)


@given(
    st.text(max_size=8),
    st.recursive(
        scalars | st.none(),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    ),
)
def test_no_pointer_and_no_value_break_the_evaluation(pointer: str, document: Any) -> None:
    found = pointed(pointer, document)
    for operator in ("Exists", "DoesNotExist"):
        assert holds(MatchExpression(key=pointer, operator=operator), found) in (True, False)


@given(st.dictionaries(st.text(max_size=4), scalars, min_size=1, max_size=4), st.data())
def test_every_member_can_be_pointed_at(document: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(document)))
    pointer = "/" + key.replace("~", "~0").replace("/", "~1")
    assert pointed(pointer, document) is document[key]
