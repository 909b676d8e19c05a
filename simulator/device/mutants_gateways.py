"""Broken gateways; `needs` names the profile in which the defect shows."""

from dataclasses import replace
from typing import Any

from simulator.device.agent import Agent
from simulator.device.durable import Fault
from simulator.device.facts import default_capabilities
from simulator.device.mutant import Change, Mutant, with_agent
from simulator.protocol.status import CHILD_UNREACHABLE, UNKNOWN_CHILD


class CallsUnreachableUnknown(Agent):
    """Says of a child that it cannot reach that it does not know it."""

    def gateway_fault(self, code: str, message: str) -> Fault:
        """Mix the two codes up."""
        return super().gateway_fault(UNKNOWN_CHILD if code == CHILD_UNREACHABLE else code, message)


class BlamesTheApplication(Agent):
    """Names no gateway as the source of a gateway's error."""

    def gateway_fault(self, code: str, message: str) -> Fault:
        """Somebody else's fault."""
        return Fault(code, "application", message)


def _with(**fields: Any) -> Change:
    return lambda config: replace(config, **fields)


def _shows_children() -> Change:
    return lambda config: replace(config, gateway=True, children=(default_capabilities(f"{config.device_id}/child-a"),))


GATEWAY_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "shows-what-it-hides",
        "DC-031",
        "reports the devices behind an opaque gateway one by one",
        _shows_children(),
        needs="opaque-gateway",
    ),
    Mutant(
        "hides-its-own-resources",
        "DC-035",
        "hosts workloads and does not say with what",
        _with(hosting=False),
        needs="hosting-gateway",
    ),
    Mutant(
        "hosts-after-all",
        "DC-018",
        "reports resources of its own though it is said to host nothing",
        _with(hosting=True),
        needs="gateway",
    ),
    Mutant(
        "cannot-choose-after-all",
        "ST-006",
        "claims to choose where a deployment goes, and refuses to",
        _with(autonomous=False),
        needs="hosting-gateway",
    ),
    Mutant(
        "chooses-though-it-cannot",
        "AD-007",
        "chooses a child though it says that it is told which to use",
        _with(autonomous=True),
        needs="gateway",
    ),
    Mutant(
        "calls-unreachable-unknown",
        "ST-016",
        "says of a child that it cannot reach that it does not know it",
        with_agent(CallsUnreachableUnknown),
        needs="gateway",
    ),
    Mutant(
        "blames-the-application",
        "ST-017",
        "does not name the gateway as the source of its errors",
        with_agent(BlamesTheApplication),
        needs="gateway",
    ),
)
"""Gateways, each with one defect."""
