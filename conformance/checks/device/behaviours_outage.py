"""Behaviours around first boot, reboot and outages that the supplier declares, or that leave the path open."""

from collections.abc import Iterator
from itertools import pairwise

from conformance.checks.device.declared import as_declared, declared
from conformance.checks.device.effects import component_doubt, restart_doubt, setting_doubt
from conformance.checks.device.evidence import (
    management,
    polls_after,
    publication,
    reports_after,
    revisions,
    usual_interval,
)
from conformance.checks.device.silence import polls_again, silence
from conformance.checks.evidence import Record, Report
from conformance.checks.registry import Judgement, check, expect, noted, unseen
from conformance.record.events import Exchange, Fact

ENOUGH = 7
"""Tries after which the pattern of waits can be told."""
FEW = 4
SLACK_S = 0.06
"""How much a wait may be off on a busy machine, in seconds."""


def _between(record: Record, kind: str, begin: Fact | None, ends: tuple[str, ...]) -> Fact | None:
    """Give the last fact of a kind after one fact and before the first of others."""
    if begin is None:
        return None
    after = [fact.at for name in ends for fact in record.facts_of(name) if fact.at > begin.at]
    end = min(after, default=float("inf"))
    found = [fact for fact in record.facts_of(kind) if begin.at < fact.at < end]
    return found[-1] if found else None


def _latest(record: Record, *kinds: str) -> Fact | None:
    return max((fact for kind in kinds for fact in record.facts_of(kind)), key=lambda fact: fact.at, default=None)


@check("FB-02", role="device")
def default_state_before_management(record: Record) -> Iterator[Judgement]:
    """Before a first desired state came the device is in the default state that its supplier declares."""
    on, seen = record.last_fact("device-started"), record.last_fact("workloads")
    if on is None or seen is None or seen.at < on.at:
        yield unseen("a known default state", "what runs before the first desired state cannot be seen")
        return
    names = sorted(name for parts in seen.data["running"].values() for name in parts)
    fits = {"await": not names, "default-workloads": bool(names)}
    yield as_declared(record, "first-boot", fits, f"runs {', '.join(names)}" if names else "runs nothing", seen)


@check("FB-06", role="device")
def reset_forgets_or_keeps(record: Record) -> Iterator[Judgement]:
    """After a reset to its state of delivery the device knows nothing of before, or what its supplier declares."""
    reset = record.last_fact("factory-reset")
    polls = polls_after(record, reset.at) if reset else ()
    if reset is None or not polls:
        yield unseen("nothing known from before", "it was not reset, or did not come back")
        return
    tag = polls[0].request_header("If-None-Match")
    told = [item for item in record.capability_reports if reset.at < item.at < polls[0].at]
    found = f"first asked {f'with the tag {tag}' if tag else 'without a tag'}, "
    found += "after it reported its capabilities" if told else "without a report of its capabilities"
    accepts = declared(record, "version-regression") == "accept-after-reset"
    fits = {"forget": tag is None and bool(told), "keep": tag is not None or accepts}
    yield as_declared(record, "factory-reset", fits, found, reset, polls[0])


@check("FB-07", role="device")
def unset_clock_fails_closed(record: Record) -> Iterator[Judgement]:
    """A device for whose clock the WFM's certificate is not yet valid sends nothing, until it is."""
    wrong = next((fact for fact in record.facts_of("presented") if fact.data["credential"] != "good"), None)
    if wrong is None:
        yield unseen("nothing is sent", "every certificate was valid")
        return
    tried = [fact for fact in record.facts_of("connecting") if fact.data["offered"] == wrong.data["credential"]]
    right = next((fact for fact in record.facts_of("presented") if fact.at > wrong.at), None)
    end = right.at if right else float("inf")
    sent = [item for item in management(record) if wrong.at < item.at < end]
    if not tried and not sent:
        yield unseen("nothing is sent", "the device did not try to connect", wrong)
        return
    found = f"{len(sent)} requests" if sent else f"none in {len(tried)} connections"
    yield expect(not sent, wrong, *sent[:3], expected="no request before the time is right", found=found)
    if right is not None:
        back = [item for item in management(record) if item.at > end]
        if not back and (why := silence(record, end)):
            yield unseen("it connects then", why, right)
            return
        yield expect(bool(back), right, *back[:1], expected="it connects then", found=f"{len(back)} requests")


@check("RB-02", role="device")
def reboot_without_wfm(record: Record) -> Iterator[Judgement]:
    """After a reboot without a WFM the device restores what it ran, or waits, as its supplier declares."""
    reboot = record.last_fact("rebooted")
    seen = _between(record, "workloads", reboot, ("network-restored", "wfm-started"))
    if reboot is None or seen is None:
        yield unseen("what runs after the reboot", "what ran meanwhile cannot be seen")
        return
    if why := restart_doubt(record, reboot):
        yield unseen("what runs after the reboot", why, reboot, seen)
        return
    runs = bool(seen.data["running"])
    fits = {"restore-last": runs, "await-wos": not runs}
    found = "its workloads ran" if runs else "nothing ran"
    yield as_declared(record, "reboot-offline", fits, f"{found} while nobody answered", reboot, seen)


