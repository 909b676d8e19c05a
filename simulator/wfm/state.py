"""What the WFM knows: devices, deployments, publications and the journal, client by client.

Times are seconds since the epoch (UTC). Everything but `ClientState` is immutable.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from simulator.protocol.capabilities import DeviceCapabilities
from simulator.protocol.deployment import parse_deployment
from simulator.protocol.digest import digest_of, entity_tag
from simulator.protocol.status import StatusReport

KNOWN_TYPES = ("helm", "compose", "custom")
KNOWN_RUNTIMES = ("oci", "custom")
Phase = Literal["desired", "withdrawn", "gone"]
"""`withdrawn`: no longer in the manifest, `removed` not yet reported; `gone`: it was."""


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A device as its client last reported it; `body` are the exact bytes of that report."""

    device_id: str
    body: bytes
    capabilities: DeviceCapabilities
    first_at: float
    at: float

    @property
    def deployment_types(self) -> tuple[str, ...]:
        """Deployment types, unknown ones as `custom` (DC-027)."""
        return _known(self.capabilities.properties.supported_deployment_types, KNOWN_TYPES)

    @property
    def runtimes(self) -> tuple[str, ...]:
        """Runtimes, unknown ones as `custom` (DC-026)."""
        return _known(self.capabilities.properties.supported_runtimes, KNOWN_RUNTIMES)


@dataclass(frozen=True, slots=True)
class Desired:
    """A deployment as an operator wants it. `document` are the exact bytes to serve (DS-025, DS-051).

    `parameters` are the operator's values; `package` is (application id, version) when it came from a package.
    """

    deployment_id: str
    target: str
    document: bytes
    name: str = ""
    components: tuple[str, ...] = ()
    profile: str | None = None
    package: tuple[str, str] | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The digest of the document's exact bytes."""
        return digest_of(self.document)

    @classmethod
    def from_yaml(cls, document: bytes) -> "Desired":
        """Take a valid deployment document as it is. Raises DocumentError."""
        parsed = parse_deployment(document)
        names = tuple(component.name for component in parsed.components)
        return cls(parsed.id, parsed.metadata.device_id, document, parsed.metadata.name, names)


@dataclass(frozen=True, slots=True)
class DeploymentRecord:
    """A deployment in its life from creation until its removal was reported."""

    desired: Desired
    phase: Phase
    created_at: float
    changed_at: float


@dataclass(frozen=True, slots=True)
class StatusRecord:
    """The newest status report of a deployment, with the exact bytes."""

    deployment_id: str
    body: bytes
    status: StatusReport
    at: float


@dataclass(frozen=True, slots=True)
class Publication:
    """One manifest: exact bytes, the digests it names, and when it was made."""

    version: int
    body: bytes
    contents: Mapping[str, str]
    bundle_digest: str | None
    at: float
    etag: str

    @classmethod
    def of(
        cls, version: int, body: bytes, contents: Mapping[str, str], bundle_digest: str | None, at: float
    ) -> "Publication":
        """A publication whose entity tag is that of its bytes (DS-056)."""
        return cls(version, body, dict(contents), bundle_digest, at, entity_tag(digest_of(body)))


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """Who changed what, and when. `seq` grows by one with each entry of a WFM."""

    seq: int
    at: float
    actor: str
    action: str
    client_id: str
    device_id: str | None = None
    deployment_id: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ClientState:
    """Everything of one client. `served` is the newest publication that is durable; `latest` may be ahead of it."""

    client_id: str
    latest: Publication
    served: Publication
    retired: bool = False
    known: bool = False
    next_version: int | None = None
    devices: dict[str, DeviceRecord] = field(default_factory=dict)
    deployments: dict[str, DeploymentRecord] = field(default_factory=dict)
    statuses: dict[str, StatusRecord] = field(default_factory=dict)
    history: OrderedDict[int, Publication] = field(default_factory=OrderedDict)
    documents: dict[tuple[str, str], bytes] = field(default_factory=dict)
    bundles: dict[str, bytes] = field(default_factory=dict)


def _known(values: tuple[str, ...] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value if value in known else "custom" for value in values or ()))
