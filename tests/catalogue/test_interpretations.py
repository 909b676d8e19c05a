"""The register of readings and the checks know each other: none is named in vain, none is left without a word."""

import re
from pathlib import Path

import pytest

import conformance.checks
from conformance.bench.coverage import interpretation_entries
from conformance.bench.run import load_checks
from conformance.bench.scenarios import RUNNABLE
from conformance.catalogue import Catalogue, Interpretation, load
from conformance.checks.judging import covered
from conformance.checks.registry import Check, checks
from conformance.record.events import InterpretationEntry

load_checks()
CATALOGUE = load()
REGISTER = {item.id: item for item in interpretation_entries(CATALOGUE)}
NAMED = re.compile(r"\b(?:AMB-[A-Z]-|A-)\d{2}\b")


@pytest.mark.parametrize("item", REGISTER.values(), ids=lambda item: str(item.id))
def test_a_reading_lists_the_checks_that_depend_on_it_or_says_why_there_are_none(item: InterpretationEntry) -> None:
    assert bool(item.checks) != bool(item.reason), "checks that name it, or no_check, and not both"
    assert item.why, "a reading is chosen for a reason"
    assert item.reason is None or len(item.reason) > 40


@pytest.mark.parametrize(
    "check", [item for item in checks().values() if item.interpretations], ids=lambda c: str(c.name)
)
def test_a_check_names_readings_that_bear_on_its_statements(check: Check) -> None:
    for name in check.interpretations:
        where = [(load(known), load(known).interpretation(name)) for known in RUNNABLE["device"]]
        found = [(catalogue, item) for catalogue, item in where if item is not None]
        assert found, f"{check.name} names {name}, which no register has"
        assert any(set(covered(check, catalogue)) & _bearing(catalogue, item) for catalogue, item in found), name


def _bearing(catalogue: Catalogue, item: Interpretation) -> set[str]:
    return {other for one in item.requirements for other in (one, *catalogue.also_judges(one))}


def test_what_is_named_in_the_text_of_the_checks_is_declared_by_one() -> None:
    declared = {name for item in checks().values() for name in item.interpretations}
    for path in Path(str(conformance.checks.__file__)).parent.rglob("*.py"):
        assert set(NAMED.findall(path.read_text(encoding="utf-8"))) <= declared, path.name
