"""Behaviours in partial failure that the supplier declares: what becomes of the good parts, and what is tried again."""

from collections.abc import Iterator

from conformance.checks.device.declared import as_declared, declared
from conformance.checks.device.effects import component_doubt, setting_doubt
from conformance.checks.device.evidence import installed, publication, reports_after, revisions, withdrawal
from conformance.checks.device.silence import polls_again
from conformance.checks.device.tampering import ROOM, full_storage_shown, shown
from conformance.checks.evidence import Record, Report
from conformance.checks.registry import Judgement, check, expect, unseen
from conformance.record.events import Fact


def _failure(record: Record, deployment: str) -> Report | None:
    fact = publication(record, deployment)
    reports = reports_after(record, fact.at if fact else 0.0, deployment)
    return next((report for report in reversed(reports) if report.state == "failed"), None)


def _running(fact: Fact, deployment: str) -> dict[str, str]:
    found: dict[str, str] = fact.data["running"].get(deployment, {})
    return found


@check("PF-02", role="device")
def good_components_after_a_failed_one(record: Record, deployment: str) -> Iterator[Judgement]:
    """The good components beside a failed one are kept, rolled back or not begun, as the supplier declares."""
    report, script, seen = _failure(record, deployment), record.last_fact("component-script"), None
    if report is not None:
        seen = next((fact for fact in record.facts_of("workloads") if fact.at > report.exchange.at), None)
    if report is None or script is None or seen is None:
        yield unseen("what becomes of the good components", "no failure was reported, or what runs cannot be seen")
        return
    names = list(publication(record, deployment).data["components"])  # type: ignore[union-attr]
    bad = names.index(script.data["component"])
    before, after = set(names[:bad]), set(names[bad + 1 :])
    running = set(_running(seen, deployment))
    fits = {"keep": running == before | after, "rollback": not running, "stop": running == before}
    found = f"{names[bad]} failed; {', '.join(sorted(running)) or 'nothing'} of it runs"
    yield as_declared(record, "component-failure", fits, found, report.exchange, seen)


@check("PF-01", "ST-011", role="device")
def reported_parts_are_true(record: Record, deployment: str) -> Iterator[Judgement]:
    """Beside a failed component, each other one is reported installed if it runs, and only then."""
    report = _failure(record, deployment)
    seen = record.last_fact("workloads")
    if report is None or seen is None or seen.at < report.exchange.at:
        yield unseen("each component as it is", "no failure was reported, or what runs cannot be seen")
        return
    last = record.last_report(deployment) or report
    said = {name for name, state in last.component_states.items() if state == "installed"}
    failed = {name for name, state in last.component_states.items() if state == "failed"}
    running = set(_running(seen, deployment)) - failed
    found = f"installed: {', '.join(sorted(said)) or 'none'}; running: {', '.join(sorted(running)) or 'none'}"
    yield expect(said == running, last.exchange, seen, expected="what is reported installed runs", found=found)


@check("PF-05", role="device")
def failed_installation_is_tried_again(record: Record, deployment: str) -> Iterator[Judgement]:
    """An installation whose sources could not be had is tried again by itself, or waits for the WFM, as declared."""
    report, fact = _failure(record, deployment), publication(record, deployment)
    mended = record.last_fact("component-script")
    first = next((r for r in reports_after(record, fact.at, deployment) if r.state == "failed"), None) if fact else None
    if first is None or report is None or fact is None or mended is None or mended.at < first.exchange.at:
        yield unseen("tried again, or not", "no failure was reported before the sources could be had again")
        return
    good = installed(record, fact)
    again = [
        r for r in reports_after(record, mended.at, deployment) if r.state in ("pending", "installing", "installed")
    ]
    found = "installed by itself" if good else f"{len(again)} signs of another try" if again else "no other try"
    shown = [good.exchange] if good else [first.exchange]
    if (
        good is None
        and declared(record, "install-retry") == "retry"
        and (why := _no_retry_to_expect(record, deployment))
    ):
        yield unseen("as with install-retry: retry", why, mended, *shown)
        return
    fits = {"retry": good is not None, "wait-for-wos": not again}
    yield as_declared(record, "install-retry", fits, found, mended, *shown)


def _no_retry_to_expect(record: Record, deployment: str) -> str:
    """Say why another try need not have come, or not succeeded; empty where hooks saw to it that it should have."""
    told = [fact for fact in record.facts_of("configured") if "install_retry_s" in fact.data]
    return component_doubt(record, deployment) or (setting_doubt(told[-1], "install_retry_s") if told else "")


@check("PF-07", role="device")
def failed_update_ends_as_declared(record: Record, deployment: str) -> Iterator[Judgement]:
    """After a failed update the former revision runs on, is restored, or is gone, as the supplier declares."""
    facts = [fact for fact in record.facts_of("published") if fact.data["deploymentId"] == deployment]
    report, script = _failure(record, deployment), record.last_fact("component-script")
    looks = [fact for fact in record.facts_of("workloads") if facts and fact.at > facts[-1].at]
    if len(facts) < 2 or report is None or script is None or not looks or looks[-1].at < report.exchange.at:
        yield unseen("what runs after the update", "no update failed, or what runs cannot be seen")
        return
    former, name = revisions(facts[-2]), str(script.data["component"])
    during = [look for look in looks if look.at < report.exchange.at]
    stayed = bool(during) and all(_running(look, deployment).get(name) == former[name] for look in during)
    restored = _running(looks[-1], deployment) == former
    fits = {"keep-old": restored and (stayed or not during), "rollback": restored, "failed-new": not restored}
    if during:
        fits["rollback"] = restored and not stayed
    found = "the former revision runs" if restored else f"runs {_running(looks[-1], deployment)}"
    found += f"; {name} of it {'ran on' if stayed else 'did not run'} meanwhile" if during else ""
    yield as_declared(record, "update-failure", fits, found, report.exchange, *looks[-3:])


