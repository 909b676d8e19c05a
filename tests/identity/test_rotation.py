"""A rotation in four steps, with a WFM and a device that refresh from the identity service."""

import pytest
from aiohttp import ClientConnectorCertificateError, ClientError

from simulator.identity.authority import Authority
from simulator.identity.bundle import TrustBundle
from simulator.identity.mis import MisServer
from simulator.identity.mis_trust import MisConfig, MisTrust
from simulator.identity.rotation import Rotation, RotationOrder, Stage
from simulator.identity.tls import HeldCredential
from tests.identity.seats import CLIENT, DOMAIN, LOOPS, WFM, Seat, call, device_context, run, serving, wfm_seat


@pytest.mark.parametrize("loop", LOOPS)
def test_nobody_is_cut_off_in_the_four_steps_and_the_old_anchor_is_then_refused(loop: str) -> None:
    async def scenario() -> None:
        old, slept = Authority.new(DOMAIN), list[float]()
        async with serving(MisServer(DOMAIN, old.bundle(refresh_hint=60))) as mis:
            rotation = Rotation(old, mis.publish, refresh_hint=60)
            config = MisConfig(DOMAIN, mis.anchors, discovery_url=mis.discovery_url)
            wfm_trust, device_trust = MisTrust(config), MisTrust(config)
            wfm_svid, client_svid = HeldCredential(old.issue(WFM)), HeldCredential(old.issue(CLIENT))
            device = Seat()

            async def refresh(_seconds: float = 0) -> None:
                slept.append(_seconds)
                await wfm_trust.refresh()
                await device_trust.refresh()

            async with wfm_seat(wfm_svid, wfm_trust) as wfm:
                context = device_context(client_svid, device_trust, device)

                async def works() -> bool:
                    return await call(wfm.port, context) == str(CLIENT)

                await refresh()
                assert await works()
                rotation.publish_both()
                assert await works()  # nobody has refreshed yet
                await rotation.wait(60, refresh)
                assert slept[-1] == 60
                assert await works()
                assert rotation.issuer is old
                new = rotation.switch_issuance()
                assert rotation.issuer is new
                client_svid.renew(new.issue(CLIENT))  # one side first
                assert await works()
                wfm_svid.renew(new.issue(WFM))
                assert await works()
                rotation.retire_old()
                await refresh()
                assert await works()
                assert device_trust.current() == TrustBundle(DOMAIN, (new.anchor,), 3, 60)

                client_svid.renew(old.issue(CLIENT))
                with pytest.raises(ClientError):
                    await call(wfm.port, context)
                assert wfm.last("refused").clause == "ID-25"
                client_svid.renew(new.issue(CLIENT))
                wfm_svid.renew(old.issue(WFM))
                with pytest.raises(ClientConnectorCertificateError):
                    await call(wfm.port, context)
                assert device.last("refused").clause == "ID-25"

    run(scenario(), loop)


def test_steps_out_of_order_are_refused() -> None:
    async def scenario() -> None:
        published: list[TrustBundle] = []
        rotation = Rotation(Authority.new(DOMAIN), published.append, sequence=8)

        async def no_wait(_seconds: float) -> None:
            return None

        with pytest.raises(RotationOrder, match="NOT_STARTED, REFRESHED cannot follow"):
            await rotation.wait(1, no_wait)
        for step in (rotation.switch_issuance, rotation.retire_old):
            with pytest.raises(RotationOrder):
                step()
        rotation.publish_both()
        for step in (rotation.publish_both, rotation.switch_issuance, rotation.retire_old):
            with pytest.raises(RotationOrder):
                step()
        await rotation.wait(1, no_wait)
        with pytest.raises(RotationOrder):
            rotation.retire_old()
        rotation.switch_issuance()
        rotation.retire_old()
        assert rotation.stage is Stage.OLD_RETIRED
        assert [(bundle.sequence, len(bundle.anchors)) for bundle in published] == [(9, 2), (10, 1)]

    run(scenario())
