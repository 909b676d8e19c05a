"""What a supplier declares of its device where no revision says what is right, held against what the device did."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, expect, noted
from conformance.record.events import Finding, Outcome, _Event

_AS_DECLARED = re.compile(r"as with ([a-z-]+): ([a-z-]+)")
_AS_FOUND = re.compile(r"\(as with ([a-z-]+): ([a-z, -]+)\)")
_NONE = "none of the known ones"


def declared(record: Record, policy: str) -> str | None:
    """Give the declared value of a policy; None when nothing is declared."""
    value = record.claims.get("policies", {}).get(policy)
    return str(value) if value is not None else None


def as_declared(record: Record, policy: str, fits: Mapping[str, bool], found: str, *shown_by: _Event) -> Judgement:
    """Judge what was found by the declared value, given which values it fits; undeclared it is only noted."""
    value = declared(record, policy)
    if value is None:
        likely = ", ".join(name for name, right in fits.items() if right) or _NONE
        return noted(f"{found} (as with {policy}: {likely})", *shown_by, expected=f"(no {policy} is declared)")
    return expect(fits.get(value, False), *shown_by, expected=f"as with {policy}: {value}", found=found)


@dataclass(frozen=True, slots=True)
class PolicyShown:
    """What a finding of `as_declared` says of a policy: the values that fit, or the declared one that does not."""

    policy: str
    fits: frozenset[str]
    broken: str | None = None
    """The declared value, where the device did otherwise."""


def policy_shown(finding: Finding) -> PolicyShown | None:
    """Read back what `as_declared` said of a policy; None for other findings, and where it could not be seen."""
    named = _AS_DECLARED.fullmatch(finding.expected or "")
    if named and finding.outcome is Outcome.PASS:
        return PolicyShown(named[1], frozenset({named[2]}))
    if named and finding.outcome is Outcome.FAIL:
        return PolicyShown(named[1], frozenset(), named[2])
    found = _AS_FOUND.search(finding.found or "") if finding.outcome is Outcome.OBSERVATION else None
    if found is None:
        return None
    return PolicyShown(found[1], frozenset() if found[2] == _NONE else frozenset(found[2].split(", ")))
