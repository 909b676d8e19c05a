"""The network between the two, the WFM that goes and comes, and the errors that it answers with."""

from pytest_bdd import parsers, then, when

from conformance.bench.device_bench import DeviceBench
from conformance.checks.device import adoption, evidence, recovery, retry
from conformance.checks.evidence import Record
from conformance.record.events import Fact

OPERATIONS = {
    "asks for its desired state": "fetch-manifest",
    "reports its capabilities": "report-capabilities",
    "reports a status": "report-status",
    "fetches what it is to run": "fetch-bundle",
}
UNTIL_MISSED = 2.0
"""After so many times the distance between polls a device has noticed that nobody answers."""
TYPE = "https://docs.margo.org/specification/problem-types"


# --- the network -----------------------------------------------------------------------------------------------------


@when("the network is cut")
def cut(bench: DeviceBench) -> None:
    bench.cut()
    _is_missed(bench)


@when("the network is restored")
def restore(bench: DeviceBench) -> None:
    fact = bench.restore()
    bench.until(lambda record: evidence.polls_after(record, fact.at), "retry")


@when("the WFM goes away")
def goes_away(bench: DeviceBench) -> None:
    bench.stop_wfm()
    _is_missed(bench)


def _is_missed(bench: DeviceBench) -> None:
    """Let so much time pass that a device has asked in vain: an outage that it never met shows nothing."""
    bench.let_pass(UNTIL_MISSED * (bench.ics.poll_interval or bench.seat.poll_s or 0.0))


@when("the WFM comes back")
def comes_back(bench: DeviceBench) -> None:
    fact = bench.start_wfm()
    bench.until(lambda record: evidence.polls_after(record, fact.at), "retry")


@then("the device asks for its desired state again")
def asks_again(bench: DeviceBench) -> None:
    bench.judge(recovery.polling_goes_on_after_an_outage)


@then(parsers.parse('the device reaches "{role:w}" release {release:d} by itself'))
def reaches(bench: DeviceBench, role: str, release: int) -> None:
    name = bench.deployment_id(role)
    fact = evidence.publication(bench.record, name, release)
    assert fact is not None  # noqa: S101 - a step before published it
    bench.until(lambda record: evidence.installed_and_polled(record, fact), "apply")
    bench.judge(recovery.outage_is_survived, deployment=name)


@then(parsers.parse('"{role:w}" still runs on the device'))
def still_runs(bench: DeviceBench, role: str) -> None:
    bench.look()
    bench.judge(adoption.installed_release_runs, deployment=bench.deployment_id(role))


@then(parsers.parse('"{role:w}" runs on the device again'))
def runs_again(bench: DeviceBench, role: str) -> None:
    bench.look(for_role=role)
    bench.judge(adoption.installed_release_runs, deployment=bench.deployment_id(role))


@then(parsers.parse('what the device says of "{role:w}" comes in order'))
def in_order(bench: DeviceBench, role: str) -> None:
    name = bench.deployment_id(role)
    bench.until(lambda record: _quiet_after_outage(record, name), "apply")
    bench.judge(recovery.newer_states_are_not_overtaken, deployment=name)


@when(parsers.parse('reports of "{role:w}" cannot be taken while it is being updated to release {release:d}'))
def reports_held_back(bench: DeviceBench, role: str, release: int) -> None:
    name = bench.deployment_id(role)
    if "fault" in bench.hooks:  # an installation that takes a while goes on while reports have to wait
        bench.script(role, "slow")
    bench.answer("report-status", 503, headers={"Retry-After": "1"}, params={"deploymentId": name})
    bench.publish((role, release))
    bench.until(lambda record: retry.refusals(record, record.facts_of("answering")[-1]), "retry")
    bench.recover()


# --- errors ----------------------------------------------------------------------------------------------------------


@when(parsers.parse("the WFM is overloaded when the device {occasion} and asks for {seconds:d} second of patience"))
def overloaded(bench: DeviceBench, occasion: str, seconds: int) -> None:
    fact = bench.answer(OPERATIONS[occasion], 503, headers={"Retry-After": str(seconds)}, problem=_retry(seconds))
    _provoke(bench, occasion)
    bench.until(lambda record: _asked_again(record, fact), "retry")


@when(parsers.parse("the WFM says that the device asks too often and asks for {seconds:d} second of patience"))
def too_often(bench: DeviceBench, seconds: int) -> None:
    fact = bench.answer("fetch-manifest", 429, headers={"Retry-After": str(seconds)}, problem=_retry(seconds))
    bench.until(lambda record: _asked_again(record, fact), "retry")


@when(parsers.parse("the WFM asks for {header:d} second of patience with its answer and for none in the explanation"))
def two_times(bench: DeviceBench, header: int) -> None:
    fact = bench.answer("fetch-manifest", 503, headers={"Retry-After": str(header)}, problem=_retry(0))
    bench.until(lambda record: _asked_again(record, fact), "retry")


