"""One realistic good document for each schema, and a way to change one place in it."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

Path = tuple[str | int, ...]
DIGEST = "sha256:" + "0123456789abcdef" * 4
OTHER = "sha256:" + "fedcba9876543210" * 4
UUID = "3f1c9c1e-7a55-4f0e-9a4b-0d3f7c1b2a10"
REMOVED = object()
"""The value that stands for taking a member away."""

COMPONENT = {
    "name": "digitron-orchestrator",
    "properties": {
        "repository": "oci://registry.example.com/charts/orchestrator",
        "revision": "1.0.9-rc.1_build.7",
        "wait": True,
        "timeout": "8m30s",
    },
}
CONSTRAINTS = {
    "capacityRequirements": {
        "cpu": {"cores": 1.5, "architectures": ["amd64", "riscv64"]},
        "memory": "1024Mi",
        "storage": "10Gi",
    },
    "eligibilityRules": [
        {
            "propertySelector": {
                "matchExpressions": [
                    {"key": "/vendor", "operator": "In", "values": ["acme"]},
                    {"key": "/otelCollector", "operator": "In", "values": [True]},
                    {"key": "/cpus/0/cores", "operator": "Gt", "values": ["2"]},
                    {"key": "/modelNumber", "operator": "Exists"},
                    {
                        "key": "/peripherals",
                        "operator": "ContainsAny",
                        "itemSelector": {"matchExpressions": [{"key": "/type", "operator": "In", "values": ["gpu"]}]},
                    },
                ]
            },
            "labelSelector": {
                "matchExpressions": [{"key": "example.com/line", "operator": "NotIn", "values": [1, 2.5]}]
            },
        }
    ],
}
PARAMETERS = {
    "idpUrl": {
        "value": "https://idp.example.com",
        "targets": [{"pointer": "idp.url", "components": ["digitron-orchestrator"]}],
    },
    "replicas": {"value": 3, "targets": [{"pointer": "replicas", "components": ["digitron-orchestrator"]}]},
    "levels": {"value": ["info", "warn"], "targets": []},
}
EXTENSION = {"x-acme-extensions": {"anything": [1, "two", None]}}

GOOD: dict[str, dict[str, Any]] = {
    "state-manifest": {
        "manifestVersion": 2**64 - 1,
        "bundle": {
            "mediaType": "application/vnd.margo.bundle.v1+tar+gzip",
            "digest": DIGEST,
            "sizeBytes": 2048,
            "url": f"/api/v1/bundles/{DIGEST}",
        },
        "deployments": [
            {
                "deploymentId": UUID,
                "digest": OTHER,
                "sizeBytes": 512,
                "url": f"/api/v1/deployments/{UUID}/{OTHER}",
            }
        ],
    },
    "application-deployment": {
        "id": UUID,
        "metadata": {
            "name": "digitron",
            "namespace": "margo-poc",
            "deviceId": "gateway-01/*",
            "labels": {"line": "3"},
        },
        "spec": {
            "applicationId": "com-northstarida-digitron",
            "deploymentProfile": {
                "type": "helm",
                "components": [{**COMPONENT, **EXTENSION}],
                "deviceConstraints": CONSTRAINTS,
                **EXTENSION,
            },
            "parameters": PARAMETERS,
            **EXTENSION,
        },
    },
    "deployment-status": {
        "deploymentId": UUID,
        "adoptedManifestVersion": 7,
        "deviceId": "gateway-01/edge-01",
        "status": {"state": "failed", "error": {"code": "102", "source": "gateway-01", "message": "unreachable"}},
        "components": [
            {"name": "one", "state": "installed", "error": {"code": "", "source": "", "message": ""}},
            {"name": "two", "state": "failed", "error": {"code": "E7", "source": "two", "message": "no space"}},
            {"name": "three", "state": "pending"},
        ],
    },
    "device-capabilities": {
        "properties": {
            "id": "gateway-01/edge~01",
            "vendor": "acme",
            "modelNumber": "332ANZE1-N1",
            "serialNumber": "PF45343-AA",
            "cpus": [{"cores": 0.5, "architecture": "arm64"}, {"cores": 24}],
            "memory": "59.5 Gi",
            "storage": "1Ti",
            "peripherals": [{"type": "gpu", "manufacturer": "acme", "model": "g1"}],
            "interfaces": [{"type": "ethernet"}, {"type": "canbus"}],
            "otelCollector": True,
            "supportedRuntimes": ["oci"],
            "supportedDeploymentTypes": ["helm", "compose", "custom"],
        },
        "labels": {"example.com/line": 3, "zones": ["a", "b"], "limits": [1, 2.5], "safe": False, "site": "ulm"},
        **EXTENSION,
    },
    "problem": {
        "type": "https://docs.margo.org/specification/problem-types#semantic-error",
        "title": "Semantic Error",
        "status": 422,
        "detail": "supportedRuntimes is empty",
        "instance": "/api/v1/capabilities/edge-01",
        "retryable": False,
        "retryAfterSeconds": 0,
        "backoffStrategy": "none",
        "errors": [{"field": "properties.supportedRuntimes", "message": "at least one"}],
        "trace_id": "4711",
    },
    "discovery": {
        "trustDomain": "plant-7.example.org",
        "trustBundleUri": "https://mis.example.org/.well-known/spiffe/bundle.json",
        "issuer": "an unknown member",
    },
    "trust-bundle": {
        "keys": [
            {
                "kty": "EC",
                "use": "x509-svid",
                "crv": "P-256",
                "x": "AAAA",
                "y": "AAAA",
                "x5c": ["MIIBszCCAVmgAwIBAgIU"],
            },
            {"kty": "RSA", "use": "jwt-svid", "kid": "k1", "n": "AAAA", "e": "AQAB"},
        ],
        "spiffe_sequence": 3,
        "spiffe_refresh_hint": 300,
    },
    "application-description": {
        "apiVersion": "v1",
        "id": "com-northstarida-digitron",
        "metadata": {
            "name": "Digitron",
            "version": "1.2.1",
            "description": "Orchestrates",
            "catalog": {
                "application": {"icon": "./resources/icon.png", "tagline": "Orchestrate", "tags": ["ot", "edge"]},
                "author": [{"name": "A. Author", "email": "a@example.com"}],
                "organization": [{"name": "Northstar", "site": "https://example.com"}],
            },
        },
        "deploymentProfiles": [
            {
                "type": "custom",
                "id": "digitron-custom",
                "description": "for custom runtimes",
                "components": [{**COMPONENT, **EXTENSION}],
                "deviceConstraints": CONSTRAINTS,
                **EXTENSION,
            }
        ],
        "parameters": PARAMETERS,
        "configuration": {
            "sections": [
                {
                    "name": "General",
                    "settings": [
                        {"parameter": "replicas", "name": "Replicas", "schema": "count", "immutable": True},
                        {"parameter": "idpUrl", "name": "IdP", "schema": "url", "description": "where to log in"},
                    ],
                }
            ],
            "schema": [
                {"name": "count", "dataType": "integer", "minValue": 1, "maxValue": 9, "allowEmpty": False},
                {"name": "url", "dataType": "string", "minLength": 8, "maxLength": 200, "regexMatch": "^https://"},
                {"name": "ratio", "dataType": "double", "minValue": 0.5, "minPrecision": 1, "maxPrecision": 2},
                {"name": "level", "dataType": "array[string]", "options": ["info", "warn"], "multiselect": True},
            ],
        },
        **EXTENSION,
    },
}
GOOD["hosting-device-capabilities"] = GOOD["device-capabilities"]


def changed(document: dict[str, Any], path: Path, value: object) -> dict[str, Any]:
    """Give a copy in which the place at `path` holds `value`, or is gone for `REMOVED`."""
    copy = deepcopy(document)
    inner: Any = copy
    for step in path[:-1]:
        inner = inner[step]
    if value is REMOVED:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copy


def places(value: object, path: Path = ()) -> Iterator[Path]:
    """Give the path of every place in a document, containers before what they hold."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*path, index))
