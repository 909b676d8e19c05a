"""What a supplier states of a subject (ICS), held beside what was seen of it.

`init` drafts a statement from what it saw; after a run the statement is compared with everything the run saw. A claim
that nothing showed is never silently taken for true, and what was seen without being claimed is named with what to add.
None of this is a verdict: what is right is for checks to say. But a feature that was seen without being claimed leaves
a run incomplete, since what belongs to it was not judged.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from conformance.catalogue import Catalogue
from conformance.record.events import Claim, Role, Standing, _Event

NEAR = 0.25
"""A poll interval is as stated when it differs by no more than this part of it."""


@dataclass(frozen=True, slots=True)
class Trait:
    """Something that a subject has or has not, as far as that was seen: None when it cannot be told."""

    present: bool | None
    evidence: str
    shown_by: tuple[_Event, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicySeen:
    """How a subject behaved where a policy may be declared: the values that fit everything that was found."""

    fits: frozenset[str]
    evidence: str
    shown_by: tuple[_Event, ...] = ()
    as_declared: bool = True
    """False once it did otherwise than declared."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A time that was measured: seconds, in words how, and the events."""

    seconds: float
    evidence: str
    shown_by: tuple[_Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Stated:
    """What the supplier states of the subject in one role, as far as a run can show it."""

    role: Role
    features: tuple[str, ...]
    policies: Mapping[str, str] = field(default_factory=dict)
    poll_interval: float | None = None
    """Seconds."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """Deadlines of its own, in seconds."""
    paced: bool = False
    """Whether the bench itself sets how often the subject polls: then that tells nothing of it."""


@dataclass(frozen=True, slots=True)
class WholeRun:
    """What a whole run saw of the subject in one role."""

    traits: Mapping[str, Trait] = field(default_factory=dict)
    """What the wire tells, by feature."""
    shown: Mapping[str, Trait] = field(default_factory=dict)
    """What the scenarios tell that were made for a feature."""
    policies: Mapping[str, PolicySeen] = field(default_factory=dict)
    poll_interval: Measured | None = None
    limits: Mapping[str, Measured] = field(default_factory=dict)


def compare(stated: Stated, catalogue: Catalogue, seen: WholeRun) -> tuple[Claim, ...]:
    """Hold a statement beside what was seen; what is neither claimed nor seen is left out."""
    return (
        *_features(stated, catalogue, seen),
        *_policies(stated, seen),
        *_poll_interval(stated, seen.poll_interval),
        *_limits(stated, seen),
    )


def _features(stated: Stated, catalogue: Catalogue, seen: WholeRun) -> Iterator[Claim]:
    nothing = Trait(None, "no scenario of the suite shows it")
    for feature in catalogue.features(stated.role):
        claimed = feature.name in stated.features
        trait = seen.traits.get(feature.name)
        if trait is None or trait.present is None:
            trait = seen.shown.get(feature.name) or trait or nothing
        standing = _standing(trait.present, claimed=claimed)
        if standing is None:
            continue
        advice = {
            Standing.NOT_CLAIMED: f"add `{feature.name}` to `features` of the statement ({feature.title})",
            Standing.CONTRADICTED: f"take `{feature.name}` out of `features` of the statement, or mend the subject",
        }
        yield Claim(
            role=stated.role,
            about="feature",
            name=feature.name,
            claimed="yes" if claimed else None,
            seen=None if trait.present is None else "yes" if trait.present else "no",
            standing=standing,
            evidence=trait.evidence,
            advice=advice.get(standing),
            shown_by=_numbers(trait.shown_by),
        )


def _standing(present: bool | None, *, claimed: bool) -> Standing | None:
    if not claimed:
        return Standing.NOT_CLAIMED if present else None
    if present is None:
        return Standing.NEVER_SEEN
    return Standing.SEEN if present else Standing.CONTRADICTED


def _policies(stated: Stated, seen: WholeRun) -> Iterator[Claim]:
    for name in dict.fromkeys([*stated.policies, *seen.policies]):
        declared, found = stated.policies.get(name), seen.policies.get(name)
        yield _policy(stated.role, name, declared, found)


def _policy(role: Role, name: str, declared: str | None, found: PolicySeen | None) -> Claim:
    if found is None:
        evidence = "nothing in the run showed how it behaves there"
        standing, likely, advice = Standing.NEVER_SEEN, None, None
    else:
        evidence, likely = found.evidence, " or ".join(sorted(found.fits)) or "none of the known values"
        if declared is None:
            standing, advice = Standing.NOT_CLAIMED, _advice(name, sorted(found.fits))
        elif found.as_declared:
            standing, likely, advice = Standing.SEEN, declared, None
        else:
            standing, likely = Standing.CONTRADICTED, "otherwise"
            advice = f"correct `{name}: {declared}` in `policies` of the statement, or mend the subject"
    return Claim(
        role=role,
        about="policy",
        name=name,
        claimed=declared,
        seen=likely,
        standing=standing,
        evidence=evidence,
        advice=advice,
        shown_by=_numbers(found.shown_by) if found else (),
    )


def _advice(name: str, fits: list[str]) -> str:
    if not fits:
        return f"no known value of `{name}` fits what it did: look at the scenarios, then declare what is meant"
    value = fits[0] if len(fits) == 1 else f"one of {', '.join(fits)}"
    return f"add `{name}: {value}` to `policies` of the statement: then it is judged, not only observed"


def _poll_interval(stated: Stated, seen: Measured | None) -> Iterator[Claim]:
    declared = stated.poll_interval
    if stated.paced or (declared is None and seen is None):
        return
    advice = None
    if seen is None:
        standing, evidence = Standing.NEVER_SEEN, "too few polls in a row to tell"
    elif declared is None:
        standing, evidence = Standing.NOT_CLAIMED, seen.evidence
        advice = f"add `poll-interval: {seen.seconds:.3g}` to the statement: the suite waits accordingly"
    elif abs(seen.seconds - declared) <= NEAR * declared:
        standing, evidence = Standing.SEEN, seen.evidence
    else:
        standing, evidence = Standing.CONTRADICTED, seen.evidence
        advice = f"state `poll-interval: {seen.seconds:.3g}`, or have the device poll every {declared:g} s"
    yield Claim(
        role=stated.role,
        about="poll-interval",
        name="poll-interval",
        claimed=None if declared is None else f"{declared:g} s",
        seen=None if seen is None else f"{seen.seconds:.3g} s",
        standing=standing,
        evidence=evidence,
        advice=advice,
        shown_by=_numbers(seen.shown_by) if seen else (),
    )


def _limits(stated: Stated, seen: WholeRun) -> Iterator[Claim]:
    for name, limit in stated.limits.items():
        found = seen.limits.get(name)
        yield Claim(
            role=stated.role,
            about="limit",
            name=name,
            claimed=f"{limit:g} s",
            seen=None if found is None else f"{found.seconds:.3g} s",
            standing=Standing.NEVER_SEEN if found is None else Standing.SEEN,
            evidence=found.evidence if found else "it is how long the suite waits; nothing measures it by itself",
            shown_by=_numbers(found.shown_by) if found else (),
        )


def _numbers(events: tuple[_Event, ...]) -> tuple[int, ...]:
    return tuple(event.n for event in events)
