"""Installations that fail, tried again: what live devices tell of them, and how they are counted."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from conformance.bench.adapters.opening import open_northbound
from conformance.bench.fleet_operator import FleetOperator
from simulator.fleet import compiled, results
from simulator.fleet.description import Fleet
from simulator.fleet.live.driver import run_live
from simulator.fleet.live.mapping import LiveOptions, mapped
from simulator.fleet.live.plan import Cohort, Installing, LivePlan, Polling
from simulator.fleet.live.result import LiveResult
from simulator.fleet.live.results import summary_of
from simulator.fleet.live.tally import DRIFTS, FAILURES, GAVE_UP, Tally
from simulator.fleet.plan import plan_of
from simulator.protocol.status import State
from simulator.wfm.server import ReferenceWfm
from tests.fleet_live.support import Seen, document, shard_of
from tests.fleet_live.test_driver import identity as identity  # noqa: PLC0414 - a fixture
from tests.wfm.support import config

Told = list[tuple[str, int]]
"""States that were reported in order, with the manifest version of each."""
TRY = ["pending", "installing"]


class Listener:
    """Notes what devices report to a WFM."""

    def __init__(self) -> None:
        self.told: dict[str, Told] = {}

    @property
    def middleware(self) -> Any:
        @web.middleware
        async def listening(request: web.Request, handler: Any) -> web.StreamResponse:
            if request.method == "POST":
                said = json.loads(await request.read())
                told = self.told.setdefault(said["deploymentId"], [])
                told.append((said["status"]["state"], said["adoptedManifestVersion"]))
            response: web.StreamResponse = await handler(request)
            return response

        return listening


def live(devices: int, duration_s: float, revisions: dict[str, Installing], **more: Any) -> LivePlan:
    named = {("app", revision): how for revision, how in revisions.items()}
    group = Cohort("fleet", devices, Polling(0.2, 0.1), 0.2, revisions=named, **more)
    return LivePlan(devices, duration_s, cohorts=(group,), settle_s=0.1)


def states(told: Told) -> list[str]:
    return [state for state, _ in told]


def test_each_device_counts_once_by_its_last_report_and_each_try_is_told_whole() -> None:
    async def scenario() -> tuple[Seen, Listener]:
        listener, seen = Listener(), Seen()
        how = Installing(0.02, fails=0.5, tries=3, wait_s=0.05)
        asked = replace(live(20, 2.5, {"1.0.0": how}), processes=2)
        async with ReferenceWfm(config(), middlewares=[listener.middleware]) as wfm:
            for number in range(asked.devices):
                await wfm.service.publish(asked.client_id(number), document(asked.client_id(number)))
            shards = [shard_of(wfm, asked, index=index) for index in range(2)]
            began = time.monotonic()
            await asyncio.gather(*(shard.run(began, seen.take, 0.05) for shard in shards))
        return seen, listener

    seen, listener = asyncio.run(scenario())
    told = [states(said) for said in listener.told.values()]
    assert len(told) == 20
    last = Counter(said[-1] for said in told)
    assert any("failed" in said and said[-1] == "installed" for said in told)
    assert set(last) == {"installed", "failed"}
    assert seen.tally.results == {("app", "1.0.0", state): count for state, count in last.items()}
    for said in told:
        ends = said[2::3]
        assert said == [state for end in ends for state in (*TRY, end)]
        assert ends[:-1] == ["failed"] * (len(ends) - 1)
        assert len(ends) <= 3
    counts = seen.tally.groups["fleet"]
    assert counts[FAILURES] == sum(said.count("failed") for said in told)
    assert counts[GAVE_UP] == last["failed"]
    assert seen.count("report-status", 200, 201) == 3 * (counts[FAILURES] + last["installed"])


def test_a_failed_update_names_what_runs_on_and_going_back_to_it_installs_nothing() -> None:
    async def scenario() -> tuple[Seen, Listener]:
        listener, seen = Listener(), Seen()
        asked = live(1, 30.0, {"2.0.0": Installing(0.02, fails=1.0, tries=2, wait_s=0.05)})
        client = asked.client_id(0)
        async with ReferenceWfm(config(), middlewares=[listener.middleware]) as wfm:
            await wfm.service.publish(client, document(client))
            shard = shard_of(wfm, asked)
            running = asyncio.create_task(shard.run(time.monotonic(), seen.take, 0.05))
            await seen.until(lambda: seen.count("report-status") == 3)
            assert seen.tally.results == {("app", "1.0.0", "installed"): 1}
            await wfm.service.publish(client, document(client, "2.0.0"))
            await seen.until(lambda: seen.count("report-status") == 9)
            await wfm.service.publish(client, document(client))
            await seen.until(lambda: seen.count("report-status") == 10)
            shard.stop()
            await running
            [record] = wfm.core.client(client).statuses.values()
            assert record.status.status.state is State.INSTALLED
        return seen, listener

    seen, listener = asyncio.run(scenario())
    [told] = listener.told.values()
    assert states(told) == [*TRY, "installed", *TRY, "failed", *TRY, "failed", "installed"]
    first, second, third = told[0][1], told[3][1], told[-1][1]
    assert first < second < third
    assert [version for _, version in told] == [first] * 3 + [second, second, first] * 2 + [third]
    assert seen.tally.results == {("app", "1.0.0", "installed"): 1, ("app", "2.0.0", "failed"): 1}


def test_what_failed_does_not_drift() -> None:
    per_day = 86400 / 0.2  # at every poll

    async def scenario() -> Seen:
        seen = Seen()
        asked = live(5, 1.5, {"1.0.0": Installing(0.02, fails=1.0, tries=1)}, drifts_per_day=per_day)
        async with ReferenceWfm(config()) as wfm:
            for number in range(asked.devices):
                await wfm.service.publish(asked.client_id(number), document(asked.client_id(number)))
            await shard_of(wfm, asked).run(time.monotonic(), seen.take, 0.05)
        return seen

    seen = asyncio.run(scenario())
    assert seen.count("report-status") == 15
    assert seen.tally.groups["fleet"][DRIFTS] == 0


def failing() -> Fleet:
    """A gate that does not close by the devices' last reports, and would if each failure counted for good."""
    revisions = [{"name": "1.0.0"}, {"name": "1.1.0", "installs": 0.05, "fails": 0.6}]
    waves = [{"at": 1, "share": 0.8}, {"at": 4, "share": 0.2}]
    gate = {"failure_rate": 0.35, "minimum": 28}
    return Fleet.model_validate(
        {
            "duration": 7.5,
            "cohorts": [
                {
                    "name": "a",
                    "count": 30,
                    "application": "app",
                    "polling": {"period": 1, "start_spread": 0.5},
                    "installs": {"tries": 3, "wait": 0.1, "limit": 0.1},
                }
            ],
            "applications": [{"name": "app", "revisions": revisions}],
            "rollouts": [{"application": "app", "revision": "1.1.0", "waves": waves, "pause": gate}],
        }
    )


