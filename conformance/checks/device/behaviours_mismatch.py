"""Behaviours where the device is not as it should be: tampered with, or faced with a WFM that is not as it was."""

from collections.abc import Iterator

from conformance.checks.device.declared import as_declared, declared
from conformance.checks.device.evidence import (
    credential_of,
    polls_after,
    publication,
    reports_after,
    servings,
    signs_of_adoption,
    told,
)
from conformance.checks.device.tampering import differences, doubt, doubt_of_look, last_tampering, shown
from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, check, expect, noted, unseen


@check("MM-01", role="device")
def drift_is_noticed(record: Record, deployment: str) -> Iterator[Judgement]:
    """A workload that is stopped or removed behind the device's back is restored, or the difference is reported."""
    tampered, seen = last_tampering(record, "stop-workload", "remove-workload"), record.last_fact("workloads")
    if tampered is None or seen is None or seen.at < tampered.at:
        yield unseen("restored or reported", "nothing was changed, or what runs cannot be seen")
        return
    if why := doubt(record, tampered):
        yield unseen("restored or reported", why, tampered, *shown(record, tampered))
        return
    restored = tampered.data["component"] in seen.data["running"].get(deployment, {})
    reports = differences(record, tampered.at, deployment)
    found = f"{'restored' if restored else 'not restored'}, {len(reports)} reports of it"
    by = [tampered, seen, *[report.exchange for report in reports[:2]]]
    if declared(record, "drift") is None:
        yield expect(restored or bool(reports), *by, expected="restored or reported", found=found)
        return
    fits = {"reconcile": restored, "report": bool(reports) and not restored}
    yield as_declared(record, "drift", fits, found, *by)


@check("MM-02", role="device")
def edited_configuration(record: Record, deployment: str) -> Iterator[Judgement]:
    """A configuration that was edited by hand is set back, or the difference is reported, as declared."""
    tampered = last_tampering(record, "edit-workload")
    looks = [look for look in record.facts_of("looked-closely") if "settings" in look.data]
    before = [look for look in looks if tampered and look.at < tampered.at]
    after = [look for look in looks if tampered and look.at > tampered.at]
    if tampered is None or not before or not after:
        yield unseen("set back or reported", "nothing was edited, or configurations cannot be seen")
        return
    if why := doubt(record, tampered):
        yield unseen("set back or reported", why, tampered, *shown(record, tampered))
        return
    back = after[-1].data["settings"].get(deployment) == before[-1].data["settings"].get(deployment)
    reports = differences(record, tampered.at, deployment)
    fits = {"reconcile": back, "report": bool(reports) and not back}
    found = f"{'set back' if back else 'left as it was edited'}, {len(reports)} reports of it"
    yield as_declared(record, "drift", fits, found, tampered, after[-1], *[report.exchange for report in reports[:2]])


@check("MM-03", role="device")
def foreign_workload(record: Record, name: str) -> Iterator[Judgement]:
    """A workload that no desired state names is left alone, reported or removed, as the supplier declares."""
    tampered, seen, look = last_tampering(record, "foreign-workload"), record.last_fact("workloads"), None
    if tampered is not None:
        looks = [fact for fact in record.facts_of("looked-closely") if fact.data["log"] is not None]
        look = next((fact for fact in reversed(looks) if fact.at > tampered.at), None)
    if tampered is None or seen is None or seen.at < tampered.at:
        yield unseen("left alone, reported or removed", "nothing was started, or what runs cannot be seen")
        return
    runs = any(name in parts for parts in seen.data["running"].values())
    said = any(name in line for line in look.data["log"]) if look else False
    if not runs and not said and (why := doubt_of_look(record, tampered)):
        yield unseen("left alone, reported or removed", why, tampered, *shown(record, tampered))
        return
    if runs and look is None and declared(record, "foreign") in ("ignore", "report"):
        yield unseen("reported or not", "the device's own log cannot be seen", seen)
        return
    fits = {"ignore": runs and not said, "report": runs and said, "remove": not runs}
    found = f"{'it runs on' if runs else 'it is gone'}{', and the log names it' if said else ''}"
    yield as_declared(record, "foreign", fits, found, tampered, seen)


