"""GET manifest, deployment and bundle: bytes, headers and codes."""

import asyncio
import gzip
import hashlib

import pytest

from simulator.protocol.bundle import read_bundle
from tests.wfm.support import IDS, MANIFEST, Client, client_of, deployment, running

IMMUTABLE = "private, max-age=31536000, immutable"


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def test_a_new_client_gets_version_1_with_a_null_bundle() -> None:
    async def scenario() -> None:
        async with running() as (_, client):
            reply = await client.get(MANIFEST)
            assert reply.status == 200
            assert reply.json == {"manifestVersion": 1, "bundle": None, "deployments": []}
            assert reply.headers["Content-Type"] == "application/vnd.margo.manifest.v1+json"
            assert reply.headers["ETag"] == f'"{sha256(reply.body)}"'
            assert "private" in reply.headers["Cache-Control"]
            assert "immutable" not in reply.headers["Cache-Control"]

    asyncio.run(scenario())


def test_every_artifact_is_exactly_what_its_digest_says() -> None:
    documents = [deployment(0), deployment(1) + b"# trailing comment, CRLF\r\n"]

    async def scenario() -> None:
        async with running() as (wfm, client):
            await wfm.service.publish("dev-1", *documents)
            manifest = (await client.get(MANIFEST)).json
            assert manifest["manifestVersion"] == 2
            for ref, document in zip(manifest["deployments"], documents, strict=True):
                reply = await client.get(ref["url"])
                assert reply.body == document
                assert ref["digest"] == sha256(document)
                assert ref["url"] == f"{MANIFEST}/{ref['deploymentId']}/{ref['digest']}"
                assert reply.headers["Content-Type"] == "application/yaml"
                assert reply.headers["ETag"] == f'"{ref["digest"]}"'
                assert reply.headers["Cache-Control"] == IMMUTABLE
                assert reply.headers["Vary"] == "Accept-Encoding"
            bundle = await client.get(manifest["bundle"]["url"])
            assert sha256(bundle.body) == manifest["bundle"]["digest"]
            assert bundle.headers["Content-Type"] == manifest["bundle"]["mediaType"]
            assert bundle.headers["ETag"] == f'"{manifest["bundle"]["digest"]}"'
            assert bundle.headers["Cache-Control"] == IMMUTABLE
            assert sorted(read_bundle(bundle.body).values()) == sorted(documents)

    asyncio.run(scenario())


def test_conditional_requests_follow_rfc_9110() -> None:
    async def scenario() -> None:
        async with running() as (wfm, client):
            await wfm.service.publish("dev-1", deployment())
            manifest = await client.get(MANIFEST)
            tag = manifest.headers["ETag"]
            urls = [MANIFEST, manifest.json["deployments"][0]["url"], manifest.json["bundle"]["url"]]
            for url in urls:
                own = (await client.get(url)).headers["ETag"]
                for header in (own, f'"other", {own}', f"W/{own}", "*"):
                    reply = await client.get(url, If_None_Match=header)
                    assert (reply.status, reply.body) == (304, b"")
                    assert reply.headers["ETag"] == own
                for header in ('"other"', tag.strip('"'), "garbage", '""'):
                    assert (await client.get(url, If_None_Match=header)).status == 200

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/vnd.margo.manifest.v1+json", 200),
        ("*/*", 200),
        ("application/*;q=0.1", 200),
        ("text/html, application/vnd.margo.manifest.v1+json;q=0.5", 200),
        ("Application/VND.margo.manifest.v1+JSON", 200),
        ("", 200),
        ("text/html", 406),
        ("application/json", 406),
        ("application/vnd.margo.manifest.v2+json", 406),
        ("*/*, application/vnd.margo.manifest.v1+json;q=0", 406),
        ("garbage", 406),
    ],
)
def test_accept(accept: str, expected: int) -> None:
    async def scenario() -> None:
        async with running() as (_, client):
            reply = await client.get(MANIFEST, Accept=accept)
            assert reply.status == expected
            if expected == 406:
                assert reply.problem == "#server-cannot-generate-response"
                assert (reply.json["retryable"], reply.json["backoffStrategy"]) == (False, "none")

    asyncio.run(scenario())


