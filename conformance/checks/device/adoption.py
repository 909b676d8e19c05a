"""A desired state that is good is adopted: installed, updated, removed, and reported as it goes."""

from collections.abc import Iterator

from conformance.checks.device.components import fetches_of, held
from conformance.checks.device.effects import component_doubt
from conformance.checks.device.evidence import (
    LEAVING,
    installed,
    polls_after,
    publication,
    removed,
    reports_after,
    served_version,
    withdrawal,
)
from conformance.checks.device.silence import silence
from conformance.checks.evidence import Record, Report
from conformance.checks.registry import Judgement, check, expect, noted, unseen
from conformance.record.events import Fact


@check("DS-072", "DS-002", "DS-074", role="device", interpretations=("AMB-X-18",))
def published_release_is_installed(record: Record, deployment: str) -> Iterator[Judgement]:
    """A deployment that is new or changed in the desired state is installed and reported so."""
    fact = publication(record, deployment)
    if fact is None:
        yield unseen("a published release is installed", "nothing was published")
        return
    version = fact.data["version"]
    expected = f"installed, with version {version} or newer adopted"
    if not any((offer.version or 0) >= version for offer in record.offers):
        yield unseen(expected, f"version {version} was never asked for", fact)
        return
    last, good = record.last_report(deployment), installed(record, fact)
    found = f"{last.state} with version {last.version}" if last else "no report at all"
    shown = (last.exchange,) if last else ()
    yield expect(good is not None, fact, *shown, expected=expected, found=found)


@check("DS-072", role="device")
def installed_release_runs(record: Record, deployment: str) -> Iterator[Judgement]:
    """What is reported installed really runs, in the versions that were published."""
    fact, seen = publication(record, deployment), record.last_fact("workloads")
    if fact is None:
        yield unseen("what is reported installed runs", "nothing was published")
        return
    if seen is None:
        last = record.last_report(deployment)
        found = f"last reported {last.state}" if last else "no report"
        right = last is not None and last.state == "installed"
        yield expect(right, fact, expected="still reported installed", found=found)
        return
    components = fact.data["document"]["spec"]["deploymentProfile"]["components"]
    wanted = {item["name"]: item["properties"]["revision"] for item in components}
    running = seen.data["running"].get(deployment, {})
    yield expect(running == wanted, seen, expected=_told(wanted), found=_told(running))


@check("DS-071", "DS-053", "DS-029", role="device")
def artefacts_were_fetched(record: Record, deployment: str) -> Iterator[Judgement]:
    """What is installed was fetched before, one by one or all in one, by a digest that the manifest names."""
    fact = publication(record, deployment)
    report = installed(record, fact) if fact else None
    if fact is None or report is None:
        yield unseen("what is installed was fetched", "nothing was reported installed")
        return
    digests = {fact.data["digest"]} | {
        str(offer.bundle.get("digest"))
        for offer in record.offers
        if offer.bundle and any(ref.get("digest") == fact.data["digest"] for ref in offer.refs)
    }
    fetches = [
        item
        for item in record.fetches
        if item.status in (200, 304) and item.params.get("digest") in digests and item.at < report.exchange.at
    ]
    found = f"{len(fetches)} fetches of it"
    yield expect(bool(fetches), *fetches[:3], report.exchange, expected="fetched, then reported installed", found=found)


@check("DS-073", "DS-039", role="device")
def withdrawn_application_is_removed(record: Record, deployment: str) -> Iterator[Judgement]:
    """A deployment that left the desired state is removed, and reported removed."""
    fact = withdrawal(record, deployment)
    if fact is None or not any((offer.version or 0) >= fact.data["version"] for offer in record.offers):
        yield unseen("a withdrawn deployment is removed", "its withdrawal was never fetched")
        return
    last, gone = record.last_report(deployment), removed(record, deployment, fact.at)
    found = f"last reported {last.state}" if last else "no report"
    yield expect(gone is not None, fact, expected="removed is reported", found=found)
    seen = record.last_fact("workloads")
    if gone is not None and seen is not None and seen.at > gone.exchange.at:
        left = seen.data["running"].get(deployment, {})
        yield expect(not left, seen, expected="nothing of it runs", found=_told(left) or "nothing runs")


