"""Searching WFMs: broken ones are found without their scenarios, and the reference is not."""

from pathlib import Path

import pytest

from conformance.search import wfm_actions as act
from conformance.search.actions import AnyAction, fitted
from conformance.search.hunt import Limits
from conformance.search.replays import read, save
from conformance.search.searching import carry_out_again, replay_of, search, shows_again
from conformance.search.trial import Arena
from conformance.search.wfm_model import WfmModel
from conformance.search.wfm_search import GAME
from tests.search.seats import wfm


def on_wfm(*actions: AnyAction) -> tuple[AnyAction, ...]:
    return fitted(actions, WfmModel(), wfm().hooks, 12)


def test_a_broken_wfm_is_found_shrunk_saved_and_shown_again(tmp_path: Path) -> None:
    seat = wfm("two-hundred-for-create")
    hunted = search(seat, Limits(seed=1, examples=20, budget_s=20.0))
    assert hunted.catch is not None
    assert len(hunted.catch.actions) == 1
    path = tmp_path / "found.yaml"
    save(replay_of(seat, hunted, 1), path)
    replay = read(path, "wfm")
    assert shows_again(carry_out_again(seat, replay), replay)
    reference = carry_out_again(wfm(), replay)
    assert not reference.violations
    assert reference.carried == 1


FIRST = (act.ReportDevice(device="press-1"), act.Deploy(role="primary"))
SHOWN: dict[str, tuple[AnyAction, ...]] = {
    "accepts-invalid-enum": (
        *FIRST,
        act.GeneratedStatus(
            role="primary",
            valid=False,
            document={"deploymentId": "", "adoptedManifestVersion": 1, "status": {"state": "on"}, "components": []},
        ),
    ),
    "cross-tenant": (*FIRST, act.FetchForeign(content="deployment")),
    "five-hundred-for-bad-accept": (act.AskInForm(form="web pages"),),
    "ignores-if-none-match": (act.Ask(),),
}


@pytest.mark.parametrize("mutant", sorted(SHOWN))
def test_what_shows_a_broken_wfm_does_not_show_the_reference(mutant: str) -> None:
    actions = on_wfm(*SHOWN[mutant])
    assert len(actions) == len(SHOWN[mutant])
    with Arena(wfm(mutant), GAME) as arena:
        assert arena.tried(actions).violations
    with Arena(wfm(), GAME) as arena:
        trial = arena.tried(actions)
    assert not trial.violations
    assert (trial.carried, trial.ended) == (len(actions), "")


def test_a_null_is_no_value() -> None:
    document = {
        "properties": {"id": "generated-1", "vendor": "v", "modelNumber": "m", "serialNumber": "s", "memory": None}
    }
    with Arena(wfm(), GAME) as arena:
        trial = arena.tried(on_wfm(act.GeneratedReport(document=document, valid=False)))
    assert trial.violations == ()
    assert trial.carried == 1
