"""The control API: forces what a bench needs, on a port of its own."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from simulator.faults.plan import DropConnection, FaultPlan, FaultRule, problem_answer
from simulator.wfm.control import Control
from simulator.wfm.server import ReferenceWfm
from tests.wfm.support import IDS, MANIFEST, Client, Reply, client_of, config, deployment


@asynccontextmanager
async def controlled(**changes: object) -> AsyncIterator[tuple[ReferenceWfm, Client, Client]]:
    async with (
        ReferenceWfm(config(control_port=0, **changes)) as wfm,
        client_of(wfm) as client,
        aiohttp.ClientSession() as session,
    ):
        yield wfm, client, Client(session, f"http://127.0.0.1:{wfm.control_port}/control/v1")


async def put(control: Client, path: str, document: object) -> Reply:
    return await control.send("PUT", path, json.dumps(document).encode(), Content_Type="application/json")


def test_versions_retirement_load_and_compression_are_forced() -> None:
    async def scenario() -> None:
        async with controlled() as (_, client, control):
            assert (await put(control, "/clients/dev-1/next-version", {"version": 2**53 + 1})).status == 204
            reply = await control.send("POST", "/clients/dev-1/documents", deployment())
            assert (reply.status, reply.json["version"]) == (201, 2**53 + 1)
            manifest = await client.get(MANIFEST)
            assert manifest.json["manifestVersion"] == 2**53 + 1
            assert (await put(control, "/clients/dev-1/next-version", {"version": 5})).status == 422
            assert (await put(control, "/clients/dev-1/next-version", {"version": "7"})).status == 422
            await control.send("PUT", "/clients/dev-1/retirement")
            assert (await client.get(MANIFEST)).status == 403
            await control.send("DELETE", "/clients/dev-1/retirement")
            assert (await put(control, "/load-limit", {"maxConcurrent": 0, "retryAfterS": 3})).status == 204
            assert (await client.get(MANIFEST)).headers["Retry-After"] == "3"
            await control.send("DELETE", "/load-limit")
            assert (await put(control, "/compression", {"deployments": True, "bundles": True})).status == 204
            for url in (manifest.json["deployments"][0]["url"], manifest.json["bundle"]["url"]):
                assert (await client.get(url, Accept_Encoding="gzip")).headers["Content-Encoding"] == "gzip"

    asyncio.run(scenario())


def test_broken_documents_are_served_as_they_are() -> None:
    async def scenario() -> None:
        async with controlled() as (_, client, control):
            assert (await control.send("POST", "/clients/dev-1/documents", b"not: [valid")).status == 400
            path = f"/clients/dev-1/documents?deploymentId={IDS[3]}&deviceId=dev-1"
            assert (await control.send("POST", path, b"not: [valid")).status == 201
            (ref,) = (await client.get(MANIFEST)).json["deployments"]
            assert ref["deploymentId"] == IDS[3]
            assert (await client.get(ref["url"])).body == b"not: [valid"

    asyncio.run(scenario())


def test_faults_and_history() -> None:
    plan = FaultPlan(
        rules=(
            FaultRule(action=problem_answer(503, "busy", retry_after_s=1), match="fetch-manifest"),
            FaultRule(action=DropConnection(), match="report-capabilities"),
        ),
        seed=7,
    )

    async def scenario() -> None:
        async with controlled() as (_, client, control):
            reply = await control.send("PUT", "/faults", plan.to_json().encode())
            assert reply.status == 204
            assert FaultPlan.from_json((await control.get("/faults")).body) == plan
            assert (await client.get(MANIFEST)).status == 503
            assert (await client.get(MANIFEST)).status == 200
            with suppress(aiohttp.ClientError):  # or the client tries again by itself, as HTTP allows for PUT
                await client.put_device("dev-1")
            exchanges = (await control.get("/exchanges")).json["exchanges"]
            faults = [(item["operation"], item["status"], item["outcome"]) for item in exchanges][:3]
            assert faults == [
                ("fetch-manifest", 503, "answered"),
                ("fetch-manifest", 200, "answered"),
                ("report-capabilities", None, "dropped"),
            ]
            assert b'"manifestVersion":1' in base64.b64decode(exchanges[1]["responseBody"])
            assert exchanges[0]["peer"].endswith("/client/dev-1")
            assert len((await control.get("/exchanges?after=1")).json["exchanges"]) == len(exchanges) - 1
            assert (await control.send("PUT", "/faults", b'{"rules": 1}')).status == 422
            await control.send("DELETE", "/faults")
            assert (await client.put_device("dev-1")).status in (200, 201)

    asyncio.run(scenario())


def test_reset_starts_from_nothing_also_on_disk(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'wfm.db'}"

    async def scenario() -> None:
        async with controlled(store_url=url) as (wfm, client, control):
            await wfm.service.publish("dev-1", deployment())
            await put(control, "/load-limit", {"ratePerS": 0.01, "burst": 1})
            assert (await control.get("/health")).json == {"status": "ok", "clients": 1, "journal": 1}
            assert (await control.send("POST", "/reset")).status == 204
            assert (await client.get(MANIFEST)).json["manifestVersion"] == 1
        async with controlled(store_url=url) as (wfm, _, control):
            assert (await control.get("/health")).json == {"status": "ok", "clients": 0, "journal": 0}

    asyncio.run(scenario())


def test_control_is_off_by_default_and_never_on_another_port() -> None:
    async def scenario() -> None:
        async with ReferenceWfm(config()) as wfm:
            assert wfm.control_port is None
        async with controlled(northbound_port=0) as (wfm, client, control):
            assert (await client.get("/control/v1/health")).status == 404
            northbound = Client(control.session, f"http://127.0.0.1:{wfm.northbound_port}")
            assert (await northbound.get("/control/v1/health")).status == 404
            assert len({wfm.management_port, wfm.northbound_port, wfm.control_port}) == 3

    asyncio.run(scenario())


def test_the_description_matches_the_routes() -> None:
    async def scenario() -> None:
        async with controlled() as (wfm, _, control):
            document = (await control.get("/openapi.json")).json
            told = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
            assert told == {(route.method, route.path) for route in Control(wfm).routes()}
            references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
            assert references <= set(document["components"]["schemas"])

    asyncio.run(scenario())
