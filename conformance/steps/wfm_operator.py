"""Sentences about what the operator of a WFM does, and what becomes of it."""

from pytest_bdd import given, parsers, then, when

from conformance.bench import wfm_operating as operating
from conformance.bench.wfm_bench import WfmBench
from conformance.checks.wfm import applications as checks
from conformance.checks.wfm import desired_state


@given(parsers.parse("client {name:w} has been given the {role:w} application"))
@when(parsers.parse("client {name:w} is given the {role:w} application"))
@when(parsers.parse("client {name:w} is given the {role:w} application too"))
def given_application(bench: WfmBench, name: str, role: str) -> None:
    bench.deploy(name, role)


@given(parsers.parse("client {name:w} has been given the primary and the secondary application"))
def given_two(bench: WfmBench, name: str) -> None:
    bench.deploy(name, "primary")
    bench.deploy(name, "secondary")


@given(parsers.parse("{count:d} clients have been given the primary application"))
def clients_given(bench: WfmBench, count: int) -> None:
    for name in "ABCDEFGH"[:count]:
        bench.deploy(name, "primary")


@when(parsers.parse("the operator deploys {count:d} application to client {name:w}"))
@when(parsers.parse("the operator deploys {count:d} applications to client {name:w}"))
def deploy_several(bench: WfmBench, count: int, name: str) -> None:
    for role in ("primary", "secondary", "tertiary")[:count]:
        bench.deploy(name, role)


@when(parsers.parse("the operator deploys the primary application to every device of client {name:w}"))
def deploy_everywhere(bench: WfmBench, name: str) -> None:
    for device in tuple(bench.client(name).devices):
        bench.deploy(name, "primary", device)


@when(parsers.parse('the operator deploys the primary application to "{target}"'))
def deploy_to(bench: WfmBench, target: str) -> None:
    bench.deploy("A", "primary", target)


@when("the operator deploys the next release of the primary application")
def next_release(bench: WfmBench) -> None:
    operating.next_release(bench, "A", "primary")


@when(parsers.parse("the operator deploys {count:d} further releases of the primary application one after the other"))
def further_releases(bench: WfmBench, count: int) -> None:
    for _ in range(count):
        operating.next_release(bench, "A", "primary")


@when("the operator removes the primary application")
def remove(bench: WfmBench) -> None:
    bench.withdraw("A", "primary")


@given(parsers.parse("client {name:w} has been given an application with {what}"))
def given_special(bench: WfmBench, name: str, what: str) -> None:
    bench.named["role"] = operating.role_with(bench, what)
    bench.deploy(name, bench.named["role"])


@when("the operator changes its settings")
@when("the operator changes its other settings")
def change_settings(bench: WfmBench) -> None:
    operating.change_settings(bench, "A", bench.named["role"])


@when("the operator gives a setting a value that its rules forbid")
def forbidden_value(bench: WfmBench) -> None:
    operating.forbidden_value(bench, "A", bench.named["role"])


@when("the operator tries to change that setting")
def immutable_value(bench: WfmBench) -> None:
    operating.immutable_value(bench, "A", bench.named["role"])


@when(parsers.parse("the WFM goes on from version {version:d} with the next release of the primary application"))
def force_version(bench: WfmBench, version: int) -> None:
    operating.force_version(bench, "A", version)


@when("the WFM is restarted")
def restart(bench: WfmBench) -> None:
    operating.restart(bench, "A")


@when(parsers.parse("client {name:w} is away while the operator makes {count:d} changes"))
def away(bench: WfmBench, name: str, count: int) -> None:
    operating.change_unseen(bench, name, count)


@then(parsers.parse("client {name:w} has been given exactly what was deployed"))
@then("every client has been given exactly what was deployed to it")
def given_exactly(bench: WfmBench) -> None:
    operating.look_at_all(bench)
    bench.judge(desired_state.manifest_holds_exactly_what_is_wanted)
    bench.judge(desired_state.deployments_say_what_and_where)


@then(parsers.parse("client {:w} has caught up at once"))
def caught_up(bench: WfmBench) -> None:
    bench.judge(desired_state.a_client_catches_up_at_once)


@then(parsers.parse("every change of client {:w} made one new version"))
def one_version_each(bench: WfmBench) -> None:
    bench.judge(desired_state.every_change_makes_a_larger_version)


@then("the deployment is the same with other content")
def same_deployment(bench: WfmBench) -> None:
    bench.judge(desired_state.changed_deployments_keep_their_id)


@then("the deployment of the secondary application has not changed")
def other_unchanged(bench: WfmBench) -> None:
    bench.judge(desired_state.other_deployments_do_not_change)


@then(parsers.parse("client {:w} has nothing to run, in a new version"))
def nothing_to_run(bench: WfmBench) -> None:
    bench.judge(desired_state.the_last_removal_empties_the_manifest)


@then(parsers.parse("the manifest says version {:d} exactly"))
def version_exact(bench: WfmBench) -> None:
    bench.judge(desired_state.large_versions_are_exact)


@then("the manifest is the one from before the restart")
def same_after_restart(bench: WfmBench) -> None:
    bench.judge(desired_state.a_restart_loses_nothing)


@then("the deployment has the components of one profile of the application, in their order")
def components(bench: WfmBench) -> None:
    bench.judge(checks.components_are_those_of_one_profile)


@then("the deployment makes the same demands as the application")
def demands(bench: WfmBench) -> None:
    bench.judge(checks.demands_are_passed_on_unchanged)


@then("the deployment has the same extensions in the same places")
def extensions(bench: WfmBench) -> None:
    bench.judge(checks.extensions_for_the_device_are_passed_on)


@then("the deployment has none of them")
def no_root_extensions(bench: WfmBench) -> None:
    bench.judge(checks.extensions_for_the_wfm_stay_behind)


@then("the deployment has the values of the operator")
def values(bench: WfmBench) -> None:
    bench.judge(checks.values_of_the_operator_reach_the_device)


@then("the value was refused and nothing has changed")
def value_refused(bench: WfmBench) -> None:
    bench.judge(checks.forbidden_values_are_refused)
