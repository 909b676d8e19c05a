"""The difference of two runs or revisions as one self-contained HTML file, for screen and paper.

Old and new words stand side by side, with what differs marked. Every value is escaped; a content security policy allows
the page's own script and style sheet, by their digests, and nothing else.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape

from reports.difference import ALARMING, Difference, RoleDifference
from reports.difference_text import MEANING, areas_of, by_area, facts, title, verdict, warnings
from reports.html_report import asset, environment, policy
from reports.moving import Ask, Change, Statement

KINDS = {Ask.TO_DO: "fail", Ask.AT_RISK: "warning", Ask.STAYS: "pass", Ask.FALLS_AWAY: "not-exercised"}
"""Icon and colour of what is asked."""
OPEN = (Ask.TO_DO, Ask.AT_RISK)
"""What is unfolded when the page is opened."""


@dataclass(frozen=True, slots=True)
class Words:
    """Old and new words, with what differs marked."""

    before: Markup
    after: Markup


def render(difference: Difference) -> str:
    """Give the whole document."""
    style = asset("report.css") + asset("difference.css")
    script = asset("difference.js")
    return (
        environment()
        .get_template("difference.html.j2")
        .render(
            difference=difference,
            title=title(difference),
            verdict=verdict(difference),
            warnings=list(warnings(difference)),
            sections=_sections,
            by_area=by_area,
            areas_of=areas_of,
            facts=facts,
            words=words,
            kinds=KINDS,
            alarming=ALARMING,
            asks=[ask for ask in Ask if any(role.asked.get(ask) for role in difference.roles)],
            asked_meaning=MEANING,
            opened=OPEN,
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            policy=policy(style, script),
        )
    )


def words(item: Statement) -> Words:
    """Mark what differs between the old and the new words of a statement."""
    old, new = (_pieces(text or "") for text in (item.before, item.after))
    before, after = [], []
    for kind, old_from, old_to, new_from, new_to in difflib.SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        before.append(_marked("del", "".join(old[old_from:old_to]), kind))
        after.append(_marked("ins", "".join(new[new_from:new_to]), kind))
    return Words(Markup("").join(before), Markup("").join(after))


def _pieces(text: str) -> list[str]:
    return re.findall(r"\s+|\w+|[^\w\s]", text)


def _marked(tag: str, text: str, kind: str) -> Markup:
    if kind == "equal" or not text.strip():
        return escape(text)
    return Markup("<{tag}>{text}</{tag}>").format(tag=Markup(tag), text=text)  # noqa: S704 - ins or del


def _sections(role: RoleDifference) -> Iterable[tuple[str, str, list[Statement]]]:
    """Give what the page lists: a key, a heading, and statements in the order of the text."""
    for ask in Ask:
        found = [item for item in role.statements if item.ask is ask]
        if found:
            yield ask.value, ask.capitalize(), found
    rest = [item for item in role.statements if item.ask is None and item.change is not Change.SAME]
    if rest:
        yield "rest", "Recommendations, options, and what is not for this subject", rest
