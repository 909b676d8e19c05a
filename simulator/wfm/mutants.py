"""Broken WFMs: each breaks one stated requirement, so that the suite can show that its checks would notice.

A mutant is a WFM, a core, an API and a recogniser, of which mostly one is a small subclass of the right thing. Here
stand the first ones and the register of all; others lie in `mutants_*` by theme.
"""

import gzip
import io
import json
import struct
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import yaml
from aiohttp import web

from simulator.identity.errors import NotRecognised
from simulator.identity.handshake import Recognise
from simulator.identity.spiffe import SpiffeId, recognise_client, wfm_id_of
from simulator.protocol.digest import entity_tag
from simulator.protocol.documents import canonical_json, dump_yaml, parse_json
from simulator.protocol.ids import MAX_MANIFEST_VERSION
from simulator.protocol.problem import Problem
from simulator.protocol.status import State, StatusReport
from simulator.wfm.api import ManagementApi
from simulator.wfm.core import DesiredState
from simulator.wfm.mutants_answers import ANSWERS
from simulator.wfm.mutants_desired import DESIRED
from simulator.wfm.mutants_identity import IDENTITY
from simulator.wfm.mutants_manifests import MANIFESTS
from simulator.wfm.mutants_model import WfmMutant
from simulator.wfm.mutants_placement import PLACEMENT
from simulator.wfm.mutants_state import STATE
from simulator.wfm.mutants_transport import TRANSPORT
from simulator.wfm.publishing import Composed, bundle_ref
from simulator.wfm.refusals import BundleNotFound, DeploymentNotFound
from simulator.wfm.server import WfmConfig
from simulator.wfm.state import ClientState, Publication


class _EtagOfBundle(ManagementApi):
    def manifest_tag(self, publication: Publication) -> str:
        return entity_tag(publication.bundle_digest) if publication.bundle_digest else publication.etag


class _ManifestImmutable(ManagementApi):
    def manifest_caching(self) -> str:
        return "private, max-age=31536000, immutable"


class _PublicManifest(ManagementApi):
    def manifest_caching(self) -> str:
        return "public, no-cache"


class _PublicContent(ManagementApi):
    def content_caching(self) -> str:
        return "public, max-age=31536000, immutable"


class _TwoHundredForCreate(ManagementApi):
    def written_status(self, created: bool) -> int:
        del created
        return 200


class _FiveHundredForBadAccept(ManagementApi):
    def check_accept(self, header: str | None) -> None:
        if header and "json" not in header and "*" not in header:
            raise RuntimeError("no serializer for this media type")


class _CrossTenant(DesiredState):
    """Content is looked up by digest over all clients."""

    def document(self, client_id: str, deployment_id: str, digest: str) -> bytes:
        self.client(client_id)
        for client in self.clients.values():
            if (deployment_id, digest) in client.documents:
                return client.documents[deployment_id, digest]
        raise DeploymentNotFound(f"no deployment {deployment_id} with the digest {digest}")

    def bundle(self, client_id: str, digest: str) -> bytes:
        self.client(client_id)
        for client in self.clients.values():
            if digest in client.bundles:
                return client.bundles[digest]
        raise BundleNotFound(f"no bundle with the digest {digest}")


class _FloatVersion(DesiredState):
    """Versions pass through a 32-bit float."""

    def written(self, composed: Composed, now: float) -> Publication:
        publication = super().written(composed, now)
        rounded = int(struct.unpack("f", struct.pack("f", composed.version))[0])
        body = canonical_json({**json.loads(publication.body), "manifestVersion": min(rounded, MAX_MANIFEST_VERSION)})
        return Publication.of(composed.version, body, publication.contents, publication.bundle_digest, now)


class _VersionNotIncreased(DesiredState):
    """Every second change keeps the version of the manifest before it."""

    def written(self, composed: Composed, now: float) -> Publication:
        publication = super().written(composed, now)
        shown = composed.version - composed.version % 2 if composed.version > 2 else composed.version
        body = canonical_json({**json.loads(publication.body), "manifestVersion": shown})
        return Publication.of(composed.version, body, publication.contents, publication.bundle_digest, now)


