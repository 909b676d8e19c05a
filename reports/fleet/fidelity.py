"""The page of `simulate fidelity`: one fleet live and simulated, side by side, from fidelity.json alone."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reports import write_atomically
from reports.fleet.folder import WrongFolder
from reports.fleet.page import REPORT, page
from reports.fleet.section import Section
from reports.fleet.svg import Bars
from reports.fleet.units import NOTHING, duration, number, size

FIDELITY = "fidelity.json"
LIVE = "live"
REQUESTS, BYTES, ANSWER = "requests: ", "bytes of HTTP", "answer "


class Row(BaseModel):
    """One figure of all runs, by their names; `difference`: of each simulation from the live run, as a part of that."""

    model_config = ConfigDict(extra="allow", frozen=True)
    figure: str
    difference: Mapping[str, float | None]

    def value(self, run: str) -> float | None:
        """The figure of one run."""
        found = (self.model_extra or {}).get(run)
        return found if isinstance(found, int | float) else None

    @property
    def counted(self) -> bool:
        """Whether any run has it."""
        return any(self.value(run) for run in (LIVE, *self.difference))


class Told(BaseModel):
    """What fidelity.json holds."""

    model_config = ConfigDict(extra="allow", frozen=True)
    fleet: str
    devices: int
    duration_s: float
    complete: bool
    findings: tuple[str, ...] = ()
    first_manifests: int = 0
    operator: tuple[Mapping[str, str | float], ...] = ()
    figures: tuple[Row, ...] = Field(min_length=1)
    calibration: Mapping[str, object] = Field(default_factory=dict)

    @property
    def runs(self) -> tuple[str, ...]:
        """The names of the runs, the live one first."""
        return (LIVE, *self.figures[0].difference)


def is_fidelity(folder: Path) -> bool:
    """Whether `simulate fidelity` wrote this folder."""
    return (folder / FIDELITY).is_file()


def read(folder: Path) -> Told:
    """What a folder holds. Raises WrongFolder."""
    file = folder / FIDELITY
    try:
        return Told.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "(root)"
        raise WrongFolder(f"{file}: {field}: {first['msg']}; it is nothing that `simulate fidelity` wrote") from None
    except (OSError, ValueError) as error:
        raise WrongFolder(f"{file}: cannot be read: {error}") from None


def write_report(folder: Path) -> Path:
    """Render the page into the folder; gives the file. Raises WrongFolder, OSError."""
    target = folder / REPORT
    write_atomically(target, render(read(folder)))
    return target


def render(told: Told) -> str:
    """The page."""
    made = [section for section in _sections(told) if section.charts]
    return page(
        "fleet_fidelity.html.j2",
        charts=[],
        told=told,
        answer=list(answer(told)),
        sections=made,
        rows=[_cells(told, row) for row in told.figures if row.counted],
        calibration=list(_flat(told.calibration)),
    )


def answer(told: Told) -> Iterator[str]:
    """What the figures say of each simulation, in sentences."""
    if not told.complete:
        yield "PARTIAL: the live run did not come to its end, and its counts are too low."
    for run in told.runs[1:]:
        apart = [(abs(part), row) for row in told.figures if (part := row.difference.get(run)) is not None]
        apart = [(part, row) for part, row in apart if row.counted]
        if not apart:
            continue
        near = sum(part <= 0.05 for part, _ in apart)
        _, row = max(apart, key=lambda pair: pair[0])
        yield (
            f"{_name(run)}: {near} of {len(apart)} figures lie within 5 % of the live run; farthest is "
            f"{row.figure.removesuffix(', s')} ({row.difference[run]:+.1%})."
        )
    yield from (f"{finding}." for finding in told.findings)


def _name(run: str) -> str:
    return {
        "compiled": "The compiled engine",
        "simpy": "The SimPy engine",
        "calibrated": "The compiled engine with what the live run calibrated",
    }.get(run, run)


def _sections(told: Told) -> Iterator[Section]:
    rows = [row for row in told.figures if row.counted]
    requests = [row for row in rows if row.figure.startswith(REQUESTS)]
    answers = [row for row in rows if row.figure.startswith(ANSWER)]
    sizes = [row for row in rows if row.figure == BYTES]
    times = [row for row in rows if row not in (*requests, *answers, *sizes)]
    yield Section(
        "requests",
        "Requests and bytes",
        "How many requests of each kind there were, and what they carried.",
        [*_bars(told, "requests-by-kind", "Requests by kind", requests), *_bars(told, "size", "Bytes of HTTP", sizes)],
        FIDELITY,
    )
    yield Section(
        "convergence",
        "Convergence",
        "From the beginning of a rollout until a part of the devices run its revision.",
        list(_bars(told, "convergence-times", "Time until a part of the devices", times)),
        FIDELITY,
    )
    yield Section(
        "answers",
        "Answer times",
        "How long an answer takes, round trip and the WFM's work together. A simulation has what its description "
        "says; the calibrated one what the live run measured.",
        [
            chart
            for part, title in (("p50", "Median"), ("p95", "95th percentile"))
            for chart in _bars(told, f"answers-{part}", title, [row for row in answers if f" {part}:" in row.figure])
        ],
        FIDELITY,
    )


def _bars(told: Told, name: str, title: str, rows: Sequence[Row]) -> Iterator[Bars]:
    if not rows:
        return
    labels = [_label(row) for row in rows]
    yield Bars(
        name,
        title,
        "In brackets, how far it is from the live run.",
        "; ".join(f"{label}: {_written(row, row.value(LIVE))} live" for label, row in zip(labels, rows, strict=True))
        + ".",
        told.runs,
        labels,
        [[row.value(run) or 0 for run in told.runs] for row in rows],
        [[_cell(row, run) for run in told.runs] for row in rows],
    )


def _label(row: Row) -> str:
    return (
        row.figure.removeprefix(REQUESTS)
        .removeprefix(f"{ANSWER}p50: ")
        .removeprefix(f"{ANSWER}p95: ")
        .removesuffix(", s")
    )


def _written(row: Row, value: float | None) -> str:
    if value is None:
        return NOTHING
    return duration(value) if row.figure.endswith(", s") else size(value) if row.figure == BYTES else number(value)


def _cell(row: Row, run: str) -> str:
    part = row.difference.get(run)
    return _written(row, row.value(run)) + ("" if part is None else f" ({part:+.1%})")


def _cells(told: Told, row: Row) -> list[str]:
    return [row.figure.removesuffix(", s"), *(_cell(row, run) for run in told.runs)]


def _flat(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Nested figures as lines: `a.b: 3`; a distribution in one."""
    if isinstance(value, Mapping) and not {"percentiles", "lognormal"} & set(value):
        for key, part in value.items():
            yield from _flat(part, f"{name}.{key}" if name else str(key))
    elif isinstance(value, Mapping):
        yield name, ", ".join(f"{kind} {_of(of)}" for kind, of in value.items())
    elif value not in (None, []):
        yield (
            name,
            "; ".join(map(str, value))
            if isinstance(value, list)
            else f"{value:g}"
            if isinstance(value, float)
            else str(value),
        )


def _of(value: object) -> str:
    return ", ".join(f"{k}: {v:g}" for k, v in value.items()) if isinstance(value, Mapping) else str(value)
