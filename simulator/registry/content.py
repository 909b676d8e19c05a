"""What a registry holds: repositories with tags, manifests and blobs, all by digest. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.protocol.component import (
    COMPOSE_ARTIFACT_TYPE,
    COMPOSE_LAYER_TYPE,
    EMPTY,
    EMPTY_TYPE,
    HELM_CONFIG_TYPE,
    HELM_LAYER_TYPE,
    MANIFEST_MEDIA_TYPE,
    TYPE_ANNOTATION,
    VERSION_ANNOTATION,
    Kind,
)
from simulator.protocol.digest import digest_of
from simulator.protocol.documents import canonical_json


@dataclass(frozen=True, slots=True)
class Pushed:
    """What pushing a component gave: the digests of its manifest and of its one layer."""

    manifest: str
    layer: str


@dataclass(slots=True)
class Repository:
    """One repository: tags to manifest digests, and content by digest."""

    tags: dict[str, str] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)

    def manifest(self, reference: str) -> bytes | None:
        """Give the manifest of a tag or digest."""
        return self.manifests.get(self.tags.get(reference, reference))


class Content:
    """All repositories of a registry, by name."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}

    def push(self, name: str, tag: str, kind: Kind, layer: bytes) -> Pushed:
        """Hold a component under a tag, as its supplier would push it; a tag that is there is moved."""
        repository = self.repositories.setdefault(name, Repository())
        config = EMPTY if kind == "compose" else canonical_json({"apiVersion": "v2", "name": name, "version": tag})
        for blob in (config, layer):
            repository.blobs[digest_of(blob)] = blob
        manifest = canonical_json(manifest_of(kind, tag, config, layer))
        digest = digest_of(manifest)
        repository.manifests[digest] = manifest
        repository.tags[tag] = digest
        return Pushed(digest, digest_of(layer))

    def repository(self, name: str) -> Repository | None:
        """Give a repository, or None when there is none of that name."""
        return self.repositories.get(name)


def manifest_of(kind: Kind, version: str, config: bytes, layer: bytes) -> Mapping[str, Any]:
    """Compose the manifest of a component (CMP-02, CMP-03; for charts as Helm pushes them)."""
    annotations = {TYPE_ANNOTATION: kind, VERSION_ANNOTATION: version}
    compose = kind == "compose"
    made: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_MEDIA_TYPE,
        "config": _descriptor(EMPTY_TYPE if compose else HELM_CONFIG_TYPE, config),
        "layers": [_descriptor(COMPOSE_LAYER_TYPE if compose else HELM_LAYER_TYPE, layer, annotations)],
    }
    return made | ({"artifactType": COMPOSE_ARTIFACT_TYPE} if compose else {})


def _descriptor(media_type: str, data: bytes, annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}
    return made | ({"annotations": dict(annotations)} if annotations else {})
