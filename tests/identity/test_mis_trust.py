"""Trust from an identity service: what is adopted, what is refused, and when it is asked again."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from simulator.identity.authority import Authority
from simulator.identity.bundle import TrustBundle
from simulator.identity.mis import MisServer
from simulator.identity.mis_trust import MisConfig, MisTrust, Refresh
from simulator.identity.web import ServerTrust, WebAnchors, WebAuthority
from tests.identity.seats import DOMAIN, has_trust, pin, run, serving

AUTHORITY = Authority.new(DOMAIN)
FIRST = AUTHORITY.bundle(sequence=1, refresh_hint=60)
SECOND = AUTHORITY.second_root().bundle(sequence=2, refresh_hint=90)


def by_bundle(mis: MisServer, server_trust: ServerTrust | None = None, **options: Any) -> MisTrust:
    return MisTrust(MisConfig(DOMAIN, server_trust or mis.anchors, bundle_url=mis.bundle_url, **options))


def by_discovery(mis: MisServer, server_trust: ServerTrust | None = None, **options: Any) -> MisTrust:
    return MisTrust(MisConfig(DOMAIN, server_trust or mis.anchors, discovery_url=mis.discovery_url, **options))


@pytest.mark.parametrize("make", [by_bundle, by_discovery])
def test_the_bundle_is_adopted_and_told(make: Any) -> None:
    async def scenario() -> None:
        async with serving(MisServer(DOMAIN, FIRST)) as mis:
            trust = make(mis)
            told: list[TrustBundle] = []
            trust.on_change(told.append)
            assert not has_trust(trust)
            assert await trust.refresh() == Refresh("adopted")
            assert trust.current() == FIRST
            mis.publish(SECOND)
            assert await trust.refresh() == Refresh("adopted")
            assert trust.current() == SECOND  # replaced, not merged
            assert told == [FIRST, SECOND]
            assert all(request.headers["accept"] == "application/json" for request in mis.published.requests)

    run(scenario())


def test_what_is_known_is_asked_for_conditionally() -> None:
    async def scenario() -> None:
        async with serving(MisServer(DOMAIN, FIRST)) as mis:
            trust = by_discovery(mis)
            assert [(await trust.refresh()).outcome for _ in range(3)] == ["adopted", "unchanged", "unchanged"]
            assert [request.status for request in mis.published.requests] == [200, 200, 304, 304, 304, 304]
            mis.publish(SECOND)
            assert (await trust.refresh()).outcome == "adopted"

    run(scenario())


@pytest.mark.parametrize(
    ("published", "clause"),
    [
        (None, None),
        (b"{", "ID-80"),
        (b'{"keys": []}', "ID-82"),
        (SECOND.to_json().replace(b"x509-svid", b"jwt-svid"), "ID-82"),
        (b" " * (2 << 20), "ID-80"),
    ],
    ids=["missing", "broken", "empty", "only-jwt", "large"],
)
def test_a_rejected_bundle_changes_nothing(published: bytes | None, clause: str | None) -> None:
    async def scenario() -> None:
        async with serving(MisServer(DOMAIN)) as mis:
            trust = by_discovery(mis)
            mis.publish(published)
            assert (await trust.refresh()).clause == clause
            assert not has_trust(trust)  # the first one: fail closed (ID-82)
            mis.publish(FIRST)
            await trust.refresh()
            mis.publish(published)
            result = await trust.refresh()
            assert (result.outcome, result.clause) == ("failed", clause)
            assert result.reason
            assert trust.current() == FIRST
            mis.publish(SECOND)
            assert (await trust.refresh()).outcome == "adopted"

    run(scenario())


def _discovery(**changes: Any) -> bytes:
    document = {"trustDomain": DOMAIN, "trustBundleUri": "https://localhost:1/b", **changes}
    return json.dumps({name: value for name, value in document.items() if value is not None}).encode()


@pytest.mark.parametrize(
    ("published", "clause"),
    [
        (None, None),
        (b"[]", "ID-72"),
        (_discovery(trustDomain=None), "ID-72"),
        (_discovery(trustBundleUri=None), "ID-72"),
        (_discovery(trustBundleUri="/relative"), "ID-78"),
        (_discovery(trustBundleUri="https:///no-host"), "ID-78"),
        (_discovery(trustDomain="foreign.example"), "ID-77"),
    ],
)
def test_an_unusable_discovery_document_changes_nothing(published: bytes | None, clause: str | None) -> None:
    async def scenario() -> None:
        async with serving(MisServer(DOMAIN, FIRST)) as mis:
            trust = by_discovery(mis)
            await trust.refresh()
            mis.publish_discovery(published)
            result = await trust.refresh()
            assert (result.outcome, result.clause) == ("failed", clause)
            assert mis.count("fetch-trust-bundle") == 1
            assert trust.current() == FIRST

    run(scenario())


def test_unknown_members_are_ignored() -> None:
    async def scenario() -> None:
        async with serving(MisServer(DOMAIN)) as mis:
            mis.publish_discovery(_discovery(trustBundleUri=mis.bundle_url, more=[1], another={"x": 1}))
            mis.publish(json.dumps({**json.loads(FIRST.to_json()), "more": 1}).encode())
            trust = by_discovery(mis)
            assert await trust.refresh() == Refresh("adopted")
            assert trust.current() == FIRST

    run(scenario())


@pytest.mark.parametrize("way", ["direct", "discovered"])
def test_a_bundle_over_http_is_never_fetched(way: str) -> None:
    async def scenario() -> None:
        asked: list[str] = []

        async def give(request: web.Request) -> web.Response:
            asked.append(request.path)
            return web.Response(body=FIRST.to_json(), content_type="application/json")

        app = web.Application()
        app.router.add_get("/bundle.json", give)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/bundle.json"
        async with serving(MisServer(DOMAIN, FIRST)) as mis:
            mis.publish_discovery(_discovery(trustBundleUri=url))
            direct = MisTrust(MisConfig(DOMAIN, mis.anchors, bundle_url=url))
            trust = direct if way == "direct" else by_discovery(mis)
            result = await trust.refresh()
        assert (result.outcome, result.clause) == ("failed", "ID-78")
        assert asked == []
        assert not has_trust(trust)
        await runner.cleanup()

    run(scenario())


class Naps:
    """Stands in for sleeping: notes each wait and ends it only when told."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[float] = asyncio.Queue()
        self.ended: asyncio.Queue[None] = asyncio.Queue()

    async def __call__(self, seconds: float) -> None:
        self.asked.put_nowait(seconds)
        await self.ended.get()

    async def next(self) -> float:
        return await asyncio.wait_for(self.asked.get(), 20)

    def end(self) -> None:
        self.ended.put_nowait(None)


