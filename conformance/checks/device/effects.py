"""What hooks were to do to a device, and whether they did it: that one ended without a complaint shows nothing.

A hook tells what it left (`restart-seen`, `configured` and `component-told` carry it as `told`), or the device shows it
by what it does. Where neither is so, what would have followed from it can be neither expected nor passed.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from conformance.checks.device.evidence import polls_after, reports_after
from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, Seen
from conformance.record.events import Fact

CLOCKS_S = 2.0
"""How much longer than since it was asked to restart a device may say that it is up."""
_GOOD = ("fine",)


# --- restarts ------------------------------------------------------------------------------------------------------


def restart_doubt(record: Record, restart: Fact) -> str:
    """Say why it is not known that a device restarted when it was asked to; empty where it is, or its power was cut."""
    if restart.kind != "rebooted" or _forgot(record, restart) or _stopped(record, restart):
        return ""
    seen = next((fact for fact in record.facts_of("restart-seen") if fact.at >= restart.at), None)
    up = seen.data["told"] if seen else None
    claim = "the hook `reboot` said it restarted the device, but"
    if seen is None or up is None:
        return f"{claim} nothing shows it: there is no hook `uptime` that tells since when the device is up"
    since = float(seen.data["seconds"])
    if up <= since + CLOCKS_S:
        return ""
    return f"{claim} {since:.0f} s later it was up for {up:.0f} s"


def _forgot(record: Record, restart: Fact) -> bool:
    """Whether a device that polled with a tag came back without one: it lost what only a restart takes."""
    before = [poll for poll in record.polls if poll.at < restart.at]
    after = polls_after(record, restart.at)
    held = bool(before) and before[-1].request_header("If-None-Match") is not None
    return held and bool(after) and after[0].request_header("If-None-Match") is None


def _stopped(record: Record, restart: Fact) -> bool:
    """Whether what ran before was seen not to run after, with no order in between."""
    orders = [fact.at for kind in ("published", "withdrawn") for fact in record.facts_of(kind) if fact.at > restart.at]
    end = min(orders, default=math.inf)
    looks = record.facts_of("workloads")
    before = [fact.data["running"] for fact in looks if fact.at < restart.at]
    after = [fact.data["running"] for fact in looks if restart.at < fact.at < end]
    return bool(before and after) and any(set(before[-1]) - set(running) for running in after)


def if_it_restarted(record: Record, restart: Fact | None, judgements: Iterable[Judgement]) -> Iterator[Judgement]:
    """Give judgements of what came after a restart: what is kept says nothing unless there was one.

    What is broken is broken with a restart and without.
    """
    why = restart_doubt(record, restart) if restart else ""
    for judgement in judgements:
        kept = judgement.seen is Seen.KEPT
        yield replace(judgement, seen=Seen.UNSEEN, found=why) if why and kept else judgement


# --- settings ------------------------------------------------------------------------------------------------------


def setting_doubt(configured: Fact, *names: str) -> str:
    """Say why it is not known that settings are in force; empty where the hook told each as the device has it."""
    told = configured.data.get("told")
    known = told if isinstance(told, dict) else {}
    open_ones = [name for name in names if name in configured.data and not _same(known, name, configured.data[name])]
    if not open_ones:
        return ""
    which = " and ".join(f"`{name}`" for name in open_ones)
    wrong = [f"{name}: {known[name]}" for name in open_ones if name in known]
    otherwise = f"answered with {', '.join(wrong)}" if wrong else "did not answer with it as the device has it now"
    return f"the hook `configure` said it set {which}, but {otherwise}, and the device did not show it"


def _same(told: dict[str, Any], name: str, asked: Any) -> bool:
    found = told.get(name)
    if isinstance(found, int | float) and isinstance(asked, int | float):
        return math.isclose(found, asked, rel_tol=0.01)
    return name in told and bool(found == asked)


# --- components ----------------------------------------------------------------------------------------------------


def component_doubt(record: Record, deployment: str) -> str:
    """Say why it is not known that a component behaves as the hook `fault` was to have it; empty where it is.

    That one fails is also known by a report of it, and by a look at what runs that does not find it.
    """
    script = next((fact for fact in reversed(record.facts_of("component-script"))), None)
    if script is None or script.data["deploymentId"] != deployment:
        return ""
    behaviour, name = script.data["behaviour"], script.data["component"]
    told = next((fact.data["told"] for fact in record.facts_of("component-told") if fact.at >= script.at), None)
    if (told or {}).get("behaviour") == behaviour:
        return ""
    if behaviour not in _GOOD and _failing_seen(record, script, deployment):
        return ""
    return (
        f"the hook `fault` said that {name} is to be: {behaviour}; but nothing shows it: "
        f'it did not answer {{"behaviour": "{behaviour}"}}, and neither a report nor a hook `workloads` tells of it'
    )


def _failing_seen(record: Record, script: Fact, deployment: str) -> bool:
    if any(report.state == "failed" for report in reports_after(record, script.at, deployment)):
        return True
    done = [item.exchange.at for item in reports_after(record, script.at, deployment) if item.state == "installed"]
    looks = [fact for fact in record.facts_of("workloads") if done and fact.at > done[-1]]
    return bool(looks) and script.data["component"] not in looks[-1].data["running"].get(deployment, {})
