"""A counterexample as a scenario, in the words of the steps as far as these go."""

from collections.abc import Iterator, Sequence

from conformance.record.events import Role
from conformance.search.actions import AnyAction
from conformance.search.violations import Violation

BEGIN: dict[Role, str] = {
    "device": "Given a device that is managed by the WFM",
    "wfm": "Given client A has asked for its manifest",
}
REST: dict[Role, str] = {
    "device": "the device ends on the newest desired state",
    "wfm": "every client has been given exactly what was deployed to it",
}


def scenario(role: Role, actions: Sequence[AnyAction], violation: Violation) -> str:
    """Write the scenario; a comment says what was expected and what was found."""
    tags = " ".join([f"@{role}", "@search", *(f"@req:{name}" for name in violation.requirements)])
    lines = [tags, f"Scenario: Counterexample: {violation.invariant}", f"  {BEGIN[role]}"]
    lines += [f"  {line}" for line in _steps(actions, REST[role])]
    lines += [f"  # broken: {violation.check}", f"  # expected: {violation.expected}", f"  # found: {violation.found}"]
    return "\n".join(lines) + "\n"


def _steps(actions: Sequence[AnyAction], rest: str) -> Iterator[str]:
    keyword = "When"
    for action in actions:
        yield f"{keyword} {action.sentence()}"
        keyword = "And"
    outcome = actions[-1].outcome() if actions else ""
    yield f"Then {outcome or rest}"
