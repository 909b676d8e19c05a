"""Workers of a cluster carry a live fleet as processes of this machine do."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from simulator.fleet import cluster
from simulator.fleet.live.driver import Progress, run_live
from simulator.fleet.live.ready import NotReady
from simulator.fleet.live.remote import Workers
from tests.fleet_live.support import plan
from tests.fleet_live.test_driver import with_wfm, written
from tests.wfm.support import authority


@pytest.fixture(scope="module")
def two() -> Iterator[cluster.Cluster]:
    with cluster.opened(2) as pool:
        yield pool


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("credentials") / "identity", authority())


def test_two_workers_carry_one_fleet(two: cluster.Cluster, identity: Path) -> None:
    workers = Workers(two.client)
    stages: list[Progress] = []
    asked = plan(40, 3.0, processes=workers.count)
    result = with_wfm(
        lambda wfm: run_live(asked, wfm.management_url, identity, on_progress=stages.append, hire=workers.hire)
    )
    assert not result.partial
    assert len(result.processes) == 2
    requests = result.tally.requests
    assert requests["report-capabilities", 201] + requests["report-capabilities", 200] == 40
    assert requests["fetch-manifest", 200] == 40
    assert requests["fetch-manifest", 304] > 100
    assert {stage.stage for stage in stages} == {"preparing", "running"}
    begun = min(second for second, row in result.tally.seconds.items() if sum(row.counts))
    assert begun == 0  # their clocks were told apart: nothing is counted long before or after it happened
    assert max(result.tally.seconds) <= 4


def test_a_worker_without_credentials_is_named_before_the_run(two: cluster.Cluster, identity: Path) -> None:
    workers = Workers(two.client, Path("/nowhere"))
    with pytest.raises(NotReady, match=r"worker tls://127\.0\.0\.1:\d+: /nowhere/"):
        with_wfm(lambda wfm: run_live(plan(4, processes=2), wfm.management_url, identity, hire=workers.hire))


def test_a_worker_that_is_lost_is_said_and_the_other_goes_on(two: cluster.Cluster, identity: Path) -> None:
    workers = Workers(two.client)
    process_ids = two.client.run(os.getpid)
    victim = min(process_ids)
    killed: list[str] = []

    def kill_one(progress: Progress) -> None:
        if progress.answered > 40 and not killed:
            killed.append(victim)
            os.kill(process_ids[victim], signal.SIGKILL)

    asked = replace(plan(20, 5.0), processes=2)
    result = with_wfm(
        lambda wfm: run_live(asked, wfm.management_url, identity, on_progress=kill_one, hire=workers.hire)
    )
    assert result.partial
    assert [finding.kind for finding in result.findings if finding.kind == "process-lost"] == ["process-lost"]
    lost = next(finding for finding in result.findings if finding.kind == "process-lost")
    assert f"worker {victim} ended unexpectedly: its 10 devices" in lost.text
    assert result.ran_s == pytest.approx(5.0, abs=0.3)
