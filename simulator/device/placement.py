"""Which device a deployment is for, and whether that device may take it (AD-006, AD-007, AD-024, ST-013, ST-016)."""

from dataclasses import dataclass

from simulator.device.durable import Fault
from simulator.device.eligibility import unmet, unmet_capacity
from simulator.device.revisions import Revision
from simulator.device.status import Reporting
from simulator.protocol.capabilities import DeviceCapabilities
from simulator.protocol.status import CHILD_UNREACHABLE, NO_AUTONOMOUS_PLACEMENT, UNKNOWN_CHILD

NOT_THIS_DEVICE = "not-this-device"
NOT_ELIGIBLE = "not-eligible"
UNSUPPORTED_TYPE = "unsupported-deployment-type"
NO_CAPACITY = "insufficient-resources"
REFUSALS = frozenset(
    (
        UNKNOWN_CHILD,
        CHILD_UNREACHABLE,
        NO_AUTONOMOUS_PLACEMENT,
        NOT_THIS_DEVICE,
        NOT_ELIGIBLE,
        UNSUPPORTED_TYPE,
        NO_CAPACITY,
    )
)
"""Codes of faults that another try alone does not mend."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a deployment goes, or why it goes nowhere."""

    device_id: str
    fault: Fault | None = None


class Placing(Reporting):
    """Finds the device for a deployment."""

    def place(self, revision: Revision) -> Place:
        """The device that is to run a deployment, all rules considered, before anything is installed."""
        target = revision.target
        if target.endswith("/*"):
            return self.place_anywhere(revision, target.removesuffix("/*"))
        if target == self.facts.device_id:
            return Place(target, self.refusal(revision, self.facts.own))
        child = self.facts.child(target)
        if child is None:
            return self.place_elsewhere(revision)
        if not child.reachable:
            return Place(target, self.gateway_fault(CHILD_UNREACHABLE, f"child device {target} cannot be reached"))
        return Place(target, self.refusal(revision, child.capabilities))

    def place_elsewhere(self, revision: Revision) -> Place:
        """A deployment for a device that is neither this one nor behind it (MM-07)."""
        own = self.facts.device_id
        if self.facts.is_gateway:
            return Place(own, self.gateway_fault(UNKNOWN_CHILD, f"unknown child device {revision.target}"))
        return Place(own, Fault(NOT_THIS_DEVICE, revision.name, f"for {revision.target}, this is {own}"))

    def place_anywhere(self, revision: Revision, gateway: str) -> Place:
        """A deployment whose place the gateway chooses: the first device that may take it (AD-006, AD-007)."""
        own = self.facts.device_id
        if gateway != own:
            return self.place_elsewhere(revision)
        if not self.facts.autonomous:
            return Place(own, self.gateway_fault(NO_AUTONOMOUS_PLACEMENT, "autonomous placement not supported"))
        offers = [self.facts.own, *(child.capabilities for child in self.facts.children if child.reachable)]
        for device in offers:
            if self.refusal(revision, device) is None:
                return Place(device.properties.id)
        return Place(own, Fault(NOT_ELIGIBLE, revision.name, "no device of this gateway may take the deployment"))

    def gateway_fault(self, code: str, message: str) -> Fault:
        """A reserved error; its source is the gateway, in full hierarchy (ST-016, ST-017)."""
        return Fault(code, self.facts.device_id, message)

    def refusal(self, revision: Revision, device: DeviceCapabilities) -> Fault | None:
        """Why a device does not take a deployment, or None."""
        types = device.properties.supported_deployment_types or ()
        if revision.kind not in types:
            told = ", ".join(types) or "none"
            return Fault(UNSUPPORTED_TYPE, revision.name, f"deployment type {revision.kind}; supported: {told}")
        reason = self.ineligible(revision, device)
        if reason is not None:
            return Fault(NOT_ELIGIBLE, revision.name, reason)
        constraints = revision.deployment.spec.deployment_profile.device_constraints
        if self.settings.check_capacity and constraints is not None:
            missing = unmet_capacity(constraints.capacity_requirements, device.to_wire()["properties"])
            return Fault(NO_CAPACITY, revision.name, missing) if missing else None
        return None

    def ineligible(self, revision: Revision, device: DeviceCapabilities) -> str | None:
        """Why the eligibility rules do not let the deployment onto the device, or None (AD-024, DEP-02)."""
        return unmet(revision.deployment.spec.deployment_profile.device_constraints, device)
