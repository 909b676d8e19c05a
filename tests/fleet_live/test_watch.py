"""Monitors hold a fleet's traffic to the specification: broken WFMs are found out, their right twin is not."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conformance.bench.coverage import entries
from conformance.bench.fleet_watch import FleetWatch, Judged
from conformance.bench.run import load_checks
from conformance.catalogue import load
from conformance.checks.registry import monitors
from conformance.record.events import CatalogueEvent, Outcome
from conformance.record.file import EVENT_FILE, read
from conformance.record.run import Run
from conformance.record.verdict import Conformity
from simulator.fleet.live.plan import Sample
from simulator.fleet.live.tls import Wallet
from simulator.wfm.load import LoadLimit
from simulator.wfm.mutants import WFM_MUTANTS
from simulator.wfm.server import ReferenceWfm, WfmConfig
from tests.fleet_live.support import Seen, document, plan, shard_of
from tests.wfm.support import WFM_ID, authority, config

SAMPLE = Sample(3, 100, 20)
BUSY = LoadLimit(rate_per_s=1.0, burst=3, retry_after_s=1)


def watched(folder: Path, mutant: str | None, load: LoadLimit | None = None) -> tuple[Judged, ...]:
    """Run six devices, three of them sampled, against a WFM, and have the monitors judge."""

    async def scenario() -> Seen:
        asked = plan(6, 1.2, ramp_s=0.2, sample=SAMPLE)
        settings: WfmConfig = config(load=load)
        async with WFM_MUTANTS[mutant].build(settings) if mutant else ReferenceWfm(settings) as wfm:
            for number in range(6):
                client = asked.client_id(number)
                await wfm.service.publish(client, document(client))
            seen = Seen()
            running = asyncio.create_task(shard_of(wfm, asked).run(time.monotonic(), seen.take, 0.05))
            await seen.until(lambda: seen.count("fetch-manifest", 200) >= 6)
            await wfm.service.publish(asked.client_id(0), document(asked.client_id(0), "2.0.0"))
            await running
            return seen

    seen = asyncio.run(scenario())
    watch = FleetWatch(folder, "https://localhost:1", client_of=Wallet.of(authority(), WFM_ID).name_of)
    for exchange in seen.samples:
        watch.hear(exchange)
    return watch.judge()


def broken(judged: tuple[Judged, ...]) -> dict[str, Judged]:
    return {item.requirement: item for item in judged if item.outcome is Outcome.FAIL}


@pytest.mark.parametrize("load", [None, BUSY], ids=["calm", "refusing"])
def test_the_right_wfm_breaks_nothing_in_whatever_a_fleet_sees_of_it(tmp_path: Path, load: LoadLimit | None) -> None:
    judged = watched(tmp_path, None, load)
    assert not broken(judged)
    kept = {item.requirement for item in judged if item.outcome is Outcome.PASS}
    assert len(kept) > 20
    assert {"DS-006", "ID-12", "ID-31"} <= kept
    if load:
        assert {"ERR-001", "RTY-002"} <= kept
    run = Run.of(read(tmp_path / EVENT_FILE))
    assert run.conformity is Conformity.INCOMPLETE, "what was sampled is never the whole suite"


@pytest.mark.parametrize(
    ("mutant", "requirement", "load"),
    [
        ("manifest-public", "DS-060", None),
        ("etag-of-bundle", "DS-056", None),
        ("bundle-with-another-file", "DS-019", None),
        ("bundle-packed-anew", "DS-021", None),
        ("version-as-text", "DS-010", None),
        ("manifest-as-json", "DS-007", None),
        ("no-retry-after", "RTY-002", BUSY),
        ("plain-json-errors", "ERR-001", BUSY),
    ],
)
def test_a_broken_wfm_is_found_out_by_its_traffic(
    tmp_path: Path, mutant: str, requirement: str, load: LoadLimit | None
) -> None:
    found = broken(watched(tmp_path, mutant, load))
    assert requirement in found, sorted(found)
    item = found[requirement]
    events = {event.n: event for event in read(tmp_path / EVENT_FILE)}
    assert item.shown_by, "a finding names the exchange that shows it"
    assert all(events[number].type in ("exchange", "connection", "fact") for number in item.shown_by)
    assert item.shown.startswith(f"event {item.shown_by[-1]}: ")
    failed = [one for one in Run.of(tuple(events.values())).scenarios if one.outcome == "failed"]
    assert failed


def test_every_monitor_of_wfms_takes_part() -> None:
    assert len(monitors("wfm")) > 50


FRESH = """
import pathlib, sys
from conformance.bench.fleet_watch import FleetWatch
FleetWatch(pathlib.Path(sys.argv[1]), "").judge()
"""


def test_the_record_knows_of_every_check_of_the_suite(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", FRESH, str(tmp_path)], check=True)  # noqa: S603 - nothing is loaded there
    (told,) = (event for event in read(tmp_path / EVENT_FILE) if isinstance(event, CatalogueEvent))
    load_checks()
    catalogue = load()
    assert told.requirements == entries(catalogue, {"wfm": catalogue.profiles("wfm")[0].claims})
