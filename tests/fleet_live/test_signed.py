"""Live devices of revision 1.0.0-rc.2-signed: they onboard, then sign what they send."""

import asyncio
import time
from pathlib import Path

import pytest

from conformance.bench.fleet_watch import FleetWatch
from conformance.record.events import Outcome
from simulator.fleet.live.credentials import ROOT_FILE, SignedWallet, open_credentials
from simulator.fleet.live.plan import Sample
from simulator.fleet.live.tally import INSTALLED
from simulator.identity.client_certificate import fingerprint
from simulator.identity.errors import CredentialError
from simulator.identity.files import write_private
from simulator.identity.web import WebAuthority
from tests.fleet_live.support import Seen, document, plan, shard_of
from tests.signed.rig import WEB, certificate, running


def test_devices_onboard_once_and_are_served_below_their_own_routes(tmp_path: Path) -> None:
    async def scenario() -> Seen:
        asked = plan(8, 2.5, ramp_s=0.2, sample=Sample(2, 100), revision="1.0.0-rc.2-signed")
        async with running() as wfm:
            shard = shard_of(wfm, asked, SignedWallet(WEB.anchors))
            seen = Seen()
            work = asyncio.create_task(shard.run(time.monotonic(), seen.take, 0.05))
            await seen.until(lambda: len(seen.announced) == 8)
            assert len(set(seen.announced.values())) == 8
            for number, client in seen.announced.items():
                await wfm.service.publish(client, document(asked.client_id(number)))
            await seen.until(lambda: seen.tally.total(INSTALLED) == 8)
            await work
            return seen

    seen = asyncio.run(scenario())
    assert seen.count("onboard", 201) == seen.count("onboard") == 8
    assert seen.count("report-capabilities", 201) == seen.count("report-capabilities") == 8
    assert seen.count("report-status", 200, 201) == 24
    assert not seen.tally.errors
    assert not [status for (_, status) in seen.tally.requests if status >= 400]
    watch = FleetWatch(tmp_path, "https://localhost:1", "1.0.0-rc.2-signed")
    for exchange in seen.samples:
        watch.hear(exchange)
    judged = watch.judge()
    operations = {event.operation for events in watch._exchanges.values() for event in events}
    assert {"onboard", "report-capabilities", "fetch-manifest", "fetch-bundle", "report-status"} <= operations
    fails = [item for item in judged if item.outcome is Outcome.FAIL]
    # this test's own documents are those of 1.0.0-rc.3, without the envelope
    assert {item.requirement for item in fails} <= {"AD-001", "AD-002"}
    assert len([item for item in judged if item.outcome is Outcome.PASS]) > 15


def test_a_wfm_that_takes_only_some_certificates_refuses_the_others() -> None:
    own = certificate()

    async def scenario() -> Seen:
        async with running(accepted=frozenset({fingerprint(own.certificate)})) as wfm:
            shard = shard_of(wfm, plan(2, 0.8, revision="1.0.0-rc.2-signed"), SignedWallet(WEB.anchors))
            seen = Seen()
            await shard.run(time.monotonic(), seen.take, 0.05)
            return seen

    seen = asyncio.run(scenario())
    assert seen.count("onboard", 403) > 0
    assert seen.count("fetch-manifest") == 0
    assert seen.tally.noticed["onboarding-refused"] > 0


def test_devices_do_not_speak_to_a_server_that_they_do_not_trust() -> None:
    async def scenario() -> Seen:
        async with running() as wfm:
            wallet = SignedWallet(WebAuthority.new().anchors)
            seen = Seen()
            await shard_of(wfm, plan(2, 0.8, revision="1.0.0-rc.2-signed"), wallet).run(time.monotonic(), seen.take)
            return seen

    seen = asyncio.run(scenario())
    assert not seen.tally.requests
    assert {kind for _, kind in seen.tally.errors} == {"tls"}


def test_a_folder_gives_the_root_and_certificates_of_devices(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match=ROOT_FILE):
        open_credentials("1.0.0-rc.2-signed", tmp_path)
    write_private(tmp_path / ROOT_FILE, WEB.anchors.pem)
    own = certificate()
    own.write(tmp_path / "clients" / "fleet-000000")
    wallet = open_credentials("1.0.0-rc.2-signed", tmp_path)
    given = [wallet.enter(name)[1].onboarding() for name in ("fleet-000000", "fleet-000000", "other")]
    assert given[0] == given[1] != given[2]
