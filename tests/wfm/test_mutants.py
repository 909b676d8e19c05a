"""Broken WFMs break what they say: a probe that the reference passes fails on them. The suite tries all of them."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping

import aiohttp
import pytest

from simulator.identity.spiffe import SpiffeId
from simulator.identity.tls import client_context
from simulator.identity.trust import StaticTrust
from simulator.protocol.digest import digest_of
from simulator.wfm.load import LoadLimit
from simulator.wfm.mutants import WFM_MUTANTS
from simulator.wfm.server import ReferenceWfm
from tests.wfm.support import (
    DOMAIN,
    IDS,
    MANIFEST,
    Client,
    Reply,
    authority,
    client_of,
    client_svid,
    config,
    deployment,
    status,
)

Probe = Callable[[ReferenceWfm, Client], Awaitable[bool]]
"""Whether the WFM keeps the requirement."""


async def _etag_is_the_bodys(wfm: ReferenceWfm, client: Client) -> bool:
    await wfm.service.publish("dev-1", deployment())
    reply = await client.get(MANIFEST)
    return reply.headers["ETag"] == f'"{digest_of(reply.body)}"'


async def _not_immutable(_: ReferenceWfm, client: Client) -> bool:
    return "immutable" not in (await client.get(MANIFEST)).headers["Cache-Control"]


async def _manifest_private(_: ReferenceWfm, client: Client) -> bool:
    return "private" in (await client.get(MANIFEST)).headers["Cache-Control"]


async def _content(wfm: ReferenceWfm, client: Client) -> Reply:
    await wfm.service.publish("dev-1", deployment())
    return await client.get((await client.get(MANIFEST)).json["deployments"][0]["url"])


async def _content_private(wfm: ReferenceWfm, client: Client) -> bool:
    return "private" in (await _content(wfm, client)).headers["Cache-Control"]


async def _content_strong(wfm: ReferenceWfm, client: Client) -> bool:
    reply = await _content(wfm, client)
    return reply.headers["ETag"] == f'"{digest_of(reply.body)}"'


async def _content_exact(wfm: ReferenceWfm, client: Client) -> bool:
    return (await _content(wfm, client)).body == deployment()


async def _created(_: ReferenceWfm, client: Client) -> bool:
    return (await client.put_device("dev-1")).status == 201


async def _not_acceptable(_: ReferenceWfm, client: Client) -> bool:
    return (await client.get(MANIFEST, Accept="text/html")).status == 406


async def _tenants(wfm: ReferenceWfm, client: Client) -> bool:
    await wfm.service.publish("dev-2", deployment())
    async with client_of(wfm, "dev-2") as other:
        manifest = (await other.get(MANIFEST)).json
    urls = (manifest["deployments"][0]["url"], manifest["bundle"]["url"])
    return all([(await client.get(url)).status == 404 for url in urls])


async def _exact_version(wfm: ReferenceWfm, client: Client) -> bool:
    await wfm.service.jump_version("dev-1", 2**53 + 1)
    await wfm.service.publish("dev-1", deployment())
    return bool((await client.get(MANIFEST)).json["manifestVersion"] == 2**53 + 1)


async def _increasing(wfm: ReferenceWfm, client: Client) -> bool:
    versions = []
    for number in range(4):
        await wfm.service.publish("dev-1", deployment(number))
        versions.append((await client.get(MANIFEST)).json["manifestVersion"])
    return sorted(set(versions)) == versions


async def _first_is_one(_: ReferenceWfm, client: Client) -> bool:
    return bool((await client.get(MANIFEST)).json["manifestVersion"] == 1)


async def _enum(wfm: ReferenceWfm, client: Client) -> bool:
    await wfm.service.publish("dev-1", deployment())
    return (await client.post_status(IDS[0], status(state="done"))).status == 422


async def _connects(wfm: ReferenceWfm, svid_of: str) -> bool:
    svid = authority().issue(SpiffeId.parse(f"spiffe://{DOMAIN}{svid_of}"))
    # the client's own WFM is checked by the client too, so it is told to accept this one
    context = client_context(svid, StaticTrust(authority().bundle()), lambda _: None)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        try:
            await Client(session, wfm.management_url).get(MANIFEST)
        except (aiohttp.ClientError, ssl.SSLError):
            return False
    return True


async def _foreign_wfm(wfm: ReferenceWfm, _: Client) -> bool:
    return not await _connects(wfm, "/margo/wfm/wfm-2/client/dev-1")


async def _foreign_shape(wfm: ReferenceWfm, _: Client) -> bool:
    return not await _connects(wfm, "/margo/wfm/wfm-1/client/dev-1/extra")


async def _typed_problem(_: ReferenceWfm, client: Client) -> bool:
    return "type" in (await client.get(MANIFEST, Accept="text/html")).json


async def _problem(_: ReferenceWfm, client: Client) -> bool:
    reply = await client.get(MANIFEST, Accept="text/html")
    return reply.headers["Content-Type"] == "application/problem+json"


async def _field_errors(_: ReferenceWfm, client: Client) -> bool:
    return bool((await client.put_device("dev-1", {})).json.get("errors"))


async def _gateway_first(_: ReferenceWfm, client: Client) -> bool:
    return (await client.put_device("gw/a")).status == 404


async def _null_bundle(wfm: ReferenceWfm, client: Client) -> bool:
    await wfm.service.publish("dev-1", deployment())
    await wfm.service.change("dev-1", drop=[IDS[0]])
    manifest = json.loads((await client.get(MANIFEST)).body)
    return "bundle" in manifest and manifest["bundle"] is None


async def _policy(wfm: ReferenceWfm, client: Client) -> bool:
    await wfm.service.retire("dev-1")
    return (await client.get(MANIFEST)).status == 403


async def _retry_after(wfm: ReferenceWfm, client: Client) -> bool:
    wfm.gate.limit = LoadLimit(max_concurrent=0)
    return "Retry-After" in (await client.get(MANIFEST)).headers


async def _retryable(wfm: ReferenceWfm, client: Client) -> bool:
    wfm.gate.limit = LoadLimit(max_concurrent=0)
    return (await client.get(MANIFEST)).json["retryable"] is True


async def _not_modified(_: ReferenceWfm, client: Client) -> bool:
    tag = (await client.get(MANIFEST)).headers["ETag"]
    return (await client.get(MANIFEST, If_None_Match=tag)).status == 304


PROBES: Mapping[str, Probe] = {
    "etag-of-bundle": _etag_is_the_bodys,
    "manifest-immutable": _not_immutable,
    "manifest-public": _manifest_private,
    "public-cache": _content_private,
    "two-hundred-for-create": _created,
    "five-hundred-for-bad-accept": _not_acceptable,
    "cross-tenant": _tenants,
    "float-version": _exact_version,
    "version-not-increased": _increasing,
    "starts-at-zero": _first_is_one,
    "accepts-invalid-enum": _enum,
    "accepts-foreign-wfm-id": _foreign_wfm,
    "accepts-any-shape": _foreign_shape,
    "problem-without-type": _typed_problem,
    "plain-json-errors": _problem,
    "no-field-errors": _field_errors,
    "child-without-gateway": _gateway_first,
    "bundle-when-empty": _null_bundle,
    "bundle-left-out": _null_bundle,
    "yaml-reserialised": _content_exact,
    "retired-client-served": _policy,
    "no-retry-after": _retry_after,
    "overload-not-retryable": _retryable,
    "ignores-if-none-match": _not_modified,
    "weak-content-tag": _content_strong,
}


def kept(wfm: ReferenceWfm, probe: Probe) -> bool:
    async def scenario() -> bool:
        async with wfm, client_of(wfm, svid=client_svid("dev-1")) as client:
            return await probe(wfm, client)

    return asyncio.run(scenario())


@pytest.mark.parametrize("name", sorted(PROBES))
def test_the_mutant_breaks_what_the_reference_keeps(name: str) -> None:
    mutant = WFM_MUTANTS[name]
    assert kept(ReferenceWfm(config()), PROBES[name])
    assert not kept(mutant.build(config()), PROBES[name])


def test_every_mutant_is_described() -> None:
    assert all(mutant.breaks and mutant.description for mutant in WFM_MUTANTS.values())
    assert all(mutant.name == name for name, mutant in WFM_MUTANTS.items())
