"""A device that does not come is blamed where it is known how often it comes, or where it tried in vain: else never."""

from typing import Any

import pytest

from conformance.bench.run import load_checks
from conformance.checks.device import (
    adoption,
    behaviours_failure,
    behaviours_outage,
    behaviours_runtime,
    failure,
    gateway,
    identity,
    onboarding,
    polling,
    recovery,
    refusal,
    retry,
    sessions,
)
from conformance.checks.evidence import Record
from conformance.checks.registry import Check, Seen
from conformance.record.events import Body, Connection, Exchange, Fact, TlsFacts

load_checks()
LEAF = "ab"
TLS = TlsFacts(version="TLSv1.3", peer_chain=(LEAF,))
REPORT = Body(text='{"status": {"state": "failed", "error": {"code": "E", "message": "no"}}}')


def exchange(operation: str, at: float, status: int | None = 304, **more: Any) -> Exchange:
    given: dict[str, Any] = {"method": "GET", "target": "/", "scenario": 1, "seat": "client", "tls": TLS}
    return Exchange(n=int(at * 1000), at=at, finished=at + 0.01, operation=operation, status=status, **given | more)


def fact(kind: str, at: float, **data: Any) -> Fact:
    return Fact(n=int(at * 1000) + 500_000, at=at, scenario=1, kind=kind, data=data)


def presented(at: float, credential: str) -> Fact:
    return fact("presented", at, credential=credential, clause="")


UP = fact("restart-seen", 3.1, told=0.0, seconds=0.1)
BUNDLE = fact("bundle-published", 1.0)
FETCHED = exchange("fetch-trust-bundle", 2.0, 200)
RELEASE = {"deploymentId": "d-1", "version": 1, "release": 1}
REFUSED = exchange("report-status", 3.0, 500, params={"deploymentId": "d-1"}, request=REPORT, fault="answers 500")
ANSWERING = fact("answering", 2.0, operation="report-status", status=500, headers={}, problem={})
STATUS = exchange("report-status", 3.0, 200, params={"deploymentId": "d-1"}, request=REPORT)
CHECKS: dict[Check, tuple[dict[str, Any], tuple[Fact, ...], tuple[Exchange, ...]]] = {
    identity.good_wfm_is_accepted: ({}, (presented(3.0, "good"),), ()),
    identity.new_anchor_is_accepted: ({}, (presented(3.0, "new anchor"),), ()),
    identity.failed_refresh_changes_nothing: ({}, (BUNDLE, presented(3.0, "good")), (FETCHED,)),
    identity.unknown_members_are_ignored: ({}, (BUNDLE,), (FETCHED,)),
    identity.proven_service_is_used: ({}, (BUNDLE,), (FETCHED,)),
    identity.operators_address_is_used: ({}, (), (exchange("discover", 1.0, 404), FETCHED)),
    identity.stored_bundle_is_used: ({}, (fact("service-gone", 2.0), fact("rebooted", 3.0), UP), ()),
    identity.address_is_no_identity: ({}, (presented(3.0, "odd"),), ()),
    onboarding.fetched_root_is_trusted: (
        {},
        (fact("root-given", 1.0, encoding="PEM"), presented(3.0, "good")),
        (exchange("fetch-root-certificate", 2.0, 200),),
    ),
    sessions.newest_tls_is_spoken_again: ({}, (fact("newest-tls", 3.0),), ()),
    recovery.polling_goes_on_after_an_outage: ({}, (fact("network-restored", 3.0),), ()),
    behaviours_failure.impossible_deployment_is_told: (
        {"deployment": "d-1"},
        (fact("published", 1.0, **RELEASE),),
        (
            exchange("fetch-manifest", 2.0, 200, response=Body(text='{"manifestVersion": 1}')),
            STATUS,
        ),
    ),
    behaviours_outage.renewed_credential_is_used: ({}, (fact("credential-given", 3.0, expired=False, leaf=LEAF),), ()),
    behaviours_outage.unset_clock_fails_closed: (
        {},
        (presented(1.0, "not-yet-valid"), fact("connecting", 2.0, offered="not-yet-valid"), presented(3.0, "good")),
        (),
    ),
    behaviours_outage.expired_credential_is_survived: (
        {},
        (
            fact("credential-given", 2.0, expired=True, leaf="cd"),
            fact("credential-given", 3.0, expired=False, leaf=LEAF),
        ),
        (),
    ),
    retry.unknown_problem_is_survived: ({}, (ANSWERING,), (REFUSED,)),
}
"""Checks that wait for a device to come: what each is given, and what happened before it should have come."""
PACE = "`poll-interval:`"


def judged(
    check: Check, interval: float | None, *then: Exchange, tried: tuple[Connection, ...] = ()
) -> dict[Seen, str]:
    """What a check says at the end of the scenario, by outcome, where the statement gives that interval or none."""
    subject, facts, exchanges = CHECKS[check]
    provisioned = fact("provisioned", 0.1, pollInterval=interval)
    record = Record("device", (*exchanges, *then), tried, (provisioned, *facts))
    return {judgement.seen: judgement.found for judgement in check(record, **subject)}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_silence_is_held_against_a_device_whose_pace_is_known(check: Check) -> None:
    assert Seen.BROKEN in judged(check, 0.5)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_silence_says_nothing_of_a_device_whose_pace_nobody_stated(check: Check) -> None:
    said = judged(check, None)
    assert Seen.BROKEN not in said
    assert PACE in said[Seen.UNSEEN]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_device_that_tries_in_vain_is_blamed_whatever_its_pace(check: Check) -> None:
    refused = Connection(n=9, at=4.0, scenario=1, seat="client", outcome="refused", offered="good", tls=None)
    assert Seen.BROKEN in judged(check, None, tried=(refused,))


