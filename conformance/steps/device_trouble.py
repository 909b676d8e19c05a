"""Outages, power cuts and disasters: what happens around the device, and what it makes of it."""

from pytest_bdd import given, parsers, then, when

from conformance.bench import device_behaviours as more
from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_subject import SLOW_S
from conformance.bench.errors import ConformanceFailure
from conformance.checks.device import (
    behaviours_mismatch,
    behaviours_outage,
    behaviours_runtime,
    evidence,
    recovery,
)
from conformance.checks.evidence import Record
from conformance.record.events import Fact

NOW_AND_THEN_S = 0.3
MAY_RUN_S = 0.4
"""How long workloads may run without a WFM, where the supplier declares that they stop."""
ENOUGH_FAILED = 3
"""So many points after which a device is not whole again say enough: no further ones are tried."""


# --- first boot ------------------------------------------------------------------------------------------------------


@then("it is in the default state that its supplier declares")
def default_state(bench: DeviceBench) -> None:
    bench.let_pass(bench.window(NOW_AND_THEN_S))
    bench.look()
    bench.judge(behaviours_outage.default_state_before_management)


@then("what it remembers of before is as its supplier declares")
def remembers(bench: DeviceBench) -> None:
    bench.judge(behaviours_outage.reset_forgets_or_keeps)


@when("it is switched on while its connections are reset")
def switched_on_in_vain(bench: DeviceBench) -> None:
    fact = more.trouble(bench, "are reset")
    bench.start_device()
    bench.until(lambda record: len(_tries(record, fact)) >= behaviours_outage.ENOUGH, "retry")


@when("it is switched on while the WFM's certificate is not valid yet")
def not_valid_yet(bench: DeviceBench) -> None:
    fact = bench.present("not-yet-valid")
    bench.start_device()
    bench.until(lambda record: _met(record, fact) >= 2, "retry")


@when("the WFM's certificate is valid")
def valid_now(bench: DeviceBench) -> None:
    fact = bench.present("good")
    bench.until(lambda record: evidence.polls_after(record, fact.at), "retry")


@then("it sent nothing before the certificate was valid, and comes then")
def fails_closed(bench: DeviceBench) -> None:
    bench.judge(behaviours_outage.unset_clock_fails_closed)


def _met(record: Record, fact: Fact) -> int:
    name = fact.data["credential"]
    return len([item for item in record.facts_of("connecting") if item.data["offered"] == name])


# --- connections that break ------------------------------------------------------------------------------------------


@given("a device that is managed by the WFM, and asks now and then")
def asks_now_and_then(bench: DeviceBench) -> None:
    bench.connect()
    if "configure" in bench.hooks:
        rate, patience = bench.window(NOW_AND_THEN_S), bench.window(more.PATIENCE_S)
        fact = bench.configure(poll_s=rate, answer_s=patience)
        bench.until(lambda record: len(evidence.polls_after(record, fact.at)) >= 4, "apply")


@when(parsers.parse("its connections {trouble}"))
def connections(bench: DeviceBench, trouble: str) -> None:
    if trouble == "are well again":
        _well_again(bench)
        return
    fact = more.trouble(bench, trouble)
    bench.until(lambda record: len(_tries(record, fact)) >= behaviours_outage.ENOUGH, "retry")


def _well_again(bench: DeviceBench) -> None:
    fact = bench.recover()
    bench.until(lambda record: evidence.polls_after(record, fact.at), "retry")


@then("it tries again as its supplier declares")
def tries_again(bench: DeviceBench) -> None:
    bench.judge(behaviours_outage.broken_links_are_retried)


@when(parsers.parse("the network is such that {badness}"))
def bad_network(bench: DeviceBench, badness: str) -> None:
    more.spoil_network(bench, badness)


@then(parsers.parse('the newest release of "{role:w}" arrives whole'))
def arrives(bench: DeviceBench, role: str) -> None:
    name = bench.deployment_id(role)
    fact = evidence.publication(bench.record, name)
    assert fact is not None  # noqa: S101 - a step before published it
    bench.until(lambda record: evidence.installed(record, fact), "apply")
    more.tell_of_network(bench)
    bench.look()
    bench.judge(behaviours_runtime.bad_network_only_delays, deployment=name)


