"""The device capabilities report (DC-001..DC-042)."""

from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StringConstraints, model_validator

from simulator.protocol.documents import EXTENSION_KEY, Reported, check_extensions
from simulator.protocol.ids import DeviceId

LabelValue = str | StrictBool | StrictInt | StrictFloat | tuple[str, ...] | tuple[StrictInt | StrictFloat, ...]
HOSTING_FIELDS = (
    "cpus",
    "memory",
    "storage",
    "peripherals",
    "interfaces",
    "otelCollector",
    "supportedRuntimes",
    "supportedDeploymentTypes",
)
"""What a device that hosts workloads reports, and a gateway that hosts none leaves out (DC-013, DC-018)."""

QUANTITY = r"^[0-9]+(\.[0-9]+)? ?(Ki|Mi|Gi)$"
LARGE_QUANTITY = r"^[0-9]+(\.[0-9]+)? ?(Ki|Mi|Gi|Ti|Pi|Ei)$"


class Cpu(Reported):
    """One placeable unit: cores of different entries are never added up (DC-020, DC-022)."""

    cores: Annotated[StrictInt | StrictFloat, Field(gt=0)]
    architecture: Literal["amd64", "arm64", "arm"] | None = None


class Peripheral(Reported):
    """A peripheral (DC-023)."""

    type: Literal["gpu", "display", "camera", "microphone", "speaker"]
    manufacturer: str | None = None
    model: str | None = None


class Interface(Reported):
    """A communication interface (DC-024)."""

    type: Literal["ethernet", "wifi", "cellular", "bluetooth", "usb", "canbus", "rs232"]


class DeviceProperties(Reported):
    """Identity always; the hosting fields only from a device that hosts workloads (DC-011, DC-013)."""

    id: DeviceId
    vendor: str
    model_number: str
    serial_number: str
    cpus: tuple[Cpu, ...] | None = None
    memory: Annotated[str, StringConstraints(pattern=QUANTITY)] | None = None
    storage: Annotated[str, StringConstraints(pattern=LARGE_QUANTITY)] | None = None
    peripherals: tuple[Peripheral, ...] | None = None
    interfaces: tuple[Interface, ...] | None = None
    otel_collector: bool | None = Field(default=None, strict=True)
    supported_runtimes: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    supported_deployment_types: Annotated[tuple[str, ...], Field(min_length=1)] | None = None

    @property
    def hosting(self) -> bool:
        """Whether the device hosts workloads: told by the hosting fields (DC-019)."""
        return self.supported_deployment_types is not None or self.supported_runtimes is not None


class DeviceCapabilities(Reported):
    """One capabilities report; at its root only `properties`, `labels` and extensions (DC-009).

    Runtimes and deployment types that are not known are kept as text: a WFM treats them as `custom` (DC-026, DC-027).
    """

    properties: DeviceProperties
    labels: dict[str, LabelValue] | None = None

    @model_validator(mode="after")
    def _root_members(self) -> Self:
        stray = [key for key in self.model_extra or {} if not EXTENSION_KEY.match(key)]
        if stray:
            raise ValueError(f"only properties, labels and x-…-extensions at the root, not {stray[0]}")
        if any(value == () for value in (self.labels or {}).values()):
            raise ValueError("labels: no empty arrays (AMB-C-15)")
        check_extensions(self)
        return self
