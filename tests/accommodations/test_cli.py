"""Accommodations on the command line: refusals, what is listed and explained, and what doctor proposes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.bench.loop import BackgroundLoop
from simulator.identity.web import WebAuthority
from simulator.wfm.server import WfmConfig
from simulator.wfm.signed import SignedFront
from simulator.wfm.signed_server import SignedWfm
from tests.accommodations import era_a
from tests.accommodations.runs import REVISION
from tests.cli.commands import assert_refused, call


@pytest.fixture
def served(tmp_path: Path) -> Iterator[SignedWfm]:
    """A WFM of era A, and in `tmp_path` what vouches for its server."""
    web, loop = WebAuthority.new(), BackgroundLoop()
    (tmp_path / "root-ca.pem").write_bytes(web.anchors.pem)
    wfm = era_a.build(WfmConfig("unused", "unused"), SignedFront(web.issue(), web.root.certificate))
    loop.run(wfm.start())
    try:
        yield wfm
    finally:
        loop.run(wfm.stop())
        loop.close()


def test_what_cannot_be_accommodated_is_refused_before_anything_runs(tmp_path: Path) -> None:
    base = ("run", "wfm", "--revision", REVISION, "--out", tmp_path / "out", "--accommodate")
    assert_refused(call(*base, "sandbox-era-x"), "unknown-accommodation", "did you mean sandbox-era-")
    assert_refused(call(*base, "digest-uncovered"), "usage", "role wfm, found one for the role device")
    assert_refused(call(*base, "sandbox-era-c"), "usage", "found one for 1.0.0-rc.3")
    assert_refused(call(*base, tmp_path / "none.yaml"), "usage", "none.yaml: cannot be read")
    device = ("run", "device", "--revision", REVISION, "--accommodate", "error-member")
    assert_refused(call(*device), "usage", "role device, found one for the role wfm")
    assert not (tmp_path / "out").exists()


def test_they_are_listed_with_the_statements_they_break() -> None:
    rows = json.loads(call("list", "accommodations", "--revision", REVISION, "--json").out)["accommodations"]
    by_name = {(row["role"], row["name"]): row for row in rows}
    assert by_name["wfm", "onboarding-client-id"]["breaks"] == ["ONB-006"]
    assert by_name["device", "digest-uncovered"]["breaks"] == ["SIG-003"]
    assert "error-member" in by_name["wfm", "sandbox-era-b"]["members"]
    assert ("wfm", "sandbox-era-c") not in by_name


def test_they_are_explained() -> None:
    assert "sandbox-era-a (wfm)" in call("explain", "accommodations").out
    assert "accept-required: A manifest is given" in call("explain", "sandbox-era-c").out
    told = call("explain", "status-route-singular").out
    assert "API-001" in told
    assert "route: operation report-status" in told


def test_doctor_finds_every_departure_and_the_set_to_go_on_with(served: SignedWfm, tmp_path: Path) -> None:
    northbound = f"http://127.0.0.1:{served.northbound_port}"
    base = ("doctor", "--url", served.management_url, "--identity", tmp_path, "--revision", REVISION)
    ended = call(*base, "--northbound", northbound, "--out", tmp_path / "out")
    assert ended.code == 2
    assert ended.out.count("FAIL  departs") == 19
    last = ended.out.strip().splitlines()[-1]
    assert last.endswith(f"--northbound {northbound} --accommodate sandbox-era-a")
    assert f"--url {served.management_url}" in last


def test_a_run_of_a_real_wfm_goes_on_past_what_it_was_told_of(served: SignedWfm, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = call(
        "run", "wfm", "--url", served.management_url, "--identity", tmp_path, "--revision", REVISION,
        "--accommodate", "sandbox-era-a", "--req", "ONB-006", "--out", out,
    )  # fmt: skip
    assert ended.code == 1, ended.err
    told = json.loads((out / "report.json").read_text())["roles"][0]["departures"]
    assert {item["name"] for item in told if item["uses"]} >= {"path-prefix", "onboarding-client-id"}
    assert "known departure path-prefix (API-001)" in ended.out
    for name in ("report.html", "summary.md", "junit.xml"):
        assert "onboarding-client-id" in (out / name).read_text()


def test_a_wfm_that_departs_and_is_not_accommodated_is_not_only_called_one_of_another_revision(
    served: SignedWfm, tmp_path: Path
) -> None:
    where = ("--url", served.management_url, "--identity", tmp_path, "--revision", REVISION, "--out", tmp_path / "out")
    assert_refused(call("run", "wfm", *where), "revision", "--accommodate", "doctor --url")
