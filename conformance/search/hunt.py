"""The hunt: Hypothesis draws sequences, a violation is shrunk, and the smallest sequence that shows it is kept."""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky

from conformance.search.actions import AnyAction
from conformance.search.trial import Trial
from conformance.search.violations import Violation

Actions = tuple[AnyAction, ...]
SHRINKING = 0.5
"""The part of the budget that shrinking may take on top."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to hunt. `budget_s` in real seconds; the same seed draws the same sequences."""

    seed: int
    examples: int = 200
    budget_s: float = 120.0


@dataclass(slots=True)
class Catch:
    """The smallest sequence so far that shows a violation; `after_s` is when it was first seen.

    `minimal`: no action of it can be left out, as far as was tried; else the budget ended before that was known.
    """

    violation: Violation
    actions: Actions
    after_s: float
    first_length: int
    minimal: bool = False


@dataclass(slots=True)
class Hunted:
    """What a hunt came to.

    `examples` were carried out, with so many `actions`; `silent` never got to the subject. `others` are violations
    that were seen on the way.
    """

    catch: Catch | None = None
    examples: int = 0
    actions: int = 0
    silent: int = 0
    duration_s: float = 0.0
    why_silent: str = ""
    others: dict[str, Violation] = field(default_factory=dict)

    @property
    def told_something(self) -> bool:
        """Whether anything was carried out."""
        return self.examples > self.silent


class _Clock:
    """How much of the budget is left."""

    def __init__(self, budget_s: float) -> None:
        self._budget_s = budget_s
        self._began: float | None = None
        self._ends = 0.0

    def start(self) -> None:
        """Start with the first sequence."""
        if self._began is None:
            self._began = time.monotonic()
            self._ends = self._began + self._budget_s

    def passed(self) -> float:
        """Seconds since the hunt began."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    def over(self) -> bool:
        """Whether the budget is spent."""
        return time.monotonic() > self._ends

    def shrink(self) -> None:
        """Allow for the time that shrinking may take."""
        self._ends = time.monotonic() + SHRINKING * self._budget_s


class _Over(BaseException):
    """The budget is spent. No `Exception`, since Hypothesis would take it for a finding and shrink that."""


class _Failed(BaseException):
    """A sequence could not be carried out for a reason that ends the hunt, and that Hypothesis must not shrink."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class _Shown(Exception):
    """The violation that is being shrunk was shown again."""


class Hunt:
    """One hunt. `tried` carries a sequence out, `fit` makes one that can be carried out from what was drawn."""

    def __init__(
        self,
        drawn: st.SearchStrategy[list[AnyAction]],
        fit: Callable[[Sequence[AnyAction]], Actions],
        tried: Callable[[Actions], Trial],
        on_trial: Callable[[Hunted], None] = lambda _: None,
    ) -> None:
        self._drawn = drawn
        self._fit = fit
        self._tried = tried
        self._on_trial = on_trial
        self._known: dict[str, bool] = {}

    def run(self, limits: Limits) -> Hunted:
        """Hunt until a violation is found and shrunk, all examples were carried out, or the budget is spent.

        Raises what carrying out a sequence raises, such as UsageError when a real subject never comes.
        """
        _prepare()
        hunted = Hunted()
        clock = _Clock(limits.budget_s)

        @seed(limits.seed)
        @settings(
            max_examples=limits.examples,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            report_multiple_bugs=False,
            print_blob=False,
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
        )
        @given(self._drawn)
        def attempt(drawn: list[AnyAction]) -> None:
            clock.start()
            try:
                shown = self._shown(self._fit(drawn), hunted, clock)
            except Exception as error:
                raise _Failed(error) from error
            if shown:
                raise _Shown

        try:
            # a subject in real time need not do the same twice; the smallest sequence that showed it is kept anyway
            with contextlib.suppress(_Shown, Flaky, _Over):
                attempt()
        except _Failed as failed:
            raise failed.error from None
        with contextlib.suppress(_Over):
            self._prune(hunted, clock)
        hunted.duration_s = clock.passed()
        return hunted

    def _prune(self, hunted: Hunted, clock: "_Clock") -> None:
        """Leave out one action after the other, as far as the violation is still shown without it."""
        if hunted.catch is None:
            return
        place = len(hunted.catch.actions)
        while place > 0:
            place -= 1
            kept = hunted.catch.actions
            fewer = self._fit([*kept[:place], *kept[place + 1 :]])
            self._shown(fewer, hunted, clock)
            place = min(place, len(hunted.catch.actions))
        hunted.catch.minimal = True

    def _shown(self, actions: Actions, hunted: Hunted, clock: "_Clock") -> bool:
        """Whether a sequence shows the violation that is hunted; each is carried out once. Raises _Over."""
        key = "\n".join(action.model_dump_json() for action in actions)
        if key not in self._known:
            if clock.over():
                raise _Over
            searching = hunted.catch is None
            self._known[key] = self._attempted(actions, hunted, clock)
            if searching and hunted.catch is not None:
                clock.shrink()
        return self._known[key]

    def _attempted(self, actions: Actions, hunted: Hunted, clock: "_Clock") -> bool:
        trial = self._tried(actions)
        hunted.examples += 1
        hunted.actions += trial.carried
        if not trial.told_something:
            hunted.silent += 1
            hunted.why_silent = trial.ended
        shown = self._shows(trial, actions, hunted, clock.passed())
        self._on_trial(hunted)
        return shown

    @staticmethod
    def _shows(trial: Trial, actions: Actions, hunted: Hunted, after_s: float) -> bool:
        if not trial.violations:
            return False
        if hunted.catch is None:
            hunted.catch = Catch(trial.violations[0], actions, after_s, len(actions))
        catch = hunted.catch
        same = next((item for item in trial.violations if item.check == catch.violation.check), None)
        hunted.others |= {item.check: item for item in trial.violations if item.check != catch.violation.check}
        if same is None:
            return False
        if _weight(actions) <= _weight(catch.actions):
            catch.actions, catch.violation = actions, same
        return True


@cache
def _prepare() -> None:
    """Have Hypothesis do what it does once in a process, seconds of it, before anybody counts the time."""

    @settings(max_examples=3, database=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
    @given(st.lists(st.sampled_from((1, 2)), min_size=3))
    def draw(_: list[int]) -> None:
        pass

    draw()


def _weight(actions: Actions) -> tuple[int, int]:
    return len(actions), sum(len(action.model_dump_json()) for action in actions)
