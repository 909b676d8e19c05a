"""One revision of a deployment as the device holds it, and what it makes of each component."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from simulator.protocol.bundle import read_bundle
from simulator.protocol.deployment import ApplicationDeployment, Component, parse_deployment
from simulator.protocol.digest import digest_of
from simulator.protocol.documents import canonical_json
from simulator.protocol.ids import semver_of
from simulator.protocol.manifest import StateManifest, parse_manifest


@dataclass(frozen=True)
class Revision:
    """The exact bytes of a deployment's YAML, their digest and their content; equal digests are equal content."""

    yaml: bytes
    digest: str
    deployment: ApplicationDeployment

    @property
    def deployment_id(self) -> str:
        """The deployment's id."""
        return self.deployment.id

    @property
    def name(self) -> str:
        """`metadata.name`, the source of errors of the whole deployment (ST-014)."""
        return self.deployment.metadata.name

    @property
    def target(self) -> str:
        """`metadata.deviceId` (AD-006)."""
        return self.deployment.metadata.device_id

    @property
    def kind(self) -> str:
        """`helm` or `compose`."""
        return self.deployment.spec.deployment_profile.type

    @cached_property
    def components(self) -> Mapping[str, Component]:
        """The components by name, in the order in which they are installed (APP-01)."""
        return {component.name: component for component in self.deployment.components}

    @cached_property
    def fingerprints(self) -> Mapping[str, str]:
        """What each component is made of: two with equal fingerprints need no change (US-04)."""
        return {
            name: fingerprint(self.kind, component, self.parameters(name))
            for name, component in self.components.items()
        }

    def parameters(self, component: str) -> dict[str, Any]:
        """The values for one component, by pointer; targets that name other components do not count."""
        return {
            target.pointer: parameter.value
            for parameter in (self.deployment.spec.parameters or {}).values()
            for target in parameter.targets
            if component in target.components
        }


def fingerprint(kind: str, component: Component, parameters: Mapping[str, Any]) -> str:
    """A digest over source, version and parameters (DEP-05: `_` and `+` mean the same)."""
    source = [kind, component.properties.repository, semver_of(component.properties.revision), dict(parameters)]
    return digest_of(repr_json(source))


def repr_json(value: Any) -> bytes:
    """Canonical JSON; values that JSON has no word for are written as text."""
    try:
        return canonical_json(value)
    except (TypeError, ValueError):
        return repr(value).encode()


@lru_cache(maxsize=4096)
def revision_of(yaml: bytes) -> Revision:
    """Read a deployment's YAML; raises DocumentError. Remembered, since a fleet reads the same bytes very often."""
    return Revision(yaml, digest_of(yaml), parse_deployment(yaml))


@lru_cache(maxsize=1024)
def manifest_of(data: bytes) -> StateManifest:
    """Read a manifest; raises DocumentError. Remembered for the same reason."""
    return parse_manifest(data)


@lru_cache(maxsize=64)
def members_of(bundle: bytes) -> tuple[bytes, ...]:
    """Unpack a bundle; raises DocumentError. Remembered for the same reason."""
    return tuple(read_bundle(bundle).values())
