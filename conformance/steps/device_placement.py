"""Where deployments may go: rules, other devices, and the devices behind a gateway."""

from pytest_bdd import parsers, then, when

from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_deployments import Variation
from conformance.bench.device_rules import RULES, most_cores
from conformance.checks.device import eligibility, evidence, gateway
from conformance.checks.evidence import Record, asked_at
from conformance.checks.monitors import device_capabilities


@when(parsers.parse('the WFM publishes "{role:w}" for devices {rule}'))
def publishes_ruled(bench: DeviceBench, role: str, rule: str) -> None:
    rules = RULES[rule](bench.host)
    bench.publish((role, 1), variation=Variation(rules=rules))


@when(parsers.parse('the WFM lifts the rule from "{role:w}"'))
def lifts_rule(bench: DeviceBench, role: str) -> None:
    bench.publish((role, 1))


@when(parsers.parse('the WFM publishes "{role:w}" for a CPU with one core more than any of the device\'s has'))
def publishes_too_large(bench: DeviceBench, role: str) -> None:
    bench.publish((role, 1), variation=Variation(capacity={"cpu": {"cores": most_cores(bench.host) + 1}}))


@when(parsers.parse('the WFM publishes "{role:w}" for a CPU with as many cores as one of the device\'s has'))
def publishes_fitting(bench: DeviceBench, role: str) -> None:
    bench.publish((role, 1), variation=Variation(capacity={"cpu": {"cores": most_cores(bench.host)}}))


@then(parsers.parse('the device does not install "{role:w}", since no CPU has the cores'))
def not_too_large(bench: DeviceBench, role: str) -> None:
    _settle(bench, role)
    bench.judge(eligibility.cores_are_not_added_up, deployment=bench.deployment_id(role))


@then(parsers.parse('the device does not install "{role:w}"'))
def does_not_install(bench: DeviceBench, role: str) -> None:
    _settle(bench, role)
    bench.judge(eligibility.ineligible_deployment_is_not_installed, deployment=bench.deployment_id(role))


@then(parsers.parse('the device installs "{role:w}", as the rule allows'))
def installs_allowed(bench: DeviceBench, role: str) -> None:
    _settle(bench, role, state="installed")
    bench.judge(eligibility.eligible_deployment_is_installed, deployment=bench.deployment_id(role))


@when(parsers.parse('the WFM publishes "{role:w}" for another device'))
def publishes_elsewhere(bench: DeviceBench, role: str) -> None:
    bench.publish((role, 1), target=f"not-{bench.device_id}")


@then(parsers.parse('the device does not install "{role:w}", which is not for it'))
def not_for_it(bench: DeviceBench, role: str) -> None:
    _settle(bench, role)
    bench.judge(eligibility.deployment_for_another_is_not_installed, deployment=bench.deployment_id(role))


def _settle(bench: DeviceBench, role: str, state: str = "") -> None:
    fact = evidence.publication(bench.record, bench.deployment_id(role))
    assert fact is not None  # noqa: S101 - a step before published it

    def done(record: Record) -> bool:
        reports = evidence.reports_after(record, fact.at, bench.deployment_id(role))
        if state:
            return any(report.state == state for report in reports)
        offer = evidence.served_version(record, fact.data["version"])
        return offer is not None and len(evidence.polls_after(record, offer.exchange.finished)) >= 3

    bench.until(done, "apply" if state else "settle")
    bench.look()


# --- gateways --------------------------------------------------------------------------------------------------------


@then("it offers no place for workloads itself")
def offers_nothing(bench: DeviceBench) -> None:
    bench.judge(device_capabilities.gateway_that_hosts_nothing_says_so)


@then("the gateway reports itself, and then each device behind it")
def gateway_first(bench: DeviceBench) -> None:
    bench.until(lambda record: len(record.capability_reports) >= 3, "poll")
    bench.judge(gateway.gateway_comes_before_its_children)


@when("a device goes from behind the gateway")
def child_goes(bench: DeviceBench) -> None:
    fact = bench.configure(gone=_child(bench))
    bench.until(lambda record: [i for i in record.of("withdraw-capabilities") if i.at > asked_at(fact)], "poll")


@when("the device that came goes again")
def newcomer_goes(bench: DeviceBench) -> None:
    fact = bench.configure(gone=f"{bench.device_id}/child-new")
    bench.until(lambda record: [i for i in record.of("withdraw-capabilities") if i.at > asked_at(fact)], "poll")


