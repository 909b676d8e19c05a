"""Scenarios as they are listed: outlines are told by their rows, or once with the number of them."""

from dataclasses import replace

import pytest

from conformance.bench.scenarios import RUNNABLE, Selection, headings, scenarios
from conformance.record.events import Role

EVERY: list[tuple[Role, str]] = [(role, revision) for role, revisions in RUNNABLE.items() for revision in revisions]


@pytest.mark.parametrize(("role", "revision"), EVERY)
def test_no_name_is_shown_with_placeholders_and_each_is_one_scenario_only(role: Role, revision: str) -> None:
    found = scenarios(role, revision)
    assert len({scenario.key for scenario in found}) == len(found) > 0
    assert [told for told in (*(one.key for one in found), *headings(found)) if "<" in told] == []


def test_an_outline_is_told_once_with_its_rows_or_by_what_each_of_them_names() -> None:
    plain, outline = (scenarios("device")[0], next(one for one in scenarios("device") if one.example))
    one, two = (replace(outline, name="Content is refused", example={"damage": value}) for value in ("cut", "altered"))
    assert headings([replace(plain, name="It reboots", example={}), one, two]) == (
        "It reboots",
        "Content is refused (2 rows)",
    )
    assert headings([one]) == ("Content is refused [cut]",)
    named = [replace(row, name="Content that is <damage> is refused") for row in (one, two)]
    assert headings(named) == ("Content that is cut is refused", "Content that is altered is refused")


@pytest.mark.parametrize("text", ["whose stored state was <spoiled>", "Whose stored state was lost finds back"])
def test_a_text_is_looked_for_in_a_name_as_it_is_written_and_as_it_is_shown(text: str) -> None:
    assert {one.name for one in scenarios("device") if Selection(texts=(text,)).takes(one)} == {
        "A device whose stored state was <spoiled> finds back"
    }
