"""Against peers that are not ours: protocol versions, resumption, ALPN, alerts."""

import asyncio
import socket
import ssl

import pytest
from aiohttp import ClientError, web

from simulator.identity.authority import Authority
from simulator.identity.bad_credentials import BAD_CREDENTIALS
from simulator.identity.svid import Credential
from simulator.identity.tls import load_credential
from simulator.identity.trust import StaticTrust
from tests.identity.seats import CLIENT, DOMAIN, LOOPS, WFM, Seat, call, device_context, run, wfm_seat

AUTHORITY = Authority.new(DOMAIN)
TRUST = StaticTrust(AUTHORITY.bundle())
WFM_SVID = AUTHORITY.issue(WFM)
CLIENT_SVID = AUTHORITY.issue(CLIENT)
REFUSALS = (ClientError, ConnectionError, ssl.SSLError)

both_loops = pytest.mark.parametrize("loop", LOOPS)


def _plain_client(credential: Credential | None) -> ssl.SSLContext:
    """A client that is not ours, with the checks of the standard library."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=AUTHORITY.bundle().to_der())
    if credential:
        load_credential(context, credential)
    return context


async def _plain_get(port: int, context: ssl.SSLContext) -> ssl.SSLObject:
    reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        if not answer.startswith(b"HTTP/1.1 200 OK\r\n"):
            raise ConnectionError(f"no good answer: {answer!r}")
        connection = writer.get_extra_info("ssl_object")
        assert isinstance(connection, ssl.SSLObject)
        return connection
    finally:
        writer.transport.abort()


@both_loops
def test_a_client_without_a_certificate_is_refused(loop: str) -> None:
    async def scenario() -> None:
        async with wfm_seat(WFM_SVID, TRUST) as wfm:
            with pytest.raises(REFUSALS):
                await _plain_get(wfm.port, _plain_client(None))
            assert wfm.served == []
            fact = wfm.last("refused")
            assert (fact.clause, fact.reason) == ("ID-48", "PEER_DID_NOT_RETURN_A_CERTIFICATE")

    run(scenario(), loop)


@both_loops
def test_tls_12_is_refused_unless_allowed_and_then_follows_rfc_9325(loop: str) -> None:
    async def scenario() -> None:
        context = _plain_client(CLIENT_SVID)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        async with wfm_seat(WFM_SVID, TRUST) as wfm:
            with pytest.raises(REFUSALS):
                await _plain_get(wfm.port, context)
            assert wfm.served == []
            assert wfm.last("refused").clause == "ID-31"
        async with wfm_seat(WFM_SVID, TRUST, allow_tls12=True) as wfm:
            await _plain_get(wfm.port, context)
            fact = wfm.last("completed")
            assert fact.tls_version == "TLSv1.2"
            assert fact.cipher is not None
            assert fact.cipher.startswith("ECDHE-")
            weak = _plain_client(CLIENT_SVID)
            weak.maximum_version = ssl.TLSVersion.TLSv1_2
            weak.set_ciphers("ECDHE+SHA256:ECDHE+SHA384:AES128-GCM-SHA256:!AESGCM")
            with pytest.raises(REFUSALS):
                await _plain_get(wfm.port, weak)
            assert await call(wfm.port, device_context(CLIENT_SVID, TRUST)) == str(CLIENT)
            assert wfm.last("completed").tls_version == "TLSv1.3"

    run(scenario(), loop)


def test_a_device_refuses_a_tls_12_wfm_unless_allowed() -> None:
    async def scenario() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        load_credential(context, WFM_SVID)
        runner = web.AppRunner(web.Application())
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        port, device = runner.addresses[0][1], Seat()
        with pytest.raises(REFUSALS):
            await call(port, device_context(CLIENT_SVID, TRUST, device))
        assert "completed" not in device.outcomes()
        assert "404" in await call(port, device_context(CLIENT_SVID, TRUST, device, allow_tls12=True))
        assert device.last("completed").tls_version == "TLSv1.2"
        await runner.cleanup()

    run(scenario())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2])
def test_resumption_is_not_offered(version: ssl.TLSVersion) -> None:
    async def scenario() -> None:
        context = _plain_client(CLIENT_SVID)
        context.maximum_version = version
        async with wfm_seat(WFM_SVID, TRUST, allow_tls12=True) as wfm:
            connection = await _plain_get(wfm.port, context)
            assert connection.session is None or not connection.session.has_ticket

    run(scenario())


def test_http_1_1_is_what_alpn_agrees_on() -> None:
    async def scenario() -> None:
        context = _plain_client(CLIENT_SVID)
        context.set_alpn_protocols(["h2", "http/1.1"])
        async with wfm_seat(WFM_SVID, TRUST) as wfm:
            assert (await _plain_get(wfm.port, context)).selected_alpn_protocol() == "http/1.1"

    run(scenario())


@both_loops
def test_the_alert_of_a_refusing_peer_is_told(loop: str) -> None:
    async def scenario() -> None:
        # a peer whose library refuses the WFM sends an alert; the observer of the WFM has it
        context = _plain_client(CLIENT_SVID)
        foreign = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        foreign.check_hostname = False
        foreign.load_verify_locations(cadata=AUTHORITY.second_root().bundle().to_der())
        async with wfm_seat(WFM_SVID, TRUST) as wfm:
            await _plain_get(wfm.port, context)
            await asyncio.to_thread(_blocking_handshake, wfm.port, foreign)
            refused = wfm.last("refused")
            assert refused.by == "peer"
            assert "UNKNOWN_CA" in str(refused.reason)
            assert refused.clause is None

    run(scenario(), loop)


def _blocking_handshake(port: int, context: ssl.SSLContext) -> None:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as raw,
        pytest.raises(ssl.SSLCertVerificationError),
        context.wrap_socket(raw),
    ):
        pass


@both_loops
def test_an_alert_after_the_handshake_is_told(loop: str) -> None:
    """How a TLS 1.3 server, with a library of its own, refuses a client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=AUTHORITY.bundle().to_der())
    load_credential(context, WFM_SVID)

    async def scenario() -> None:
        device = Seat()
        bad = BAD_CREDENTIALS["client-untrusted-root"].make(AUTHORITY, CLIENT)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            served = asyncio.create_task(asyncio.to_thread(_blocking_server, listener, context))
            _, writer = await asyncio.open_connection(
                *listener.getsockname(), ssl=device_context(bad, TRUST, device), server_hostname=""
            )
            await served
            with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
                await writer.wait_closed()
        assert [fact.outcome for fact in device.facts] == ["started", "completed", "alert"]
        assert device.last("alert").by == "peer"
        assert "UNKNOWN_CA" in str(device.last("alert").reason)

    run(scenario(), loop)


def _blocking_server(listener: socket.socket, context: ssl.SSLContext) -> None:
    raw, _ = listener.accept()
    raw.settimeout(20)
    with raw, pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(raw, server_side=True)
