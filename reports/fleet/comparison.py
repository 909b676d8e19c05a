"""Runs side by side: every figure of a baseline and of others, with difference, ratio, and whether it got worse.

Runs whose shape differs (devices, duration, rollouts, one of them partial) are not comparable: their figures are shown
all the same, and no gate passes on them. Settings that differ are told, for they are what is compared most often.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from reports.fleet.figures import Figure, Unit, figures_of
from reports.fleet.folder import Folder
from reports.fleet.units import duration

SAME = 1e-9
TOLERANCE = 0.05
"""Differences up to this part are about the same, unless another is asked for: another seed makes as much."""
SHOWN_SETTINGS = 40


class UnknownFigure(ValueError):
    """A gate names a figure that neither run has; the message names the nearest."""


class Change(StrEnum):
    """How a figure moved from the baseline."""

    SAME = "same"
    BETTER = "better"
    WORSE = "worse"
    DIFFERENT = "different"
    ABSENT = "absent"
    """One of the runs has no such figure."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Setting(_Model):
    """A key of the description that differs; None where it is absent."""

    key: str
    before: str | None
    after: str | None


class Row(_Model):
    """One figure. `before`, `after`: None where absent or never reached; `ratio`: where `before` is nothing.

    `slight`: it moved, and by no more than the tolerance; `change` says whereto all the same, for gates.
    """

    key: str
    group: str
    label: str
    unit: Unit
    before: float | None
    after: float | None
    difference: float | None
    ratio: float | None
    change: Change
    slight: bool = False


class Against(_Model):
    """One run against the baseline."""

    name: str
    comparable: bool
    cautions: tuple[str, ...]
    settings: tuple[Setting, ...]
    rows: tuple[Row, ...]


class Comparison(_Model):
    """The baseline and the runs held against it."""

    baseline: str
    runs: tuple[Against, ...]
    tolerance: float = TOLERANCE


class Failed(_Model):
    """A figure that a gate does not let pass."""

    run: str
    key: str
    label: str
    message: str


def compare(
    baseline: Folder, others: Sequence[Folder], names: Sequence[str], tolerance: float = TOLERANCE
) -> Comparison:
    """Hold runs against a baseline; `names` are those of all of them, the baseline's first."""
    runs = (_against(baseline, other, name, tolerance) for other, name in zip(others, names[1:], strict=True))
    return Comparison(baseline=names[0], runs=tuple(runs), tolerance=tolerance)


