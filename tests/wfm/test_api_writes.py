"""PUT and DELETE capabilities, POST status: codes, problem types and the records behind them."""

import asyncio
import json
from typing import Any

import pytest

from tests.wfm.support import IDS, MANIFEST, capabilities, client_of, deployment, running, status

CAPABILITIES = "/api/v1/capabilities"


def test_capabilities_are_created_replaced_and_withdrawn() -> None:
    async def scenario() -> None:
        async with running() as (wfm, client):
            assert (await client.put_device("gw")).status == 201
            assert (await client.put_device("gw")).status == 200
            assert (await client.put_device("gw/child")).status == 201
            assert (await client.send("DELETE", f"{CAPABILITIES}/gw/child")).status == 204
            assert (await client.send("DELETE", f"{CAPABILITIES}/gw/child")).problem == "#device-not-found"
            assert (await client.put_device("gw/child")).status == 201
            actions = [(entry.action, entry.device_id) for entry in wfm.core.journal]
            assert actions == [
                ("capabilities-reported", "gw"),
                ("capabilities-reported", "gw/child"),
                ("capabilities-withdrawn", "gw/child"),
                ("capabilities-reported", "gw/child"),
            ]

    asyncio.run(scenario())


def test_a_child_needs_its_own_gateway_first() -> None:
    async def scenario() -> None:
        async with running() as (wfm, client), client_of(wfm, "dev-2") as other:
            assert (await other.put_device("gw")).status == 201
            reply = await client.put_device("gw/child")
            assert (reply.status, reply.problem) == (404, "#gateway-not-found")
            assert (await client.put_device("gw")).status == 201
            assert (await client.put_device("gw/child")).status == 201
            assert (await client.put_device("gw/child/sensor")).status == 201
            assert (await client.send("DELETE", f"{CAPABILITIES}/gw")).status == 204
            assert (await client.put_device("gw/child/sensor")).status == 404

    asyncio.run(scenario())


def test_what_is_not_known_is_custom_and_extensions_are_ignored() -> None:
    document = {
        **capabilities(
            "dev-1", supportedRuntimes=["wasm", "oci"], supportedDeploymentTypes=["flatpak", "helm", "snap"]
        ),
        "labels": {"example.com/line": ["a", "b"], "n": 3},
        "x-acme-extensions": {"colour": "red"},
    }

    async def scenario() -> None:
        async with running() as (wfm, client):
            assert (await client.put_device("dev-1", document)).status == 201
            device = wfm.core.clients["dev-1"].devices["dev-1"]
            assert device.runtimes == ("custom", "oci")
            assert device.deployment_types == ("custom", "helm")

    asyncio.run(scenario())


def without(name: str) -> dict[str, Any]:
    document = capabilities("dev-1")
    del document["properties"][name]
    return document


@pytest.mark.parametrize(
    ("body", "status_code", "problem", "fields"),
    [
        (b"{", 400, "#invalid-request", None),
        (b"", 400, "#invalid-request", None),
        (b"\xff\xfe", 400, "#invalid-request", None),
        (b'{"properties": 1, "properties": 2}', 400, "#invalid-request", None),
        (b"[" * 100_000, 400, "#invalid-request", None),
        (b"[]", 422, "#semantic-error", ["(root)"]),
        (b"{}", 422, "#semantic-error", ["properties"]),
        (json.dumps(without("vendor")).encode(), 422, "#semantic-error", ["properties.vendor"]),
        (json.dumps(capabilities("dev-2")).encode(), 422, "#semantic-error", ["properties.id"]),
        (
            json.dumps(capabilities("dev-1", cpus=[{"cores": 0, "architecture": "z80"}], memory="8 GB")).encode(),
            422,
            "#semantic-error",
            ["properties.cpus.0.cores", "properties.cpus.0.architecture", "properties.memory"],
        ),
        (json.dumps({**capabilities("dev-1"), "kind": "x"}).encode(), 422, "#semantic-error", None),
    ],
)
def test_bad_capabilities(body: bytes, status_code: int, problem: str, fields: list[str] | None) -> None:
    async def scenario() -> None:
        async with running() as (wfm, client):
            reply = await client.send("PUT", f"{CAPABILITIES}/dev-1", body)
            assert (reply.status, reply.problem) == (status_code, problem)
            if fields is not None:
                told = [error["field"] for error in reply.json["errors"]]
                assert all(any(field in name for name in told) for field in fields)
                assert all(error["message"] for error in reply.json["errors"])
            assert not wfm.core.client("dev-1").devices

    asyncio.run(scenario())


