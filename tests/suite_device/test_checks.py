"""Checks of a device judge what was recorded, and nothing else: what was not seen never passes."""

import inspect
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from conformance.bench.run import load_checks
from conformance.bench.scenarios import RUNNABLE
from conformance.catalogue import load
from conformance.checks.device import behaviours_outage, failure, polling, refusal, retry, sessions
from conformance.checks.evidence import Record
from conformance.checks.monitors import device_capabilities, device_requests, device_status
from conformance.checks.registry import Check, Seen, checks
from conformance.record.events import Body, Connection, Exchange, Fact, TlsFacts

load_checks()
CLIENT = "spiffe://plant.example/margo/wfm/bench-wfm/client/device-under-test"
SINCE = Fact(n=1, at=1.0, scenario=1, kind="published", data={})
ARGUMENTS: dict[str, Any] = {
    "deployment": "d-1",
    "component": "c",
    "code": "101",
    "since": SINCE,
    "name": "n",
    "names": ("d-1",),
    "point": "storing its state",
}
CALLED = [check for check in checks("device").values() if not check.monitor]
MONITORS = [check for check in checks("device").values() if check.monitor]


def arguments_of(check: Check) -> dict[str, Any]:
    return {name: ARGUMENTS[name] for name in list(inspect.signature(check.judge).parameters)[1:]}


def exchange(operation: str, at: float, **more: Any) -> Exchange:
    given: dict[str, Any] = {"method": "GET", "target": "/", "scenario": 1, "seat": "client", "finished": at + 0.001}
    return Exchange(n=int(at * 1000), at=at, operation=operation, **(given | more))


def report(at: float, text: str, deployment: str = "d-1") -> Exchange:
    return exchange("report-status", at, params={"deploymentId": deployment}, request=Body(text=text), status=200)


def seen(check: Check, record: Record, **subject: Any) -> set[Seen]:
    return {judgement.seen for judgement in check(record, **subject)}


@pytest.mark.parametrize("check", CALLED, ids=lambda check: check.name)
def test_nothing_recorded_is_nothing_passed(check: Check) -> None:
    assert Seen.KEPT not in seen(check, Record("device"), **arguments_of(check))


@pytest.mark.parametrize("check", MONITORS, ids=lambda check: check.name)
def test_monitors_are_silent_without_evidence(check: Check) -> None:
    assert check(Record("device")) == ()


@pytest.mark.parametrize("check", [*CALLED, *MONITORS], ids=lambda check: check.name)
def test_check_names_statements_of_the_catalogue(check: Check) -> None:
    binds = {item.id: item.binds for name in RUNNABLE["device"] for item in load(name).requirements}
    behaviours = [name for name in check.requirements if load().behaviour(name)]
    statements = [name for name in check.requirements if name in binds]
    assert sorted([*statements, *behaviours]) == sorted(check.requirements)
    assert behaviours or any("device" in binds[name] for name in statements)


def offer(**more: Any) -> Fact:
    data = {"label": "offer 1", "version": 3, "etag": '"bad"', "damaged": [], "running": ["d-1"], "changed": "d-1"}
    return Fact(n=9, at=2.0, scenario=1, kind="offered", data=data | more)


def served(at: float = 2.1) -> Exchange:
    return exchange("fetch-manifest", at, status=200, fault="offer 1", response=Body(text='{"manifestVersion": 3}'))


def polls(*times: float, tag: str = '"good"') -> tuple[Exchange, ...]:
    return tuple(exchange("fetch-manifest", at, status=304, request_headers=(("If-None-Match", tag),)) for at in times)


def refused_by(facts: Iterable[Fact], exchanges: Iterable[Exchange]) -> set[Seen]:
    return seen(refusal.older_or_equal_state_is_refused, Record("device", tuple(exchanges), (), tuple(facts)))


def test_refusal_needs_the_offer_to_be_fetched_and_two_more_polls() -> None:
    assert refused_by([offer()], polls(3.0, 4.0)) == {Seen.UNSEEN}
    assert refused_by([offer()], [served(), *polls(3.0)]) == {Seen.UNSEEN}
    assert refused_by([offer()], [served(), *polls(3.0, 4.0)]) == {Seen.KEPT}


