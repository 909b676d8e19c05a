"""The draft of a statement (ICS): what a subject may claim, what was seen of it, and what is left to decide."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from conformance.catalogue import Catalogue, Feature, Profile
from conformance.checks.claims import Trait
from conformance.record.events import Role

SHOWN = 200
"""Characters of something that a subject said which are repeated in a comment."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What watching a subject told of it; features that could not be told are left to the supplier."""

    traits: Mapping[str, Trait]
    names: Mapping[str, str] = field(default_factory=dict)
    """`vendor` and `version`, as far as the subject said them."""
    poll_interval: tuple[float, str] | None = None
    """Seconds, and the evidence."""
    observations: tuple[str, ...] = ()
    """What else was seen, a line each."""


def draft(
    catalogue: Catalogue, profile: Profile, role: Role, name: str, learned: Learned | None = None
) -> Iterator[str]:
    """Give the lines of a statement, with comments that say what each part is for, and what shows it."""
    yield f"# What the supplier states about the {role} under test; the suite compares it with what it sees."
    yield from _observations(learned)
    yield f"role: {role}"
    yield f"revision: {catalogue.revision}"
    yield "subject:"
    yield f"  name: {json.dumps(name)}"
    for key, example in (("vendor", "Example Inc."), ("version", "1.0.0")):
        said = learned.names.get(key) if learned else None
        yield f"  {key}: {json.dumps(said)}" if said else f"  # {key}: {example}"
    yield ""
    others = ", ".join(item.name for item in catalogue.profiles(role))
    yield f"# {profile.title} (there are: {others})"
    yield f"profile: {profile.name}"
    yield from _features(catalogue, profile, role, learned)
    if role == "device":
        yield from _poll_interval(learned)
        yield from _policies(catalogue)
    yield from _limits()


def _observations(learned: Learned | None) -> Iterator[str]:
    if learned is None:
        return
    yield "# Drafted by watching it: `seen` tells what shows a claim, `decide` what watching cannot tell."
    yield "#"
    yield from (f"# seen: {comment(line)}" for line in learned.observations)
    yield ""


def _features(catalogue: Catalogue, profile: Profile, role: Role, learned: Learned | None) -> Iterator[str]:
    features = catalogue.features(role)
    if not features:
        return
    traits = learned.traits if learned else {}
    claimed = {item.name for item in features if _claimed(item, profile, learned)}
    yield ""
    yield "# What it has. Statements that belong to a feature hold only when it is claimed here."
    yield "features:" if claimed else "features: []"
    for feature in features:
        lead = "" if feature.name in claimed else "# "
        yield f"  {lead}- {feature.name}  # {feature.title}{_evidence(traits.get(feature.name), learned)}"


def _claimed(feature: Feature, profile: Profile, learned: Learned | None) -> bool:
    if learned is None:
        return feature.name in profile.claims
    return feature.name in learned.traits and learned.traits[feature.name].present is True


def _evidence(trait: Trait | None, learned: Learned | None) -> str:
    if learned is None:
        return ""
    if trait is None:
        return " | decide"
    return f" | {'decide' if trait.present is None else 'seen'}: {comment(trait.evidence)}"


def _poll_interval(learned: Learned | None) -> Iterator[str]:
    yield ""
    yield "# Seconds between two polls; the suite waits accordingly."
    if learned and learned.poll_interval:
        seconds, evidence = learned.poll_interval
        yield f"poll-interval: {seconds:.3g}  # seen: {comment(evidence)}"
    else:
        yield "# poll-interval: 10"


def _policies(catalogue: Catalogue) -> Iterator[str]:
    policies: dict[str, tuple[tuple[str, ...], list[str]]] = {}
    for behaviour in catalogue.behaviours:
        for name, values in behaviour.policy.items():
            policies.setdefault(name, (values, []))[1].append(behaviour.title)
    yield ""
    yield "# How it behaves where nothing is prescribed. Leave a line commented to declare nothing: then the suite"
    yield "# reports what it saw."
    yield "policies: {}"
    for name, (values, titles) in policies.items():
        yield f"#  {name}: {values[0]}  # {' | '.join(values)}: {'; '.join(titles)}"


def _limits() -> Iterator[str]:
    from conformance.bench.deadlines import Deadlines  # noqa: PLC0415 - only needed when a draft is written

    yield ""
    yield "# How long the suite waits, in seconds, where the defaults are too short for the subject."
    yield "limits: {}"
    for name, value in Deadlines().as_dict().items():
        yield f"#  {name}: {value:g}"


def comment(text: str) -> str:
    """Give what a subject said so that it can stand in a comment of one line, and nothing of it is read as YAML."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(plain.split())[:SHOWN]
