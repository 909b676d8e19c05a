"""The difference of two runs for people: Markdown that also reads as plain text."""

from collections.abc import Iterable

from reports.difference import ALARMING, ChangedStatement, Difference, Moved, RoleDifference, StatementChange
from reports.text import shorten

SHOWN = 200
"""Characters of a statement; the reports of the runs have the whole."""
_HEADINGS = {
    StatementChange.NEW: "Statements that are new in {after}",
    StatementChange.REWORDED: "Statements that {after} words differently",
    StatementChange.WITHDRAWN: "Statements of {before} that {after} no longer makes",
}


def render(difference: Difference) -> str:
    """Give the difference as Markdown, gravest first."""
    lines = [
        "# Difference of two runs",
        "",
        f"- before: {shorten(difference.before, SHOWN)}",
        f"- after: {shorten(difference.after, SHOWN)}",
        *_warnings(difference),
        "",
        f"**{verdict(difference)}**",
        "",
    ]
    for role in difference.roles:
        lines += _role(difference, role)
    return "\n".join(lines).rstrip() + "\n"


def verdict(difference: Difference) -> str:
    """Say in one sentence what moved."""
    moved = [item for role in difference.roles for item in role.moved]
    if not moved and not difference.only_before:
        return "Nothing moved: every statement that both runs know has the same verdict."
    worse = sum(item.movement in ALARMING for item in moved)
    gone = "".join(f" The role {role} is missing from the later run." for role in difference.only_before)
    return f"{worse} worse, {len(moved) - worse} better.{gone}"


def _warnings(difference: Difference) -> Iterable[str]:
    for name, partial in zip(("earlier", "later"), difference.partial, strict=True):
        if partial:
            yield f"- the {name} run was filtered: what it left out is not exercised in it"
    for role in difference.only_after:
        yield f"- only the later run has the role {role}"


def _role(difference: Difference, role: RoleDifference) -> list[str]:
    lines = [f"## {role.role}", "", f"- before: {role.before}", f"- after: {role.after}"]
    lines += [f"- {role.same} statements with the same verdict", ""]
    if role.moved:
        lines += ["| | Statement | Before | After | |", "|---|---|---|---|---|", *map(_moved, role.moved), ""]
    before, after = difference.revisions
    for change, heading in _HEADINGS.items():
        found = [item for item in role.statements if item.change is change]
        if found:
            lines += [f"### {heading.format(before=before, after=after)} ({len(found)})", ""]
            lines += [*map(_statement, found), ""]
    return lines


def _moved(item: Moved) -> str:
    return f"| {item.movement} | {item.id} ({item.severity}) | {item.before} | {item.after} | {_cell(item.statement)} |"


def _statement(item: ChangedStatement) -> str:
    mandatory = ", mandatory for this subject" if item.mandatory else ""
    told = f"- **{item.id}** ({item.severity}{mandatory}"
    if item.verdict is not None:
        told += f"; the later run: {item.verdict}"
    told += f"): {_cell(item.after or item.before or '')}"
    return told if item.change is not StatementChange.REWORDED else f"{told}\n  - before: {_cell(item.before or '')}"


def _cell(text: str) -> str:
    """One line without what Markdown would read as a cell, a tag or a link."""
    return shorten(text, SHOWN).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("[", "\\[")
