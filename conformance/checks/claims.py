"""What a supplier claims of its subject, held against what was seen of it over a whole run.

A claim breaks no statement of the specification: a contradiction says that scenarios were chosen, left out or timed by
a wrong description. Both roles use these two shapes, for `init` (which drafts a claim) and for a run (which compares).
"""

from dataclasses import dataclass
from typing import Literal

from conformance.record.events import _Event

Verdict = Literal["agrees", "contradicted", "not-seen"]
CLAIM = "claim-compared"
"""The kind of fact by which a comparison stands in the record."""


@dataclass(frozen=True, slots=True)
class Trait:
    """Something that a subject has or has not, as far as that was seen: None when it cannot be told."""

    present: bool | None
    evidence: str
    shown_by: tuple[_Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Compared:
    """One claim beside what was seen of it."""

    claim: str
    """`poll-interval`, or the name of a feature."""
    declared: str
    seen: str
    verdict: Verdict
    shown_by: tuple[_Event, ...] = ()


def of_trait(name: str, trait: Trait, *, claimed: bool) -> Compared:
    """Compare a feature with what was seen of it."""
    declared = "claimed" if claimed else "not claimed"
    verdict: Verdict = "not-seen" if trait.present is None else "agrees" if trait.present == claimed else "contradicted"
    return Compared(name, declared, trait.evidence, verdict, trait.shown_by)
