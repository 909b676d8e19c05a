"""Who the WFM is, and whom the device takes its trust from."""

from pytest_bdd import given, parsers, then, when

from conformance.bench import device_sessions, device_trust
from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_identities import DEFECTS, UNUSUAL
from conformance.checks.device import evidence, identity, onboarding, sessions
from conformance.checks.evidence import Record
from conformance.checks.registry import Check
from conformance.record.events import Fact

# --- the WFM ---------------------------------------------------------------------------------------------------------


@when(parsers.parse("the WFM comes with a credential that {defect}"))
def comes_with(bench: DeviceBench, defect: str) -> None:
    fact = bench.present(DEFECTS[defect])
    bench.until(lambda record: _attempts(record, fact) >= 2 or _sent(record, fact), "retry")


@when(parsers.parse("the WFM comes with a good credential that {is_odd}"))
def comes_with_unusual(bench: DeviceBench, is_odd: str) -> None:
    fact = bench.present(UNUSUAL[is_odd])
    bench.until(lambda record: evidence.polls_after(record, fact.at) or _attempts(record, fact) >= 3, "retry")


@when("the WFM comes with its own credential again")
def comes_as_itself(bench: DeviceBench) -> None:
    fact = bench.present("good")
    bench.until(lambda record: evidence.polls_after(record, fact.at), "retry")


@when(parsers.parse("the WFM speaks only TLS 1.2, with {ciphers}"))
def speaks_tls12(bench: DeviceBench, ciphers: str) -> None:
    fact = device_sessions.speak_tls12(bench, ciphers)
    bench.until(
        lambda record: sum(item.at > fact.at for item in record.connections) >= 2 or _sent(record, fact), "retry"
    )


@when("the WFM speaks TLS 1.3 again")
def speaks_tls13(bench: DeviceBench) -> None:
    fact = device_sessions.speak_tls13(bench)
    bench.until(lambda record: evidence.polls_after(record, fact.at), "retry")


@then("the device falls back only as far as it may")
def falls_back(bench: DeviceBench) -> None:
    bench.judge(sessions.falling_back_keeps_to_the_rules)


@then("the device goes on with it")
def goes_on(bench: DeviceBench) -> None:
    bench.judge(sessions.newest_tls_is_spoken_again)


@then("the device talks to it")
def talks(bench: DeviceBench) -> None:
    bench.judge(identity.good_wfm_is_accepted)


@then(parsers.parse("the device does not talk to it, since {reason}"))
def does_not_talk(bench: DeviceBench, reason: str) -> None:
    bench.judge(REASONS[reason])


REASONS: dict[str, Check] = {
    "its certificates are not valid": identity.invalid_chain_is_refused,
    "it is no credential of a workload": identity.leaf_that_is_no_svid_is_refused,
    "it is of another trust domain": identity.foreign_trust_domain_is_refused,
    "it is another WFM": identity.other_wfm_is_refused,
    "its key is too weak": identity.weak_key_is_refused,
    "it is another host": onboarding.other_host_is_refused,
    "a certificate is missing": identity.missing_intermediate_is_not_fetched,
}


def _connecting(record: Record, fact: Fact) -> list[Fact]:
    return [item for item in record.facts_of("connecting") if item.at > fact.at]


def _attempts(record: Record, fact: Fact) -> int:
    name = fact.data["credential"]
    return len([item for item in record.facts_of("connecting") if item.data["offered"] == name])


def _sent(record: Record, fact: Fact) -> bool:
    return any(item.at > fact.at for item in evidence.management(record))


# --- the identity service --------------------------------------------------------------------------------------------


@given("an identity service from which the device takes its trust")
def service(bench: DeviceBench) -> None:
    bench.named["service"] = device_trust.open_service(bench)


@given(parsers.parse("an identity service with {defect}"))
def bad_service(bench: DeviceBench, defect: str) -> None:
    bench.named["service"] = device_trust.open_service(bench, defect)


@given(parsers.parse("it gives a trust bundle {kind}"))
@when(parsers.parse("the identity service gives a trust bundle {kind}"))
def gives_bundle(bench: DeviceBench, kind: str) -> None:
    device_trust.publish_bundle(bench.named["service"], kind.removeprefix("that is "))


@given(parsers.parse("it gives a discovery document {kind}"))
@when(parsers.parse("the identity service gives a discovery document {kind}"))
def gives_discovery(bench: DeviceBench, kind: str) -> None:
    device_trust.publish_discovery(bench.named["service"], kind.removeprefix("that is "))


