"""What devices read and write: manifests, bundles, deployments; capabilities and status reports. No I/O.

Thousands of devices fetch much the same content, so what was read of it is remembered by its digest, within bounds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import yaml

from simulator.protocol.bundle import read_bundle
from simulator.protocol.capabilities import Cpu, DeviceCapabilities, DeviceProperties, Interface
from simulator.protocol.digest import digest_of, matches
from simulator.protocol.documents import DocumentError, canonical_json, check_size
from simulator.protocol.manifest import DeploymentRef, StateManifest
from simulator.protocol.status import ComponentStatus, DeploymentStatus, OverallStatus, State

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where PyYAML was built with libyaml


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a device has to know of a deployment: its digest and the names of its components."""

    deployment_id: str
    digest: str
    components: tuple[str, ...]


def unpack(data: bytes, manifest: StateManifest) -> dict[str, Deployed]:
    """The deployments of a bundle, each found by its digest (DS-053), by id.

    Raises DocumentError: the bundle is not the one of the manifest, or one of its deployments is missing or unreadable.
    """
    bundle = manifest.bundle
    if bundle is None or not matches(data, bundle.digest):
        raise DocumentError("bundle", "digest", bundle.digest if bundle else "no bundle", digest_of(data))
    members = {digest_of(member): member for member in read_bundle(data).values()}
    return {ref.deployment_id: read(ref, members.get(ref.digest)) for ref in manifest.deployments}


def read(ref: DeploymentRef, data: bytes | None) -> Deployed:
    """A deployment's YAML, verified. Raises DocumentError."""
    if data is None or not matches(data, ref.digest):
        found = "no such content" if data is None else digest_of(data)
        raise DocumentError(f"deployment {ref.deployment_id}", "digest", ref.digest, found)
    return Deployed(ref.deployment_id, ref.digest, _components(data))


@lru_cache(maxsize=4096)
def _components(data: bytes) -> tuple[str, ...]:
    check_size(data, "ApplicationDeployment")
    try:
        document = yaml.load(data, Loader=_Loader)  # noqa: S506 - safe in either form
        parts = document["spec"]["deploymentProfile"]["components"]
        return tuple(str(part["name"]) for part in parts)
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, RecursionError) as error:
        expected = "spec.deploymentProfile.components with names"
        raise DocumentError("ApplicationDeployment", "components", expected, str(error)[:200]) from None


def status_body(deployed: Deployed, version: int, state: State) -> bytes:
    """A status report in which every component is in the deployment's state."""
    report = DeploymentStatus(
        deployment_id=deployed.deployment_id,
        adopted_manifest_version=version,
        status=OverallStatus(state=state),
        components=tuple(ComponentStatus(name=name, state=state) for name in deployed.components),
    )
    return canonical_json(report.to_wire())


def capabilities_body(device_id: str) -> bytes:
    """The capabilities report of a plain industrial computer."""
    own = DeviceProperties(
        id=device_id,
        vendor="Example Industries",
        model_number="EX-332ANZE1-N1",
        serial_number=f"SN-{device_id}",
        cpus=(Cpu(cores=4, architecture="amd64"),),
        memory="16Gi",
        storage="512Gi",
        peripherals=(),
        interfaces=(Interface(type="ethernet"),),
        otel_collector=True,
        supported_runtimes=("oci",),
        supported_deployment_types=("helm", "compose"),
    )
    return canonical_json(DeviceCapabilities(properties=own).to_wire())


def gone(held: dict[str, Deployed], wanted: Iterable[str]) -> list[Deployed]:
    """The deployments that are held and no longer wanted."""
    kept = set(wanted)
    return [deployed for name, deployed in sorted(held.items()) if name not in kept]