def test_the_hint_paces_the_refreshing_whatever_http_caching_says() -> None:
    async def scenario() -> None:
        naps, results = Naps(), list[Refresh]()
        async with serving(MisServer(DOMAIN, FIRST)) as mis:
            mis.published.cache_control = "max-age=86400"
            config = MisConfig(DOMAIN, mis.anchors, bundle_url=mis.bundle_url, interval_s=300, retry_s=7)
            trust = MisTrust(config, on_refresh=results.append, sleep=naps)
            await trust.start()
            await trust.start()  # already started
            assert trust.current() == FIRST
            assert await naps.next() == 60
            mis.publish(SECOND)
            naps.end()
            assert await naps.next() == 90
            assert trust.current() == SECOND
            mis.publish(b"{")
            naps.end()
            assert await naps.next() == 7
            mis.publish(TrustBundle(DOMAIN, FIRST.anchors, 3))
            naps.end()
            assert await naps.next() == 300
            mis.publish(TrustBundle(DOMAIN, FIRST.anchors, 4, 2))
            naps.end()
            assert await naps.next() == 2
            await mis.stop()
            naps.end()
            assert await naps.next() == 2  # never later than the hint
            await trust.stop()
            await trust.stop()
            assert trust.current().sequence == 4
        assert [result.outcome for result in results] == [
            "adopted", "adopted", "failed", "adopted", "adopted", "failed",
        ]  # fmt: skip

    run(scenario())


def test_a_cached_bundle_serves_a_start_without_network(tmp_path: Path) -> None:
    async def scenario() -> None:
        cache = tmp_path / "state" / "bundle.json"
        mis = MisServer(DOMAIN, FIRST)
        async with serving(mis):
            await by_discovery(mis, cache=cache).refresh()
            mis.publish(SECOND)
            await by_discovery(mis, cache=cache).refresh()
        offline = MisTrust(MisConfig(DOMAIN, mis.anchors, discovery_url=mis.discovery_url, cache=cache), initial=FIRST)
        assert offline.current() == SECOND
        assert (await offline.refresh()).outcome == "failed"
        assert offline.current() == SECOND
        assert not has_trust(MisTrust(MisConfig("other.example", mis.anchors, bundle_url=mis.bundle_url, cache=cache)))

    run(scenario())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"trustDomain": "plant.example"}', b"\xff" * 9])
def test_a_damaged_cache_is_told_and_not_used(tmp_path: Path, content: bytes) -> None:
    cache = tmp_path / "bundle.json"
    cache.write_bytes(content)
    results: list[Refresh] = []
    config = MisConfig(DOMAIN, WebAnchors(b""), bundle_url="https://localhost:1/b", cache=cache)
    trust = MisTrust(config, initial=FIRST, on_refresh=results.append)
    assert [(result.outcome, result.clause) for result in results] == [("failed", "ID-86")]
    assert trust.current() == FIRST


def test_a_bundle_is_adopted_even_if_it_cannot_be_cached(tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / "file").write_bytes(b"")
        async with serving(MisServer(DOMAIN, FIRST)) as mis:
            trust = by_bundle(mis, cache=tmp_path / "file" / "bundle.json")
            result = await trust.refresh()
            assert (result.outcome, result.clause) == ("adopted", "ID-86")
            assert trust.current() == FIRST

    run(scenario())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"discovery_url": "https://a/", "bundle_url": "https://b/"},
        {"bundle_url": "https://b/", "interval_s": 0},
        {"bundle_url": "https://b/", "retry_s": -1},
    ],
)
def test_a_configuration_without_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        MisConfig(DOMAIN, WebAnchors(b""), **options)


def test_a_service_that_does_not_answer_fails_the_refresh() -> None:
    async def scenario() -> None:
        async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)

        writers: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/bundle.json"
        for server_trust in (WebAuthority.new().anchors, pin(AUTHORITY.anchor)):
            trust = MisTrust(MisConfig(DOMAIN, server_trust, bundle_url=url, timeout_s=0.05))
            result = await trust.refresh()
            assert (result.outcome, result.clause) == ("failed", None)
            assert "no answer within 0.05 s" in str(result.reason)
        for writer in writers:
            writer.transport.abort()
        server.close()
        await server.wait_closed()

    run(scenario())
