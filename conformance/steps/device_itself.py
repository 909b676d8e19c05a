"""What is done to the device itself, what it does then, and how it asks for its desired state."""

from pytest_bdd import parsers, then, when

from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_subject import SLOW_S
from conformance.bench.errors import NotSeen
from conformance.checks.device import capabilities, evidence, failure, polling, recovery
from conformance.checks.device.effects import component_doubt
from conformance.checks.evidence import Record

POINTS = {
    "it took up the new state": "manifest-taken",
    "it fetched what the new state names": "artefacts-fetched",
    "a component is being installed": "component-installing",
    "it stored the new state": "state-stored",
    "it sent a report": "status-sent",
}


# --- switched on -----------------------------------------------------------------------------------------------------


@when("the device is switched on")
def switched_on(bench: DeviceBench) -> None:
    bench.start_device()
    bench.until(lambda record: len(record.polls) >= 3, "connect")
    bench.look()


@when("the device is switched on while nobody answers")
def switched_on_alone(bench: DeviceBench) -> None:
    bench.start_device()


@then("it reports its capabilities before it asks for anything")
def capabilities_first(bench: DeviceBench) -> None:
    bench.judge(polling.capabilities_are_reported_first)


@then("it asks for its desired state again and again")
def polls(bench: DeviceBench) -> None:
    bench.until(lambda record: len(record.polls) >= 3, "poll")
    bench.judge(polling.desired_state_is_asked_for_at_intervals)


@then("what it says of itself is all that it offers")
def offers(bench: DeviceBench) -> None:
    bench.judge(capabilities.hosting_device_reports_its_resources)


@then("it installs nothing and reports no deployment")
def nothing(bench: DeviceBench) -> None:
    bench.judge(polling.nothing_is_invented)


@then("it says which desired state it has when it asks again")
def tag(bench: DeviceBench) -> None:
    bench.until(_unchanged_twice, "settle")
    bench.judge(polling.polls_carry_the_adopted_tag)


def _unchanged_twice(record: Record) -> bool:
    said = record.reports[-1].exchange.finished if record.reports else 0.0
    polls = evidence.polls_after(record, said)
    return len(polls) >= 2 and all(poll.status == 304 for poll in polls[-2:])


# --- reconfigured ----------------------------------------------------------------------------------------------------


@when("the device gets another serial number")
def another_serial(bench: DeviceBench) -> None:
    bench.configure(serial="SN-OF-THE-BENCH")
    bench.until(
        lambda record: any("SN-OF-THE-BENCH" in (i.request.text or "") for i in record.capability_reports), "poll"
    )


@then("it reports its capabilities anew")
def reports_anew(bench: DeviceBench) -> None:
    bench.judge(polling.changed_capabilities_are_reported)


@when(parsers.parse("the user sets the device to ask every {seconds:g} seconds"))
def sets_rate(bench: DeviceBench, seconds: float) -> None:
    _await_usual_rate(bench)
    fact = bench.configure(poll_s=bench.window(seconds))
    bench.until(lambda record: len(evidence.polls_after(record, fact.at)) >= 4, "apply")


def _await_usual_rate(bench: DeviceBench) -> None:
    """Have it seen how often the device asks, so that a setting that changes it can be seen, too."""
    bench.until(lambda record: evidence.usual_interval(record, record.polls[-1].at if record.polls else 0.0), "settle")


@then("the device keeps the distance that was set")
def keeps_rate(bench: DeviceBench) -> None:
    bench.judge(polling.configured_rate_is_kept)


@when(parsers.parse("the user allows the device to ask only {seconds:g} seconds from now"))
def sets_hours(bench: DeviceBench, seconds: float) -> None:
    _await_usual_rate(bench)
    fact = bench.configure(not_before_s=bench.window(seconds))
    bench.until(lambda record: evidence.polls_after(record, fact.at), "settle")


@then("the device keeps the hours that were set")
def keeps_hours(bench: DeviceBench) -> None:
    bench.judge(polling.configured_hours_are_kept)


@when(parsers.parse("the user sets a downtime of {seconds:g} seconds and the network is cut meanwhile"))
def sets_downtime(bench: DeviceBench, seconds: float) -> None:
    length = bench.window(seconds)
    fact = bench.configure(downtime_s=length)
    bench.cut()
    bench.let_pass(length / 2)
    bench.restore()
    bench.until(lambda record: evidence.polls_after(record, fact.at + length * 0.9), "poll")


@then("the device keeps quiet until the downtime is over")
def keeps_downtime(bench: DeviceBench) -> None:
    bench.judge(polling.downtime_is_kept)


# --- restarted -------------------------------------------------------------------------------------------------------


@when("the device reboots")
def reboots(bench: DeviceBench) -> None:
    fact = bench.reboot()
    bench.until(lambda record: len(evidence.polls_after(record, fact.at)) >= 2, "connect")
    bench.look()


@when("the device reboots while nobody answers")
def reboots_alone(bench: DeviceBench) -> None:
    bench.reboot()
    bench.look()


@when(parsers.parse('the power is cut when {moment} of "{role:w}" release {release:d}'))
def power_cut(bench: DeviceBench, moment: str, role: str, release: int) -> None:
    power_up = bench.power_cut(POINTS[moment])
    bench.publish((role, release))
    fact = power_up()
    bench.until(lambda record: evidence.polls_after(record, fact.at), "connect")


@when("the device is reset to its state of delivery")
def factory_reset(bench: DeviceBench) -> None:
    fact = bench.factory_reset()
    bench.until(lambda record: evidence.polls_after(record, fact.at), "connect")


