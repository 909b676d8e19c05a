"""The hunt itself: found, shrunk to the least, within its limits, the same again from the same seed."""

import itertools
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import strategies as st

from conformance.bench.errors import UsageError
from conformance.search import device_changes as act
from conformance.search import hunt
from conformance.search.actions import AnyAction, fitted
from conformance.search.device_model import DeviceModel
from conformance.search.hunt import Hunt, Hunted, Limits
from conformance.search.trial import Trial
from conformance.search.violations import Violation

DRAWN: st.SearchStrategy[list[AnyAction]] = st.lists(
    st.one_of(
        st.builds(act.Publish, role=st.sampled_from(("primary", "secondary"))),
        st.builds(act.Withdraw, role=st.sampled_from(("primary", "secondary"))),
        st.builds(act.Reboot),
        st.builds(act.LetPass, seconds=st.integers(1, 9)),
    ),
    max_size=15,
)


def violation(check: str) -> Violation:
    return Violation(invariant="it holds", check=check, expected="this", found="that")


def fit(drawn: Sequence[AnyAction]) -> tuple[AnyAction, ...]:
    return fitted(drawn, DeviceModel(), frozenset({"reboot"}), 12)


def forgetful(actions: Sequence[AnyAction]) -> Trial:
    """A subject that breaks when it is rebooted some time after a withdrawal."""
    kinds = [action.do for action in actions]
    broken = "withdraw" in kinds and "reboot" in kinds[kinds.index("withdraw") :]
    return Trial(len(actions), (violation("a.check"),) if broken else ())


def hunted(seed: int = 1, examples: int = 300) -> Hunted:
    return Hunt(DRAWN, fit, forgetful).run(Limits(seed, examples, 60.0))


def test_a_violation_is_shrunk_to_the_least_that_shows_it() -> None:
    found = hunted()
    assert found.catch is not None
    assert [action.do for action in found.catch.actions] == ["publish", "withdraw", "reboot"]
    assert found.catch.first_length >= 3
    assert found.catch.violation.check == "a.check"
    assert found.catch.minimal


def test_what_was_not_shrunk_to_the_end_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    monkeypatch.setattr(hunt, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    found = Hunt(DRAWN, fit, forgetful).run(Limits(1, 300, 70.0))
    assert found.catch is not None
    assert not found.catch.minimal
    assert 0 < found.catch.after_s < found.duration_s


def test_the_same_seed_draws_the_same() -> None:
    first, second = hunted(5), hunted(5)
    assert (first.examples, first.actions) == (second.examples, second.actions)
    assert first.catch is not None
    assert second.catch is not None
    assert first.catch.actions == second.catch.actions


def test_nothing_is_found_where_nothing_is_broken() -> None:
    found = Hunt(DRAWN, fit, lambda actions: Trial(len(actions))).run(Limits(1, 50, 60.0))
    assert found.catch is None
    assert 0 < found.examples <= 50
    assert found.told_something


def test_a_subject_that_never_comes_tells_nothing() -> None:
    found = Hunt(DRAWN, fit, lambda _: Trial(0, (), "the device's first poll was not seen")).run(Limits(1, 20, 60.0))
    assert not found.told_something
    assert found.why_silent == "the device's first poll was not seen"


def test_a_subject_that_breaks_only_once_keeps_its_counterexample() -> None:
    seen: list[int] = []

    def moody(actions: Sequence[AnyAction]) -> Trial:
        seen.append(len(actions))
        return Trial(len(actions), (violation("a.check"),) if len(seen) == 3 else ())

    found = Hunt(DRAWN, fit, moody).run(Limits(1, 50, 60.0))
    assert found.catch is not None
    assert len(found.catch.actions) == seen[2]


def test_another_violation_on_the_way_is_told_and_not_mistaken_for_the_first() -> None:
    def two(actions: Sequence[AnyAction]) -> Trial:
        kinds = {action.do for action in actions}
        if "withdraw" in kinds:
            return Trial(len(actions), (violation("a.check"),))
        return Trial(len(actions), (violation("b.check"),) if "publish" in kinds else ())

    found = Hunt(DRAWN, fit, two).run(Limits(2, 200, 60.0))
    assert found.catch is not None
    assert all(item.check != found.catch.violation.check for item in found.others.values())


def test_what_ends_a_sequence_for_good_ends_the_hunt_at_once() -> None:
    tried: list[int] = []

    def missing(actions: Sequence[AnyAction]) -> Trial:
        tried.append(len(actions))
        raise UsageError("the device never came")

    with pytest.raises(UsageError, match="the device never came"):
        Hunt(DRAWN, fit, missing).run(Limits(1, 50, 60.0))
    assert len(tried) == 1


def test_time_that_is_up_ends_the_hunt() -> None:
    found = Hunt(DRAWN, fit, forgetful).run(Limits(1, 10_000, 0.0))
    assert found.examples == 0
    assert not found.told_something


MEASURING = """
import time
from conformance.search.hunt import Hunt, Limits
from conformance.search.trial import Trial
from tests.search.test_hunt import DRAWN, fit
at = []
Hunt(DRAWN, fit, lambda actions: at.append(time.process_time()) or Trial(1)).run(Limits(seed=1, examples=20))
print(max(later - earlier for earlier, later in zip(at, at[1:])))
"""


def test_what_hypothesis_prepares_once_takes_nothing_of_the_budget(tmp_path: Path) -> None:
    """In a process and a folder of its own, where nothing is prepared yet: of seconds, a part of one may be left."""
    told = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", MEASURING],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(told.stdout) < 1.5
