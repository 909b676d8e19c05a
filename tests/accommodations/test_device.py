"""A device that departs in every known way of its era comes through, and each departure is told once."""

from pathlib import Path

from conformance.bench.accommodations.loading import accommodations
from conformance.bench.device_seat import accommodating, simulated_seat
from conformance.bench.ics import Ics
from conformance.bench.run import RunPlan, Seat, run
from conformance.bench.scenarios import Selection
from conformance.record.events import Outcome, ScenarioOutcome
from conformance.record.run import Run
from conformance.record.verdict import Conformity
from tests.accommodations.era_a_device import WithoutDigest, seat
from tests.accommodations.runs import REVISION, keys
from tests.suite_device.runs import IMPATIENT

NAMES = (
    "A device that was never here onboards, and then says what it is",
    "A device that reboots is the client that it was",
)
STATED = Ics.of_reference("device", REVISION)
HURRIED = STATED.model_copy(update={"limits": IMPATIENT})


def go(subject: Seat, folder: Path, *names: str) -> Run:
    past = accommodating(subject, accommodations(names or ["sandbox-era-a"], "device", REVISION))
    return run(RunPlan((past,), folder, REVISION, Selection(keys=keys("device", NAMES))))


def test_each_departure_is_told_once_and_the_rest_is_judged(tmp_path: Path) -> None:
    done = go(seat(STATED), tmp_path)
    outcomes = {item.outcome for item in done.scenarios if item.outcome is not ScenarioOutcome.NOT_RUN}
    assert outcomes <= {ScenarioOutcome.PASSED, ScenarioOutcome.INCONCLUSIVE}
    assert all(item.uses for item in done.departures), [(item.name, item.uses) for item in done.departures]
    assert not [one for item in done.scenarios for one in item.findings if one.outcome is Outcome.FAIL]
    verdicts = done.verdicts("device")
    assert {verdicts[name] for name in ("ONB-008", "DC-006", "SIG-003", "API-002")} == {"fail"}
    assert {verdicts[name] for name in ("SIG-002", "SIG-004", "ONB-002", "ST-002")} == {"pass"}
    assert done.conformity is Conformity.NOT_CONFORMANT


def test_a_device_that_sends_no_digest_comes_through_only_where_that_is_named(tmp_path: Path) -> None:
    done = go(seat(STATED, WithoutDigest), tmp_path / "named", "digest-missing")
    assert [item.name for item in done.departures if item.uses] == ["digest-missing"]
    verdicts = done.verdicts("device")
    assert {verdicts[name] for name in ("SIG-002", "SIG-003")} == {"fail"}
    assert verdicts["DC-009"] == "pass", "what comes after it is judged"
    assert done.conformity is Conformity.NOT_CONFORMANT
    other = go(seat(HURRIED, WithoutDigest), tmp_path / "other", "digest-uncovered")
    assert not any(item.uses for item in other.departures)
    assert other.verdicts("device").get("DC-009") != "pass"


def test_a_device_that_needs_none_of_them_is_served_as_ever(tmp_path: Path) -> None:
    done = go(simulated_seat(STATED), tmp_path)
    assert not any(item.uses for item in done.departures)
    assert {item.outcome for item in done.scenarios} == {ScenarioOutcome.PASSED, ScenarioOutcome.NOT_RUN}
    assert done.conformity is Conformity.INCOMPLETE  # only a part was run
