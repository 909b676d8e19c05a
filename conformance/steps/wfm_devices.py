"""Sentences about devices that make themselves known to a WFM."""

from pytest_bdd import given, parsers, then, when

from conformance.bench import wfm_attempts as attempts
from conformance.bench.wfm_bench import WfmBench
from conformance.bench.wfm_requests import capabilities
from conformance.checks.wfm import capabilities as checks
from conformance.checks.wfm import tenancy


@when(parsers.parse('client {name:w} reports device "{device}"'))
def report(bench: WfmBench, name: str, device: str) -> None:
    bench.report(name, device)


@given(parsers.parse('client {name:w} has reported device "{device}"'))
def has_reported(bench: WfmBench, name: str, device: str) -> None:
    bench.known_device(name, device)


@when(parsers.parse('client {name:w} reports device "{device}" under another serial number'))
def report_changed(bench: WfmBench, name: str, device: str) -> None:
    document = capabilities(device)
    document["properties"]["serialNumber"] = "300-0002"
    bench.report(name, device, document)


@when(parsers.parse("client {name:w} reports a device with {defect}"))
def report_wrong_id(bench: WfmBench, name: str, defect: str) -> None:
    attempts.wrong_device_id(bench, name, defect)


@when(parsers.parse('client {name:w} reports device "{device}" with {defect}'))
def report_wrong(bench: WfmBench, name: str, device: str, defect: str) -> None:
    attempts.wrong_report(bench, name, device, defect)


@when(parsers.parse('client {name:w} reports device "{device}" of kinds nobody knows'))
def report_unknown_kinds(bench: WfmBench, name: str, device: str) -> None:
    attempts.report_unknown_kinds(bench, name, device)


@when(parsers.parse('client {name:w} reports device "{device}" carrying extensions of a stranger'))
def report_extensions(bench: WfmBench, name: str, device: str) -> None:
    stranger = {"x-stranger-extensions": {"mood": "calm", "deep": {"list": [1, 2, 3]}}}
    bench.report(name, device, {**capabilities(device), **stranger})


@when(parsers.parse('client {name:w} reports device "{device}" before its gateway'))
def report_early_child(bench: WfmBench, name: str, device: str) -> None:
    attempts.early_child(bench, name, device)


@when(parsers.parse('client {name:w} reports device "{device}" behind the gateway of client {owner:w}'))
def report_behind_foreign_gateway(bench: WfmBench, name: str, device: str, owner: str) -> None:
    del owner
    attempts.early_child(bench, name, device)


@when(parsers.parse('client {name:w} reports the gateway "{device}"'))
@given(parsers.parse('client {name:w} has reported the gateway "{device}"'))
def report_gateway(bench: WfmBench, name: str, device: str) -> None:
    attempts.report_gateway(bench, name, device)


@given(parsers.parse('client {name:w} has reported a gateway that hosts workloads, "{device}"'))
def has_hosting_gateway(bench: WfmBench, name: str, device: str) -> None:
    bench.known_device(name, device)


@given(parsers.parse("client {name:w} has {count:d} device"))
@given(parsers.parse("client {name:w} has {count:d} devices"))
def has_devices(bench: WfmBench, name: str, count: int) -> None:
    for number in range(1, count + 1):
        bench.known_device(name, f"press-{number}")


@when(parsers.parse('client {name:w} withdraws device "{device}"'))
def withdraw(bench: WfmBench, name: str, device: str) -> None:
    attempts.withdraw(bench, name, device)


@when(parsers.parse('client {name:w} withdraws device "{device}" of client {owner:w}'))
def withdraw_foreign(bench: WfmBench, name: str, device: str, owner: str) -> None:
    attempts.withdraw_unknown(bench, name, device, f"a device of client {owner}")


@then("the WFM tells new devices from those it knows")
def tells_new_from_known(bench: WfmBench) -> None:
    bench.judge(checks.new_devices_are_told_from_known_ones)


@then("the WFM tells new devices from those it knows, client by client")
def tells_clients_apart(bench: WfmBench) -> None:
    bench.judge(tenancy.equal_device_ids_are_separate_records)


@then(parsers.parse('device "{}" of client {:w} is still there'))
def still_there(bench: WfmBench) -> None:
    bench.judge(tenancy.foreign_devices_cannot_be_withdrawn)


@then(parsers.parse('the operator sees device "{device}" of client {name:w} as it was reported'))
def operator_sees(bench: WfmBench, device: str, name: str) -> None:
    attempts.look_at_device(bench, name, device)
    bench.judge(checks.the_operator_sees_what_was_reported)


@then(parsers.parse('the WFM takes the report of "{}"'))
def takes_report(bench: WfmBench) -> None:
    bench.judge(checks.well_formed_ids_are_taken)


@then("the WFM has refused the device with the wrong id")
def refused_wrong_id(bench: WfmBench) -> None:
    bench.judge(checks.malformed_ids_are_refused)


@then("the WFM has refused the wrong report only")
def refused_wrong_report(bench: WfmBench) -> None:
    bench.judge(checks.wrong_reports_are_refused)


@then("the WFM has refused only the device that never was")
def refused_unknown_device(bench: WfmBench) -> None:
    bench.judge(checks.unknown_devices_cannot_be_withdrawn)


@then("the WFM takes what it does not know as custom")
def takes_as_custom(bench: WfmBench) -> None:
    bench.judge(checks.unknown_kinds_are_taken_as_custom)


@then("the WFM takes reports with and without extensions alike")
def takes_extensions(bench: WfmBench) -> None:
    bench.judge(checks.unknown_extensions_do_no_harm)


@then("the WFM has refused the device without its gateway only")
def refused_early_child(bench: WfmBench) -> None:
    bench.judge(checks.devices_wait_for_their_gateway)


@then("the fields that are wrong have been named")
def fields_named(bench: WfmBench) -> None:
    bench.judge(checks.wrong_fields_are_named)
