"""What of a subject was seen, as far as a supplier's statement speaks of it: `init` drafts claims from it."""

from dataclasses import dataclass

from conformance.record.events import _Event


@dataclass(frozen=True, slots=True)
class Trait:
    """Something that a subject has or has not, as far as that was seen: None when it cannot be told."""

    present: bool | None
    evidence: str
    shown_by: tuple[_Event, ...] = ()
