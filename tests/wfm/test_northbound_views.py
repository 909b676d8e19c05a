"""What the operator sees: devices with their status, what ran when, who did what; and what outlives a restart."""

import asyncio
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from tests.wfm.operators import DEPLOYMENTS, described, site
from tests.wfm.support import MANIFEST


def test_status_per_component_and_what_ran_when() -> None:
    start = float(int(time.time()))
    now = [start]

    def after(seconds: float, zone: timezone = UTC) -> str:
        return datetime.fromtimestamp(start + seconds, zone).isoformat(timespec="milliseconds")

    def since(seconds: float) -> str:
        return after(seconds).replace("+00:00", "Z")

    async def scenario() -> None:
        async with site(clock=lambda: now[0]) as (_, client, operator):
            name = (await operator.deploy("telemetry-gateway", "dev-1")).json["deployments"][0]["deploymentId"]

            async def report(state: str, version: int) -> None:
                components = [
                    {"name": "broker", "state": "installed"},
                    {
                        "name": "collector",
                        "state": state,
                        "error": {"code": "E1", "source": "collector", "message": "m"},
                    },
                ]
                document = {
                    "deploymentId": name,
                    "adoptedManifestVersion": version,
                    "status": {"state": state},
                    "components": components,
                }
                assert (await client.post_status(name, document)).status in (200, 201)

            await report("installing", 2)
            now[0] += 60
            await report("installed", 2)
            first = (await operator.get(f"{DEPLOYMENTS}/{name}")).json
            assert first["components"][1]["error"] == {"code": "E1", "source": "collector", "message": "m"}
            now[0] += 60
            await operator.post(f"{DEPLOYMENTS}/{name}", {"parameters": {"pollInterval": 500}}, "PATCH")
            now[0] += 60
            await report("installed", 3)

            async def ran(at: str) -> list[Any]:
                reply = await operator.get(f"/northbound/v1/devices/dev-1/at?time={at}")
                assert reply.status == 200
                return [(item["state"], item["digest"], item["since"]) for item in reply.json["deployments"]]

            second = (await operator.get(f"{DEPLOYMENTS}/{name}")).json
            assert await ran(since(-1)) == []
            assert await ran(since(30)) == [("installing", first["digest"], since(0))]
            assert await ran(since(150)) == [("installed", first["digest"], since(60))]
            zone = timezone(timedelta(hours=1))
            for text in (after(210, zone), after(210, zone).replace("+", "%2B")):
                assert await ran(text) == [("installed", second["digest"], since(180))]
            for wrong in ("yesterday", "2027-01-15T08:00:00"):
                assert (await operator.get(f"/northbound/v1/devices/dev-1/at?time={wrong}")).status == 422
            assert (await operator.get("/northbound/v1/devices/none/at?time=2027-01-15T08:00:00Z")).status == 404

            entries = (await operator.get("/northbound/v1/journal?client=dev-1")).json["entries"]
            assert [(entry["actor"], entry["action"]) for entry in entries] == [
                ("dev-1", "capabilities-reported"),
                ("operator", "deployment-created"),
                ("dev-1", "status-reported"),
                ("dev-1", "status-reported"),
                ("operator", "deployment-changed"),
                ("dev-1", "status-reported"),
            ]
            later = (await operator.get(f"/northbound/v1/journal?after={entries[-2]['seq']}")).json["entries"]
            assert later == entries[-1:]

    asyncio.run(scenario())


def test_devices_are_listed_with_their_status() -> None:
    start = float(int(time.time()))
    now = [start]

    def told(seconds: float) -> str:
        text = datetime.fromtimestamp(start + seconds, UTC).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z")

    async def scenario() -> None:
        async with site(clock=lambda: now[0]) as (_, client, operator):
            assert (await client.put_device("dev-1/child")).status == 201
            name = (await operator.deploy("historian", "dev-1")).json["deployments"][0]["deploymentId"]
            reply = await operator.deploy("historian", "dev-1/*", profile="historian-helm")
            shared = reply.json["deployments"][0]["deploymentId"]

            async def listed() -> dict[str, Any]:
                devices = (await operator.get("/northbound/v1/devices?client=dev-1")).json["devices"]
                return {device["deviceId"]: device for device in devices}

            async def report(deployment: str, seconds: float, state: str, **members: Any) -> None:
                now[0] = start + seconds
                error = {"code": "E1", "source": "historian", "message": "m"} if state == "failed" else None
                more = {"error": error} if error else {}
                document = {
                    "deploymentId": deployment,
                    "adoptedManifestVersion": 3,
                    "status": {"state": state, **more},
                    "components": [{"name": "historian", "state": state, **more}],
                    **members,
                }
                assert (await client.post_status(deployment, document)).status in (200, 201)

            device = (await listed())["dev-1"]
            assert device["capabilities"]["properties"]["id"] == "dev-1"
            assert (device["reportedAt"], device["lastSeenAt"]) == (told(0), told(0))
            assert [(one["deploymentId"], one["state"]) for one in device["deployments"]] == [
                (name, None),
                (shared, None),
            ]
            assert (await listed())["dev-1/child"]["deployments"] == []

            await report(name, 60, "failed")
            await report(shared, 120, "installed", deviceId="dev-1/child")
            devices = await listed()
            first = devices["dev-1"]["deployments"][0]
            error = {"code": "E1", "source": "historian", "message": "m"}
            assert (first["state"], first["error"], first["adoptedManifestVersion"]) == ("failed", error, 3)
            assert first["components"] == [{"name": "historian", "state": "failed", "error": error}]
            assert [one["deploymentId"] for one in devices["dev-1/child"]["deployments"]] == [shared]
            assert (devices["dev-1"]["reportedAt"], devices["dev-1"]["lastSeenAt"]) == (told(0), told(60))
            assert devices["dev-1/child"]["lastSeenAt"] == told(120)

            await operator.send("DELETE", f"{DEPLOYMENTS}/{name}")
            assert (await listed())["dev-1"]["deployments"][0]["phase"] == "withdrawn"
            await report(name, 180, "removed")
            device = (await listed())["dev-1"]
            assert ([one["deploymentId"] for one in device["deployments"]], device["lastSeenAt"]) == (
                [shared],
                told(180),
            )

    asyncio.run(scenario())