def test_unknown_content_is_not_found_and_digests_may_be_escaped() -> None:
    async def scenario() -> None:
        async with running() as (wfm, client):
            await wfm.service.publish("dev-1", deployment())
            manifest = (await client.get(MANIFEST)).json
            url = manifest["deployments"][0]["url"]
            assert (await client.get(url.replace("sha256:", "sha256%3A"))).status == 200
            other = "sha256:" + "0" * 64
            assert (await client.get(f"{MANIFEST}/{IDS[0]}/{other}")).problem == "#deployment-not-found"
            assert (
                await client.get(f"{MANIFEST}/{IDS[1]}/{url.rpartition('/')[2]}")
            ).problem == "#deployment-not-found"
            assert (await client.get(f"/api/v1/bundles/{other}")).problem == "#invalid-bundle"
            assert (await client.get(f"/api/v1/bundles/{url.rpartition('/')[2]}")).status == 404
            assert (await client.get("/api/v1/bundles/SHA256:ABC")).status == 404

    asyncio.run(scenario())


def test_compression_changes_neither_digest_nor_tag() -> None:
    document = deployment() + b"# padding\n" * 100

    async def scenario() -> None:
        async with running() as (wfm, client):
            wfm.settings.compress_deployments = True
            await wfm.service.publish("dev-1", document)
            url = (await client.get(MANIFEST)).json["deployments"][0]["url"]
            packed = await client.get(url, Accept_Encoding="gzip")
            plain = await client.get(url, Accept_Encoding="gzip;q=0, identity")
            assert packed.headers["Content-Encoding"] == "gzip"
            assert gzip.decompress(packed.body) == plain.body == document
            assert "Content-Encoding" not in plain.headers
            assert packed.headers["ETag"] == plain.headers["ETag"]
            assert packed.headers["Vary"] == "Accept-Encoding"

    asyncio.run(scenario())


def test_superseded_content_stays_for_a_while_and_then_goes() -> None:
    async def scenario() -> None:
        async with running() as (wfm, client):
            await wfm.service.publish("dev-1", deployment(revision="1.0.0"))
            first = (await client.get(MANIFEST)).json
            keep = wfm.config.limits.history
            for minor in range(1, keep):
                await wfm.service.publish("dev-1", deployment(revision=f"1.{minor}.0"))
                assert (await client.get(first["deployments"][0]["url"])).status == 200
            await wfm.service.publish("dev-1", deployment(revision="2.0.0"))
            assert (await client.get(first["deployments"][0]["url"])).status == 404
            assert (await client.get(first["bundle"]["url"])).status == 404

    asyncio.run(scenario())


def test_the_last_deployment_removed_leaves_a_null_bundle_in_a_later_version() -> None:
    async def scenario() -> None:
        async with running() as (wfm, client):
            await wfm.service.publish("dev-1", deployment())
            await wfm.service.change("dev-1", drop=[IDS[0]])
            reply = await client.get(MANIFEST)
            assert reply.json == {"manifestVersion": 3, "bundle": None, "deployments": []}

    asyncio.run(scenario())


def test_versions_are_exact_up_to_the_last_one() -> None:
    async def scenario() -> None:
        async with running() as (wfm, client):
            await wfm.service.jump_version("dev-1", 2**53 + 1)
            await wfm.service.publish("dev-1", deployment())
            reply = await client.get(MANIFEST)
            assert reply.json["manifestVersion"] == 2**53 + 1
            await wfm.service.jump_version("dev-1", 2**64 - 1)
            await wfm.service.publish("dev-1", deployment(1))
            assert b'"manifestVersion":18446744073709551615' in (await client.get(MANIFEST)).body
            with pytest.raises(ValueError, match="every manifest version"):
                await wfm.service.publish("dev-1", deployment(2))
            with pytest.raises(ValueError, match="version: expected"):
                await wfm.service.jump_version("dev-1", 7)
            assert len((await client.get(MANIFEST)).json["deployments"]) == 2

    asyncio.run(scenario())


def test_nothing_of_another_client_can_be_seen() -> None:
    async def scenario() -> None:
        async with running() as (wfm, mine), client_of(wfm, "dev-2") as other:
            await wfm.service.publish("dev-1", deployment())
            manifest = (await mine.get(MANIFEST)).json
            assert (await other.get(MANIFEST)).json["deployments"] == []
            for url in (manifest["deployments"][0]["url"], manifest["bundle"]["url"]):
                assert (await mine.get(url)).status == 200
                assert (await other.get(url)).status == 404
            assert (await mine.put_device("gw")).status == 201
            assert (await other.put_device("gw")).status == 201
            assert (await other.send("DELETE", "/api/v1/capabilities/gw")).status == 204
            assert (await mine.put_device("gw")).status == 200

    asyncio.run(scenario())


def test_head_has_the_headers_of_get() -> None:
    async def scenario(client: Client) -> None:
        head, get = await client.send("HEAD", MANIFEST), await client.get(MANIFEST)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["ETag"] == get.headers["ETag"]
        assert head.headers["Content-Length"] == get.headers["Content-Length"]

    async def run() -> None:
        async with running() as (_, client):
            await scenario(client)

    asyncio.run(run())
