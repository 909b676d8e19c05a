"""The ApplicationDeployment: what a device receives for one deployment (AD-001..AD-032)."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from simulator.protocol.constraints import DeviceConstraints
from simulator.protocol.documents import Document, check_extensions, parse_yaml
from simulator.protocol.ids import (
    ApplicationId,
    ComponentName,
    DeploymentId,
    Repository,
    Revision,
    Target,
    Timeout,
    timeout_seconds,
)

DEPLOYMENT_MEDIA_TYPE = "application/yaml"
DEFAULT_TIMEOUT_S = 300


class ComponentProperties(Document):
    """Where a component comes from and how long it may take (AD-015..AD-021)."""

    repository: Repository
    revision: Revision
    wait: bool = Field(default=True, strict=True)
    timeout: Timeout | None = None

    @property
    def timeout_s(self) -> int:
        """Seconds until the installation counts as failed (AD-021)."""
        return timeout_seconds(self.timeout) if self.timeout else DEFAULT_TIMEOUT_S


class Component(Document):
    """One chart or compose project of a deployment."""

    name: ComponentName
    properties: ComponentProperties

    @model_validator(mode="after")
    def _extensions(self) -> Self:
        check_extensions(self)
        return self


class ParameterTarget(Document):
    """Where a parameter's value goes: a pointer in the named components."""

    pointer: str
    components: tuple[str, ...]


class Parameter(Document):
    """A value, and where it goes; values may be scalars or arrays (AMB-X-24)."""

    value: Any = None
    targets: tuple[ParameterTarget, ...]


class DeploymentProfile(Document):
    """The components to install, in order, and what they demand of the device."""

    type: Literal["helm", "compose"]
    components: Annotated[tuple[Component, ...], Field(min_length=1)]
    device_constraints: DeviceConstraints | None = None

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        check_extensions(self)
        names = [component.name for component in self.components]
        if len(set(names)) != len(names):
            raise ValueError("each component name once")
        return self


class DeploymentMetadata(Document):
    """Name, namespace and the device it is for (AD-005, AD-006)."""

    name: str = Field(min_length=1)
    namespace: str = Field(min_length=1)
    device_id: Target
    labels: dict[str, Any] | None = None


class DeploymentSpec(Document):
    """The application, the chosen profile and the parameters (AD-008, AD-013)."""

    application_id: ApplicationId
    deployment_profile: DeploymentProfile
    parameters: dict[str, Parameter] | None = None

    @model_validator(mode="after")
    def _extensions(self) -> Self:
        check_extensions(self)
        return self


class ApplicationDeployment(Document):
    """One deployment; the same id with another digest is changed content (AD-004)."""

    id: DeploymentId
    metadata: DeploymentMetadata
    spec: DeploymentSpec

    @property
    def components(self) -> tuple[Component, ...]:
        """The components, in the order in which they are installed (APP-01)."""
        return self.spec.deployment_profile.components


def parse_deployment(data: bytes) -> ApplicationDeployment:
    """Read a deployment's YAML; raises DocumentError."""
    return ApplicationDeployment.from_wire(parse_yaml(data, "ApplicationDeployment"), "ApplicationDeployment")
