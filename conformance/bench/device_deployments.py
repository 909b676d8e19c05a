"""The deployments a device is given: made from an application's release, and varied where a scenario asks for it."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from conformance.bench.applications import Release
from conformance.bench.errors import Blocked
from simulator.protocol.application import ProfileOffer
from simulator.protocol.documents import dump_yaml

EXTENSION = "x-acme-extensions"


@dataclass(frozen=True, slots=True)
class Variation:
    """How a deployment differs from the plain one of its release.

    `kind` asks for a deployment profile of that type, `rules` are eligibility rules, `timeout` goes into every
    component, `revision` replaces that of the first component, `extended` adds unknown extensions at every place that
    has room for one, `values` are parameters, `spelling` is how the YAML is written. `registry` stands
    in for the host of every component's repository, `wait` for that of every component, `capacity` for what the profile
    asks of a device; with `forced` the type need not be one that the device has. `unknown_parameter` adds a
    parameter whose target nobody knows. `envelope` are members that the revision puts before all others.
    """

    kind: str | None = None
    rules: Sequence[Mapping[str, Any]] = ()
    timeout: str | None = None
    revision: str | None = None
    extended: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)
    spelling: str = "plain"
    registry: str = ""
    wait: bool | None = None
    capacity: Mapping[str, Any] | None = None
    forced: bool = False
    unknown_parameter: bool = False
    envelope: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment document with its exact bytes."""

    deployment_id: str
    document: Mapping[str, Any]
    data: bytes

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the components, in order."""
        return tuple(item["name"] for item in self.document["spec"]["deploymentProfile"]["components"])


def deployment_of(
    release: Release, deployment_id: str, target: str, types: Sequence[str], variation: Variation
) -> Deployment:
    """Make the deployment of a release for a device of these deployment types.

    Raises Blocked: the application has no profile of a type that is asked for and that the device has.
    """
    profile = profile_for(release, (variation.kind or "",) if variation.forced else types, variation.kind)
    document: dict[str, Any] = {
        **variation.envelope,
        "id": deployment_id,
        "metadata": {
            "name": f"{release.application_id}-{deployment_id[:8]}",
            "namespace": "margo",
            "deviceId": target,
        },
        "spec": {"applicationId": release.application_id, "deploymentProfile": _profile_of(profile, variation)},
    }
    parameters = _parameters(release, profile, variation.values)
    if variation.unknown_parameter:
        nowhere = {"pointer": "nobody.knows.this", "components": [profile.components[0].name]}
        parameters["nobodyKnowsThis"] = {"value": "unheard of", "targets": [nowhere]}
    if parameters:
        document["spec"]["parameters"] = parameters
    if variation.extended:
        _extend(document)
    return Deployment(deployment_id, document, spelled(document, variation.spelling))


def component_count(release: Release, types: Sequence[str]) -> int:
    """How many components the release has on a device of these deployment types; 0 when it cannot be deployed."""
    profile = next((item for item in release.description.deployment_profiles if item.type in types), None)
    return len(profile.components) if profile else 0


def wanted_of(roles: Iterable[str], release: int = 1) -> tuple[tuple[str, int], ...]:
    """Pair roles of applications with a release."""
    return tuple((role, release) for role in roles)


def spelled(document: Mapping[str, Any], spelling: str) -> bytes:
    """Write the YAML: `plain`, with `comments`, with `crlf` line ends, or `indented` in an odd way (DS-051)."""
    plain = dump_yaml(document)
    match spelling:
        case "comments":
            return b"# written by hand\n\n" + plain.replace(b"\nspec:", b"\n\n# what to run\nspec:") + b"\n\n"
        case "crlf":
            return plain.replace(b"\n", b"\r\n")
        case "indented":
            return yaml.safe_dump(dict(document), indent=7, sort_keys=False, allow_unicode=True).encode()
        case _:
            return plain


def path_of(repository: str) -> str:
    """Give the name of a repository inside its registry."""
    return repository.removeprefix("oci://").partition("/")[2]


def profile_for(release: Release, types: Sequence[str], kind: str | None) -> ProfileOffer:
    """Give the profile that a device of these deployment types gets, of a kind if one is asked for. Raises Blocked."""
    wanted = (kind,) if kind else tuple(types)
    for profile in release.description.deployment_profiles:
        if profile.type in wanted and (kind is None or kind in types):
            return profile
    raise Blocked(
        f"the application {release.application_id} has no deployment profile of the type {' or '.join(wanted)} "
        f"for a device that has {' and '.join(types)}"
    )


def revised(profile: ProfileOffer, variation: Variation) -> ProfileOffer:
    """Give a profile with the revision that a variation gives its first component, if any."""
    if not variation.revision:
        return profile
    first, *others = profile.components
    properties = first.properties.model_copy(update={"revision": variation.revision})
    components = (first.model_copy(update={"properties": properties}), *others)
    return profile.model_copy(update={"components": type(profile.components)(components)})


def _profile_of(profile: ProfileOffer, variation: Variation) -> dict[str, Any]:
    offered = profile.to_wire()
    components = [_component(item, variation) for item in offered["components"]]
    if variation.revision:
        components[0]["properties"]["revision"] = variation.revision
    made: dict[str, Any] = {"type": profile.type, "components": components}
    if variation.rules:
        made["deviceConstraints"] = {"eligibilityRules": [copy.deepcopy(dict(rule)) for rule in variation.rules]}
    if variation.capacity:
        made["deviceConstraints"] = {"capacityRequirements": dict(variation.capacity)}
    return made


def _component(component: Mapping[str, Any], variation: Variation) -> dict[str, Any]:
    made = {"name": component["name"], "properties": dict(component["properties"])}
    if variation.timeout:
        made["properties"]["timeout"] = variation.timeout
    if variation.wait is not None:
        made["properties"]["wait"] = variation.wait
    if variation.registry:
        made["properties"]["repository"] = f"oci://{variation.registry}/{path_of(made['properties']['repository'])}"
    return made


def _parameters(release: Release, profile: ProfileOffer, values: Mapping[str, Any]) -> dict[str, Any]:
    names = {component.name for component in profile.components}
    made: dict[str, Any] = {}
    for name, parameter in (release.description.parameters or {}).items():
        targets = [
            {"pointer": target.pointer, "components": [item for item in target.components if item in names]}
            for target in parameter.targets
            if names.intersection(target.components)
        ]
        if targets:
            made[name] = {"value": values.get(name, parameter.value), "targets": targets}
    return made


def _extend(document: dict[str, Any]) -> None:
    spec = document["spec"]
    for place in (spec, spec["deploymentProfile"], *spec["deploymentProfile"]["components"]):
        place[EXTENSION] = {"color": "green", "depth": 3}
