"""The ways in which a scenario or a run ends early, each told apart from the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.record.events import Finding  # its models are heavy, and what went wrong is told by every verb


class UsageError(Exception):
    """Something the user gave cannot be used: exit code 2, one sentence, no traceback."""


class ConformanceFailure(Exception):
    """A check found a statement broken; the scenario ends here, as a failure of the subject."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        first = self.findings[0]
        super().__init__(f"{first.requirement}: expected {first.expected}, found {first.found}")


class Blocked(Exception):
    """The scenario cannot be carried out: a hook, a claim or a prerequisite is missing. Says which."""


class SubjectMissing(UsageError):
    """The real subject never came: the run ends here, for no scenario could say anything."""


class OtherRevision(SubjectMissing):
    """What came speaks another revision than the one asked for, or seems to: says which, and what shows it."""

    def __init__(self, said: str, revision: str) -> None:
        super().__init__(said)
        self.revision = revision


class OtherRun(UsageError):
    """A record cannot be gone on with: it is of something else, or nothing of it is left. Says which."""


class NotSeen(Exception):
    """The subject never reached the state a scenario starts from, so the rest of it says nothing: inconclusive."""
