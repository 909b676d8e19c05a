"""The JSON Schemas: valid themselves, open to what is allowed, closed to what is not."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from conformance.catalogue import load
from tests.catalogue.documents import COMPONENT, DIGEST, GOOD, OTHER, REMOVED, UUID, Path, changed, places

SCHEMAS = load().schema_names


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(load().schema(name), format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_schema_is_valid_draft_2020_12_and_self_contained(name: str) -> None:
    schema = load().schema(name)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].endswith(f":{name}")
    Draft202012Validator.check_schema(schema)
    references = [text.split('"')[0] for text in json.dumps(schema).split('"$ref": "')[1:]]
    definitions = schema.get("$defs", {})
    assert all(ref.removeprefix("#/$defs/") in definitions for ref in references)
    assert {ref.removeprefix("#/$defs/") for ref in references} == set(definitions), "no definition goes unused"


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_schema_names_known_statements_and_readings(name: str) -> None:
    catalogue = load()
    readings = {item.id for item in catalogue.interpretations}
    words = (
        load().schema(name)["$comment"].replace("..", " ").replace(".", " ").replace(",", " ").replace(":", " ").split()
    )
    ids = [word.strip("()") for word in words if word.strip("()")[-1:].isdigit() and "-" in word]
    assert ids
    for word in ids:
        assert word in catalogue or word in readings, word


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_schema_accepts_a_realistic_document(name: str) -> None:
    assert [error.message for error in validator(name).iter_errors(GOOD[name])] == []


Change = tuple[str, Path, object]
SPEC: Path = ("spec",)
PROFILE: Path = (*SPEC, "deploymentProfile")
PROPERTIES: Path = (*PROFILE, "components", 0, "properties")
RULE: Path = (*PROFILE, "deviceConstraints", "eligibilityRules", 0, "propertySelector", "matchExpressions")
CAPACITY: Path = (*PROFILE, "deviceConstraints", "capacityRequirements")
ALLOWED: list[Change] = [
    ("state-manifest", ("manifestVersion",), 1),
    ("state-manifest", ("bundle", "sizeBytes"), REMOVED),
    ("state-manifest", ("deployments", 0, "sizeBytes"), REMOVED),
    ("state-manifest", ("future",), "an additive member"),
    ("application-deployment", ("apiVersion",), "application.margo.org/v1alpha1"),
    ("application-deployment", ("metadata", "annotations"), {}),
    ("application-deployment", ("metadata", "deviceId"), "a/b/c"),
    ("application-deployment", (*SPEC, "parameters"), REMOVED),
    ("application-deployment", (*PROPERTIES, "wait"), REMOVED),
    ("application-deployment", (*PROPERTIES, "revision"), "10.20.30"),
    ("application-deployment", (*PROPERTIES, "timeout"), "0m90s"),
    ("application-deployment", (*PROFILE, "deviceConstraints"), REMOVED),
    ("application-deployment", (*CAPACITY, "memory"), "2 Gi"),
    ("application-deployment", (*CAPACITY, "cpu", "architectures"), ["other"]),
    ("application-deployment", (*RULE, 2, "values"), [2.5]),
    ("deployment-status", ("deviceId",), REMOVED),
    ("deployment-status", ("status", "error"), REMOVED),
    ("deployment-status", ("apiVersion",), "stray"),
    ("deployment-status", ("status", "state"), "removed"),
    ("device-capabilities", ("labels",), REMOVED),
    ("device-capabilities", ("properties", "cpus"), REMOVED),
    ("device-capabilities", ("properties", "memory"), "59Gi"),
    ("device-capabilities", ("x-a1-b-extensions",), {}),
    ("problem", ("type",), "about:blank"),
    ("problem", ("type",), "https://errors.example.com/full"),
    ("problem", ("retryable",), REMOVED),
    ("discovery", ("trustBundleUri",), "https://192.0.2.7:8443/bundle?v=1"),
    ("trust-bundle", ("spiffe_sequence",), REMOVED),
    ("trust-bundle", ("keys", 1), {"use": "something-new"}),
    ("application-description", ("kind",), "ApplicationDescription"),
    ("application-description", ("parameters", "idpUrl", "value"), REMOVED),
    ("application-description", ("configuration",), REMOVED),
    ("hosting-device-capabilities", ("properties", "supportedRuntimes"), ["oci", "custom"]),
]
REFUSED: list[Change] = [
    *[("state-manifest", ("manifestVersion",), bad) for bad in (0, -1, 2**64, 1.5, "1", True, None, REMOVED)],
    ("state-manifest", ("bundle",), REMOVED),
    ("state-manifest", ("bundle",), {}),
    ("state-manifest", ("deployments",), None),
    ("state-manifest", ("bundle", "mediaType"), "application/gzip"),
    *[
        ("state-manifest", ("bundle", "digest"), bad)
        for bad in (
            DIGEST[:-1],
            DIGEST + "0",
            DIGEST.upper(),
            DIGEST + "\n",
            " " + DIGEST,
            "sha512:" + DIGEST[7:],
            f'"{DIGEST}"',
        )
    ],
    ("state-manifest", ("bundle", "url"), f"/api/v1/bundles/{DIGEST}/"),
    ("state-manifest", ("bundle", "url"), f"https://wfm.example.org/api/v1/bundles/{DIGEST}"),
    ("state-manifest", ("deployments", 0, "url"), f"/api/v1/clients/c1/deployments/{UUID}/{OTHER}"),
    ("state-manifest", ("deployments", 0, "deploymentId"), "digitron"),
    ("state-manifest", ("deployments", 0, "sizeBytes"), -1),
    ("application-deployment", ("id",), "not-a-uuid"),
    ("application-deployment", ("id",), REMOVED),
    ("application-deployment", ("metadata", "namespace"), REMOVED),
    *[
        ("application-deployment", ("metadata", "deviceId"), bad)
        for bad in ("*", "a/*/b", "/a", "a//b", "a b", "a\n", "")
    ],
    *[
        ("application-deployment", (*SPEC, "applicationId"), bad)
        for bad in ("Upper", "under_score", "a.b", "", "a" * 201)
    ],
    ("application-deployment", (*SPEC, "stray"), {}),
    ("application-deployment", (*SPEC, "x-Acme-extensions"), {}),
    ("application-deployment", (*SPEC, "x-acme-extensions"), "scalar"),
    ("application-deployment", (*PROFILE, "x-acme-extensions"), []),
    ("application-deployment", (*PROFILE, "components", 0, "x-acme-extensions"), 1),
    ("application-deployment", (*PROFILE, "type"), "custom"),
    ("application-deployment", (*PROFILE, "type"), "helm.v3"),
    ("application-deployment", (*PROFILE, "components"), COMPONENT),
    ("application-deployment", (*PROPERTIES, "repository"), "https://registry.example.com/x"),
    *[
        ("application-deployment", (*PROPERTIES, "revision"), bad)
        for bad in ("v1.0.0", "1.0", "1.0.0+b", "01.0.0", "latest", "1.0.0-01")
    ],
    *[
        ("application-deployment", (*PROPERTIES, "timeout"), bad)
        for bad in ("90s", "5m", "PT5M", "1m30", 90, "1m30s\n")
    ],
    ("application-deployment", (*PROPERTIES, "wait"), "true"),
    ("application-deployment", (*SPEC, "parameters", "idpUrl", "value"), {"a": 1}),
    ("application-deployment", (*SPEC, "parameters", "levels", "value"), ["info", 1]),
    ("application-deployment", (*SPEC, "parameters", "idpUrl", "targets"), {}),
    ("application-deployment", (*CAPACITY, "memory"), "2GB"),
    ("application-deployment", (*CAPACITY, "memory"), "2Ti"),
    ("application-deployment", (*CAPACITY, "cpu", "cores"), REMOVED),
    ("application-deployment", (*CAPACITY, "cpu", "architectures"), ["x86_64"]),
    ("application-deployment", (*RULE, 0, "operator"), "ContainersAny"),
    ("application-deployment", (*RULE, 0, "values"), REMOVED),
    ("application-deployment", (*RULE, 0, "values"), []),
    ("application-deployment", (*RULE, 0, "values"), ["a", 1]),
    ("application-deployment", (*RULE, 1, "values"), [True, False]),
    ("application-deployment", (*RULE, 0, "key"), "vendor"),
    ("application-deployment", (*RULE, 2, "values"), ["two"]),
    ("application-deployment", (*RULE, 2, "values"), [1, 2]),
    ("application-deployment", (*RULE, 3, "values"), ["x"]),
    ("application-deployment", (*RULE, 4, "itemSelector"), REMOVED),
    ("application-deployment", (*RULE, 4, "itemSelector", "matchExpressions"), []),
    ("application-deployment", (*RULE, 4, "itemSelector", "matchExpressions", 0, "values"), REMOVED),
    ("deployment-status", ("adoptedManifestVersion",), REMOVED),
    ("deployment-status", ("adoptedManifestVersion",), 0),
    ("deployment-status", ("status",), [{"state": "failed"}]),
    ("deployment-status", ("status", "state"), "Failed"),
    ("deployment-status", ("status", "state"), "running"),
    ("deployment-status", ("status", "error", "code"), ""),
    ("deployment-status", ("components", 1, "error", "message"), ""),
    ("deployment-status", ("components", 0, "error", "source"), REMOVED),
    ("deployment-status", ("components", 2, "name"), REMOVED),
    ("deployment-status", ("components",), REMOVED),
    ("deployment-status", ("deploymentId",), UUID[:-1]),
    ("deployment-status", ("deviceId",), "gateway-01/*"),
    ("device-capabilities", ("apiVersion",), "device.margo/v1"),
    ("device-capabilities", ("x-Acme-extensions",), {}),
    ("device-capabilities", ("x-acme-extensions",), 7),
    ("device-capabilities", ("properties", "id"), "edge 01"),
    ("device-capabilities", ("properties", "id"), "edge-01/"),
    ("device-capabilities", ("properties", "serialNumber"), REMOVED),
    ("device-capabilities", ("properties", "cpus", 0, "architecture"), "riscv64"),
    ("device-capabilities", ("properties", "cpus", 1, "cores"), REMOVED),
    ("device-capabilities", ("properties", "cpus", 1, "cores"), 0),
    *[("device-capabilities", ("properties", "memory"), bad) for bad in ("64 GB", 64, "2Ti", "59  Gi", "Gi", "1.Gi")],
    ("device-capabilities", ("properties", "storage"), "2TB"),
    ("device-capabilities", ("properties", "peripherals", 0, "type"), "printer"),
    ("device-capabilities", ("properties", "interfaces", 0, "type"), "lorawan"),
    ("device-capabilities", ("properties", "otelCollector"), "true"),
    ("device-capabilities", ("properties", "supportedRuntimes"), []),
    ("device-capabilities", ("properties", "supportedDeploymentTypes"), ["quadlet"]),
    *[("device-capabilities", ("labels", "site"), bad) for bad in ({"a": 1}, [], ["a", 1], None, [True])],
    ("problem", ("type",), "https://docs.margo.org/specification/problem-types/#semantic-error"),
    ("problem", ("type",), "https://docs.margo.org/specification/problems/semantic-error"),
    ("problem", ("type",), "https://docs.margo.org/specification/problem-types#wfm-client-relationship-retired"),
    ("problem", ("type",), REMOVED),
    ("problem", ("title",), REMOVED),
    ("problem", ("status",), "422"),
    ("problem", ("status",), 200),
    ("problem", ("backoffStrategy",), "linear"),
    ("problem", ("retryable",), "no"),
    ("problem", ("errors", 0, "field"), REMOVED),
    ("discovery", ("trustBundleUri",), "http://mis.example.org/bundle.json"),
    ("discovery", ("trustBundleUri",), "/bundle.json"),
    ("discovery", ("trustBundleUri",), "https:///bundle.json"),
    ("discovery", ("trustDomain",), "spiffe://plant-7.example.org"),
    ("discovery", ("trustDomain",), REMOVED),
    ("trust-bundle", ("keys",), []),
    ("trust-bundle", ("keys", 0, "use"), "jwt-svid"),
    ("trust-bundle", ("keys", 0, "x5c"), REMOVED),
    ("trust-bundle", ("keys", 0, "x5c"), []),
    ("trust-bundle", ("keys", 0, "x5c"), ["not base64!"]),
    ("trust-bundle", ("keys", 0, "x5c"), ["MIIB_base64url-"]),
    ("trust-bundle", ("spiffe_refresh_hint",), "300"),
    ("application-description", ("apiVersion",), "margo.org/v1-alpha1"),
    ("application-description", ("id",), "com.northstarida.digitron"),
    ("application-description", ("metadata", "catalog", "organization"), REMOVED),
    ("application-description", ("deploymentProfiles", 0, "type"), "docker-compose"),
    ("application-description", ("deploymentProfiles", 0, "id"), REMOVED),
    ("application-description", ("deploymentProfiles", 0, "components", 0, "properties", "repository"), REMOVED),
    ("application-description", ("parameters", "idpUrl", "targets"), REMOVED),
    ("application-description", ("configuration", "schema"), REMOVED),
    ("application-description", ("configuration", "schema", 0, "dataType"), "float"),
    ("application-description", ("configuration", "schema", 0, "minValue"), 0.5),
    ("application-description", ("x-acme-extensions",), "scalar"),
    *[
        ("hosting-device-capabilities", ("properties", member), REMOVED)
        for member in (
            "cpus",
            "memory",
            "storage",
            "peripherals",
            "interfaces",
            "supportedRuntimes",
            "supportedDeploymentTypes",
        )
    ],
    ("hosting-device-capabilities", ("properties", "otelCollector"), False),
    ("hosting-device-capabilities", ("labels",), REMOVED),
    ("hosting-device-capabilities", ("labels",), {}),
]


@pytest.mark.parametrize(("name", "path", "value"), ALLOWED)
def test_what_is_allowed_passes(name: str, path: Path, value: object) -> None:
    document = changed(GOOD[name], path, value)
    assert document != GOOD[name], "the change is no change"
    assert [error.message for error in validator(name).iter_errors(document)] == []


@pytest.mark.parametrize(("name", "path", "value"), REFUSED)
def test_what_is_wrong_is_refused_where_it_stands(name: str, path: Path, value: object) -> None:
    document = changed(GOOD[name], path, value)
    errors = list(validator(name).iter_errors(document))
    assert errors, "accepted"
    for error in errors:
        found = tuple(error.absolute_path)
        assert found == path[: len(found)] or path == found[: len(path)], f"shown at {found}"


def test_every_schema_has_several_refusals() -> None:
    for name in SCHEMAS:
        assert sum(change[0] == name for change in REFUSED) >= 5


def test_an_empty_state_is_a_null_bundle() -> None:
    empty: dict[str, Any] = {"manifestVersion": 1, "bundle": None, "deployments": []}
    assert validator("state-manifest").is_valid(empty)
    assert not validator("state-manifest").is_valid({**empty, "bundle": GOOD["state-manifest"]["bundle"]})
    # the text asks for null where nothing is assigned; it does not forbid null elsewhere
    assert validator("state-manifest").is_valid({**GOOD["state-manifest"], "bundle": None})


def test_a_failed_deployment_shows_an_error_somewhere() -> None:
    status: dict[str, Any] = changed(GOOD["deployment-status"], ("status", "error"), REMOVED)
    assert validator("deployment-status").is_valid(status), "that of a component is enough"
    for component in status["components"]:
        component.pop("error", None)
    assert not validator("deployment-status").is_valid(status)
    status["status"]["state"] = "installed"
    assert validator("deployment-status").is_valid(status), "the fault was the failed state without an error"


def test_the_registry_and_the_schema_agree() -> None:
    allowed = load().schema("problem")["properties"]["type"]["then"]["enum"]
    assert set(allowed) == set(load().problem_types)


@pytest.mark.parametrize("name", SCHEMAS)
@given(data=st.data())
@settings(max_examples=40)
def test_no_document_of_any_shape_breaks_a_schema(name: str, data: st.DataObject) -> None:
    """Judging never raises, whatever stands at whatever place."""
    path = data.draw(st.sampled_from(list(places(GOOD[name]))))
    leaf = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    value = data.draw(
        st.recursive(leaf, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
    )
    list(validator(name).iter_errors(changed(GOOD[name], path, value)))
