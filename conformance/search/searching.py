"""A search and a replay as a whole: from a seat to what was found."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from conformance.bench.ics import Ics
from conformance.bench.run import Seat
from conformance.record.events import Role
from conformance.search import device_search, wfm_search
from conformance.search.actions import AnyAction, fitted
from conformance.search.gherkin import scenario
from conformance.search.hunt import Hunt, Hunted, Limits
from conformance.search.replays import Replay, model_of
from conformance.search.trial import Arena, Game, Trial

GAMES: dict[Role, Game] = {"device": device_search.GAME, "wfm": wfm_search.GAME}
LONGEST = device_search.LONGEST
HURRIED = {"apply": 5.0, "settle": 2.0, "retry": 5.0, "connect": 5.0}
"""Deadlines in seconds for a simulated subject, which polls many times a second: what takes longer never comes."""


def search(seat: Seat, limits: Limits, on_trial: Callable[[Hunted], None] = lambda _: None) -> Hunted:
    """Search for a counterexample. Raises UsageError when a real subject never comes."""
    role = seat.role

    def fit(drawn: Sequence[AnyAction]) -> tuple[AnyAction, ...]:
        return fitted(drawn, model_of(role), seat.hooks, LONGEST)

    with Arena(_hurried(seat), GAMES[role]) as arena:
        return Hunt(drawn(seat.ics), fit, arena.tried, on_trial).run(limits)


def carry_out_again(seat: Seat, replay: Replay) -> Trial:
    """Carry out a counterexample on a seat."""
    with Arena(_hurried(seat), GAMES[replay.role]) as arena:
        return arena.tried(replay.steps)


def shows_again(trial: Trial, replay: Replay) -> bool:
    """Whether the violation of a counterexample happened again."""
    return any(item.check == replay.violated.check for item in trial.violations)


def drawn(ics: Ics) -> st.SearchStrategy[list[AnyAction]]:
    """Give what is drawn for a role."""
    return device_search.drawn() if ics.role == "device" else wfm_search.drawn(ics.revision)


def replay_of(seat: Seat, hunted: Hunted, seed: int) -> Replay:
    """Write a catch down. Raises ValueError when there is none."""
    catch = hunted.catch
    if catch is None:
        raise ValueError("nothing was found")
    return Replay(
        role=seat.role,
        revision=seat.ics.revision,
        subject=seat.target,
        seed=seed,
        violated=catch.violation,
        actions=catch.actions,
        gherkin=scenario(seat.role, catch.actions, catch.violation),
    )


def _hurried(seat: Seat) -> Seat:
    """Shorten the deadlines that nobody stated, where the subject is simulated."""
    if not seat.target.startswith("simulated"):
        return seat
    limits: dict[str, Any] = HURRIED | dict(seat.ics.limits)
    return replace(seat, ics=seat.ics.model_copy(update={"limits": limits}))
