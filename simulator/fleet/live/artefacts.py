"""What devices read and write: manifests, bundles, deployments; capabilities and status reports. No I/O.

Thousands of devices fetch much the same content, so what was read of it is remembered by its digest, within bounds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

import yaml

from simulator.protocol.bundle import read_bundle
from simulator.protocol.digest import digest_of, matches
from simulator.protocol.documents import DocumentError, canonical_json, check_size
from simulator.protocol.manifest import DeploymentRef, StateManifest
from simulator.protocol.status import ComponentStatus, DeploymentStatus, OverallStatus, State, StatusError

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where PyYAML was built with libyaml
_ERROR = StatusError(code="installation-failed", source="runtime", message="failed by the fleet's description")


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a device has to know of a deployment: its digest, what it is of, and the names of its components.

    `revision` is that of the first component.
    """

    deployment_id: str
    digest: str
    application: str
    revision: str
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
    return Deployed(ref.deployment_id, ref.digest, *_told(data))


@lru_cache(maxsize=4096)
def _told(data: bytes) -> tuple[str, str, tuple[str, ...]]:
    check_size(data, "ApplicationDeployment")
    try:
        document = yaml.load(data, Loader=_Loader)  # noqa: S506 - safe in either form
        parts = document["spec"]["deploymentProfile"]["components"]
        names = tuple(str(part["name"]) for part in parts)
        revision = (parts[0].get("properties") or {}).get("revision", "")
        return str(document["spec"].get("applicationId", "")), str(revision), names
    except (yaml.YAMLError, UnicodeDecodeError, LookupError, TypeError, AttributeError, RecursionError) as error:
        expected = "spec.deploymentProfile.components with names"
        raise DocumentError("ApplicationDeployment", "components", expected, str(error)[:200]) from None


def status_body(deployed: Deployed, version: int, state: State) -> bytes:
    """A status report in which every component is in the deployment's state; one that failed says why (ST-012)."""
    why = {"error": _ERROR} if state is State.FAILED else {}
    report = DeploymentStatus(
        deployment_id=deployed.deployment_id,
        adopted_manifest_version=version,
        status=OverallStatus(state=state, **why),
        components=tuple(ComponentStatus(name=name, state=state, **why) for name in deployed.components),
    )
    return canonical_json(report.to_wire())


def path_of(url: str, authority: str) -> str:
    """The path behind an address in a manifest, which may name the WFM too. Raises DocumentError for another place."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.netloc.lower() not in (
        authority.lower(),
        authority.lower().removesuffix(":443"),
    ):
        raise DocumentError("manifest", "url", f"an address at {authority}", url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def gone(held: dict[str, Deployed], wanted: Iterable[str]) -> list[Deployed]:
    """The deployments that are held and no longer wanted."""
    kept = set(wanted)
    return [deployed for name, deployed in sorted(held.items()) if name not in kept]
