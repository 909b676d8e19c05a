"""The state manifest: what one client should run, in one version (DS-009..DS-028)."""

from typing import Literal, Self

from pydantic import Field, model_validator

from simulator.protocol.digest import InvalidDigest, digest_of, entity_tag, parse_digest
from simulator.protocol.documents import Document, DocumentError, canonical_json, parse_json
from simulator.protocol.ids import DeploymentId, ManifestVersion
from simulator.protocol.operations import API_ROOT

MANIFEST_MEDIA_TYPE = "application/vnd.margo.manifest.v1+json"
BUNDLE_MEDIA_TYPE = "application/vnd.margo.bundle.v1+tar+gzip"


class BundleRef(Document):
    """All deployments of a manifest in one archive (DS-017, DS-021, DS-023)."""

    media_type: Literal["application/vnd.margo.bundle.v1+tar+gzip"]
    digest: str
    url: str
    size_bytes: int | None = Field(default=None, ge=0)


class DeploymentRef(Document):
    """One deployment of a manifest (DS-024, DS-025, DS-027)."""

    deployment_id: DeploymentId
    digest: str
    url: str
    size_bytes: int | None = Field(default=None, ge=0)


class StateManifest(Document):
    """One version of a client's desired state. `bundle` is always there, null without deployments (DS-014, DS-016)."""

    manifest_version: ManifestVersion
    bundle: BundleRef | None
    deployments: tuple[DeploymentRef, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.bundle and not self.deployments:
            raise ValueError("a null bundle when there are no deployments (DS-014)")
        names = [ref.deployment_id for ref in self.deployments]
        if len(set(names)) != len(names):
            raise ValueError("each deploymentId once")
        return self

    def to_bytes(self) -> bytes:
        """The exact bytes to serve; their digest is the entity tag (DS-028, DS-056)."""
        wire = self.to_wire()
        return canonical_json({**wire, "bundle": wire.get("bundle")})

    @property
    def entity_tag(self) -> str:
        """The strong validator of exactly `to_bytes()`."""
        return entity_tag(digest_of(self.to_bytes()))

    @property
    def digests(self) -> tuple[str, ...]:
        """Every digest the manifest names, the bundle's first."""
        bundle = (self.bundle.digest,) if self.bundle else ()
        return (*bundle, *(ref.digest for ref in self.deployments))


def parse_manifest(data: bytes) -> StateManifest:
    """Read a manifest as a client has to.

    Raises DocumentError: malformed text, a missing or wrong member, or a digest of an unsupported algorithm, which
    makes the whole manifest invalid (DS-055).
    """
    manifest = StateManifest.from_wire(parse_json(data, "state manifest"), "state manifest")
    for digest in manifest.digests:
        try:
            parse_digest(digest)
        except InvalidDigest as error:
            raise DocumentError("state manifest", "digest", "a sha256 digest", str(error)) from None
    return manifest


def bundle_url(digest: str, root: str = API_ROOT) -> str:
    """Where a bundle is served below the root of the routes (DS-023)."""
    return f"{root}/bundles/{digest}"


def deployment_url(deployment_id: str, digest: str, root: str = API_ROOT) -> str:
    """Where one deployment is served below the root of the routes (DS-027)."""
    return f"{root}/deployments/{deployment_id}/{digest}"
