"""What is claimed of a subject (ICS) beside what a whole run saw of it, as every report tells it."""

from collections import Counter

from conformance.record.events import Claim, Role, Standing
from conformance.record.run import Run
from reports.model import ClaimReport, RoleReport

STANDINGS = {
    Standing.CONTRADICTED: ("Otherwise", "it is claimed, and the subject showed otherwise"),
    Standing.NOT_CLAIMED: ("Not claimed", "it was seen, and the statement does not claim it"),
    Standing.NEVER_SEEN: ("Never seen", "it is claimed, and nothing in this run shows it: that is no pass"),
    Standing.SEEN: ("Seen", "it is claimed, and was seen"),
}
"""How a claim stands: its word and what it means, what to look at first."""
WARNED = (Standing.CONTRADICTED, Standing.NOT_CLAIMED)
"""Claims that the supplier has to mend."""


def warned(role: RoleReport) -> tuple[ClaimReport, ...]:
    """The claims that do not fit what was seen."""
    return tuple(claim for claim in role.claims if claim.standing in WARNED)


def never_seen(role: RoleReport) -> tuple[ClaimReport, ...]:
    """The claims that nothing in the run shows."""
    return tuple(claim for claim in role.claims if claim.standing is Standing.NEVER_SEEN)


def claims_counted(role: RoleReport) -> str:
    """How many claims stand how, in words: `18 seen, 1 never seen`."""
    counts = Counter(claim.standing for claim in role.claims)
    ordered = [(STANDINGS[standing][0].lower(), counts[standing]) for standing in reversed(STANDINGS)]
    return ", ".join(f"{count} {word}" for word, count in ordered if count)


def claim_name(claim: ClaimReport) -> str:
    """What a claim is about: `feature helm`, `poll-interval`."""
    return claim.name if claim.about == claim.name else f"{claim.about} {claim.name}"


def claim_in_words(claim: ClaimReport, *, briefly: bool = False) -> str:
    """One claim as a sentence, such as `feature helm: seen (yes), but not claimed: EVIDENCE; ADVICE`.

    `briefly` leaves out the evidence where there is something to do.
    """
    told = {
        Standing.CONTRADICTED: f"claimed ({claim.claimed}), but seen otherwise ({claim.seen})",
        Standing.NOT_CLAIMED: f"seen ({claim.seen}), but not claimed",
        Standing.NEVER_SEEN: f"claimed ({claim.claimed}), but never seen",
        Standing.SEEN: f"claimed ({claim.claimed}) and seen ({claim.seen})",
    }[claim.standing]
    said = [claim.evidence, claim.advice][briefly and claim.advice is not None :]
    return f"{claim_name(claim)}: {told}: {'; '.join(filter(None, said))}"


def claims_of(run: Run, role: Role) -> tuple[ClaimReport, ...]:
    """The claims of a role, what to look at first; within that as they were compared."""
    order = list(STANDINGS)
    return tuple(
        ClaimReport(**claim.model_dump(exclude={"n", "at", "type", "role"}), scenarios=_scenarios_of(run, claim))
        for claim in sorted(run.claims_of(role), key=lambda item: order.index(item.standing))
    )


def _scenarios_of(run: Run, claim: Claim) -> tuple[int, ...]:
    found = (getattr(run.by_number.get(number), "scenario", None) for number in claim.shown_by)
    return tuple(sorted({number for number in found if number is not None}))