@check("DS-074", "DS-002", role="device", interpretations=("AMB-X-18",))
def removal_is_reported_as_it_goes(record: Record, deployment: str) -> Iterator[Judgement]:
    """A removal is reported as under way, and then as done."""
    fact = withdrawal(record, deployment)
    states = [report.state for report in reports_after(record, fact.at if fact else 0.0, deployment)]
    right = "removing" in states and "removed" in states and states.index("removing") < states.index("removed")
    expected = "removing, then removed"
    if fact is not None and not right and (why := silence(record, fact.at)):
        yield unseen(expected, why, fact)
        return
    yield expect(right, *([fact] if fact else []), expected=expected, found=", ".join(map(str, states)) or "no report")


@check("ST-001", role="device")
def progress_is_reported(record: Record, deployment: str) -> Iterator[Judgement]:
    """While a deployment is being applied, its current state is reported, and not only the end of it."""
    fact = publication(record, deployment)
    reports = reports_after(record, fact.at if fact else 0.0, deployment)
    states = [str(report.state) for report in reports]
    if not states:
        yield unseen("the state on the way", "no report")
        return
    shown = [report.exchange for report in reports[:5]]
    if any(state in ("pending", "installing") for state in states):
        yield expect(True, *shown, expected="the state on the way, then the end", found=", ".join(states))
    elif record.facts_of("component-script") and not component_doubt(record, deployment):
        yield expect(False, *shown, expected="the state on the way, then the end", found=", ".join(states))
    else:
        yield noted(f"only {', '.join(states)} (AMB-X-18)", *shown)


@check("DS-039", role="device")
def application_is_left_alone(record: Record, deployment: str, since: Fact) -> Iterator[Judgement]:
    """A deployment that is still desired, as it was, is neither removed nor reported so."""
    polls = polls_after(record, since.at)
    leaving = [report for report in reports_after(record, since.at, deployment) if report.state in LEAVING]
    expected = "it stays as it was"
    if not leaving and len(polls) < 2:
        yield unseen(expected, f"{len(polls)} polls since then", since)
        return
    found = ", ".join(f"{report.state} was reported" for report in leaving) or "it stayed"
    yield expect(not leaving, *[report.exchange for report in leaving[:3]], *polls[-1:], expected=expected, found=found)
    seen = record.last_fact("workloads")
    if seen is not None and seen.at > since.at:
        there = deployment in seen.data["running"]
        yield expect(there, seen, expected="it runs", found="it runs" if there else "it does not run")


@check("DS-069", "DS-072", role="device")
def newest_state_is_reached(record: Record) -> Iterator[Judgement]:
    """After many changes the device ends on the newest desired state, and each deployment once."""
    facts: dict[str, Fact] = {}
    for fact in [*record.facts_of("published"), *record.facts_of("withdrawn")]:
        name = fact.data["deploymentId"]
        if name not in facts or fact.data["version"] > facts[name].data["version"]:
            facts[name] = fact
    for name, fact in facts.items():
        last = record.last_report(name)
        wanted = "installed" if fact.kind == "published" else "removed"
        told = f"{last.state} with version {last.version}" if last else "no report"
        right = last is not None and last.state == wanted and (last.version or 0) >= fact.data["version"]
        # what came and went between two polls was never there to be removed
        never = wanted == "removed" and _never_there(record, name, last)
        expected = f"{wanted}, with version {fact.data['version']} or newer"
        if not right and not never and (why := silence(record, fact.at)):
            yield unseen(expected, why, fact)
            continue
        yield expect(right or never, fact, expected=expected, found=told)


def _never_there(record: Record, deployment: str, last: Report | None) -> bool:
    """Whether nothing was reported of a deployment, or it came back in no manifest after it was reported removed."""
    if last is None or last.state != "removed":
        return last is None
    later = (offer for offer in record.offers if offer.exchange.at > last.exchange.at)
    return not any(deployment in offer.deployment_ids for offer in later)