@when(parsers.parse("the WFM fails {times:d} times and asks for growing patience"))
def fails_repeatedly(bench: DeviceBench, times: int) -> None:
    fact = bench.answer("fetch-manifest", 500, times=times, problem=_retry(1))
    bench.until(lambda record: len(retry.refusals(record, fact)) >= times and _asked_again(record, fact), "retry")


@when(parsers.parse('the WFM refuses a report of "{role:w}" for good, in words that sound as if it did not'))
def refuses_for_good(bench: DeviceBench, role: str) -> None:
    problem = {"type": f"{TYPE}#semantic-error", "title": "Down", "status": 503, "retryable": False}
    problem["backoffStrategy"] = "none"
    _refuse_report(bench, role, 503, problem)


@when(parsers.parse('the WFM cannot take a report of "{role:w}" just then'))
def cannot_take(bench: DeviceBench, role: str) -> None:
    problem = {"type": "about:blank", "title": "Failed", "status": 500, "retryable": True}
    _refuse_report(bench, role, 500, problem)


@when("the WFM answers with a problem that nobody knows")
def unknown_problem(bench: DeviceBench) -> None:
    problem = {"type": f"{bench.world.url}/problem-types/unheard-of", "title": "Unheard of", "retryable": False}
    fact = bench.answer("fetch-manifest", 409, times=2, problem=problem)
    bench.until(lambda record: len(retry.refusals(record, fact)) >= 2, "retry")
    bench.until(lambda record: _answered_since(record, fact), "retry")


@when("the WFM ends the relationship with the device")
def retires(bench: DeviceBench) -> None:
    fact = bench.retire()
    bench.until(lambda record: len(evidence.polls_after(record, fact.at)) >= 3, "settle")


@when("the WFM takes the relationship up again")
def reinstates(bench: DeviceBench) -> None:
    fact = bench.retire(retired=False)
    bench.until(lambda record: _answered_since(record, fact), "retry")


@then("the device does not ask again before that time")
def waits(bench: DeviceBench) -> None:
    bench.judge(retry.retry_after_is_respected)


@then("the device waits as long as the answer asks")
def waits_as_the_answer_asks(bench: DeviceBench) -> None:
    bench.judge(retry.header_wins_over_the_document)


@then("the device waits at least as long each time")
def waits_longer(bench: DeviceBench) -> None:
    bench.judge(retry.waits_do_not_shrink)


@then("the device does not send that report again")
def not_again(bench: DeviceBench) -> None:
    fact = bench.record.facts_of("answering")[-1]
    bench.until(lambda record: _two_polls_later(record, fact), "settle")
    bench.judge(retry.what_cannot_be_retried_is_not)


@then("the device sends that report again")
def again(bench: DeviceBench) -> None:
    fact = bench.record.facts_of("answering")[-1]
    bench.until(lambda record: _asked_again(record, fact), "retry")
    bench.judge(retry.what_can_be_retried_is)


@then("the device goes on")
def goes_on(bench: DeviceBench) -> None:
    bench.judge(retry.unknown_problem_is_survived)


@then("the device does not ask more often than before")
def does_not_hammer(bench: DeviceBench) -> None:
    bench.judge(retry.retired_device_does_not_hammer)


def _quiet_after_outage(record: Record, deployment: str) -> bool:
    back = record.facts_of("recovered")[-1]
    late = [report for report in record.reports_of(deployment) if report.exchange.finished >= back.at]
    return len(late) > 1 and len(evidence.polls_after(record, late[-1].exchange.finished)) >= 3


def _retry(seconds: int) -> dict[str, object]:
    return {"retryable": True, "backoffStrategy": "exponential", "retryAfterSeconds": seconds}


def _provoke(bench: DeviceBench, occasion: str) -> None:
    if occasion == "reports its capabilities":
        bench.configure(serial="SN-OF-THE-BENCH")
    elif occasion != "asks for its desired state":
        if occasion == "fetches what it is to run":
            fact = bench.record.facts_of("answering")[-1]
            bench.answer("fetch-deployment", 503, headers=fact.data["headers"], problem=fact.data["problem"])
            bench.note("answering", **{**fact.data, "operation": "fetch-bundle"})
        bench.publish(("primary", 2))


def _refuse_report(bench: DeviceBench, role: str, status: int, problem: dict[str, object]) -> None:
    params = {"deploymentId": bench.deployment_id(role)}
    fact = bench.answer("report-status", status, problem=problem, params=params)
    release = 1 + len([item for item in bench.record.facts_of("published") if item.data["role"] == role])
    bench.publish((role, release))
    bench.until(lambda record: retry.refusals(record, fact), "apply")


def _asked_again(record: Record, fact: Fact) -> bool:
    refused = retry.refusals(record, fact)
    return bool(refused) and retry.next_of(record, refused[-1]) is not None


def _answered_since(record: Record, fact: Fact) -> bool:
    return any(poll.status in (200, 304) for poll in evidence.polls_after(record, fact.at))


def _two_polls_later(record: Record, fact: Fact) -> bool:
    refused = retry.refusals(record, fact)
    return bool(refused) and len(evidence.polls_after(record, refused[0].finished)) >= 3
