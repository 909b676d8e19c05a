"""The operations of the management interface and how revision 1.0.0-rc.3 puts them on the wire.

Beside them stand those of the two third parties that a device asks: the identity service, and the component registry
(OCI distribution specification, pulling). Everything above this module speaks of operations; paths stand only here
(management interface, section 1.C).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

API_ROOT = "/api/v1"

Operation = Literal[
    "report-capabilities",
    "withdraw-capabilities",
    "fetch-manifest",
    "fetch-deployment",
    "fetch-bundle",
    "report-status",
    "fetch-root-certificate",
    "onboard",
    "discover",
    "fetch-trust-bundle",
    "check-registry",
    "resolve-component",
    "fetch-component",
    "unknown",
]


@dataclass(frozen=True, slots=True)
class Call:
    """An operation with its path parameters, as recognised on the wire."""

    operation: Operation
    params: Mapping[str, str] = field(default_factory=dict)


_ROUTES: tuple[tuple[str, Operation, re.Pattern[str]], ...] = (
    ("PUT", "report-capabilities", re.compile(rf"^{API_ROOT}/capabilities/(?P<deviceId>.+)$")),
    ("DELETE", "withdraw-capabilities", re.compile(rf"^{API_ROOT}/capabilities/(?P<deviceId>.+)$")),
    ("GET", "fetch-manifest", re.compile(rf"^{API_ROOT}/deployments$")),
    ("POST", "report-status", re.compile(rf"^{API_ROOT}/deployments/(?P<deploymentId>[^/]+)/status$")),
    ("GET", "fetch-deployment", re.compile(rf"^{API_ROOT}/deployments/(?P<deploymentId>[^/]+)/(?P<digest>[^/]+)$")),
    ("GET", "fetch-bundle", re.compile(rf"^{API_ROOT}/bundles/(?P<digest>[^/]+)$")),
    *(
        row
        for verb in ("GET", "HEAD")
        for row in (
            (verb, "check-registry", re.compile(r"^/v2/$")),
            (verb, "resolve-component", re.compile(r"^/v2/(?P<name>.+)/manifests/(?P<reference>[^/]+)$")),
            (verb, "fetch-component", re.compile(r"^/v2/(?P<name>.+)/blobs/(?P<digest>[^/]+)$")),
        )
    ),
    ("GET", "discover", re.compile(r"^/\.well-known/margo$")),
    ("GET", "fetch-trust-bundle", re.compile(r"^/\.well-known/spiffe/bundle\.json$")),
)


def recognise(method: str, target: str) -> Call:
    """The operation behind a request line; `unknown` when there is none."""
    path = target.partition("?")[0]
    for verb, operation, pattern in _ROUTES:
        found = pattern.match(path)
        if found and verb == method:
            return Call(operation, {name: unquote(value) for name, value in found.groupdict().items()})
    return Call("unknown")


def capabilities_path(device_id: str) -> str:
    """Where a device's capabilities are reported and withdrawn; slashes stay raw (AMB-X-26)."""
    return f"{API_ROOT}/capabilities/{device_id}"


def manifest_path() -> str:
    """Where a client polls its state manifest."""
    return f"{API_ROOT}/deployments"


def status_path(deployment_id: str) -> str:
    """Where a deployment's status is reported."""
    return f"{API_ROOT}/deployments/{deployment_id}/status"