@when("the device is told the pin of the key that the service has")
def told_the_pin(bench: DeviceBench) -> None:
    bench.named["service"].pin_the_right_key()


@when("the device is told the address where the service proves itself")
def told_the_address(bench: DeviceBench) -> None:
    bench.named["service"].tell_the_good_address()


@when("the identity service goes away and the device reboots")
def offline(bench: DeviceBench) -> None:
    device_trust.go_offline(bench.named["service"])
    fact = bench.record.facts_of("rebooted")[-1]
    bench.until(lambda record: evidence.polls_after(record, fact.at), "retry")


@when("the old and the new anchor are published together")
def both_anchors(bench: DeviceBench) -> None:
    device_trust.begin_rotation(bench.named["service"])
    _until_adopted(bench)


@when("everybody had time to refresh and the WFM gets a credential of the new anchor")
def issuance_switched(bench: DeviceBench) -> None:
    device_trust.switch_issuance(bench.named["service"])
    fact = bench.record.facts_of("presented")[-1]
    bench.until(lambda record: evidence.polls_after(record, fact.at), "retry")


@when("the old anchor is retired")
def anchor_retired(bench: DeviceBench) -> None:
    device_trust.retire_anchor(bench.named["service"])
    _until_adopted(bench)


def _until_adopted(bench: DeviceBench) -> None:
    since = bench.record.facts_of("bundle-published")[-1]
    bench.until(lambda record: bench.named["service"].has_adopted(record, since), "retry")


@when("the device has refreshed that bundle")
def has_refreshed(bench: DeviceBench) -> None:
    since = bench.record.facts_of("bundle-published")[-1]
    bench.until(lambda record: len([i for i in record.of("fetch-trust-bundle") if i.at > since.at]) >= 4, "apply")


@then("it refreshes the bundle when the bundle says")
def keeps_hint(bench: DeviceBench) -> None:
    bench.judge(identity.refresh_hint_is_kept)


@then("it asks for the missing bundle again")
def asks_for_bundle_again(bench: DeviceBench) -> None:
    since = bench.record.facts_of("bundle-published")[-1]
    bench.until(lambda record: len([i for i in record.of("fetch-trust-bundle") if i.at > since.at]) >= 2, "connect")
    bench.judge(identity.missing_bundle_is_asked_for_again)


@then("it goes on with the bundle that it had stored")
def goes_on_with_stored(bench: DeviceBench) -> None:
    bench.judge(identity.stored_bundle_is_used)


@then("it found the bundle where the operator said")
def operators_address(bench: DeviceBench) -> None:
    bench.until(identity.went_on_with_it, "retry")
    bench.judge(identity.operators_address_is_used)


@then("it takes no trust from another trust domain")
def no_foreign_discovery(bench: DeviceBench) -> None:
    bench.judge(identity.foreign_discovery_is_refused)


@then("the device connects, since the key is the pinned one")
def connects_pinned(bench: DeviceBench) -> None:
    bench.until(identity.went_on_with_it, "connect")
    bench.judge(identity.pinned_service_needs_no_name)


@then("the device talks to it, whatever key it has")
def talks_whatever_key(bench: DeviceBench) -> None:
    bench.judge(identity.declared_keys_are_accepted)


@then("it knows the WFM by its credential alone")
def by_credential_alone(bench: DeviceBench) -> None:
    bench.judge(identity.address_is_no_identity)


@then("it needs no word on whether a certificate was revoked")
def no_revocation(bench: DeviceBench) -> None:
    bench.judge(identity.no_revocation_is_asked_for)


@when("the identity service proves itself after all")
def proves_itself(bench: DeviceBench) -> None:
    bench.named["service"].prove()


@when("the device is switched on and looks for trust")
def looks_for_trust(bench: DeviceBench) -> None:
    since = bench.named["service"].switch_on(afresh=True)
    bench.until(lambda record: bench.named["service"].was_asked(record, since), "connect")
    bench.until(lambda record: _tried(record, since), "retry")


def _tried(record: Record, since: float) -> bool:
    attempts = [fact for fact in record.facts_of("connecting") if fact.at > since]
    return len(attempts) >= 2 or bool(evidence.polls_after(record, since))