@when(parsers.parse('the WFM publishes "{role:w}" for the device that is gone'))
def publishes_gone(bench: DeviceBench, role: str) -> None:
    bench.publish((role, 1), target=f"{bench.device_id}/child-new")
    _settle(bench, role, state="failed")


@then("the gateway says that it is gone")
def says_gone(bench: DeviceBench) -> None:
    bench.judge(gateway.gone_child_is_withdrawn)


@when("a device comes behind the gateway")
def child_comes(bench: DeviceBench) -> None:
    fact = bench.configure(child=f"{bench.device_id}/child-new")
    bench.until(lambda record: [i for i in record.capability_reports if i.at > asked_at(fact)], "poll")


@then("the gateway reports that it is there")
def says_there(bench: DeviceBench) -> None:
    bench.judge(gateway.new_child_is_reported)


@when(parsers.parse('the WFM publishes "{role:w}" for a device behind the gateway'))
def publishes_child(bench: DeviceBench, role: str) -> None:
    bench.publish((role, 1), target=_child(bench))
    _settle(bench, role, state="installed")


@then(parsers.parse('"{role:w}" is installed there, and the report says where'))
def child_installed(bench: DeviceBench, role: str) -> None:
    bench.judge(gateway.child_is_named_in_reports, deployment=bench.deployment_id(role))


@when(parsers.parse('the WFM publishes "{role:w}" for a device that the gateway does not know'))
def publishes_unknown_child(bench: DeviceBench, role: str) -> None:
    bench.publish((role, 1), target=f"{bench.device_id}/nobody")
    _settle(bench, role, state="failed")


@when(parsers.parse('the WFM publishes "{role:w}" for a device that the gateway cannot reach'))
def publishes_lost_child(bench: DeviceBench, role: str) -> None:
    bench.configure(unreachable=_child(bench))
    bench.publish((role, 1), target=_child(bench))
    _settle(bench, role, state="failed")


@when("the gateway reaches that device again")
def reaches_child(bench: DeviceBench) -> None:
    bench.configure(reachable=_child(bench))


@when(parsers.parse('the WFM leaves it to the gateway where "{role:w}" goes'))
def publishes_anywhere(bench: DeviceBench, role: str) -> None:
    bench.publish((role, 1), target=f"{bench.device_id}/*")
    _settle(bench, role, state="failed")


@then(parsers.parse('the gateway says that it does not know where "{role:w}" should go'))
def says_unknown(bench: DeviceBench, role: str) -> None:
    bench.judge(gateway.gateway_says_what_is_wrong_with_a_child, deployment=bench.deployment_id(role), code="101")


@then(parsers.parse('the gateway says that it cannot reach where "{role:w}" should go'))
def says_unreachable(bench: DeviceBench, role: str) -> None:
    bench.judge(gateway.gateway_says_what_is_wrong_with_a_child, deployment=bench.deployment_id(role), code="102")


@then(parsers.parse('the gateway says that it cannot choose where "{role:w}" goes'))
def says_cannot_choose(bench: DeviceBench, role: str) -> None:
    bench.judge(gateway.gateway_that_cannot_choose_says_so, deployment=bench.deployment_id(role))


@then("the gateway reports one device for all that is behind it")
def one_device(bench: DeviceBench) -> None:
    bench.until(lambda record: len(record.polls) >= 3, "poll")
    bench.judge(gateway.opaque_gateway_reports_one_device)


@then("the gateway reports what it offers itself")
def offers_itself(bench: DeviceBench) -> None:
    bench.judge(gateway.hosting_gateway_reports_like_any_host)


@when(parsers.parse('the WFM has the gateway choose where "{role:w}" goes'))
def lets_choose(bench: DeviceBench, role: str) -> None:
    bench.publish((role, 1), target=f"{bench.device_id}/*")
    _settle(bench, role, state="installed")


@then(parsers.parse('"{role:w}" is installed where the gateway chose'))
def chosen(bench: DeviceBench, role: str) -> None:
    bench.judge(gateway.chosen_device_is_named, deployment=bench.deployment_id(role))


def _child(bench: DeviceBench) -> str:
    names = [item.params.get("deviceId", "") for item in bench.record.capability_reports]
    return next(name for name in names if "/" in name)
