"""The intercepting layer over a real WFM: what it reports is what was sent, whatever it did to it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from simulator.faults.intercept import ObservedExchange, intercept
from simulator.faults.plan import (
    Action,
    AlterHeaders,
    CorruptBody,
    Delay,
    DropConnection,
    FaultRule,
    Faults,
    ReplaceBody,
    TruncateBody,
    problem_answer,
)
from simulator.wfm.server import ReferenceWfm
from tests.wfm.support import IDS, MANIFEST, Client, client_of, client_svid, config, deployment, status


def lower(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Headers as they are, but for the case of names, which the client library changes."""
    return [(name.lower(), value) for name, value in headers]


class Bench:
    def __init__(self, wfm: ReferenceWfm, client: Client, faults: Faults, seen: list[ObservedExchange]) -> None:
        self.wfm, self.client, self.faults, self.seen = wfm, client, faults, seen

    def disturb(self, action: Action) -> None:
        self.faults.add(FaultRule(action=action))

    @property
    def last(self) -> ObservedExchange:
        return self.seen[-1]


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    faults, seen = Faults(), list[ObservedExchange]()
    async with (
        ReferenceWfm(config(), middlewares=[intercept(faults, seen.append)]) as wfm,
        client_of(wfm) as client,
    ):
        await wfm.service.publish("dev-1", deployment())
        yield Bench(wfm, client, faults, seen)


def test_an_exchange_is_reported_as_it_was_on_the_wire() -> None:
    async def scenario() -> None:
        async with bench() as it:
            reply = await it.client.get(MANIFEST, X_Probe="1", Accept="*/*")
            seen = it.last
            assert (seen.operation, seen.method, seen.target, seen.http_version) == (
                "fetch-manifest",
                "GET",
                MANIFEST,
                "1.1",
            )
            assert ("X-Probe", "1") in seen.request_headers
            assert (seen.status, seen.reason, seen.response_body) == (200, "OK", reply.body)
            assert lower(seen.response_headers) == lower(reply.headers.items())
            assert seen.peer == "spiffe://plant.example/margo/wfm/wfm-1/client/dev-1"
            assert seen.tls is not None
            assert seen.tls.version == "TLSv1.3"
            leaf = client_svid("dev-1").leaf
            assert seen.tls.chain_digests[0] == hashlib.sha256(leaf.public_bytes(Encoding.DER)).hexdigest()
            assert seen.started <= seen.ended
            assert (seen.fault, seen.outcome) == (None, "answered")

            await it.client.post_status(IDS[0], status())
            assert it.last.operation == "report-status"
            assert it.last.params == {"deploymentId": IDS[0]}
            assert it.last.request_body.startswith(b'{"deploymentId"')
            assert (it.last.status, it.last.response_body) == (201, b"")
            assert it.last.connection == seen.connection

            await it.client.get(MANIFEST, If_None_Match=reply.headers["ETag"])
            assert (it.last.status, it.last.response_body) == (304, b"")
            await it.client.get("/nowhere")
            assert (it.last.operation, it.last.status) == ("unknown", 404)
            await it.client.put_device("gw/a")
            assert (it.last.params, it.last.status) == ({"deviceId": "gw/a"}, 404)

    asyncio.run(scenario())


def test_bodies_are_damaged_while_headers_stay() -> None:
    async def scenario() -> None:
        async with bench() as it:
            good = await it.client.get(MANIFEST)
            it.disturb(CorruptBody(how="flip"))
            bad = await it.client.get(MANIFEST)
            assert bad.body != good.body
            assert bad.headers["ETag"] == good.headers["ETag"]
            assert (it.last.response_body, it.last.fault) == (bad.body, "corrupt-body")
            it.disturb(ReplaceBody(body=b"{}", headers={"ETag": '"x"'}))
            bad = await it.client.get(MANIFEST)
            assert (bad.body, bad.headers["ETag"], bad.headers["Content-Length"]) == (b"{}", '"x"', "2")
            it.disturb(TruncateBody(length=5))
            assert (await it.client.get(MANIFEST)).body == good.body[:5]
            it.disturb(AlterHeaders(put={"Cache-Control": "public"}, remove=("ETag",)))
            bad = await it.client.get(MANIFEST)
            assert (bad.body, bad.headers["Cache-Control"], "ETag" in bad.headers) == (good.body, "public", False)
            assert lower(it.last.response_headers) == lower(bad.headers.items())
            assert await it.client.get(MANIFEST) is not None
            assert it.last.fault is None

    asyncio.run(scenario())


def test_answers_come_without_the_wfm() -> None:
    async def scenario() -> None:
        async with bench() as it:
            it.disturb(problem_answer(503, "maintenance", retry_after_s=9))
            reply = await it.client.put_device("dev-1")
            assert (reply.status, reply.headers["Retry-After"], reply.problem) == (503, "9", "about:blank")
            assert not it.wfm.core.clients["dev-1"].devices
            it.disturb(Delay(seconds=0.05))
            assert (await it.client.put_device("dev-1")).status == 201
            assert it.last.ended - it.last.started >= 0.05

    asyncio.run(scenario())


@pytest.mark.parametrize("when", ["before", "after"])
def test_dropped_connections_are_reported(when: str) -> None:
    async def scenario() -> None:
        async with bench() as it:
            it.disturb(DropConnection.model_validate({"when": when}))
            # a body that cannot be sent twice keeps the client from trying again by itself
            with pytest.raises(aiohttp.ClientError):
                await it.client.post_status(IDS[0], status())
            assert (it.last.outcome, it.last.status, it.last.fault) == ("dropped", None, "drop-connection")
            assert it.last.request_body
            assert bool(it.wfm.core.clients["dev-1"].statuses) == (when == "after")
            assert (await it.client.post_status(IDS[0], status())).status == (200 if when == "after" else 201)

    asyncio.run(scenario())


def test_a_response_can_break_off() -> None:
    async def scenario() -> None:
        async with bench() as it:
            whole = await it.client.get(MANIFEST)
            it.disturb(TruncateBody(length=10, announce_all=True))
            with pytest.raises(aiohttp.ClientPayloadError):
                await it.client.get(MANIFEST)
            assert (it.last.status, it.last.response_body, it.last.outcome) == (200, whole.body[:10], "dropped")
            assert dict(it.last.response_headers)["Content-Length"] == str(len(whole.body))

    asyncio.run(scenario())


def test_a_client_that_goes_away_is_reported_too() -> None:
    async def scenario() -> None:
        faults, seen, told = Faults(), list[ObservedExchange](), asyncio.Event()

        def report(exchange: ObservedExchange) -> None:
            seen.append(exchange)
            told.set()

        async with ReferenceWfm(config(), middlewares=[intercept(faults, report)]) as wfm, client_of(wfm) as client:
            faults.add(FaultRule(action=Delay(seconds=0.2)))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.get(MANIFEST), 0.1)
            await asyncio.wait_for(told.wait(), 5)
            assert (seen[0].operation, seen[0].outcome, seen[0].status) == ("fetch-manifest", "broken", None)

    asyncio.run(scenario())


def test_too_large_a_body_is_refused_through_the_layer() -> None:
    async def scenario() -> None:
        faults, seen = Faults(), list[ObservedExchange]()
        limited = config(max_body_bytes=100)
        async with (
            ReferenceWfm(limited, middlewares=[intercept(faults, seen.append)]) as wfm,
            client_of(wfm) as client,
        ):
            reply = await client.send("PUT", "/api/v1/capabilities/dev-1", b"{" + b" " * 200)
            assert (reply.status, seen[-1].status) == (413, 413)

    asyncio.run(scenario())
