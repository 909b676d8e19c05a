"""Searching devices: broken ones are found without their scenarios, the reference is not, and replays say which."""

from pathlib import Path

import pytest

from conformance.search import device_answers as answer
from conformance.search import device_changes as act
from conformance.search.actions import AnyAction
from conformance.search.device_search import GAME
from conformance.search.hunt import Limits
from conformance.search.replays import read, save
from conformance.search.searching import carry_out_again, replay_of, search, shows_again
from conformance.search.trial import Arena
from tests.search.seats import device, on_device


def test_a_broken_device_is_found_shrunk_saved_and_shown_again(tmp_path: Path) -> None:
    seat = device("wrong-aggregation")
    hunted = search(seat, Limits(seed=3, examples=40, budget_s=20.0))
    assert hunted.catch is not None
    assert len(hunted.catch.actions) < hunted.catch.first_length
    assert "ST-008" in hunted.catch.violation.requirements
    path = tmp_path / "found.yaml"
    save(replay_of(seat, hunted, 3), path)
    replay = read(path, "device")
    assert replay.subject == "simulated:wrong-aggregation"
    again, reference = carry_out_again(seat, replay), carry_out_again(device(), replay)
    assert shows_again(again, replay)
    assert not shows_again(reference, replay)
    assert reference.carried == len(replay.steps)
    assert not reference.violations


SHOWN: dict[str, tuple[AnyAction, ...]] = {
    "accepts-equal-version": (act.Publish(role="primary"), answer.OfferOlder(role="primary")),
    "forgets-etag-on-reboot": (act.Publish(role="primary"), act.Settle(), act.Reboot()),
    "deletes-on-404": (act.Publish(role="primary"), answer.ContentMissing(role="primary")),
    "marks-all-components-failed": (act.Publish(role="secondary"), act.ComponentFails(role="secondary")),
    "keeps-removed-workload": (act.Publish(role="primary"), act.Settle(), act.Withdraw(role="primary")),
    "ignores-retry-after": (answer.Overloaded(),),
    "silent-about-new-facts": (act.ChangeFacts(),),
    "accepts-older-version": (
        act.Publish(role="primary"),
        act.Settle(),
        act.Publish(role="primary"),
        act.Settle(),
        answer.OfferOlder(role="primary", steps=1),
    ),
    "forgets-version-on-reboot": (act.Publish(role="primary"), act.Settle(), act.Publish(role="primary"), act.Reboot()),
    "gives-up-for-good": (
        act.Publish(role="primary"),
        act.CutNetwork(),
        act.LetPass(seconds=60),
        act.RestoreNetwork(),
        act.Publish(role="primary"),
    ),
    "asks-once": (act.Publish(role="primary"),),
    "decimal-memory": (act.Publish(role="primary"),),
}


@pytest.mark.parametrize("mutant", sorted(SHOWN))
def test_what_shows_a_broken_device_does_not_show_the_reference(mutant: str) -> None:
    actions = on_device(*SHOWN[mutant])
    assert len(actions) == len(SHOWN[mutant])
    with Arena(device(mutant), GAME) as arena:
        assert arena.tried(actions).violations
    with Arena(device(), GAME) as arena:
        trial = arena.tried(actions)
    assert not trial.violations
    assert trial.carried == len(actions)


def test_the_reference_survives_everything_at_once() -> None:
    actions = on_device(
        act.Publish(role="primary"),
        act.Publish(role="secondary"),
        act.CutNetwork(),
        act.Publish(role="primary"),
        act.Reboot(),
        act.RestoreNetwork(),
        act.PowerCut(moment="it stored the new state", role="secondary"),
        act.Withdraw(role="primary"),
        act.StopWfm(),
        act.Reboot(),
        act.StartWfm(),
        act.LoseState(),
    )
    assert len(actions) == 12
    with Arena(device(), GAME) as arena:
        trial = arena.tried(actions)
    assert trial.violations == ()
    assert (trial.carried, trial.ended) == (12, "")


def test_what_does_not_fit_is_passed_over_and_releases_are_filled_in() -> None:
    actions = on_device(
        act.Withdraw(role="primary"), act.RestoreNetwork(), act.Publish(role="primary"), act.Publish(role="primary")
    )
    assert [action.sentence() for action in actions] == [
        'the WFM publishes "primary" release 1',
        'the WFM publishes "primary" release 2',
    ]
