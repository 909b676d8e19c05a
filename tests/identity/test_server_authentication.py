"""How the identity service itself is authenticated: anchors with the name, or pins, and nothing else."""

from aiohttp import web
from aiohttp.typedefs import Handler
from cryptography.hazmat.primitives.serialization import Encoding

from simulator.identity.authority import Authority
from simulator.identity.mis import MisServer
from simulator.identity.mis_trust import MisConfig, MisTrust
from simulator.identity.svid import Credential
from simulator.identity.web import ServerTrust, SpkiPins, WebAuthority, spki_pin
from tests.identity.seats import DOMAIN, has_trust, pin, run, serving

AUTHORITY = Authority.new(DOMAIN)
FIRST = AUTHORITY.bundle(sequence=1, refresh_hint=60)
SECOND = AUTHORITY.second_root().bundle(sequence=2, refresh_hint=90)


async def _outcome(mis: MisServer, trust: ServerTrust, url: str | None = None) -> tuple[str, str | None]:
    subject = MisTrust(MisConfig(DOMAIN, trust, bundle_url=url or mis.bundle_url))
    result = await subject.refresh()
    assert has_trust(subject) == (result.outcome == "adopted")
    return result.outcome, result.clause


ADOPTED, REFUSED = ("adopted", None), ("failed", "ID-87")


def test_the_server_is_authenticated_by_anchors_and_name() -> None:
    async def scenario() -> None:
        web_authority = WebAuthority.new()
        good = MisServer(DOMAIN, FIRST, web_authority=web_authority)
        misnamed = MisServer(DOMAIN, FIRST, credential=web_authority.issue(("elsewhere.example",), ips=("192.0.2.1",)))
        async with serving(good), serving(misnamed):
            by_address = good.bundle_url.replace("localhost", "127.0.0.1")
            assert await _outcome(good, web_authority.anchors) == ADOPTED
            assert await _outcome(good, web_authority.anchors, by_address) == ADOPTED
            assert await _outcome(good, WebAuthority.new().anchors) == REFUSED
            assert await _outcome(misnamed, web_authority.anchors) == REFUSED
            assert good.count("fetch-trust-bundle") == 2
            assert misnamed.count("fetch-trust-bundle") == 0

    run(scenario())


def test_the_server_is_authenticated_by_pins() -> None:
    async def scenario() -> None:
        web_authority = WebAuthority.new()
        good = MisServer(DOMAIN, FIRST, web_authority=web_authority)
        leaf, root = good.credential.leaf, web_authority.root.certificate
        async with serving(good):
            assert await _outcome(good, good.pins) == ADOPTED
            assert await _outcome(good, pin(leaf)) == ADOPTED
            assert await _outcome(good, pin(root)) == ADOPTED  # any certificate of the path
            assert await _outcome(good, SpkiPins(frozenset({"AAAA", spki_pin(leaf)}))) == ADOPTED
            assert await _outcome(good, pin(AUTHORITY.anchor)) == REFUSED
            assert await _outcome(good, SpkiPins(frozenset())) == REFUSED
            assert good.count("fetch-trust-bundle") == 4

    run(scenario())


def test_a_pinned_server_needs_its_name_unless_addressed_by_ip() -> None:
    async def scenario() -> None:
        web_authority = WebAuthority.new()
        credential = web_authority.issue(("elsewhere.example",), ips=())
        async with serving(MisServer(DOMAIN, FIRST, credential=credential)) as mis:
            by_address = mis.bundle_url.replace("localhost", "127.0.0.1")
            assert await _outcome(mis, pin(credential.leaf)) == REFUSED
            assert await _outcome(mis, pin(credential.leaf), by_address) == ADOPTED
            assert await _outcome(mis, web_authority.anchors, by_address) == REFUSED

    run(scenario())


def test_showing_the_pinned_certificate_is_not_enough() -> None:
    async def scenario() -> None:
        pinned = WebAuthority.new()
        impostor = WebAuthority.new().issue()
        for shown in (pinned.root.certificate, pinned.issue().leaf):
            chain = impostor.chain_pem + shown.public_bytes(Encoding.PEM)
            async with serving(
                MisServer(DOMAIN, FIRST, credential=Credential(chain, impostor.key_pem, impostor.leaf))
            ) as mis:
                by_address = mis.bundle_url.replace("localhost", "127.0.0.1")
                assert await _outcome(mis, pin(shown)) == REFUSED
                assert await _outcome(mis, pin(shown), by_address) == REFUSED
                assert mis.count("fetch-trust-bundle") == 0

    run(scenario())


def test_the_trust_bundle_says_nothing_of_the_service_itself() -> None:
    async def scenario() -> None:
        credential = AUTHORITY.sign(AUTHORITY.leaf("spiffe://plant.example/mis"))
        async with serving(MisServer(DOMAIN, FIRST, credential=credential)) as mis:
            trust = MisTrust(
                MisConfig(DOMAIN, WebAuthority.new().anchors, bundle_url=mis.bundle_url), initial=AUTHORITY.bundle()
            )
            assert (await trust.refresh()).clause == "ID-87"
            assert mis.count("fetch-trust-bundle") == 0
            assert trust.current() == AUTHORITY.bundle()

    run(scenario())


def test_every_refresh_authenticates_anew() -> None:
    async def scenario() -> None:
        mis = MisServer(DOMAIN, FIRST)
        async with serving(mis):
            trust = MisTrust(MisConfig(DOMAIN, mis.anchors, bundle_url=mis.bundle_url))
            await trust.refresh()
        mis.credential = WebAuthority.new().issue()
        mis.publish(SECOND)
        async with serving(mis):
            assert (await trust.refresh()).clause == "ID-87"
        assert trust.current() == FIRST

    run(scenario())


def test_a_redirect_is_not_followed() -> None:
    async def scenario() -> None:
        async with serving(MisServer(DOMAIN, FIRST)) as target:

            @web.middleware
            async def elsewhere(request: web.Request, handler: Handler) -> web.StreamResponse:
                return web.Response(status=302, headers={"Location": target.bundle_url})

            server = MisServer(DOMAIN, FIRST, web_authority=target.web_authority, middlewares=[elsewhere])
            async with serving(server) as mis:
                result = await MisTrust(MisConfig(DOMAIN, mis.anchors, bundle_url=mis.bundle_url)).refresh()
                assert "status 302" in str(result.reason)
            assert target.count("fetch-trust-bundle") == 0

    run(scenario())
