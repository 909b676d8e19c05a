"""WFMs that are broken in their manifests, deployment documents and bundles, each as it was seen in the field."""

import gzip
import io
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from simulator.wfm.core import DesiredState
from simulator.wfm.mutants_model import Json, WfmMutant, deploying, publishing
from simulator.wfm.publishing import Composed


def _refs(manifest: Json, change: Callable[[Json], Json]) -> Json:
    return {**manifest, "deployments": [change(ref) for ref in manifest["deployments"]]}


def _holders(manifest: Json, change: Callable[[Json], Json]) -> Json:
    bundle = manifest["bundle"]
    return {**_refs(manifest, change), "bundle": change(bundle) if bundle else bundle}


def _bundle(manifest: Json, **members: Any) -> Json:
    bundle = manifest["bundle"]
    return {**manifest, "bundle": {**bundle, **members} if bundle else bundle}


def _spec(document: Json, **members: Any) -> Json:
    return {**document, "spec": {**document["spec"], **members}}


def _profile(document: Json, change: Callable[[Json], Json]) -> Json:
    return _spec(document, deploymentProfile=change(document["spec"]["deploymentProfile"]))


def _components(document: Json, change: Callable[[Json], Json]) -> Json:
    return _profile(document, lambda it: {**it, "components": [change(one) for one in it["components"]]})


def _properties(document: Json, change: Callable[[Json], Json]) -> Json:
    return _components(document, lambda it: {**it, "properties": change(it["properties"])})


def _texts(parameters: Json) -> Json:
    return {name: {**one, "value": f"{one['value']} "} for name, one in parameters.items()}


def _without(document: Json, *names: str) -> Json:
    return {name: value for name, value in document.items() if name not in names}


def _unextended(document: Json) -> Json:
    kept = {name: value for name, value in document.items() if not name.startswith("x-")}
    return {
        **kept,
        **({"components": [_unextended(one) for one in kept["components"]]} if "components" in kept else {}),
    }


