"""The demo, carried out once, and all that both references have to be seen doing in it.

Also what is no WFM at all is tried here, on the scenarios in which the demo shows something that has to be refused.
"""

import shutil
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from conformance.bench.applications import applications
from conformance.bench.ics import Ics
from conformance.bench.run import RunPlan, run
from conformance.bench.scenarios import Scenario, Selection, scenarios
from conformance.bench.wfm_seat import seat_of
from conformance.checks.evidence import Record
from conformance.checks.wfm.twins import NEGATIVE, NEUTRAL, negatives
from conformance.record.events import ScenarioOutcome, ScenarioStarted
from conformance.record.file import EVENT_FILE, read
from conformance.record.run import Run, ScenarioRun
from conformance.record.verdict import Conformity, RequirementVerdict
from simulator.wfm.api import ManagementApi
from simulator.wfm.server import ReferenceWfm
from tests.docs.test_commands import ROOT, typed
from tests.suite_wfm import broken

pytestmark = pytest.mark.long
ICS = Ics.of_reference("wfm")
OF_OTHERS = {
    "device/gateway.feature",
    "device/gateway_opaque.feature",
    "device/eligibility.feature",
    "device/identity.feature",
}
"""Features with scenarios for gateways, and for devices that claim to check capacity or to take RSA."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the demo leaves, run with a package of the user's own."""
    home = tmp_path_factory.mktemp("reader")
    shutil.copytree(ROOT / "features/applications/vision-inspector", home / "path/to/my-package")
    demo = typed(home, "margo-conformance demo --app path/to/my-package")
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert demo.stdout.count("conformant:") == 2
    assert "compliance-report/report.html" in demo.stdout
    return home / "compliance-report"


@pytest.fixture(scope="module")
def done(report: Path) -> Run:
    return Run.of(read(report / EVENT_FILE))


def told(found: Run, role: str) -> list[tuple[str, str, str | None]]:
    """What was carried out and did not pass, and why."""
    fine = (ScenarioOutcome.PASSED, ScenarioOutcome.NOT_APPLICABLE)
    return [
        (item.started.title, item.outcome.value, item.finished.reason)
        for item in found.scenarios
        if item.started.role == role and item.outcome not in fine
    ]


def test_the_demo_leaves_every_report_and_its_record_is_sealed(report: Path) -> None:
    for name in ("report.html", "report.json", "junit.xml", "summary.md", "events.ndjson"):
        assert (report / name).stat().st_size > 1000
    assert (report / "report.html").stat().st_size < 6_000_000
    verified = typed(report.parent, "margo-conformance report verify compliance-report/events.ndjson")
    assert verified.returncode == 0, verified.stderr


@pytest.mark.parametrize(("role", "least"), [("device", 260), ("wfm", 150)])
def test_every_scenario_that_applies_passes(done: Run, role: str, least: int) -> None:
    assert told(done, role) == []
    assert done.conformity is Conformity.CONFORMANT
    passed = [item for item in done.scenarios if item.started.role == role and item.outcome is ScenarioOutcome.PASSED]
    assert len(passed) >= least


def test_of_a_device_only_what_is_for_others_does_not_apply(done: Run) -> None:
    skipped = [item for item in done.scenarios if item.outcome is ScenarioOutcome.NOT_APPLICABLE]
    assert {item.started.uri for item in skipped} == OF_OTHERS


def test_no_statement_is_broken_by_a_reference(done: Run) -> None:
    bad = (RequirementVerdict.FAIL, RequirementVerdict.WARNING, RequirementVerdict.ERROR, RequirementVerdict.BLOCKED)
    for assessment in done.assessments:
        assert {name: verdict for name, verdict in assessment.requirements.items() if verdict in bad} == {}
        assert assessment.exercised >= 140


def wfm(found: Run) -> list[ScenarioRun]:
    return [item for item in found.scenarios if item.started.role == "wfm"]


def evidence(scenario: ScenarioRun) -> Record:
    return Record("wfm", scenario.exchanges, scenario.connections, scenario.facts)


def place_of(item: ScenarioStarted | Scenario) -> tuple[str, int, tuple[tuple[str, str], ...]]:
    return item.uri, item.line, tuple(sorted(item.example.items()))


def test_every_negative_has_a_good_twin_before_and_after_it(done: Run) -> None:
    found = [(scenario, negative) for scenario in wfm(done) for negative in negatives(evidence(scenario))]
    alone = [(scenario.started.title, dict(one.fact.data)) for scenario, one in found if not one.complete]
    assert alone == []
    assert len(found) > 120


def test_every_kind_of_fact_is_known_to_be_negative_or_not(done: Run) -> None:
    kinds = {fact.kind for scenario in wfm(done) for fact in scenario.facts}
    assert kinds <= NEGATIVE.keys() | NEUTRAL
    assert not NEGATIVE.keys() & NEUTRAL


@pytest.mark.parametrize("api", broken.ALL, ids=lambda api: str(api.__name__))
def test_what_is_no_wfm_passes_no_negative_scenario(api: type[ManagementApi], done: Run, tmp_path: Path) -> None:
    # every negative is tried, each on one of them by turns: all on all takes minutes
    impatient = ICS.model_copy(update={"limits": {"publish": 0.5, "answer": 2.0}})
    seat = seat_of(impatient, "simulated:broken", applications(), partial(ReferenceWfm, api_class=api))
    wanted = {place_of(item.started) for item in wfm(done) if any(negatives(evidence(item)))}
    keys = tuple(item.key for item in scenarios("wfm") if place_of(item) in wanted)[
        broken.ALL.index(api) :: len(broken.ALL)
    ]
    found = run(RunPlan((seat,), tmp_path, selection=Selection(keys=keys)))
    outcomes = Counter(item.outcome for item in found.scenarios if item.outcome is not ScenarioOutcome.NOT_RUN)
    passed = [item.started.title for item in found.scenarios if item.outcome is ScenarioOutcome.PASSED]
    assert passed == []
    assert outcomes.total() == len(keys) > 10
    assert outcomes[ScenarioOutcome.ERROR] == 0
    assert outcomes[ScenarioOutcome.FAILED] > 0
    assert found.assessments[0].conformity.exit_code == 1
