"""Parts that fail, and what somebody changes on the device: what becomes of it is what the supplier declares."""

from collections.abc import Mapping
from typing import Any

from pytest_bdd import given, parsers, then, when

from conformance.bench import device_behaviours as more
from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_deployments import Variation
from conformance.bench.errors import Blocked
from conformance.checks.device import behaviours_failure, behaviours_mismatch, behaviours_runtime, evidence, failure
from conformance.checks.device.declared import declared
from conformance.checks.device.effects import setting_doubt
from conformance.checks.evidence import Record, asked_at
from simulator.device.driver import Tampering

SOON_S = 0.3
FOREIGN = "somebodys-own"
DEEDS: Mapping[str, Tampering] = {
    "stops": "stop-workload",
    "removes": "remove-workload",
    "erases": "erase-state",
    "damages": "damage-state",
}
NEEDS: dict[str, dict[str, Any]] = {
    "memory": {"memory": "999999999Gi"},
    "storage": {"storage": "900Pi"},
    "cores": {"cpu": {"cores": 4096}},
}
"""More of something than any device of today has."""


# --- components ------------------------------------------------------------------------------------------------------


@when(parsers.parse('the WFM publishes "{role:w}" release {release:d}, whose components need not wait for one another'))
def publishes_unordered(bench: DeviceBench, role: str, release: int) -> None:
    bench.publish((role, release), variation=Variation(wait=False))


@then(parsers.parse('the good components of "{role:w}" end as the supplier declares'))
def good_components(bench: DeviceBench, role: str) -> None:
    name = bench.deployment_id(role)
    bench.two_polls(bench.record.facts[-1])
    bench.look()
    bench.judge(behaviours_failure.good_components_after_a_failed_one, deployment=name)


@then(parsers.parse('what is reported of the components of "{role:w}" is true'))
def truly_reported(bench: DeviceBench, role: str) -> None:
    bench.judge(behaviours_failure.reported_parts_are_true, deployment=bench.deployment_id(role))


@given("a device that is managed by the WFM, and tries failed installations again soon")
def tries_soon(bench: DeviceBench) -> None:
    bench.connect()
    if "configure" in bench.hooks:
        fact = bench.configure(install_retry_s=bench.window(SOON_S))
        bench.until(lambda record: evidence.polls_after(record, fact.at), "poll")


@then(parsers.parse('the device tries to install "{role:w}" again as its supplier declares'))
def tries_to_install(bench: DeviceBench, role: str) -> None:
    name = bench.deployment_id(role)
    if declared(bench.record, "install-retry") == "wait-for-wos":
        bench.let_pass(bench.window(SOON_S * 4))
    bench.until(lambda record: _installed(record, name), "retry" if "configure" in bench.hooks else "settle")
    bench.judge(behaviours_failure.failed_installation_is_tried_again, deployment=name)


def _installed(record: Record, deployment: str) -> bool:
    fact = evidence.publication(record, deployment)
    waits = declared(record, "install-retry") == "wait-for-wos"
    return waits or (fact is not None and evidence.installed(record, fact) is not None)


@when(parsers.parse('the last component of "{role:w}" release {release:d} is made to fail slowly'))
def release_fails(bench: DeviceBench, role: str, release: int) -> None:
    more.script_release(bench, role, release, "fails slowly")


@when(parsers.parse('the WFM publishes "{role:w}" release {release:d}, and what runs meanwhile is watched'))
def publishes_watched(bench: DeviceBench, role: str, release: int) -> None:
    (fact,) = bench.publish((role, release))
    name, failing = bench.deployment_id(role), str(bench.record.facts_of("component-script")[-1].data["component"])
    bench.until(lambda record: _begun(record, name, failing, fact.at), "apply")
    bench.look()


def _begun(record: Record, deployment: str, component: str, since: float) -> bool:
    reports = evidence.reports_after(record, since, deployment)
    return any(report.component_states.get(component) in ("installing", "failed") for report in reports)


