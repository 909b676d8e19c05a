"""The registry serves what was pushed, and the reference device takes only what keeps the rules."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from simulator.device.archives import ArchiveRefused, read_chart, read_compose
from simulator.device.events import StartComponent
from simulator.device.fetched import Package, RetrievalFailed
from simulator.device.retrieval import ComponentRetriever, RegistryAccess
from simulator.faults.intercept import ObservedExchange, intercept
from simulator.faults.plan import (
    AlterHeaders,
    Answer,
    CorruptBody,
    Delay,
    DropConnection,
    FaultPlan,
    FaultRule,
    TruncateBody,
)
from simulator.identity.web import WebAuthority
from simulator.protocol.component import MANIFEST_MEDIA_TYPE, ComponentManifest, Reference
from simulator.protocol.digest import digest_of
from simulator.protocol.documents import DocumentError
from simulator.registry.archives import ESCAPES, HARMLESS, LAYOUTS, Entry, Layout, Project, chart_layout
from simulator.registry.server import Registry

NAME, TAG = "compose/inspector", "1.2.0_build.7"
PROJECT = Project("inspector", {"web": {"image": "web:1", "healthcheck": {"test": "true"}}}, {"LEVEL": "info"})
GOOD = PROJECT.layout()
Use = Callable[[Registry], Awaitable[None]]


def served(
    use: Use, *rules: FaultRule, seen: Callable[[ObservedExchange], None] = lambda _: None, layout: Layout = GOOD
) -> None:
    """Have a registry with one component for a while, disturbed by these rules."""

    async def run() -> None:
        registry = Registry(middlewares=(intercept(FaultPlan(rules=rules), seen),))
        registry.content.push(NAME, TAG, "compose", layout.to_bytes())
        await registry.start()
        try:
            await use(registry)
        finally:
            await registry.stop()

    asyncio.run(run())


async def trusting(registry: Registry) -> ssl.SSLContext:
    """A client context for a registry."""
    return await registry.anchors.context(f"https://{registry.address}", 1.0)


def start_of(registry: Registry, *, name: str = NAME, revision: str = TAG, kind: str = "compose") -> StartComponent:
    """The order to install a component from a registry."""
    repository = f"oci://{registry.address}/{name}"
    return StartComponent(1, "d-1", "inspector", kind, repository, revision, {}, "f", digest_of(b""), "device-1")


def fetched(
    *rules: FaultRule, layout: Layout = GOOD, name: str = NAME, kind: str = "compose", trusted: bool = True
) -> Package | RetrievalFailed:
    """What the reference device makes of a component that is served with these faults."""
    found: list[Package | RetrievalFailed] = []

    async def use(registry: Registry) -> None:
        trust = registry.anchors if trusted else WebAuthority.new().anchors
        try:
            order = start_of(registry, name=name, kind=kind)
            found.append(await ComponentRetriever(RegistryAccess(trust, timeout_s=1.0)).fetch(order))
        except RetrievalFailed as failure:
            found.append(failure)

    served(use, *rules, layout=layout)
    return found[0]


def test_content_is_served_by_tag_and_by_digest() -> None:
    async def use(registry: Registry) -> None:
        context = await trusting(registry)
        base = f"https://{registry.address}"
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
            async with session.get(f"{base}/v2/") as answer:
                assert answer.status == 200
            async with session.get(f"{base}/v2/{NAME}/manifests/{TAG}") as answer:
                data = await answer.read()
                assert answer.content_type == MANIFEST_MEDIA_TYPE
                assert answer.headers["Docker-Content-Digest"] == digest_of(data)
            async with session.get(f"{base}/v2/{NAME}/manifests/{digest_of(data)}") as answer:
                assert await answer.read() == data
            layer = ComponentManifest.from_json(data).layers[0]
            async with session.head(f"{base}/v2/{NAME}/blobs/{layer.digest}") as answer:
                assert (answer.status, int(answer.headers["Content-Length"])) == (200, layer.size)
                assert await answer.read() == b""
            async with session.get(f"{base}/v2/{NAME}/blobs/{layer.digest}") as answer:
                assert digest_of(await answer.read()) == layer.digest

    served(use)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("no/such/manifests/1.0.0", "NAME_UNKNOWN"),
        (f"{NAME}/manifests/9.9.9", "MANIFEST_UNKNOWN"),
        (f"{NAME}/blobs/{digest_of(b'nothing')}", "BLOB_UNKNOWN"),
    ],
)
def test_what_is_not_there_is_said_so(path: str, code: str) -> None:
    async def use(registry: Registry) -> None:
        context = await trusting(registry)
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
            session.get(f"https://{registry.address}/v2/{path}") as answer,
        ):
            assert answer.status == 404
            assert (await answer.json())["errors"][0]["code"] == code

    served(use)


def test_exchanges_with_the_registry_are_recognised() -> None:
    seen: list[ObservedExchange] = []

    async def use(registry: Registry) -> None:
        await ComponentRetriever(RegistryAccess(registry.anchors, timeout_s=1.0)).fetch(start_of(registry))

    served(use, seen=seen.append)
    assert [(item.operation, item.params["name"]) for item in seen] == [
        ("resolve-component", NAME),
        ("fetch-component", NAME),
    ]
    assert seen[0].params["reference"] == TAG
    assert seen[1].params["digest"] == digest_of(GOOD.to_bytes())


def test_undamaged_component_is_taken() -> None:
    package = fetched()
    assert isinstance(package, Package)
    assert package.health_checked
    assert set(package.files) == {"compose.yaml", "settings.env"}


BLOB: dict[str, object] = {"match": "fetch-component", "times": None}
MANIFEST: dict[str, object] = {"match": "resolve-component", "times": None}


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (FaultRule(action=CorruptBody(how="flip"), **BLOB), "artefact-damaged"),
        (FaultRule(action=CorruptBody(how="append"), **BLOB), "artefact-damaged"),
        (FaultRule(action=CorruptBody(how="empty"), **BLOB), "artefact-damaged"),
        (FaultRule(action=TruncateBody(length=40), **BLOB), "artefact-damaged"),
        (FaultRule(action=TruncateBody(length=40, announce_all=True), **BLOB), "artefact-unavailable"),
        (FaultRule(action=Delay(seconds=5), **BLOB), "artefact-unavailable"),
        (FaultRule(action=DropConnection(), **MANIFEST), "artefact-unavailable"),
        (FaultRule(action=Answer(status=404), **MANIFEST), "artefact-unavailable"),
        (FaultRule(action=Answer(status=503), **BLOB), "artefact-unavailable"),
        (FaultRule(action=Answer(status=307, headers={"Location": "/elsewhere"}), **BLOB), "artefact-unavailable"),
        (FaultRule(action=AlterHeaders(put={"Content-Type": "text/html"}), **MANIFEST), "artefact-damaged"),
        (FaultRule(action=TruncateBody(length=20), **MANIFEST), "artefact-damaged"),
    ],
)
def test_fault_on_the_way_fails_the_component(rule: FaultRule, code: str) -> None:
    failure = fetched(rule)
    assert isinstance(failure, RetrievalFailed)
    assert failure.code == code


def test_component_of_another_kind_is_refused() -> None:
    failure = fetched(kind="helm")
    assert isinstance(failure, RetrievalFailed)
    assert failure.code == "artefact-refused"


def test_registry_that_proves_nothing_is_not_used() -> None:
    failure = fetched(trusted=False)
    assert isinstance(failure, RetrievalFailed)
    assert failure.code == "artefact-unavailable"


@pytest.mark.parametrize("name", LAYOUTS)
def test_wrong_layout_is_refused(name: str) -> None:
    with pytest.raises(ArchiveRefused) as caught:
        read_compose(LAYOUTS[name](GOOD).to_bytes())
    assert caught.value.clause == "CMP-05"


@pytest.mark.parametrize("name", ESCAPES)
def test_entry_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(ArchiveRefused) as caught:
        read_compose(ESCAPES[name](GOOD).to_bytes())
    assert caught.value.clause == "CMP-09"


@pytest.mark.parametrize("name", HARMLESS)
def test_odd_but_right_layout_is_taken(name: str) -> None:
    assert "compose.yaml" in read_compose(HARMLESS[name](GOOD).to_bytes()).files


def test_missing_env_file_is_refused() -> None:
    layout = Layout("inspector", tuple(entry for entry in GOOD.entries if not entry.name.endswith(".env")))
    with pytest.raises(ArchiveRefused) as caught:
        read_compose(layout.to_bytes())
    assert caught.value.clause == "CMP-07"


def test_archive_that_unpacks_to_very_much_is_refused() -> None:
    bomb = GOOD.with_entry(Entry("inspector/zeros", b"\0" * (65 * 1024 * 1024)))
    with pytest.raises(ArchiveRefused, match="unpacked"):
        read_compose(bomb.to_bytes())


@pytest.mark.parametrize("data", [b"", b"no archive", b"\x1f\x8b\x08\x00broken"])
def test_bytes_that_are_no_archive_are_refused(data: bytes) -> None:
    with pytest.raises(ArchiveRefused):
        read_compose(data)


def test_chart_is_read_and_a_project_is_none() -> None:
    package = read_chart(chart_layout("inference", "1.0.0", {"replicas": 1}).to_bytes())
    assert set(package.services) == {"inference"}
    with pytest.raises(ArchiveRefused):
        read_chart(GOOD.to_bytes())


@pytest.mark.parametrize(
    "text", ["https://host/name", "oci://host", "oci:///name", "oci://host/Name", "oci://h/a/../b"]
)
def test_reference_that_names_no_repository_is_refused(text: str) -> None:
    with pytest.raises(DocumentError, match="repository"):
        Reference.parse(text)