def test_clients_are_retired_by_the_operator() -> None:
    async def scenario() -> None:
        async with site() as (_, client, operator):
            path = "/northbound/v1/clients/dev-1/retirement"
            assert (await operator.send("PUT", path)).status == 204
            assert (await client.get(MANIFEST)).status == 403
            assert (await operator.get("/northbound/v1/clients")).json["clients"][0]["retired"] is True
            assert (await operator.send("DELETE", path)).status == 204
            assert (await client.get(MANIFEST)).status == 200
            assert (await operator.send("PUT", path.replace("dev-1", "never-seen"))).status == 204
            retired = {
                one["client"]: one["retired"] for one in (await operator.get("/northbound/v1/clients")).json["clients"]
            }
            assert retired == {"dev-1": False, "never-seen": True}

    asyncio.run(scenario())


def test_the_journal_says_who_did_it() -> None:
    async def scenario() -> None:
        async with site() as (_, _client, operator):
            before = (await operator.get("/northbound/v1/journal")).json["entries"]
            assert [(one["actor"], one["action"]) for one in before[:3]] == [("operator", "package-uploaded")] * 3
            assert before[0]["detail"]["application"] == described("telemetry-gateway")["id"]

            operator.session.headers["X-Operator"] = "Ada Example <ada@plant.example>"
            assert (await operator.upload("historian")).status == 201
            name = (await operator.deploy("historian", "dev-1")).json["deployments"][0]["deploymentId"]
            path, retirement = f"{DEPLOYMENTS}/{name}", "/northbound/v1/clients/dev-1/retirement"
            assert (await operator.post(path, {"parameters": {"retentionDays": 3}}, "PATCH")).status == 200
            assert (await operator.send("DELETE", path)).status == 202
            assert (await operator.send("PUT", retirement)).status == 204
            assert (await operator.send("DELETE", retirement)).status == 204
            reply = await operator.get(f"/northbound/v1/journal?after={before[-1]['seq']}")
            entries = reply.json["entries"]
            assert [one["action"] for one in entries] == [
                "package-replaced",
                "deployment-created",
                "deployment-changed",
                "deployment-withdrawn",
                "client-retired",
                "client-reinstated",
            ]
            assert {one["actor"] for one in entries} == {"Ada Example <ada@plant.example>"}
            assert entries[0]["detail"] == {
                "application": "historian",
                "version": described("historian")["metadata"]["version"],
            }

            for wrong in ("", "x" * 101, "Zoë", "a\tb"):
                operator.session.headers["X-Operator"] = wrong
                refused = await operator.send("PUT", retirement)
                assert (refused.status, refused.json["errors"][0]["field"]) == (422, "X-Operator")
            document = (await operator.get("/openapi.json")).json
            for methods in document["paths"].values():
                for method, operation in methods.items():
                    names = [one["name"] for one in operation.get("parameters", []) if one["in"] == "header"]
                    assert names == ([] if method == "get" else ["X-Operator"])

    asyncio.run(scenario())


def test_packages_and_deployments_survive_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'wfm.db'}"

    async def scenario() -> None:
        async with site(store_url=url) as (_, _client, operator):
            name = (await operator.deploy("historian", "dev-1")).json["deployments"][0]["deploymentId"]
        async with site(store_url=url) as (wfm, _client, operator):
            assert len(list(wfm.shelf)) == 3
            actions = [entry.action for entry in wfm.core.journal]
            assert (actions.count("package-uploaded"), actions.count("package-replaced")) == (3, 3)
            reply = await operator.post(f"{DEPLOYMENTS}/{name}", {"parameters": {"retentionDays": 7}}, "PATCH")
            assert (reply.status, reply.json["application"]) == (200, "historian")

    asyncio.run(scenario())