def test_device_ids_are_checked_as_they_are_written() -> None:
    async def scenario() -> None:
        async with running() as (_, client):
            for path in ("a%20b", "a//b", "a/", "caf%C3%A9", "a%0A"):
                reply = await client.send("PUT", f"{CAPABILITIES}/{path}", json.dumps(capabilities("x")).encode())
                assert (path, reply.status, reply.problem) == (path, 422, "#semantic-error")
            assert (await client.put_device("gw")).status == 201
            escaped = json.dumps(capabilities("gw/a~b")).encode()
            assert (await client.send("PUT", f"{CAPABILITIES}/gw%2Fa~b", escaped)).status == 201

    asyncio.run(scenario())


def test_status_is_created_then_updated() -> None:
    async def scenario() -> None:
        async with running() as (wfm, client):
            await wfm.service.publish("dev-1", deployment())
            assert (await client.post_status(IDS[0], status(state="installing"))).status == 201
            assert (await client.post_status(IDS[0], status(state="installed"))).status == 200
            assert wfm.core.clients["dev-1"].statuses[IDS[0]].status.status.state == "installed"
            states = [entry.detail["state"] for entry in wfm.core.journal if entry.action == "status-reported"]
            assert states == ["installing", "installed"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"status": {"state": "done"}}, "status.state"),
        ({"components": [{"name": "main", "state": "Installed"}]}, "components.0.state"),
        ({"components": None}, "components"),
        ({"adoptedManifestVersion": 0}, "adoptedManifestVersion"),
        ({"adoptedManifestVersion": 2**64}, "adoptedManifestVersion"),
        ({"adoptedManifestVersion": "2"}, "adoptedManifestVersion"),
        ({"adoptedManifestVersion": True}, "adoptedManifestVersion"),
        ({"deploymentId": IDS[1]}, "deploymentId"),
        ({"deploymentId": "not-a-uuid"}, "deploymentId"),
        ({"deviceId": "elsewhere"}, "deviceId"),
    ],
)
def test_bad_status(changes: dict[str, Any], field: str) -> None:
    async def scenario() -> None:
        async with running() as (wfm, client):
            await wfm.service.publish("dev-1", deployment())
            reply = await client.post_status(IDS[0], {**status(), **changes})
            assert (reply.status, reply.problem) == (422, "#semantic-error")
            assert any(error["field"] == field for error in reply.json["errors"])
            assert not wfm.core.clients["dev-1"].statuses

    asyncio.run(scenario())


def test_status_of_what_is_not_the_callers() -> None:
    async def scenario() -> None:
        async with running() as (wfm, client), client_of(wfm, "dev-2") as other:
            await wfm.service.publish("dev-1", deployment())
            assert (await other.post_status(IDS[0], status())).problem == "#deployment-not-found"
            assert (await client.post_status(IDS[1], status(1))).problem == "#deployment-not-found"
            assert not wfm.core.clients["dev-1"].statuses

    asyncio.run(scenario())


def test_autonomous_placement_may_be_reported_for_the_chosen_device() -> None:
    async def scenario() -> None:
        async with running() as (wfm, client):
            await wfm.service.publish("dev-1", deployment(device_id="gw/*"))
            for device, code in (("gw", 201), ("gw/child", 200), ("gw2", 422), ("other/child", 422)):
                assert (await client.post_status(IDS[0], status(deviceId=device))).status == code

    asyncio.run(scenario())


def test_a_withdrawn_deployment_leaves_the_manifest_at_once_and_its_record_when_removed() -> None:
    async def scenario() -> None:
        async with running() as (wfm, client):
            await wfm.service.publish("dev-1", deployment(0), deployment(1))
            await wfm.service.change("dev-1", drop=[IDS[0]])
            named = [ref["deploymentId"] for ref in (await client.get(MANIFEST)).json["deployments"]]
            assert named == [IDS[1]]
            for state in ("removing", "removed", "removed"):  # the last one a repetition after a lost answer
                assert (await client.post_status(IDS[0], status(state=state, version=3))).status in (200, 201)
            assert wfm.core.clients["dev-1"].deployments[IDS[0]].phase == "gone"
            assert wfm.core.clients["dev-1"].deployments[IDS[1]].phase == "desired"

    asyncio.run(scenario())
