"""What the description says of a cohort is what its live devices do."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from simulator.fleet.description import Outage
from simulator.fleet.live.plan import Cohort, Installing, LivePlan, Polling, Retries, Rollout
from simulator.fleet.live.tally import DRIFTS, FAILURES, GAVE_UP, INSTALLED, POWER_CUTS, REBOOTS
from simulator.protocol.status import State
from simulator.wfm.server import ReferenceWfm
from tests.fleet_live.support import Seen, document, plan, run, shard_of
from tests.wfm.support import config

QUICK = Polling(0.2, 0.1)


def cohorts(duration_s: float, *groups: Cohort, **more: Any) -> LivePlan:
    devices = sum(group.devices for group in groups)
    return LivePlan(devices, duration_s, cohorts=groups, settle_s=0.1, storm_lasts_s=0.2, **more)


async def published(asked: LivePlan, changes: Mapping[str, str] | None = None) -> tuple[Seen, ReferenceWfm]:
    async with ReferenceWfm(config()) as wfm:
        for number in range(asked.devices):
            client = asked.client_id(number)
            await wfm.service.publish(client, document(client, **(changes or {})))
        return await run(wfm, asked), wfm


def test_cohorts_poll_at_their_own_pace_and_are_counted_apart() -> None:
    async def scenario() -> Seen:
        async with ReferenceWfm(config()) as wfm:
            fast, slow = Cohort("fast", 10, Polling(0.1, 0.0)), Cohort("slow", 10, Polling(0.5, 0.0))
            return await run(wfm, cohorts(2.0, fast, slow))

    seen = asyncio.run(scenario())
    fast, slow = (seen.tally.latency_of(name).count for name in ("fast", "slow"))
    assert slow >= 10
    assert 3 * slow < fast <= 200
    assert sum(histogram.count for histogram in seen.tally.latency.values()) == fast + slow


def test_installations_fail_as_often_as_they_are_said_to_and_are_tried_again() -> None:
    bad = Installing(0.05, fails=1.0, tries=3, wait_s=0.05)
    good = Installing(0.05)
    asked = cohorts(
        2.0,
        Cohort("bad", 4, QUICK, 0.2, revisions={("app", "2.0.0"): bad}),
        Cohort("good", 4, QUICK, 0.2, revisions={("app", "2.0.0"): good}),
        rollouts=(Rollout("app", "2.0.0", ((0.0, 0.5), (0.5, 2.0))),),
    )
    seen, wfm = asyncio.run(published(asked, {"revision": "2.0.0"}))
    assert seen.tally.groups["bad"][FAILURES] == 12
    assert seen.tally.groups["bad"][GAVE_UP] == 4
    assert seen.tally.groups["good"][FAILURES] == 0
    assert seen.tally.results == {("app", "2.0.0", "failed"): 4, ("app", "2.0.0", "installed"): 4}
    assert sum(row.reached.total() for row in seen.tally.seconds.values()) == 4
    states = [
        record.status.status.state
        for number in range(8)
        for record in wfm.core.client(asked.client_id(number)).statuses.values()
    ]
    assert states == [State.FAILED] * 4 + [State.INSTALLED] * 4
    assert not seen.tally.errors
    assert not [status for (_, status) in seen.tally.requests if status >= 400], "the reports of failures are accepted"


def test_without_its_network_a_site_reaches_nobody_and_comes_back_with_new_handshakes() -> None:
    outage = Outage(at=0.6, lasts=0.8, share=1.0)
    hit = Cohort("hit", 10, QUICK, 0.2, Retries(0.05, 0.2, 0.0), outages=(outage,))
    spared = Cohort("spared", 10, QUICK, 0.2)

    async def scenario() -> Seen:
        async with ReferenceWfm(config()) as wfm:
            return await run(wfm, cohorts(2.5, hit, spared))

    seen = asyncio.run(scenario())
    assert seen.tally.errors["fetch-manifest", "no-network"] >= 30, "tried again and again"
    assert seen.tally.handshake.count == 30
    assert seen.tally.latency_of("hit").count < 0.85 * seen.tally.latency_of("spared").count
    assert seen.tally.latency["outage"].count > 0


def test_a_power_cut_begins_installations_anew() -> None:
    outage = Outage(at=0.9, lasts=0.3, kind="power")
    slow = Installing(0.9)
    asked = cohorts(4.0, Cohort("cut", 5, QUICK, 0.1, installing=slow, outages=(outage,), boot_s=0.1))
    seen, _ = asyncio.run(published(asked))
    assert seen.tally.groups["cut"][POWER_CUTS] == 5
    assert seen.tally.handshake.count == 10
    assert seen.tally.total(INSTALLED) == 5
    first = min(second for second, row in seen.tally.seconds.items() if row.counts[INSTALLED])
    assert first >= 2, "0.9 s of installing were not over before the cut at 0.9 s, and began again after 1.3 s"


def test_reboots_and_drifts_come_as_often_as_they_are_said_to() -> None:
    per_day = 0.2 * 86400 / 0.2  # one poll in five
    asked = cohorts(
        3.0, Cohort("odd", 10, QUICK, 0.1, installing=Installing(0.02), reboots_per_day=per_day, drifts_per_day=per_day)
    )
    seen, _ = asyncio.run(published(asked))
    counts = seen.tally.groups["odd"]
    assert 8 < counts[REBOOTS] < 60
    assert 5 < counts[DRIFTS] < 60
    assert seen.tally.total(INSTALLED) > 10, "what drifted is installed and reported again"


def test_a_wfm_that_stalls_cannot_hide_it() -> None:
    """While it answers nobody for a second, each device has one request under way; ten polls each were due."""
    free = asyncio.Event()

    @web.middleware
    async def stalling(request: web.Request, handler: Any) -> web.StreamResponse:
        await free.wait()
        response: web.StreamResponse = await handler(request)
        return response

    async def scenario() -> Seen:
        free.set()
        async with ReferenceWfm(config(), middlewares=[stalling]) as wfm:
            seen = Seen()
            shard = shard_of(wfm, plan(20, 3.0, 0.1, ramp_s=0.1))
            running = asyncio.create_task(shard.run(time.monotonic(), seen.take, 0.05))
            await seen.until(lambda: seen.count("fetch-manifest", 304) > 100)
            free.clear()
            asyncio.get_running_loop().call_later(1.0, free.set)
            await running
            return seen

    seen = asyncio.run(scenario())
    polls = seen.tally.latency_of("fleet")
    slow = sum(count for to_s, count in polls.buckets() if to_s > 0.3)
    served = sum(count for to_s, count in seen.tally.served("fetch-manifest").buckets() if to_s > 0.3)
    assert served <= 25, "one request of each device waited"
    assert slow > 100, "and every poll that was due in the meantime counts with its own delay"
    assert (polls.quantile(1.0) or 0.0) > 0.9
