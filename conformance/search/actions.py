"""What every action of a search has: data that can be written down, a place in a model, a sentence, and an effect."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict

S = TypeVar("S")
B = TypeVar("B")


class Action(BaseModel, Generic[S, B]):
    """One thing that is done to or around a subject. `S` is the model of what should be, `B` the bench.

    `do` names the kind of action in a replay file; `needs` is the hook without which it cannot be done.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    do: str
    needs: ClassVar[str] = ""

    @abstractmethod
    def fit(self, model: S) -> Self | None:
        """Give the action as it can be carried out where the model stands, and move the model on; None when it cannot.

        What follows from the model, such as the number of the next release, is filled in here. An action that was
        fitted once fits again unchanged in the same place.
        """

    @abstractmethod
    def sentence(self) -> str:
        """Say it in the words of the steps."""

    @abstractmethod
    def perform(self, bench: B) -> None:
        """Do it, and judge what can be judged at once. Raises ConformanceFailure, Broken, Blocked and NotSeen."""

    def outcome(self) -> str:
        """Say what has to come of it, in the words of the steps; empty when that is judged at the end."""
        return ""


def fitted(actions: Iterable[Action[S, B]], model: S, hooks: frozenset[str], longest: int) -> tuple[Action[S, B], ...]:
    """Give those of the drawn actions that can be carried out one after the other, at most so many of them."""
    kept: list[Action[S, B]] = []
    for action in actions:
        made = action.fit(model) if not action.needs or action.needs in hooks else None
        if made is not None:
            kept.append(made)
        if len(kept) == longest:
            break
    return tuple(kept)


def misfit(actions: Sequence[Action[S, B]], model: S) -> int | None:
    """Give the position of the first action that cannot be carried out where it stands; None when all can."""
    return next((place for place, action in enumerate(actions) if action.fit(model) != action), None)


AnyAction = Action[Any, Any]
