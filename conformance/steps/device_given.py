"""Where a device scenario starts from."""

from pytest_bdd import given, parsers

from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_deployments import wanted_of

ROLES = ("primary", "secondary", "tertiary")


@given("a device that has never been managed")
def unmanaged(bench: DeviceBench) -> None:
    bench.unmanaged()


@given("a device that is managed by the WFM")
def managed(bench: DeviceBench) -> None:
    bench.connect()


@given(parsers.parse('the device runs "{role}" release {release:d}'))
def runs_one(bench: DeviceBench, role: str, release: int) -> None:
    bench.run((role, release))


@given(parsers.parse("the device runs {count:d} applications"))
def runs_some(bench: DeviceBench, count: int) -> None:
    bench.run(*wanted_of(ROLES[:count]))
