"""A virtual device and a stub WFM, put together for tests in simulated time."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from simulator.device.agent import Agent
from simulator.device.events import Log
from simulator.device.facts import Child, DeviceFacts, default_capabilities
from simulator.device.policies import Policies
from simulator.device.runtimes import ComponentScript
from simulator.device.settings import AgentSettings
from simulator.device.virtual import VirtualDevice
from simulator.device.workloads import Machine
from tests.device.stub_wfm import StubWfm, uuid


class Rig:
    """Both, with shortcuts; an interval of simulated time is one poll."""

    def __init__(
        self,
        *,
        policies: Mapping[str, str] | None = None,
        scripts: Mapping[str, ComponentScript] | None = None,
        facts: DeviceFacts | None = None,
        agent_class: type[Agent] = Agent,
        **settings: Any,
    ) -> None:
        self.wfm = StubWfm()
        options = AgentSettings(policies=Policies.of(policies or {}), poll_interval_s=10.0, drift_interval_s=0.0)
        self.device = VirtualDevice(
            replace(options, **settings),
            facts or DeviceFacts(default_capabilities("device-1")),
            self.wfm.exchange,
            Machine(scripts or {}),
            agent_class=agent_class,
        )

    def start(self) -> "Rig":
        self.device.power_on()
        self.run(1)
        return self

    def run(self, seconds: float) -> None:
        self.device.run(seconds)

    def offer(self, *yamls: bytes, seconds: float = 30.0, **changes: Any) -> None:
        """Publish, and give the device three polls."""
        self.wfm.publish(*yamls, **changes)
        self.run(seconds)

    def reboot(self) -> None:
        self.device.power_off()
        self.run(1)
        self.device.power_on()

    def running(self, number: int) -> dict[str, str] | None:
        """Component to revision of what runs of a deployment, None when there is nothing."""
        view = self.device.machine.view().get(uuid(number))
        return view.revisions if view and view.running else None

    def logged(self, kind: str) -> list[Log]:
        return [entry for entry in self.device.log if entry.kind == kind]


def gateway(*children: str, autonomous: bool = False, hosting: bool = False) -> DeviceFacts:
    """A see-thru gateway `gw` with children."""
    own = default_capabilities("gw", hosting=hosting)
    below = tuple(Child(default_capabilities(f"gw/{name}")) for name in children)
    return DeviceFacts(own, below, gateway=True, autonomous=autonomous)