@pytest.mark.parametrize(
    "sign",
    [
        polls(5.0, tag='"bad"')[0],
        report(5.0, '{"adoptedManifestVersion": 3, "status": {"state": "pending"}}'),
        report(5.0, '{"adoptedManifestVersion": 2, "status": {"state": "removing"}}'),
        report(5.0, '{"adoptedManifestVersion": 2, "status": {"state": "pending"}}', "intruder"),
        exchange("fetch-bundle", 5.0, fault="offer 1"),
    ],
    ids=["tag", "version", "removal", "intruder", "fetch"],
)
def test_any_sign_of_adoption_breaks_the_refusal(sign: Exchange) -> None:
    found = refused_by([offer(intruders=["intruder"])], [served(), *polls(3.0, 4.0), sign])
    assert found == {Seen.BROKEN}


def test_damage_that_was_never_fetched_is_not_judged() -> None:
    record = Record("device", (served(), *polls(3.0, 4.0)), (), (offer(damaged=["sha256:x"]),))
    assert seen(refusal.damaged_content_is_refused, record) == {Seen.UNSEEN}


@pytest.mark.parametrize(("again_at", "expected"), [(3.0, Seen.BROKEN), (3.2, Seen.KEPT)])
def test_time_that_was_asked_for(again_at: float, expected: Seen) -> None:
    data = {"operation": "fetch-manifest", "status": 503, "headers": {"Retry-After": "1"}, "problem": {}}
    fact = Fact(n=1, at=2.0, scenario=1, kind="answering", data=data)
    refused = exchange("fetch-manifest", 2.1, status=503, fault="answers 503")
    record = Record("device", (refused, *polls(again_at)), (), (fact,))
    assert seen(retry.retry_after_is_respected, record) == {expected}


@pytest.mark.parametrize(
    ("states", "overall", "expected"),
    [
        (["installed", "failed"], "failed", {Seen.KEPT}),
        (["installed", "failed"], "installed", {Seen.BROKEN}),
        (["installing", "pending"], "installing", {Seen.KEPT}),
        (["removed", "installed"], "removed", {Seen.KEPT}),
        (["removed", "installed"], "installed", {Seen.NOTED}),
    ],
)
def test_overall_state(states: list[str], overall: str, expected: set[Seen]) -> None:
    components = ", ".join(f'{{"name": "c{n}", "state": "{state}"}}' for n, state in enumerate(states))
    text = f'{{"status": {{"state": "{overall}"}}, "components": [{components}]}}'
    record = Record("device", (report(1.0, text),))
    assert seen(device_status.overall_state_is_the_most_severe, record) == expected


def test_version_above_what_was_served_is_found() -> None:
    manifest = exchange("fetch-manifest", 1.0, status=200, response=Body(text='{"manifestVersion": 4}'))
    claims = report(2.0, '{"adoptedManifestVersion": 5, "status": {"state": "installed"}}')
    assert seen(device_status.adopted_version_was_served, Record("device", (manifest, claims))) == {Seen.BROKEN}
    claims = report(2.0, '{"adoptedManifestVersion": 4, "status": {"state": "installed"}}')
    assert seen(device_status.adopted_version_was_served, Record("device", (manifest, claims))) == {Seen.KEPT}


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ('{"properties": {"id": "d", "vendor": "v", "modelNumber": "m", "serialNumber": "s"}}', set()),
        ('{"properties": {"id": "d", "vendor": "v", "modelNumber": "m"}}', {"DC-011"}),
        ('{"properties": {"id": "e", "vendor": "v", "modelNumber": "m", "serialNumber": "s"}}', {"DC-012"}),
        ('{"properties": {"id": "d", "vendor": "v", "modelNumber": "m", "serialNumber": "s"}, "more": 1}', {"DC-009"}),
        (
            '{"properties": {"id": "d", "vendor": "v", "modelNumber": "m", "serialNumber": "s", "memory": "59 GB"}}',
            {"DC-014"},
        ),
        ("no JSON", {"DC-009"}),
    ],
)
def test_capabilities(text: str, broken: set[str]) -> None:
    sent = exchange("report-capabilities", 1.0, params={"deviceId": "d"}, request=Body(text=text))
    record = Record("device", (replace_target(sent, "/api/v1/capabilities/d"),))
    of_module = [check for check in MONITORS if check.judge.__module__ == device_capabilities.__name__]
    found = {name for check in of_module if Seen.BROKEN in seen(check, record) for name in check.requirements}
    assert found == broken


