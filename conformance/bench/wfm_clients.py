"""The clients of a scenario: each a tenant of its own, with an identity, devices and deployments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.bench.applications import Release
from conformance.bench.errors import NotSeen
from conformance.bench.probe import Probe
from conformance.checks.evidence import Offer


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment that was asked for northbound, as it was asked for last."""

    deployment_id: str
    role: str
    device_id: str
    release: Release
    values: Mapping[str, Any]


@dataclass(slots=True)
class Client:
    """One client.

    `wfm_client_id` is its id at the WFM, `identity` who it is in the record: a SPIFFE ID, or that same id. `seen` is
    the last manifest it was served, `first` the first one with deployments; `deployments` are those in force, by
    application role.
    """

    name: str
    wfm_client_id: str
    identity: str
    probe: Probe
    devices: list[str] = field(default_factory=list)
    deployments: dict[str, Deployed] = field(default_factory=dict)
    withdrawn: list[Deployed] = field(default_factory=list)
    seen: Offer | None = None
    first: Offer | None = None

    @property
    def device(self) -> str:
        """Its first device."""
        return self.devices[0]

    @property
    def last(self) -> Offer:
        """The last manifest it was served; raises NotSeen when there is none."""
        if self.seen is None:
            raise NotSeen(f"client {self.name} has not been served a manifest")
        return self.seen
