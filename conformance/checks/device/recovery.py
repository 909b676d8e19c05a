"""What survives: a reboot, lost power, lost state, a WFM or network that is away."""

from collections.abc import Iterator

from conformance.checks.device.effects import if_it_restarted
from conformance.checks.device.evidence import installed, polls_after, reports_after, revisions
from conformance.checks.device.refusal import older_or_equal_state_is_refused
from conformance.checks.device.silence import polls_again, silence
from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, check, expect, unseen
from conformance.record.events import Fact

RESTARTS = ("rebooted", "powered-up")


def _restart(record: Record) -> Fact | None:
    found = [fact for kind in RESTARTS for fact in record.facts_of(kind)]
    return max(found, key=lambda fact: fact.at) if found else None


@check("DS-031", "DS-075", "DS-068", role="device", interpretations=("AMB-X-13",))
def tag_survives_a_restart(record: Record) -> Iterator[Judgement]:
    """After a restart the first poll carries the tag of the desired state that was applied before it."""
    restart = _restart(record)
    polls = polls_after(record, restart.at) if restart else ()
    before = [offer for offer in record.offers if restart and offer.exchange.at < restart.at and offer.refs]
    if restart is None or not polls or not before:
        yield unseen("the tag from before", "no restart, or no poll after it")
        return
    wanted, found = before[-1].etag, polls[0].request_header("If-None-Match") or "none"
    judged = expect(found == wanted, before[-1].exchange, polls[0], expected=f"{wanted}", found=found)
    yield from if_it_restarted(record, restart, [judged])


@check("DS-031", "DS-069", role="device")
def version_survives_a_restart(record: Record) -> Iterator[Judgement]:
    """After a restart an older desired state is refused as it was before."""
    restart, offer = _restart(record), record.last_fact("offered")
    if restart is None or offer is None or offer.at < restart.at:
        yield unseen("refused after the restart", "nothing was offered after it")
        return
    yield from if_it_restarted(record, restart, older_or_equal_state_is_refused(record))


@check("DS-075", "DS-072", role="device")
def deployment_runs_on_after_a_restart(record: Record, deployment: str) -> Iterator[Judgement]:
    """After a restart the device runs what it ran before, without a new order and without removing it."""
    restart = _restart(record)
    yield from if_it_restarted(record, restart, _runs_on(record, restart, deployment))


def _runs_on(record: Record, restart: Fact | None, deployment: str) -> Iterator[Judgement]:
    if restart is None or not polls_after(record, restart.at):
        yield unseen("it runs on", "no restart, or no poll after it")
        return
    reports = reports_after(record, restart.at, deployment)
    bad = [report for report in reports if report.state in ("removing", "removed", "failed")]
    found = ", ".join(f"{report.state}" for report in reports) or "no report: nothing changed"
    yield expect(not bad, restart, *[report.exchange for report in reports[:3]], expected="it runs on", found=found)
    seen = record.last_fact("workloads")
    if seen is not None and seen.at > restart.at:
        there = bool(seen.data["running"].get(deployment))
        yield expect(there, seen, expected="it runs", found="it runs" if there else "it does not run")


@check("DS-075", "DS-072", role="device")
def update_is_finished_after_lost_power(record: Record, deployment: str) -> Iterator[Judgement]:
    """Power that is lost in the middle of an update leaves nothing half done: the newest state is reached."""
    facts = [fact for fact in record.facts_of("published") if fact.data["deploymentId"] == deployment]
    restart = _restart(record)
    if restart is None or not facts:
        yield unseen("the newest state is reached", "the power was not lost")
        return
    last = record.last_report(deployment)
    right = installed(record, facts[-1]) is not None
    found = f"{last.state} with version {last.version}" if last else "no report"
    expected = f"installed, with version {facts[-1].data['version']} or newer"
    if not right and (why := silence(record, restart.at)):
        yield unseen(expected, why, restart)
        return
    yield expect(right, restart, *([last.exchange] if last else []), expected=expected, found=found)
    seen = record.last_fact("workloads")
    if seen is not None and seen.at > restart.at:
        running, wanted = seen.data["running"].get(deployment, {}), revisions(facts[-1])
        yield expect(running == wanted, seen, expected=f"runs {wanted}", found=f"runs {running}")


