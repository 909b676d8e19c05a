"""A WFM that is reached by its address, with a test authority from a folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.bench.adapters.opening import reference
from conformance.bench.applications import applications
from conformance.bench.errors import UsageError
from conformance.bench.ics import Ics
from conformance.bench.loop import BackgroundLoop
from conformance.bench.run import RunPlan, run
from conformance.bench.scenarios import Selection
from conformance.bench.wfm_control import control_hooks
from conformance.bench.wfm_seat import external_seat
from conformance.record.events import ScenarioOutcome
from simulator.identity.authority import Authority
from simulator.identity.spiffe import wfm_spiffe_id
from simulator.identity.trust import StaticTrust
from simulator.wfm.server import ReferenceWfm, WfmConfig

ICS = Ics.of_reference("wfm")


def identity(folder: Path) -> Authority:
    authority = Authority.new("plant.example")
    authority.write(folder)
    (folder / "wfm.json").write_text('{"wfmId": "Plant-7"}')
    return authority


@pytest.fixture
def wfm(tmp_path: Path) -> Iterator[ReferenceWfm]:
    authority = identity(tmp_path / "identity")
    svid = authority.issue(wfm_spiffe_id("plant.example", "Plant-7"))
    trust = StaticTrust(authority.bundle())
    loop = BackgroundLoop()
    running = ReferenceWfm(WfmConfig("plant.example", "Plant-7", svid=svid, trust=trust, control_port=0))
    loop.run(running.start())
    yield running
    loop.run(running.stop())
    loop.close()


def test_a_wfm_is_judged_by_its_address(wfm: ReferenceWfm, tmp_path: Path) -> None:
    northbound = reference(f"http://127.0.0.1:{wfm.northbound_port}")
    seat = external_seat(
        ICS,
        wfm.management_url,
        northbound,
        tmp_path / "identity",
        applications(),
        control_hooks(f"http://127.0.0.1:{wfm.control_port}"),
    )
    selection = Selection(requirements=("API-001", "DC-040", "ID-50", "RTY-003", "DS-013", "SEC-011"))
    found = run(RunPlan((seat,), tmp_path / "run", selection=selection))
    northbound.close()
    outcomes = {item.outcome for item in found.scenarios}
    assert outcomes == {ScenarioOutcome.PASSED, ScenarioOutcome.NOT_RUN}


def test_what_needs_an_operator_is_blocked_by_name_without_one(wfm: ReferenceWfm, tmp_path: Path) -> None:
    seat = external_seat(ICS, wfm.management_url, None, tmp_path / "identity", applications())
    selection = Selection(requirements=("API-001", "RTY-003", "DS-013"))
    found = run(RunPlan((seat,), tmp_path / "run", selection=selection))
    reasons = {item.finished.reason for item in found.scenarios if item.outcome is ScenarioOutcome.BLOCKED}
    assert any("needs northbound" in str(reason) for reason in reasons)
    assert any("needs load-limit" in str(reason) for reason in reasons)
    passed = [item.started.name for item in found.scenarios if item.outcome is ScenarioOutcome.PASSED]
    assert passed == ["A new client starts with nothing to run"]


def test_nobody_at_the_address_is_no_verdict(tmp_path: Path) -> None:
    identity(tmp_path / "identity")
    seat = external_seat(ICS, "https://127.0.0.1:9", None, tmp_path / "identity", applications())
    found = run(RunPlan((seat,), tmp_path / "run", selection=Selection(requirements=("DS-013", "ID-24"))))
    outcomes = {item.outcome for item in found.scenarios} - {ScenarioOutcome.NOT_RUN}
    assert ScenarioOutcome.PASSED not in outcomes
    assert ScenarioOutcome.ERROR not in outcomes


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("root.pem", None, "root.pem"),
        ("wfm.json", None, "wfm.json"),
        ("wfm.json", "{", "not valid JSON"),
        ("wfm.json", "{}", "wfmId"),
        ("wfm.json", '{"wfmId": "a b"}', "wfmId"),
    ],
)
def test_an_identity_folder_that_is_none_is_named(tmp_path: Path, file: str, content: str | None, words: str) -> None:
    identity(tmp_path)
    (tmp_path / file).unlink()
    if content is not None:
        (tmp_path / file).write_text(content)
    with pytest.raises(UsageError, match=words):
        external_seat(ICS, "https://wfm.example", None, tmp_path, applications())
