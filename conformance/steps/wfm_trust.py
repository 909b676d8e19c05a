"""Sentences about where a WFM takes its trust from."""

from pytest_bdd import given, parsers, then, when

from conformance.bench import wfm_trust as trust
from conformance.bench.wfm_bench import WfmBench
from conformance.checks.wfm import trust as checks


@given("the WFM takes its trust from the identity service")
def takes_trust(bench: WfmBench) -> None:
    trust.take_trust_from_service(bench)


@given(parsers.parse("the WFM is to take its trust from an identity service that offers {what}"))
def takes_trust_from_the_start(bench: WfmBench, what: str) -> None:
    trust.take_trust_from_service(bench, what)


@when(parsers.parse("the identity service offers {what}"))
def offers(bench: WfmBench, what: str) -> None:
    trust.offer(bench, what)


@then("clients of the new root are let in, and those of the old one no longer")
@then("clients of the old root are let in, and others not")
@then("nobody is let in")
def let_in(bench: WfmBench) -> None:
    trust.knock(bench, "old root")
    trust.knock(bench, "new root")
    bench.judge(checks.trust_is_what_was_offered_rightly)


@then("the service was asked again and again, for JSON")
def asked_properly(bench: WfmBench) -> None:
    bench.judge(checks.bundles_are_asked_for_properly)
