"""No poll that came due is left out of what is measured, whatever becomes of it (no coordinated omission)."""

import asyncio
import socket
import time
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

from hypothesis import given
from hypothesis import strategies as st

from conformance.cli.simulate_live import words_of_due
from reports.fleet.folder import Folder, Summary, Table
from reports.fleet.latency import percentiles
from simulator.fleet.description import Outage
from simulator.fleet.live.budget import Budget
from simulator.fleet.live.connection import Target
from simulator.fleet.live.histogram import Histogram
from simulator.fleet.live.line import Office
from simulator.fleet.live.plan import Connections, LivePlan, Polling
from simulator.fleet.live.polls import DuePolls
from simulator.fleet.live.results import polls_due
from simulator.fleet.live.schedule import Schedule, Warp
from simulator.fleet.live.shard import Shard, ignore
from simulator.fleet.live.tally import Tally
from simulator.fleet.live.tls import Wallet
from simulator.wfm.server import ReferenceWfm
from tests.fleet_live.support import Seen, plan, run
from tests.wfm.support import WFM_ID, authority, config

NOWHERE = Target(socket.AF_INET, ("127.0.0.1", 1), "localhost", "localhost:1")
END = st.sampled_from(["answered", "failed", "unanswered", "no_network", "under_way"])
STEPS = st.lists(st.tuples(END, st.floats(0, 40)), max_size=30)


def balanced(tally: Tally) -> dict[str, int]:
    """What became of the polls that came due; each of them is in exactly one count."""
    polls = polls_due(tally)
    ends = ("answered", "unanswered", "under_way", "no_network")
    assert polls["due"] == sum(polls[name] for name in ends), polls
    return polls


@given(STEPS)
def test_every_poll_that_came_due_is_answered_or_counted_by_why_not(steps: list[tuple[str, float]]) -> None:
    asked = LivePlan(1, 300.0, Polling(5.0, 0.1))
    office = Office(asked, NOWHERE, Budget(None), ignore)
    polls = DuePolls(office, Schedule(asked, Warp(()), 0))
    now, since, expected = 0.0, None, 0.0
    for what, takes in steps:
        if now >= asked.duration_s:
            break
        polls.begin(now)
        since = now if since is None else since
        now += takes
        match what:
            case "answered":
                polls.answered(now)
                expected = max(expected, now - since)
            case "failed":
                polls.failed(now)
            case "unanswered" | "no_network" | "under_way" as why:
                polls.lost(now, why)
        if what == "failed":
            now += 1.0
        else:
            since, now = None, polls.after(now)
    polls.lost(now, "unanswered")
    found = balanced(office.tally)
    assert found["due"] >= bool(steps)
    longest = Histogram.merged(office.tally.latency.values()).quantile(1.0) or 0.0
    assert abs(longest - expected) < 1e-6, "measured from when the poll was first due, over all its tries"


class Stalling:
    """A WFM in a thread of its own, which stands still when it is told to."""

    def __init__(self) -> None:
        self._ready, self._gone = Event(), asyncio.Event()
        self._thread = Thread(target=asyncio.run, args=(self._serve(),), daemon=True)

    async def _serve(self) -> None:
        async with ReferenceWfm(config()) as wfm:
            self.port, self._loop = wfm.management_port, asyncio.get_running_loop()
            self._ready.set()
            await self._gone.wait()

    def __enter__(self) -> "Stalling":
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._gone.set)
        self._thread.join(30)

    def stand_still(self, seconds: float) -> None:
        self._loop.call_soon_threadsafe(time.sleep, seconds)


