"""A fleet that is cut gives what the whole gives, however it is cut and whoever carries the ranges out."""

import copy
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.cli.main import main
from simulator.fleet import cluster, compiled, results, shards
from simulator.fleet.description import Fleet
from simulator.fleet.plan import COUNTED, World, plan_of
from simulator.fleet.reading import read
from tests.fleet.test_equal_traces import BASE, chance, cohorts, times

DESCRIPTION = """
cohorts:
  - {name: a, count: 900, application: app, network: {loss: 0.01}, failures: {reboots_per_day: 5}}
  - {name: b, count: 100, application: app, sites: {count: 3, outages: [{at: 12m, lasts: 4m, kind: power}]}}
applications:
  - name: app
    revisions: [{name: "1"}, {name: "2", fails: 0.2}]
rollouts:
  - {application: app, revision: "2", waves: [{at: 10m, share: 0.2}, {at: 15m, share: 0.8}]}
duration: 30m
"""


def written(folder: Path, fleet: Fleet, world: World) -> dict[str, bytes]:
    """The tables as they are written."""
    how = results.Run("compiled", 0.0)
    results.write(folder, results.summary_of(fleet, world, how), results.tables_of(fleet, world))
    tables = {file.name: file.read_bytes() for suffix in ("csv", "parquet") for file in folder.glob(f"*.{suffix}")}
    assert {"rates.csv", "convergence.csv", "cohorts.parquet"} <= tables.keys()
    return tables


@given(
    seed=st.integers(0, 2**63 - 1),
    some=st.lists(cohorts, min_size=1, max_size=3),
    service=st.fixed_dictionaries({"unchanged": times, "bundle": times}),
    down=st.lists(st.fixed_dictionaries({"at": st.integers(0, 900), "lasts": st.integers(1, 60)}), max_size=1),
    restored=st.sampled_from([[], [{"at": 600, "backup": 100, "lasts": 200}]]),
    fails=chance,
    engine=st.sampled_from(["compiled", "compiled", "simpy"]),
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_one_two_and_four_shards_write_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    some: list[dict[str, Any]],
    service: dict[str, Any],
    down: list[Any],
    restored: list[Any],
    fails: float,
    engine: str,
) -> None:
    described = copy.deepcopy(BASE)
    described |= {"seed": seed, "cohorts": [{**item, "name": f"cohort-{n}"} for n, item in enumerate(some)]}
    described["applications"][0]["revisions"][1]["fails"] = fails
    fleet = Fleet.model_validate({**described, "wfm": {"service": service, "down": down, "restored": restored}})
    whole = plan_of(fleet)
    shards.check_independent(fleet, whole)
    compiled.simulate(whole)
    folder = tmp_path_factory.mktemp("tables")
    expected = written(folder, fleet, whole)
    for pieces in (1, 2, 4):
        world = plan_of(fleet)
        outcome = shards.simulate(fleet, world, shards.Here(), engine=engine, pieces=pieces)
        assert not outcome.missing
        assert outcome.ranges == min(pieces, fleet.devices)
        assert written(folder, fleet, world) == expected


@given(st.integers(1, 10_000), st.integers(1, 500))
def test_every_device_is_in_one_range(devices: int, pieces: int) -> None:
    ranges = shards.cut(devices, pieces)
    assert [number for part in ranges for number in part] == list(range(devices))
    assert max(map(len, ranges)) - min(map(len, ranges)) <= 1
    assert shards.joined(reversed(ranges)) == [range(devices)]


def test_what_is_missing_is_said_in_as_few_ranges_as_possible() -> None:
    ranges = shards.cut(100, 10)
    outcome = shards.Outcome(10, 1, [ranges[4], ranges[9], ranges[3]])
    assert outcome.to_plain()["missing_devices"] == [[30, 49], [90, 99]]


