"""Both seats on real sockets: who is let in, who is not, and what the observers are told."""

import asyncio
import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from aiohttp import ClientConnectorCertificateError, ClientError, web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from simulator.identity.authority import Authority
from simulator.identity.bad_credentials import BAD_CREDENTIALS, BadCredential, bad_credentials, missing_intermediate
from simulator.identity.bundle import TrustBundle
from simulator.identity.handshake import HandshakeFacts, PeerCheckingObject
from simulator.identity.spiffe import recognise_wfm
from simulator.identity.svid import Credential, PrivateKey
from simulator.identity.tls import HeldCredential, client_context
from simulator.identity.trust import HeldTrust, StaticTrust
from tests.identity.seats import CLIENT, DOMAIN, LOOPS, WFM, Seat, call, device_context, device_seat, run, wfm_seat

AUTHORITY = Authority.new(DOMAIN)
TRUST = StaticTrust(AUTHORITY.bundle())
WFM_SVID = AUTHORITY.issue(WFM)
CLIENT_SVID = AUTHORITY.issue(CLIENT)
REFUSALS = (ClientError, ConnectionError, ssl.SSLError)
# a chain that cannot be built is refused by ID-25, whatever the defect, before any other rule is looked at
UNBUILDABLE = {"missing-intermediate", "missing-intermediate-aia", "foreign-authority", "signed-by-leaf"}

both_loops = pytest.mark.parametrize("loop", LOOPS)


def _seen_as(bad: BadCredential) -> str:
    return "ID-25" if bad.defect in UNBUILDABLE else bad.clause


def _bad(seat: str) -> list[BadCredential]:
    return [bad for bad in BAD_CREDENTIALS.values() if bad.seat == seat]


@both_loops
def test_good_svids_are_accepted_without_any_dns_name(loop: str) -> None:
    async def scenario() -> None:
        device = Seat()
        async with wfm_seat(WFM_SVID, TRUST) as wfm:
            assert await call(wfm.port, device_context(CLIENT_SVID, TRUST, device)) == str(CLIENT)
            assert await call(wfm.port, device_context(CLIENT_SVID, TRUST), host="127.0.0.1") == str(CLIENT)
        assert wfm.served == [str(CLIENT)] * 2
        assert [fact.outcome for fact in device.facts] == ["started", "completed"]
        assert wfm.outcomes() == {"started", "completed"}
        seen, shown = device.last("completed"), wfm.facts[1]
        assert (seen.side, seen.peer_spiffe_id, seen.clause, seen.by) == ("client", str(WFM), None, None)
        assert (shown.side, shown.peer_spiffe_id, shown.server_name) == ("server", str(CLIENT), "localhost")
        assert seen.tls_version == shown.tls_version == "TLSv1.3"
        assert seen.cipher == shown.cipher
        assert seen.not_after == WFM_SVID.leaf.not_valid_after_utc
        assert shown.not_after == CLIENT_SVID.leaf.not_valid_after_utc
        assert shown.peer_chain_digests == _digests(CLIENT_SVID)
        assert seen.peer_chain_digests == _digests(WFM_SVID)
        assert len({fact.number for fact in wfm.facts}) == 2
        assert wfm.facts[0].number == wfm.facts[1].number

    run(scenario(), loop)


def _digests(credential: Credential) -> tuple[str, ...]:
    certificates = x509.load_pem_x509_certificates(credential.chain_pem)
    return tuple(hashlib.sha256(cert.public_bytes(Encoding.DER)).hexdigest() for cert in certificates)


@both_loops
@pytest.mark.parametrize("bad", _bad("client"), ids=lambda bad: bad.defect)
def test_the_wfm_refuses_a_bad_client_before_any_request(bad: BadCredential, loop: str) -> None:
    async def scenario() -> None:
        async with wfm_seat(WFM_SVID, TRUST) as wfm:
            with pytest.raises(REFUSALS):
                await call(wfm.port, device_context(bad.make(AUTHORITY, CLIENT), TRUST))
            assert wfm.served == []
            assert wfm.outcomes() == {"started", "refused"}
            fact = wfm.last("refused")
            assert (fact.by, fact.clause) == ("self", _seen_as(bad))
            assert fact.reason
            # the good twin: it was for the defect
            assert await call(wfm.port, device_context(CLIENT_SVID, TRUST)) == str(CLIENT)

    run(scenario(), loop)


