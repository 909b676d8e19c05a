"""The catalogue: every statement of the specification as data, how it is read, and the loader of both.

Ask `load()` for a revision; everything else hangs on the `Catalogue` it gives.
"""

from conformance.catalogue.catalogue import DEFAULT_REVISION, Catalogue, load, load_folder, revisions
from conformance.catalogue.errors import (
    CatalogueError,
    UnknownFeature,
    UnknownName,
    UnknownProfile,
    UnknownRequirement,
    UnknownRevision,
    UnknownSchema,
)
from conformance.catalogue.model import Behaviour, Feature, Interpretation, ProblemType, Profile, Requirement, Wire
from conformance.catalogue.succession import Succession, succession

__all__ = [
    "DEFAULT_REVISION",
    "Behaviour",
    "Catalogue",
    "CatalogueError",
    "Feature",
    "Interpretation",
    "ProblemType",
    "Profile",
    "Requirement",
    "Succession",
    "UnknownFeature",
    "UnknownName",
    "UnknownProfile",
    "UnknownRequirement",
    "UnknownRevision",
    "UnknownSchema",
    "Wire",
    "load",
    "load_folder",
    "revisions",
    "succession",
]
