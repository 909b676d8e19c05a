"""What a search found: the check that failed, and which promise to its user that breaks."""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from conformance.record.events import Finding, Outcome

EXCHANGES = "every exchange is as the specification has it"
"""The promise behind every check that no other promise is behind."""


class Violation(BaseModel):
    """A promise that was broken, in the words of the check that saw it. Two violations of one check are alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    invariant: str
    check: str
    requirements: tuple[str, ...] = ()
    expected: str
    found: str


class Broken(Exception):
    """An invariant that no check of the catalogue speaks for does not hold."""

    def __init__(self, violation: Violation) -> None:
        self.violation = violation
        super().__init__(f"{violation.invariant}: expected {violation.expected}, found {violation.found}")


def violations_of(findings: Iterable[Finding], invariants: dict[str, str]) -> tuple[Violation, ...]:
    """Give one violation for each check with a broken MUST among its findings; `invariants` maps names of checks."""
    broken: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.outcome is Outcome.FAIL:
            broken.setdefault(finding.check, []).append(finding)
    return tuple(
        Violation(
            invariant=invariants.get(name, EXCHANGES),
            check=name,
            requirements=tuple(dict.fromkeys(item.requirement for item in items)),
            expected=items[0].expected or items[0].message,
            found=items[0].found or "something else",
        )
        for name, items in broken.items()
    )
