"""What is not of the interface, too much, too often, or not allowed: always a problem document."""

import asyncio
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
import uvloop

from simulator.identity.authority import Authority
from simulator.identity.spiffe import client_spiffe_id
from simulator.identity.tls import client_context
from simulator.identity.trust import StaticTrust
from simulator.wfm.http import PortInUse
from simulator.wfm.load import LoadLimit
from simulator.wfm.server import ConfigError, ReferenceWfm
from tests.wfm.support import (
    DOMAIN,
    MANIFEST,
    WFM_ID,
    Client,
    authority,
    client_of,
    client_svid,
    config,
    deployment,
    running,
)


def test_unknown_paths_and_methods() -> None:
    async def scenario() -> None:
        async with running() as (_, client):
            for path in (
                "/",
                "/api/v1",
                "/api/v2/deployments",
                "/northbound/v1/packages",
                "/control/v1/health",
                "/%00",
            ):
                reply = await client.get(path)
                assert (reply.status, reply.problem) == (404, "about:blank")
                assert reply.json["title"] == "Not Found"
            reply = await client.send("POST", MANIFEST, b"{}")
            assert (reply.status, reply.problem) == (405, "about:blank")
            assert reply.headers["Allow"] == "GET, HEAD"
            reply = await client.get("/api/v1/capabilities/dev-1")
            assert (reply.status, reply.headers["Allow"]) == (405, "PUT, DELETE")
            assert (await client.get(f"{MANIFEST}?x=1")).status == 200

    asyncio.run(scenario())


def test_a_body_that_is_too_large_or_compressed() -> None:
    async def scenario() -> None:
        async with running(max_body_bytes=1000) as (_, client):
            reply = await client.send("PUT", "/api/v1/capabilities/dev-1", b" " * 1001)
            assert (reply.status, reply.problem) == (413, "about:blank")
            reply = await client.send("PUT", "/api/v1/capabilities/dev-1", b"x", Content_Encoding="gzip")
            assert (reply.status, reply.problem) == (415, "about:blank")
            assert (await client.get(MANIFEST)).status == 200

    asyncio.run(scenario())


async def raw(wfm: ReferenceWfm, data: bytes) -> bytes:
    """Send bytes as they are over mutual TLS; everything that comes back until the connection closes."""
    context = client_context(client_svid("dev-1"), StaticTrust(authority().bundle()), lambda _: None)
    reader, writer = await asyncio.open_connection("127.0.0.1", wfm.management_port, ssl=context)
    writer.write(data)
    answer = await reader.read()
    writer.close()
    return answer


def test_what_is_no_http_is_answered_with_a_problem_too() -> None:
    async def scenario() -> None:
        async with running() as (wfm, _):
            for data in (b"NONSENSE\r\n\r\n", b"GET / HTTP/1.1\r\nbad header\r\n\r\n", b"GET /a b HTTP/1.1\r\n\r\n"):
                answer = await raw(wfm, data)
                assert answer.startswith(b"HTTP/1.1 400 ")
                assert b"application/problem+json" in answer

    asyncio.run(scenario())


