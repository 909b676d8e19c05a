"""What a broken WFM is, and ways to break one: its answers, manifests, documents or problems are changed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from aiohttp import web

from simulator.identity.authority import Authority
from simulator.identity.handshake import Recognise
from simulator.identity.spiffe import SpiffeId
from simulator.identity.svid import Credential
from simulator.protocol.documents import canonical_json, dump_yaml
from simulator.protocol.problem import Problem
from simulator.wfm.api import ManagementApi
from simulator.wfm.core import DesiredState
from simulator.wfm.publishing import Composed
from simulator.wfm.server import ReferenceWfm, WfmConfig
from simulator.wfm.state import Publication

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WfmMutant:
    """A broken WFM: its name, the requirement it breaks, and what is wrong in one line.

    `presents` makes another credential than the WFM's own from the authority and the WFM's identity; `root` is the path
    of the root behind which it is reached.
    """

    name: str
    breaks: str
    description: str
    core_class: type[DesiredState] = DesiredState
    api_class: type[ManagementApi] = ManagementApi
    recogniser: Callable[[WfmConfig], Recognise] | None = None
    wfm_class: type[ReferenceWfm] = ReferenceWfm
    presents: Callable[[Authority, SpiffeId], Credential] | None = None
    root: str = ""

    def build(self, config: WfmConfig, **options: Any) -> ReferenceWfm:
        """A WFM with this defect; `options` as for `ReferenceWfm`."""
        recognise = self.recogniser(config) if self.recogniser else None
        return self.wfm_class(
            config, core_class=self.core_class, api_class=self.api_class, recognise=recognise, **options
        )


def answering(change: Callable[[web.BaseRequest, web.Response], None]) -> type[ManagementApi]:
    """An API whose answers are changed before they are sent."""

    class Changed(ManagementApi):
        async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
            response = await super().handle(request)
            if isinstance(response, web.Response):
                change(request, response)
            return response

    return Changed


def telling(change: Callable[[Json], Json]) -> type[ManagementApi]:
    """An API whose problem documents are changed; status and headers stay."""

    class Changed(ManagementApi):
        def refuse(self, problem: Problem) -> web.Response:
            response = super().refuse(problem)
            response.body = canonical_json(change(problem.to_wire()))
            return response

    return Changed


def publishing(change: Callable[[Json], Json]) -> type[DesiredState]:
    """A core whose manifests are changed before they are written; the entity tag is that of the changed bytes."""

    class Changed(DesiredState):
        def written(self, composed: Composed, now: float) -> Publication:
            right = super().written(composed, now)
            body = canonical_json(change(json.loads(right.body)))
            return Publication.of(right.version, body, right.contents, right.bundle_digest, now)

    return Changed


def deploying(change: Callable[[Json], Json]) -> type[DesiredState]:
    """A core whose deployment documents are changed before they are published; digests fit what is served."""

    class Changed(DesiredState):
        def compose(self, version: int, documents: Mapping[str, bytes]) -> Composed:
            changed = {name: dump_yaml(change(yaml.safe_load(data))) for name, data in documents.items()}
            return super().compose(version, changed)

    return Changed
