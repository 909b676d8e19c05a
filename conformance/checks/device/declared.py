"""What a supplier declares of its device where no revision says what is right, held against what the device did."""

from collections.abc import Mapping

from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, expect, noted
from conformance.record.events import _Event


def declared(record: Record, policy: str) -> str | None:
    """Give the declared value of a policy; None when nothing is declared."""
    value = record.claims.get("policies", {}).get(policy)
    return str(value) if value is not None else None


def as_declared(record: Record, policy: str, fits: Mapping[str, bool], found: str, *shown_by: _Event) -> Judgement:
    """Judge what was found by the declared value, given which values it fits; undeclared it is only noted."""
    value = declared(record, policy)
    if value is None:
        likely = ", ".join(name for name, right in fits.items() if right) or "none of the known ones"
        return noted(f"{found} (as with {policy}: {likely})", *shown_by, expected=f"(no {policy} is declared)")
    return expect(fits.get(value, False), *shown_by, expected=f"as with {policy}: {value}", found=found)
