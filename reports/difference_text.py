"""The difference of two runs or revisions for people: Markdown, and a few lines for a terminal."""

from collections import Counter
from collections.abc import Iterable

from reports.difference import ALARMING, Difference, Moved, RoleDifference
from reports.moving import Ask, Change, Statement
from reports.text import shorten

SHOWN = 200
"""Characters of a statement; the page and the JSON have the whole."""
LISTED = 12
"""Statements of one area told one by one on a terminal; of more, the ids."""
MEANING = {
    Ask.TO_DO: "to be built, or mended",
    Ask.AT_RISK: "may not hold: other words, or not shown so far",
    Ask.STAYS: "asked as before, or kept already",
    Ask.FALLS_AWAY: "asked no more",
}


def render(difference: Difference) -> str:
    """Give the difference as Markdown, gravest first."""
    lines = [
        f"# {title(difference)}",
        "",
        f"- before: {_cell(difference.before)}",
        f"- after: {_cell(difference.after)}",
        *(f"- {item}" for item in warnings(difference)),
        "",
        f"**{verdict(difference)}**",
        "",
    ]
    for role in difference.roles:
        lines += _role(difference, role)
    return "\n".join(lines).rstrip() + "\n"


def render_text(difference: Difference) -> str:
    """Give it as text for a terminal: what moved, and of two revisions what is to be done and what is at risk."""
    lines = [title(difference), f"  before  {difference.before}", f"  after   {difference.after}"]
    lines += [f"  note    {item}" for item in warnings(difference)]
    for role in difference.roles:
        lines += ["", role.role.upper(), *(f"  {item}" for item in (role.before, role.after) if item)]
        lines += [f"  {item.movement:<15} {item.id:<8} {item.before} -> {item.after}" for item in role.moved]
        if role.statements:
            lines += ["", f"  MUSTs: {counted(role)}"]
            lines += [f"  {ask} in {_by_area(role, ask)}" for ask in (Ask.TO_DO, Ask.AT_RISK) if role.asked[ask]]
            for ask in (Ask.TO_DO, Ask.AT_RISK):
                lines += _asked_text(role, ask)
            lines += ["", *_falls_away_text(role)]
    return "\n".join([*lines, "", verdict(difference)]) + "\n"


def title(difference: Difference) -> str:
    """Name it."""
    if difference.moving:
        return f"From {difference.revisions[0]} to {difference.revisions[1]}"
    return "Difference of two runs"


def verdict(difference: Difference) -> str:
    """Say in one sentence what moved, or what a move asks."""
    asked = "; ".join(f"{role.role}: {counted(role)}" for role in difference.roles if role.statements)
    if not all(difference.ran):
        return f"{asked}."
    moved = [item for role in difference.roles for item in role.moved]
    worse = sum(item.movement in ALARMING for item in moved)
    gone = "".join(f" The role {role} is missing from the later run." for role in difference.only_before)
    if not moved and not gone:
        told = "Nothing moved: every statement that both runs know has the same verdict."
    else:
        told = f"{worse} worse, {len(moved) - worse} better.{gone}"
    return f"{told} {asked}." if asked else told


def counted(role: RoleDifference) -> str:
    """Count what is asked: `12 to do, 3 at risk, 90 stay, 8 fall away`."""
    words = {Ask.STAYS: "stay", Ask.FALLS_AWAY: "fall away"}
    return ", ".join(f"{number} {words.get(ask, ask)}" for ask, number in role.asked.items())


def warnings(difference: Difference) -> Iterable[str]:
    """Say what is to be kept in mind."""
    for name, partial in zip(("earlier", "later"), difference.partial, strict=True):
        if partial:
            yield f"the {name} run was filtered: what it left out is not exercised in it"
    for role in difference.only_after:
        yield f"only the later side has the role {role}"
    if difference.by_id_only:
        yield "nobody wrote down how the one revision leads to the other: statements are compared by their ids alone"
    if any(item.change is Change.UNREAD for role in difference.roles for item in role.statements):
        yield "one catalogue lacks some pages: what stands there counts as at risk, for it may have held before"


def by_area(found: Iterable[Statement]) -> dict[str, list[Statement]]:
    """Group statements by area, in the order of the text."""
    areas: dict[str, list[Statement]] = {}
    for item in found:
        areas.setdefault(item.area, []).append(item)
    return areas


