"""The search for WFMs: what is drawn, and how it is carried out."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from conformance.catalogue import load
from conformance.search import wfm_actions as act
from conformance.search.actions import AnyAction
from conformance.search.generating import documents, spoiled
from conformance.search.trial import Game
from conformance.search.wfm_model import CLIENTS, DEVICES, ROLES
from conformance.search.wfm_promises import INVARIANTS, begin, finish

GAME = Game(begin, finish, INVARIANTS)
LONGEST = 12
"""Actions in one sequence, at most."""
OPEN = ("supportedRuntimes", "supportedDeploymentTypes", "labels", "error")
"""Members of which a wrong value has no one meaning (AMB-C-12, AMB-C-15, AMB-X-16)."""
ROUTED = ("deploymentId", "deviceId", "id")
"""Members that have to fit the address: they are filled in."""

_clients = st.sampled_from(CLIENTS)
_roles = st.sampled_from(ROLES)


def drawn(revision: str) -> st.SearchStrategy[list[AnyAction]]:
    """Give sequences of actions that begin with a device and a deployment, since most actions need them.

    Documents are generated from the schemas of the revision.
    """
    plain: list[st.SearchStrategy[AnyAction]] = [
        st.builds(act.ReportDevice, client=_clients, device=st.sampled_from(DEVICES)),
        st.builds(act.WithdrawDevice, client=_clients, device=st.sampled_from(DEVICES)),
        st.builds(act.Deploy, client=_clients, role=_roles),
        st.builds(act.Update, client=_clients, role=_roles),
        st.builds(act.Remove, client=_clients, role=_roles),
        st.builds(
            act.Ask,
            client=_clients,
            held=st.sampled_from(("the one it holds", "the first one it held", "a manifest that never was")),
        ),
        st.builds(act.AskInForm, client=_clients, form=st.sampled_from((*act.GOOD_FORMS, *act.BAD_FORMS))),
        st.builds(act.FetchAll, client=_clients),
        st.builds(act.FetchForeign, client=_clients, content=st.sampled_from(("deployment", "bundle"))),
        st.builds(
            act.ReportState,
            client=_clients,
            role=_roles,
            state=st.sampled_from(("pending", "installing", "installed", "failed")),
        ),
        st.builds(act.Restart),
        *_generated(revision),
    ]
    later = st.lists(st.one_of(plain), min_size=3, max_size=2 * LONGEST)
    return st.builds(lambda first, second, others: [first, second, *others], plain[0], plain[2], later)


def _generated(revision: str) -> list[st.SearchStrategy[AnyAction]]:
    catalogue = load(revision)
    reports, statuses = catalogue.schema("device-capabilities"), catalogue.schema("deployment-status")
    return [
        st.builds(act.GeneratedReport, document=documents(reports).map(_named), valid=st.just(True)),
        st.builds(
            act.GeneratedReport,
            document=spoiled(reports, (*OPEN, *ROUTED)).map(_named),
            valid=st.just(False),
        ),
        st.builds(act.GeneratedStatus, role=_roles, document=documents(statuses).map(_served), valid=st.just(True)),
        st.builds(
            act.GeneratedStatus,
            role=_roles,
            document=spoiled(statuses, (*OPEN, *ROUTED)).map(_served),
            valid=st.just(False),
        ),
    ]


def _named(document: Any) -> Any:
    """Give a report the id that it is sent under, where it has one."""
    match document:
        case {"properties": {"id": _, **others} as properties}:
            del others
            return {**document, "properties": {**properties, "id": act.GENERATED}}
    return document


def _served(document: Any) -> Any:
    """Give a status the first version, which every client was served."""
    if isinstance(document, Mapping) and isinstance(document.get("adoptedManifestVersion"), int):
        version = document["adoptedManifestVersion"]
        right = not isinstance(version, bool) and version >= 1
        return {**document, "adoptedManifestVersion": 1} if right else document
    return document
