"""Mistakes of every kind, and a WFM under load."""

from conformance.bench import wfm_attempts as attempts
from conformance.bench.wfm_asking import accepting
from conformance.bench.wfm_bench import JSON, WfmBench
from conformance.bench.wfm_control import Overload
from conformance.bench.wfm_requests import as_json, capabilities
from simulator.protocol.operations import capabilities_path

RETRY_AFTER_S = 7


def look_for(bench: WfmBench, name: str, what: str) -> None:
    """Ask for content that does not exist, or make a request that is not of the interface."""
    if what in attempts.CONTENT:
        attempts.fetch_missing(bench, name, what)
    else:
        attempts.strange_request(bench, name, what)


def every_mistake(bench: WfmBench, name: str) -> None:
    """Make one mistake for each status of the interface."""
    bench.ask(name)
    bench.report(name, "press-3")
    bench.withdraw_device(name, "press-3")
    attempts.wrong_report(bench, name, "press-2", "text that is no JSON")
    attempts.wrong_report(bench, name, "press-2", "no vendor")
    attempts.early_child(bench, name, "nowhere/press-2")
    attempts.withdraw_unknown(bench, name, "press-9", "a device that never was")
    attempts.fetch_no_digest(bench, name, "a digest that is too short")
    accepting(bench, name, "web pages")
    attempts.strange_request(bench, name, "a page that never was")
    bench.ask(name)
    bench.report(name, "press-2")
    bench.withdraw_device(name, "press-2")


def limit(bench: WfmBench, kind: Overload) -> None:
    """Put the WFM under load; the request that fills a client's allowance is made here."""
    bench.subject.hooks.need("limit_load")(kind, RETRY_AFTER_S)
    if kind == "one client too often":
        for name in bench.client_names:
            bench.poll(name)


def try_everything(bench: WfmBench, name: str) -> None:
    """Try each operation once while the WFM is under load."""
    fact = bench.note("overload-began")
    items = attempts.everything(bench, name, "press-1")
    bench.note("overloaded", {"exchanges": items, "since": fact})


def try_report(bench: WfmBench, name: str, device_id: str) -> None:
    """Report a device while the WFM is under load; it counts as not reported."""
    body = as_json(capabilities(device_id))
    exchange = bench.client(name).probe.send("PUT", capabilities_path(device_id), JSON, body)
    bench.sent(exchange, "report-capabilities", device_id, expects="overload", defect="too much load")