@both_loops
@pytest.mark.parametrize("bad", _bad("wfm"), ids=lambda bad: bad.defect)
def test_a_device_refuses_a_bad_wfm_and_sends_nothing(bad: BadCredential, loop: str) -> None:
    async def scenario() -> None:
        device = Seat()
        presented = HeldCredential(bad.make(AUTHORITY, WFM))
        async with wfm_seat(presented, TRUST) as wfm:
            context = device_context(CLIENT_SVID, TRUST, device)
            with pytest.raises(ClientConnectorCertificateError):
                await call(wfm.port, context)
            assert wfm.served == []
            # the server's handshake never ended, so not a byte of HTTP could have been read by it
            assert "started" in wfm.outcomes()
            assert "completed" not in wfm.outcomes()
            assert device.outcomes() == {"started", "refused"}
            fact = device.last("refused")
            assert (fact.by, fact.clause) == ("self", _seen_as(bad))
            assert fact.reason
            presented.renew(WFM_SVID)
            assert await call(wfm.port, context) == str(CLIENT)

    run(scenario(), loop)


@both_loops
def test_a_wrong_dns_name_changes_nothing(loop: str) -> None:
    async def scenario() -> None:
        wfm_svid = AUTHORITY.issue(WFM, dns=("elsewhere.example",), ips=("192.0.2.1",))
        client_svid = AUTHORITY.issue(CLIENT, dns=("device.example",))
        async with wfm_seat(wfm_svid, TRUST) as wfm:
            assert await call(wfm.port, device_context(client_svid, TRUST)) == str(CLIENT)

    run(scenario(), loop)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 3072),
    ],
    ids=["p-384", "ed25519", "rsa-3072"],
)
def test_other_keys_of_the_profile_are_accepted_on_both_sides(key: PrivateKey) -> None:
    async def scenario() -> None:
        async with wfm_seat(AUTHORITY.issue(WFM, key=key), TRUST) as wfm:
            assert await call(wfm.port, device_context(AUTHORITY.issue(CLIENT, key=key), TRUST)) == str(CLIENT)

    run(scenario())


def test_an_intermediate_may_itself_be_the_anchor() -> None:
    async def scenario() -> None:
        trust = StaticTrust(TrustBundle(DOMAIN, (AUTHORITY.intermediate.certificate,)))
        without = missing_intermediate(AUTHORITY, CLIENT)  # an anchor in the bundle may be left out (ID-20)
        async with wfm_seat(WFM_SVID, trust) as wfm:
            for credential in (CLIENT_SVID, without):
                assert await call(wfm.port, device_context(credential, trust)) == str(CLIENT)

    run(scenario())


@both_loops
def test_several_anchors_are_equal_and_a_retired_one_is_refused(loop: str) -> None:
    async def scenario() -> None:
        second = AUTHORITY.second_root()
        trust = StaticTrust(TrustBundle(DOMAIN, (AUTHORITY.anchor, second.anchor)))
        old, new = device_context(CLIENT_SVID, TRUST), device_context(second.issue(CLIENT), TRUST)
        async with wfm_seat(WFM_SVID, trust) as wfm:
            assert await call(wfm.port, old) == str(CLIENT)
            assert await call(wfm.port, new) == str(CLIENT)
            trust.replace(second.bundle(sequence=2))
            with pytest.raises(REFUSALS):
                await call(wfm.port, old)
            assert wfm.last("refused").clause == "ID-25"
            assert await call(wfm.port, new) == str(CLIENT)

    run(scenario(), loop)


def test_a_connection_keeps_while_new_ones_follow_the_new_bundle() -> None:
    async def scenario() -> None:
        trust = StaticTrust(AUTHORITY.bundle())
        async with wfm_seat(WFM_SVID, trust) as wfm, device_seat(device_context(CLIENT_SVID, TRUST)) as session:
            url = f"https://localhost:{wfm.port}/"
            async with session.get(url) as response:
                assert response.status == 200
            trust.replace(AUTHORITY.second_root().bundle())
            async with session.get(url) as response:
                assert response.status == 200
            assert [fact.outcome for fact in wfm.facts] == ["started", "completed"]
            with pytest.raises(REFUSALS):
                await call(wfm.port, device_context(CLIENT_SVID, TRUST))

    run(scenario())


def test_the_owner_of_a_connection_can_tell_when_it_should_end() -> None:
    async def scenario() -> None:
        trust = StaticTrust(AUTHORITY.bundle())
        async with wfm_seat(WFM_SVID, trust) as wfm:
            _, writer = await asyncio.open_connection(
                "127.0.0.1", wfm.port, ssl=device_context(CLIENT_SVID, trust), server_hostname=""
            )
            connection = writer.get_extra_info("ssl_object")
            assert isinstance(connection, PeerCheckingObject)
            assert connection.peer is not None
            assert connection.peer_id == WFM
            assert connection.peer_chain_digests == _digests(WFM_SVID)
            now = datetime.now(UTC)
            assert connection.peer.still_accepted(trust, now)
            assert not connection.peer.still_accepted(trust, now + timedelta(hours=25))
            trust.replace(AUTHORITY.second_root().bundle())
            assert not connection.peer.still_accepted(trust, now)
            writer.close()
            await writer.wait_closed()

    run(scenario())


