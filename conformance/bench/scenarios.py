"""The scenarios as they stand in `features/`: found, listed and selected without running anything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Self

from pytest_bdd.feature import get_features
from pytest_bdd.parser import Feature, ScenarioTemplate

from conformance.bench.errors import UsageError
from conformance.catalogue import DEFAULT_REVISION, Catalogue, UnknownName, load, revisions
from conformance.record.events import Role, ScenarioStarted, titled

REQUIREMENT_TAG = "req:"
BEHAVIOUR_TAG = "behaviour:"
FEATURE_TAG = "feature:"
HOOK_TAG = "needs:"
SINCE_TAG = "since:"
UNTIL_TAG = "until:"
NOT_SELECTED = "not selected by "
"""How the reason of a scenario begins that the filters of its run left out."""
RUNNABLE: Mapping[Role, tuple[str, ...]] = {
    "device": (DEFAULT_REVISION, "1.0.0-rc.2-signed"),
    "wfm": (DEFAULT_REVISION, "1.0.0-rc.2-signed"),
}
"""Revisions that the reference of the other role and the bench speak; the others can be listed and explained."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario, or one row of a scenario outline."""

    role: Role
    feature: str
    name: str
    uri: str
    line: int
    tags: frozenset[str]
    example: Mapping[str, str]

    def tagged(self, prefix: str) -> tuple[str, ...]:
        """Give the values of all tags with a prefix, such as the requirement ids behind `req:`."""
        return tuple(sorted(tag.removeprefix(prefix) for tag in self.tags if tag.startswith(prefix)))

    @property
    def requirements(self) -> tuple[str, ...]:
        """The statements the scenario is to show."""
        return self.tagged(REQUIREMENT_TAG)

    @property
    def key(self) -> str:
        """Name a scenario in one line: where it stands, and which row."""
        return f"{self.uri}:{self.line} {self.title}"

    @property
    def title(self) -> str:
        """The name as people read it, filled in by the row."""
        return titled(self.name, self.example)

    def holds_for(self, revision: str) -> bool:
        """Whether the revision lies in the window the scenario is tagged with; without tags it holds for all."""
        order = list(reversed(revisions()))
        at = order.index(revision)
        since = max((order.index(name) for name in self.tagged(SINCE_TAG)), default=0)
        until = min((order.index(name) for name in self.tagged(UNTIL_TAG)), default=len(order) - 1)
        return since <= at <= until

    def within(self, revision: str) -> Self | None:
        """Give the scenario as it stands in a revision: without the statements that only other revisions have.

        None where the window excludes the revision, or where nothing is left to show. An id that no revision has stays,
        so that it is noticed.
        """
        if not self.holds_for(revision):
            return None
        catalogue = load(revision)
        foreign = {
            f"{REQUIREMENT_TAG}{name}"
            for name in self.requirements
            if name not in catalogue and any(name in load(other) for other in revisions())
        }
        if not foreign:
            return self
        left = self.tags - foreign
        shows = any(tag.startswith((REQUIREMENT_TAG, BEHAVIOUR_TAG)) for tag in left)
        return replace(self, tags=left) if shows else None

    def started(self, number: int) -> ScenarioStarted:
        """Give the event that begins it."""
        return ScenarioStarted(
            scenario=number,
            role=self.role,
            feature=self.feature,
            name=self.name,
            uri=self.uri,
            line=self.line,
            requirements=self.requirements,
            behaviours=self.tagged(BEHAVIOUR_TAG),
            tags=tuple(sorted(self.tags)),
            example=dict(self.example),
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """Which scenarios to run. Empty selects all; several kinds narrow one another, several of a kind widen."""

    requirements: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.requirements or self.tags or self.texts or self.keys)

    def __str__(self) -> str:
        parts = [f"--req {name}" for name in self.requirements] + [f"--tag {name}" for name in self.tags]
        parts += [f"--text {text!r}" for text in self.texts]
        parts += [f"{len(self.keys)} named scenarios"] if self.keys else []
        return " ".join(parts)

    def takes(self, scenario: Scenario) -> bool:
        """Whether the scenario is selected."""
        said = f"{scenario.feature} {scenario.name} {scenario.title}".lower()
        return (
            (not self.requirements or bool(set(self.requirements) & set(scenario.requirements)))
            and (not self.tags or bool(set(self.tags) & scenario.tags))
            and (not self.texts or any(text.lower() in said for text in self.texts))
            and (not self.keys or scenario.key in self.keys)
        )

    def checked(self, catalogue: Catalogue, known: Iterable[Scenario]) -> "Selection":
        """Give the selection with equivalent statements added.

        Raises UsageError for an unknown requirement or tag, or when nothing is selected: an empty run proves nothing.
        """
        scenarios = list(known)
        try:
            same = [other for name in self.requirements for other in catalogue.also_judges(name)]
        except UnknownName as error:
            raise UsageError(f"--req: {error}") from None
        tags = sorted({tag for scenario in scenarios for tag in scenario.tags})
        for tag in self.tags:
            if tag not in tags:
                raise UsageError(f"--tag: {UnknownName(tag, tags, 'features')}")
        wider = Selection(tuple(dict.fromkeys([*self.requirements, *same])), self.tags, self.texts, self.keys)
        if not any(wider.takes(scenario) for scenario in scenarios):
            raise UsageError(f"no scenario is selected by {self}; `margo-conformance list` shows what there is")
        return wider


def headings(found: Iterable[Scenario]) -> tuple[str, ...]:
    """Give what scenarios are called, in their order: an outline once with the number of its rows.

    One whose name has placeholders is given row by row instead, since its name alone says little.
    """
    outlines: dict[tuple[str, int], list[Scenario]] = {}
    for scenario in found:
        outlines.setdefault((scenario.uri, scenario.line), []).append(scenario)
    told: list[str] = []
    for rows in outlines.values():
        alike = len(rows) > 1 and all(row.title.startswith(row.name) for row in rows)
        told += [f"{rows[0].name} ({len(rows)} rows)"] if alike else [row.title for row in rows]
    return tuple(told)


def features_folder() -> Path:
    """Where the feature files of this installation lie."""
    with as_file(files("features")) as folder:
        return folder


@cache
def scenarios(role: Role, revision: str = DEFAULT_REVISION) -> tuple[Scenario, ...]:
    """Give every scenario of a role that can be run on a revision, in the order of files and lines."""
    if revision not in RUNNABLE[role]:
        return ()
    found = [
        within
        for feature in get_features([str(features_folder() / role)])
        for template in feature.scenarios.values()
        for scenario in rows_of(role, feature, template)
        if (within := scenario.within(revision)) is not None
    ]
    return tuple(sorted(found, key=lambda item: (item.uri, item.line)))


def rows_of(role: Role, feature: Feature, template: ScenarioTemplate) -> list[Scenario]:
    """Give a scenario, or each row of an outline."""
    rows: list[Mapping[str, Any]] = [row for examples in template.examples for row in examples.as_contexts()] or [{}]
    return [scenario_of(role, feature, template, row) for row in rows]


def scenario_of(role: Role, feature: Feature, template: ScenarioTemplate, row: Mapping[str, Any]) -> Scenario:
    """Give one scenario as pytest-bdd parsed it."""
    uri = _uri(feature.filename)
    example = {str(name): str(value) for name, value in row.items()}
    tags = frozenset(template.tags | feature.tags)
    return Scenario(role, feature.name or uri, template.name, uri, template.line_number, tags, example)


@cache
def _uri(filename: str) -> str:
    file, folder = Path(filename).resolve(), features_folder().resolve()
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else file.name
