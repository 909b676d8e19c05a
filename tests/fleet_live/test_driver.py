import asyncio
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from simulator.fleet.live.driver import Progress, run_live
from simulator.fleet.live.plan import Connections, LivePlan, Sample
from simulator.fleet.live.ready import NotReady, check_machine, find
from simulator.fleet.live.result import LiveResult
from simulator.identity.authority import Authority
from simulator.identity.errors import CredentialError
from simulator.identity.files import write_private
from simulator.identity.spiffe import client_spiffe_id
from simulator.open_files import RESERVE, TooFewFiles, allow_open_files
from simulator.wfm.server import ReferenceWfm
from tests.fleet_live.support import plan
from tests.wfm.support import DOMAIN, WFM_ID, authority, config, wfm_svid


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    return written(tmp_path / "identity", authority())


def written(folder: Path, issuer: Authority) -> Path:
    """An identity folder as `serve wfm --identity` writes it."""
    folder.mkdir()
    issuer.write(folder)
    wfm_svid().write(folder / "wfm")
    write_private(folder / "trust-bundle.json", authority().bundle().to_json())
    write_private(folder / "wfm.json", b'{"wfmId": "%s"}\n' % WFM_ID.encode())
    return folder


def with_wfm(use: Callable[[ReferenceWfm], LiveResult]) -> LiveResult:
    """Call something that blocks while a reference WFM serves."""

    async def scenario() -> LiveResult:
        async with ReferenceWfm(config()) as wfm:
            return await asyncio.to_thread(use, wfm)

    return asyncio.run(scenario())


def test_two_processes_carry_one_fleet(identity: Path) -> None:
    stages: list[Progress] = []
    samples: list[str] = []
    asked = plan(40, 2.0, processes=2, sample=Sample(4, 2))
    result = with_wfm(
        lambda wfm: run_live(
            asked,
            wfm.management_url,
            identity,
            on_progress=stages.append,
            on_sample=lambda exchange: samples.append(f"{exchange.client_id} {exchange.method}"),
        )
    )
    assert not result.partial
    assert not result.findings
    requests = result.tally.requests
    assert requests["report-capabilities", 201] + requests["report-capabilities", 200] == 40
    assert requests["fetch-manifest", 200] == 40
    assert requests["fetch-manifest", 304] > 100
    assert not result.tally.errors
    assert sorted(samples) == sorted(
        f"{asked.client_id(number)} {method}" for number in (0, 10, 20, 30) for method in ("PUT", "GET")
    )
    assert len(result.processes) == 2
    assert all(process.cpu_s > 0 and process.peak_connections == 20 for process in result.processes)
    assert {stage.stage for stage in stages} == {"preparing", "running"}
    plain = result.to_plain()
    assert plain["peak_connections"] == 40
    assert plain["poll_latency_s"]["steady"]["p99"] > 0
    assert sum(row["answered"] for row in plain["series"]) == sum(row["count"] for row in plain["requests"])


def test_a_wfm_that_disappears_ends_the_run_and_what_was_counted_stands(identity: Path) -> None:
    async def scenario() -> LiveResult:
        loop = asyncio.get_running_loop()
        enough = asyncio.Event()
        asked = plan(20, 60.0, processes=2, gone_after_s=2.0)

        def watch(progress: Progress) -> None:
            if progress.answered > 100:
                loop.call_soon_threadsafe(enough.set)

        wfm = ReferenceWfm(config())
        await wfm.start()
        running = asyncio.create_task(
            asyncio.to_thread(run_live, asked, wfm.management_url, identity, on_progress=watch)
        )
        await enough.wait()
        await wfm.stop()
        return await running

    result = asyncio.run(scenario())
    assert result.partial
    assert [finding.kind for finding in result.findings] == ["wfm-gone"]
    assert "the WFM disappeared" in result.findings[0].text
    assert result.ran_s < 20
    assert result.tally.requests["fetch-manifest", 304] > 50
    assert result.tally.errors["fetch-manifest", "refused"] > 0