def replace_target(sent: Exchange, target: str) -> Exchange:
    return sent.model_copy(update={"target": target})


def test_request_without_svid_is_found() -> None:
    tls = TlsFacts(version="TLSv1.3", peer_chain=("aa",))
    good = exchange("fetch-manifest", 1.0, client=CLIENT, tls=tls)
    bad = good.model_copy(update={"client": None, "tls": None})
    assert seen(device_requests.requests_come_with_an_svid, Record("device", (good,))) == {Seen.KEPT}
    assert seen(device_requests.requests_come_with_an_svid, Record("device", (bad,))) == {Seen.BROKEN}


def test_capabilities_have_to_come_first() -> None:
    first, then = exchange("fetch-manifest", 1.0), exchange("report-capabilities", 2.0, status=201)
    record = Record("device", (first, then))
    assert Seen.BROKEN in seen(polling.capabilities_are_reported_first, record)
    assert seen(polling.capabilities_are_reported_first, replace(record, exchanges=(then, first))) == {Seen.KEPT}


def fact(kind: str, at: float, **data: Any) -> Fact:
    return Fact(n=int(at * 1000) + 500_000, at=at, scenario=1, kind=kind, data=data)


def told(at: float, state: str, version: int = 1) -> Exchange:
    return report(at, f'{{"adoptedManifestVersion": {version}, "status": {{"state": "{state}"}}}}')


def failing(*waits: float, usual: float) -> Record:
    """Failures of the WFM that ask for 1 s, after polls at an interval."""
    at = 3 * usual + 1.0
    before = [item.model_copy(update={"status": 304}) for item in polls(*(1.0 + n * usual for n in range(3)))]
    errors: list[Exchange] = []
    for wait in (0.0, *waits):
        at += wait
        errors.append(exchange("fetch-manifest", at, status=500, fault="answers 500"))
    errors[-1] = errors[-1].model_copy(update={"status": 304, "fault": None})
    data = {"operation": "fetch-manifest", "status": 500, "headers": {}, "problem": {"retryAfterSeconds": 1}}
    return Record("device", (*before, *errors), (), (fact("answering", 2 * usual + 1.05, **data),))


@pytest.mark.parametrize(
    ("waits", "usual", "expected"),
    [
        ((1.0, 2.0), 0.1, Seen.KEPT),
        ((1.89, 2.29), 0.1, Seen.KEPT),
        ((1.0, 1.0, 0.97), 0.1, Seen.KEPT),
        ((59.99, 59.99), 60.0, Seen.NOTED),
        ((2.0, 1.2), 0.1, Seen.BROKEN),
        ((0.5, 2.0), 0.1, Seen.BROKEN),
        ((1.0,), 0.1, Seen.UNSEEN),
    ],
)
def test_waits(waits: tuple[float, ...], usual: float, expected: Seen) -> None:
    assert seen(retry.waits_do_not_shrink, failing(*waits, usual=usual)) == {expected}


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (told(3.0, "installing"), Seen.KEPT),
        (told(3.0, "installed"), Seen.NOTED),
        (report(3.0, "{}", "another"), Seen.BROKEN),
    ],
    ids=["again", "newer", "another"],
)
def test_report_that_could_not_be_taken(later: Exchange, expected: Seen) -> None:
    answering = fact("answering", 1.0, operation="report-status", status=500, headers={}, problem={})
    refused = told(2.0, "installing").model_copy(update={"status": 500, "fault": "answers 500"})
    record = Record("device", (refused, later), (), (answering,))
    assert seen(retry.what_can_be_retried_is, record) == {expected}


