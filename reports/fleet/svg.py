"""Charts as inline SVG: curves in a plane that stretches with the page, text and ticks beside it that never do.

No chart library gives a file that is small, follows the reader's colours (light, dark, paper) without a script, loads
nothing, and satisfies a content security policy without inline styles; drawing paths is all that is left to do here.
Colours and dashes are classes of the style sheet: s1, s2, .. for series.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from markupsafe import Markup

PLANE = (1000.0, 400.0)
"""Width and height of the plane in which curves are drawn; it is stretched over the plot."""
SHADES = 5
"""Series before colours and dashes come again."""
CLOSE = 0.025
"""Part of the width within which two numbers would touch."""
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
_TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800)


@dataclass(frozen=True, slots=True)
class Axis:
    """From `low` to `high`, with a tick at each value; `written` makes a tick's text."""

    label: str
    low: float
    high: float
    ticks: tuple[float, ...]
    written: Callable[[float], str]

    def part(self, value: float) -> float:
        """Where a value lies: 0 at `low`, 1 at `high`."""
        return (value - self.low) / (self.high - self.low)


def zero_based(label: str, highest: float, written: Callable[[float], str]) -> Axis:
    """An axis from nothing to a round number at or above the highest value."""
    if not highest > 0:
        return Axis(label, 0.0, 1.0, (0.0, 1.0), written)
    exponent = math.floor(math.log10(highest / 4))
    step = next(n * 10.0**exponent for n in _NICE if n * 10.0**exponent * 5 >= highest)
    count = math.ceil(highest / step - 1e-9)
    return Axis(label, 0.0, count * step, tuple(n * step for n in range(count + 1)), written)


def of_time(label: str, low: float, high: float, written: Callable[[float], str]) -> Axis:
    """An axis of seconds with ticks where clocks have them."""
    high = max(high, low + 1)
    step = next((step for step in _TIMES if (high - low) / step <= 8), 14 * 86400)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return Axis(label, low, high, tuple(float(n * step) for n in range(first, last + 1)), written)


Kind = Literal["line", "step", "thin", "area"]


@dataclass(frozen=True, slots=True)
class Series:
    """A curve. `lower` makes it a band; `shade` chooses colour and dashes, from 1 on; None in `ys` is a gap."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float | None]
    shade: int
    kind: Kind = "line"
    lower: Sequence[float | None] | None = None

    @property
    def css(self) -> str:
        """The classes of its path and of its sign in the legend."""
        kind = "band" if self.lower is not None else self.kind
        return f"s{(self.shade - 1) % SHADES + 1} {kind}"


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment (or, with `until`, a span) on the x axis, with a short text."""

    at: float
    text: str
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything about one chart. `says`: what can be seen, for those who cannot; `note`: how it was counted."""

    id: str
    title: str
    note: str
    says: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    marks: Sequence[Mark] = ()
    level: tuple[float, str] | None = None
    """A horizontal line to compare with."""
    small: bool = False
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    """The table under the chart."""
    at: Callable[[float], str] | None = None
    """How a tooltip writes x; as the ticks do when None."""
    value: Callable[[float], str] | None = None


@dataclass(frozen=True, slots=True)
class Bars:
    """Horizontal bars in groups: for each label one bar per series; a value is written beside its bar."""

    id: str
    title: str
    note: str
    says: str
    names: Sequence[str]
    labels: Sequence[str]
    values: Sequence[Sequence[float]]
    texts: Sequence[Sequence[str]]
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = field(default=())


def plot(chart: Chart) -> Markup:
    """The chart's SVG element."""
    height = 210 if chart.small else 290
    parts = [
        Markup(
            '<svg class="chart" role="img" tabindex="0" height="{h}" data-chart="{id}" '
            'aria-labelledby="{id}-title {id}-says">'
            '<svg class="plot" y="24" height="{plot}">'
        ).format(h=height, id=chart.id, plot=height - 70),
        *(_span(chart, mark) for mark in chart.marks if mark.until is not None),
        *(_y_tick(chart, value) for value in chart.y.ticks),
        *(_x_tick(chart, n, value) for n, value in enumerate(chart.x.ticks)),
        Markup(
            '<svg class="curves" width="100%" height="100%" viewBox="0 0 {:g} {:g}" preserveAspectRatio="none">'
        ).format(*PLANE),
        *(_path(chart, series) for series in sorted(chart.series, key=lambda series: series.lower is None)),
        Markup("</svg>"),
        _level(chart),
        *_lines(chart),
        Markup('<line class="cursor" y1="0" y2="100%"/></svg>'),
        Markup(
            '{}<text class="unit" x="-54" y="13">{}</text><text class="unit end" x="100%" y="{}">{}</text></svg>'
        ).format(_level_text(chart), chart.y.label, height - 6, chart.x.label),
    ]
    return Markup("").join(parts)


def _percent(part: float) -> str:
    return f"{100 * part:.3f}".rstrip("0").rstrip(".") + "%"


def _y_tick(chart: Chart, value: float) -> Markup:
    at = _percent(1 - chart.y.part(value))
    return Markup(
        '<line class="{}" x1="0" x2="100%" y1="{}" y2="{}"/><text class="y" x="-8" y="{}" dy="4">{}</text>'
    ).format("grid" if value else "base", at, at, at, chart.y.written(value))


