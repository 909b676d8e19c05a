"""The two endpoints of the identity service, asked over real HTTPS by a client of the standard kind."""

import json
import ssl
from collections.abc import Mapping

from aiohttp import ClientResponse, ClientSession, web
from aiohttp.typedefs import Handler

from simulator.identity.authority import Authority
from simulator.identity.bundle import TrustBundle
from simulator.identity.mis import MisServer
from simulator.identity.web import WebAnchors
from simulator.protocol.discovery import DiscoveryDocument
from tests.identity.seats import DOMAIN, run, serving

AUTHORITY = Authority.new(DOMAIN)
PROBLEMS = "https://docs.margo.org/specification/problem-types"


async def get(mis: MisServer, url: str, headers: Mapping[str, str] | None = None) -> tuple[ClientResponse, bytes]:
    assert isinstance(mis.anchors, WebAnchors)
    context = ssl.create_default_context(cadata=mis.anchors.pem.decode())
    async with ClientSession() as session, session.get(url, ssl=context, headers=headers) as response:
        return response, await response.read()


def test_discovery_leads_to_the_bundle_without_any_credential() -> None:
    async def scenario() -> None:
        async with serving(MisServer(DOMAIN, AUTHORITY.bundle(sequence=3, refresh_hint=60))) as mis:
            assert mis.discovery_url == f"https://localhost:{mis.port}/.well-known/margo"
            response, body = await get(mis, mis.discovery_url)
            assert (response.status, response.content_type) == (200, "application/json")
            found = json.loads(body)
            assert found == {"trustDomain": DOMAIN, "trustBundleUri": mis.bundle_url}
            response, body = await get(mis, found["trustBundleUri"])
            assert (response.status, response.content_type) == (200, "application/json")
            assert TrustBundle.from_json(body, DOMAIN) == AUTHORITY.bundle(sequence=3, refresh_hint=60)
            assert mis.published.counts == {"discover": 1, "fetch-trust-bundle": 1}

    run(scenario())


def test_a_known_representation_is_answered_with_304() -> None:
    async def scenario() -> None:
        async with serving(MisServer(DOMAIN, AUTHORITY.bundle())) as mis:
            for url in (mis.discovery_url, mis.bundle_url):
                tag = (await get(mis, url))[0].headers["ETag"]
                assert tag.startswith('"')
                for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
                    response, body = await get(mis, url, {"If-None-Match": known})
                    assert (response.status, body, response.headers["ETag"]) == (304, b"", tag)
                response, body = await get(mis, url, {"If-None-Match": '"other"'})
                assert (response.status, bool(body)) == (200, True)
            before = (await get(mis, mis.bundle_url))[0].headers["ETag"]
            mis.publish(AUTHORITY.second_root().bundle())
            response, _ = await get(mis, mis.bundle_url, {"If-None-Match": before})
            assert response.status == 200
            assert response.headers["ETag"] != before

    run(scenario())


def test_what_is_not_published_is_a_registered_problem() -> None:
    async def scenario() -> None:
        async with serving(MisServer(DOMAIN)) as mis:
            mis.publish_discovery(None)
            for url, kind in (
                (mis.discovery_url, "discovery-document-not-found"),
                (mis.bundle_url, "spiffe-bundle-not-found"),
            ):
                response, body = await get(mis, url)
                assert (response.status, response.content_type) == (404, "application/problem+json")
                problem = json.loads(body)
                assert (problem["type"], problem["status"]) == (f"{PROBLEMS}#{kind}", 404)
                assert problem["title"]
            mis.publish(AUTHORITY.bundle())
            assert (await get(mis, mis.bundle_url))[0].status == 200

    run(scenario())


def test_broken_documents_are_served_as_given() -> None:
    async def scenario() -> None:
        async with serving(MisServer(DOMAIN, AUTHORITY.bundle())) as mis:
            mis.publish(b"{")
            mis.publish_discovery(b'{"trustBundleUri": "http://x/"}')
            mis.published.cache_control = "max-age=86400"
            response, body = await get(mis, mis.bundle_url)
            assert (body, response.headers["Cache-Control"]) == (b"{", "max-age=86400")
            assert (await get(mis, mis.discovery_url))[1] == b'{"trustBundleUri": "http://x/"}'

    run(scenario())


def test_a_layer_may_stand_around_both_endpoints() -> None:
    async def scenario() -> None:
        @web.middleware
        async def unavailable(request: web.Request, handler: Handler) -> web.StreamResponse:
            return web.Response(status=503)

        async with serving(MisServer(DOMAIN, AUTHORITY.bundle(), middlewares=[unavailable])) as mis:
            assert (await get(mis, mis.bundle_url))[0].status == 503
            assert mis.count("fetch-trust-bundle") == 0

    run(scenario())


def test_a_stopped_service_starts_again_on_its_port_with_what_it_served() -> None:
    async def scenario() -> None:
        mis = MisServer(DOMAIN, AUTHORITY.bundle())
        elsewhere = DiscoveryDocument(trust_domain=DOMAIN, trust_bundle_uri="https://bundles.example/b.json")
        mis.publish_discovery(elsewhere)
        async with serving(mis):
            port = mis.port
        async with serving(mis):
            assert mis.port == port
            assert json.loads((await get(mis, mis.discovery_url))[1])["trustBundleUri"] == elsewhere.trust_bundle_uri
        await mis.stop()  # a second stop does nothing

    run(scenario())