def names_of(paths: Sequence[Path]) -> list[str]:
    """Short names that tell the folders apart: their last parts, as many as it takes."""
    for parts in range(1, max(len(path.resolve().parts) for path in paths) + 1):
        names = ["/".join(path.resolve().parts[-parts:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [f"{path.resolve().name} ({n})" for n, path in enumerate(paths, 1)]


def _against(baseline: Folder, other: Folder, name: str, tolerance: float) -> Against:
    apart = tuple(_shape(baseline, other))
    cautions = (*apart, *_cautions(baseline, other))
    before, after = ({figure.key: figure for figure in figures_of(folder)} for folder in (baseline, other))
    pairs = [(before.get(key), after.get(key)) for key in dict.fromkeys((*before, *after))]
    return Against(
        name=name,
        comparable=not apart,
        cautions=cautions,
        settings=tuple(differing(_settings(baseline), _settings(other)))[:SHOWN_SETTINGS],
        rows=tuple(row_of(one, two, tolerance) for one, two in pairs if not _nothing(one, two)),
    )


def _shape(baseline: Folder, other: Folder) -> Iterator[str]:
    """What makes two runs incomparable."""
    for which, folder in (("the baseline", baseline), ("this run", other)):
        if not folder.summary.complete:
            yield f"{which} is partial: its counts are too low"
    one, two = baseline.summary, other.summary
    if one.devices != two.devices:
        yield f"other number of devices: {one.devices:,} and {two.devices:,}"
    if not math.isclose(one.duration_s, two.duration_s):
        yield f"other duration: {duration(one.duration_s)} and {duration(two.duration_s)}"
    rollouts = [[(rollout.application, rollout.revision) for rollout in s.rollouts] for s in (one, two)]
    if rollouts[0] != rollouts[1]:
        texts = [", ".join(revision for _, revision in of) or "none" for of in rollouts]
        yield f"other rollouts: {texts[0]} and {texts[1]}"


def _cautions(baseline: Folder, other: Folder) -> Iterator[str]:
    """What has to be known about the comparison, which it does not forbid."""
    one, two = baseline.summary, other.summary
    if one.name != two.name:
        yield f"other fleet by its name: {one.name} and {two.name}"
    if baseline.live != other.live:
        yield "one run is live and the other simulated: what both count is compared, latency is not"
    if one.seed != two.seed:
        yield f"other seed: {one.seed} and {two.seed}; small differences may be chance"
    if not (baseline.description and other.description):
        yield "one run has no fleet.yaml: whether other settings differ is not known"


def _nothing(before: Figure | None, after: Figure | None) -> bool:
    """Whether one run has no such figure, and the other no value of it: there is nothing to tell."""
    one, two = (None if figure is None else figure.value for figure in (before, after))
    return one is two is None and (before is None or after is None)


def row_of(before: Figure | None, after: Figure | None, tolerance: float = TOLERANCE) -> Row:
    """Compare one figure; a convergence that is never reached is worse than any that is."""
    known = before or after
    assert known is not None  # noqa: S101 - keys come from one of both
    one, two = (None if figure is None else figure.value for figure in (before, after))
    both = one is not None and two is not None
    difference = two - one if one is not None and two is not None else None
    ratio = two / one if both and one and two is not None else None
    change = _change(before, after)
    return Row(
        key=known.key,
        group=known.group,
        label=known.label,
        unit=known.unit,
        before=one,
        after=two,
        difference=difference,
        ratio=ratio,
        change=change,
        slight=change is not Change.SAME and ratio is not None and abs(ratio - 1) <= tolerance,
    )


def _change(before: Figure | None, after: Figure | None) -> Change:
    if before is None or after is None:
        return Change.ABSENT
    one, two = before.value, after.value
    if one is None or two is None:
        if one is two:
            return Change.SAME
        # never reached: for times only, where less is better
        return Change.WORSE if two is None else Change.BETTER
    if math.isclose(one, two, rel_tol=SAME, abs_tol=SAME):
        return Change.SAME
    if before.lower_is_better is None:
        return Change.DIFFERENT
    return Change.WORSE if (two > one) == before.lower_is_better else Change.BETTER


def failures_of(comparison: Comparison, limits: Mapping[str, float]) -> list[Failed]:
    """What got worse by more than its limit; `limits`: parts (0.1 is 10 %) by figure, "" for all that can be worse.

    Raises UnknownFigure.
    """
    known = {row.key for run in comparison.runs for row in run.rows}
    for key in limits:
        if key and key not in known:
            near = get_close_matches(key, known, n=1)
            raise UnknownFigure(f"no run has a figure {key!r}" + (f"; nearest: {near[0]}" if near else ""))
    return [failed for run in comparison.runs for failed in _failures(run, limits)]


def _failures(run: Against, limits: Mapping[str, float]) -> Iterator[Failed]:
    for row in run.rows:
        limit = limits.get(row.key, limits.get(""))
        if limit is None or row.change is not Change.WORSE:
            continue
        if row.ratio is None or abs(row.ratio - 1) > limit:
            message = f"{_how(row)}, at most {100 * limit:g} % worse is allowed"
            yield Failed(run=run.name, key=row.key, label=row.label, message=message)


def _how(row: Row) -> str:
    if row.after is None:
        return "no longer reached"
    return "worse from nothing" if row.ratio is None else f"worse by {100 * abs(row.ratio - 1):.3g} %"


def unseen(comparison: Comparison, limits: Mapping[str, float]) -> list[str]:
    """Why a gate can say nothing: runs that are not comparable, and figures it names that one of them lacks."""
    told = [f"{run.name}: {caution}" for run in comparison.runs if not run.comparable for caution in run.cautions[:1]]
    return told + [
        f"{run.name}: {row.key} is absent from one of the runs"
        for run in comparison.runs
        for row in run.rows
        if row.key in limits and row.change is Change.ABSENT
    ]


def _settings(folder: Folder) -> dict[str, str]:
    """Those of the fleet, and what a live run was asked for beside it."""
    live = dict(_leaves(folder.summary.settings, "live"))
    try:
        return dict(_leaves(yaml.safe_load(folder.description) or {})) | live
    except yaml.YAMLError:
        return live


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value by its path; members of lists by their name, or else their position."""
    if isinstance(value, dict):
        for key, part in value.items():
            if path or key != "variants":
                yield from _leaves(part, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(part, dict) for part in value):
        for n, part in enumerate(value):
            name = part.get("name", n) if isinstance(part, dict) else n
            yield from _leaves(part, f"{path}.{name}")
    else:
        yield path, f"{value:g}" if isinstance(value, float) else str(value)


def differing(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Setting]:
    """The settings that are not the same; seed and question are told elsewhere."""
    for key in dict.fromkeys((*before, *after)):
        if before.get(key) != after.get(key) and key not in ("seed", "question"):
            yield Setting(key=key, before=before.get(key), after=after.get(key))
