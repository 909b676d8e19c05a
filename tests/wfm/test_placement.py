"""Capacity and eligibility rules: the operator table, one row at a time, and both ways."""

from typing import Any

import pytest

from simulator.protocol.capabilities import DeviceCapabilities
from simulator.protocol.constraints import DeviceConstraints
from simulator.wfm.placement import Matcher, quantity
from tests.wfm.support import capabilities

DEVICE = DeviceCapabilities.from_wire(
    {
        **capabilities(
            "d",
            cpus=[{"cores": 2, "architecture": "amd64"}, {"cores": 2, "architecture": "arm64"}],
            peripherals=[{"type": "gpu", "manufacturer": "acme"}, {"type": "camera", "manufacturer": "other"}],
        ),
        "labels": {"zone": "a", "line": ["x", "y"], "rank": 5, "n": [1, 2], "on": True},
    }
)


def fits(constraints: dict[str, Any]) -> bool:
    return Matcher().unfit_because(DeviceConstraints.from_wire(constraints), DEVICE) is None


def rule(kind: str, *expressions: dict[str, Any]) -> dict[str, Any]:
    return {kind: {"matchExpressions": list(expressions)}}


def holds(kind: str, key: str, operator: str, values: Any = None, items: list[dict[str, Any]] | None = None) -> bool:
    expression: dict[str, Any] = {"key": key, "operator": operator}
    if values is not None:
        expression["values"] = values
    if items is not None:
        expression["itemSelector"] = {"matchExpressions": items}
    return fits({"eligibilityRules": [rule(kind, expression)]})


@pytest.mark.parametrize(
    ("requirements", "expected"),
    [
        ({"cpu": {"cores": 2}}, True),
        ({"cpu": {"cores": 3}}, False),
        ({"cpu": {"cores": 2, "architectures": ["arm64"]}}, True),
        ({"cpu": {"cores": 1, "architectures": ["arm", "riscv64"]}}, False),
        ({"memory": "8Gi"}, True),
        ({"memory": "8193Mi"}, False),
        ({"memory": "8388608Ki", "storage": "64Gi"}, True),
        ({"storage": "1Ti"}, False),
        ({}, True),
    ],
)
def test_capacity(requirements: dict[str, Any], expected: bool) -> None:
    assert fits({"capacityRequirements": requirements}) is expected


@pytest.mark.parametrize(
    ("key", "operator", "values", "expected"),
    [
        ("zone", "In", ["a", "b"], True),
        ("zone", "In", ["A"], False),
        ("line", "In", ["y"], True),
        ("n", "In", [2], True),
        ("rank", "In", [5], True),
        ("on", "In", [True], True),
        ("on", "In", [1], False),
        ("rank", "In", ["5"], False),
        ("zone", "NotIn", ["b"], True),
        ("zone", "NotIn", ["a"], False),
        ("line", "NotIn", ["y"], False),
        ("absent", "NotIn", ["b"], False),
        ("absent", "In", ["b"], False),
        ("zone", "Exists", None, True),
        ("Zone", "Exists", None, False),
        ("absent", "DoesNotExist", None, True),
        ("zone", "DoesNotExist", None, False),
        ("rank", "Gt", [4], True),
        ("rank", "Gt", [5], False),
        ("rank", "Lt", ["6"], True),
        ("zone", "Gt", [1], False),
        ("n", "Gt", [0], False),
    ],
)
def test_label_operators(key: str, operator: str, values: Any, expected: bool) -> None:
    assert holds("labelSelector", key, operator, values) is expected


def test_property_pointers_and_arrays_of_objects() -> None:
    assert holds("propertySelector", "/vendor", "In", ["Example Works"])
    assert not holds("propertySelector", "/vendor", "In", ["example works"])
    assert holds("propertySelector", "/otelCollector", "In", [True])
    assert holds("propertySelector", "/supportedDeploymentTypes", "In", ["helm"])
    assert not holds("propertySelector", "/peripherals", "In", ["gpu"])
    gpu = {"key": "/type", "operator": "In", "values": ["gpu"]}
    other = {"key": "/manufacturer", "operator": "In", "values": ["other"]}
    assert holds("propertySelector", "/peripherals", "ContainsAll", None, [gpu])
    assert not holds("propertySelector", "/peripherals", "ContainsAll", None, [gpu, other])
    assert holds("propertySelector", "/peripherals", "ContainsAny", None, [gpu, other])
    assert not holds("propertySelector", "/vendor", "ContainsAny", None, [gpu])


def test_rules_are_alternatives_and_selectors_go_together() -> None:
    good = {"key": "zone", "operator": "In", "values": ["a"]}
    bad = {"key": "zone", "operator": "In", "values": ["b"]}
    vendor = {"key": "/vendor", "operator": "Exists"}
    assert fits({"eligibilityRules": [rule("labelSelector", bad), rule("labelSelector", good)]})
    assert not fits({"eligibilityRules": [rule("labelSelector", good, bad)]})
    assert not fits({"eligibilityRules": [{**rule("labelSelector", bad), **rule("propertySelector", vendor)}]})
    assert fits({"eligibilityRules": [{**rule("labelSelector", good), **rule("propertySelector", vendor)}]})
    assert fits({})


def test_quantities() -> None:
    assert quantity("1Gi") == 1024 * quantity("1Mi") == 1024**3
    assert quantity("1.5 Ki") == 1536
    with pytest.raises(ValueError, match="such as 8Gi"):
        quantity("8 GB")
