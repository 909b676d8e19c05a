"""Curves of several runs in one picture, the baseline first; and the page of a comparison."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reports.fleet import comparison_text as text
from reports.fleet import series as over
from reports.fleet.comparison import Comparison
from reports.fleet.derived import waves_of
from reports.fleet.figures import FAILED
from reports.fleet.folder import Folder
from reports.fleet.herd import herds, reached, step_of
from reports.fleet.load import after_axis, shown_after
from reports.fleet.page import page
from reports.fleet.section import Section, marks_of
from reports.fleet.svg import Axis, Bars, Chart, Series, of_time, zero_based
from reports.fleet.units import clock, duration, number, size


@dataclass(frozen=True, slots=True)
class Named:
    """A run with the name that legends give it."""

    name: str
    folder: Folder


Curve = tuple[str, Sequence[float], Sequence[float | None]]


def render(runs: Sequence[Named], comparison: Comparison) -> str:
    """The page: what differs, every figure, and the curves of all runs."""
    made = sections(runs)
    return page(
        "fleet_compare.html.j2",
        charts=(chart for section in made for chart in section.charts),
        runs=runs,
        comparison=comparison,
        sections=made,
        verdict=text.verdict,
        mark=text.mark,
        value=text.value,
        difference=text.difference,
        ratio=text.ratio,
    )


def sections(runs: Sequence[Named]) -> list[Section]:
    """The pictures that at least one run has something for."""
    made = (
        Section(
            "convergence", "Convergence", "All waves of a rollout together.", list(_rollouts(runs)), "convergence.csv"
        ),
        Section("requests", "Requests over time", "What the WFM has to answer.", list(_requests(runs)), "rates.csv"),
        Section("herd", "Herds after outages", "From shortly before the end of each.", list(_herds(runs)), "rates.csv"),
        Section("queue", "Queue and failing requests", "", list(_queue(runs)), "rates.csv"),
        Section("bytes", "Bytes per device and day", "Both directions.", list(_bytes(runs)), "summary.json"),
    )
    return [section for section in made if section.charts]


def _chart(id_: str, title: str, note: str, curves: list[Curve], x: Axis, y: str, **more: Any) -> Chart:
    shown = [Series(name, xs, ys, n, more.get("kind", "line")) for n, (name, xs, ys) in enumerate(curves, 1)]
    highest = [max((y for y in s.ys if y is not None), default=0) for s in shown]
    says = "; ".join(f"{s.name}: at most {number(high)}" for s, high in zip(shown, highest, strict=True)) + "."
    axis = more.get("axis") or zero_based(y, max(highest, default=0), number)
    return Chart(
        id_,
        title,
        note,
        says,
        x,
        axis,
        shown,
        more.get("marks", ()),
        small=more.get("small", False),
        at=more.get("at", clock),
        value=more.get("value"),
    )


def _whole(runs: Sequence[Named]) -> Axis:
    longest = max(len(reached(run.folder)) * step_of(run.folder) for run in runs)
    return of_time("time of the run", 0, longest, duration)


def _stepped(run: Named, values: Sequence[float], put: Callable[[list[float]], float]) -> Curve:
    each, step = over.rows_in_step(len(values)), step_of(run.folder)
    ys = over.by_step(values, each, put)
    return run.name, [(n + 0.5) * each * step for n in range(len(ys))], ys


def _requests(runs: Sequence[Named]) -> Iterator[Chart]:
    rates = [(run, reached(run.folder)) for run in runs]
    there = [(run, values) for run, values in rates if values]
    if not there:
        return
    steps = " and ".join(dict.fromkeys(duration(step_of(run.folder)) for run, _ in there))
    marks = marks_of(runs[0].folder)
    for id_, title, put in (
        ("median", "Requests per second, median of each step", over.percentile(0.5)),
        ("highest", "Requests per second, highest in each step", max),
    ):
        curves = [_stepped(run, values, put) for run, values in there]
        note = f"Of means over {steps}. Marks are those of {runs[0].name}."
        yield _chart(id_, title, note, curves, _whole(runs), "requests/s", marks=marks)


def _rollouts(runs: Sequence[Named]) -> Iterator[Chart]:
    most = max(len(run.folder.summary.rollouts) for run in runs)
    for n in range(1, most + 1):
        there = [(run, curve) for run in runs if (curve := _rollout(run.folder, n)) is not None]
        if not there:
            continue
        revision = there[0][0].folder.summary.rollouts[n - 1].revision
        reach = max(_nearly(*curve) for _, curve in there)
        x = of_time("time since the first wave began", 0, 1.15 * reach, duration)
        shown: list[Curve] = [(run.name, *over.thinned(*over.until(*curve, x.high))) for run, curve in there]
        y = Axis("% of the devices of all waves", 0, 100, (0, 25, 50, 75, 100), lambda value: f"{value:g} %")
        note = "Counted when an installation succeeded."
        yield _chart(
            f"rollout-{n}",
            f"Devices that adopted {revision}",
            note,
            shown,
            x,
            "",
            axis=y,
            kind="step",
            at=duration,
            value=lambda value: f"{value:.1f} %",
        )


def _rollout(folder: Folder, n: int) -> tuple[list[float], list[float]] | None:
    """All waves of a rollout: seconds since the first began, per cent of the devices of all."""
    waves, table = waves_of(folder), folder.table("convergence")
    of = [k for k, rollout in enumerate(waves.get("rollout", ())) if rollout == n]
    columns = [column for name, column in table.items() if name.startswith(f"rollout {n} (")]
    devices = sum(waves["devices"][k] for k in of)
    if not columns or not devices:
        return None
    began = min(waves["at_s"][k] for k in of)
    pairs = [
        (time - began, 100 * sum(cells) / devices)
        for time, *cells in zip(table["time_s"], *columns, strict=True)
        if time > began
    ]
    return [0.0, *(x for x, _ in pairs)], [0.0, *(y for _, y in pairs)]


def _nearly(xs: Sequence[float], ys: Sequence[float]) -> float:
    return next(x for x, y in zip(xs, ys, strict=True) if y >= 0.995 * ys[-1])


def _herds(runs: Sequence[Named]) -> Iterator[Chart]:
    found = [(run, {herd.ended: herd for herd in herds(run.folder)}) for run in runs]
    for ended in sorted({ended for _, of in found for ended in of}):
        there = [(run, of[ended]) for run, of in found if ended in of]
        first = there[0][1]
        low = max(0.0, ended - 120)
        high = min(*(herd.until for _, herd in there), ended + max(shown_after(herd) for _, herd in there))
        curves: list[Curve] = []
        for run, _ in there:
            step = step_of(run.folder)
            rates = reached(run.folder)
            curves.append((run.name, *over.within([n * step for n in range(len(rates))], rates, low, high)))
        yield _chart(
            f"herd-{ended:.0f}",
            f"{clock(ended)}: end of {first.kind}",
            "Requests per second that reach the WFM, step by step as counted.",
            curves,
            after_axis(low, high, ended),
            "requests/s",
        )


def _queue(runs: Sequence[Named]) -> Iterator[Chart]:
    queues = [(run, run.folder.table("rates").get("longest_queue", ())) for run in runs]
    if any(any(values) for _, values in queues):
        curves = [_stepped(run, values, max) for run, values in queues if values]
        yield _chart(
            "queue-of-all", "Longest queue at the WFM", "In each step.", curves, _whole(runs), "requests waiting"
        )
    failing = [(run, _failing(run.folder)) for run in runs]
    if any(any(values) for _, values in failing):
        curves = [_stepped(run, values, lambda some: sum(some) / len(some)) for run, values in failing if values]
        note = "Refused, without a WFM, or lost; means of each step."
        yield _chart("failing-of-all", "Requests that fail, per second", note, curves, _whole(runs), "requests/s")


def _failing(folder: Folder) -> list[float]:
    table, step = folder.table("rates"), step_of(folder)
    columns = [table[name] for name in FAILED if name in table]
    return [sum(cell or 0 for cell in cells) / step for cells in zip(*columns, strict=True)]


def _bytes(runs: Sequence[Named]) -> Iterator[Bars]:
    there = [(run.name, value) for run in runs if (value := run.folder.summary.bytes_per_device_and_day) is not None]
    if there:
        yield Bars(
            "bytes-of-all",
            "Bytes per device and day",
            "Both directions, on average.",
            "; ".join(f"{name}: {size(value)}" for name, value in there) + ".",
            ("bytes",),
            [name for name, _ in there],
            [[value] for _, value in there],
            [[size(value)] for _, value in there],
        )