def _tar(documents: Mapping[str, bytes], folder: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in sorted(documents):
            member = tarfile.TarInfo(f"{folder}{name}")
            member.size = len(documents[name])
            archive.addfile(member, io.BytesIO(documents[name]))
    return buffer.getvalue()


class _Packing(DesiredState):
    """Packs bundles in its own way; the digest fits what is served."""

    def packed(self, documents: Mapping[str, bytes]) -> bytes:
        return gzip.compress(_tar(documents), mtime=0)

    def compose(self, version: int, documents: Mapping[str, bytes]) -> Composed:
        composed = super().compose(version, documents)
        files = {f"{name}.yaml": data for name, data in documents.items()}
        return replace(composed, bundle=self.packed(files)) if documents else composed


class _ExtraFile(_Packing):
    def packed(self, documents: Mapping[str, bytes]) -> bytes:
        return super().packed({**documents, "README.yaml": b"id: readme\n"})


class _MissingFile(_Packing):
    def packed(self, documents: Mapping[str, bytes]) -> bytes:
        return super().packed(dict(list(documents.items())[:1]))


class _InFolder(_Packing):
    def packed(self, documents: Mapping[str, bytes]) -> bytes:
        return gzip.compress(_tar(documents, "deployments/"), mtime=0)


class _PlainTar(_Packing):
    def packed(self, documents: Mapping[str, bytes]) -> bytes:
        return _tar(documents)


class _OtherFiles(_Packing):
    def packed(self, documents: Mapping[str, bytes]) -> bytes:
        return super().packed({name: data + b"# as bundled\n" for name, data in documents.items()})


MANIFESTS = (
    WfmMutant(
        "version-as-text",
        "DS-010",
        "The version is a text",
        publishing(lambda it: {**it, "manifestVersion": str(it["manifestVersion"])}),
    ),
    WfmMutant(
        "entries-without-url",
        "DS-009",
        "Entries have no url",
        publishing(lambda it: _refs(it, lambda ref: _without(ref, "url"))),
    ),
    WfmMutant(
        "bundle-type-of-another",
        "DS-017",
        "The manifest names another type of bundle",
        publishing(lambda it: _bundle(it, mediaType="application/gzip")),
    ),
    WfmMutant(
        "bundle-url-of-another",
        "DS-023",
        "The bundle has an address of another form",
        publishing(lambda it: _bundle(it, url="/api/v1/bundles/latest")),
    ),
    WfmMutant(
        "deployment-url-of-another",
        "DS-027",
        "Deployments have addresses of another form",
        publishing(lambda it: _refs(it, lambda ref: {**ref, "url": f"/api/v1/deployments/{ref['deploymentId']}"})),
    ),
    WfmMutant(
        "digest-in-capitals",
        "DS-047",
        "Digests are written in capitals",
        publishing(lambda it: _holders(it, lambda one: {**one, "digest": one["digest"].upper()})),
    ),
    WfmMutant(
        "digest-without-algorithm",
        "DS-049",
        "Digests lack the algorithm",
        publishing(lambda it: _holders(it, lambda one: {**one, "digest": one["digest"].partition(":")[2]})),
    ),
    WfmMutant(
        "deployment-ids-no-uuid",
        "AD-003",
        "Deployment ids are no UUIDs",
        deploying(lambda it: {**it, "id": f"deployment-{it['id'][:8]}"}),
    ),
    WfmMutant(
        "other-id-inside",
        "DS-024",
        "The YAML has another id than the manifest",
        deploying(lambda it: {**it, "id": "00000000-0000-4000-8000-000000000001"}),
    ),
    WfmMutant(
        "kind-and-api-version",
        "AD-001",
        "Deployments have apiVersion and kind",
        deploying(lambda it: {"apiVersion": "margo.org/v1", "kind": "ApplicationDeployment", **it}),
    ),
    WfmMutant(
        "no-namespace",
        "AD-005",
        "Deployments have no namespace",
        deploying(lambda it: {**it, "metadata": _without(it["metadata"], "namespace")}),
    ),
    WfmMutant(
        "other-device",
        "DS-076",
        "Deployments name another device",
        deploying(lambda it: {**it, "metadata": {**it["metadata"], "deviceId": "elsewhere"}}),
    ),
    WfmMutant(
        "other-application",
        "AD-008",
        "The application id is not the application's",
        deploying(lambda it: _spec(it, applicationId="some-application")),
    ),
    WfmMutant(
        "application-id-in-capitals",
        "AD-011",
        "The application id is in capitals",
        deploying(lambda it: _spec(it, applicationId=it["spec"]["applicationId"].upper())),
    ),
    WfmMutant(
        "revision-with-v",
        "AD-017",
        "Revisions have a leading v",
        deploying(lambda it: _properties(it, lambda one: {**one, "revision": f"v{one['revision']}"})),
    ),
    WfmMutant(
        "repository-without-scheme",
        "AD-016",
        "Repositories have no scheme",
        deploying(
            lambda it: _properties(it, lambda one: {**one, "repository": one["repository"].removeprefix("oci://")})
        ),
    ),
    WfmMutant(
        "components-without-revision",
        "AD-015",
        "Components have no revision",
        deploying(lambda it: _properties(it, lambda one: _without(one, "revision"))),
    ),
    WfmMutant(
        "profile-of-another-type",
        "AD-014",
        "The profile has a type that nobody knows",
        deploying(lambda it: _profile(it, lambda one: {**one, "type": "docker-compose"})),
    ),
    WfmMutant(
        "values-as-text",
        "APP-06",
        "The operator's values reach the device as texts with a blank",
        deploying(lambda it: _spec(it, parameters=_texts(it["spec"].get("parameters") or {}))),
    ),
    WfmMutant(
        "demands-left-out",
        "AD-022",
        "What an application demands is not passed on",
        deploying(lambda it: _profile(it, lambda one: _without(one, "deviceConstraints"))),
    ),
    WfmMutant(
        "device-extensions-left-out",
        "EXT-05",
        "Extensions for the device are not passed on",
        deploying(lambda it: _profile(it, _unextended)),
    ),
    WfmMutant(
        "extensions-badly-named",
        "EXT-003",
        "An extension has a name in capitals",
        deploying(lambda it: _profile(it, lambda one: {**one, "x-Vendor_Own-extensions": {"mood": "calm"}})),
    ),
    WfmMutant(
        "extension-that-is-text",
        "EXT-007",
        "An extension is a text",
        deploying(lambda it: _profile(it, lambda one: {**one, "x-vendor-extensions": "calm"})),
    ),
    WfmMutant(
        "extensions-beside-the-spec",
        "AD-032",
        "Properties for a device supplier's extension stand beside the spec",
        deploying(lambda it: {**it, "x-supplier-extensions": {"mood": "calm"}}),
    ),
    WfmMutant("bundle-with-another-file", "DS-019", "The bundle has a file more", _ExtraFile),
    WfmMutant("bundle-with-first-only", "DS-019", "The bundle has the first deployment only", _MissingFile),
    WfmMutant("bundle-of-other-bytes", "DS-019", "The bundle has other bytes than the single documents", _OtherFiles),
    WfmMutant("bundle-in-a-folder", "DS-020", "The files of the bundle lie in a folder", _InFolder),
    WfmMutant("bundle-not-compressed", "DS-020", "The bundle is a plain tar", _PlainTar),
)