def areas_of(role: RoleDifference, ask: Ask) -> list[tuple[str, int]]:
    """Count what is asked by area, where most is asked first."""
    return Counter(item.area for item in role.statements if item.ask is ask).most_common()


def _asked_text(role: RoleDifference, ask: Ask) -> list[str]:
    found = [item for item in role.statements if item.ask is ask]
    lines = ["", f"  {ask.upper()}: {len(found)} ({MEANING[ask]})"] if found else []
    for area, items in by_area(found).items():
        lines.append(f"    {area}")
        lines += [f"      {item.id:<8} {shorten(item.after or '', 100)} [{item.why}]" for item in items[:LISTED]]
        if len(items) > LISTED:
            lines.append(f"      and {', '.join(item.id for item in items[LISTED:])}")
    return lines


def _by_area(role: RoleDifference, ask: Ask) -> str:
    return ", ".join(f"{area} ({count})" for area, count in areas_of(role, ask))


def _falls_away_text(role: RoleDifference) -> list[str]:
    ids = [item.id for item in role.statements if item.ask is Ask.FALLS_AWAY]
    return [f"  {Ask.FALLS_AWAY.upper()}: {len(ids)} ({', '.join(ids)})"] if ids else []


def _role(difference: Difference, role: RoleDifference) -> list[str]:
    headlines = [("before", role.before), ("after", role.after)]
    lines = [f"## {role.role}", "", *(f"- {name}: {told}" for name, told in headlines if told)]
    if all(difference.ran):
        lines += [f"- {role.same} statements with the same verdict"]
    lines += [""]
    if role.moved:
        lines += ["| | Statement | Before | After | |", "|---|---|---|---|---|", *map(_moved, role.moved), ""]
    if role.statements:
        lines += ["| MUSTs | | |", "|---|---:|---|"]
        lines += [f"| {ask} | {number} | {MEANING[ask]} |" for ask, number in role.asked.items()]
        lines += [""]
        lines += [
            f"- {ask} in {_cell(_by_area(role, ask), 2000)}" for ask in (Ask.TO_DO, Ask.AT_RISK) if role.asked[ask]
        ]
        lines += ["", *_asked(role)]
    return lines


def _asked(role: RoleDifference) -> Iterable[str]:
    for ask in Ask:
        found = [item for item in role.statements if item.ask is ask]
        if not found:
            continue
        yield from (f"### {ask.capitalize()} ({len(found)})", "")
        if ask is Ask.STAYS:
            yield from (", ".join(item.id for item in found), "")
            continue
        for area, items in by_area(found).items():
            yield from (f"**{_cell(area)}**", "", *map(_statement, items), "")
    rest = [item for item in role.statements if item.ask is None and item.change in (Change.NEW, Change.REWORDED)]
    if rest:
        yield from (f"### Recommendations, options and what is not for this subject ({len(rest)})", "")
        yield from (*map(_statement, rest), "")


def _moved(item: Moved) -> str:
    return f"| {item.movement} | {item.id} ({item.severity}) | {item.before} | {item.after} | {_cell(item.statement)} |"


def _statement(item: Statement) -> str:
    told = f"- **{item.id}** ({facts(item)}): {_cell(item.after or item.before or '')}"
    if item.change is Change.REWORDED:
        told += f"\n  - before ({item.severity_before}): {_cell(item.before or '')}"
    if item.change is Change.WITHDRAWN:
        place = f"in its place {', '.join(item.replaced_by)}" if item.replaced_by else "nothing in its place"
        told += f"\n  - {place}. {_cell(item.why)}"
    return told


def facts(item: Statement) -> str:
    """Say what is known of a statement in a few words: severity, what became of it, verdicts, what it replaces."""
    told = [item.severity, item.why if item.ask and item.change is not Change.WITHDRAWN else str(item.change)]
    seen = [(name, of) for name, of in (("before", item.verdict_before), ("after", item.verdict_after)) if of]
    told += [f"{name}: {of}" for name, of in seen]
    if item.replaces:
        told.append(f"{'repeats' if item.change is Change.RESTATED else 'in place of'} {', '.join(item.replaces)}")
    return "; ".join(told)


def _cell(text: str, length: int = SHOWN) -> str:
    """One line without what Markdown would read as a cell, a tag or a link."""
    return shorten(text, length).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("[", "\\[")
