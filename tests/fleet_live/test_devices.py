import asyncio
import time
from dataclasses import replace

from simulator.fleet.description import Profile
from simulator.fleet.live.plan import Connections, RebootStorm, Sample, Spike
from simulator.fleet.live.schedule import Schedule, Warp
from simulator.fleet.live.tally import DUE, INSTALLED, POWER_CUTS, REFUSED, STORM_CUTS
from simulator.fleet.live.tls import Wallet
from simulator.identity.authority import Authority
from simulator.protocol.status import State
from simulator.wfm.load import LoadLimit
from simulator.wfm.server import ReferenceWfm
from tests.fleet_live.support import Seen, document, plan, run, shard_of
from tests.wfm.support import DOMAIN, WFM_ID, authority, config


def test_devices_report_themselves_once_and_then_poll_conditionally_on_one_connection_each() -> None:
    async def scenario() -> None:
        async with ReferenceWfm(config()) as wfm:
            seen = await run(wfm, plan(sample=Sample(2, 3)))
            assert set(wfm.core.clients) == {f"fleet-{number:06d}" for number in range(20)}
            assert all(client.devices for client in wfm.core.clients.values())
        assert seen.count("report-capabilities", 201) == seen.count("report-capabilities") == 20
        assert seen.count("fetch-manifest", 200) == 20
        assert seen.count("fetch-manifest", 304) + seen.tally.noticed["polls-merged"] > 60
        assert not seen.tally.errors
        assert seen.tally.handshake.count == 20
        polls = sum(histogram.count for histogram in seen.tally.latency.values())
        assert polls == seen.tally.total(DUE) == seen.count("fetch-manifest") + seen.tally.noticed["polls-merged"]
        sampled = sorted((sample.client_id, sample.sent_at, sample.method, sample.status) for sample in seen.samples)
        assert [(client, method, status) for client, _, method, status in sampled] == [
            (client, method, status)
            for client in ("fleet-000000", "fleet-000010")
            for method, status in (("PUT", 201), ("GET", 200), ("GET", 304))
        ]
        assert seen.last is not None
        assert seen.last.open == 0, "every connection is closed at the end"

    asyncio.run(scenario())


def test_devices_report_the_capabilities_that_their_profile_names() -> None:
    profile = Profile.model_validate(
        {"vendor": "Acme", "capabilities": {"memory": "512Mi", "labels": {"line": "press"}}}
    )

    async def scenario() -> None:
        asked = plan(3, 0.8, ramp_s=0.1)
        [group] = asked.groups
        async with ReferenceWfm(config()) as wfm:
            await run(wfm, replace(asked, cohorts=(replace(group, profile=profile),)))
            for number in range(3):
                [told] = wfm.core.client(asked.client_id(number)).devices.values()
                capabilities = told.capabilities
                assert (capabilities.properties.vendor, capabilities.properties.memory) == ("Acme", "512Mi")
                assert capabilities.labels == {"line": "press"}

    asyncio.run(scenario())


def test_what_a_manifest_names_is_fetched_and_told_installed_then_removed() -> None:
    async def scenario() -> None:
        async with ReferenceWfm(config()) as wfm:
            seen = Seen()
            asked = plan(10, 3.0, ramp_s=0.2)
            running = asyncio.create_task(shard_of(wfm, asked).run(time.monotonic(), seen.take, 0.05))
            clients = [asked.client_id(number) for number in range(10)]
            for client in clients:
                await wfm.service.publish(client, document(client))
            await seen.until(lambda: seen.tally.total(INSTALLED) == 10)
            for client in clients:
                [record] = wfm.core.client(client).statuses.values()
                assert record.status.status.state is State.INSTALLED
                assert [part.name for part in record.status.components] == ["main"]
                assert record.status.adopted == 2
                await wfm.service.change(client, drop=[record.deployment_id])
            await running
            assert seen.count("fetch-bundle", 200) == 10
            assert seen.count("report-status") == 50
            for client in clients:
                assert [kept.phase for kept in wfm.core.client(client).deployments.values()] == ["gone"]
        assert not seen.tally.errors

    asyncio.run(scenario())