def _tries(record: Record, fact: Fact) -> list[object]:
    """The requests that were made most often while connections broke."""
    failed = [item.operation for item in record.exchanges if item.fault == fact.data["label"] and item.at >= fact.at]
    often = max(set(failed), key=failed.count, default="")
    return [name for name in failed if name == often]


# --- outages ---------------------------------------------------------------------------------------------------------


@then("what it ran while nobody answered is as its supplier declares")
def reboot_offline(bench: DeviceBench) -> None:
    bench.judge(behaviours_outage.reboot_without_wfm)


@when(parsers.parse('the network is cut while "{role:w}" is being updated to release {release:d}'))
def cut_in_update(bench: DeviceBench, role: str, release: int) -> None:
    bench.script(role, "slow", component=0)
    (fact,) = bench.publish((role, release))
    name = bench.deployment_id(role)
    bench.until(lambda record: _installing(record, name, fact), "apply")
    bench.cut()
    bench.let_pass(bench.window(SLOW_S * 1.5))


def _installing(record: Record, deployment: str, fact: Fact) -> bool:
    reports = evidence.reports_after(record, fact.at, deployment)
    return any(report.state == "installing" and report.exchange.status for report in reports)


@then(parsers.parse('what happened to "{role:w}" meanwhile is told as the supplier declares'))
def told_afterwards(bench: DeviceBench, role: str) -> None:
    name = bench.deployment_id(role)
    back = bench.record.last_fact("network-restored")
    at = back.at if back else 0.0
    bench.until(lambda record: len(evidence.polls_after(record, at)) >= 3, "retry")
    bench.until(lambda record: _told(record, name, at), "settle")
    bench.judge(behaviours_outage.reports_of_an_outage, deployment=name)


def _told(record: Record, deployment: str, at: float) -> bool:
    last = evidence.reports_after(record, at, deployment)
    return (
        bool(last) and last[-1].state == "installed" and bool(evidence.polls_after(record, last[-1].exchange.finished))
    )


@when("the network is cut for longer than workloads may run without a WFM")
def long_outage(bench: DeviceBench) -> None:
    if "configure" in bench.hooks:
        fact = bench.configure(offline_stop_s=bench.window(MAY_RUN_S))
        bench.until(lambda record: evidence.polls_after(record, fact.at), "poll")
    bench.cut()
    bench.let_pass(bench.window(MAY_RUN_S * 3))
    bench.look()


@then("what runs meanwhile is as the supplier declares")
def runs_meanwhile(bench: DeviceBench) -> None:
    bench.judge(behaviours_outage.workloads_during_an_outage)


# --- credentials -----------------------------------------------------------------------------------------------------


@when("the device gets a new credential")
def new_credential(bench: DeviceBench) -> None:
    fact = more.renew_credential(bench)
    if not bench.world.link.is_cut:
        bench.until(lambda record: evidence.polls_after(record, fact.at), "retry")


@when("the credential of the device expires")
def expires(bench: DeviceBench) -> None:
    fact = more.renew_credential(bench, expired=True)
    bench.until(lambda record: len(_refused(record, fact)) >= 2, "settle")


def _refused(record: Record, fact: Fact) -> list[object]:
    return [item for item in record.connections if item.at > fact.at and item.outcome == "refused"]


@then("the device comes with its new credential")
def comes_renewed(bench: DeviceBench) -> None:
    bench.judge(behaviours_outage.renewed_credential_is_used)


@then("the expired credential opened nothing, and the device is back")
def expired_survived(bench: DeviceBench) -> None:
    bench.judge(behaviours_outage.expired_credential_is_survived)


# --- power cuts ------------------------------------------------------------------------------------------------------


@given(parsers.parse('the device runs "{role:w}" release {release:d} beside "{other:w}"'))
def runs_beside(bench: DeviceBench, role: str, release: int, other: str) -> None:
    bench.run((role, release), (other, 1))
    bench.named["roles"] = (role, other)