@when("the device connects with the trust that it was given")
def connects(bench: DeviceBench) -> None:
    since = bench.named["service"].switch_on(afresh=False)
    bench.until(lambda record: len(evidence.polls_after(record, since)) >= 2, "connect")


@when("the device has looked for a newer bundle and connects anew")
def refreshed(bench: DeviceBench) -> None:
    since = bench.record.facts[-1]
    bench.until(lambda record: bench.named["service"].has_refreshed(record, since), "retry")
    fact = bench.present("good")
    bench.until(lambda record: evidence.polls_after(record, fact.at), "retry")


@when("the anchor of the trust domain is replaced, and the WFM has the new one")
def new_anchor(bench: DeviceBench) -> None:
    _publish_anchor(bench)
    _present_successor(bench)


def _present_successor(bench: DeviceBench) -> None:
    fact = bench.note("presented", credential="new anchor", clause="")
    bench.loop.run(bench.world.present_of(bench.named["successor"], "new anchor"))
    bench.until(lambda record: evidence.polls_after(record, fact.at), "retry")


def _publish_anchor(bench: DeviceBench) -> None:
    bench.named["successor"] = device_trust.replace_anchor(bench.named["service"])
    _until_adopted(bench)


@given("a WFM that lets sessions be taken up again")
def gives_tickets(bench: DeviceBench) -> None:
    device_sessions.give_tickets(bench)


@when("the anchor of the trust domain is replaced, while the WFM stays as it is")
def anchor_outlived(bench: DeviceBench) -> None:
    _publish_anchor(bench)
    fact = device_sessions.end_connections(bench)
    bench.until(lambda record: len(_connecting(record, fact)) >= 2 or _sent(record, fact), "retry")


@when("the WFM gets a credential of the new anchor")
def new_credential(bench: DeviceBench) -> None:
    _present_successor(bench)


@then("the device takes up no session from before")
def takes_up_no_session(bench: DeviceBench) -> None:
    bench.judge(sessions.resumption_ends_with_its_trust)


@when("a WFM comes that has only the anchor that was replaced")
def old_anchor(bench: DeviceBench) -> None:
    bench.loop.run(bench.world.present_of(bench.world.authority, "retired anchor"))
    # only now: what was under way on older connections until they were broken is no answer to it
    fact = bench.note("presented", credential="retired anchor", clause="ID-84")
    bench.until(lambda record: _attempts(record, fact) >= 2 or _sent(record, fact), "retry")


@then("the device talks to the WFM with the new anchor")
def talks_new(bench: DeviceBench) -> None:
    bench.judge(identity.new_anchor_is_accepted)


@then("the device does not talk to the WFM with the replaced anchor")
def talks_not_old(bench: DeviceBench) -> None:
    bench.judge(identity.retired_anchor_is_refused)


@then("it trusts nobody")
def trusts_nobody(bench: DeviceBench) -> None:
    bench.judge(identity.bundle_without_anchors_gives_no_trust)


@then("it takes no anchor from keys for another use")
def takes_no_other_use(bench: DeviceBench) -> None:
    bench.judge(identity.keys_of_other_use_are_no_anchors)


@then("it takes no trust from a plain address")
def no_plain(bench: DeviceBench) -> None:
    bench.judge(identity.plain_bundle_address_is_refused)


@then("it looks for nothing at a plain address")
def no_plain_discovery(bench: DeviceBench) -> None:
    bench.judge(identity.plain_discovery_is_refused)


@then("it takes no trust from an origin without proof")
def no_other_origin(bench: DeviceBench) -> None:
    bench.judge(identity.uncovered_origin_is_refused)


@then("it takes no trust from a service without proof")
def no_proof(bench: DeviceBench) -> None:
    bench.judge(identity.unproven_service_is_refused)


@then("the device connects with what the service gave")
def connects_with_it(bench: DeviceBench) -> None:
    bench.until(identity.went_on_with_it, "connect")
    bench.judge(identity.proven_service_is_used)


@then("it passes over what it does not know")
def passes_over(bench: DeviceBench) -> None:
    bench.until(identity.went_on_with_it, "connect")
    bench.judge(identity.unknown_members_are_ignored)


@then("the bundle that the device holds goes on being used")
def held_bundle(bench: DeviceBench) -> None:
    bench.judge(identity.failed_refresh_changes_nothing)


@then("it asks for the documents in their format")
def asks_for_json(bench: DeviceBench) -> None:
    bench.judge(identity.retrieval_asks_for_json)
