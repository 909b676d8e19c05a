"""Making manifests: what is desired becomes exact bytes that never change again (DS-009..DS-028)."""

from collections.abc import Mapping
from dataclasses import dataclass

from simulator.protocol.bundle import make_bundle
from simulator.protocol.digest import digest_of
from simulator.protocol.manifest import (
    BUNDLE_MEDIA_TYPE,
    BundleRef,
    DeploymentRef,
    StateManifest,
    bundle_url,
    deployment_url,
)
from simulator.protocol.operations import API_ROOT
from simulator.wfm.changes import Change, Drop, content_put, publication_put, version_text
from simulator.wfm.state import ClientState, Publication

BUNDLE_KEY = ""
"""Stands for the deployment id in the key of a bundle's content."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A manifest before it is written: the documents by deployment id, in order, and their bundle (None when empty).

    `root` is that of the routes at which they will be served.
    """

    version: int
    documents: Mapping[str, bytes]
    bundle: bytes | None
    root: str = API_ROOT

    @classmethod
    def of(cls, version: int, documents: Mapping[str, bytes]) -> "Composed":
        """Bundle the documents; without any there is no bundle (DS-014, DS-015)."""
        return cls(version, documents, make_bundle(documents) if documents else None)

    @property
    def bundle_digest(self) -> str | None:
        """The digest over the bundle's exact bytes (DS-021)."""
        return None if self.bundle is None else digest_of(self.bundle)

    def manifest(self) -> StateManifest:
        """The manifest as a document."""
        return StateManifest(
            manifest_version=self.version,
            bundle=bundle_ref(self.bundle, self.root),
            deployments=tuple(deployment_ref(name, data, self.root) for name, data in self.documents.items()),
        )


def bundle_ref(bundle: bytes | None, root: str = API_ROOT) -> BundleRef | None:
    """How the manifest names a bundle (DS-017, DS-021, DS-023)."""
    if bundle is None:
        return None
    digest = digest_of(bundle)
    return BundleRef(media_type=BUNDLE_MEDIA_TYPE, digest=digest, url=bundle_url(digest, root), size_bytes=len(bundle))


def deployment_ref(deployment_id: str, document: bytes, root: str = API_ROOT) -> DeploymentRef:
    """How the manifest names a deployment (DS-024, DS-025, DS-027)."""
    digest = digest_of(document)
    url = deployment_url(deployment_id, digest, root)
    return DeploymentRef(deployment_id=deployment_id, digest=digest, url=url, size_bytes=len(document))


def adopt(client: ClientState, composed: Composed, publication: Publication, keep: int) -> list[Change]:
    """Make a publication the client's latest, keep `keep` of them with their contents, and drop what is older."""
    changes: list[Change] = [publication_put(client.client_id, publication)]
    client.latest = publication
    client.history[publication.version] = publication
    for deployment_id, document in composed.documents.items():
        digest = publication.contents[deployment_id]
        if (deployment_id, digest) not in client.documents:
            client.documents[deployment_id, digest] = document
            changes.append(content_put(client.client_id, deployment_id, digest, document))
    if composed.bundle is not None and publication.bundle_digest is not None:
        client.bundles[publication.bundle_digest] = composed.bundle
        changes.append(content_put(client.client_id, BUNDLE_KEY, publication.bundle_digest, composed.bundle))
    return changes + _prune(client, keep)


def _prune(client: ClientState, keep: int) -> list[Change]:
    """Forget publications beyond the newest `keep`, and contents that no remaining one names."""
    changes: list[Change] = []
    while len(client.history) > keep:
        version, _ = client.history.popitem(last=False)
        changes.append(Drop("publications", (client.client_id, version_text(version))))
    if not changes:
        return changes
    documents = {pair for publication in client.history.values() for pair in publication.contents.items()}
    for pair in [pair for pair in client.documents if pair not in documents]:
        del client.documents[pair]
        changes.append(Drop("contents", (client.client_id, *pair)))
    bundles = {publication.bundle_digest for publication in client.history.values()}
    for digest in [digest for digest in client.bundles if digest not in bundles]:
        del client.bundles[digest]
        changes.append(Drop("contents", (client.client_id, BUNDLE_KEY, digest)))
    return changes