@pytest.mark.parametrize(
    ("states", "running", "expected"),
    [
        (("removing", "removed"), {}, Seen.KEPT),
        (("failed", "removed"), {}, Seen.KEPT),
        (("failed", "removed"), {"d-1": {"c": "1"}}, Seen.BROKEN),
        (("removing", "removed"), {"d-1": {"c": "1"}}, Seen.BROKEN),
        (("removing", "removed"), None, Seen.UNSEEN),
        (("removing", "failed"), None, Seen.KEPT),
        (("removing",), {}, Seen.UNSEEN),
    ],
)
def test_removal_is_judged_by_what_runs(states: tuple[str, ...], running: Any, expected: Seen) -> None:
    reports = tuple(told(2.0 + n, state) for n, state in enumerate(states))
    before = fact("workloads", 1.5, running={"d-1": {"c": "1"}})
    facts = (before,) if running is None else (before, fact("workloads", 5.0, running=running))
    record = Record("device", reports, (), facts)
    assert seen(failure.failed_removal_is_not_called_removed, record, deployment="d-1") == {expected}


def published(at: float, version: int, *, timeout: str = "") -> Fact:
    properties = {"revision": str(version)} | ({"timeout": timeout} if timeout else {})
    profile = {"type": "compose", "components": [{"name": "c", "properties": properties}]}
    document = {"metadata": {"name": "d"}, "spec": {"deploymentProfile": profile}}
    return fact("published", at, deploymentId="d-1", version=version, release=1, document=document, components=["c"])


@pytest.mark.parametrize(
    ("states", "running", "expected"),
    [
        ((("installed", 1), ("installing", 2), ("installed", 1)), None, Seen.NOTED),
        ((("installed", 1), ("installing", 2), ("installed", 1)), "1", Seen.NOTED),
        ((("installed", 1), ("installing", 2), ("installed", 1)), "2", Seen.BROKEN),
        ((("installed", 1), ("installed", 2), ("installed", 1)), None, Seen.BROKEN),
        ((("installing", 2), ("installed", 1)), None, Seen.BROKEN),
        ((("installed", 1), ("failed", 2), ("installed", 1)), None, None),
    ],
)
def test_version_that_goes_back(states: Any, running: str | None, expected: Seen | None) -> None:
    reports = tuple(told(2.0 + n, state, version) for n, (state, version) in enumerate(states))
    facts: tuple[Fact, ...] = (published(0.5, 1), published(1.5, 2))
    facts += (fact("workloads", 9.0, running={"d-1": {"c": running}}),) if running else ()
    found = seen(device_status.adopted_version_does_not_go_back, Record("device", reports, (), facts))
    assert found - {Seen.KEPT} == ({expected} if expected else set())


@pytest.mark.parametrize(
    ("inside", "usual", "said", "expected"),
    [
        (None, 0.1, True, Seen.KEPT),
        (None, 0.1, False, Seen.KEPT),
        ("fetch-manifest", 0.1, True, Seen.BROKEN),
        ("report-status", 0.1, True, Seen.BROKEN),
        ("connecting", 0.1, True, Seen.BROKEN),
        ("connecting", 0.1, False, Seen.UNSEEN),
        (None, 1.9, True, Seen.UNSEEN),
    ],
)
def test_downtime(inside: str | None, usual: float, said: bool, expected: Seen) -> None:
    times = [1.0, 1.0 + usual, 1.0 + 2 * usual]
    configured = fact("configured", times[-1] + 0.05, downtime_s=2.0, told={"downtime_s": 2.0} if said else None)
    at = configured.at + 1.0
    extra = (exchange(inside, at, status=200),) if inside and inside != "connecting" else ()
    facts = (configured, *([fact("connecting", at)] if inside == "connecting" else ()))
    record = Record("device", (*polls(*times), *extra, *polls(configured.at + 2.1)), (), facts)
    assert seen(polling.downtime_is_kept, record) == {expected}