def test_absolute_form_and_expect_continue() -> None:
    async def scenario() -> None:
        async with running() as (wfm, _):
            answer = await raw(
                wfm, b"GET https://wfm.example/api/v1/deployments HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            )
            assert answer.startswith(b"HTTP/1.1 200 ")
            answer = await raw(
                wfm,
                b"PUT /api/v1/capabilities/d HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\n"
                b"Content-Length: 2\r\n\r\n{}",
            )
            assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 422 ")

    asyncio.run(scenario())


def test_forged_identity_headers_are_ignored() -> None:
    forged = {"Client-Cert": ":AAAA:", "X-Forwarded-Client-Cert": "URI=spiffe://x", "Authorization": "Bearer dev-2"}

    async def scenario() -> None:
        async with running() as (wfm, client):
            await wfm.service.publish("dev-2", deployment())
            assert (await client.get(MANIFEST, **forged)).json["deployments"] == []

    asyncio.run(scenario())


def test_retired_and_unlisted_clients_are_refused_at_their_next_request() -> None:
    async def scenario() -> None:
        async with running(accepted=frozenset({"dev-1"})) as (wfm, client), client_of(wfm, "dev-2") as stranger:
            assert (await stranger.get(MANIFEST)).problem == "#not-authorized"
            assert (await client.get(MANIFEST)).status == 200
            await wfm.service.retire("dev-1")
            for method, path in (("GET", MANIFEST), ("DELETE", "/api/v1/capabilities/x"), ("GET", "/nowhere")):
                reply = await client.send(method, path)
                assert (reply.status, reply.problem) == (403, "#not-authorized")
                assert reply.json["retryable"] is False
            await wfm.service.retire("dev-1", retired=False)
            assert (await client.get(MANIFEST)).status == 200

    asyncio.run(scenario())


def test_load_limits_tell_when_to_come_back() -> None:
    async def scenario() -> None:
        async with running() as (wfm, client):
            wfm.gate.limit = LoadLimit(max_concurrent=0, retry_after_s=7)
            reply = await client.get(MANIFEST)
            assert (reply.status, reply.headers["Retry-After"], reply.problem) == (503, "7", "about:blank")
            assert reply.json["retryable"] is True
            assert (reply.json["backoffStrategy"], reply.json["retryAfterSeconds"]) == ("exponential", 7)
            wfm.gate.limit = LoadLimit(rate_per_s=0.001, burst=2)
            assert [(await client.get(MANIFEST)).status for _ in range(3)] == [200, 200, 429]
            wfm.gate.limit = None
            assert (await client.get(MANIFEST)).status == 200

    asyncio.run(scenario())


def test_a_connection_ends_when_the_svid_expires() -> None:
    times = [datetime.now(UTC).timestamp()]

    async def scenario() -> None:
        svid = authority().issue(
            client_spiffe_id(DOMAIN, WFM_ID, "dev-1"), not_after=datetime.now(UTC) + timedelta(hours=1)
        )
        async with (
            ReferenceWfm(config(), clock=lambda: times[0]) as wfm,
            client_of(wfm, svid=svid) as client,
        ):
            assert (await client.get(MANIFEST)).status == 200
            times[0] += 3601
            reply = await client.get(MANIFEST)
            assert (reply.status, reply.problem) == (403, "#not-authorized")
            assert reply.headers["Connection"] == "close"

    asyncio.run(scenario())


def test_a_connection_ends_when_its_anchor_is_retired() -> None:
    async def scenario() -> None:
        trust = StaticTrust(authority().bundle())
        async with ReferenceWfm(config(trust=trust)) as wfm, client_of(wfm) as client:
            assert (await client.get(MANIFEST)).status == 200
            trust.replace(Authority.new(DOMAIN).bundle())
            assert (await client.get(MANIFEST)).status == 403
            with pytest.raises(aiohttp.ClientError):
                await client.get(MANIFEST)

    asyncio.run(scenario())


def test_an_old_connection_is_closed_after_its_answer() -> None:
    times = [datetime.now(UTC).timestamp()]

    async def scenario() -> None:
        wfm_config = config(max_connection_age_s=60.0)
        async with ReferenceWfm(wfm_config, clock=lambda: times[0]) as wfm, client_of(wfm) as client:
            assert "Connection" not in (await client.get(MANIFEST)).headers
            times[0] += 61
            reply = await client.get(MANIFEST)
            assert (reply.status, reply.headers["Connection"]) == (200, "close")

    asyncio.run(scenario())


@pytest.mark.parametrize("wfm_id", ["wfm-2", "WFM-1"])
def test_clients_of_another_wfm_get_no_answer(wfm_id: str) -> None:
    async def scenario() -> None:
        async with ReferenceWfm(config()) as wfm, client_of(wfm, svid=client_svid("dev-1")) as good:
            assert (await good.get(MANIFEST)).status == 200
            foreign = client_svid("dev-1", wfm_id)
            context = client_context(foreign, StaticTrust(authority().bundle()), lambda _: None)
            connector = aiohttp.TCPConnector(ssl=context)
            async with aiohttp.ClientSession(connector=connector) as session:
                with pytest.raises((aiohttp.ClientError, ssl.SSLError)):
                    await Client(session, wfm.management_url).get(MANIFEST)

    asyncio.run(scenario())


def test_everything_works_under_uvloop() -> None:
    async def scenario() -> None:
        async with running() as (_, client):
            tag = (await client.get(MANIFEST)).headers["ETag"]
            assert (await client.get(MANIFEST, If_None_Match=tag)).status == 304
            assert (await client.put_device("gw")).status == 201

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())


def test_start_up_errors_name_what_is_wrong() -> None:
    async def scenario() -> None:
        async with ReferenceWfm(config()) as wfm:
            other = ReferenceWfm(config(management_port=wfm.management_port))
            with pytest.raises(PortInUse, match=f"127.0.0.1 port {wfm.management_port}"):
                await other.start()
            await other.stop()
        again = ReferenceWfm(config(management_port=wfm.management_port))
        await again.start()
        await again.stop()
        with pytest.raises(ConfigError, match=r"expected the SPIFFE ID spiffe://plant\.example/margo/wfm/wfm-1, found"):
            await ReferenceWfm(config(svid=client_svid("dev-1"))).start()
        with pytest.raises(ConfigError, match="trust: expected"):
            await ReferenceWfm(replace(config(), trust=None)).start()

    asyncio.run(scenario())
