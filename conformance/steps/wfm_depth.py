"""Sentences about requests out of the ordinary, slow and broken-off ones, and many things at once."""

from pytest_bdd import parsers, then, when

from conformance.bench import wfm_depth as depth
from conformance.bench.wfm_bench import WfmBench
from conformance.checks.wfm import depth as checks


@when(parsers.parse("client {name:w} sends {what} between ordinary requests"))
def odd(bench: WfmBench, name: str, what: str) -> None:
    depth.odd(bench, name, what)


@when(parsers.parse('client {name:w} breaks off while it reports device "{device}"'))
def break_off(bench: WfmBench, name: str, device: str) -> None:
    depth.break_off(bench, name, device)


@when(parsers.parse("{count:d} connections of client {name:w} stand still"))
def stand_still(bench: WfmBench, count: int, name: str) -> None:
    depth.stand_still(bench, name, count)


@when(parsers.parse("the operator deploys the primary application to {count:d} devices of client {name:w} at once"))
def at_once(bench: WfmBench, count: int, name: str) -> None:
    depth.change_at_once(bench, name, count)


@then("it is served as HTTP has it, and the ordinary requests as ever")
@then("it is served or refused, and the ordinary requests are served")
def harmless(bench: WfmBench) -> None:
    bench.judge(checks.odd_requests_do_no_harm)


@then("what broke off was not done")
def not_done(bench: WfmBench) -> None:
    bench.judge(checks.what_broke_off_was_not_done)


@then("everybody was served meanwhile")
def served_meanwhile(bench: WfmBench) -> None:
    bench.judge(checks.idle_connections_keep_nobody_out)


@then("no version went back, and nothing was lost")
def in_order(bench: WfmBench) -> None:
    bench.judge(checks.changes_at_once_stay_in_order)
