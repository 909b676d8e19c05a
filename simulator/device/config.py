"""The configuration of one simulated device."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from simulator.device.agent import Agent
from simulator.device.facts import Child, DeviceFacts, default_capabilities
from simulator.device.policies import Policies
from simulator.device.retrieval import ComponentRetriever, RegistryAccess
from simulator.device.runtimes import ComponentScript
from simulator.device.settings import AgentSettings, DailyWindow, Retrieval, Window
from simulator.device.signed import SignedTransport, Signing
from simulator.device.telemetry import Collector
from simulator.device.transport import HttpsTransport, HttpTransport, Limits
from simulator.device.workloads import Machine
from simulator.identity.mis_trust import MisTrust
from simulator.identity.svid import Svid
from simulator.identity.trust import TrustSource
from simulator.protocol.capabilities import DeviceCapabilities

COLLECTOR = MappingProxyType(
    {
        "HTTP_OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel-collector.local:4318",
        "GRPC_OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel-collector.local:4317",
    }
)
"""Where workloads reach the collector of the device."""


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """One device. Times in seconds; windows on the device's clock (the Unix clock unless another is given).

    It shows an SVID and believes a trust bundle (`svid`, `trust`), or signs its requests (`signing`), by revision.
    `capabilities` replaces the default profile, which `hosting`, `deployment_types` and `labels` shape; with `children`
    the device is a see-thru gateway. `storage`: a folder for durable state, None for memory. `agent_class` and
    `check_wfm` are where deliberately broken devices differ, as are the other classes; `trust_class` counts where
    trust is fetched.
    `registries`: how components are fetched; None to pretend it. `collector`: what every container is told of the
    collector (OBS-10); `export_url`: where the user wants telemetry to go. `seed` fixes all randomness.
    """

    wfm_url: str
    svid: Svid | None = None
    trust: TrustSource | None = None
    signing: Signing | None = None
    device_id: str = "device-1"
    capabilities: DeviceCapabilities | None = None
    hosting: bool = True
    deployment_types: tuple[str, ...] = ("helm", "compose")
    labels: Mapping[str, Any] | None = None
    children: tuple[DeviceCapabilities, ...] = ()
    gateway: bool = False
    autonomous: bool = False
    retrieval: Retrieval = "bundle"
    policies: Policies = field(default_factory=Policies)
    poll_interval_s: float = 60.0
    poll_jitter: float = 0.0
    retry_base_s: float = 1.0
    retry_cap_s: float = 300.0
    retry_attempts: int = 5
    install_retry_s: float = 60.0
    removal_retry_s: float = 10.0
    drift_interval_s: float = 30.0
    offline_stop_after_s: float = 3600.0
    check_capacity: bool = True
    downtime: tuple[Window, ...] = ()
    polling_hours: tuple[DailyWindow, ...] = ()
    storage: Path | None = None
    scripts: Mapping[str, ComponentScript] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    proxy_url: str | None = None
    agent_class: type[Agent] = Agent
    check_wfm: bool = True
    trust_class: type[MisTrust] = MisTrust
    registries: RegistryAccess | None = None
    retriever_class: type[ComponentRetriever] = ComponentRetriever
    machine_class: type[Machine] = Machine
    transport_class: type[HttpTransport] = HttpTransport
    signed_class: type[SignedTransport] = SignedTransport
    collector: Mapping[str, str] = field(default_factory=lambda: dict(COLLECTOR))
    export_url: str | None = None
    export_interval_s: float = 0.25
    collector_class: type[Collector] = Collector
    seed: int = 0

    def transport(self, clock: Callable[[], float] = time.time) -> HttpsTransport:
        """What carries its requests; `clock` gives the time that they are signed at.

        Raises ValueError when it has neither an SVID with trust nor a signing key.
        """
        proxy = self.proxy_url if self.policies.proxy == "connect" else None
        if self.signing is not None:
            return self.signed_class(
                self.wfm_url, self.signing, self.storage, limits=self.limits, proxy_url=proxy, clock=clock
            )
        if self.svid is None or self.trust is None:
            raise ValueError("svid, trust: expected both, or signing; found neither")
        return self.transport_class(
            self.wfm_url, self.svid, self.trust, check_wfm=self.check_wfm, limits=self.limits, proxy_url=proxy
        )

    def facts(self) -> DeviceFacts:
        """What the device is when it starts."""
        own = self.capabilities or default_capabilities(
            self.device_id, hosting=self.hosting, deployment_types=self.deployment_types, labels=self.labels
        )
        children = tuple(Child(child) for child in self.children)
        return DeviceFacts(own, children, gateway=self.gateway, autonomous=self.autonomous)

    def settings(self) -> AgentSettings:
        """What the agent is told."""
        return AgentSettings(
            policies=self.policies,
            retrieval=self.retrieval,
            poll_interval_s=self.poll_interval_s,
            poll_jitter=self.poll_jitter,
            retry_base_s=self.retry_base_s,
            retry_cap_s=self.retry_cap_s,
            retry_attempts=self.retry_attempts,
            install_retry_s=self.install_retry_s,
            removal_retry_s=self.removal_retry_s,
            drift_interval_s=self.drift_interval_s,
            offline_stop_after_s=self.offline_stop_after_s,
            check_capacity=self.check_capacity,
            downtime=self.downtime,
            polling_hours=self.polling_hours,
        )