def test_polls_that_ran_into_their_timeout_are_measured_until_they_are_answered() -> None:
    """A WFM that stands still for longer than a device waits: each try fails early, and the poll was late all along."""

    async def scenario(wfm: Stalling) -> Seen:
        seen = Seen()
        connections = Connections(request_timeout_s=0.3, connect_timeout_s=0.3)
        asked = plan(10, 60.0, 0.25, ramp_s=0.2, connections=connections)
        target = Target(socket.AF_INET, ("127.0.0.1", wfm.port), "localhost", f"localhost:{wfm.port}")
        shard = Shard(asked, Wallet.of(authority(), WFM_ID), target)
        assert max(shard.prepare()) == shard.size
        running = asyncio.create_task(shard.run(time.monotonic(), seen.take, 0.05))
        await seen.until(lambda: seen.count("fetch-manifest", 304) > 20)
        wfm.stand_still(1.5)
        await seen.until(lambda: sum(seen.tally.errors.values()) >= 10)
        later = seen.count("fetch-manifest", 304) + 60
        await seen.until(lambda: seen.count("fetch-manifest", 304) >= later)
        shard.stop()
        await running
        return seen

    with Stalling() as wfm:
        seen = asyncio.run(scenario(wfm))
    polls = balanced(seen.tally)
    assert polls["answered"] > 60
    longest = max(histogram.quantile(1.0) or 0.0 for histogram in seen.tally.latency.values())
    assert longest > 1.0, "not the 0.3 s after which a try is given up"
    slow = sum(count for h in seen.tally.latency.values() for to_s, count in h.buckets() if to_s > 0.4)
    assert slow >= 20, "several polls of every device were late, not one each"


def test_polls_that_are_never_answered_are_counted_beside_the_percentiles() -> None:
    async def scenario() -> Seen:
        wfm = ReferenceWfm(config())
        await wfm.start()
        seen = Seen()
        target = Target(socket.AF_INET, ("127.0.0.1", wfm.management_port), "localhost", "localhost")
        shard = Shard(plan(10, 2.5, 0.2), Wallet.of(authority(), WFM_ID), target)
        assert max(shard.prepare()) == shard.size
        running = asyncio.create_task(shard.run(time.monotonic(), seen.take, 0.05))
        await seen.until(lambda: seen.count("fetch-manifest", 304) > 20)
        await wfm.stop()
        await running
        return seen

    seen = asyncio.run(scenario())
    polls = balanced(seen.tally)
    assert polls["unanswered"] >= 10, "those of every device, from when the WFM went to the end"
    assert polls["unanswered"] == seen.tally.latency_summary()["all"]["unanswered"]
    assert polls["unanswered"] == sum(int(row["unanswered"] or 0) for row in seen.tally.series())


def test_polls_without_the_network_of_their_site_are_none_of_the_wfms() -> None:
    outage = Outage(at=0.8, lasts=0.6)

    async def scenario() -> Seen:
        async with ReferenceWfm(config()) as wfm:
            asked = plan(5, 2.0, 0.2, ramp_s=0.1)
            [group] = asked.groups
            return await run(wfm, replace(asked, cohorts=(replace(group, outages=(outage,)),)))

    seen = asyncio.run(scenario())
    polls = balanced(seen.tally)
    assert polls["no_network"] >= 5
    assert max(h.quantile(1.0) or 0.0 for h in seen.tally.latency.values()) < 0.6


def test_the_report_and_the_terminal_tell_of_polls_without_an_answer() -> None:
    tally = Tally()
    for second in range(10):
        tally.due(second)
    for second in range(7):
        tally.polled("steady", "a", second, second + 0.5)
    tally.missed("steady", "a", 7, "unanswered")
    tally.missed("storm", "a", 8, "unanswered")
    tally.missed("steady", "a", 9, "under_way")
    tally.notice("polls-merged", times=2)
    told = words_of_due(balanced(tally))
    assert told == (
        "10 polls came due: 7 answered (2 of them by the answer to an earlier one), 2 never answered, "
        "1 not answered when the run was over"
    )
    summary = Summary(engine="live", complete=True, devices=1, duration_s=10, poll_latency_s=tally.latency_summary())
    buckets: Table = {"phase": ["steady"], "to_s": [0.5], "count": [7]}
    header, rows = percentiles(Folder(Path(), summary, {"latency": buckets}, ""))
    at = header.index("Never answered")
    assert {row[0]: (row[1], row[at], row[at + 1]) for row in rows} == {
        "steady": ("7", "1", "1"),
        "storm": ("0", "1", "0"),
        "all": ("7", "2", "1"),
    }