def test_deployments_can_be_fetched_one_by_one() -> None:
    async def scenario() -> Seen:
        async with ReferenceWfm(config()) as wfm:
            await wfm.service.publish("fleet-000000", document("fleet-000000"))
            return await run(wfm, plan(2, 1.0, retrieval="individual", ramp_s=0.1))

    seen = asyncio.run(scenario())
    assert seen.count("fetch-deployment", 200) == 1
    assert seen.count("fetch-bundle") == 0
    assert seen.count("report-status", 200, 201) == 3


def test_a_reboot_storm_brings_new_handshakes_for_its_share_only_and_what_was_stored_stays() -> None:
    storm = RebootStorm(1.5, share=0.5, off_s=0.1, spread_s=0.1)
    asked = plan(40, 30.0, storms=(storm,), storm_lasts_s=0.3)
    rebooted = sum(bool(Schedule(asked, Warp(()), device).reboots) for device in range(40))
    assert 8 < rebooted < 32

    async def scenario() -> Seen:
        async with ReferenceWfm(config()) as wfm:
            seen, shard = Seen(), shard_of(wfm, asked)
            running = asyncio.create_task(shard.run(time.monotonic(), seen.take, 0.05))
            await seen.until(lambda: seen.tally.handshake.count >= 40 + rebooted)
            later = seen.count("fetch-manifest", 304) + 80
            await seen.until(lambda: seen.count("fetch-manifest", 304) >= later)
            shard.stop()
            await running
            return seen

    seen = asyncio.run(scenario())
    assert seen.tally.handshake.count == 40 + rebooted
    assert seen.count("fetch-manifest", 200) == 40, "a device that comes back has its entity tag"
    assert seen.count("report-capabilities") == 40, "capabilities that the WFM has are not told again"
    assert seen.tally.latency["storm"].count > 0
    [group] = seen.tally.groups.values()
    assert group[POWER_CUTS] == group[STORM_CUTS] == rebooted
    assert {kind for _, kind in seen.tally.errors} <= {"unfinished"}, "requests under way at the end"


def test_a_spike_is_seen_as_more_polls_in_its_time() -> None:
    async def scenario() -> Seen:
        async with ReferenceWfm(config()) as wfm:
            return await run(wfm, plan(20, 3.0, 0.5, spikes=(Spike(1.0, 1.0, 5.0),)))

    due = [row["due"] for row in asyncio.run(scenario()).tally.series()]
    assert int(due[1] or 0) > 3 * int(due[2] or 0)


def test_without_keep_alive_every_poll_has_a_connection_of_its_own() -> None:
    async def scenario() -> Seen:
        async with ReferenceWfm(config()) as wfm:
            return await run(wfm, plan(10, 1.5, connections=Connections(keep_alive=False)))

    seen = asyncio.run(scenario())
    assert seen.tally.handshake.count == seen.count("fetch-manifest") + seen.count("report-capabilities")
    assert not seen.tally.errors


def test_open_connections_stay_within_the_limit_and_every_device_gets_its_turn() -> None:
    async def scenario() -> Seen:
        async with ReferenceWfm(config()) as wfm:
            return await run(wfm, plan(20, 2.0, 0.5, connections=Connections(limit=5)))

    seen = asyncio.run(scenario())
    assert seen.last is not None
    assert seen.last.peak == 5
    assert seen.last.evicted > 10
    assert seen.count("report-capabilities", 201) == 20
    assert not seen.tally.errors


def test_source_addresses_are_taken_in_turn() -> None:
    async def scenario() -> Seen:
        async with ReferenceWfm(config()) as wfm:
            ips = ("127.0.0.1", "127.0.0.2")
            return await run(wfm, plan(4, 0.8, ramp_s=0.1, connections=Connections(source_ips=ips)))

    seen = asyncio.run(scenario())
    assert seen.tally.handshake.count == 4
    assert not seen.tally.errors


def test_a_device_told_to_wait_waits() -> None:
    async def scenario() -> Seen:
        limit = LoadLimit(rate_per_s=1.0, burst=3, retry_after_s=1)
        async with ReferenceWfm(config(load=limit)) as wfm:
            return await run(wfm, plan(5, 2.5, 0.1, ramp_s=0.1))

    seen = asyncio.run(scenario())
    refused = seen.count("fetch-manifest", 429)
    assert 5 <= refused <= 15, "not one refusal for each of the 25 polls that each device would make"
    assert seen.tally.noticed["told-to-wait"] == refused
    assert seen.tally.total(REFUSED) == refused