def test_a_renewed_svid_is_presented_on_the_next_connection() -> None:
    async def scenario() -> None:
        held = HeldCredential(CLIENT_SVID)
        context = device_context(held, TRUST)
        async with wfm_seat(WFM_SVID, TRUST) as wfm:
            await call(wfm.port, context)
            renewed = AUTHORITY.issue(CLIENT)
            held.renew(renewed)
            await call(wfm.port, context)
        shown = [fact.peer_chain_digests for fact in wfm.facts if fact.outcome == "completed"]
        assert shown == [_digests(CLIENT_SVID), _digests(renewed)]

    run(scenario())


@both_loops
def test_without_a_bundle_everybody_is_refused(loop: str) -> None:
    async def scenario() -> None:
        empty, device = HeldTrust(DOMAIN), Seat()
        async with wfm_seat(WFM_SVID, empty) as wfm:
            with pytest.raises(REFUSALS):
                await call(wfm.port, device_context(CLIENT_SVID, TRUST))
            with pytest.raises(ClientConnectorCertificateError):
                await call(wfm.port, device_context(CLIENT_SVID, empty, device))
            assert wfm.served == []
            assert wfm.last("refused").clause == device.last("refused").clause == "ID-82"
            empty.replace(AUTHORITY.bundle())
            assert await call(wfm.port, device_context(CLIENT_SVID, TRUST)) == str(CLIENT)

    run(scenario(), loop)


def test_the_address_in_aia_is_never_asked() -> None:
    async def scenario() -> None:
        asked: list[str] = []

        async def give(request: web.Request) -> web.Response:
            asked.append(request.path)
            return web.Response(body=AUTHORITY.intermediate.certificate.public_bytes(Encoding.DER))

        app = web.Application()
        app.router.add_get("/intermediate.der", give)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/intermediate.der"
        async with wfm_seat(missing_intermediate(AUTHORITY, WFM, ca_issuers=url), TRUST) as wfm:
            with pytest.raises(ClientConnectorCertificateError):
                await call(wfm.port, device_context(CLIENT_SVID, TRUST))
        async with wfm_seat(WFM_SVID, TRUST) as wfm:
            context = device_context(missing_intermediate(AUTHORITY, CLIENT, ca_issuers=url), TRUST)
            with pytest.raises(REFUSALS):
                await call(wfm.port, context)
        assert asked == []
        await runner.cleanup()

    run(scenario())


@both_loops
def test_a_clock_of_its_own_decides_what_is_valid(loop: str) -> None:
    async def scenario() -> None:
        now = datetime.now(UTC)
        past, future = now - timedelta(days=3), now + timedelta(days=3)
        expired = AUTHORITY.issue(CLIENT, not_before=past - timedelta(hours=1), not_after=past + timedelta(hours=1))
        async with wfm_seat(WFM_SVID, TRUST, clock=lambda: past) as wfm:
            assert await call(wfm.port, device_context(expired, TRUST)) == str(CLIENT)
            with pytest.raises(REFUSALS):
                await call(wfm.port, device_context(CLIENT_SVID, TRUST))
            assert "not valid before" in str(wfm.last("refused").reason)
            assert wfm.last("refused").clause == "ID-25"
        device = Seat()
        async with wfm_seat(WFM_SVID, TRUST) as wfm:
            with pytest.raises(ClientConnectorCertificateError):
                await call(wfm.port, device_context(CLIENT_SVID, TRUST, device, clock=lambda: future))
        assert "expired" in str(device.last("refused").reason)

    run(scenario(), loop)


@both_loops
def test_a_bundle_replaced_during_the_handshake_counts(loop: str) -> None:
    async def scenario() -> None:
        trust, device = StaticTrust(AUTHORITY.bundle()), Seat()

        def replace_at_start(fact: HandshakeFacts) -> None:
            device.facts.append(fact)
            trust.replace(AUTHORITY.second_root().bundle())

        context = client_context(CLIENT_SVID, trust, partial(recognise_wfm, own=CLIENT), replace_at_start)
        async with wfm_seat(WFM_SVID, TRUST) as wfm:
            with pytest.raises(ClientConnectorCertificateError):
                await call(wfm.port, context)
        assert device.last("refused").clause == "ID-84"
        assert wfm.served == []

    run(scenario(), loop)


def test_blocking_sockets_are_refused_by_the_context() -> None:
    with pytest.raises(NotImplementedError):
        device_context(CLIENT_SVID, TRUST).wrap_socket()


def test_each_seat_has_bad_credentials_to_try() -> None:
    assert [bad.name for bad in bad_credentials("wfm")] == [bad.name for bad in _bad("wfm")]
