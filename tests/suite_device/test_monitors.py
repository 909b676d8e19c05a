"""Every monitor of a device is shown to fail: one made-up record with one thing wrong for each, beside a right one."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from conformance.bench.run import load_checks
from conformance.catalogue import load
from conformance.checks.evidence import Record
from conformance.checks.registry import Check, Seen, checks
from conformance.record.events import Body, Connection, Exchange, Fact, TlsFacts

load_checks()
MONITORS = {
    check.name.removeprefix("device."): check
    for check in checks("device").values()
    if check.monitor and (check.requirements[0] in load() or load().behaviour(check.requirements[0]))
}
"""Those that are of the newest revision first; what is of another one is shown in the tests of that one."""
CLIENT = "spiffe://plant.example/margo/wfm/bench-wfm/client/device-under-test"
ID = "11111111-2222-4333-8444-555555555555"
PROVISIONED = Fact(n=1, at=0.1, scenario=1, kind="provisioned", data={"client": CLIENT, "url": "https://x"})
DEPLOYMENT = {
    "metadata": {"name": "app-1", "deviceId": "gw/child"},
    "spec": {"deploymentProfile": {"components": [{"name": "a", "properties": {"revision": "1.0.0"}}]}},
}
PROVISIONED_SLOW = Fact(
    n=1, at=0.1, scenario=1, kind="provisioned", data={"client": CLIENT, "url": "https://x", "pollInterval": 10}
)
PUBLISHED = Fact(
    n=2,
    at=0.2,
    scenario=1,
    kind="published",
    data={"deploymentId": ID, "version": 4, "components": ["a"], "document": DEPLOYMENT, "release": 1},
)
ONLY_NOTED = {
    "unusual_changes_of_state_are_told",
    "custom_may_be_reported",
    "artefacts_may_be_revalidated",
    "port_is_mapped_by_the_bench",
    "requests_are_of_the_interface",
}
"""Monitors of what a device may do: they tell, and never fail anybody."""


def exchange(operation: str, at: float = 1.0, **more: Any) -> Exchange:
    given: dict[str, Any] = {
        "method": "GET",
        "target": "/",
        "scenario": 1,
        "seat": "client",
        "finished": at + 0.001,
        "http_version": "1.1",
        "client": CLIENT,
        "tls": TlsFacts(version="TLSv1.3", peer_chain=("sha256:x",)),
        "status": 200,
    }
    return Exchange(n=int(at * 1000), at=at, operation=operation, **(given | more))


def poll(at: float = 1.0, version: int = 4, **more: Any) -> Exchange:
    headers = (("Accept", "application/vnd.margo.manifest.v1+json"),)
    entry = {"deploymentId": ID, "digest": "sha256:a", "url": f"/api/v1/deployments/{ID}/sha256:a"}
    body = {"manifestVersion": version, "deployments": [entry]}
    given = {"request_headers": headers, "response": Body(text=json.dumps(body))}
    return exchange("fetch-manifest", at, **(given | {"response_headers": (("ETag", '"good"'),)} | more))


def status(at: float = 2.0, /, **changes: Any) -> Exchange:
    document = {
        "deploymentId": ID,
        "adoptedManifestVersion": 4,
        "deviceId": "gw/child",
        "status": {"state": "installed"},
        "components": [{"name": "a", "state": "installed"}],
    } | changes
    text = json.dumps({name: value for name, value in document.items() if value is not ...})
    return exchange("report-status", at, params={"deploymentId": ID}, request=Body(text=text))


def failed(code: str = "x", source: str = "app-1", part: str = "a") -> Exchange:
    error = {"code": code, "message": "why"}
    return status(
        status={"state": "failed", "error": {**error, "source": source}},
        components=[{"name": "a", "state": "failed", "error": {**error, "source": part}}],
    )


def idle(*moments: float) -> list[Exchange]:
    """Polls that had nothing new."""
    return [poll(at, status=304, response=Body()) for at in moments]


def empty(at: float, version: int = 5) -> Exchange:
    """A desired state of nothing."""
    return poll(at, response=Body(text=json.dumps({"manifestVersion": version, "deployments": []})))


def gone(at: float) -> Exchange:
    return status(at, status={"state": "removed"}, components=[{"name": "a", "state": "removed"}])


def capabilities(at: float = 0.5, route: str = "d", **changes: Any) -> Exchange:
    labels = changes.pop("labels", ...)
    more = changes.pop("more", {})
    properties = {"id": route, "vendor": "v", "modelNumber": "m", "serialNumber": "s"} | changes
    document: dict[str, Any] = {"properties": {k: v for k, v in properties.items() if v is not ...}, **more}
    if labels is not ...:
        document["labels"] = labels
    target = f"/api/v1/capabilities/{route}"
    body = Body(text=json.dumps(document))
    return exchange("report-capabilities", at, target=target, params={"deviceId": route}, request=body)


HOST: dict[str, Any] = {
    "cpus": [{"cores": 4, "architecture": "amd64"}],
    "memory": "16Gi",
    "storage": "64Gi",
    "peripherals": [],
    "interfaces": [{"type": "ethernet"}],
    "otelCollector": True,
    "supportedRuntimes": ["oci"],
    "supportedDeploymentTypes": ["helm"],
}


def handshake(version: str) -> Connection:
    return Connection(n=7, at=0.3, scenario=1, seat="client", outcome="established", tls=TlsFacts(version=version))


def record(*events: Any, features: tuple[str, ...] = ()) -> Record:
    """A record of these events, provisioned and published."""
    exchanges = tuple(sorted((item for item in events if isinstance(item, Exchange)), key=lambda item: item.at))
    connections = tuple(item for item in events if isinstance(item, Connection))
    facts = (PROVISIONED, PUBLISHED, *(item for item in events if isinstance(item, Fact)))
    return Record("device", exchanges, connections, facts, {"features": features})


ETAG = (("Accept", "application/vnd.margo.manifest.v1+json"), ("If-None-Match", '"other"'))
PARENT = capabilities(0.5, "gw")
BAD: dict[str, Callable[[], Record]] = {
    "adopted_version_does_not_go_back": lambda: record(poll(), status(), status(3.0, adoptedManifestVersion=2)),
    "adopted_version_was_served": lambda: record(poll(), status(adoptedManifestVersion=5)),
    "artefacts_are_fetched_where_the_manifest_says": lambda: record(
        poll(), exchange("fetch-deployment", 1.5, target=f"/api/v1/deployments/{ID}/sha256:b")
    ),
    "capabilities_come_first": lambda: record(poll(), capabilities(2.0)),
    "client_is_the_one_provisioned": lambda: record(poll(client=f"{CLIENT}-2")),
    "component_states_are_known": lambda: record(status(components=[{"name": "a", "state": "running"}])),
    "components_have_name_and_state": lambda: record(status(components=[{"state": "installed"}])),
    "connections_use_tls_1_3": lambda: record(handshake("TLSv1.2")),
    "cpus_have_cores": lambda: record(capabilities(cpus=[{"architecture": "amd64"}])),
    "custom_comes_with_labels": lambda: record(capabilities(supportedRuntimes=["custom"])),
    "errors_have_all_members": lambda: record(status(status={"state": "failed"})),
    "every_component_is_reported": lambda: record(status(components=[])),
    "extensions_are_named_objects": lambda: record(capabilities(more={"x-acme-extensions": "text"})),
    "gateway_is_reported_before_what_is_behind_it": lambda: record(capabilities(0.4, "gw/child"), PARENT),
    "gateway_that_hosts_nothing_says_so": lambda: record(capabilities(**HOST), features=("gateway-non-hosting",)),
    "hosting_device_says_what_it_offers": lambda: record(
        capabilities(**HOST | {"supportedRuntimes": []}), features=("hosting",)
    ),
    "interfaces_are_known": lambda: record(capabilities(interfaces=[{"type": "carrier-pigeon"}])),
    "labels_are_plain_values": lambda: record(capabilities(labels={"a.b/c": {"d": 1}})),
    "labels_have_a_prefix": lambda: record(capabilities(labels={"line": "north"})),
    "overall_state_is_known": lambda: record(status(status={"state": "running"})),
    "overall_state_is_the_most_severe": lambda: record(status(status={"state": "pending"})),
    "peripherals_are_known": lambda: record(capabilities(peripherals=[{"type": "kettle"}])),
    "polls_ask_for_the_manifest_type": lambda: record(poll(request_headers=(("Accept", "text/html"),))),
    "polls_keep_the_declared_distance": lambda: record(PROVISIONED_SLOW, *idle(1.0, 2.0, 3.0, 4.0, 5.0)),
    "polls_carry_the_last_tag": lambda: record(poll(), poll(2.0, request_headers=ETAG)),
    "problem_types_are_never_fetched": lambda: record(
        exchange("unknown", target="/problem-types/unheard-of", status=404)
    ),
    "report_for_a_child_names_it": lambda: record(status(deviceId=...)),
    "report_has_an_adopted_version": lambda: record(status(adoptedManifestVersion=0)),
    "report_has_its_members": lambda: record(status(components=...)),
    "report_has_only_what_it_may": lambda: record(capabilities(more={"color": "green"})),
    "report_is_of_the_device_in_its_route": lambda: record(capabilities(id="e")),
    "report_names_the_device": lambda: record(capabilities(vendor=...)),
    "requests_are_http_1_1": lambda: record(poll(http_version="1.0")),
    "requests_come_with_an_svid": lambda: record(poll(client=None, tls=TlsFacts(version="TLSv1.3"))),
    "route_names_a_device": lambda: record(capabilities(route="d e")),
    "runtimes_and_types_are_known": lambda: record(capabilities(supportedDeploymentTypes=["tarball"])),
    "sizes_have_binary_units": lambda: record(capabilities(memory="16 GB")),
    "source_of_a_components_error_is_its_name": lambda: record(failed(part="b")),
    "source_of_a_deployments_error_is_its_name": lambda: record(failed(source="a")),
    "source_of_a_gateways_error_is_the_gateway": lambda: record(
        PARENT, capabilities(0.6, "gw/child"), failed(code="102", source="gw/child")
    ),
    "what_is_removed_stays_removed": lambda: record(poll(), empty(1.5), gone(2.0), status(3.0)),
    "wfm_extension_stands_at_the_root": lambda: record(capabilities(**HOST), features=("wfm-extensions",)),
}


def seen(check: Check, found: Record) -> set[Seen]:
    return {judgement.seen for judgement in check(found)}


@pytest.mark.parametrize("name", sorted(MONITORS))
def test_monitor_fails_on_a_bad_record(name: str) -> None:
    if name in ONLY_NOTED:
        assert Seen.BROKEN not in seen(MONITORS[name], record(poll(), capabilities(), status()))
        return
    assert name in BAD, "each monitor needs a record that it fails"
    assert Seen.BROKEN in seen(MONITORS[name], BAD[name]())


@pytest.mark.parametrize("name", sorted(MONITORS))
def test_monitor_does_not_fail_on_a_good_record(name: str) -> None:
    good = record(
        handshake("TLSv1.3"),
        capabilities(0.5, "gw", **HOST, labels={"plant.example/line": "north"}, more={"x-acme-extensions": {"a": 1}}),
        capabilities(0.6, "gw/child", **HOST),
        poll(),
        status(),
        failed(),
        features=("hosting",),
    )
    assert Seen.BROKEN not in seen(MONITORS[name], good)


RIGHT: dict[str, Callable[[], Record]] = {
    "polls_keep_the_declared_distance": lambda: record(PROVISIONED_SLOW, *idle(1.0, 11.0, 21.0, 32.0, 41.0)),
    "what_is_removed_stays_removed": lambda: record(poll(), empty(1.5), gone(2.0), poll(2.5, 6), status(3.0)),
}


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_monitor_passes_what_is_right(name: str) -> None:
    assert seen(MONITORS[name], RIGHT[name]()) == {Seen.KEPT}


def test_distance_of_polls_is_not_judged_where_the_bench_gave_a_reason() -> None:
    fact = Fact(n=9, at=0.9, scenario=1, kind="configured", data={"poll_s": 1})
    disturbed = [Fact(n=20 + n, at=n + 0.5, scenario=1, kind="rebooted", data={}) for n in range(1, 5)]
    polls = idle(1.0, 2.0, 3.0, 4.0, 5.0)
    check = MONITORS["polls_keep_the_declared_distance"]
    assert seen(check, record(PROVISIONED_SLOW, fact, *polls)) == set()
    assert seen(check, record(PROVISIONED_SLOW, *disturbed, *polls)) == set()
    assert seen(check, record(PROVISIONED_SLOW, *idle(1.0, 61.0, 121.0, 181.0))) == {Seen.NOTED}


def test_the_tag_that_a_device_brings_along_is_not_judged_and_any_other_is() -> None:
    def tagged(at: float, tag: str) -> Exchange:
        return poll(at, status=304, response=Body(), request_headers=(*ETAG[:1], ("If-None-Match", tag)))

    known = Fact(n=5, at=0.1, scenario=1, kind="provisioned", data={"client": CLIENT, "knownVersion": 3})
    check, came = MONITORS["polls_carry_the_last_tag"], tagged(0.6, '"brought"')
    assert seen(check, record(known, came, poll(), tagged(2.0, '"brought"'))) == set()
    assert seen(check, record(known, came, poll(), tagged(2.0, '"good"'))) == {Seen.KEPT}
    assert seen(check, record(known, came, poll(), tagged(2.0, '"other"'))) == {Seen.BROKEN}


def test_what_was_removed_though_it_was_desired_may_come_back() -> None:
    assert seen(MONITORS["what_is_removed_stays_removed"], record(poll(), gone(2.0), status(3.0))) == set()


def test_unusual_changes_of_state_are_told() -> None:
    found = MONITORS["unusual_changes_of_state_are_told"](record(poll(), gone(2.0), status(3.0)))
    assert [item.found for item in found] == ["installed after removed"]


def test_no_bad_record_is_for_a_monitor_that_is_gone() -> None:
    assert set(BAD) <= set(MONITORS)
