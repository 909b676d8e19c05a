"""What the scenarios of a run tell of the claims of its subject: the features they were made for, and its policies."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from conformance.checks.claims import PolicySeen, Trait
from conformance.checks.device.declared import PolicyShown, policy_shown
from conformance.record.events import Finding, Role, ScenarioFinished, ScenarioOutcome, ScenarioStarted, _Event

FEATURE_TAG = "feature:"
SHOWN_EVENTS = 5


@dataclass
class _Policy:
    shown: list[PolicyShown] = field(default_factory=list)
    events: list[_Event] = field(default_factory=list)


@dataclass
class Shown:
    """Hears every event of a run, and keeps what tells of one role's claims."""

    role: Role
    _features: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """Of the scenarios under way, the features that they were made for."""
    _ended: dict[str, Counter[ScenarioOutcome]] = field(default_factory=lambda: defaultdict(Counter))
    _passed: dict[str, list[_Event]] = field(default_factory=lambda: defaultdict(list))
    _policies: dict[str, _Policy] = field(default_factory=lambda: defaultdict(_Policy))
    _mine: set[int] = field(default_factory=set)

    def heard(self, event: _Event) -> None:
        """Take note of an event."""
        if isinstance(event, ScenarioStarted) and event.role == self.role:
            self._mine.add(event.scenario)
            tags = [tag.removeprefix(FEATURE_TAG) for tag in event.tags if tag.startswith(FEATURE_TAG)]
            self._features[event.scenario] = tuple(tags)
        elif isinstance(event, ScenarioFinished) and event.scenario in self._mine:
            self._mine.discard(event.scenario)
            for name in self._features.pop(event.scenario):
                self._ended[name][event.outcome] += 1
                if event.outcome is ScenarioOutcome.PASSED:
                    self._passed[name].append(event)
        elif isinstance(event, Finding) and event.scenario in self._mine and (shown := policy_shown(event)):
            kept = self._policies[shown.policy]
            kept.shown.append(shown)
            if len(kept.events) < SHOWN_EVENTS:
                kept.events.append(event)

    def traits(self) -> dict[str, Trait]:
        """Give the features that scenarios were made for, by name; such a feature is seen where one of them passed."""
        return {
            name: Trait(
                True if ended[ScenarioOutcome.PASSED] else None,
                "scenarios made for it: " + ", ".join(f"{count} {outcome}" for outcome, count in ended.items()),
                tuple(self._passed[name][:SHOWN_EVENTS]),
            )
            for name, ended in self._ended.items()
        }

    def policies(self) -> dict[str, PolicySeen]:
        """Give the policies that something was found of, by name."""
        return {name: _seen(kept) for name, kept in self._policies.items()}


def _seen(kept: _Policy) -> PolicySeen:
    broken = [item for item in kept.shown if item.broken is not None]
    fits = frozenset.intersection(*(item.fits for item in kept.shown))
    told = f"{len(kept.shown) - len(broken)} of {len(kept.shown)} findings fit it" if broken or fits else ""
    evidence = told or f"{len(kept.shown)} findings, no value fits all of them"
    return PolicySeen(fits, evidence, tuple(kept.events), as_declared=not broken)