@check("PF-08", role="device")
def failed_removal_ends_as_declared(record: Record, deployment: str) -> Iterator[Judgement]:
    """A removal that failed is tried again until it is done, or reported failed and left, as the supplier declares."""
    order = withdrawal(record, deployment)
    reports = reports_after(record, order.at, deployment) if order else ()
    failed = next((report for report in reports if report.state == "failed"), None)
    seen = record.last_fact("workloads")
    if order is None or failed is None or seen is None or seen.at < failed.exchange.at:
        yield unseen("tried again, or left", "no removal was reported failed, or what runs cannot be seen")
        return
    last = reports[-1]
    gone = last.state == "removed" and not _running(seen, deployment)
    fits = {"retry": gone, "report-failed": last.state == "failed" and bool(_running(seen, deployment))}
    found = f"failed, then {last.state}; {'nothing of it runs' if not _running(seen, deployment) else 'it runs'}"
    yield as_declared(record, "removal-failure", fits, found, failed.exchange, last.exchange, seen)


@check("PF-09", role="device")
def full_storage_loses_nothing(record: Record, deployment: str) -> Iterator[Judgement]:
    """Without space to store its state the device neither claims a new state nor loses the one it has."""
    full = next((fact for fact in record.facts_of("tampered") if fact.data["what"] == "fill-storage"), None)
    free = next((fact for fact in record.facts_of("tampered") if fact.data["what"] == "free-storage"), None)
    fact, end = publication(record, deployment), free.at if free else float("inf")
    if full is None or fact is None or fact.at < full.at:
        yield unseen("nothing adopted, nothing lost", "there was space for every state")
        return
    version = fact.data["version"]
    if not any((offer.version or 0) >= version and full.at < offer.exchange.at < end for offer in record.offers):
        yield unseen("nothing adopted, nothing lost", "the new state was never fetched while there was no space", full)
        return
    if not full_storage_shown(record, full, deployment, version, end):
        why = (
            "the hook `tamper` said it filled the storage (`fill-storage`), but nothing shows it: it did not answer "
            f'{{"free": BYTES}} with less than {ROOM}, and the device did not say that it cannot have the new state'
        )
        yield unseen("nothing adopted, nothing lost", why, full, *shown(record, full))
        return
    claims = [r for r in reports_after(record, full.at, deployment) if r.exchange.at < end]
    ahead = [r for r in claims if (r.version or 0) >= version and r.state == "installed"]
    lost = [r for r in claims if r.state in ("removing", "removed")]
    found = "it claimed the new state" if ahead else "it removed what it had" if lost else "it kept what it had"
    by = [full, *[report.exchange for report in (ahead + lost)[:2]]]
    yield expect(not ahead and not lost, *by, expected="it keeps what it has", found=f"{found}, without space")


@check("MM-05", role="device")
def impossible_deployment_is_told(record: Record, deployment: str) -> Iterator[Judgement]:
    """A deployment that the device cannot have leads to a failure with a reason, and the device goes on."""
    fact, report = publication(record, deployment), _failure(record, deployment)
    if fact is None or not any((offer.version or 0) >= fact.data["version"] for offer in record.offers):
        yield unseen("failed, with a reason", "it was never fetched")
        return
    error = report.error if report else None
    said = f"{error.get('code')}: {error.get('message')}" if error else "no failure"
    shown = [report.exchange] if report else []
    yield expect(bool(error and error.get("message")), fact, *shown, expected="failed, with a reason", found=said)
    since = report.exchange.finished if report else fact.at
    yield from polls_again(record, since, fact, expected="the device goes on", found="{} polls afterwards")


@check("US-04", role="device")
def parameter_reaches_its_targets(record: Record, deployment: str, component: str) -> Iterator[Judgement]:
    """A changed parameter reaches the component that it is for, and the others are not begun anew."""
    looks = [look for look in record.facts_of("looked-closely") if "settings" in look.data]
    if len(looks) < 2:
        yield unseen("only that component is touched", "configurations cannot be seen")
        return
    before, after = (look.data["begun"].get(deployment, {}) for look in (looks[0], looks[-1]))
    touched = sorted(name for name, count in after.items() if count != before.get(name))
    old, new = (look.data["settings"].get(deployment, {}) for look in (looks[0], looks[-1]))
    changed = sorted(name for name, value in new.items() if value != old.get(name))
    found = f"begun anew: {', '.join(touched) or 'none'}; changed: {', '.join(changed) or 'none'}"
    right = touched == changed == [component]
    yield expect(right, looks[0], looks[-1], expected=f"{component} and no other", found=found)