@then("it says at once which desired state it had")
def says_tag(bench: DeviceBench) -> None:
    bench.judge(recovery.tag_survives_a_restart)


@then(parsers.parse('it runs "{role:w}" on as before'))
def runs_on(bench: DeviceBench, role: str) -> None:
    bench.judge(recovery.deployment_runs_on_after_a_restart, deployment=bench.deployment_id(role))


@then("it refuses what is not newer, as it did before")
def still_refuses(bench: DeviceBench) -> None:
    bench.judge(recovery.version_survives_a_restart)


@then(parsers.parse('the device finishes the update of "{role:w}"'))
def finishes(bench: DeviceBench, role: str) -> None:
    bench.look(for_role=role)  # what it told before the power was lost need not run again at once
    bench.until(lambda record: _installed(record, bench.deployment_id(role)), "apply")
    bench.look()
    bench.judge(recovery.update_is_finished_after_lost_power, deployment=bench.deployment_id(role))


@then(parsers.parse('the device comes back to "{role:w}" and reports it truthfully'))
def comes_back(bench: DeviceBench, role: str) -> None:
    lost = bench.record.last_fact("tampered")
    at = lost.at if lost else 0.0
    name = bench.deployment_id(role)
    bench.until(lambda record: any(r.state == "installed" for r in evidence.reports_after(record, at, name)), "apply")
    bench.judge(recovery.lost_state_is_recovered, deployment=name)


def _installed(record: Record, deployment: str) -> bool:
    fact = evidence.publication(record, deployment)
    return fact is not None and evidence.installed_and_polled(record, fact)


# --- components ------------------------------------------------------------------------------------------------------


@when(parsers.parse('the {position} component of "{role:w}" {behaviour}'))
def scripted(bench: DeviceBench, position: str, role: str, behaviour: str) -> None:
    bench.script(role, behaviour.removeprefix("is "), component={"first": 0, "last": -1}[position], seconds=SLOW_S)


@when(parsers.parse('the last project of "{role:w}" exits when it starts'))
def project_exits(bench: DeviceBench, role: str) -> None:
    bench.script(role, "fails", kind="compose")


@when(parsers.parse('the last project of "{role:w}" stays up'))
def project_stays(bench: DeviceBench, role: str) -> None:
    bench.script(role, "fine", kind="compose")


@when(parsers.parse('the last project of "{role:w}" is healthy only after a while'))
def project_is_slow(bench: DeviceBench, role: str) -> None:
    bench.script(role, "healthy only after a while", seconds=SLOW_S, kind="compose")


@then(parsers.parse('the device reports "{role:w}" failed, and why'))
def reports_failed(bench: DeviceBench, role: str) -> None:
    name = bench.deployment_id(role)
    came = bench.until(lambda record: _failed(record, name), "apply")
    bench.judge(failure.failure_is_reported, deployment=name)
    if not came and (why := component_doubt(bench.record, name)):
        raise NotSeen(why)  # what follows is about a failure
    bench.judge(failure.failure_says_why, deployment=name)


@then(parsers.parse('only the component that failed is reported failed of "{role:w}"'))
def reports_one(bench: DeviceBench, role: str) -> None:
    script = bench.record.last_fact("component-script")
    name = str(script.data["component"]) if script else ""
    bench.judge(failure.each_component_is_reported_as_it_is, deployment=bench.deployment_id(role), component=name)


@then(parsers.parse('the failure of "{role:w}" names the version it came with'))
def failure_has_version(bench: DeviceBench, role: str) -> None:
    bench.judge(failure.failed_first_installation_has_a_version, deployment=bench.deployment_id(role))


@then(parsers.parse('the components of "{role:w}" are begun one after the other'))
def one_after_the_other(bench: DeviceBench, role: str) -> None:
    bench.judge(failure.next_component_waits, deployment=bench.deployment_id(role))


@then(parsers.parse('"{role:w}" is not called installed before it is ready'))
def not_too_early(bench: DeviceBench, role: str) -> None:
    bench.judge(failure.installed_is_not_said_too_early, deployment=bench.deployment_id(role))


@then(parsers.parse('the device gives up on "{role:w}" when its time is over'))
def gives_up(bench: DeviceBench, role: str) -> None:
    bench.until(lambda record: _failed(record, bench.deployment_id(role)), "apply")
    bench.judge(failure.timeout_ends_an_installation, deployment=bench.deployment_id(role))


@then(parsers.parse('the device says which release of "{role:w}" it holds'))
def says_what_is_held(bench: DeviceBench, role: str) -> None:
    bench.until(lambda record: _failed(record, bench.deployment_id(role)), "apply")
    bench.look()
    bench.judge(failure.failed_update_says_what_is_held, deployment=bench.deployment_id(role))


@then(parsers.parse('"{role:w}" is not called removed before it is gone'))
def not_removed_too_early(bench: DeviceBench, role: str) -> None:
    name = bench.deployment_id(role)
    bench.until(lambda record: any(report.state == "removed" for report in record.reports_of(name)), "apply")
    bench.look()
    bench.judge(failure.failed_removal_is_not_called_removed, deployment=name)


def _failed(record: Record, deployment: str) -> bool:
    fact = evidence.publication(record, deployment)
    reports = evidence.reports_after(record, fact.at if fact else 0.0, deployment)
    failed = [report for report in reports if report.state == "failed"]
    return bool(failed) and bool(evidence.polls_after(record, failed[0].exchange.finished))