class _StartsAtZero(DesiredState):
    def written(self, composed: Composed, now: float) -> Publication:
        publication = super().written(composed, now)
        body = canonical_json({**json.loads(publication.body), "manifestVersion": composed.version - 1})
        return Publication.of(composed.version, body, publication.contents, publication.bundle_digest, now)


class _AcceptsInvalidEnum(DesiredState):
    """States outside the enumeration are taken as `installed`."""

    def read_status(self, deployment_id: str, body: bytes) -> StatusReport:
        known = {str(state) for state in State}

        def mended(item: Any) -> Any:
            if isinstance(item, dict) and "state" in item and str(item["state"]) not in known:
                return {**item, "state": "installed"}
            return item

        value = parse_json(body, "status") if body.startswith(b"{") else None
        if isinstance(value, dict):
            value["status"] = mended(value.get("status"))
            if isinstance(value.get("components"), list):
                value["components"] = [mended(item) for item in value["components"]]
            body = canonical_json(value)
        return super().read_status(deployment_id, body)


class _ProblemWithoutType(ManagementApi):
    def refuse(self, problem: Problem) -> web.Response:
        response = super().refuse(problem)
        body = problem.to_wire()
        response.body = canonical_json({name: value for name, value in body.items() if name != "type"})
        return response


class _PlainErrors(ManagementApi):
    def refuse(self, problem: Problem) -> web.Response:
        return web.json_response({"error": problem.title, "message": problem.detail}, status=problem.status or 500)


class _NoFieldErrors(ManagementApi):
    def refuse(self, problem: Problem) -> web.Response:
        return super().refuse(problem.model_copy(update={"errors": None}))


class _NoRetryAfter(ManagementApi):
    def refuse(self, problem: Problem) -> web.Response:
        response = super().refuse(problem)
        response.headers.popall("Retry-After", None)
        return response


class _OverloadNotRetryable(ManagementApi):
    def refuse(self, problem: Problem) -> web.Response:
        told = super().refuse(problem)
        told.body = problem.model_copy(update={"retryable": False, "backoff_strategy": "none"}).to_bytes()
        return told


class _ChildWithoutGateway(DesiredState):
    def check_gateway(self, client: ClientState, device_id: str) -> None:
        """Take every child."""


class _BundleWhenEmpty(DesiredState):
    """Without deployments an empty archive is served."""

    def compose(self, version: int, documents: Mapping[str, bytes]) -> Composed:
        composed = super().compose(version, documents)
        return composed if documents else replace(composed, bundle=_empty_archive())

    def written(self, composed: Composed, now: float) -> Publication:
        if composed.documents:
            return super().written(composed, now)
        reference = bundle_ref(composed.bundle)
        wire = reference.to_wire() if reference else None
        body = canonical_json({"manifestVersion": composed.version, "bundle": wire, "deployments": []})
        return Publication.of(composed.version, body, {}, composed.bundle_digest, now)


class _NoBundleMember(DesiredState):
    def written(self, composed: Composed, now: float) -> Publication:
        publication = super().written(composed, now)
        if composed.documents:
            return publication
        body = canonical_json({"manifestVersion": composed.version, "deployments": []})
        return Publication.of(composed.version, body, {}, None, now)


class _YamlReserialised(ManagementApi):
    def document(self, client_id: str, deployment_id: str, digest: str) -> bytes:
        document = super().document(client_id, deployment_id, digest)
        return dump_yaml(dict(sorted(yaml.safe_load(document).items(), reverse=True))) + b"\n"


class _RetiredClientServed(DesiredState):
    def authorize(self, client_id: str) -> None:
        """Let everyone in."""


class _IgnoresIfNoneMatch(ManagementApi):
    def changed(self, if_none_match: str | None, tag: str) -> bool:
        del if_none_match, tag
        return True


class _WrongContentTag(ManagementApi):
    """Content carries a weak tag."""

    def content(
        self, request: web.BaseRequest, body: bytes, digest: str, media_type: str, compress: bool
    ) -> web.StreamResponse:
        response = super().content(request, body, digest, media_type, compress)
        response.headers["ETag"] = f"W/{entity_tag(digest)}"
        return response


def _empty_archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w"):
        pass
    return gzip.compress(buffer.getvalue(), mtime=0)


