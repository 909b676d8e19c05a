"""A component registry beside the WFM: it holds what deployments name, right or odd in one point.

While a registry is open, every deployment that is published names it; what it holds for a component is made when the
deployment is. The one that stands for a whole run also holds, in every scenario, the components of the applications
that come with the suite: their own registries do not exist, and a device that really fetches would get nothing.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from conformance.bench.applications import Release
from conformance.bench.device_deployments import path_of
from conformance.bench.device_external import ExternalSeat
from conformance.bench.device_rig import DeviceRig
from conformance.bench.errors import Blocked
from conformance.record.events import Fact
from simulator.faults.plan import (
    MAX_DELAY_S,
    Action,
    AlterHeaders,
    Answer,
    CorruptBody,
    Delay,
    DropConnection,
    FaultRule,
    ReplaceBody,
    TruncateBody,
)
from simulator.protocol.application import ProfileOffer
from simulator.protocol.component import Kind
from simulator.registry.archives import ODD_LAYOUTS, Layout, Project, chart_layout
from simulator.registry.server import Registry

if TYPE_CHECKING:
    from conformance.bench.device_bench import DeviceBench

STALL_S = 20.0
"""How long a registry that stalls keeps an answer back, at least: longer than any device's patience in a simulation."""

SERVICES = ("main", "helper")
"""What a Compose archive of the bench runs."""

OTHER = Project("other", {"main": {"image": "registry.invalid/other:1"}}).layout().to_bytes()
"""An archive that keeps every rule, and is not the one that was asked for."""

ALTERED: Mapping[str, Action] = {
    "one bit changed": CorruptBody(how="flip"),
    "one byte added": CorruptBody(how="append"),
    "its end cut off": TruncateBody(length=100),
    "nothing in it": CorruptBody(how="empty"),
    "other content in their place": ReplaceBody(body=OTHER),
}
"""What can happen to the bytes of a component on their way, by the words of the scenarios (CMP-12)."""

TROUBLES: Mapping[str, tuple[str, Action]] = {
    "does not know it": ("resolve-component", Answer(status=404)),
    "lost its content": ("fetch-component", Answer(status=404)),
    "is out of order": ("fetch-component", Answer(status=500)),
    "is overloaded": ("resolve-component", Answer(status=503)),
    "demands a login": ("resolve-component", Answer(status=401)),
    "does not answer": ("fetch-component", Delay(seconds=STALL_S)),
    "hangs up": ("resolve-component", DropConnection()),
    "hangs up in the middle": ("fetch-component", TruncateBody(length=60, announce_all=True)),
    "gives a page instead": ("resolve-component", AlterHeaders(put={"Content-Type": "text/html"})),
    "gives half a description": ("resolve-component", TruncateBody(length=30)),
}
"""What can be the matter with a registry, by the words of the scenarios: the operation, and what happens to it."""


class ComponentSource:
    """The registry of one scenario. `odd` maps a role and release to what is odd about the layout of its archives.

    `folder` begins the path of every repository: where one registry serves a whole run, each scenario has its own, so
    that what a device keeps of an earlier one is no answer.
    """

    def __init__(self, bench: DeviceRig, registry: Registry, folder: str = "") -> None:
        self._bench = bench
        self._registry = registry
        self._folder = folder
        self.odd: dict[tuple[str, int], str] = {}
        self.checked: set[str] = set()
        """Roles whose projects say how their health is told."""

    @property
    def address(self) -> str:
        """What stands behind `oci://` in deployments."""
        return f"{self._registry.address}/{self._folder}".rstrip("/")

    def hold(self, role: str, release: Release, profile: ProfileOffer) -> None:
        """Hold every component of a profile, and say so in the record."""
        odd = self.odd.get((role, release.number), "")
        for component in profile.components:
            layout = self._layout(component.name, component.properties.revision, profile.type, role)
            data = (ODD_LAYOUTS[odd](layout) if odd else layout).to_bytes()
            name, tag = self._folder + path_of(component.properties.repository), component.properties.revision
            pushed = self._registry.content.push(name, tag, kind_of(profile), data)
            self._bench.note(
                "component-held",
                deploymentId=self._bench.deployment_id(role),
                release=release.number,
                component=component.name,
                name=name,
                tag=tag,
                digest=pushed.layer,
                odd=odd,
                containers=[] if profile.type == "helm" else list(SERVICES),
            )

    def _layout(self, name: str, version: str, kind: str, role: str) -> Layout:
        if kind == "helm":
            return chart_layout(name, version, {"replicas": 1})
        main, helper = SERVICES
        service: dict[str, Any] = {"image": f"registry.invalid/{name}:{version}", "environment": {"ROLE": role}}
        if role in self.checked:
            service["healthcheck"] = {"test": ["CMD", "/bin/health"], "interval": "5s"}
        return Project(name, {main: service, helper: {"image": "registry.invalid/helper:1"}}, {"SITE": "a"}).layout()


def kind_of(profile: ProfileOffer) -> Kind:
    """Give the kind of a profile's components."""
    return "helm" if profile.type == "helm" else "compose"


def open_registry(bench: "DeviceBench") -> None:
    """Open the registry; raises Blocked when the device cannot be told to trust it."""
    if "registry" not in bench.hooks:
        raise Blocked("the device cannot be told to trust the bench's component registry")
    bench.components = bench.shelf or ComponentSource(bench, bench.loop.run(bench.world.open_registry()))
    bench.note("registry-opened", address=bench.components.address)


def standing(bench: DeviceRig) -> ComponentSource | None:
    """Give this scenario's part of the registry of the whole run, where there is one."""
    services = bench.seat.services if isinstance(bench.seat, ExternalSeat) else None
    if services is None or bench.world.registry is None:
        return None
    services.scenarios += 1
    return ComponentSource(bench, bench.world.registry, f"scenario-{services.scenarios}/")


def trouble(bench: "DeviceBench", operation: str, action: Action, label: str) -> Fact:
    """Have something happen to every answer of the registry to an operation, until `DeviceBench.recover`.

    An answer that is kept back is so for longer than anybody waits for what the device makes of it: a device with more
    patience than the deadline `apply` is then not seen to fail, rather than seen to succeed.
    """
    if isinstance(action, Delay) and bench.seat.keeps_state:
        action = Delay(seconds=min(MAX_DELAY_S, max(action.seconds, 2 * bench.deadlines["apply"])))
    return bench.disturb(label, FaultRule.model_validate({"action": action, "match": operation, "times": None}))