@then(parsers.parse('what runs of "{role:w}" after the failed update is as the supplier declares'))
def after_failed_update(bench: DeviceBench, role: str) -> None:
    bench.two_polls(bench.record.facts[-1])
    bench.look()
    bench.judge(behaviours_failure.failed_update_ends_as_declared, deployment=bench.deployment_id(role))


@then(parsers.parse('the failed removal of "{role:w}" ends as the supplier declares'))
def failed_removal(bench: DeviceBench, role: str) -> None:
    name = bench.named["removed"] = bench.deployment_id(role)
    bench.until(lambda record: any(report.state == "failed" for report in record.reports_of(name)), "apply")
    if declared(bench.record, "removal-failure") == "report-failed":
        bench.let_pass(bench.window(SOON_S * 4))
    else:
        bench.until(lambda record: any(report.state == "removed" for report in record.reports_of(name)), "apply")
    bench.look()
    bench.judge(behaviours_failure.failed_removal_ends_as_declared, deployment=name)


@then("it is not called removed before it is gone")
def not_removed_too_early(bench: DeviceBench) -> None:
    bench.judge(failure.failed_removal_is_not_called_removed, deployment=bench.named["removed"])


@when(parsers.parse('the WFM publishes "{role:w}" for a device with more {what:w} than this one has'))
def publishes_too_large(bench: DeviceBench, role: str, what: str) -> None:
    bench.publish((role, 1), variation=Variation(capacity=NEEDS[what]))


@given("a device that is managed by the WFM, and runs Compose archives only")
def compose_only(bench: DeviceBench) -> None:
    bench.connect()
    fact = bench.configure(types=["compose"])
    bench.until(lambda record: any(item.at > asked_at(fact) for item in record.capability_reports), "poll")
    if list(bench.types) != ["compose"] and (why := setting_doubt(fact, "types")):
        raise Blocked(why)


@when(parsers.parse('the WFM publishes "{role:w}" release {release:d} as a {kind:w} deployment all the same'))
def publishes_all_the_same(bench: DeviceBench, role: str, release: int, kind: str) -> None:
    bench.publish((role, release), variation=Variation(kind=kind, forced=True))


@then(parsers.parse('the device says that it cannot have "{role:w}"'))
def cannot_have(bench: DeviceBench, role: str) -> None:
    name = bench.deployment_id(role)
    bench.until(lambda record: _failed(record, name), "apply")
    bench.judge(behaviours_failure.impossible_deployment_is_told, deployment=name)
    bench.judge(failure.failure_is_reported, deployment=name)
    bench.judge(failure.failure_says_why, deployment=name)


def _failed(record: Record, deployment: str) -> bool:
    last = record.last_report(deployment)
    return bool(last and last.state == "failed" and evidence.polls_after(record, last.exchange.finished))


# --- storage ---------------------------------------------------------------------------------------------------------


@when("the storage of the device is full")
def storage_full(bench: DeviceBench) -> None:
    bench.tamper("fill-storage")


@when("the storage of the device has space again")
def storage_free(bench: DeviceBench) -> None:
    bench.tamper("free-storage")


@when(parsers.parse('the WFM publishes "{role:w}" release {release:d}, and the device has had its time'))
def publishes_and_waits(bench: DeviceBench, role: str, release: int) -> None:
    (fact,) = bench.publish((role, release))
    bench.until(lambda record: _asked_twice(record, fact.data["version"]), "settle")


def _asked_twice(record: Record, version: int) -> bool:
    served = [offer for offer in record.offers if (offer.version or 0) >= version]
    return len(served) >= 2


@then(parsers.parse('the device kept what it had of "{role:w}"'))
def kept(bench: DeviceBench, role: str) -> None:
    bench.look()
    bench.judge(behaviours_failure.full_storage_loses_nothing, deployment=bench.deployment_id(role))


@when(parsers.parse("somebody {deed:w} what the device has stored, and it reboots"))
def spoils_state(bench: DeviceBench, deed: str) -> None:
    bench.tamper(DEEDS[deed])
    fact = bench.reboot()
    bench.until(lambda record: len(evidence.polls_after(record, fact.at)) >= 2, "connect")