@pytest.mark.parametrize(("after", "expected"), [(0.01, Seen.BROKEN), (1.05, Seen.KEPT), (None, Seen.BROKEN)])
def test_timeout_is_neither_ignored_nor_guessed(after: float | None, expected: Seen) -> None:
    reports = (told(1.0 + after, "failed"),) if after else (told(1.5, "installing"),)
    record = Record("device", reports, (), (published(1.0, 1, timeout="0m1s"),))
    assert seen(failure.timeout_ends_an_installation, record, deployment="d-1") == {expected}


@pytest.mark.parametrize(
    ("connected", "after", "expected"),
    [
        (True, ("connecting",), Seen.KEPT),
        (True, ("connecting", "session-resumed"), Seen.BROKEN),
        (True, (), Seen.UNSEEN),
        (True, ("connecting", "fetch-manifest"), Seen.UNSEEN),  # another defect: it needs no anchor at all
        (False, ("connecting",), Seen.UNSEEN),
    ],
)
def test_a_session_ends_with_the_trust_it_began_with(connected: bool, after: tuple[str, ...], expected: Seen) -> None:
    facts = [fact("sessions-offered", 1.0), fact("session-resumed", 2.0), fact("sessions-outlived", 3.0)]
    facts += [fact(name, 4.0) for name in after if name != "fetch-manifest"]
    facts += [fact("presented", 5.0, credential="new anchor"), fact("session-resumed", 6.0)]
    requests = [*(polls(2.1) if connected else ()), *(polls(4.1) if "fetch-manifest" in after else ()), *polls(6.1)]
    record = Record("device", tuple(requests), (), tuple(facts))
    assert seen(sessions.resumption_ends_with_its_trust, record) == {expected}


@pytest.mark.parametrize(
    ("cipher", "expected"),
    [
        ("ECDHE-ECDSA-AES256-GCM-SHA384", {Seen.KEPT}),
        ("ECDHE-ECDSA-AES128-SHA256", {Seen.NOTED, Seen.KEPT}),
        ("ECDHE-ECDSA-NULL-SHA", {Seen.BROKEN}),
        ("refused", {Seen.KEPT}),
        (None, {Seen.UNSEEN}),
    ],
)
def test_falling_back_to_an_older_tls(cipher: str | None, expected: set[Seen]) -> None:
    def connection(at: float, version: str, name: str | None) -> Connection:
        outcome, tls = ("established" if name else "refused"), TlsFacts(version=version, cipher=name)
        return Connection(n=int(at * 1000), at=at, scenario=1, seat="client", outcome=outcome, tls=tls)

    facts = (fact("older-tls", 1.0), fact("newest-tls", 3.0))
    made = [connection(3.5, "TLSv1.3", "TLS_AES_128_GCM_SHA256")]
    made += [connection(2.0, "TLSv1.2", None if cipher == "refused" else cipher)] if cipher else []
    record = Record("device", (), tuple(made), facts)
    assert seen(sessions.falling_back_keeps_to_the_rules, record) == expected
    assert seen(device_requests.connections_use_tls_1_3, record) == {Seen.KEPT}, "nothing newer could be had then"
    later = (*made, connection(4.0, "TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"))
    assert Seen.BROKEN in seen(device_requests.connections_use_tls_1_3, replace(record, connections=later))


def test_tries_are_those_that_went_to_the_wfm() -> None:
    begun = Fact(n=1, at=1.0, scenario=1, kind="disturbed", data={"label": "resets"})
    to_wfm = [exchange("fetch-manifest", at, fault="resets") for at in (2.0, 3.0, 5.0, 9.0)]
    to_identity = [exchange("discover", at, fault="resets") for at in range(2, 10)]
    record = Record("device", (*to_wfm, *to_identity), (), (begun,), {"policies": {"retry": "backoff"}})
    assert Seen.BROKEN not in seen(behaviours_outage.broken_links_are_retried, record)
    fixed = Record("device", tuple(to_identity), (), (begun,), record.claims)
    assert seen(behaviours_outage.broken_links_are_retried, fixed) == {Seen.UNSEEN}
    even = tuple(exchange("fetch-manifest", float(at), fault="resets") for at in range(2, 10))
    assert Seen.BROKEN in seen(
        behaviours_outage.broken_links_are_retried, Record("device", even, (), (begun,), record.claims)
    )
