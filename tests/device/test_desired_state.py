"""Polling, validation, retrieval and adoption, in simulated time (DS-*)."""

import itertools
import json
from typing import Any

import pytest

from simulator.device.events import Send
from simulator.device.runtimes import ComponentScript
from simulator.protocol.bundle import make_bundle
from simulator.protocol.digest import digest_of
from simulator.protocol.manifest import MANIFEST_MEDIA_TYPE
from simulator.protocol.operations import Call
from tests.device.rig import Rig
from tests.device.stub_wfm import Reply, component, deployment, problem, uuid

BOTH = pytest.mark.parametrize("retrieval", ["bundle", "individual"])


def test_capabilities_are_the_first_exchange_and_polls_follow() -> None:
    rig = Rig().start()
    rig.run(25)
    assert rig.wfm.operations() == ["report-capabilities", "fetch-manifest", "fetch-manifest", "fetch-manifest"]
    first, second = rig.wfm.times("fetch-manifest")[:2]
    assert second - first == pytest.approx(10.0, abs=0.1)


def test_an_empty_first_manifest_is_adopted_without_a_report() -> None:
    rig = Rig().start()
    assert rig.device.agent is not None
    assert rig.device.agent.version == 1
    assert rig.wfm.reports == []
    rig.run(10)
    assert [request.headers.get("If-None-Match") for request in rig.wfm.of("fetch-manifest")] == [
        None,
        f'"{digest_of(rig.wfm.manifest)}"',
    ]


@BOTH
def test_every_state_is_reported_in_order(retrieval: str) -> None:
    rig = Rig(retrieval=retrieval).start()
    rig.offer(deployment(1, component("main"), component("side")))
    assert rig.wfm.states(1) == ["pending", "installing", "installed"]
    assert rig.running(1) == {"main": "1.0.0", "side": "1.0.0"}
    rig.offer(deployment(1, component("main", "1.1.0"), component("side")))
    assert rig.wfm.states(1)[3:] == ["pending", "installing", "installed"]
    assert rig.wfm.last(1)["adoptedManifestVersion"] == 3
    rig.offer()
    assert rig.wfm.states(1)[6:] == ["removing", "removed"]
    assert rig.running(1) is None


def test_requests_use_the_manifest_urls_byte_for_byte() -> None:
    for retrieval, operation in (("bundle", "fetch-bundle"), ("individual", "fetch-deployment")):
        rig = Rig(retrieval=retrieval).start()
        rig.offer(deployment(1))
        offered = json.loads(rig.wfm.manifest)
        url = offered["bundle"]["url"] if retrieval == "bundle" else offered["deployments"][0]["url"]
        assert [request.target for request in rig.wfm.of(operation)] == [url]


def test_an_unchanged_deployment_is_left_alone_and_not_fetched_again() -> None:
    rig = Rig(retrieval="individual").start()
    rig.offer(deployment(1))
    reports = len(rig.wfm.reports)
    rig.offer(deployment(1), deployment(2))
    assert [call.params["deploymentId"] for _, call, r in rig.wfm.requests if call.operation == "fetch-deployment"] == [
        uuid(1),
        uuid(2),
    ]
    assert all(report["deploymentId"] == uuid(2) for report in rig.wfm.reports[reports:])
    assert rig.device.machine.started[uuid(1), "main"] == 1


def test_a_changed_parameter_touches_only_the_components_it_names() -> None:
    def with_level(level: str) -> bytes:
        target = {"level": {"value": level, "targets": [{"pointer": "log.level", "components": ["side"]}]}}
        return deployment(1, component("main"), component("side"), parameters=target)

    rig = Rig().start()
    rig.offer(with_level("info"))
    rig.offer(with_level("debug"))
    assert rig.device.machine.started == {(uuid(1), "main"): 1, (uuid(1), "side"): 2}
    side = rig.device.machine.view()[uuid(1)].components["side"]
    assert side.configuration == {"level": "debug"}


@pytest.mark.parametrize("version", [1, 2])
def test_a_manifest_that_is_not_newer_is_refused_and_logged(version: int) -> None:
    rig = Rig().start()
    rig.offer(deployment(1))
    rig.offer(version=version)
    assert rig.running(1) is not None
    assert any(f"version {version} refused" in entry.message for entry in rig.logged("security"))
    rig.offer(deployment(2), version=3)
    assert rig.running(1) is None
    assert rig.running(2) is not None


def test_versions_beyond_double_precision_are_told_apart() -> None:
    rig = Rig().start()
    rig.offer(deployment(1), version=2**53)
    rig.offer(deployment(2), version=2**53 + 1)
    assert rig.running(2) is not None
    assert rig.wfm.last(2)["adoptedManifestVersion"] == 2**53 + 1