@check("DR-01", role="device")
def restarted_wfm_is_refused(record: Record) -> Iterator[Judgement]:
    """A WFM that begins again at a low version is refused by a device that holds a higher one."""
    offer = record.last_fact("offered")
    if offer is None or not servings(record, offer) or len(polls_after(record, offer.at)) < 2:
        yield unseen("it is refused", "no state of a WFM that began again was fetched")
        return
    signs = signs_of_adoption(record, offer)
    found = told(signs, "it was refused: only a version above the held one leads out, or a reset of the device")
    yield expect(not signs, offer, *[event for _, event in signs[:3]], expected="it is refused", found=found)


@check("DR-01", role="device")
def reset_leads_out(record: Record, deployment: str) -> Iterator[Judgement]:
    """After a reset the device takes the state of the WFM that began again, or goes on refusing it, as declared."""
    reset, fact, last = (
        record.last_fact("factory-reset"),
        publication(record, deployment),
        record.last_report(deployment),
    )
    offers = [offer for offer in record.offers if reset and offer.exchange.at > reset.at]
    if reset is None or fact is None or not offers:
        yield unseen("taken or refused", "the device was not reset, or fetched nothing afterwards")
        return
    served = {offer.version for offer in offers}
    taken = last is not None and last.exchange.at > reset.at and last.state == "installed" and last.version in served
    if taken and last is not None and not last.tells_version:  # then its polls tell what it holds
        tags = {poll.request_header("If-None-Match") for poll in polls_after(record, last.exchange.finished)}
        taken = any(offer.etag in tags for offer in offers)
    forgets = declared(record, "factory-reset") == "forget"
    found = "taken after the reset" if taken else "refused after the reset, too"
    fits = {"accept-after-reset": taken, "refuse": not taken or forgets}
    found += ", in which it forgot what it held" if forgets and taken else ""
    yield as_declared(record, "version-regression", fits, found, reset, offers[0].exchange)


@check("DR-03", role="device")
def replacement_takes_over(record: Record, deployment: str) -> Iterator[Judgement]:
    """A replacement unit with a key of its own reports itself, and takes over what is to run."""
    replaced, fact = record.last_fact("replaced"), publication(record, deployment)
    polls = polls_after(record, replaced.at) if replaced else ()
    if replaced is None or fact is None or not polls:
        yield unseen("it takes over", "the device was not replaced, or never came")
        return
    right = credential_of(record, polls[-1]) == replaced.data["leaf"]
    yield expect(right, polls[-1], expected="it comes with its own credential", found="its own" if right else "another")
    said = [item for item in record.capability_reports if item.at > replaced.at]
    yield expect(bool(said), *said[:1], replaced, expected="it reports itself", found=f"{len(said)} reports of itself")
    reports = [report for report in reports_after(record, replaced.at, deployment) if report.state == "installed"]
    found = f"{len(reports)} reports of it as installed"
    yield expect(bool(reports), replaced, expected="it takes over the deployment", found=found)


@check("DR-05", role="device")
def other_instance_is_accepted(record: Record) -> Iterator[Judgement]:
    """Another instance of the WFM with the same store is accepted, and the device need not be onboarded anew."""
    started = record.last_fact("wfm-started")
    polls = polls_after(record, started.at) if started else ()
    answered = [poll for poll in polls if poll.status in (200, 304)]
    if started is None or not answered:
        yield unseen("it is accepted", "no other instance came, or the device did not ask it")
        return
    tag = answered[0].request_header("If-None-Match")
    anew = [item for item in record.capability_reports if item.at > started.at]
    found = f"{'went on with its tag' if tag else 'asked without a tag'}, {len(anew)} new reports of itself"
    yield noted(found, started, answered[0])
