"""The adapter of the public sandbox's WFM: scenarios pass through it, and each thing that can go wrong is told."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.bench.adapters.opening import open_northbound
from conformance.bench.adapters.packages import MAX_UNPACKED, manifest_of, unpacked
from conformance.bench.applications import applications
from conformance.bench.errors import Blocked, UsageError
from conformance.bench.ics import Ics
from conformance.bench.northbound import Northbound, NorthboundError
from conformance.bench.run import RunPlan, run
from conformance.bench.scenarios import Selection
from conformance.bench.wfm_seat import external_seat
from conformance.record.events import ScenarioOutcome
from tests.adapters.symphony_stand_in import BASE, StandIn, packed, registry, stand_in
from tests.cli.commands import assert_refused, call
from tests.cli.processes import Served, served_wfm

RELEASE = applications()["primary"].release(1)
CLIENT = "a-client"


@pytest.fixture(scope="module")
def wfm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("wfm")
    with served_wfm(folder) as served:
        served.found["identity"] = str(folder / "identity")
        yield served


@pytest.fixture
def symphony(wfm: Served, tmp_path: Path) -> Iterator[StandIn]:
    with stand_in(wfm.found["northbound"], tmp_path) as served:
        yield served


@pytest.fixture
def git(tmp_path: Path) -> Mapping[str, Any]:
    place = tmp_path / "packages.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(place)], check=True)  # noqa: S603, S607 - of the tests
    return {"git": {"push": str(place)}}


Opener = Callable[..., Northbound]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    """Opens an adapter of a URL and a source; all are closed at the end."""
    file = tmp_path / "symphony.yaml"
    quick = {"every": 0.01, "settle": 0, "ready": 5}
    with contextlib.ExitStack() as held:

        def open_one(url: str, source: Mapping[str, Any], **changes: Any) -> Northbound:
            said = {"adapter": "symphony", "url": url, "source": dict(source), **quick, **changes}
            file.write_text(yaml.safe_dump(said))
            northbound = open_northbound(str(file))
            held.callback(northbound.close)
            return northbound

        yield open_one


def test_scenarios_pass_through_it(
    opened: Opener, wfm: Served, symphony: StandIn, git: Mapping[str, Any], tmp_path: Path
) -> None:
    northbound = opened(symphony.url, git)
    seat = external_seat(
        Ics.of_reference("wfm"), wfm.found["url"], northbound, Path(wfm.found["identity"]), applications()
    )
    found = run(RunPlan((seat,), tmp_path / "out", selection=Selection(requirements=("AD-006", "AD-008", "DS-015"))))
    ended = {item.started.name: item for item in found.scenarios if item.outcome is not ScenarioOutcome.NOT_RUN}
    assert ScenarioOutcome.PASSED in {item.outcome for item in ended.values()}
    others = {name: item.finished.reason for name, item in ended.items() if item.outcome is not ScenarioOutcome.PASSED}
    assert all("operation update" in str(reason) or "cannot tell" in str(reason) for reason in others.values()), others
    assert northbound.standing == {}, "what was deployed was taken back"
    assert symphony.asked.count("GET /app-packages") > symphony.asked.count("POST /app-packages"), "it waits"
    assert any(item.startswith("DELETE /app-deployments/") for item in symphony.asked)


@pytest.mark.parametrize("password", ["", "s3cret"])
def test_a_package_is_fetched_from_a_registry(opened: Opener, symphony: StandIn, password: str) -> None:
    with registry("robot" if password else "", password) as (url, held):
        access = {"username": "robot", "password": password} if password else {}
        heard: list[Mapping[str, Any]] = []
        northbound = opened(symphony.url, {"oci": {"registry": url, **access}})
        northbound.listen(heard.append)
        northbound.upload(RELEASE.application_id, RELEASE.version, RELEASE.archive)
    assert f"/v2/margo/{RELEASE.application_id}/manifests/{RELEASE.version}" in held
    assert heard[0]["failed"] is None
    assert not password or password not in str(heard)
    northbound.do("remove_package", application=RELEASE.application_id, version=RELEASE.version)
    assert symphony.packages == {}


def test_a_registry_that_refuses_is_told(opened: Opener, symphony: StandIn) -> None:
    with registry("robot", "right") as (url, _):
        wrong = {"oci": {"registry": url, "username": "robot", "password": "wr0ng"}}
        northbound = opened(symphony.url, wrong)
        with pytest.raises(NorthboundError, match="blobs/uploads/: expected 202, found 401") as caught:
            northbound.upload(RELEASE.application_id, RELEASE.version, RELEASE.archive)
    assert "wr0ng" not in str(caught.value)


def test_a_package_the_wfm_fails_on_is_told(opened: Opener, symphony: StandIn, git: Mapping[str, Any]) -> None:
    symphony.broken = True
    with pytest.raises(NorthboundError, match=r"package pkg-.*: expected state ONBOARDED, found FAILED"):
        opened(symphony.url, git).upload(RELEASE.application_id, RELEASE.version, RELEASE.archive)


def test_a_package_that_is_never_done_is_told(opened: Opener, symphony: StandIn, git: Mapping[str, Any]) -> None:
    with pytest.raises(NorthboundError, match=r"expected state ONBOARDED within 0\.001 s"):
        opened(symphony.url, git, ready=0.001, every=0.001).upload(
            RELEASE.application_id, RELEASE.version, RELEASE.archive
        )


def test_a_repository_that_is_not_there_is_told(opened: Opener, symphony: StandIn, tmp_path: Path) -> None:
    northbound = opened(symphony.url, {"git": {"push": str(tmp_path / "nowhere.git")}})
    with pytest.raises(NorthboundError, match=r"git push .*nowhere\.git"):
        northbound.upload(RELEASE.application_id, RELEASE.version, RELEASE.archive)
    with pytest.raises(NorthboundError, match="expected a package that was uploaded before"):
        northbound.deploy(CLIENT, "press", RELEASE.application_id, RELEASE.version, {})


def test_a_parameter_the_package_does_not_have_reaches_the_wfm_and_its_refusal_is_told(
    opened: Opener, symphony: StandIn, git: Mapping[str, Any]
) -> None:
    northbound = opened(symphony.url, git)
    northbound.upload(RELEASE.application_id, RELEASE.version, RELEASE.archive)
    with pytest.raises(NorthboundError, match=r"found 500.*nobodyKnows"):
        northbound.deploy(CLIENT, CLIENT, RELEASE.application_id, RELEASE.version, {"nobodyKnows": "1"})
    assert symphony.deployments == {}


def test_changes_are_missing_unless_this_wfm_has_them(
    opened: Opener, symphony: StandIn, git: Mapping[str, Any]
) -> None:
    with pytest.raises(Blocked, match="operation update"):
        opened(symphony.url, git).update("some", "2.0.0", None)
    assert opened(symphony.url, git, updates=True).can("update")


def test_an_api_that_answers_with_something_else_is_told(opened: Opener, wfm: Served, git: Mapping[str, Any]) -> None:
    northbound = opened(wfm.found["northbound"], git)
    with pytest.raises(NorthboundError, match=f"{BASE}/devices: expected 2xx, found 404"):
        northbound.devices(CLIENT)
    other = opened(wfm.found["northbound"], git, base="/northbound/v1")
    assert other.devices(CLIENT) == ()


def test_an_api_that_is_not_there_is_refused_before_a_run(wfm: Served, tmp_path: Path) -> None:
    file = tmp_path / "symphony.yaml"
    file.write_text("adapter: symphony\nurl: http://127.0.0.1:1\nsource: {git: {push: x}}\n")
    where = ("--url", wfm.found["url"], "--identity", wfm.found["identity"])
    ended = call("run", "wfm", *where, "--northbound", file, "--req", "AD-008", "--out", tmp_path / "out")
    assert_refused(ended, "northbound", "127.0.0.1:1", "`url` and `base`")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("adapter: symphony\nurl: http://x\nsource: {}\n", [":3: source", "either git or oci"]),
        ("adapter: symphony\nurl: http://x\nsource: {git: {}}\n", ["source.git.push"]),
        (
            "adapter: symphony\nurl: http://x\nsource:\n  git:\n    push: a\n    branch: '{aplication}'\n",
            [":6:", "source.git.branch", "did you mean application"],
        ),
        ("adapter: symphony\nurl: http://x\nsource: {oci: {registry: x}}\n", ["source.oci.registry", "'x'"]),
        ("adapter: symphoni\n", ["symphony", "symphoni"]),
        ("adapter: symphony\nurl: http://x\nsource: {git: {push: x}}\nredy: 3\n", [":4: redy", "did you mean ready?"]),
    ],
)
def test_a_file_that_cannot_be_used_is_told(tmp_path: Path, text: str, words: list[str]) -> None:
    file = tmp_path / "adapter.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        open_northbound(str(file))
    assert all(word in str(caught.value) for word in [str(file), *words]), str(caught.value)


def test_a_package_is_unpacked_within_bounds() -> None:
    assert unpacked(packed({"a/b": b"x", "../out": b"x", "/abs": b"x"})) == {"a/b": b"x"}
    with pytest.raises(NorthboundError, match="expected at most"):
        unpacked(packed({"large": b"\0" * (MAX_UNPACKED + 1)}))
    with pytest.raises(NorthboundError, match=r"expected a tar\.gz"):
        unpacked(b"no archive")


def test_the_manifest_of_a_package_is_as_registries_hold_it() -> None:
    manifest = manifest_of(RELEASE.files)
    kinds = [layer["mediaType"] for layer in manifest["layers"]]
    assert manifest["artifactType"] == "application/vnd.margo.app.v1+json"
    assert manifest["config"]["size"] == 2
    assert kinds[0] == "application/vnd.margo.app.description.v1+yaml"
    assert "application/vnd.margo.app.icon.v1+svg" in kinds
    assert len(kinds) == len(RELEASE.files)