@check("RB-06", role="device")
def reports_of_an_outage(record: Record, deployment: str) -> Iterator[Judgement]:
    """What happened during an outage is told afterwards: all of it, the latest, or nothing, as declared."""
    cut, back = record.last_fact("network-cut"), record.last_fact("network-restored")
    if cut is None or back is None or len(polls_after(record, back.at)) < 2:
        yield unseen("reports after the outage", "there was no outage, or the device did not come back")
        return
    late = reports_after(record, back.at, deployment)
    if not late and (why := component_doubt(record, deployment)):
        yield unseen("reports after the outage", f"{why}, so all may have happened before", cut, back)
        return
    told = ", ".join(f"{report.state} {'/'.join(report.component_states.values())}" for report in late) or "nothing"
    whole = bool(late) and late[-1].state == "installed" and _in_order(late)
    fits = {"queue": len(late) > 1 and whole, "latest": len(late) == 1 and whole, "drop": not late}
    shown = [report.exchange for report in late[:5]]
    yield as_declared(record, "offline-status", fits, f"told afterwards: {told}", cut, back, *shown)


def _in_order(reports: tuple[Report, ...]) -> bool:
    """Whether no report says less than the one before it: components only go forward."""
    done = [list(report.component_states.values()).count("installed") for report in reports]
    return done == sorted(done)


@check("RB-07", role="device")
def workloads_during_an_outage(record: Record) -> Iterator[Judgement]:
    """While the WFM is away workloads run on, or stop after a time, as the supplier declares."""
    away = _latest(record, "network-cut", "wfm-stopped")
    seen = _between(record, "workloads", away, ("network-restored", "wfm-started"))
    if away is None or seen is None:
        yield unseen("what runs meanwhile", "what ran meanwhile cannot be seen")
        return
    runs = bool(seen.data["running"])
    found = f"{'its workloads ran' if runs else 'nothing ran'} {seen.at - away.at:.1f} s after the WFM was gone"
    told = [fact for fact in record.facts_of("configured") if "offline_stop_s" in fact.data]
    stops = declared(record, "offline-workloads") == "stop-after"
    if runs and stops and told and (why := setting_doubt(told[-1], "offline_stop_s")):
        yield unseen("as with offline-workloads: stop-after", why, told[-1], seen)
        return
    fits = {"keep-running": runs, "stop-after": not runs}
    yield as_declared(record, "offline-workloads", fits, found, away, seen)


@check("RB-09", "FB-03", role="device")
def broken_links_are_retried(record: Record) -> Iterator[Judgement]:
    """Requests that got no answer are tried again as the supplier declares, and never more and more often."""
    begun, over = record.last_fact("disturbed"), record.last_fact("recovered")
    tries = _tries(record, begun)
    if begun is None or len(tries) < FEW:
        yield unseen("a pattern of tries", f"{len(tries)} tries were seen")
        return
    if why := _unknown_patience(record, begun, tries):
        yield unseen("a pattern of tries", why, begun, *tries[:3])
        return
    patience = _patience(record, begun)
    waits = [max(0.0, later.at - earlier.at - patience) for earlier, later in pairwise(tries)]
    usual = usual_interval(record, begun.at)
    found = "waits of " + ", ".join(f"{wait:.2f}" for wait in waits[:8]) + " s"
    found += f"; {usual:.2f} s between polls before" if usual else ""
    fits = {"backoff": _backs_off(waits), "fixed": _is_even(waits), "give-up": _gives_up(waits, usual)}
    yield as_declared(record, "retry", fits, found, begun, *tries[:8], *([over] if over else []))


def _tries(record: Record, begun: Fact | None) -> tuple[Exchange, ...]:
    """The requests of one kind to the WFM that got no answer: of the kind that was tried most often."""
    label = begun.data["label"] if begun else None
    failed = [item for item in management(record) if begun and item.fault == label and item.at >= begun.at]
    names = [item.operation for item in failed]
    often = max(set(names), key=names.count, default="")
    return tuple(item for item in failed if item.operation == often)


def _patience(record: Record, begun: Fact) -> float:
    """How long the device waits for an answer that does not come, in seconds; 0 where it gets to know sooner."""
    known = [fact.data["answer_s"] for fact in record.facts_of("configured") if "answer_s" in fact.data]
    return float(known[-1]) if known and "no answer" in begun.data["label"] else 0.0


def _unknown_patience(record: Record, begun: Fact, tries: tuple[Exchange, ...]) -> str:
    """Say why it is not known how long a device waits for answers; empty where it is, or where it waited for none."""
    told = [fact for fact in record.facts_of("configured") if "answer_s" in fact.data]
    waited = any(item.error is None for item in tries)  # they came late, and it was still there
    return setting_doubt(told[-1], "answer_s") if told and waited and "no answer" in begun.data["label"] else ""


