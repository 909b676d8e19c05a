"""What can go wrong when the catalogue is read or asked: malformed data, and names nobody knows."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class CatalogueError(ValueError):
    """A data file of the catalogue does not hold what it should.

    The message names file, entry, field, expected and found.
    """

    def __init__(self, file: str, entry: str, field: str, *, expected: str, found: object) -> None:
        """Keep the five parts; `found` is shown shortened, so that a long text does not bury the message."""
        self.file, self.entry, self.field, self.expected = file, entry, field, expected
        shown = found if isinstance(found, str) else repr(found)
        self.found = shown if len(shown) <= 120 else shown[:117] + "..."
        super().__init__(f"{file}: {entry}: {field}: expected {expected}, found {self.found}")


class UnknownName(KeyError):
    """A name that is not in the catalogue; the message offers the nearest that are."""

    kind = "name"

    def __init__(self, name: str, known: Iterable[str], where: str = "") -> None:
        """Work out the nearest known names, best first, at most three: those that begin so before all others."""
        self.name = name
        choices = list(known)
        # case is the commonest slip, so both sides are compared in upper case
        by_upper = {choice.upper(): choice for choice in reversed(choices)}
        begun = [choice for choice in by_upper if name and choice.startswith(name.upper())]
        near = [*begun, *get_close_matches(name.upper(), by_upper, n=3, cutoff=0.5)]
        self.nearest = tuple(by_upper[choice] for choice in dict.fromkeys(near))[:3]
        hint = f"; nearest: {', '.join(self.nearest)}" if self.nearest else f"; known: {', '.join(choices[:12])}"
        self.message = f"unknown {self.kind} {name!r}{' in ' + where if where else ''}{hint}"
        super().__init__(self.message)

    def __str__(self) -> str:
        """Give the sentence itself: KeyError would show it quoted."""
        return self.message


class UnknownRequirement(UnknownName):
    """A requirement id that the revision does not have."""

    kind = "requirement"


class UnknownRevision(UnknownName):
    """A revision for which the catalogue holds no data."""

    kind = "revision"


class UnknownProfile(UnknownName):
    """A profile that the role does not have."""

    kind = "profile"


class UnknownFeature(UnknownName):
    """A claimed feature that the role does not have."""

    kind = "feature"


class UnknownSchema(UnknownName):
    """A document for which the revision ships no JSON Schema."""

    kind = "schema"
