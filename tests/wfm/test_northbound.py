"""The operator's API: packages, deployments for many devices, and a description that fits the routes."""

import asyncio
import json
import re
from dataclasses import replace
from typing import Any

import pytest
import yaml

from simulator.wfm.packages import load_directory
from tests.wfm.operators import APPLICATIONS, DEPLOYMENTS, described, documents, site
from tests.wfm.support import MANIFEST, capabilities


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