@when(parsers.parse('the power is cut at every point of {change} of "{role:w}", one point after the other'))
def cut_everywhere(bench: DeviceBench, change: str, role: str) -> None:
    names = tuple(map(bench.deployment_id, bench.named["roles"]))
    failed: list[ConformanceFailure] = []
    for point in more.cut_everywhere(bench, more.change_of(bench, change, role)):
        bench.look()
        try:
            bench.judge(behaviours_outage.nothing_is_half_done_after_lost_power, point=point, names=names)
        except ConformanceFailure as failure:  # the next points are worth knowing, too
            failed.append(failure)
        if len(failed) == ENOUGH_FAILED:
            break
    if failed:
        raise failed[0]


@then("after each cut the device ended on the newest desired state")
def each_cut(bench: DeviceBench) -> None:
    bench.judge(behaviours_outage.every_point_was_tried)


# --- disasters -------------------------------------------------------------------------------------------------------


@when("a WFM that lost its database begins again at version 1")
def begins_again(bench: DeviceBench) -> None:
    bench.offer("a WFM that began again", ("primary", 1), version=1, extra="tertiary")
    bench.settle()
    bench.end_offer()
    bench.look()


@when("a WFM that lost its database begins again at version 1 and the device is reset")
def begins_again_with_reset(bench: DeviceBench) -> None:
    bench.offer("a WFM that began again", ("primary", 1), version=1)
    bench.settle()
    fact = bench.factory_reset()
    name = bench.deployment_id("primary")
    bench.until(lambda record: _state_after(record, name, fact) == "installed", "settle")
    bench.two_polls(bench.record.facts[-1])
    bench.named["began again"] = True


def _state_after(record: Record, deployment: str, fact: Fact) -> str | None:
    reports = evidence.reports_after(record, fact.at, deployment)
    return reports[-1].state if reports else None


@then("the device refuses the WFM that began again")
def refuses_restarted(bench: DeviceBench) -> None:
    bench.judge(behaviours_mismatch.restarted_wfm_is_refused)


@then("the device takes its state, or refuses it, as the supplier declares")
def way_out(bench: DeviceBench) -> None:
    bench.judge(behaviours_mismatch.reset_leads_out, deployment=bench.deployment_id("primary"))
    bench.end_offer()


@when("the device is replaced by another one with a key of its own")
def replaced(bench: DeviceBench) -> None:
    fact = more.replace_device(bench)
    bench.until(lambda record: evidence.polls_after(record, fact.at), "connect")


@then(parsers.parse('the replacement takes over "{role:w}"'))
def takes_over(bench: DeviceBench, role: str) -> None:
    name = bench.deployment_id(role)
    at = bench.record.facts_of("replaced")[-1].at
    bench.until(lambda record: any(r.state == "installed" for r in evidence.reports_after(record, at, name)), "apply")
    bench.judge(behaviours_mismatch.replacement_takes_over, deployment=name)


@when("another instance of it comes, with a credential of its own")
def other_instance(bench: DeviceBench) -> None:
    bench.loop.run(bench.world.present_of(bench.world.authority, "another instance"))
    fact = bench.start_wfm()
    bench.until(lambda record: len(evidence.polls_after(record, fact.at)) >= 2, "retry")


@then("the device goes on with the other instance")
def goes_on_with_other(bench: DeviceBench) -> None:
    bench.judge(behaviours_mismatch.other_instance_is_accepted)
    bench.judge(recovery.polling_goes_on_after_an_outage)


# --- on the way ------------------------------------------------------------------------------------------------------


@when("the user tells the device to use a forward proxy")
def uses_proxy(bench: DeviceBench) -> None:
    bench.named["proxy"] = more.open_proxy(bench)
    bench.named["proxied since"] = fact = bench.record.facts[-1]
    bench.until(lambda record: len(evidence.polls_after(record, fact.at)) >= 2, "retry")


@then("the proxy was used as the supplier declares")
def proxy_used(bench: DeviceBench) -> None:
    targets = list(bench.named["proxy"].tunnels)
    bench.note("tunnels", targets=targets, since=bench.named["proxied since"].at)
    bench.judge(behaviours_runtime.proxy_is_used)


@then(parsers.parse('all of "{role:w}" was done by the device\'s own requests alone'))
def outbound_only(bench: DeviceBench, role: str) -> None:
    bench.judge(behaviours_runtime.device_begins_every_connection, deployment=bench.deployment_id(role))