def _any_wfm_id(config: WfmConfig) -> Recognise:
    """Take clients of every WFM of the trust domain."""

    def recognise(peer: SpiffeId) -> object:
        return recognise_client(peer, config.trust_domain, wfm_id_of(peer))

    return recognise


def _any_shape(config: WfmConfig) -> Recognise:
    """Take every valid SVID of the trust domain, whatever its shape."""

    def recognise(peer: SpiffeId) -> object:
        if peer.trust_domain != config.trust_domain:
            raise NotRecognised("ID-24", f"{peer} is not in the trust domain {config.trust_domain}")
        return peer

    return recognise


_ALL = (
    WfmMutant("etag-of-bundle", "DS-056", "The manifest's ETag is the bundle's digest", api_class=_EtagOfBundle),
    WfmMutant("manifest-immutable", "DS-059", "The manifest is marked immutable", api_class=_ManifestImmutable),
    WfmMutant("manifest-public", "DS-060", "The manifest may be stored by shared caches", api_class=_PublicManifest),
    WfmMutant("public-cache", "DS-061", "Deployments and bundles are public, as in rc.2", api_class=_PublicContent),
    WfmMutant("two-hundred-for-create", "DC-040", "A created record is answered 200", api_class=_TwoHundredForCreate),
    WfmMutant(
        "five-hundred-for-bad-accept", "DS-004", "A strange Accept breaks it", api_class=_FiveHundredForBadAccept
    ),
    WfmMutant("cross-tenant", "SEC-007", "Content is found across clients", core_class=_CrossTenant),
    WfmMutant("float-version", "DS-010", "Versions are rounded to 32-bit floats", core_class=_FloatVersion),
    WfmMutant("version-not-increased", "DS-011", "Some changes keep the version", core_class=_VersionNotIncreased),
    WfmMutant("starts-at-zero", "DS-013", "The first manifest has version 0", core_class=_StartsAtZero),
    WfmMutant("accepts-invalid-enum", "ST-018", "Unknown states are accepted", core_class=_AcceptsInvalidEnum),
    WfmMutant("accepts-foreign-wfm-id", "ID-50", "Clients of another WFM are let in", recogniser=_any_wfm_id),
    WfmMutant("accepts-any-shape", "ID-51", "Any SVID of the trust domain is let in", recogniser=_any_shape),
    WfmMutant("problem-without-type", "ERR-005", "Problems have no type", api_class=_ProblemWithoutType),
    WfmMutant("plain-json-errors", "ERR-001", "Errors are {error, message} as plain JSON", api_class=_PlainErrors),
    WfmMutant("no-field-errors", "ERR-017", "A 422 does not name the fields", api_class=_NoFieldErrors),
    WfmMutant(
        "child-without-gateway", "DC-034", "A child is taken before its gateway", core_class=_ChildWithoutGateway
    ),
    WfmMutant("bundle-when-empty", "DS-014", "An empty archive instead of null", core_class=_BundleWhenEmpty),
    WfmMutant("bundle-left-out", "DS-016", "Without deployments bundle is missing", core_class=_NoBundleMember),
    WfmMutant("yaml-reserialised", "DS-025", "YAML is written anew when served", api_class=_YamlReserialised),
    WfmMutant("retired-client-served", "SEC-011", "Policy is not applied", core_class=_RetiredClientServed),
    WfmMutant("no-retry-after", "RTY-003", "429 and 503 lack Retry-After", api_class=_NoRetryAfter),
    WfmMutant("overload-not-retryable", "RTY-005", "429 and 503 say not retryable", api_class=_OverloadNotRetryable),
    WfmMutant("ignores-if-none-match", "DS-062", "Never answers 304", api_class=_IgnoresIfNoneMatch),
    WfmMutant("weak-content-tag", "DS-063", "Content has a weak entity tag", api_class=_WrongContentTag),
)
WFM_MUTANTS: Mapping[str, WfmMutant] = {
    mutant.name: mutant for mutant in (*_ALL, *MANIFESTS, *ANSWERS, *STATE, *IDENTITY, *PLACEMENT, *DESIRED, *TRANSPORT)
}
"""Every broken WFM by name."""