def _x_tick(chart: Chart, n: int, value: float) -> Markup:
    at = _percent(chart.x.part(value))
    return Markup('<g class="x{}"><text x="{}" y="100%" dy="19">{}</text></g>').format(
        " odd" if n % 2 else "", at, chart.x.written(value)
    )


def _span(chart: Chart, mark: Mark) -> Markup:
    low, high = (min(max(chart.x.part(at), 0.0), 1.0) for at in (mark.at, mark.until or mark.at))
    if high <= low:
        return Markup("")
    return Markup('<rect class="span" x="{}" width="{}" y="0" height="100%"><title>{}</title></rect>').format(
        _percent(low), _percent(max(high - low, 0.001)), mark.text
    )


def numbered(chart: Chart) -> list[Mark]:
    """The moments that lie in the chart; its lines have their numbers."""
    return [mark for mark in chart.marks if mark.until is None and 0 <= chart.x.part(mark.at) <= 1]


def _lines(chart: Chart) -> Iterator[Markup]:
    """Lines with numbers; a number that would stand upon the one before it stands lower."""
    before, level = -1.0, 0
    for n, mark in enumerate(numbered(chart), 1):
        part = chart.x.part(mark.at)
        level = level + 1 if part - before < CLOSE else 0
        before = part
        yield Markup(
            '<g class="mark"><title>{text}</title><line x1="{at}" x2="{at}" y1="0" y2="100%"/>'
            '<circle cx="{at}" cy="{y}" r="7"/><text x="{at}" y="{y}" dy="3.5">{n}</text></g>'
        ).format(text=mark.text, at=_percent(part), y=16 * level, n=n)


def _level(chart: Chart) -> Markup:
    if chart.level is None:
        return Markup("")
    at = _percent(1 - chart.y.part(chart.level[0]))
    return Markup('<line class="level" x1="0" x2="100%" y1="{}" y2="{}"/>').format(at, at)


def _level_text(chart: Chart) -> Markup:
    """What the level is, above the plot: on its line, curves would run through it."""
    if chart.level is None:
        return Markup("")
    return Markup('<text class="level" x="100%" y="13">\N{MIDLINE HORIZONTAL ELLIPSIS} {}</text>').format(
        chart.level[1]
    )


def _points(chart: Chart, xs: Sequence[float], ys: Sequence[float | None]) -> list[list[tuple[float, float]]]:
    """Runs of points between gaps, in the plane."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(xs, ys, strict=True):
        if y is None:
            runs.append([])
        else:
            runs[-1].append((PLANE[0] * chart.x.part(x), PLANE[1] * (1 - chart.y.part(y))))
    return [run for run in runs if run]


def _path(chart: Chart, series: Series) -> Markup:
    runs = _points(chart, series.xs, series.ys)
    if series.lower is not None:
        below = _points(chart, series.xs, series.lower)
        data = "".join(_drawn([*up, *reversed(down)]) + "Z" for up, down in zip(runs, below, strict=True))
    elif series.kind == "area":
        data = "".join(_drawn([(run[0][0], PLANE[1]), *run, (run[-1][0], PLANE[1])]) + "Z" for run in runs)
    elif series.kind == "step":
        data = "".join(_stairs(run) for run in runs)
    else:
        data = "".join(_drawn(run) for run in runs)
    return Markup('<path class="{}" d="{}"/>').format(series.css, data)


def _drawn(run: Sequence[tuple[float, float]]) -> str:
    """A polyline; points that lie on the line between their neighbours are left out."""
    rounded = [(f"{x:.1f}", f"{y:.1f}") for x, y in run]
    kept = [
        point
        for n, point in enumerate(rounded)
        if not 0 < n < len(rounded) - 1 or not rounded[n - 1][1] == point[1] == rounded[n + 1][1]
    ]
    return "M" + "L".join(f"{x} {y}" for x, y in kept)


def _stairs(run: Sequence[tuple[float, float]]) -> str:
    return f"M{run[0][0]:.1f} {run[0][1]:.1f}" + "".join(f"H{x:.1f}V{y:.1f}" for x, y in run[1:])


def bars(chart: Bars) -> Markup:
    """Bars as SVG: each group a label above its bars, values written where bars end."""
    highest = max((value for group in chart.values for value in group), default=0) or 1
    each = 18 * len(chart.names) + 34
    out = [
        Markup('<svg class="bars" role="img" height="{}" aria-labelledby="{id}-title {id}-says">').format(
            each * len(chart.labels) + 4, id=chart.id
        )
    ]
    for n, (label, values, texts) in enumerate(zip(chart.labels, chart.values, chart.texts, strict=True)):
        top = n * each
        out.append(Markup('<text class="bar-label" x="0" y="{}">{}</text>').format(top + 15, label))
        for k, (value, text) in enumerate(zip(values, texts, strict=True)):
            width = 68 * value / highest
            y = top + 22 + 18 * k
            out.append(
                Markup(
                    '<rect class="s{}" x="0" y="{}" width="{}" height="14" rx="2"/><text x="{}" y="{}" dx="8">{}</text>'
                ).format(
                    k % SHADES + 1,
                    y,
                    _percent(max(width, 0.2 if value else 0) / 100),
                    _percent(width / 100),
                    y + 11.5,
                    text,
                )
            )
    return Markup("").join([*out, Markup("</svg>")])