def test_the_manifest_being_applied_is_no_security_event() -> None:
    rig = Rig(scripts={"main": ComponentScript(duration_s=35.0)}).start()
    rig.offer(deployment(1, component("main", timeout="5m0s")))
    assert rig.wfm.states(1) == ["pending", "installing"]
    assert rig.logged("security") == []
    sent = [request.headers.get("If-None-Match") for request in rig.wfm.of("fetch-manifest")]
    assert f'"{digest_of(rig.wfm.manifest)}"' not in sent
    rig.run(30)
    assert rig.wfm.states(1)[-1] == "installed"
    sent = [request.headers.get("If-None-Match") for request in rig.wfm.of("fetch-manifest")]
    assert sent[-1] == f'"{digest_of(rig.wfm.manifest)}"'


def spoil(data: bytes) -> bytes:
    return data.replace(b"1.1.0", b"1.1.1") if b"1.1.0" in data else data[:-1] + bytes([data[-1] ^ 1])


@BOTH
def test_a_damaged_artefact_aborts_the_whole_update_until_it_is_good(retrieval: str) -> None:
    rig = Rig(retrieval=retrieval).start()
    rig.offer(deployment(1), deployment(2))
    good = dict(rig.wfm.artefacts)
    rig.wfm.publish(deployment(1, component("main", "1.1.0")), deployment(3))
    rig.wfm.artefacts |= {path: spoil(data) for path, data in rig.wfm.artefacts.items() if path not in good}
    before = len(rig.wfm.reports)
    rig.run(30)
    assert rig.running(1) == {"main": "1.0.0"}
    assert rig.running(2) == {"main": "1.0.0"}
    assert rig.running(3) is None
    assert len(rig.wfm.reports) == before
    assert rig.logged("security")
    assert len(rig.wfm.times("fetch-manifest")) >= 4
    rig.offer(deployment(1, component("main", "1.1.0")), deployment(3))
    assert rig.running(1) == {"main": "1.1.0"}
    assert rig.running(2) is None
    assert rig.running(3) is not None


@BOTH
def test_a_missing_artefact_is_no_removal(retrieval: str) -> None:
    rig = Rig(retrieval=retrieval).start()
    rig.offer(deployment(1))
    rig.wfm.publish(deployment(1, component("main", "1.1.0")))
    rig.wfm.artefacts.clear()
    rig.run(30)
    assert rig.running(1) == {"main": "1.0.0"}
    assert rig.wfm.states(1) == ["pending", "installing", "installed"]


def test_a_bad_bundle_is_not_replaced_by_individual_retrieval() -> None:
    rig = Rig().start()
    rig.wfm.publish(deployment(1))
    rig.wfm.artefacts[rig.wfm.bundle_path] = make_bundle({uuid(1): deployment(2)})
    rig.run(30)
    assert "fetch-deployment" not in rig.wfm.operations()
    assert rig.running(1) is None


def test_members_are_found_by_digest_whatever_their_names() -> None:
    rig = Rig().start()
    one, two = deployment(1), deployment(2)
    packed = make_bundle({"whatever": two, "zz-top": one})
    path = f"/api/v1/bundles/{digest_of(packed)}"
    bundle = {"mediaType": "application/vnd.margo.bundle.v1+tar+gzip", "digest": digest_of(packed), "url": path}
    rig.wfm.publish(one, two, bundle=bundle)
    rig.wfm.artefacts[path] = packed
    rig.run(30)
    assert rig.running(1) is not None
    assert rig.running(2) is not None


def test_a_bundle_without_one_of_the_deployments_is_refused_whole() -> None:
    rig = Rig().start()
    one, two = deployment(1), deployment(2)
    packed = make_bundle({uuid(1): one})
    path = f"/api/v1/bundles/{digest_of(packed)}"
    bundle = {"mediaType": "application/vnd.margo.bundle.v1+tar+gzip", "digest": digest_of(packed), "url": path}
    rig.wfm.publish(one, two, bundle=bundle)
    rig.wfm.artefacts[path] = packed
    rig.run(30)
    assert rig.running(1) is None
    assert rig.wfm.reports == []


def test_a_yaml_of_another_deployment_is_refused() -> None:
    rig = Rig(retrieval="individual").start()
    other = deployment(2)
    path = f"/api/v1/deployments/{uuid(1)}/{digest_of(other)}"
    rig.wfm.publish(other, deployments=[{"deploymentId": uuid(1), "digest": digest_of(other), "url": path}])
    rig.wfm.artefacts[path] = other
    rig.run(30)
    assert rig.device.machine.view() == {}


def manifest_like(**changes: Any) -> bytes:
    document = {"manifestVersion": 9, "bundle": None, "deployments": []} | changes
    return json.dumps({name: value for name, value in document.items() if value is not ...}).encode()


