"""What became of the statements of one revision in another: the same, in other words, under other ids, or gone.

The data is `succession.yaml` of the later revision. Ids are stable: what both have under one id is one statement.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

from pydantic import Field

from conformance.catalogue.catalogue import Catalogue, load
from conformance.catalogue.errors import CatalogueError
from conformance.catalogue.model import Entry, RequirementId, Text
from conformance.catalogue.reading import as_mapping, build, check_known, read_yaml

FILE = "succession.yaml"


class Replaced(Entry):
    """A statement that is gone: the ids of those in its place (none: nothing is), and what changes for a supplier."""

    by: tuple[RequirementId, ...]
    change: Text


class _Content(Entry):
    after: Text
    replaced: Mapping[RequirementId, Replaced] = Field(default_factory=dict)
    unchanged: tuple[RequirementId, ...] = ()
    unread: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class Succession:
    """How one revision leads to another.

    `replaced` has what is gone, `restated` the ids of the later revision that only say what others there say, which the
    earlier one has too, `unchanged` those with other words and the same meaning, and `unread` the areas of which one of
    the two catalogues has no pages. Without `known` nobody wrote it down, and only ids can be compared.
    """

    replaced: Mapping[str, Replaced]
    restated: Mapping[str, tuple[str, ...]]
    unchanged: frozenset[str]
    unread: frozenset[str]
    known: bool = True


def succession(before: str, after: str) -> Succession:
    """Tell how a revision leads to another, forwards or backwards.

    Of two without a file nothing is known but their ids. Raises `UnknownRevision`, or `CatalogueError` for a file that
    names a statement that is not there, or does not say what became of one.
    """
    former, later = load(before), load(after)
    forwards = _read(former, later)
    read = forwards or _read(later, former)
    content = read or _Content(after=before)
    return Succession(
        replaced=content.replaced if forwards else _backwards(content, later),
        restated=_restated(former, later),
        unchanged=frozenset(content.unchanged),
        unread=frozenset(content.unread),
        known=read is not None,
    )


@cache
def _shipped(revision: str) -> Traversable:
    return files("conformance.catalogue") / revision / FILE


def _read(former: Catalogue, later: Catalogue) -> _Content | None:
    file = _shipped(later.revision)
    return read_succession(file, former, later) if file.is_file() else None


def read_succession(file: Traversable, former: Catalogue, later: Catalogue) -> _Content | None:
    """Read such a file; None when it is about another revision. Raises `CatalogueError`."""
    raw = as_mapping(file, "file", read_yaml(file))
    content = build(_Content, file, "file", raw)
    if content.after != former.revision:
        return None
    new, old = {item.id for item in later.requirements}, {item.id for item in former.requirements}
    check_known(file, "replaced", f"ids of {former.revision} that {later.revision} lacks", content.replaced, old - new)
    for name, item in content.replaced.items():
        check_known(file, name, "by", item.by, new)
    silent = sorted(old - new - set(content.replaced))
    if silent:
        expected = f"every id of {former.revision} that {later.revision} lacks"
        raise CatalogueError(str(file), "replaced", "ids", expected=expected, found=f"nothing of {', '.join(silent)}")
    check_known(file, "unchanged", f"ids that {former.revision} has too", content.unchanged, old & new)
    areas = {item.area for item in later.requirements}
    strange = [area for area in content.unread if area not in areas]
    if strange:
        raise CatalogueError(str(file), "unread", "areas", expected="areas of the revision", found=", ".join(strange))
    return content


def _backwards(content: _Content, earlier: Catalogue) -> Mapping[str, Replaced]:
    by: dict[str, list[str]] = defaultdict(list)
    for name, item in content.replaced.items():
        for other in item.by:
            if other not in earlier:
                by[other].append(name)
    told = "It goes back to what the earlier revision says."
    return {name: Replaced(by=tuple(names), change=told) for name, names in by.items()}


def _restated(former: Catalogue, later: Catalogue) -> Mapping[str, tuple[str, ...]]:
    """Give the new ids that say the same as ones that both have, alone or together."""
    restated = {}
    for item in later.requirements:
        if item.id in former:
            continue
        same = tuple(other for other in item.same_as if other in former)
        parts = item.parts if item.parts and all(part in former for part in item.parts) else ()
        if same or parts:
            restated[item.id] = same or parts
    return MappingProxyType(restated)
