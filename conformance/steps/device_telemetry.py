"""Telemetry: where it goes, and that neither path waits for the other."""

from pytest_bdd import given, parsers, then, when

from conformance.bench import device_telemetry as back_ends
from conformance.bench.device_bench import DeviceBench
from conformance.checks.device import evidence, telemetry
from conformance.record.events import Fact


@given("a back end for telemetry that the device was not told of")
def back_end(bench: DeviceBench) -> None:
    back_ends.open_back_end(bench)


@when("the user has telemetry go to that back end")
def goes_there(bench: DeviceBench) -> None:
    wish = back_ends.export_there(bench)
    bench.until(lambda record: len(telemetry.exports_after(record, wish.at)) > 1, "apply")
    _two_polls(bench, wish)


@when("the user wants no more of it")
def no_more(bench: DeviceBench) -> None:
    _two_polls(bench, back_ends.export_there(bench, wanted=False))
    _exports_are_missed(bench)


@when("nothing gets through to the back end any more")
def path_closes(bench: DeviceBench) -> None:
    back_ends.close_path(bench)
    _exports_are_missed(bench)


@when("telemetry gets through again")
def path_opens(bench: DeviceBench) -> None:
    opened = back_ends.open_path(bench)
    bench.until(lambda record: telemetry.exports_after(record, opened.at), "apply")


@when("the network to the WFM is cut for a while")
def wfm_away(bench: DeviceBench) -> None:
    cut = bench.cut()
    bench.until(lambda record: len(telemetry.exports_after(record, cut.at + telemetry.SETTLED_S)) > 1, "apply")
    back = bench.restore()
    bench.until(lambda record: evidence.polls_after(record, back.at), "retry")


@then("telemetry arrives there")
def arrives(bench: DeviceBench) -> None:
    bench.judge(telemetry.telemetry_goes_where_the_user_says)


@then("none arrived before the user asked for it, and none arrives after")
def only_when_asked(bench: DeviceBench) -> None:
    bench.judge(telemetry.telemetry_leaves_only_when_asked)


@then("telemetry went on to flow meanwhile")
def flowed_on(bench: DeviceBench) -> None:
    bench.judge(telemetry.telemetry_needs_no_wfm)


@then(parsers.parse('the device installs "{role:w}" release {release:d} and reports it all the same'))
def installs_all_the_same(bench: DeviceBench, role: str, release: int) -> None:
    name = bench.deployment_id(role)
    fact = evidence.publication(bench.record, name, release)
    assert fact is not None  # noqa: S101 - a step before published it
    bench.until(lambda record: evidence.installed_and_polled(record, fact), "apply")
    bench.judge(telemetry.status_needs_no_telemetry, deployment=name)


@then(parsers.parse('no container of "{role:w}" is instrumented'))
def not_instrumented(bench: DeviceBench, role: str) -> None:
    bench.inspect()
    bench.judge(telemetry.workloads_are_not_instrumented, deployment=bench.deployment_id(role))


def _exports_are_missed(bench: DeviceBench) -> None:
    """Let pass what two exports of this device take: before that, that none came or got through shows nothing."""
    came = [fact.at for fact in bench.record.facts_of("telemetry")]
    apart = (came[-1] - came[0]) / (len(came) - 1) if len(came) > 1 else 0.0
    bench.let_pass(min(telemetry.SETTLED_S + 2 * apart, bench.deadlines["apply"]))


def _two_polls(bench: DeviceBench, fact: Fact) -> None:
    bench.until(lambda record: len(evidence.polls_after(record, fact.at)) >= 2, "settle")
