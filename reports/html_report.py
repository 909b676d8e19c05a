"""One self-contained HTML file: readable from a disk without a network, on screen and on paper.

The page is rendered here with every value escaped; the evidence stands in it once, as JSON, and is shown by the page's
own script with text nodes only. A content security policy allows that script and that style sheet, by their digests,
and nothing else.
"""

import base64
import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from conformance.record.events import Severity
from conformance.record.run import Run
from reports import page
from reports.claims import STANDINGS, claims_counted
from reports.departures import breaking
from reports.evidence import evidence_of, script_safe
from reports.groups import spans
from reports.projection import report_of, reproduced, why_open

_HERE = Path(__file__).parent


def render(run: Run) -> str:
    """Give the whole document."""
    report = report_of(run)
    view = page.page_of(run, report)
    style, script = asset("report.css"), asset("report.js")
    roles = {item.role: item for item in report.roles}
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            view=view,
            report=report,
            reproduce=lambda role, requirement: reproduced(roles[role], requirement, report.run.revision),
            breaking=lambda role, requirement: breaking(roles[role], requirement),
            deadlines=[(name, seconds(value)) for name, value in report.run.deadlines.items()],
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            policy=policy(style, script),
            # every character that could end the element is escaped in it
            evidence=Markup(script_safe(evidence_of(run, [*_departed(run), *page.pointed_at(view)]))),  # noqa: S704
        )
    )


def policy(style: str, script: str) -> str:
    """Give the content security policy of a page that has this style sheet and this script, and nothing else."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _departed(run: Run) -> list[int]:
    """The events that show known departures, as far as the page points at them."""
    return [number for departure in run.departures for number in departure.shown_by[:3]]


@cache
def asset(name: str) -> str:
    """Give the text of a style sheet or script."""
    return (_HERE / "assets" / name).read_text(encoding="utf-8")


@cache
def environment() -> Environment:
    """Give what templates are rendered in, with what they may call."""
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["seconds"] = seconds
    made.filters["moment"] = moment
    made.filters["ticks"] = ticks
    made.filters["clip"] = page.clip
    made.filters["spans"] = spans
    made.globals["anchor"] = page.anchor_of
    made.globals["kind"] = page.kind
    made.globals["label"] = page.label
    made.globals["icons"] = page.ICONS
    made.globals["meaning"] = page.MEANING
    made.globals["standings"] = STANDINGS
    made.globals["standing_kinds"] = page.STANDING_KINDS
    made.globals["claims_counted"] = claims_counted
    made.globals["why_open"] = why_open
    made.globals["severities"] = Severity.__args__  # type: ignore[attr-defined]
    return made


def ticks(text: str) -> Markup:
    """Escape a text and set what stands between back-ticks as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one tick without its partner: nothing is meant as code
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if odd % 2 else part for odd, part in enumerate(parts)
    )


def moment(started: str) -> str:
    """A time as people write it, in UTC: `4 March 2026, 05:06 UTC`; anything that is no ISO 8601 stays as it is."""
    try:
        time = datetime.fromisoformat(started)
    except ValueError:
        return started
    if time.tzinfo is None:
        return started
    time = time.astimezone(UTC)
    return f"{time.day} {time:%B %Y, %H:%M} UTC"


def seconds(value: float) -> str:
    """A duration as people say it: `350 ms`, `1.2 s`, `2 min 5 s`."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.2f}".rstrip("0").rstrip(".") + " s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s"
