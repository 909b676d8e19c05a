"""Desired states that are wrong on purpose, as the bytes they are served with, each beside the right one it came from.

Such a state is never published by the WFM: the intercepting layer answers with it, so that the WFM's own state stays
good and the scenario can go on with it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from simulator.faults.plan import Answer, FaultRule, corrupt
from simulator.protocol.bundle import make_bundle
from simulator.protocol.deployment import DEPLOYMENT_MEDIA_TYPE
from simulator.protocol.digest import digest_of, entity_tag
from simulator.protocol.manifest import BUNDLE_MEDIA_TYPE, MANIFEST_MEDIA_TYPE, bundle_url, deployment_url
from simulator.protocol.operations import API_ROOT

IMMUTABLE = "private, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Draft:
    """A desired state before it is served: the manifest, and what is served for each artefact it names.

    `documents` is keyed by deployment id and `bundle` is the archive; both may differ from what the digests in the
    manifest say. `body` replaces the manifest's own bytes.
    """

    manifest: Mapping[str, Any]
    documents: Mapping[str, bytes]
    bundle: bytes
    changed: str
    """The deployment that the defect is in."""
    root: str = API_ROOT
    body: bytes | None = None
    damaged: tuple[str, ...] = field(default=())
    """Digests that what is served does not have."""

    @property
    def data(self) -> bytes:
        """The manifest's bytes."""
        return json.dumps(self.manifest).encode() if self.body is None else self.body

    @property
    def etag(self) -> str:
        """The entity tag that fits these bytes: the defect is never in the tag."""
        return entity_tag(digest_of(self.data))

    def with_manifest(self, **members: Any) -> "Draft":
        """Replace members of the manifest; None stands for null, `...` takes the member out."""
        changed = {name: value for name, value in {**self.manifest, **members}.items() if value is not ...}
        return replace(self, manifest=changed)

    def with_entry(self, deployment_id: str, **members: Any) -> "Draft":
        """Replace members of one entry of `deployments`."""
        entries = [
            {name: value for name, value in {**entry, **members}.items() if value is not ...}
            if entry["deploymentId"] == deployment_id
            else entry
            for entry in self.manifest["deployments"]
        ]
        return self.with_manifest(deployments=entries)

    def rules(self, label: str) -> tuple[FaultRule, ...]:
        """Give the fault rules that serve this draft until they are taken away."""
        served = [_manifest_rule(self.data, self.etag, label)]
        for entry in self.manifest.get("deployments") or ():
            document = self.documents.get(entry.get("deploymentId", ""))
            if document is not None and "digest" in entry:
                params = {"deploymentId": entry["deploymentId"], "digest": entry["digest"]}
                served.append(_rule("fetch-deployment", params, document, DEPLOYMENT_MEDIA_TYPE, label))
        bundle = self.manifest.get("bundle")
        if isinstance(bundle, Mapping) and "digest" in bundle:
            served.append(_rule("fetch-bundle", {"digest": bundle["digest"]}, self.bundle, BUNDLE_MEDIA_TYPE, label))
        return tuple(served)


def draft_of(version: int, documents: Mapping[str, bytes], changed: str, root: str) -> Draft:
    """Compose the right desired state that a defect is then put into; `root` is that of the client's routes."""
    bundle = make_bundle(documents)
    digest = digest_of(bundle)
    manifest = {
        "manifestVersion": version,
        "bundle": {
            "mediaType": BUNDLE_MEDIA_TYPE,
            "digest": digest,
            "sizeBytes": len(bundle),
            "url": bundle_url(digest, root),
        },
        "deployments": [_entry(name, data, root) for name, data in documents.items()],
    }
    return Draft(manifest, documents, bundle, changed, root)


def _entry(deployment_id: str, data: bytes, root: str) -> dict[str, Any]:
    digest = digest_of(data)
    url = deployment_url(deployment_id, digest, root)
    return {"deploymentId": deployment_id, "digest": digest, "sizeBytes": len(data), "url": url}


# --- defects -------------------------------------------------------------------------------------------------------

Defect = Callable[[Draft], Draft]


def _damaged(how: Callable[[bytes], bytes]) -> Defect:
    """Serve other bytes than the digests say, whichever way the device fetches them."""

    def put(draft: Draft) -> Draft:
        documents = {**draft.documents, draft.changed: how(draft.documents[draft.changed])}
        digests = [entry["digest"] for entry in draft.manifest["deployments"] if entry["deploymentId"] == draft.changed]
        bundle_digest = draft.manifest["bundle"]["digest"]
        return replace(draft, documents=documents, bundle=how(draft.bundle), damaged=(*digests, bundle_digest))

    return put


def _inside_the_bundle(draft: Draft) -> Draft:
    """An intact archive with a damaged deployment inside it."""
    documents = {**draft.documents, draft.changed: draft.documents[draft.changed] + b"\n"}
    bundle = make_bundle(documents)
    digest = digest_of(bundle)
    reference = {**draft.manifest["bundle"], "digest": digest, "url": bundle_url(digest, draft.root)}
    reference["sizeBytes"] = len(bundle)
    digests = [entry["digest"] for entry in draft.manifest["deployments"] if entry["deploymentId"] == draft.changed]
    changed = draft.with_manifest(bundle=reference)
    return replace(changed, documents=documents, bundle=bundle, damaged=(*digests, digest))


