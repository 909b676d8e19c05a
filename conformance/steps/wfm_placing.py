"""Sentences about a WFM that chooses where an application goes."""

from pytest_bdd import given, parsers, then, when

from conformance.bench import wfm_placing as placing
from conformance.bench.wfm_bench import WfmBench
from conformance.checks.wfm import placement as checks


@given(parsers.parse("client {name:w} has a device with {demand}, and one that differs in that"))
def both_devices(bench: WfmBench, name: str, demand: str) -> None:
    placing.report_both(bench, name, demand)


@when(parsers.parse("the WFM is to place an application that demands {demand}, on either of them"))
def place_on_either(bench: WfmBench, demand: str) -> None:
    placing.place(bench, "A", demand, placing.UNFITTING, placing.FITTING)


@when(parsers.parse("the WFM is to place an application that demands {demand}, on the other one only"))
def place_on_other(bench: WfmBench, demand: str) -> None:
    placing.place(bench, "A", demand, placing.UNFITTING)


@then("it has been placed on the fitting device only, and not at all without one")
def placed_where_it_fits(bench: WfmBench) -> None:
    bench.judge(checks.only_fitting_devices_are_chosen)


@then("what was demanded of the capacity was looked at")
def capacity_looked_at(bench: WfmBench) -> None:
    bench.judge(checks.capacity_is_a_minimum_of_each_device)


@then("what the rules demand was looked at")
def rules_looked_at(bench: WfmBench) -> None:
    bench.judge(checks.eligibility_rules_are_evaluated_as_written)
