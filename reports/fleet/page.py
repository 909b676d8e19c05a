"""The HTML of a fleet run and of a comparison: one file each, without a network, on screen and on paper.

The style sheet and the script are the page's own and allowed by their digests; every value is escaped.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports import write_atomically
from reports.evidence import script_safe
from reports.fleet import latency, svg, words
from reports.fleet.charts import absent, sections
from reports.fleet.derived import question_of
from reports.fleet.figures import figures_of
from reports.fleet.folder import Folder, read
from reports.fleet.svg import Bars, Chart
from reports.fleet.units import NOTHING, clock, duration, written
from reports.html_report import asset, moment, policy

REPORT = "report.html"
_HERE = Path(__file__).parent.parent
GRAVEST = ("fail", "note", "warning", "inconclusive", "observation", "pass")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table of findings; `about`: the requirement, or the kind of what happened."""

    outcome: str
    about: str
    times: str
    text: str


def write_report(path: Path) -> Path:
    """Render the folder's report into it; gives the file. Raises WrongFolder, OSError."""
    folder = read(path)
    target = folder.path / REPORT
    write_atomically(target, render(folder))
    return target


def render(folder: Folder) -> str:
    """The report of one run."""
    made = sections(folder)
    return page(
        "fleet_report.html.j2",
        charts=(chart for section in made for chart in section.charts),
        folder=folder,
        summary=folder.summary,
        partial=words.partial(folder),
        answer=words.answer(folder),
        repeat=words.repeat(folder),
        figures=[figure for figure in figures_of(folder) if figure.value is not None or figure.group == "Convergence"],
        sections=made,
        absent=absent(folder),
        question=question_of(folder),
        findings=_findings(folder),
        latency=latency.percentiles(folder),
        about=_about(folder),
    )


def page(template: str, charts: Iterable[Chart | Bars], **values: Any) -> str:
    """Render a template with what all pages share."""
    style = asset("report.css") + asset("fleet.css")
    script = asset("fleet.js")
    data = {chart.id: _hover(chart) for chart in charts if isinstance(chart, Chart)}
    return (
        _environment()
        .get_template(template)
        .render(
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            policy=policy(style, script),
            data=Markup(script_safe(data)),  # noqa: S704 - escaped in it
            **values,
        )
    )


def _hover(chart: Chart) -> dict[str, Any]:
    """What a tooltip shows: for each x of the longest curve a part of the plot's width, its text, and all values."""
    at, value = chart.at or chart.x.written, chart.value or chart.y.written
    shown = [series for series in chart.series if not series.name.endswith("(line)")]
    return {
        "y": [chart.y.low, chart.y.high],
        "series": [
            {
                "name": series.name,
                "css": series.css,
                "x": [round(chart.x.part(x), 5) for x in series.xs],
                "t": [at(x) for x in series.xs],
                "v": _values(series, value),
            }
            for series in shown
        ],
    }


def _values(series: svg.Series, value: Any) -> list[str]:
    if series.lower is None:
        return [NOTHING if y is None else value(y) for y in series.ys]
    return [
        NOTHING if low is None or high is None else f"{value(low)} to {value(high)}"
        for low, high in zip(series.lower, series.ys, strict=True)
    ]


def _findings(folder: Folder) -> list[Finding]:
    """What was found, gravest first; what has no outcome is about the run itself and has to be known to read it."""
    table = folder.table("findings")
    columns = [table.get(name) for name in ("outcome", "requirement", "kind", "times", "text")]
    columns[3] = columns[3] or table.get("count")
    columns[4] = columns[4] or table.get("message")
    there = max((len(column) for column in columns if column), default=0)
    rows = zip(*(column or [None] * there for column in columns), strict=True)
    found = [Finding("note", "description", "", note) for note in folder.summary.notes]
    found += [Finding(str(o or "note"), str(r or k or ""), str(t or ""), str(text or "")) for o, r, k, t, text in rows]
    return sorted(found, key=lambda finding: GRAVEST.index(finding.outcome) if finding.outcome in GRAVEST else 0)


def _about(folder: Folder) -> list[tuple[str, str]]:
    summary = folder.summary
    facts: list[tuple[str, str | None]] = [
        ("Fleet", summary.name),
        ("Devices", summary.of_all),
        ("Time of the fleet", duration(summary.duration_s)),
        ("Engine", summary.engine),
        ("Seed", None if summary.seed is None else str(summary.seed)),
        ("Whole", "yes" if summary.complete else "no: partial"),
        ("Took", None if summary.wall_s is None else duration(summary.wall_s)),
        ("Memory at most", None if summary.peak_rss_mb is None else f"{summary.peak_rss_mb:,.0f} MiB"),
        ("Finished", None if summary.finished is None else moment(summary.finished)),
        ("Suite", summary.suite),
    ]
    return [(name, value) for name, value in facts if value is not None]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"duration": duration, "clock": clock, "moment": moment}
    environment.globals |= {
        "plot": svg.plot,
        "numbered": svg.numbered,
        "bars": svg.bars,
        "written": written,
    }
    environment.tests["drawn"] = lambda item: isinstance(item, Chart)
    return environment