@pytest.mark.parametrize("interval", [0.5, None])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_device_that_comes_passes_whatever_its_pace(check: Check, interval: float | None) -> None:
    said = judged(check, interval, exchange("fetch-manifest", 5.0))
    assert Seen.BROKEN not in said
    assert Seen.KEPT in said


COMPOSE = {"spec": {"deploymentProfile": {"type": "compose", "components": []}}}
PUBLISHED = fact("published", 2.0, **RELEASE, components=["c"], document=COMPOSE, target="g/a")
WITHDRAWN = fact("withdrawn", 2.5, deploymentId="d-1", version=2)
REACHED: dict[Check, tuple[Fact, ...]] = {
    adoption.newest_state_is_reached: (PUBLISHED,),
    adoption.compose_archives_are_deployed: (PUBLISHED,),
    adoption.removal_is_reported_as_it_goes: (WITHDRAWN,),
    refusal.stated_size_is_no_integrity: (PUBLISHED,),
    recovery.outage_is_survived: (PUBLISHED, fact("network-restored", 2.5)),
    recovery.update_is_finished_after_lost_power: (PUBLISHED, fact("powered-up", 2.5)),
    gateway.child_is_named_in_reports: (PUBLISHED,),
    failure.failure_is_reported: (PUBLISHED,),
    failure.timeout_ends_an_installation: (PUBLISHED,),
    behaviours_runtime.bad_network_only_delays: (fact("disturbed", 1.0, label="slow"), PUBLISHED),
    behaviours_runtime.device_begins_every_connection: (PUBLISHED,),
}
"""Checks that wait for a state to be reached, and what the device would have seen had it come."""


@pytest.mark.parametrize("check", REACHED, ids=lambda check: check.name)
def test_a_state_that_is_not_reached_is_held_against_a_device_that_came_or_should_have(check: Check) -> None:
    def seen(interval: float | None, *exchanges: Exchange) -> set[Seen]:
        facts = (fact("provisioned", 0.1, pollInterval=interval), *REACHED[check])
        record = Record("device", (exchange("fetch-manifest", 0.5), *exchanges), (), facts)
        given = {} if check is adoption.newest_state_is_reached else {"deployment": "d-1"}
        return {judgement.seen for judgement in check(record, **given)}

    assert seen(None) == {Seen.UNSEEN}
    assert seen(0.5) == {Seen.BROKEN}
    assert seen(None, exchange("fetch-manifest", 3.0)) == {Seen.BROKEN}


def test_what_a_device_sends_that_does_not_poll_yet_is_neither_a_poll_nor_a_fault() -> None:
    sent = exchange("report-status", 5.0, 200)
    assert set(judged(identity.good_wfm_is_accepted, None, sent)) == {Seen.UNSEEN}
    assert set(judged(identity.good_wfm_is_accepted, None, exchange("report-status", 5.0, None))) == {Seen.BROKEN}
    assert set(judged(identity.good_wfm_is_accepted, 0.5, sent)) == {Seen.BROKEN}


def test_a_bundle_that_was_asked_for_in_vain_is_told_from_one_that_was_not_asked_for() -> None:
    provisioned, mended = fact("provisioned", 0.1, pollInterval=None), fact("service-mended", 1.0)
    contacted = fact("service-contacted", 2.0, outcome="refused", reason="")
    never = Record("device", (), (), (provisioned, mended))
    in_vain = Record("device", (), (), (provisioned, mended, contacted))
    assert [item.seen for item in identity.proven_service_is_used(never)] == [Seen.UNSEEN]
    assert [item.seen for item in identity.proven_service_is_used(in_vain)] == [Seen.BROKEN]


@pytest.mark.parametrize(
    ("check", "data"),
    [
        (polling.changed_capabilities_are_reported, {"serial": "s-2"}),
        (gateway.gone_child_is_withdrawn, {"gone": "g/a"}),
        (gateway.new_child_is_reported, {"child": "g/b"}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_change_that_is_not_reported_is_blamed_once_the_device_was_heard_of(check: Check, data: Any) -> None:
    def seen(interval: float | None, *exchanges: Exchange) -> set[Seen]:
        facts = (fact("provisioned", 0.1, pollInterval=interval), fact("configured", 2.0, told=data, **data))
        return {judgement.seen for judgement in check(Record("device", exchanges, (), facts))}

    assert seen(None) == {Seen.UNSEEN}
    assert seen(0.5) == {Seen.BROKEN}
    assert seen(None, exchange("fetch-manifest", 3.0)) == {Seen.BROKEN}


def test_a_report_is_sent_again_or_not_once_the_device_was_heard_of() -> None:
    def seen(interval: float | None, *exchanges: Exchange) -> set[Seen]:
        facts = (fact("provisioned", 0.1, pollInterval=interval), ANSWERING)
        return {judgement.seen for judgement in retry.what_can_be_retried_is(Record("device", exchanges, (), facts))}

    assert seen(None, REFUSED) == {Seen.UNSEEN}
    assert seen(0.5, REFUSED) == {Seen.BROKEN}
    assert seen(None, REFUSED, exchange("fetch-manifest", 4.0)) == {Seen.BROKEN}
