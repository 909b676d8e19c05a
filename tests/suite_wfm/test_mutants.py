"""Broken WFMs: the register is sound, and a sample of each theme is caught; `selftest wfm` tries all of them."""

from pathlib import Path

import pytest

from conformance.bench.applications import applications
from conformance.bench.ics import Ics
from conformance.bench.run import RunPlan, run
from conformance.bench.scenarios import Selection, scenarios
from conformance.bench.wfm_seat import simulated_seat
from conformance.catalogue import load
from conformance.record.verdict import RequirementVerdict
from simulator.wfm.mutants import WFM_MUTANTS

ICS = Ics.of_reference("wfm")
SAMPLE = (
    "any-value",
    "bundle-with-another-file",
    "busy-but-done",
    "client-by-forwarded-certificate",
    "etag-of-bundle",
    "foreign-statuses",
    "intermediate-from-elsewhere",
    "merges-trust",
    "new-id-for-change",
    "no-field-errors",
    "nobody-is-let-in",
    "old-tls",
    "problem-without-type",
    "root-extensions-passed-on",
    "yaml-reserialised",
)
"""One or two of each theme: in a sample of the whole, so that the project's own tests stay short."""


def test_each_breaks_a_statement_that_scenarios_show() -> None:
    catalogue = load()
    shown = {name for scenario in scenarios("wfm") for name in scenario.requirements}
    lost = {
        mutant.name: mutant.breaks
        for mutant in WFM_MUTANTS.values()
        if not {mutant.breaks, *catalogue.also_judges(mutant.breaks)} & shown
    }
    assert lost == {}
    assert len(WFM_MUTANTS) >= 60


def test_each_is_described_in_words_of_its_own() -> None:
    described = [mutant.description for mutant in WFM_MUTANTS.values()]
    assert len(set(described)) == len(described)
    assert all(name == mutant.name for name, mutant in WFM_MUTANTS.items())


@pytest.mark.parametrize("name", SAMPLE)
def test_a_broken_variant_is_found_by_the_statement_it_breaks(name: str, tmp_path: Path) -> None:
    statement = WFM_MUTANTS[name].breaks
    plan = RunPlan(
        (simulated_seat(ICS, name, applications()),), tmp_path, selection=Selection(requirements=(statement,))
    )
    found = run(plan).assessments[0]
    must = load().requirement(statement).severity == "must"
    wanted = RequirementVerdict.FAIL if must else RequirementVerdict.WARNING
    assert found.requirements[statement] is wanted
