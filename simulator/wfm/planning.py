"""From an application package and an operator's choices to a deployment document (section 2 of the application pages).

Constraints and extensions of profile and components go over unmodified (DEP-01, EXT-05); extensions at the root of the
description do not (EXT-03).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from simulator.protocol.deployment import ApplicationDeployment
from simulator.protocol.documents import EXTENSION_KEY, DocumentError, dump_yaml
from simulator.protocol.problem import FieldError
from simulator.wfm.packages import Package
from simulator.wfm.placement import Matcher
from simulator.wfm.refusals import SemanticError
from simulator.wfm.settings import Problems, check_immutable, check_values
from simulator.wfm.state import Desired, DeviceRecord

NAMESPACE = "margo"
USUAL = Matcher()


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator asks for. `profile` None: the first profile whose type the device supports."""

    deployment_id: str
    target: str
    name: str | None = None
    namespace: str = NAMESPACE
    profile: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, Any] | None = None
    match_device: bool = False


def plan(
    package: Package,
    wish: Wish,
    device: DeviceRecord | None,
    before: Desired | None = None,
    matcher: Matcher = USUAL,
    *,
    envelope: Mapping[str, str] = MappingProxyType({}),
) -> Desired:
    """Make the deployment.

    `device` is the target's record (for `gw/*` the gateway's), None when it has not been reported; `before` is the
    deployment that is replaced; `envelope` are the members that a revision puts first. Raises SemanticError naming
    every field that is wrong.
    """
    description = package.description
    problems = check_values(description, wish.parameters)
    if before is not None:
        problems += check_immutable(description, before.parameters, wish.parameters)
    _refuse(problems)
    profile = profile_for(package, wish, device, matcher)
    document = {
        **envelope,
        "id": wish.deployment_id,
        "metadata": {
            "name": wish.name or description.id,
            "namespace": wish.namespace,
            "deviceId": wish.target,
            **({"labels": dict(wish.labels)} if wish.labels else {}),
        },
        "spec": {
            "applicationId": description.id,
            "deploymentProfile": _delivered(profile),
            "parameters": _parameters(package, profile, wish.parameters),
        },
    }
    try:
        ApplicationDeployment.from_wire(document, "deployment")
    except DocumentError as error:
        raise SemanticError.of_field(error.field, f"expected {error.expected}, found {error.found}") from None
    names = tuple(component["name"] for component in profile["components"])
    return Desired(
        wish.deployment_id,
        wish.target,
        dump_yaml(document),
        wish.name or description.id,
        names,
        profile["id"],
        package.key,
        dict(wish.parameters),
    )


def profile_for(
    package: Package, wish: Wish, device: DeviceRecord | None, matcher: Matcher = USUAL
) -> Mapping[str, Any]:
    """The profile to deliver, as the description has it. Raises SemanticError when there is none for the device."""
    offers = package.description.deployment_profiles
    raw: dict[str, Mapping[str, Any]] = {offer["id"]: offer for offer in package.raw["deploymentProfiles"]}
    if wish.profile is not None:
        if wish.profile not in raw:
            expected = ", ".join(raw)
            raise SemanticError.of_field("profile", f"expected one of {expected}, found {wish.profile}")
        fitting = [offer for offer in offers if offer.id == wish.profile]
    elif device is None:
        raise SemanticError.of_field("deviceId", f"expected a device that has been reported, found {wish.target}")
    else:
        fitting = [offer for offer in offers if offer.type in device.deployment_types]
        if not fitting:
            offered = ", ".join(offer.type for offer in offers)
            supported = ", ".join(device.deployment_types) or "none"
            message = f"expected a device that supports one of {offered}, found {wish.target} supporting {supported}"
            raise SemanticError.of_field("deviceId", message)
    if not wish.match_device:
        return raw[fitting[0].id]
    if device is None:
        raise SemanticError.of_field("deviceId", f"expected a device that has been reported, found {wish.target}")
    reasons = {offer.id: matcher.unfit_because(offer.device_constraints, device.capabilities) for offer in fitting}
    for name, reason in reasons.items():
        if reason is None:
            return raw[name]
    _refuse([("deviceId", f"{wish.target} cannot take profile {name}: {reason}") for name, reason in reasons.items()])
    raise AssertionError("there is at least one profile")


def _delivered(profile: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a profile that a device receives, as they were written."""
    kept = {"type", "components", "deviceConstraints"}
    return {key: value for key, value in profile.items() if key in kept or EXTENSION_KEY.match(key)}


def _parameters(package: Package, profile: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that reach a component of the profile, with the operator's value or the default."""
    names = {component["name"] for component in profile["components"]}
    parameters: dict[str, Any] = {}
    for name, parameter in (package.description.parameters or {}).items():
        value = values.get(name, parameter.value)
        targets = [
            {"pointer": target.pointer, "components": [c for c in target.components if c in names]}
            for target in parameter.targets
        ]
        reached = [target for target in targets if target["components"]]
        if reached and value is not None:
            parameters[name] = {"value": value, "targets": reached}
    return parameters


def _refuse(problems: Problems) -> None:
    if problems:
        detail = "; ".join(f"{name}: {message}" for name, message in problems)
        raise SemanticError(detail, tuple(FieldError(field=name, message=message) for name, message in problems))