@check("DT-001", "DS-072", role="device", interpretations=("AMB-X-31",))
def outage_is_survived(record: Record, deployment: str) -> Iterator[Judgement]:
    """After an outage the device reaches the newest desired state with nobody at the device."""
    back = [fact for kind in ("network-restored", "wfm-started") for fact in record.facts_of(kind)]
    facts = [fact for fact in record.facts_of("published") if fact.data["deploymentId"] == deployment]
    if not back or not facts:
        yield unseen("the newest state is reached", "there was no outage")
        return
    last = record.last_report(deployment)
    found = f"{last.state} with version {last.version}" if last else "no report"
    expected = f"installed, with version {facts[-1].data['version']} or newer"
    good = installed(record, facts[-1])
    if good is None and (why := silence(record, back[-1].at)):
        yield unseen(expected, why, back[-1])
        return
    yield expect(good is not None, back[-1], expected=expected, found=found)


@check("DT-001", role="device")
def polling_goes_on_after_an_outage(record: Record) -> Iterator[Judgement]:
    """After an outage the device asks for its desired state again."""
    back = [fact for kind in ("network-restored", "wfm-started", "recovered") for fact in record.facts_of(kind)]
    if not back:
        yield unseen("polls again", "there was no outage")
        return
    yield from polls_again(record, back[-1].at, back[-1], expected="polls again")


@check("ST-001", role="device")
def newer_states_are_not_overtaken(record: Record, deployment: str) -> Iterator[Judgement]:
    """Reports that waited for the WFM never bring an older state after a newer one."""
    ranks = {"pending": 0, "installing": 1, "installed": 2, "failed": 2, "removing": 3, "removed": 4}
    reports = [report for report in record.reports_of(deployment) if report.state in ranks]
    if not record.facts_of("network-restored") and not record.facts_of("recovered"):
        yield unseen("states in order", "there was no outage")
        return
    after = [fact.at for kind in ("network-restored", "recovered") for fact in record.facts_of(kind)]
    late = [report for report in reports if report.exchange.finished >= min(after)]
    if not late:
        yield unseen("states in order", "nothing was reported after the outage")
        return
    keys = [(report.version or 0, ranks[str(report.state)]) for report in late]
    found = ", ".join(f"{report.state} ({report.version})" for report in late)
    right = keys == sorted(keys)
    yield expect(right, *[report.exchange for report in late[:5]], expected="older states first", found=found)


@check("ST-023", role="device")
def lost_state_is_recovered(record: Record, deployment: str) -> Iterator[Judgement]:
    """A device that lost its stored state reaches the desired state again and says a true version."""
    restart, lost = _restart(record), record.last_fact("tampered")
    if restart is None or lost is None:
        yield unseen("the desired state is reached again", "no state was lost")
        return
    polls = polls_after(record, restart.at)
    if polls and all(poll.request_header("If-None-Match") for poll in polls):
        deed = {"erase-state": "erased", "damage-state": "damaged"}.get(lost.data["what"], "lost")
        why = f"the hook `tamper` said the stored state is {deed}, but the device came back with the tag it had stored"
        yield unseen("the desired state is reached again", f"{why}: it lost nothing", lost, *polls[:1])
        return
    reports = reports_after(record, lost.at, deployment)
    served = [offer.version or 0 for offer in record.offers]
    if not reports:
        yield unseen("a report with a true version", "no report after the loss")
        return
    last = reports[-1]
    right = last.state == "installed" and last.version is not None and last.version <= max(served)
    found = f"{last.state} with version {last.version}"
    yield expect(right, last.exchange, expected="installed, with a version that was served", found=found)
