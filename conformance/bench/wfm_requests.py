"""Requests as the suite sends them: known-good documents, and the same with exactly one thing wrong.

A defect is named as the feature files name it. What a WFM has to answer is not told here: that is the checks' to say.
"""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

Document = dict[str, Any]
Expects = Literal["malformed", "invalid", "mismatch"]
"""Not to be parsed; parsed but wrong by the schema; ids in address and document that differ."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One mutation of a good request. `device_id` replaces the id in the address, too."""

    expects: Expects
    change: Callable[[Document], Document | bytes]
    device_id: str | None = None

    def body(self, good: Document) -> bytes:
        """Give the body of the bad request."""
        changed = self.change(deepcopy(good))
        return changed if isinstance(changed, bytes) else as_json(changed)


def as_json(document: Mapping[str, Any]) -> bytes:
    """Write a document as it goes over the wire."""
    return json.dumps(document, separators=(",", ":")).encode()


def capabilities(device_id: str) -> Document:
    """Give the report of a device that hosts both kinds of workloads and meets ordinary demands."""
    return {
        "properties": {
            "id": device_id,
            "vendor": "Example Machines",
            "modelNumber": "EM-300",
            "serialNumber": "300-0001",
            "cpus": [{"cores": 16, "architecture": "amd64"}, {"cores": 16, "architecture": "arm64"}],
            "memory": "64Gi",
            "storage": "2048Gi",
            "peripherals": [
                {"type": "gpu", "manufacturer": "Example", "model": "G1"},
                {"type": "camera"},
                {"type": "display"},
            ],
            "interfaces": [{"type": "ethernet"}, {"type": "wifi"}, {"type": "canbus"}, {"type": "usb"}],
            "otelCollector": True,
            "supportedRuntimes": ["oci"],
            "supportedDeploymentTypes": ["helm", "compose"],
        },
        "labels": {"site.example/line": "packing", "site.example/cells": [1, 2, 3], "site.example/spare": False},
    }


def gateway(device_id: str) -> Document:
    """Give the report of a gateway that hosts nothing itself (DC-018)."""
    names = {"id": device_id, "vendor": "Example Machines", "modelNumber": "EM-GW", "serialNumber": "GW-0001"}
    return {"properties": names}


def status(
    deployment_id: str, version: int, state: str, components: tuple[str, ...], device_id: str | None = None
) -> Document:
    """Give a status report in which every component is in the overall state."""
    failed = {"error": {"code": "E-1", "source": "suite", "message": "made to fail"}} if state == "failed" else {}
    report: Document = {
        "deploymentId": deployment_id,
        "adoptedManifestVersion": version,
        "status": {"state": state, **failed},
        "components": [{"name": name, "state": state, **failed} for name in components],
    }
    if device_id is not None:
        report["deviceId"] = device_id
    return report


def _without(*path: str) -> Callable[[Document], Document]:
    def change(document: Document) -> Document:
        holder = document
        for part in path[:-1]:
            holder = holder[part]
        del holder[path[-1]]
        return document

    return change


def _with(value: Any, *path: str | int) -> Callable[[Document], Document]:
    def change(document: Document) -> Document:
        holder: Any = document
        for part in path[:-1]:
            holder = holder[part]
        holder[path[-1]] = value
        return document

    return change


def _text(data: bytes) -> Callable[[Document], bytes]:
    return lambda _: data


def _cut(document: Document) -> bytes:
    return as_json(document)[:-2]


def _properties(value: Any, *path: str | int) -> Callable[[Document], Document]:
    return _with(value, "properties", *path)


CAPABILITY_DEFECTS: Mapping[str, Defect] = {
    "no text at all": Defect("malformed", _text(b"")),
    "text that is no JSON": Defect("malformed", _text(b"properties: yes")),
    "JSON that ends too early": Defect("malformed", _cut),
    "a list instead of an object": Defect("invalid", _text(b"[]")),
    "no properties": Defect("invalid", _without("properties")),
    "no id": Defect("invalid", _without("properties", "id")),
    "no vendor": Defect("invalid", _without("properties", "vendor")),
    "no model number": Defect("invalid", _without("properties", "modelNumber")),
    "no serial number": Defect("invalid", _without("properties", "serialNumber")),
    "a vendor that is a number": Defect("invalid", _properties(7, "vendor")),
    "an unknown processor architecture": Defect("invalid", _properties("z80", "cpus", 0, "architecture")),
    "a processor without cores": Defect("invalid", _properties({"architecture": "amd64"}, "cpus", 0)),
    "cores given as text": Defect("invalid", _properties("many", "cpus", 0, "cores")),
    "an unknown kind of peripheral": Defect("invalid", _properties("teapot", "peripherals", 0, "type")),
    "an unknown kind of interface": Defect("invalid", _properties("pigeon", "interfaces", 0, "type")),
    "a collector that is neither true nor false": Defect("invalid", _properties("sometimes", "otelCollector")),
    "an empty list of runtimes": Defect("invalid", _properties([], "supportedRuntimes")),
    "an empty list of deployment types": Defect("invalid", _properties([], "supportedDeploymentTypes")),
    "an extension that is no object": Defect("invalid", _with("on", "x-example-extensions")),
    "another id than its address": Defect("mismatch", _properties("somebody-else", "id")),
}

DEVICE_ID_DEFECTS: Mapping[str, Defect] = {
    "an asterisk in its id": Defect("invalid", _properties("press*1", "id"), "press*1"),
    "a plus sign in its id": Defect("invalid", _properties("press+1", "id"), "press+1"),
    "a blank in its id": Defect("invalid", _properties("press 1", "id"), "press%201"),
    "an empty part in its id": Defect("invalid", _properties("press-1//arm", "id"), "press-1//arm"),
    "a slash at the end of its id": Defect("invalid", _properties("press-1/", "id"), "press-1/"),
}

STATUS_DEFECTS: Mapping[str, Defect] = {
    "no text at all": Defect("malformed", _text(b"")),
    "text that is no JSON": Defect("malformed", _text(b"<status>installed</status>")),
    "JSON that ends too early": Defect("malformed", _cut),
    "a list instead of an object": Defect("invalid", _text(b"[]")),
    "no deployment id": Defect("invalid", _without("deploymentId")),
    "no manifest version": Defect("invalid", _without("adoptedManifestVersion")),
    "no status": Defect("invalid", _without("status")),
    "no state": Defect("invalid", _without("status", "state")),
    "no components": Defect("invalid", _without("components")),
    "an unknown state": Defect("invalid", _with("thinking", "status", "state")),
    "a state in capital letters": Defect("invalid", _with("INSTALLED", "status", "state")),
    "an unknown state of a component": Defect("invalid", _with("thinking", "components", 0, "state")),
    "a component without a name": Defect("invalid", _with({"state": "installed"}, "components", 0)),
    "a manifest version of zero": Defect("invalid", _with(0, "adoptedManifestVersion")),
    "a manifest version that is text": Defect("invalid", _with("latest", "adoptedManifestVersion")),
    "a deployment id that is no UUID": Defect("invalid", _with("pump", "deploymentId")),
    "another deployment id than its address": Defect(
        "mismatch", _with("00000000-0000-4000-8000-000000000000", "deploymentId")
    ),
}