def test_the_user_may_end_a_run(identity: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.answered > 20 and not interrupted:
            interrupted.append(progress)
            raise KeyboardInterrupt

    interrupted: list[Progress] = []
    result = with_wfm(lambda wfm: run_live(plan(10, 60.0), wfm.management_url, identity, on_progress=interrupt))
    assert result.partial
    assert [finding.kind for finding in result.findings] == ["stopped"]
    assert sum(result.tally.requests.values()) > 20


def test_a_process_that_is_lost_is_said_and_the_others_go_on(identity: Path) -> None:
    def kill_one(progress: Progress) -> None:
        if progress.answered > 40 and not killed:
            victim = next(child for child in multiprocessing.active_children() if child.name == "fleet-0")
            killed.append(victim.pid or 0)
            os.kill(killed[0], signal.SIGKILL)

    killed: list[int] = []
    result = with_wfm(
        lambda wfm: run_live(plan(20, 4.0, processes=2), wfm.management_url, identity, on_progress=kill_one)
    )
    assert killed
    assert result.partial
    assert [finding.kind for finding in result.findings] == ["process-lost"]
    assert "its 10 devices" in result.findings[0].text
    assert result.ran_s == pytest.approx(4.0, abs=0.2)


def test_credentials_of_another_authority_are_refused_before_the_run(tmp_path: Path) -> None:
    stranger = written(tmp_path / "stranger", Authority.new(DOMAIN))
    with pytest.raises(NotReady, match=r"fleet-000000 got no answer: .*credentials from the identity folder"):
        with_wfm(lambda wfm: run_live(plan(2), wfm.management_url, stranger))


def test_a_wfm_that_does_not_accept_the_fleet_is_said_before_the_run(identity: Path) -> None:
    async def scenario() -> None:
        async with ReferenceWfm(config(accepted=frozenset({"somebody"}))) as wfm:
            await asyncio.to_thread(run_live, plan(2), wfm.management_url, identity)

    with pytest.raises(NotReady, match="status 403: does the WFM accept the fleet's clients"):
        asyncio.run(scenario())


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://localhost:1", "expected https://host:port, found http://localhost:1"),
        ("https://localhost:1x", "expected https://host:port"),
        ("https://localhost:1", "nothing answers there .*is the WFM running"),
        ("https://nowhere.invalid:1", "the host nowhere.invalid cannot be found"),
    ],
)
def test_an_address_that_leads_nowhere_is_explained(url: str, message: str) -> None:
    with pytest.raises(NotReady, match=message):
        find(url)


def test_an_identity_folder_that_is_none_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match=r"wfm\.json.*serve wfm --identity"):
        with_wfm(lambda wfm: run_live(plan(2), wfm.management_url, tmp_path))


def test_devices_may_bring_their_own_svids(identity: Path) -> None:
    """Without the authority's keys, as for a WFM with an authority of its own."""
    asked = plan(2, 1.0)
    for number in range(2):
        own = authority().issue(client_spiffe_id(DOMAIN, WFM_ID, asked.client_id(number)))
        own.write(identity / "clients" / asked.client_id(number))
    for name in ("root.pem", "root_key.pem", "intermediate.pem", "intermediate_key.pem"):
        (identity / name).unlink()
    result = with_wfm(lambda wfm: run_live(asked, wfm.management_url, identity))
    assert result.tally.requests["fetch-manifest", 200] == 2
    with pytest.raises(NotReady, match=asked.client_id(2)):
        with_wfm(lambda wfm: run_live(replace(asked, devices=3), wfm.management_url, identity))


@pytest.fixture
def soft_limit() -> Iterator[int]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
    yield 512
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_soft_limit_of_open_files_is_raised_as_far_as_needed(soft_limit: int) -> None:
    allow_open_files(soft_limit - RESERVE)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == soft_limit
    check_machine(LivePlan(1000, 1.0))
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 1000 + RESERVE


def test_too_few_files_or_ports_are_said_before_anything_starts() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with pytest.raises(TooFewFiles, match=r"open files: expected a limit of at least \d+, found \d+; raise"):
        allow_open_files(hard + 1)
    with pytest.raises(NotReady, match="--source-ips"):
        check_machine(LivePlan(200_000, 1.0, processes=200))
    check_machine(LivePlan(200_000, 1.0, processes=200, connections=Connections(limit=1000)))
    with pytest.raises(NotReady, match=r"source IP 192\.0\.2\.1"):
        check_machine(LivePlan(1, 1.0, connections=Connections(source_ips=("192.0.2.1",))))
