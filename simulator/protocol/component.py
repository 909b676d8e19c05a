"""Components in an OCI registry: manifests, descriptors and media types (CMP-01..CMP-03; OCI image specification).

A Compose component is an artifact with one layer, a Helm chart one as Helm itself pushes it.
"""

import re
from dataclasses import dataclass
from typing import Literal, Self
from urllib.parse import quote

from pydantic import Field

from simulator.protocol.documents import Document, DocumentError, parse_json

MANIFEST_MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"
COMPOSE_ARTIFACT_TYPE = "application/vnd.org.margo.component.compose+json"
COMPOSE_LAYER_TYPE = "application/vnd.org.margo.component.compose.tar+gzip"
HELM_CONFIG_TYPE = "application/vnd.cncf.helm.config.v1+json"
HELM_LAYER_TYPE = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"
TYPE_ANNOTATION = "org.margo.component.type"
VERSION_ANNOTATION = "org.margo.component.version"
COMPOSE_FILE = "compose.yaml"
LAYER_TYPES = {"helm": HELM_LAYER_TYPE, "compose": COMPOSE_LAYER_TYPE}
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(rf"oci://(?P<host>[A-Za-z0-9.-]+(?::[0-9]{{1,5}})?)/(?P<name>{_PART}(?:/{_PART})*)")

Kind = Literal["helm", "compose"]


class Descriptor(Document):
    """Where content is and what its bytes are: media type, digest, size, annotations."""

    media_type: str
    digest: str
    size: int = Field(ge=0, strict=True)
    annotations: dict[str, str] | None = None


class ComponentManifest(Document):
    """An OCI image manifest of a component."""

    schema_version: Literal[2]
    media_type: str | None = None
    artifact_type: str | None = None
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: dict[str, str] | None = None

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read a manifest; raises DocumentError."""
        return cls.from_wire(parse_json(data, "component manifest"), "component manifest")


@dataclass(frozen=True, slots=True)
class Reference:
    """A repository of a registry: `oci://host:port/name`."""

    host: str
    name: str

    @classmethod
    def parse(cls, repository: str) -> Self:
        """Read a component's `repository`; raises DocumentError when it names no repository of a registry."""
        found = _REFERENCE.fullmatch(repository)
        if found is None:
            raise DocumentError("component", "repository", "oci://<registry>/<repository>", repository[:200])
        return cls(found["host"], found["name"])

    def manifest_path(self, reference: str) -> str:
        """Where the manifest of a tag or digest is."""
        return f"/v2/{self.name}/manifests/{quote(reference, safe=':+')}"

    def blob_path(self, digest: str) -> str:
        """Where content is, by its digest."""
        return f"/v2/{self.name}/blobs/{digest}"