def _backs_off(waits: list[float]) -> bool:
    shrunk = any(later < earlier * 0.85 - SLACK_S for earlier, later in pairwise(waits))
    return not shrunk and waits[-1] >= 2 * waits[0]


def _is_even(waits: list[float]) -> bool:
    return max(waits) <= 1.5 * min(waits) + 2 * SLACK_S


def _gives_up(waits: list[float], usual: float | None) -> bool:
    """A few tries at most, then the usual time between polls, and never longer."""
    if usual is None:
        return not _backs_off(waits)
    pauses = [wait for wait in waits if wait >= 0.7 * usual]
    return bool(pauses) and max(waits) <= 1.6 * usual + SLACK_S


@check("RB-12", "ID-39", role="device")
def renewed_credential_is_used(record: Record) -> Iterator[Judgement]:
    """A renewed credential is used from the next connection on; with an expired one nothing is reached."""
    given = [fact for fact in record.facts_of("credential-given") if not fact.data["expired"]]
    if not given:
        yield unseen("the new credential is used", "no credential was renewed")
        return
    back = max([given[-1].at, *(fact.at for fact in record.facts_of("network-restored"))])
    polls = polls_after(record, back)
    if why := silence(record, back):
        yield unseen("the new one is presented", why, given[-1])
        return
    leaves = {poll.tls.peer_chain[0] for poll in polls if poll.tls and poll.tls.peer_chain}
    found = "the new one" if leaves == {given[-1].data["leaf"]} else f"{len(leaves)} credentials" if leaves else "none"
    yield expect(
        leaves == {given[-1].data["leaf"]}, given[-1], *polls[:2], expected="the new one is presented", found=found
    )


@check("RB-12", role="device")
def expired_credential_is_survived(record: Record) -> Iterator[Judgement]:
    """A credential that expired opens no connection; the device comes back once it has a valid one."""
    facts = record.facts_of("credential-given")
    expired = next((fact for fact in facts if fact.data["expired"]), None)
    renewed = next((fact for fact in facts if expired and fact.at > expired.at), None)
    if expired is None or renewed is None:
        yield unseen("it comes back with a valid one", "no credential expired")
        return
    leaf = expired.data["leaf"]
    used = [item for item in record.exchanges if item.tls and item.tls.peer_chain[:1] == (leaf,)]
    yield expect(not used, expired, *used[:2], expected="no request with the expired one", found=f"{len(used)}")
    yield from polls_again(record, renewed.at, renewed, expected="it comes back with a valid one")
    offered = [item for item in record.connections if expired.at < item.at < renewed.at and item.outcome == "refused"]
    yield noted(f"it tried {len(offered)} connections meanwhile", expired, *offered[:2])


@check("RB-03", role="device")
def nothing_is_half_done_after_lost_power(record: Record, point: str, names: tuple[str, ...]) -> Iterator[Judgement]:
    """Wherever the power is lost, the device ends on the newest desired state, nothing lost and nothing doubled."""
    back, seen = record.last_fact("powered-up"), record.last_fact("workloads")
    if back is None or seen is None or seen.at < back.at:
        yield unseen("the newest desired state", "the power was not lost, or what runs cannot be seen")
        return
    wanted, last = {}, []
    for name in names:
        fact, left = (
            publication(record, name),
            [f for f in record.facts_of("withdrawn") if f.data["deploymentId"] == name],
        )
        if fact is not None and not (left and left[-1].at > fact.at):
            wanted[name] = revisions(fact)
        report = record.last_report(name)
        last.append(f"{report.state} with version {report.version}" if report else "no report")
    running = seen.data["running"]
    right = running == wanted and _final(record, names, set(wanted))
    found = f"power lost before {point}: {'; '.join(last)}" + ("" if running == wanted else f"; runs {running}")
    yield expect(right, back, seen, expected=f"{len(wanted)} deployments, each as published last", found=found)


def _final(record: Record, names: tuple[str, ...], wanted: set[str]) -> bool:
    """Whether the last report of each deployment says how it ended."""
    for name in names:
        report = record.last_report(name)
        fact = publication(record, name)
        if name in wanted:
            if not (report and fact and report.state == "installed" and (report.version or 0) >= fact.data["version"]):
                return False
        elif report is not None and report.state != "removed":
            return False
    return True


@check("RB-03", role="device", observes=True)
def every_point_was_tried(record: Record) -> Iterator[Judgement]:
    """Whether the power was lost at every point of a change; what came of each is judged when it happens."""
    end, cuts, backs = record.last_fact("power-cuts"), record.facts_of("power-cut"), record.facts_of("powered-up")
    if end is None or not cuts:
        yield unseen("every point", "the power was not cut at every point")
        return
    points = int(end.data["points"])
    came = [fact for fact in backs if polls_after(record, fact.at)]
    if not points or len(came) < points:
        yield unseen("every point", f"{points} points, and the device came back {len(came)} times", end)
        return
    yield noted(f"{points} points tried, the device came back after each", end)
