"""Sentences about signatures and onboarding, which only revision 1.0.0-rc.2-signed has."""

from typing import cast

from pytest_bdd import given, parsers, then, when

from conformance.bench import wfm_signing as signing
from conformance.bench.wfm_bench import WfmBench
from conformance.checks.wfm import signing as checks
from simulator.identity.client_certificate import CertificateEncoding
from simulator.identity.signatures import Algorithm


@when(parsers.parse('client {name:w} reports device "{device}", signed with {flaw}'))
def wrong_signature(bench: WfmBench, name: str, device: str, flaw: str) -> None:
    signing.wrong_signature(bench, name, device, flaw)


@when(parsers.parse("client {name:w} asks for the manifest of client {owner:w} with its own signature"))
def foreign_route(bench: WfmBench, name: str, owner: str) -> None:
    signing.foreign_route(bench, name, owner)


@when(parsers.parse('client {name:w} reports device "{device}" on the routes of a client that never was'))
def unknown_client(bench: WfmBench, name: str, device: str) -> None:
    signing.unknown_client(bench, name, device)


@when(parsers.parse('client {name:w} reports device "{device}", under another name of its key'))
def other_key_name(bench: WfmBench, name: str, device: str) -> None:
    signing.other_key_name(bench, name, device)


@when(parsers.parse('client {name:w} reports device "{device}", with names of components in capital letters'))
def capital_letters(bench: WfmBench, name: str, device: str) -> None:
    signing.capital_letters(bench, name, device)


@when(parsers.parse('client {name:w} sends the very same report of device "{device}" twice'))
def twice(bench: WfmBench, name: str, device: str) -> None:
    signing.twice(bench, name, device)


@given(parsers.parse("client {name:w} has onboarded"))
def has_onboarded(bench: WfmBench, name: str) -> None:
    signing.onboard(bench, name)
    signing.need(bench, name)


@when(parsers.parse("client {name:w} onboards"))
def onboards(bench: WfmBench, name: str) -> None:
    signing.onboard(bench, name)


@when(parsers.parse("client {name:w} onboards with a key for {algorithm}"))
def onboards_with(bench: WfmBench, name: str, algorithm: str) -> None:
    signing.onboard_with(bench, name, cast("Algorithm", algorithm))


@when(parsers.parse("client {name:w} onboards with its certificate in {encoding}"))
def onboards_in(bench: WfmBench, name: str, encoding: str) -> None:
    signing.onboard(bench, name, encoding=cast("CertificateEncoding", encoding))


@when(parsers.parse("client {name:w} onboards again with the same certificate"))
def onboards_again(bench: WfmBench, name: str) -> None:
    signing.onboard_again(bench, name)


@when(parsers.parse("somebody onboards with {defect}"))
def wrong_onboarding(bench: WfmBench, defect: str) -> None:
    signing.wrong_onboarding(bench, defect)


@when(parsers.parse("the operator lets in client {name:w} and not client {other:w}"))
def lets_in(bench: WfmBench, name: str, other: str) -> None:
    signing.admit(bench, name, other)


@when(parsers.parse("client {name:w} tries to onboard"))
def tries_to_onboard(bench: WfmBench, name: str) -> None:
    signing.try_to_onboard(bench, name)


@when("somebody asks for the root certificate without a signature")
def root_certificate(bench: WfmBench) -> None:
    signing.root_certificate(bench)


@then("the WFM has refused the request with the wrong signature only")
def refused(bench: WfmBench) -> None:
    bench.judge(checks.wrong_signatures_are_refused)


@then("the WFM has refused the request of the unknown client only")
def not_known(bench: WfmBench) -> None:
    bench.judge(checks.clients_that_never_were_are_not_known)


@then("the WFM has understood every word")
def understood(bench: WfmBench) -> None:
    bench.judge(checks.every_algorithm_is_understood)


@then("the WFM has served every request that was signed well")
def served(bench: WfmBench) -> None:
    bench.judge(checks.signed_requests_are_served)


@then("what the WFM makes of capital letters is noted")
def capitals_noted(bench: WfmBench) -> None:
    bench.judge(checks.capital_letters_are_noted)


@then("what the WFM makes of the second one is noted")
def replay_noted(bench: WfmBench) -> None:
    bench.judge(checks.replays_are_noted)


@then("each client has an id of its own that is fit for an address")
def ids(bench: WfmBench) -> None:
    bench.judge(checks.client_ids_are_unique_and_url_safe)
    bench.judge(checks.forms_of_ids_are_noted)


@then("the WFM has refused the wrong onboarding only")
def onboarding_refused(bench: WfmBench) -> None:
    bench.judge(checks.wrong_onboardings_are_refused)


@then("the WFM has read at least one of the encodings")
def encodings(bench: WfmBench) -> None:
    bench.judge(checks.an_encoding_of_certificates_is_read)


@then("what the WFM gives to a client that comes again is noted")
def again_noted(bench: WfmBench) -> None:
    bench.judge(checks.coming_again_is_noted)


@then("it is given the root certificate of the WFM")
def root_given(bench: WfmBench) -> None:
    bench.judge(checks.the_root_certificate_is_given)
