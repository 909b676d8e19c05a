"""The operator's API: packages, deployments for many devices, the journal, and a description that fits the routes."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

import features
from simulator.wfm.packages import load_directory
from simulator.wfm.server import ReferenceWfm
from tests.wfm.support import MANIFEST, Client, Reply, capabilities, client_of, config

APPLICATIONS = Path(features.__file__).parent / "applications"
DEPLOYMENTS = "/northbound/v1/deployments"


class Operator(Client):
    async def post(self, path: str, document: Any, method: str = "POST") -> Reply:
        return await self.send(method, path, json.dumps(document).encode(), Content_Type="application/json")

    async def upload(self, name: str) -> Reply:
        archive = load_directory(APPLICATIONS / name).to_archive()
        return await self.send("POST", "/northbound/v1/packages", archive, Content_Type="application/gzip")

    async def deploy(self, application: str, *devices: str, **more: Any) -> Reply:
        targets = [{"client": "dev-1", "deviceId": device} for device in devices]
        return await self.post(DEPLOYMENTS, {"application": application, "targets": targets, **more})


@asynccontextmanager
async def site(**changes: Any) -> AsyncIterator[tuple[ReferenceWfm, Client, Operator]]:
    """A WFM with all three sample packages, its client dev-1 with the device dev-1, and an operator."""
    clock = changes.pop("clock", None)
    options = {"clock": clock} if clock else {}
    async with (
        ReferenceWfm(config(northbound_port=0, **changes), **options) as wfm,
        client_of(wfm) as client,
        aiohttp.ClientSession() as session,
    ):
        operator = Operator(session, f"http://127.0.0.1:{wfm.northbound_port}")
        for name in ("telemetry-gateway", "historian", "vision-inspector"):
            assert (await operator.upload(name)).status == 201
        assert (await client.put_device("dev-1")).status in (200, 201)
        yield wfm, client, operator


async def documents(client: Client) -> list[dict[str, Any]]:
    manifest = (await client.get(MANIFEST)).json
    return [yaml.safe_load((await client.get(ref["url"])).body) for ref in manifest["deployments"]]


def described(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((APPLICATIONS / name / "margo.yaml").read_bytes())
    return found


def test_a_deployment_carries_over_what_it_has_to_and_nothing_else() -> None:
    async def scenario() -> None:
        async with site() as (_, client, operator):
            reply = await operator.deploy("vision-inspector", "dev-1", parameters={"threshold": 0.9})
            assert reply.status == 201
            (document,) = await documents(client)
            profile = described("vision-inspector")["deploymentProfiles"][0]
            delivered = document["spec"]["deploymentProfile"]
            assert delivered == {key: value for key, value in profile.items() if key not in ("id", "description")}
            assert "x-inspect-example-extensions" not in document["spec"]
            assert document["spec"]["parameters"]["threshold"] == {
                "value": 0.9,
                "targets": [{"pointer": "model.threshold", "components": ["inference"]}],
            }
            assert document["spec"]["parameters"]["lineName"]["value"] == "line-1"
            assert document["metadata"] == {"name": "vision-inspector", "namespace": "margo", "deviceId": "dev-1"}
            assert document["id"] == reply.json["deployments"][0]["deploymentId"]

    asyncio.run(scenario())


def test_the_profile_follows_what_the_device_supports() -> None:
    async def scenario() -> None:
        async with site() as (_, client, operator):
            compose = capabilities("gw", supportedDeploymentTypes=["compose"])
            assert (await client.put_device("gw", compose)).status == 201
            assert (await operator.deploy("vision-inspector", "gw")).json["deployments"][0]["profile"] == (
                "inspector-compose"
            )
            reply = await operator.deploy("historian", "gw")
            assert (reply.status, reply.json["errors"][0]["field"]) == (422, "deviceId")
            assert "supports one of helm, found gw supporting compose" in reply.json["detail"]
            reply = await operator.deploy("historian", "never-reported")
            assert reply.status == 422
            assert (await operator.deploy("historian", "never-reported", profile="historian-helm")).status == 201
            assert (await operator.deploy("historian", "dev-1", profile="nope")).json["errors"][0]["field"] == "profile"

    asyncio.run(scenario())


def test_many_targets_are_one_version_and_all_or_none() -> None:
    async def scenario() -> None:
        async with site() as (_, client, operator):
            for device in ("a", "b", "c"):
                assert (await client.put_device(device)).status == 201
            assert (await operator.deploy("historian", "a", "b", "unknown")).status == 422
            assert (await client.get(MANIFEST)).json["manifestVersion"] == 1
            reply = await operator.deploy("historian", "a", "b", "c")
            assert len({item["deploymentId"] for item in reply.json["deployments"]}) == 3
            manifest = (await client.get(MANIFEST)).json
            assert (manifest["manifestVersion"], len(manifest["deployments"])) == (2, 3)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("application", "values", "message"),
    [
        ("historian", {"retentionDays": 0}, "at least 1, found 0"),
        ("historian", {"retentionDays": 5000}, "at most 3650"),
        ("historian", {"retentionDays": 1.5}, "expected integer"),
        ("historian", {"retentionDays": True}, "expected integer"),
        ("historian", {"retentionDays": None}, "found an empty one"),
        ("historian", {"downsampling": "weekly"}, "one of none, hourly, daily"),
        ("historian", {"compressionRatio": 4.25}, "at most 1 decimals, found 2"),
        ("historian", {"volumeName": "Data"}, "match of"),
        ("historian", {"adminContact": "x" * 121}, "at most 120 characters"),
        ("historian", {"speed": 1}, "one of the application's parameters"),
        ("telemetry-gateway", {"fieldDevices": "10.0.0.1:502"}, "expected an array"),
        ("telemetry-gateway", {"fieldDevices": ["10.0.0.1:502", "nowhere"]}, "match of"),
        ("telemetry-gateway", {"retainMessages": "yes"}, "expected boolean"),
        ("vision-inspector", {"defectClasses": ["scratch", "rust"]}, "one of scratch, dent, stain, crack"),
    ],
)
def test_values_have_to_fit_the_settings(application: str, values: dict[str, Any], message: str) -> None:
    async def scenario() -> None:
        async with site() as (_, client, operator):
            reply = await operator.deploy(application, "dev-1", parameters=values)
            assert (reply.status, reply.problem) == (422, "#semantic-error")
            assert reply.json["errors"][0]["field"] == f"parameters.{next(iter(values))}"
            assert message in reply.json["errors"][0]["message"]
            assert await documents(client) == []

    asyncio.run(scenario())


def test_a_change_keeps_the_id_and_immutable_values() -> None:
    async def scenario() -> None:
        async with site() as (_, client, operator):
            created = (await operator.deploy("historian", "dev-1", parameters={"adminContact": ""})).json
            first = created["deployments"][0]
            path = f"{DEPLOYMENTS}/{first['deploymentId']}"
            reply = await operator.post(path, {"parameters": {"retentionDays": 30}}, "PATCH")
            assert reply.status == 200
            assert reply.json["deploymentId"] == first["deploymentId"]
            assert reply.json["digest"] != first["digest"]
            (document,) = await documents(client)
            assert document["spec"]["parameters"]["retentionDays"]["value"] == 30
            reply = await operator.post(path, {"parameters": {"volumeName": "other"}}, "PATCH")
            assert reply.status == 422
            assert 'expected "historian-data" (immutable), found "other"' in reply.json["errors"][0]["message"]
            assert (await operator.post(path, {"version": "9.9.9"}, "PATCH")).status == 404

    asyncio.run(scenario())


def test_a_target_is_named_once() -> None:
    async def scenario() -> None:
        async with site() as (_, client, operator):
            assert (await client.put_device("a")).status == 201
            reply = await operator.deploy("historian", "a", "dev-1", "a")
            assert (reply.status, reply.json["errors"][0]["field"]) == (422, "targets")
            assert "each target once (a of dev-1 is repeated)" in reply.json["errors"][0]["message"]
            assert await documents(client) == []

    asyncio.run(scenario())


def test_a_change_leaves_the_parameters_it_does_not_name() -> None:
    async def scenario() -> None:
        async with site() as (_, client, operator):
            values = {"volumeName": "plant-data", "downsampling": "daily"}
            created = (await operator.deploy("historian", "dev-1", parameters=values)).json
            path = f"{DEPLOYMENTS}/{created['deployments'][0]['deploymentId']}"
            reply = await operator.post(path, {"parameters": {"retentionDays": 30}}, "PATCH")
            assert (reply.status, reply.json["parameters"]) == (200, {**values, "retentionDays": 30})
            (document,) = await documents(client)
            delivered = {name: found["value"] for name, found in document["spec"]["parameters"].items()}
            assert delivered.items() >= {**values, "retentionDays": 30}.items()
            reply = await operator.post(path, {"parameters": {"volumeName": "historian-data"}}, "PATCH")
            assert 'expected "plant-data" (immutable), found "historian-data"' in reply.json["detail"]

            package = load_directory(APPLICATIONS / "historian")
            later = described("historian")
            later["metadata"]["version"] = "9.0.0"
            del later["parameters"]["downsampling"]
            for section in later["configuration"]["sections"]:
                section["settings"] = [one for one in section["settings"] if one["parameter"] != "downsampling"]
            archive = replace(
                package, files={**package.files, "margo.yaml": yaml.safe_dump(later).encode()}
            ).to_archive()
            sent = await operator.send("POST", "/northbound/v1/packages", archive, Content_Type="application/gzip")
            assert sent.status == 201
            reply = await operator.post(path, {"version": "9.0.0"}, "PATCH")
            assert (reply.status, reply.json["parameters"]) == (200, {"volumeName": "plant-data", "retentionDays": 30})

    asyncio.run(scenario())


def test_deleting_shows_what_is_still_to_be_removed() -> None:
    async def scenario() -> None:
        async with site() as (_, client, operator):
            name = (await operator.deploy("historian", "dev-1")).json["deployments"][0]["deploymentId"]
            reply = await operator.send("DELETE", f"{DEPLOYMENTS}/{name}")
            assert (reply.status, reply.json["phase"]) == (202, "withdrawn")
            assert await documents(client) == []
            assert len((await operator.get(DEPLOYMENTS)).json["deployments"]) == 1
            report = {
                "deploymentId": name,
                "adoptedManifestVersion": 3,
                "status": {"state": "removed"},
                "components": [{"name": "historian", "state": "removed"}],
            }
            assert (await client.post_status(name, report)).status == 201
            assert (await operator.get(DEPLOYMENTS)).json["deployments"] == []
            assert (await operator.get(f"{DEPLOYMENTS}/{name}")).status == 404
            assert (await operator.send("DELETE", f"{DEPLOYMENTS}/{name}")).status == 404

    asyncio.run(scenario())


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


def test_placement_is_checked_when_asked_for() -> None:
    async def scenario() -> None:
        async with site() as (_, client, operator):
            small = capabilities("small", cpus=[{"cores": 1, "architecture": "amd64"}] * 4)
            assert (await client.put_device("small", small)).status == 201
            reply = await operator.deploy("historian", "small", matchDevice=True)
            assert reply.status == 422
            assert "no CPU with 2 cores" in reply.json["errors"][0]["message"]
            assert (await operator.deploy("historian", "small")).status == 201
            for application in ("historian", "telemetry-gateway", "vision-inspector"):
                assert (await operator.deploy(application, "dev-1", matchDevice=True)).status == 201

    asyncio.run(scenario())


def test_bad_requests_name_field_expected_and_found() -> None:
    async def scenario() -> None:
        async with site() as (_, _client, operator):
            reply = await operator.post(DEPLOYMENTS, {"application": "Historian", "targets": [], "colour": 1})
            assert reply.status == 422
            fields = {error["field"]: error["message"] for error in reply.json["errors"]}
            assert set(fields) == {"application", "targets", "colour"}
            assert all("expected" in message and "found" in message for message in fields.values())
            assert (await operator.deploy("unknown", "dev-1")).problem == "about:blank"
            assert (await operator.send("POST", DEPLOYMENTS, b"{", Content_Type="application/json")).status == 400
            assert (await operator.send("POST", DEPLOYMENTS, b"{}", Content_Type="text/plain")).status == 415
            reply = await operator.send("POST", "/northbound/v1/packages", b"junk", Content_Type="application/gzip")
            assert (reply.status, reply.problem) == (400, "#invalid-request")
            assert (await operator.get("/nowhere")).problem == "about:blank"
            assert (await operator.get("/api/v1/deployments")).status == 404

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


def test_the_description_matches_the_routes_and_its_references_resolve() -> None:
    async def scenario() -> None:
        async with site() as (wfm, _client, operator):
            document = (await operator.get("/openapi.json")).json
            assert document["openapi"] == "3.1.0"
            told = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
            assert told == {(route.method, route.path) for route in wfm.northbound.routes()}
            references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
            assert references <= set(document["components"]["schemas"])
            for method, path in told:
                filled = re.sub(r"\{\w+\}", "x", path)
                reply = await operator.send(method, filled)
                operation = document["paths"][path][method.lower()]
                assert str(reply.status) in operation["responses"] or reply.headers["Content-Type"].startswith(
                    "application/problem+json"
                )
                assert reply.json["detail"] != "Not Found" if reply.status == 404 else True
                names = [item["name"] for item in operation.get("parameters", []) if item["in"] == "path"]
                assert names == re.findall(r"\{(\w+)\}", path)

    asyncio.run(scenario())
