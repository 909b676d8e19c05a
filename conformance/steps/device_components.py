"""The component registry: what it holds, what is the matter with it, and what the device makes of that."""

from pytest_bdd import given, parsers, then, when

from conformance.bench import device_components
from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_components import ALTERED, TROUBLES, ComponentSource
from conformance.bench.device_deployments import Variation
from conformance.checks.device import components, evidence
from conformance.checks.evidence import Record


@given("a registry that holds the components")
def registry(bench: DeviceBench) -> None:
    device_components.open_registry(bench)


@given(parsers.parse('the project of "{role:w}" says how its health is told'))
def health_checked(bench: DeviceBench, role: str) -> None:
    _source(bench).checked.add(bench.role_of(role))


@when(parsers.parse('the registry holds "{role:w}" release {release:d} with {odd}'))
def holds_odd(bench: DeviceBench, role: str, release: int, odd: str) -> None:
    _source(bench).odd[bench.role_of(role), release] = odd


@when(parsers.parse("components come from the registry with {damage}"))
def altered(bench: DeviceBench, damage: str) -> None:
    device_components.trouble(bench, "fetch-component", ALTERED[damage], damage)


@when(parsers.parse("the registry {matter} when it is asked for a component"))
def troubled(bench: DeviceBench, matter: str) -> None:
    device_components.trouble(bench, *TROUBLES[matter], label=f"registry {matter}")


@when(parsers.parse('the WFM publishes "{role:w}" release {release:d} with a parameter that nobody knows'))
def unknown_parameter(bench: DeviceBench, role: str, release: int) -> None:
    bench.publish((role, release), variation=Variation(unknown_parameter=True))


@then(parsers.parse('the device passes over the parameter and installs "{role:w}"'))
def passes_over_parameter(bench: DeviceBench, role: str) -> None:
    _wait_for_end(bench, role)
    bench.judge(components.unknown_parameter_is_passed_over, deployment=bench.deployment_id(role))


@when("the registry is right again")
def right_again(bench: DeviceBench) -> None:
    bench.recover()


@then(parsers.parse('the device refuses the altered component of "{role:w}"'))
def refuses_altered(bench: DeviceBench, role: str) -> None:
    _wait_for_end(bench, role)
    bench.judge(components.altered_component_is_refused, deployment=bench.deployment_id(role))


@then(parsers.parse('the device refuses the archive of "{role:w}", since it leads out'))
def refuses_escape(bench: DeviceBench, role: str) -> None:
    _wait_for_end(bench, role)
    bench.judge(components.archive_that_leads_out_is_refused, deployment=bench.deployment_id(role))


@then(parsers.parse('the device says what it makes of the archive of "{role:w}"'))
def answers_layout(bench: DeviceBench, role: str) -> None:
    _wait_for_end(bench, role)
    bench.judge(components.wrong_layout_is_answered, deployment=bench.deployment_id(role))


@then(parsers.parse('the device finds the project of "{role:w}" whatever its directory is called'))
def finds_project(bench: DeviceBench, role: str) -> None:
    _wait_for_end(bench, role)
    bench.judge(components.directory_name_means_nothing, deployment=bench.deployment_id(role))


@then(parsers.parse('the device fetches the components of "{role:w}" and installs them'))
def takes(bench: DeviceBench, role: str) -> None:
    _wait_for_end(bench, role, state="installed")
    bench.judge(components.undamaged_component_is_taken, deployment=bench.deployment_id(role))


@then(parsers.parse('the components of "{role:w}" are fetched in their order'))
def in_their_order(bench: DeviceBench, role: str) -> None:
    bench.judge(components.components_are_begun_in_their_order, deployment=bench.deployment_id(role))


@then(parsers.parse('"{role:w}" is not called installed before it is healthy'))
def not_before_healthy(bench: DeviceBench, role: str) -> None:
    _wait_for_end(bench, role, state="installed")
    bench.judge(components.health_is_waited_for, deployment=bench.deployment_id(role))


@then(parsers.parse('every container of "{role:w}" is told where the collector is'))
def told_of_collector(bench: DeviceBench, role: str) -> None:
    bench.inspect()
    bench.judge(components.containers_are_told_of_the_collector, deployment=bench.deployment_id(role))


@then(parsers.parse('no file of "{role:w}" lends the rights of others'))
def special_bits_gone(bench: DeviceBench, role: str) -> None:
    bench.inspect()
    bench.judge(components.special_bits_are_not_kept, deployment=bench.deployment_id(role))


@then(parsers.parse('"{role:w}" runs with the containers that it brings, and no others'))
def own_containers(bench: DeviceBench, role: str) -> None:
    bench.inspect()
    bench.judge(components.nothing_runs_beside_a_workload, deployment=bench.deployment_id(role))


@then(parsers.parse('the values of "{role:w}" arrive where they are meant to'))
def values_arrive(bench: DeviceBench, role: str) -> None:
    bench.inspect()
    bench.judge(components.parameters_reach_their_components, deployment=bench.deployment_id(role))


def _source(bench: DeviceBench) -> ComponentSource:
    source = bench.components
    assert isinstance(source, ComponentSource)  # noqa: S101 - a step before opened it
    return source


def _wait_for_end(bench: DeviceBench, role: str, state: str = "") -> None:
    name = bench.deployment_id(role)

    def ended(record: Record) -> bool:
        fact = evidence.publication(record, name)
        reports = evidence.reports_after(record, fact.at if fact else 0.0, name)
        wanted = (state,) if state else ("installed", "failed")
        last = [report for report in reports if report.state in wanted]
        return bool(last) and len(evidence.polls_after(record, last[-1].exchange.finished)) >= 2

    bench.until(ended, "apply")
    bench.look()
