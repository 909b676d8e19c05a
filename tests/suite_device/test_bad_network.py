"""Networks that are slow, narrow or damage what passes: the device converges all the same, built in or connected."""

from pathlib import Path
from typing import Any

import pytest

from conformance.bench.device_external import Arrangement
from conformance.bench.device_seat import external_seat
from conformance.bench.device_world import Endpoint, World
from conformance.bench.ics import Ics
from conformance.bench.loop import BackgroundLoop
from conformance.bench.recorder import Recorder
from conformance.bench.run import RunPlan, run
from conformance.bench.scenarios import Selection
from conformance.checks.device import behaviours_runtime
from conformance.checks.evidence import Record
from conformance.checks.registry import Seen
from conformance.record.events import Body, Fact
from conformance.record.file import EVENT_FILE, EventWriter
from conformance.record.run import Run
from simulator.device.config import DeviceConfig
from simulator.device.mutants import MUTANTS
from tests.suite_device.runs import carried_out, suite, told
from tests.suite_device.standin import StandIn
from tests.suite_device.test_checks import exchange, seen

BAD = Selection(texts=("A network whose",))
NARROW, DAMAGED = "little passes at a time", "bytes are damaged on the way"
CAUGHT = {"impatient": NARROW, "stops-on-damage": DAMAGED}


class Broken(StandIn):
    """A stand-in with a defect."""

    def __init__(self, folder: Path, mutant: str) -> None:
        self._mutant = MUTANTS[mutant]
        super().__init__(folder)

    def configured(self, config: DeviceConfig) -> DeviceConfig:
        return self._mutant.apply(config)


def with_external(folder: Path, stand_in: StandIn, **limits: float) -> Run:
    ics = Ics.of_reference("device").model_copy(update={"limits": limits})
    seat = external_seat(ics, Arrangement(Endpoint(), folder, tell=lambda _: None), wait_s=20.0)
    try:
        return run(RunPlan((seat,), folder, selection=BAD))
    finally:
        stand_in.leave()


def failed(done: Run) -> list[str]:
    return [item.started.example["badness"] for item in carried_out(done) if item.outcome == "failed"]


def facts(done: Run, kind: str) -> dict[str, dict[str, Any]]:
    """Give the facts of a kind by the row they belong to."""
    found = [(item.started.example["badness"], fact) for item in carried_out(done) for fact in item.facts]
    return {row: dict(fact.data) for row, fact in found if fact.kind == kind}


@pytest.mark.parametrize("mutant", sorted(CAUGHT))
def test_a_broken_device_is_caught_by_the_one_network_it_cannot_bear(mutant: str, tmp_path: Path) -> None:
    done = suite(tmp_path, mutant=mutant, selection=BAD)
    assert failed(done) == [CAUGHT[mutant]], told(done)
    assert done.behaviour_verdicts("device")["NW-04"].value == "fail"


def test_a_device_that_is_connected_converges_over_every_bad_network(tmp_path: Path) -> None:
    done = with_external(tmp_path, StandIn(tmp_path))
    assert {item.outcome.value for item in carried_out(done)} == {"passed"}, told(done)
    assert facts(done, "link")[DAMAGED]["damaged"] > 0, "the link did damage what passed"
    assert len(carried_out(done)) == 6


def test_a_broken_device_that_is_connected_is_caught_too(tmp_path: Path) -> None:
    done = with_external(tmp_path, Broken(tmp_path, "impatient"), apply=2.0, retry=2.0, poll=2.0, settle=2.0)
    assert NARROW in failed(done), told(done)


def test_the_link_is_as_it_should_be_again_whatever_a_scenario_left(tmp_path: Path) -> None:
    loop = BackgroundLoop()
    try:
        with EventWriter(tmp_path / EVENT_FILE) as writer:
            world = World(Recorder(writer), Endpoint())
            world.link.delay(5.0)
            world.link.throttle(1.0)
            world.link.corrupt(10)
            assert world.link.is_disturbed
            loop.run(world.undisturb())
            assert not world.link.is_disturbed
    finally:
        loop.close()


@pytest.mark.parametrize(("damaged", "expected"), [(0, Seen.UNSEEN), (2, Seen.KEPT), (None, Seen.UNSEEN)])
def test_convergence_over_a_link_that_damaged_nothing_shows_nothing(damaged: int | None, expected: Seen) -> None:
    bad = Fact(n=1, at=1.0, scenario=1, kind="disturbed", data={"label": DAMAGED})
    document = {"metadata": {"name": "d"}, "spec": {}}
    order = {"deploymentId": "d-1", "version": 2, "release": 1, "document": document, "components": []}
    published = Fact(n=2, at=1.1, scenario=1, kind="published", data=order)
    link = [] if damaged is None else [Fact(n=4, at=2.0, scenario=1, kind="link", data={"damaged": damaged})]
    text = '{"adoptedManifestVersion": 2, "deploymentId": "d-1", "status": {"state": "installed"}, "components": []}'
    report = exchange("report-status", 1.5, params={"deploymentId": "d-1"}, request=Body(text=text), status=201)
    record = Record("device", (report,), (), (bad, published, *link))
    assert seen(behaviours_runtime.bad_network_only_delays, record, deployment="d-1") == {expected}
