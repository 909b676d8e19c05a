"""Sentences about what cannot be done, and about a WFM that is asked too much."""

from pytest_bdd import parsers, then, when

from conformance.bench import wfm_attempts as attempts
from conformance.bench import wfm_trouble as trouble
from conformance.bench.wfm_bench import WfmBench
from conformance.checks.wfm import errors, overload


@when(parsers.parse("client {name:w} asks for a bundle by {digest}"))
def fetch_no_digest(bench: WfmBench, name: str, digest: str) -> None:
    attempts.fetch_no_digest(bench, name, digest)


@when(parsers.parse("client {name:w} looks for {what}"))
def look_for(bench: WfmBench, name: str, what: str) -> None:
    trouble.look_for(bench, name, what)


@when(parsers.parse("client {name:w} makes one mistake of every kind"))
def every_mistake(bench: WfmBench, name: str) -> None:
    trouble.every_mistake(bench, name)


@when("the WFM can take no more requests")
def no_capacity(bench: WfmBench) -> None:
    trouble.limit(bench, "everything at once")


@when("the WFM takes but few requests of one client")
def few_requests(bench: WfmBench) -> None:
    trouble.limit(bench, "one client too often")


@when(parsers.parse("client {name:w} tries everything"))
def try_everything(bench: WfmBench, name: str) -> None:
    trouble.try_everything(bench, name)


@when(parsers.parse('client {name:w} tries to report device "{device}"'))
def try_report(bench: WfmBench, name: str, device: str) -> None:
    trouble.try_report(bench, name, device)


@when("the WFM has capacity again")
def capacity_again(bench: WfmBench) -> None:
    bench.subject.hooks.need("lift_load")()


@then("the WFM has refused only what does not exist")
def refused_missing(bench: WfmBench) -> None:
    bench.judge(errors.missing_content_is_not_found)


@then("the WFM has given nothing for it")
def given_nothing(bench: WfmBench) -> None:
    bench.judge(errors.no_digest_names_no_content)


@then("the WFM has said that there is no such thing")
def no_such_thing(bench: WfmBench) -> None:
    bench.judge(errors.other_requests_are_plain_problems)


@then("every problem is consistent in itself")
def consistent(bench: WfmBench) -> None:
    bench.judge(errors.problems_are_consistent)


@then(parsers.parse("client {:w} was told when to come back, and was served afterwards"))
def told_when(bench: WfmBench) -> None:
    bench.judge(overload.overload_is_told_with_a_time)
    bench.judge(overload.service_goes_on_after_overload)
