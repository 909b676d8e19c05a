"""The WFM suite on revision 1.0.0-rc.2-signed: the reference is clean, a sample of the broken variants is caught."""

from collections import Counter
from pathlib import Path

import pytest

from conformance.bench.applications import applications
from conformance.bench.coverage import coverage, is_observable_must
from conformance.bench.ics import Ics
from conformance.bench.run import RunPlan, load_checks, run
from conformance.bench.scenarios import Selection, scenarios
from conformance.bench.wfm_seat import simulated_seat
from conformance.catalogue import load
from conformance.checks.evidence import Record
from conformance.checks.wfm.twins import NEGATIVE, NEUTRAL, negatives
from conformance.record.events import ScenarioOutcome
from conformance.record.run import Run
from conformance.record.verdict import RequirementVerdict
from simulator.wfm.mutants_signed import SIGNED_MUTANTS

SIGNED = "1.0.0-rc.2-signed"
ICS = Ics.of_reference("wfm", SIGNED)
OWN = ("until:1.0.0-rc.2-signed",)
SAMPLE = (
    "any-clients-key",
    "another-root",
    "coverage-not-looked-at",
    "key-by-name",
    "no-pss",
    "onboards-without-proof",
    "root-in-lines",
    "wordless-401",
)


def carried_out(folder: Path, selection: Selection, mutant: str | None = None) -> Run:
    seat = simulated_seat(ICS, mutant, applications())
    return run(RunPlan((seat,), folder, SIGNED, selection))


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Run:
    wanted = [item for item in scenarios("wfm", SIGNED) if set(OWN) & item.tags or "lifecycle" in item.uri]
    return carried_out(tmp_path_factory.mktemp("reference"), Selection(keys=tuple(item.key for item in wanted)))


def test_the_reference_passes_what_is_peculiar_to_the_revision_and_the_life_of_a_deployment(reference: Run) -> None:
    outcomes = Counter(item.outcome for item in reference.scenarios)
    assert set(outcomes) == {ScenarioOutcome.PASSED, ScenarioOutcome.NOT_RUN}
    assert outcomes[ScenarioOutcome.PASSED] >= 40
    bad = (RequirementVerdict.FAIL, RequirementVerdict.WARNING, RequirementVerdict.ERROR)
    verdicts = reference.assessments[0].requirements
    assert {name: verdict for name, verdict in verdicts.items() if verdict in bad} == {}


def test_every_negative_has_a_good_twin_before_and_after_it(reference: Run) -> None:
    records = [Record("wfm", item.exchanges, item.connections, item.facts) for item in reference.scenarios]
    found = [one for record in records for one in negatives(record)]
    assert [dict(one.fact.data) for one in found if not one.complete] == []
    assert len(found) >= 25
    assert {fact.kind for record in records for fact in record.facts} <= NEGATIVE.keys() | NEUTRAL


def test_the_record_keeps_what_went_over_the_wire(reference: Run) -> None:
    reports = [one for item in reference.scenarios for one in item.exchanges if one.operation == "report-capabilities"]
    assert all(one.target.startswith(f"/api/v1/clients/{one.params['clientId']}/") for one in reports)
    good = [one for one in reports if one.status in (200, 201)]
    assert good
    assert all(b'"kind":"DeviceCapabilitiesManifest"' in (one.request.data or b"") for one in good)
    assert all(one.client == one.params["clientId"] for one in good)


def test_what_the_revision_demands_of_a_wfm_is_covered() -> None:
    load_checks()
    musts = [item for item in coverage("wfm", load(SIGNED)) if is_observable_must(item.requirement)]
    held = [item for item in musts if item.checks]
    assert len(held) >= 0.9 * len(musts)


def test_both_revisions_are_shown_by_the_same_scenarios() -> None:
    of_signed, of_latest = ({item.key for item in scenarios("wfm", name)} for name in (SIGNED, load().revision))
    assert len(of_signed & of_latest) > 150
    assert {key.partition(":")[0] for key in of_signed - of_latest} == {
        "wfm/onboarding.feature",
        "wfm/signatures.feature",
    }


def test_each_broken_wfm_breaks_a_statement_of_its_own_revision() -> None:
    catalogue = load(SIGNED)
    assert all(mutant.breaks in catalogue for mutant in SIGNED_MUTANTS.values())
    assert all(name == mutant.name for name, mutant in SIGNED_MUTANTS.items())
    assert len({mutant.description for mutant in SIGNED_MUTANTS.values()}) == len(SIGNED_MUTANTS) >= 13


@pytest.mark.parametrize("name", SAMPLE)
def test_a_broken_wfm_is_found_by_the_statement_it_breaks(name: str, tmp_path: Path) -> None:
    statement = SIGNED_MUTANTS[name].breaks
    named = [item for item in scenarios("wfm", SIGNED) if statement in item.requirements]
    wanted = named or scenarios("wfm", SIGNED)[:1]
    found = carried_out(tmp_path, Selection(keys=tuple(item.key for item in wanted)), name).assessments[0]
    assert found.requirements[statement] is RequirementVerdict.FAIL
