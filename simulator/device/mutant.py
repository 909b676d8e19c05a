"""What a deliberately broken device is: the reference device with one defect, named after it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from simulator.device.agent import Agent
from simulator.device.config import DeviceConfig
from simulator.identity.authority import Authority
from simulator.identity.spiffe import SpiffeId
from simulator.identity.svid import Svid

Change = Callable[[DeviceConfig], DeviceConfig]
Presents = Callable[[Authority, SpiffeId], Svid]
"""Makes another credential, of an authority, for who had been given one for a SPIFFE ID."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A defect: the requirement it breaks, what it does, and the change that makes it.

    `needs`: what a scenario has to have for the defect to show, such as `gateway` or `reboot`; empty when any will do.
    """

    name: str
    breaks: str
    description: str
    change: Change
    needs: str = ""
    presents: Presents | None = None
    """Makes what it presents instead of the credential it was given; None to present that."""
    only: str = ""
    """The revision that it is peculiar to; empty where it breaks any that has the statement."""

    def apply(self, config: DeviceConfig) -> DeviceConfig:
        """The configuration of the broken device."""
        return self.change(config)


def with_agent(agent_class: type[Agent]) -> Change:
    """A device with another agent."""
    return lambda config: replace(config, agent_class=agent_class)
