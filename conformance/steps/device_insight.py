"""What is read inside the device: its log."""

from pytest_bdd import then

from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_insight import read_security_log
from conformance.checks.device import refusal


@then("the refusal stands in the security log of the device")
def refusal_is_logged(bench: DeviceBench) -> None:
    read_security_log(bench)
    bench.judge(refusal.refusal_is_logged)