def test_a_wfm_that_goes_and_comes_back_is_an_error_count_and_no_end() -> None:
    async def scenario() -> Seen:
        seen = Seen()
        wfm = ReferenceWfm(config())
        await wfm.start()
        port = wfm.management_port
        running = asyncio.create_task(shard_of(wfm, plan(20, 3.0)).run(time.monotonic(), seen.take, 0.05))
        await seen.until(lambda: seen.count("fetch-manifest", 304) > 40)
        await wfm.stop()
        await seen.until(lambda: any(kind == "refused" for _, kind in seen.tally.errors))
        before = seen.count("fetch-manifest", 200, 304)
        back = ReferenceWfm(config(management_port=port))
        await back.start()
        await running
        await back.stop()
        assert seen.count("fetch-manifest", 200, 304) > before + 20, "the devices are back by themselves"
        return seen

    seen = asyncio.run(scenario())
    assert sum(seen.tally.errors.values()) > 0
    assert "refused" in seen.tally.texts


def test_late_answers_count_from_the_time_the_poll_was_due() -> None:
    """A server that stalls for a second: its service times show few slow answers, the schedule shows all of them."""

    async def scenario() -> Seen:
        async with ReferenceWfm(config()) as wfm:
            shard = shard_of(wfm, plan(20, 2.5, 0.1, ramp_s=0.1))
            seen = Seen()
            running = asyncio.create_task(shard.run(time.monotonic(), seen.take, 0.05))
            await seen.until(lambda: seen.count("fetch-manifest", 304) > 60)
            time.sleep(1.0)  # noqa: ASYNC251 - the whole loop stands still, server and devices
            await running
            return seen

    seen = asyncio.run(scenario())
    polls = seen.tally.latency["ramp-up"].count + seen.tally.latency["steady"].count
    late = sum(row["due"] for row in seen.tally.series() if isinstance(row["due"], int))
    assert polls == late
    assert polls > 20 * 15, "the polls that were due in the standstill are not left out"
    assert (seen.tally.latency["steady"].quantile(0.9) or 0.0) > 0.3
    assert (seen.tally.lag.quantile(1.0) or 0.0) > 0.3, "and the driver says that it was late itself"


def test_a_wfm_that_does_not_know_the_authority_is_a_tls_error_of_every_device() -> None:
    async def scenario() -> Seen:
        async with ReferenceWfm(config()) as wfm:
            stranger = Authority.new(DOMAIN)
            mixed = Wallet(WFM_ID, config().trust_source(), authority=stranger)
            return await run(wfm, plan(5, 1.0), mixed)

    seen = asyncio.run(scenario())
    assert not seen.tally.requests
    assert {kind for _, kind in seen.tally.errors} <= {"tls", "reset", "closed"}
    assert sum(seen.tally.errors.values()) >= 5


def test_devices_refuse_a_wfm_of_another_name() -> None:
    async def scenario() -> Seen:
        async with ReferenceWfm(config()) as wfm:
            return await run(wfm, plan(5, 1.0), Wallet.of(authority(), "another"))

    seen = asyncio.run(scenario())
    assert not seen.tally.requests
    assert {kind for _, kind in seen.tally.errors} == {"tls"}


def test_a_fleet_cut_in_two_does_the_same() -> None:
    async def scenario(processes: int) -> Seen:
        async with ReferenceWfm(config()) as wfm:
            asked = replace(plan(10, 1.5), processes=processes)
            seen = Seen()
            shards = [shard_of(wfm, asked, index=index) for index in range(processes)]
            began = time.monotonic()
            await asyncio.gather(*(shard.run(began, seen.take) for shard in shards))
            return seen

    one, two = asyncio.run(scenario(1)), asyncio.run(scenario(2))
    # a poll that is due just before the end may come just behind it
    assert abs(one.tally.total(DUE) - two.tally.total(DUE)) <= 3
    assert one.count("report-capabilities") == two.count("report-capabilities") == 10


def test_a_run_can_be_ended_early() -> None:
    async def scenario() -> float:
        async with ReferenceWfm(config()) as wfm:
            shard = shard_of(wfm, plan(5, 60.0))
            seen, began = Seen(), time.monotonic()
            running = asyncio.create_task(shard.run(began, seen.take, 0.05))
            await seen.until(lambda: seen.count("report-capabilities") > 0)
            shard.stop()
            await running
            return time.monotonic() - began

    assert asyncio.run(scenario()) < 10
