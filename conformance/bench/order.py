"""The order of scenarios that asks the least of whoever has a real device before them."""

from collections.abc import Callable
from dataclasses import dataclass

from conformance.bench.hooks.abilities import BUILT_IN
from conformance.bench.scenarios import HOOK_TAG, Scenario

Cost = Callable[[Scenario], tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Effort:
    """How much a scenario asks for: `by_hand` are the hooks that a person serves."""

    by_hand: frozenset[str] = frozenset()

    def __call__(self, scenario: Scenario) -> tuple[object, ...]:
        """Give what scenarios are put in order by.

        First those that need nothing, then those that programs serve, then those that need a person; scenarios with
        the same needs stand together, so that one who stands at the device does one kind of thing after another.
        """
        needs = tuple(name for name in scenario.tagged(HOOK_TAG) if name not in BUILT_IN)
        hands = tuple(name for name in needs if name in self.by_hand)
        return (len(hands), hands, len(needs), needs)
