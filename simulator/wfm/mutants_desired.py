"""WFMs that are broken in whose desired state they show, and when; and in what an address leads to."""

import gzip
import json
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import hdrs, web

from simulator.protocol.documents import canonical_json
from simulator.protocol.operations import Call, recognise
from simulator.wfm.api import ManagementApi
from simulator.wfm.core import DesiredState
from simulator.wfm.mutants_model import Json, WfmMutant, deploying, publishing
from simulator.wfm.negotiation import accepts_gzip
from simulator.wfm.publishing import Composed
from simulator.wfm.refusals import BundleNotFound, GatewayNotFound
from simulator.wfm.state import ClientState, Publication

_GHOST = "00000000-0000-4000-8000-00000000dead"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ROOT = "/fleet/site-1"


def _numbered(publication: Publication, version: int) -> Publication:
    body = canonical_json({**json.loads(publication.body), "manifestVersion": version})
    return Publication.of(publication.version, body, publication.contents, publication.bundle_digest, publication.at)


class _Ghost(DesiredState):
    """Beside what is wanted, a copy of the first deployment is in the manifest under an id of its own."""

    def compose(self, version: int, documents: Mapping[str, bytes]) -> Composed:
        if not documents:
            return super().compose(version, documents)
        name, document = next(iter(documents.items()))
        copy = document.replace(name.encode(), _GHOST.encode())
        return super().compose(version, {**documents, _GHOST: copy})


class _FirstForAll(DesiredState):
    """The first deployment that anybody was given is given to everybody who is given something."""

    _first: dict[str, bytes] | None = None

    def compose(self, version: int, documents: Mapping[str, bytes]) -> Composed:
        if not documents:
            return super().compose(version, documents)
        if self._first is None:
            self._first = dict(list(documents.items())[:1])
        return super().compose(version, {**documents, **self._first})


class _OneCounter(DesiredState):
    """One counter numbers the manifests of all clients, so that a change for one shows in the other's manifest."""

    def manifest(self, client_id: str) -> Publication:
        served = super().manifest(client_id)
        return _numbered(served, sum(client.served.version for client in self.clients.values()))


class _OneByOne(DesiredState):
    """A client that missed several versions is given them one after the other."""

    def __init__(self, *parts: Any, **options: Any) -> None:
        super().__init__(*parts, **options)
        self._shown: dict[str, int] = {}

    def manifest(self, client_id: str) -> Publication:
        newest = super().manifest(client_id)
        shown = self._shown.get(client_id, 0)
        missed = [item for item in self.client(client_id).history.values() if shown < item.version <= newest.version]
        served = missed[0] if missed else newest
        self._shown[client_id] = served.version
        return served


class _LaggingReplica(DesiredState):
    """Every other request is answered by a replica that is one version behind."""

    _asked = 0

    def manifest(self, client_id: str) -> Publication:
        newest = super().manifest(client_id)
        self._asked += 1
        older = [item for item in self.client(client_id).history.values() if item.version < newest.version]
        return older[-1] if older and self._asked % 2 else newest


class _RewritesAll(DesiredState):
    """A change to one deployment writes all of them anew."""

    def compose(self, version: int, documents: Mapping[str, bytes]) -> Composed:
        return super().compose(version, {name: data + b"# %d\n" % version for name, data in documents.items()})


class _GatewaysOfAll(DesiredState):
    """A gateway of any client is good enough for a device behind it."""

    def check_gateway(self, client: ClientState, device_id: str) -> None:
        del client
        gateway = device_id.rpartition("/")[0]
        if gateway and not any(gateway in one.devices for one in self.clients.values()):
            raise GatewayNotFound(f"device {device_id} stands behind {gateway}, which has not been reported")


class _AnythingIsADigest(DesiredState):
    """What is no digest names an empty bundle."""

    def bundle(self, client_id: str, digest: str) -> bytes:
        try:
            return super().bundle(client_id, digest)
        except BundleNotFound:
            if _DIGEST.fullmatch(digest):
                raise
            return b""


class _CompressesAnother(ManagementApi):
    """Compressed content is made of other bytes than the plain one."""

    def content(
        self, request: web.BaseRequest, body: bytes, digest: str, media_type: str, compress: bool
    ) -> web.StreamResponse:
        if not accepts_gzip(request.headers.get(hdrs.ACCEPT_ENCODING)):
            return super().content(request, body, digest, media_type, compress)
        response = super().content(request, gzip.compress(body + b"\n", mtime=0), digest, media_type, False)
        response.headers["Content-Encoding"] = "gzip"
        return response


class _EscapedIsAnother(ManagementApi):
    """An address with an escaped colon gives other bytes."""

    def content(
        self, request: web.BaseRequest, body: bytes, digest: str, media_type: str, compress: bool
    ) -> web.StreamResponse:
        served = body + b"\n" if "%3A" in request.raw_path else body
        return super().content(request, served, digest, media_type, compress)


class _TwoRoots(ManagementApi):
    """Everything lies behind the path of the root, but bundles, which lie at the root of the host."""

    def recognise(self, request: web.BaseRequest) -> Call:
        method = "GET" if request.method == "HEAD" else request.method
        path = request.raw_path
        call = recognise(method, path.removeprefix(_ROOT))
        behind = path.startswith(_ROOT)
        return call if behind is not (call.operation == "fetch-bundle") else Call("unknown")


def _without_uuids(manifest: Json) -> Json:
    refs = [{**ref, "deploymentId": f"deployment-{ref['deploymentId'][:8]}"} for ref in manifest["deployments"]]
    return {**manifest, "deployments": refs}


def _bad_rules(document: Json) -> Json:
    profile = document["spec"]["deploymentProfile"]
    constraints = {"eligibilityRules": ["a large device"]}
    return {
        **document,
        "spec": {**document["spec"], "deploymentProfile": {**profile, "deviceConstraints": constraints}},
    }


DESIRED = (
    WfmMutant("ghost-deployment", "DS-076", "A deployment that nobody wanted is in every manifest", _Ghost),
    WfmMutant("first-for-all", "SEC-007", "The first client's deployment is given to all clients", _FirstForAll),
    WfmMutant("one-counter-for-all", "ID-49", "One counter numbers the manifests of all clients", _OneCounter),
    WfmMutant("one-by-one", "DT-001", "Missed versions are given one after the other", _OneByOne),
    WfmMutant("lagging-replica", "DS-011", "Every other answer is a version behind", _LaggingReplica),
    WfmMutant("all-written-anew", "AD-004", "A change to one deployment changes all", _RewritesAll),
    WfmMutant("gateways-of-all", "ID-49", "A gateway of another client is taken for one's own", _GatewaysOfAll),
    WfmMutant("anything-is-a-digest", "DS-048", "What is no digest names an empty bundle", _AnythingIsADigest),
    WfmMutant(
        "compresses-another", "DS-050", "Compressed content unpacks to other bytes", api_class=_CompressesAnother
    ),
    WfmMutant("escaped-is-another", "DS-033", "An escaped address gives other bytes", api_class=_EscapedIsAnother),
    WfmMutant("two-roots", "DS-023", "Bundles are not where deployments are", api_class=_TwoRoots, root=_ROOT),
    WfmMutant(
        "manifest-ids-no-uuid", "AD-003", "The manifest's deployment ids are no UUIDs", publishing(_without_uuids)
    ),
    WfmMutant("rules-that-are-text", "AD-025", "Eligibility rules are texts", deploying(_bad_rules)),
)
