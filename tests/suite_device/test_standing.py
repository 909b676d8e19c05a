"""A device in a process of its own, which knows the connection sheet alone: its registry, its trust, its hooks."""

import contextlib
import json
import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from conformance.bench.device_external import Arrangement, kept_ports, offered
from conformance.bench.device_seat import external_seat
from conformance.bench.device_world import Endpoint
from conformance.bench.hooks.model import HttpHook
from conformance.bench.ics import Ics
from conformance.bench.run import RunPlan, run
from conformance.bench.scenarios import Selection, scenarios
from conformance.cli.connection import Connection
from conformance.cli.problems import Misuse
from conformance.cli.real_device import listening_at
from conformance.cli.run_device import NEXT, NONE
from conformance.record.events import Exchange
from conformance.record.file import read
from conformance.record.run import Run
from tests.cli.processes import eventually, served
from tests.suite_device.runs import carried_out, told
from tests.suite_device.standin import StandIn

HOOKS = ("reboot", "factory-reset", "configure", "fault", "tamper", "workloads", "inspect", "log", "identity", "uptime")
BESIDE = Endpoint(registry=0, identity=0)

FETCHED = ("A Compose archive is fetched from its registry", "")
CHART = ("A chart is fetched from its registry", "")
TRUST = ("A bundle that is missing is asked for again", "")
STALLED = ("A registry that gives nothing is told, and tried again with the next release", "does not know it")
WANTED = (
    FETCHED,
    CHART,
    STALLED,
    ("A changed parameter reaches the components that it is for, and leaves the others running", ""),
    ("A configuration that was edited by hand", "chart"),
    TRUST,
    ("A pinned service may be known by its address alone", ""),
    ("A device that reboots while the identity service is away goes on", ""),
)
"""What needs the registry, the identity service, and each hook that looks inside a device."""


STATEMENT = {
    "role": "device",
    "revision": "1.0.0-rc.3",
    "subject": {"name": "Edge", "vendor": "Acme", "version": "1"},
    "profile": "standalone",
    "poll-interval": 0.1,
    "limits": {"apply": 6.0},
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as trial:
        return int(trial.getsockname()[1])


def keys_of(wanted: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    found = []
    for name, word in wanted:
        keys = [one.key for one in scenarios("device") if one.name == name and word in " ".join(one.example.values())]
        assert keys, f"there is no scenario {name!r} with {word!r}"
        found.append(keys[0])
    return tuple(found)


@contextlib.contextmanager
def judged(folder: Path, wanted: Iterable[tuple[str, str]], endpoint: Endpoint, control: int) -> Iterator[Future[Run]]:
    """Run some scenarios in this process, on whatever comes by the sheet."""
    hooks = {name: HttpHook(http=f"http://127.0.0.1:{control}/hook", timeout=20) for name in HOOKS}
    arrangement = Arrangement(endpoint, folder, hooks, tell=lambda _: None)
    seat = external_seat(Ics.model_validate(STATEMENT), arrangement, wait_s=20.0)
    plan = RunPlan((seat,), folder, selection=Selection(keys=keys_of(wanted)))
    with ThreadPoolExecutor(1) as somebody:
        yield somebody.submit(run, plan)


def test_a_device_in_its_own_process_gets_registry_trust_and_hooks_by_the_sheet(tmp_path: Path) -> None:
    control = free_port()
    with judged(tmp_path, WANTED, BESIDE, control) as running:
        sheet = tmp_path / "device/connection.txt"
        eventually(lambda: sheet.exists() or running.done(), 120, lambda: "there is no connection sheet")
        how = ("--poll-interval", 0.1, "--control-port", control)
        with served(tmp_path / "device.log", "serve", "device", "--connection", sheet.with_suffix(".json"), *how):
            done = running.result()
    assert {scenario.outcome for scenario in carried_out(done)} == {"passed"}, told(done)
    assert len(carried_out(done)) == len(WANTED)
    fetched = {event.operation for event in read(tmp_path / "events.ndjson") if isinstance(event, Exchange)}
    assert {"resolve-component", "fetch-component", "discover", "fetch-trust-bundle"} <= fetched
    kept = kept_ports(tmp_path)
    assert set(kept) == {"registry", "identity"}, "another run takes the addresses that the device knows"


def test_a_device_that_takes_its_trust_elsewhere_is_not_judged_by_the_service(tmp_path: Path) -> None:
    stand_in = StandIn(tmp_path)
    try:
        with judged(tmp_path, [TRUST], BESIDE, free_port()) as running:
            done = running.result()
    finally:
        stand_in.leave()
    assert {scenario.outcome for scenario in carried_out(done)} == {"blocked"}, told(done)
    assert "never come to the identity service" in told(done)


def test_a_device_that_fetches_nothing_does_not_pass(tmp_path: Path) -> None:
    """The twin: the stand-in only pretends to fetch, and says that all went well."""
    stand_in = StandIn(tmp_path)
    try:
        with judged(tmp_path, [FETCHED, CHART, STALLED], BESIDE, free_port()) as running:
            done = running.result()
    finally:
        stand_in.leave()
    assert "passed" not in {scenario.outcome for scenario in carried_out(done)}, told(done)


def test_the_sheet_names_what_is_offered_and_only_that(tmp_path: Path) -> None:
    stand_in = StandIn(tmp_path)
    try:
        with judged(tmp_path, [("A chart is deployed", "")], Endpoint(), free_port()) as running:
            done = running.result()
    finally:
        stand_in.leave()
    assert {scenario.outcome for scenario in carried_out(done)} == {"passed"}, told(done)
    entries = json.loads((tmp_path / "device/connection.json").read_text())
    assert not {"Component registry", "Discovery URL", "Web anchors"} & set(entries)
    assert not {"registry", "trust-service"} & offered(Endpoint())
    assert {"registry", "trust-service"} <= offered(BESIDE)


def test_ports_beside_the_wfm() -> None:
    port = free_port()
    place = listening_at(f"127.0.0.1:{port}", None, (NEXT, NEXT))
    assert place.registry is not None
    assert place.identity is not None
    assert port < place.registry < place.identity, "the next ones that are free"
    assert listening_at(f"127.0.0.1:{port}", None, (NONE, NONE)).registry is None
    with pytest.raises(Misuse, match="--registry-port: expected a port or `none`, found 'high'"):
        listening_at(f"127.0.0.1:{port}", None, ("high", NONE))
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Misuse, match="--identity-port"):
        listening_at(f"127.0.0.1:{port}", None, (NONE, str(taken.getsockname()[1])))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("{", "no JSON"),
        ("[1]", "something else"),
        ('{"WFM URL": "https://localhost"}', "one without 'SVID with chain'"),
    ],
)
def test_what_is_no_connection_sheet_is_refused(content: str, found: str, tmp_path: Path) -> None:
    file = tmp_path / "connection.json"
    file.write_text(content)
    with pytest.raises(Misuse, match=f"connection.json: expected a connection sheet, found {found}"):
        Connection.load(file)