def carried_out(fleet: Fleet, identity: Path) -> tuple[FleetOperator, LiveResult]:
    async def scenario() -> tuple[FleetOperator, LiveResult]:
        async with ReferenceWfm(config(northbound_port=0)) as wfm:
            run = mapped(fleet, LiveOptions(operated=True))
            operator = FleetOperator(run.fleet, run.plan, open_northbound(f"http://127.0.0.1:{wfm.northbound_port}"))
            await asyncio.to_thread(operator.bring_packages)

            operator.start()
            where = (run.plan, wfm.management_url, identity)
            result = await asyncio.to_thread(
                run_live, *where, on_progress=operator.hear, on_announced=operator.announced
            )
            operator.finish()
            return operator, result

    return asyncio.run(scenario())


def test_a_fleet_with_failures_comes_to_the_same_live_and_simulated(identity: Path) -> None:
    fleet = failing()
    operator, result = carried_out(fleet, identity)
    world = plan_of(fleet)
    compiled.simulate(world)
    simulated = results.summary_of(fleet, world, results.Run("compiled", 0.0))
    measured = summary_of(fleet, result, 7.5)
    [was], [is_] = simulated["rollouts"], measured["rollouts"]
    assert is_["succeeded"] + is_["failed"] == 30
    assert (is_["succeeded"], is_["failed"]) == (was["succeeded"], was["failed"])
    for kind in ("status", "bundles"):
        assert measured["requests"][kind] == simulated["requests"][kind] > 0
    for name in ("failed_installations", "gave_up"):
        assert measured["failures"][name] == simulated["failures"][name] > 0
    assert was["paused_at_s"] is None
    assert operator.paused_at(0) is None


STEPS = st.lists(st.tuples(st.integers(0, 4), st.sampled_from([State.INSTALLED, State.FAILED])), max_size=30)


@given(STEPS, st.randoms(use_true_random=False))
def test_tallies_of_devices_that_change_their_minds_merge_in_any_order(
    steps: Sequence[tuple[int, State]], random: Any
) -> None:
    last: dict[int, State] = {}
    moments: list[Tally] = []
    for device, state in steps:
        moment = Tally()
        if last.get(device) is not state:
            moment.judged("app", "1.0.0", state, last.get(device))
        last[device] = state
        moments.append(moment)
    random.shuffle(moments)
    whole = Tally()
    for moment in moments:
        whole.merge(moment)
    expected = Counter({("app", "1.0.0", str(state)): count for state, count in Counter(last.values()).items()})
    assert whole.results == expected
