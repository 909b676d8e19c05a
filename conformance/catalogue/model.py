"""The shapes of the catalogue's entries: frozen, closed (an unknown key is an error), one class per kind of entry."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

Role = Literal[
    "device",
    "wfm",
    "identity-service",
    "application",
    "registry",
    "operator",
    "end-user",
    "cloud-vendor",
    "spec-editors",
    "toolkit",
]
Severity = Literal["must", "should", "may", "info"]
Observable = Literal["black-box", "partly", "grey-box", "not-observable"]
Basis = Literal["normative", "ambiguous", "undefined"]

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
RequirementId = Annotated[str, StringConstraints(pattern=r"^[A-Z]+(-[A-Z]+)*-[0-9]{2,3}$")]


def _read_only(mapping: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType(dict(mapping))


def _read_only_texts(mapping: Mapping[Role, str]) -> Mapping[Role, str]:
    return MappingProxyType(dict(mapping))


Policies = Annotated[Mapping[str, tuple[Text, ...]], AfterValidator(_read_only)]


class Entry(BaseModel):
    """What all entries share: they never change after loading and refuse keys nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Requirement(Entry):
    """One normative statement of one revision, paraphrased.

    `level` is the keyword as the text has it, `severity` what breaking the statement means. `binds` are the roles that
    have to comply; `gateway` narrows the device to one that is a gateway. `same_as` are ids that say the same thing,
    `parts` the ids that together say what this one says, `part_of` the reverse of `parts`. `not_tested` says why nobody
    can test it, `untested_on` why the suite of one role does not: there it still counts as not covered.
    """

    id: RequirementId
    area: Text
    level: Text
    severity: Severity
    binds: tuple[Role, ...] = Field(min_length=1)
    gateway: bool = False
    binds_note: Text | None = None
    statement: Text
    source: Text
    observable: Observable
    how: Text
    not_tested: Text | None = None
    untested_on: Annotated[Mapping[Role, Text], AfterValidator(_read_only_texts)] = Field(
        default_factory=lambda: MappingProxyType({})
    )
    same_as: tuple[RequirementId, ...] = ()
    parts: tuple[RequirementId, ...] = ()
    part_of: tuple[RequirementId, ...] = ()

    @property
    def observable_from_outside(self) -> bool:
        """Whether a bench can see it at all, alone (black-box), with a hook (grey-box), or in part."""
        return self.observable != "not-observable"

    @property
    def testable(self) -> bool:
        """Whether a scenario for it is due: it can be seen, and nothing is written down against testing it."""
        return self.observable_from_outside and self.not_tested is None


class Behaviour(Entry):
    """A standard behaviour in failure and recovery, or a user story.

    `see` are the statements it rests on in the loaded revision. `policy` maps the name of a declaration in the
    implementation conformance statement to its permitted values, the default first. `control` are the device hooks or
    network controls a bench needs; empty means that serving and watching are enough. `not_tested` says why no scenario
    shows it, or which part of it none shows.
    """

    id: RequirementId
    title: Text
    basis: Basis
    statement: Text
    see: tuple[RequirementId, ...] = ()
    policy: Policies = Field(default_factory=lambda: MappingProxyType({}))
    control: tuple[Text, ...] = ()
    not_tested: Text | None = None


class Interpretation(Entry):
    """An ambiguity or contradiction of the text and the reading this suite follows.

    `requirements` are the statements whose judgement depends on the reading, `why` what speaks for it; `upstream`
    names threads of the specification's own repositories (`owner/name#number`) that discuss it. The checks that depend
    on a reading name it themselves; where none does, `no_check` says why.
    """

    id: RequirementId
    where: Text
    issue: Text
    reading: Text
    why: Text | None = None
    no_check: Text | None = None
    requirements: tuple[RequirementId, ...] = ()
    upstream: tuple[Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+#[0-9]+$")], ...] = ()


class Wire(Entry):
    """What a revision puts on the wire differently from another, where one and the same check expects either.

    `root` is what the client's routes begin with, `{clientId}` standing for the client; `sharing` the directive of
    `Cache-Control` by which content is kept from shared caches, or is not. `deployment` are the members that stand
    round a deployment's document, with their values where these are given. `problems`: errors are problem documents of
    registered types (RFC 9457). `schemas_of`: the revision whose JSON Schemas are used where it has none of its own.
    """

    root: Text
    sharing: Literal["private", "public"]
    deployment: Mapping[Text, Text | None] = {}
    problems: bool
    schemas_of: Text | None = None


class ProblemType(Entry):
    """A registered problem type (RFC 9457): fragment below the registry's base URI, HTTP status, and API it is for."""

    fragment: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]+$")]
    status: int = Field(ge=400, le=599)
    area: Literal["management", "trust-bundle"]
    title: Text
    uri: Text


class Feature(Entry):
    """Something a subject of a role may or may not have; the statements named hold only for those that claim it.

    One without statements of its own only chooses scenarios.
    """

    role: Role
    name: Text
    title: Text
    requirements: tuple[RequirementId, ...] = ()


class Profile(Entry):
    """A shipped, versioned set of claims for one role.

    `claims` are the features claimed unless the subject's own statement says otherwise, `mandatory` the ids of every
    MUST that binds the role under these claims.
    """

    role: Role
    name: Text
    version: int = Field(ge=1)
    title: Text
    claims: tuple[Text, ...]
    mandatory: tuple[RequirementId, ...]