REF = {"deploymentId": uuid(1), "digest": "sha256:" + "0" * 64, "url": "/api/v1/deployments/x/y"}
BUNDLE = {"mediaType": "application/vnd.margo.bundle.v1+tar+gzip", "digest": "sha256:" + "1" * 64, "url": "/api/v1/b"}
MALFORMED = {
    "no JSON": b"{",
    "empty": b"",
    "array": b"[]",
    "no version": manifest_like(manifestVersion=...),
    "version 0": manifest_like(manifestVersion=0),
    "version as text": manifest_like(manifestVersion="9"),
    "fraction": manifest_like(manifestVersion=9.5),
    "true": manifest_like(manifestVersion=True),
    "beyond 64 bits": manifest_like(manifestVersion=2**64),
    "no deployments": manifest_like(deployments=...),
    "bundle without deployments": manifest_like(bundle=BUNDLE),
    "twice the same id": manifest_like(bundle=BUNDLE, deployments=[REF, REF]),
    "foreign digest": manifest_like(bundle=BUNDLE, deployments=[REF | {"digest": "sha512:" + "0" * 128}]),
    "short digest": manifest_like(bundle=BUNDLE, deployments=[REF | {"digest": "sha256:" + "0" * 63}]),
    "other media type": manifest_like(bundle=BUNDLE | {"mediaType": "application/zip"}, deployments=[REF]),
    "duplicate member": b'{"manifestVersion":9,"manifestVersion":10,"bundle":null,"deployments":[]}',
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_manifest_is_refused_and_polling_goes_on(case: str) -> None:
    rig = Rig().start()
    rig.offer(deployment(1))
    rig.wfm.manifest = MALFORMED[case]
    rig.run(30)
    assert rig.running(1) is not None
    assert rig.logged("refused")
    assert set(rig.wfm.operations()[-3:]) == {"fetch-manifest"}
    rig.offer(deployment(2))
    assert rig.running(1) is None
    assert rig.running(2) is not None


def test_a_manifest_of_another_media_type_is_refused() -> None:
    rig = Rig().start()

    def fault(call: Call, _request: Send) -> Reply | None:
        if call.operation == "fetch-manifest":
            return 200, {"content-type": "text/html"}, rig.wfm.manifest
        return None

    rig.wfm.fault = fault
    rig.offer(deployment(1))
    assert rig.running(1) is None
    rig.wfm.fault = None
    rig.run(30)
    assert rig.running(1) is not None


@pytest.mark.parametrize("data", [b"a: [", b"id: 1", b"- x", deployment(2), b"\xff"])
def test_one_unusable_yaml_refuses_the_whole_update(data: bytes) -> None:
    rig = Rig(retrieval="individual").start()
    rig.offer(deployment(3))
    good = deployment(4)
    refs = [
        {"deploymentId": uuid(n), "digest": digest_of(d), "url": f"/api/v1/deployments/{uuid(n)}/{digest_of(d)}"}
        for n, d in ((4, good), (1, data))
    ]
    rig.wfm.publish(good, deployments=refs)
    rig.wfm.artefacts[refs[1]["url"]] = data
    rig.run(30)
    assert rig.running(3) is not None
    assert rig.running(4) is None
    assert rig.wfm.states(3) == ["pending", "installing", "installed"]


def test_unknown_members_and_extensions_are_ignored() -> None:
    rig = Rig().start()
    rig.wfm.publish(deployment(1, more={"x-acme-extensions": {"a": 1}, "unheardOf": [1]}), unheardOf={"b": 2})
    rig.run(30)
    assert rig.running(1) is not None


def test_a_newer_manifest_takes_over_while_one_is_applied() -> None:
    rig = Rig(scripts={"main@1.0.0": ComponentScript(hangs=True)}).start()
    rig.offer(deployment(1), seconds=12)
    for patch in range(1, 6):
        rig.wfm.publish(deployment(1, component("main", f"1.0.{patch}")))
    rig.run(30)
    assert rig.running(1) == {"main": "1.0.5"}
    assert rig.wfm.last(1)["status"]["state"] == "installed"
    assert rig.wfm.last(1)["adoptedManifestVersion"] == 7


def test_a_refused_poll_is_repeated_only_at_the_next_regular_one() -> None:
    rig = Rig().start()
    rig.wfm.fault = lambda call, _: problem(403) if call.operation == "fetch-manifest" else None
    rig.run(60)
    times = rig.wfm.times("fetch-manifest")
    assert all(later - earlier >= 9.9 for earlier, later in itertools.pairwise(times))
    assert len(times) >= 6


def test_the_manifest_is_asked_for_by_its_media_type() -> None:
    rig = Rig().start()
    assert {request.headers["Accept"] for request in rig.wfm.of("fetch-manifest")} == {MANIFEST_MEDIA_TYPE}


def test_deployments_beside_a_null_bundle_are_fetched_one_by_one() -> None:
    rig = Rig(retrieval="bundle").start()
    rig.wfm.publish(deployment(1), bundle=None)
    rig.run(30)
    assert rig.running(1) is not None
