"""Sentences about how deployments fare."""

from pytest_bdd import given, parsers, then, when

from conformance.bench import wfm_attempts as attempts
from conformance.bench import wfm_reporting as reporting
from conformance.bench.wfm_bench import WfmBench
from conformance.checks.wfm import statuses, tenancy


@when(parsers.parse("client {name:w} reports the states {states}"))
def report_states(bench: WfmBench, name: str, states: str) -> None:
    for state in states.split(", "):
        reporting.report(bench, name, state)


@given(parsers.parse("client {name:w} has reported the state {state:w}"))
def has_reported(bench: WfmBench, name: str, state: str) -> None:
    reporting.report(bench, name, state)


@given(parsers.parse("client {name:w} has reported the {role:w} application {state:w}"))
@when(parsers.parse("client {name:w} reports the {role:w} application {state:w}"))
def report_role(bench: WfmBench, name: str, role: str, state: str) -> None:
    bench.post_status(name, bench.client(name).deployments[role], state)


@when(parsers.parse("client {name:w} reports the {role:w} application with {defect}"))
def report_wrong(bench: WfmBench, name: str, role: str, defect: str) -> None:
    attempts.wrong_status(bench, name, role, defect)


@when(parsers.parse("client {name:w} reports the status of a deployment that never was"))
def report_unknown(bench: WfmBench, name: str) -> None:
    attempts.status_of_nothing(bench, name)


@when(parsers.parse("client {name:w} reports the status of the deployment of client {owner:w}"))
def report_foreign(bench: WfmBench, name: str, owner: str) -> None:
    attempts.foreign_status(bench, name, owner)


@then("the first report is taken as new and the others as updates")
def first_is_new(bench: WfmBench) -> None:
    bench.judge(statuses.the_first_report_is_new)


@then("the WFM has refused the wrong status only")
def refused_wrong(bench: WfmBench) -> None:
    bench.judge(statuses.wrong_statuses_are_refused)


@then("the WFM has refused the unknown deployment only")
def refused_unknown(bench: WfmBench) -> None:
    bench.judge(statuses.unknown_deployments_take_no_status)


@then("the WFM has refused the foreign status only")
def refused_foreign(bench: WfmBench) -> None:
    bench.judge(tenancy.foreign_statuses_are_refused)