# --- workloads -------------------------------------------------------------------------------------------------------


@when(parsers.parse('somebody {deed:w} "{role:w}" on the device'))
def tampers(bench: DeviceBench, deed: str, role: str) -> None:
    fact = more.change_parts(bench, DEEDS[deed], role)
    bench.named["tampered role"] = role
    name = bench.deployment_id(role)
    bench.until(lambda record: _told_since(record, name, fact.at), "settle")
    bench.look()


@then("the device deals with it as its supplier declares")
def deals_with_drift(bench: DeviceBench) -> None:
    bench.judge(behaviours_mismatch.drift_is_noticed, deployment=bench.deployment_id(bench.named["tampered role"]))


@when(parsers.parse('somebody edits the configuration of "{role:w}" on the device'))
def edits(bench: DeviceBench, role: str) -> None:
    more.look_closely(bench)
    fact = more.change_parts(bench, "edit-workload", role)
    name = bench.deployment_id(role)
    bench.until(lambda record: _told_since(record, name, fact.at), "settle")
    more.look_closely(bench)


@then(parsers.parse('the device deals with the edited "{role:w}" as its supplier declares'))
def deals_with_edit(bench: DeviceBench, role: str) -> None:
    bench.judge(behaviours_mismatch.edited_configuration, deployment=bench.deployment_id(role))


@when("somebody starts a workload of their own on the device")
def starts_foreign(bench: DeviceBench) -> None:
    bench.tamper("foreign-workload", component=FOREIGN)
    more.drift_passes(bench)
    bench.look()
    more.look_closely(bench)


@then("the device deals with the foreign workload as its supplier declares")
def deals_with_foreign(bench: DeviceBench) -> None:
    bench.judge(behaviours_mismatch.foreign_workload, name=FOREIGN)


@then(parsers.parse('the end of "{role:w}" becomes visible as the supplier declares'))
def crash_visible(bench: DeviceBench, role: str) -> None:
    bench.two_polls(bench.record.facts_of("tampered")[-1])
    bench.judge(behaviours_runtime.crash_becomes_visible, deployment=bench.deployment_id(role))


@when(parsers.parse('"{role:w}" dies {times:d} times in a row'))
def flaps(bench: DeviceBench, role: str, times: int) -> None:
    bench.named["tampered role"] = role
    comes_back = True
    for _ in range(times):
        comes_back = comes_back and bench.look(for_role=role)
        more.change_parts(bench, "stop-workload", role)
        more.drift_passes(bench)
    bench.look(for_role=role if comes_back else "")  # a device that only reports drift is not waited for again
    bench.two_polls(bench.record.facts[-1])


@then("the device tells it in few words, and the truth in the end")
def few_words(bench: DeviceBench) -> None:
    bench.judge(behaviours_runtime.flapping_is_bounded, deployment=bench.deployment_id(bench.named["tampered role"]))


def _told_since(record: Record, deployment: str, at: float) -> bool:
    reports = evidence.reports_after(record, at, deployment)
    final = [report for report in reports if report.state in evidence.FINAL]
    return bool(final) and bool(evidence.polls_after(record, final[-1].exchange.finished))


# --- parameters ------------------------------------------------------------------------------------------------------


@when(parsers.parse('the WFM changes a parameter that is for one component of "{role:w}" only'))
def changes_one(bench: DeviceBench, role: str) -> None:
    more.look_closely(bench)
    bench.named["tampered role"] = role
    bench.named["parameter for"] = more.publish_changed_parameter(bench, role)


@then("only the component that the parameter is for was touched")
def only_one_touched(bench: DeviceBench) -> None:
    more.look_closely(bench)
    name = bench.deployment_id(bench.named["tampered role"])
    bench.judge(
        behaviours_failure.parameter_reaches_its_targets, deployment=name, component=bench.named["parameter for"]
    )
