"""The specification is read twice: as JSON Schemas here, as typed documents in the simulator.

The two are held together: every place of every good document is given every value of a pool, and where the two readings
differ, the difference has to be one that is written down below with its reason.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from conformance.catalogue import load
from simulator.identity.authority import Authority
from simulator.protocol.application import ApplicationDescription
from simulator.protocol.capabilities import DeviceCapabilities
from simulator.protocol.deployment import ApplicationDeployment
from simulator.protocol.discovery import DiscoveryDocument
from simulator.protocol.documents import Document
from simulator.protocol.manifest import StateManifest
from simulator.protocol.problem import Problem
from simulator.protocol.status import DeploymentStatus
from simulator.protocol.trust_bundle import TrustBundleDocument
from tests.catalogue.documents import GOOD, REMOVED, changed, places

MODELS: dict[str, type[Document]] = {
    "state-manifest": StateManifest,
    "application-deployment": ApplicationDeployment,
    "deployment-status": DeploymentStatus,
    "device-capabilities": DeviceCapabilities,
    "problem": Problem,
    "discovery": DiscoveryDocument,
    "trust-bundle": TrustBundleDocument,
    "application-description": ApplicationDescription,
}
POOL: list[object] = [
    REMOVED, None, True, False, 0, 1, -1, 1.5, 2**64, "", "x", "A b", "a\n", "*", "2 Gi",
    [], [""], ["x"], [1], [True], [None], {}, {"x": 1}, [{}],
]  # fmt: skip

# place (document, then members; * for any index) -> why the simulator refuses what the schema lets pass
STRICTER_SIMULATOR = {
    r"application-de.*/components(/\*)?": "no text asks for a component at all",
    r"application-de.*/components/\*/name": "A-24: a rule in words only, a warning for the suite",
    r"application-de.*/matchExpressions(/\*)?": "A-13: an empty list of expressions is not spoken of",
    r"application-description/parameters(/\w+)?": "APP-09 and settings: references are for a check, not a schema",
    r"application-description/parameters/.*/components(/\*)?": "APP-09: references are for a check, not a schema",
    r"application-description/configuration/.*": "references between settings, rules and parameters are for a check",
}
# place -> why the simulator reads what the schema refuses
LENIENT_SIMULATOR = {
    r"state-manifest/.*(digest|url)": "grammar and address are judged where they are used",
    r"state-manifest/.*sizeBytes": "DS-022, DS-026: plays no part",
    r".*/matchExpressions/.*": "rules that make no sense are false when evaluated, not refused when read",
    r".*/parameters/\w+/.*": "AMB-X-24: a device takes any value",
    r"deployment-status/.*error(/\w+)?": "ST-012: prose and OpenAPI differ, a WFM reads both",
    r"device-capabilities/properties/supported\w+(/\*)?": "DC-026, DC-027: what a WFM does not know is custom",
    r"problem/(type|title|status|retryAfterSeconds)": "AMB-C-03: a client must not break on a poor problem document",
    r"discovery/trustDomain": "compared with the own trust domain, so any text will do",
    r"trust-bundle/keys.*": "ID-81, ID-82: anchors are taken out, and missed, when the bundle is used",
    r"application-description/configuration/schema/.*": "what a rule's members mean is for the WFM that applies it",
    r".*/(name|version|id|pointer|components|components/\*)": "an empty text is a text",
}


def unexplained(name: str, path: tuple[str | int, ...], value: object, *, schema: bool) -> bool:
    """Tell whether a difference is not on record; null for an absent member is one everywhere."""
    place = "/".join([name, *("*" if isinstance(step, int) else step for step in path)])
    if value is None and not schema:
        return False
    table = STRICTER_SIMULATOR if schema else LENIENT_SIMULATOR
    return not any(re.fullmatch(pattern, place) for pattern in table)


def reader(model: type[Document]) -> Callable[[dict[str, Any]], bool]:
    def accepts(document: dict[str, Any]) -> bool:
        try:
            model.from_wire(document)
        except ValueError:
            return False
        return True

    return accepts


@pytest.mark.parametrize("name", MODELS)
def test_differences_are_on_record(name: str) -> None:
    validator = Draft202012Validator(load().schema(name))
    accepts = reader(MODELS[name])
    agreed = 0
    for path in places(GOOD[name]):
        for value in POOL:
            document = changed(GOOD[name], path, value)
            schema = validator.is_valid(document)
            if schema == accepts(document):
                agreed += not schema
                continue
            assert not unexplained(name, path, value, schema=schema), (path, value, f"schema says {schema}")
    assert agreed > 20, "both refuse most of what is wrong"


@pytest.mark.parametrize("name", sorted(MODELS.keys() - {"trust-bundle"}))
def test_what_the_simulator_writes_the_schema_accepts(name: str) -> None:
    written = MODELS[name].from_wire(GOOD[name]).to_wire()
    assert written == GOOD[name]
    assert [error.message for error in Draft202012Validator(load().schema(name)).iter_errors(written)] == []


def test_the_trust_bundle_the_simulator_serves_the_schema_accepts() -> None:
    authority = Authority.new("plant-7.example.org")
    served = json.loads(authority.bundle(sequence=2, refresh_hint=300).to_json())
    assert [error.message for error in Draft202012Validator(load().schema("trust-bundle")).iter_errors(served)] == []
    assert served["spiffe_sequence"] == 2