def _archive_alone(draft: Draft) -> Draft:
    """The archive is damaged; one by one the deployments are intact."""
    return replace(draft, bundle=draft.bundle[:-1], damaged=(draft.manifest["bundle"]["digest"],))


def _swapped(draft: Draft) -> Draft:
    """Each deployment's bytes are those of another one."""
    names = list(draft.documents)
    turned = dict(zip(names, [draft.documents[name] for name in (*names[1:], names[0])], strict=True))
    digests = tuple(entry["digest"] for entry in draft.manifest["deployments"])
    bundle = make_bundle(turned)
    return replace(draft, documents=turned, bundle=bundle, damaged=(*digests, draft.manifest["bundle"]["digest"]))


def _digest(change: Callable[[str], str]) -> Defect:
    """Write the digest of the changed deployment in another way; the URL follows it."""

    def put(draft: Draft) -> Draft:
        entry = next(item for item in draft.manifest["deployments"] if item["deploymentId"] == draft.changed)
        digest = change(entry["digest"])
        return draft.with_entry(draft.changed, digest=digest, url=deployment_url(draft.changed, digest, draft.root))

    return put


def _bundle_digest(change: Callable[[str], str]) -> Defect:
    def put(draft: Draft) -> Draft:
        digest = change(draft.manifest["bundle"]["digest"])
        return draft.with_manifest(
            bundle={**draft.manifest["bundle"], "digest": digest, "url": bundle_url(digest, draft.root)}
        )

    return put


def _body(change: Callable[[bytes], bytes]) -> Defect:
    return lambda draft: replace(draft, body=change(draft.data))


def _members(**members: Any) -> Defect:
    return lambda draft: draft.with_manifest(**members)


def _entry_without(member: str) -> Defect:
    return lambda draft: draft.with_entry(draft.changed, **{member: ...})


def _twice(draft: Draft) -> Draft:
    entries = list(draft.manifest["deployments"])
    return draft.with_manifest(deployments=[*entries, entries[0]])


def _sha512(digest: str) -> str:
    return f"sha512:{digest.partition(':')[2] * 2}"


def _md5(digest: str) -> str:
    return f"md5:{digest.partition(':')[2][:32]}"


DAMAGES: Mapping[str, Defect] = {
    "one bit changed": _damaged(lambda data: corrupt(data, "flip", 4_321)),
    "one byte added": _damaged(lambda data: data + b"\n"),
    "line ends changed": _damaged(lambda data: corrupt(data, "reformat", 0)),
    "its end cut off": _damaged(lambda data: data[: len(data) // 2]),
    "nothing in it": _damaged(lambda _: b""),
    "the content of another deployment": _swapped,
    "a damaged deployment in an intact archive": _inside_the_bundle,
    "only the archive damaged": _archive_alone,
}
"""What can happen to content on its way, by the words of the scenarios (DS-029, DS-030, DS-050, DS-051, DS-053)."""

ALGORITHMS: Mapping[str, Defect] = {
    "SHA-512 for one deployment": _digest(_sha512),
    "MD5 for one deployment": _digest(_md5),
    "SHA-512 for the archive": _bundle_digest(_sha512),
}
"""Digests of algorithms that are not supported (DS-049, DS-055)."""

MALFORMED: Mapping[str, Defect] = {
    "cut off in the middle": _body(lambda data: data[: len(data) // 2]),
    "no text at all": _body(lambda _: b"\xff\xfe\x00manifest"),
    "empty": _body(lambda _: b""),
    "a list": _body(lambda data: b"[" + data + b"]"),
    "without a version": _members(manifestVersion=...),
    "of a version that is text": lambda draft: draft.with_manifest(
        manifestVersion=str(draft.manifest["manifestVersion"])
    ),
    "of a negative version": lambda draft: draft.with_manifest(manifestVersion=-draft.manifest["manifestVersion"]),
    "of a fractional version": lambda draft: draft.with_manifest(
        manifestVersion=draft.manifest["manifestVersion"] + 0.5
    ),
    "without its deployments": _members(deployments=...),
    "with a deployment that has no digest": _entry_without("digest"),
    "with a deployment that has no name": _entry_without("deploymentId"),
    "with a digest that is too short": _digest(lambda digest: digest[:-1]),
    "with a digest in capital letters": _digest(str.upper),
    "with one deployment twice": _twice,
}
"""Manifests that are no manifests (behaviour MM-08)."""

DEFECTS: Mapping[str, Defect] = {**DAMAGES, **ALGORITHMS, **MALFORMED}


def _manifest_rule(body: bytes, etag: str, label: str) -> FaultRule:
    headers = {"Content-Type": MANIFEST_MEDIA_TYPE, "ETag": etag, "Cache-Control": "private"}
    answer = Answer(status=200, headers=headers, body=body)
    return FaultRule(action=answer, match="fetch-manifest", times=None, name=label)


def _rule(operation: Any, params: dict[str, str], body: bytes, media_type: str, label: str) -> FaultRule:
    headers = {"Content-Type": media_type, "ETag": entity_tag(params["digest"]), "Cache-Control": IMMUTABLE}
    answer = Answer(status=200, headers=headers, body=body)
    return FaultRule(action=answer, match=operation, params=params, times=None, name=label)