class Interrupted(shards.Here):
    """Somebody presses Ctrl-C after three ranges."""

    def run(
        self, fleet: Fleet, world: World, engine: str, ranges: Sequence[range]
    ) -> Iterator[tuple[int, shards.Counts]]:
        for position, part in super().run(fleet, world, engine, ranges):
            if position == 3:
                raise KeyboardInterrupt
            yield position, part


def test_ctrl_c_keeps_what_was_counted() -> None:
    fleet = Fleet.model_validate(BASE)
    world, first = plan_of(fleet), plan_of(fleet)
    outcome = shards.simulate(fleet, world, Interrupted(), pieces=5)
    assert outcome.interrupted
    assert shards.joined(outcome.missing) == [range(12, 20)]
    compiled.simulate_range(fleet, first, range(12))
    assert all(np.array_equal(getattr(world, name), getattr(first, name)) for name in COUNTED)
    assert world.rates.sum() > 0


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ("\nwfm: {servers: 2}", "wfm.servers (requests wait"),
        ("\nrollouts: [{application: app, revision: '2', waves: [{at: 10m}], pause: {}}]", "rollouts.0.pause (the"),
    ],
)
def test_a_coupled_fleet_is_not_cut(
    changes: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = DESCRIPTION if "rollouts" not in changes else DESCRIPTION.partition("rollouts:")[0] + "duration: 30m"
    (tmp_path / "fleet.yaml").write_text(text + changes)
    asked = ["simulate", str(tmp_path / "fleet.yaml"), "--out", str(tmp_path / "out")]
    assert main([*asked, "--workers", "2"]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "one process simulates it" in said
    assert main(asked) == 0  # the same fleet, whole


def test_a_scheduler_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fleet.yaml").write_text(DESCRIPTION)
    asked = ["simulate", str(tmp_path / "fleet.yaml"), "--out", str(tmp_path / "out")]
    assert main([*asked, "--scheduler", "nonsense://127.0.0.1:1"]) == 2
    assert "no scheduler answers at nonsense://127.0.0.1:1" in capsys.readouterr().err
    assert main([*asked, "--scheduler", "tcp://127.0.0.1:1", "--workers", "2"]) == 2
    assert "either --workers or --scheduler" in capsys.readouterr().err


@pytest.fixture(scope="module")
def two_workers() -> Iterator[cluster.Cluster]:
    with cluster.opened(2) as pool:
        yield pool


def test_a_real_cluster_writes_the_same_bytes_also_when_a_worker_is_lost(
    two_workers: cluster.Cluster, tmp_path: Path
) -> None:
    fleet = read(DESCRIPTION.encode(), "fleet.yaml")
    whole = plan_of(fleet)
    compiled.simulate(whole)
    expected = written(tmp_path, fleet, whole)
    world = plan_of(fleet)
    outcome = shards.simulate(fleet, world, two_workers)
    assert (outcome.missing, outcome.lost_workers, outcome.workers, outcome.ranges) == ([], 0, 2, 16)
    assert written(tmp_path, fleet, world) == expected

    processes = two_workers.client.run(os.getpid)
    killed: list[int] = []

    def kill_one(part: float) -> None:
        if not killed:
            killed.append(min(processes.values()))
            os.kill(killed[0], signal.SIGKILL)

    world = plan_of(fleet)
    outcome = shards.simulate(fleet, world, two_workers, progress=kill_one, pieces=200)
    assert killed
    assert (outcome.missing, outcome.lost_workers) == ([], 1)
    assert written(tmp_path, fleet, world) == expected


def test_workers_do_not_trim_their_memory(two_workers: cluster.Cluster) -> None:
    trims = two_workers.client.run(lambda: os.environ.get("MALLOC_TRIM_THRESHOLD_"))
    assert set(trims.values()) == {None}


def test_workers_with_another_simulator_are_refused(
    two_workers: cluster.Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = cluster.fingerprint()
    cluster.check(two_workers.client, None, ours)
    with pytest.raises(cluster.ClusterProblem, match=r"numba 0\.1 here, .* there; install the same there: pip install"):
        cluster.check(two_workers.client, None, {**ours, "numba": "0.1"})