@check("ST-020", "ST-021", role="device")
def update_is_reported_with_its_version(record: Record, deployment: str) -> Iterator[Judgement]:
    """Once a new revision is installed, the version reported is that of the manifest it came with, or a newer one."""
    fact = publication(record, deployment)
    report = record.last_report(deployment)
    if fact is None or report is None or report.state != "installed":
        yield unseen("the version of the new revision", "it was not reported installed")
        return
    served = [offer.version for offer in record.offers if offer.version and offer.exchange.at <= report.exchange.at]
    lowest, highest = fact.data["version"], max(served, default=0)
    right = report.version is not None and lowest <= report.version <= highest
    expected = f"a version from {lowest} to {highest}"
    yield expect(right, report.exchange, expected=expected, found=f"version {report.version}")


@check("DS-050", "DS-051", "DS-053", role="device", interpretations=("AMB-X-30",))
def exact_bytes_are_hashed(record: Record, deployment: str) -> Iterator[Judgement]:
    """A digest is taken over the exact bytes that were served, after undoing compression and nothing else."""
    fact = publication(record, deployment)
    if fact is None or served_version(record, fact.data["version"]) is None:
        yield unseen("an unusual spelling is accepted", "the deployment was never offered")
        return
    last = record.last_report(deployment)
    right = installed(record, fact) is not None
    found = f"{last.state}" if last else "no report: it was refused"
    yield expect(right, fact, expected="accepted and installed, since its digest is right", found=found)


@check("DEV-04", role="device")
def helm_charts_are_deployed(record: Record, deployment: str) -> Iterator[Judgement]:
    """A device of the type helm deploys charts."""
    yield from _of_type(record, deployment, "helm")


@check("DEV-05", role="device")
def compose_archives_are_deployed(record: Record, deployment: str) -> Iterator[Judgement]:
    """A device of the type compose deploys Compose archives."""
    yield from _of_type(record, deployment, "compose")


def _of_type(record: Record, deployment: str, kind: str) -> Iterator[Judgement]:
    fact = publication(record, deployment)
    if fact is None or fact.data["document"]["spec"]["deploymentProfile"]["type"] != kind:
        yield unseen(f"a {kind} deployment is installed", f"no {kind} deployment was published")
        return
    last = record.last_report(deployment)
    found = f"{last.state}" if last else "no report"
    report = installed(record, fact)
    unasked = [item.data["component"] for item in held(record, deployment) if not fetches_of(record, item)]
    if report is not None and unasked:
        yield unseen(f"{kind} deployment installed", f"{', '.join(unasked)} reported so without being fetched")
        return
    if report is None and (why := silence(record, fact.at)):
        yield unseen(f"{kind} deployment installed", why, fact)
        return
    yield expect(report is not None, fact, expected=f"{kind} deployment installed", found=found)


@check("AD-030", "AD-031", "EXT-001", "EXT-002", role="device")
def unknown_extensions_are_ignored(record: Record, deployment: str) -> Iterator[Judgement]:
    """A deployment with extensions that the device does not know is installed as if they were not there."""
    fact = publication(record, deployment)
    if fact is None or served_version(record, fact.data["version"]) is None:
        yield unseen("unknown extensions are ignored", "the deployment was never offered")
        return
    last = record.last_report(deployment)
    found = f"{last.state}" if last else "no report"
    yield expect(installed(record, fact) is not None, fact, expected="installed", found=found)


@check("DEP-05", role="device")
def build_label_is_understood(record: Record, deployment: str) -> Iterator[Judgement]:
    """A version with a build label, in the spelling that registries allow, is understood."""
    fact = publication(record, deployment)
    if fact is None or served_version(record, fact.data["version"]) is None:
        yield unseen("a build label is understood", "the deployment was never offered")
        return
    last = record.last_report(deployment)
    yield expect(
        installed(record, fact) is not None, fact, expected="installed", found=f"{last.state}" if last else "no report"
    )


def _told(components: object) -> str:
    return ", ".join(f"{name} {revision}" for name, revision in dict(components).items())  # type: ignore[call-overload]
