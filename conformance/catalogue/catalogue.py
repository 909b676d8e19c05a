"""The catalogue of one revision: what the specification says, and what this suite makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any

from conformance.catalogue import loading
from conformance.catalogue.errors import (
    UnknownFeature,
    UnknownProfile,
    UnknownRequirement,
    UnknownRevision,
    UnknownSchema,
)
from conformance.catalogue.model import Behaviour, Feature, Interpretation, ProblemType, Profile, Requirement, Wire

DEFAULT_REVISION = "1.0.0-rc.3"
# newest first; naming them keeps a stray folder from becoming a revision
_REVISIONS = (DEFAULT_REVISION, "1.0.0-rc.2-signed", "2024-10")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything known about one revision, loaded once and never changed.

    `requirements` keeps the order of the text; the mappings are read-only. `digest` (`sha256:<hex>`) covers every data
    file, so a report can say which catalogue judged it.
    """

    revision: str
    requirements: tuple[Requirement, ...]
    behaviours: tuple[Behaviour, ...]
    interpretations: tuple[Interpretation, ...]
    problem_types: Mapping[str, ProblemType]
    digest: str
    _by_id: Mapping[str, Requirement]
    _features: Mapping[tuple[str, str], Feature]
    _profiles: Mapping[tuple[str, str], Profile]
    _schemas: Mapping[str, dict[str, Any]]
    _wire: Wire | None = None

    def __contains__(self, requirement_id: object) -> bool:
        """Tell whether this revision has a statement of that id."""
        return requirement_id in self._by_id

    def requirement(self, requirement_id: str) -> Requirement:
        """Give the statement of that id; raises `UnknownRequirement` with the nearest known ids."""
        try:
            return self._by_id[requirement_id]
        except KeyError:
            raise UnknownRequirement(requirement_id, self._by_id, self.revision) from None

    def for_role(self, role: str) -> tuple[Requirement, ...]:
        """Give the statements that bind the role, in the order of the text."""
        return tuple(item for item in self.requirements if role in item.binds)

    def also_judges(self, requirement_id: str) -> tuple[str, ...]:
        """Give the ids for which a finding about this id is a finding too: those that say the same.

        Statements this one is only a part of are not among them: a passed part is not the whole.
        """
        return self.requirement(requirement_id).same_as

    def interpretations_of(self, requirement_id: str) -> tuple[Interpretation, ...]:
        """Give the readings that bear on a statement or on one that says the same."""
        ids = {requirement_id, *self.requirement(requirement_id).same_as}
        return tuple(item for item in self.interpretations if ids.intersection(item.requirements))

    def behaviour(self, behaviour_id: str) -> Behaviour | None:
        """Give the behaviour of that id; None when there is none."""
        return next((item for item in self.behaviours if item.id == behaviour_id), None)

    def interpretation(self, interpretation_id: str) -> Interpretation | None:
        """Give the reading of that id; None when there is none."""
        return next((item for item in self.interpretations if item.id == interpretation_id), None)

    def behaviours_of(self, requirement_id: str) -> tuple[Behaviour, ...]:
        """Give the behaviours that rest on a statement or on one that says the same."""
        ids = {requirement_id, *self.requirement(requirement_id).same_as}
        return tuple(item for item in self.behaviours if ids.intersection(item.see))

    def profile(self, role: str, name: str) -> Profile:
        """Give a shipped profile; raises `UnknownProfile` with the nearest, written `role/name`."""
        try:
            return self._profiles[role, name]
        except KeyError:
            known = (f"{known_role}/{known_name}" for known_role, known_name in self._profiles)
            raise UnknownProfile(f"{role}/{name}", known, self.revision) from None

    def profiles(self, role: str) -> tuple[Profile, ...]:
        """Give the shipped profiles of a role, the usual one first."""
        return tuple(profile for (of, _), profile in self._profiles.items() if of == role)

    def features(self, role: str) -> tuple[Feature, ...]:
        """Give the features a subject of the role may claim."""
        return tuple(feature for (of, _), feature in self._features.items() if of == role)

    def applicable(self, role: str, claims: Iterable[str]) -> tuple[Requirement, ...]:
        """Give the statements that hold for a subject with these claims; raises `UnknownFeature`."""
        names = [feature.name for feature in self.features(role)]
        wanted = list(claims)
        for claim in wanted:
            if claim not in names:
                raise UnknownFeature(claim, names, f"{self.revision}, role {role}")
        return tuple(loading.applicable(self.requirements, self._features.values(), role, wanted))

    def schema(self, name: str) -> dict[str, Any]:
        """Give the JSON Schema (draft 2020-12) of a document; raises `UnknownSchema`."""
        try:
            return self._schemas[name]
        except KeyError:
            raise UnknownSchema(name, self._schemas, self.revision) from None

    @property
    def wire(self) -> Wire:
        """What the revision puts on the wire in its own way; raises `UnknownSchema` where nothing is told of it."""
        if self._wire is None:
            raise UnknownSchema("wire", (), self.revision)
        return self._wire

    @property
    def schema_names(self) -> tuple[str, ...]:
        """The documents for which the revision ships a JSON Schema."""
        return tuple(self._schemas)


def revisions() -> tuple[str, ...]:
    """Give the revisions the catalogue knows, newest first."""
    return _REVISIONS


def load(revision: str = DEFAULT_REVISION) -> Catalogue:
    """Give the catalogue of a revision, loaded once per process.

    Raises `UnknownRevision` with the nearest names, or `CatalogueError` when the shipped data is damaged.
    """
    if revision not in _REVISIONS:
        raise UnknownRevision(revision, _REVISIONS)
    return _load_shipped(revision)


@cache
def _load_shipped(revision: str) -> Catalogue:
    data = files("conformance.catalogue")
    return load_folder(revision, data / revision, data / "behaviours.yaml")


def load_folder(revision: str, folder: Traversable, behaviours: Traversable) -> Catalogue:
    """Load a catalogue from any folder laid out like the shipped ones. Raises `CatalogueError`."""
    requirements = loading.read_requirements(folder)
    features, profiles = loading.read_profiles(folder, requirements)
    wire = loading.read_wire(folder)
    other = load(wire.schemas_of) if wire and wire.schemas_of else None
    shared = {name: other.schema(name) for name in other.schema_names} if other else {}
    return Catalogue(
        revision=revision,
        requirements=tuple(requirements.values()),
        behaviours=tuple(loading.read_behaviours(behaviours, requirements).values()),
        interpretations=tuple(loading.read_interpretations(folder, requirements).values()),
        problem_types=MappingProxyType(loading.read_problem_types(folder)),
        digest=loading.digest(folder, [behaviours]),
        _by_id=MappingProxyType(requirements),
        _features=MappingProxyType(features),
        _profiles=MappingProxyType(profiles),
        _schemas=MappingProxyType({**shared, **loading.read_schemas(folder)}),
        _wire=wire,
    )
