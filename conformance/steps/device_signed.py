"""Clients that onboard by a certificate and sign their requests."""

from pytest_bdd import given, parsers, then, when

from conformance.bench import device_onboarding as clients
from conformance.bench.device_bench import DeviceBench
from conformance.checks.device import evidence, onboarding
from conformance.checks.evidence import Record

# --- onboarding ------------------------------------------------------------------------------------------------------


@then("it onboards before anything else, and says what it is next")
def onboards(bench: DeviceBench) -> None:
    bench.judge(onboarding.device_onboards_first)


@given(parsers.parse("onboarding is {trouble}"))
def troubled(bench: DeviceBench, trouble: str) -> None:
    clients.trouble_onboarding(bench, trouble)


@when("the device is switched on and tries to onboard")
def tries(bench: DeviceBench) -> None:
    bench.start_device()
    bench.until(lambda record: len(record.of("onboard")) >= 2, "retry")


@then("it asks for nothing while it is not onboarded")
def asks_nothing(bench: DeviceBench) -> None:
    bench.judge(onboarding.nothing_is_asked_before_onboarding)


@when("onboarding is possible after all")
def possible(bench: DeviceBench) -> None:
    bench.recover()
    bench.until(lambda record: len(record.polls) >= 2, "connect")


@then("it is the same client as before, and does not onboard anew")
def same_client(bench: DeviceBench) -> None:
    bench.judge(onboarding.client_stays_the_same)


@then("it onboards again, as a device that is new")
def again(bench: DeviceBench) -> None:
    bench.judge(onboarding.device_that_is_as_new_onboards_again)


# --- the root certificate --------------------------------------------------------------------------------------------


@given(parsers.parse("the WFM gives the root certificate of another authority as {encoding}"))
def other_root(bench: DeviceBench, encoding: str) -> None:
    clients.give_other_root(bench, encoding)


@when("the device is switched on and fetches the root certificate")
def fetches_root(bench: DeviceBench) -> None:
    bench.start_device()
    bench.until(lambda record: record.of("fetch-root-certificate") or record.of("onboard"), "connect")


@then("it fetched the root certificate before it onboarded")
def fetched_first(bench: DeviceBench) -> None:
    bench.judge(onboarding.root_certificate_is_fetched_first)


@when("the WFM comes with a certificate of the authority that it gave")
def changed_authority(bench: DeviceBench) -> None:
    fact = clients.change_authority(bench)
    bench.until(lambda record: evidence.polls_after(record, fact.at), "retry")


@then("the device trusts the authority that it was given")
def trusts_given(bench: DeviceBench) -> None:
    bench.judge(onboarding.fetched_root_is_trusted)


# --- signatures ------------------------------------------------------------------------------------------------------


@then("everything that it sent is signed as it has to be")
def all_signed(bench: DeviceBench) -> None:
    bench.judge(onboarding.every_kind_of_request_is_signed)


@when("the network is cut for longer than a signature is good")
def cut_for_long(bench: DeviceBench) -> None:
    bench.cut()
    bench.let_pass(clients.STALE_S)


@then("what it sends then is signed when it is sent")
def signed_anew(bench: DeviceBench) -> None:
    bench.judge(onboarding.every_attempt_is_signed_anew, since=clients.await_return(bench))


# --- refusals --------------------------------------------------------------------------------------------------------


@when(parsers.parse("the WFM refuses the requests of the device, since {why}"))
def refuses(bench: DeviceBench, why: str) -> None:
    fact = clients.refuse_client(bench, why)
    bench.until(lambda record: len(evidence.polls_after(record, fact.at)) >= 2, "retry")
    bench.look()


@when("the WFM does not know the client any more")
def forgets(bench: DeviceBench) -> None:
    fact = clients.forget_client(bench)
    bench.until(lambda record: _refused(record.since(fact)) >= 2, "retry")
    bench.look()
    bench.judge(onboarding.what_a_forgotten_client_does_is_told)


def _refused(record: Record) -> int:
    return len([item for item in evidence.management(record) if item.status == 404])


@when("the WFM takes its requests again")
def takes_again(bench: DeviceBench) -> None:
    fact = bench.recover()
    bench.until(lambda record: evidence.polls_after(record, fact.at), "retry")


@when("the WFM knows the client again")
def knows_again(bench: DeviceBench) -> None:
    fact = clients.remember_client(bench)
    bench.until(lambda record: evidence.polls_after(record, fact.at), "retry")


@then("every attempt was signed anew")
def attempts_anew(bench: DeviceBench) -> None:
    bench.judge(onboarding.every_attempt_is_signed_anew, since=bench.record.facts_of("answering")[0])
