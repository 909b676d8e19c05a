"""Findings for people: what checks said, equal things once, worst first.

Monitors judge every requirement in every scenario, so most findings repeat one another. Nothing is dropped without a
word: a group always says how often and in which scenarios, whatever of it is shown.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from conformance.record.events import Connection, Event, Exchange, Fact, Finding, Outcome
from conformance.record.run import Run

NOTABLE = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.WARNING)
"""Outcomes of which every finding is told, gravest first; of the others a few examples are enough."""
SHOWN_NOTABLE = 40
"""Different occurrences told of one notable group."""
SHOWN_EXAMPLES = 3
"""Different occurrences told of any other group."""
SHOWN_EVENTS = 8
"""Events linked from the first occurrence of a notable group."""
SHOWN_EVENTS_OF_EXAMPLE = 2
"""Events linked from any other occurrence."""
_RANK = (*NOTABLE, Outcome.OBSERVATION, Outcome.PASS)


@dataclass(frozen=True, slots=True)
class Shown:
    """An event that a finding points at, as a short label."""

    number: int
    label: str


@dataclass(frozen=True, slots=True)
class Occurrence:
    """The same expected and found, wherever it was seen."""

    expected: str | None
    found: str | None
    count: int
    scenarios: tuple[int, ...]
    shown: tuple[Shown, ...]
    events: int
    """How many events show it, of which `shown` are linked."""


@dataclass(frozen=True, slots=True)
class Group:
    """Everything that one check said in the same words."""

    outcome: Outcome
    check: str
    message: str
    requirements: tuple[str, ...]
    count: int
    scenarios: tuple[int, ...]
    occurrences: tuple[Occurrence, ...]
    left_out: int
    """Different occurrences beyond those told."""
    interpretations: tuple[str, ...] = ()
    """Readings of ambiguous texts that it rests on."""

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """The scenarios as first and last of each unbroken row of numbers."""
        return spans(self.scenarios)


def by_words(run: Run, findings: Iterable[Finding], shown: int = SHOWN_NOTABLE) -> tuple[Group, ...]:
    """Group the findings of one requirement by outcome, check and message; `shown` bounds what is told of each."""
    return _groups(run, findings, lambda finding: (finding.check, finding.message), shown)


def by_content(run: Run, findings: Iterable[Finding]) -> tuple[Group, ...]:
    """Group the findings of one scenario: what a check said of several requirements at once is told once."""
    return _groups(
        run,
        findings,
        lambda finding: (finding.check, finding.message, finding.expected, finding.found),
        SHOWN_NOTABLE,
    )


def spans(numbers: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Fold numbers into unbroken rows: 1, 2, 3, 7 gives (1, 3) and (7, 7)."""
    rows: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if rows and rows[-1][1] == number - 1:
            rows[-1] = (rows[-1][0], number)
        else:
            rows.append((number, number))
    return tuple(rows)


def _groups(
    run: Run, findings: Iterable[Finding], words: Callable[[Finding], tuple[object, ...]], shown: int
) -> tuple[Group, ...]:
    same: dict[tuple[object, ...], list[Finding]] = defaultdict(list)
    for finding in findings:
        same[(finding.outcome, *words(finding))].append(finding)
    # within one outcome the order of the run stays
    ordered = sorted(same.values(), key=lambda group: _RANK.index(group[0].outcome))
    return tuple(_group(run, group, shown) for group in ordered)


def _group(run: Run, findings: list[Finding], shown: int) -> Group:
    first = findings[0]
    same: dict[tuple[str | None, str | None], list[Finding]] = defaultdict(list)
    for finding in findings:
        same[(finding.expected, finding.found)].append(finding)
    limit = shown if first.outcome in NOTABLE else min(shown, SHOWN_EXAMPLES)
    many = SHOWN_EVENTS if first.outcome in NOTABLE else SHOWN_EVENTS_OF_EXAMPLE
    occurrences = tuple(
        _occurrence(run, alike, SHOWN_EVENTS_OF_EXAMPLE if number else many)
        for number, alike in enumerate(list(same.values())[:limit])
    )
    return Group(
        first.outcome,
        first.check,
        first.message,
        tuple(dict.fromkeys(finding.requirement for finding in findings)),
        len(findings),
        _scenarios(findings),
        occurrences,
        max(len(same) - limit, 0),
        tuple(
            dict.fromkeys(name for finding in findings for name in run.readings_of(finding.check, finding.requirement))
        ),
    )


def _occurrence(run: Run, findings: list[Finding], events: int) -> Occurrence:
    first = findings[0]
    # several findings that look alike are shown by the first of them: the others prove nothing new
    numbers = [n for n in dict.fromkeys(first.shown_by) if n in run.by_number]
    return Occurrence(
        first.expected,
        first.found,
        len(findings),
        _scenarios(findings),
        tuple(Shown(n, _label(run.by_number[n])) for n in numbers[:events]),
        len(numbers),
    )


def _scenarios(findings: Iterable[Finding]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(finding.scenario for finding in findings))


def _label(event: Event) -> str:
    match event:
        case Exchange():
            answer = str(event.status) if event.status is not None else "no answer"
            name = event.operation if event.operation != "unknown" else event.method
            return f"{name} → {answer}"[:80]
        case Connection():
            return f"connection {event.outcome}"
        case Fact():
            return event.kind[:80]
        case _:
            return event.type
