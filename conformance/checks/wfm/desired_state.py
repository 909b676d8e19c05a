"""Manifests and their content follow what the operator wants, and nothing else."""

from collections.abc import Iterator, Mapping
from typing import Any

from conformance.checks.evidence import Offer, Record
from conformance.checks.monitors.wfm_contents import documents
from conformance.checks.monitors.wfm_manifests import digest
from conformance.checks.registry import Judgement, check
from conformance.checks.wfm.archive import Unreadable, content_digest, decoded, opened
from conformance.checks.wfm.judged import exchange, expect, noted, offers_to, said, unseen
from conformance.record.events import Fact

CHANGES = ("deployed", "updated", "withdrawn")


def wanted(record: Record) -> dict[str, dict[str, Fact]]:
    """Give, client by client, what the operator wants at the end: the last fact of each deployment that stands."""
    found: dict[str, dict[str, Fact]] = {}
    for fact in sorted((item for kind in CHANGES for item in record.facts_of(kind)), key=lambda item: item.at):
        of_client = found.setdefault(str(fact.data.get("client")), {})
        name = str(fact.data.get("deploymentId"))
        if fact.kind == "withdrawn":
            of_client.pop(name, None)
        else:
            of_client[name] = fact
    return found


def offer_of(record: Record, number: object) -> Offer | None:
    """Give the manifest that an exchange served."""
    return next((offer for offer in record.offers if offer.exchange.n == number), None)


@check("DS-013", "DS-014", "DS-016", role="wfm", interpretations=("AMB-X-32", "AMB-C-20"))
def first_manifest_is_the_empty_first_version(record: Record) -> Iterator[Judgement]:
    """A client that has never been given anything gets version 1, with no deployments and a null bundle."""
    for client in record.facts_of("client"):
        offers = offers_to(record, str(client.data.get("identity")))
        if not offers:
            yield unseen("a manifest for the new client", "none was served", *record.polls[:1])
            continue
        first = offers[0]
        manifest = dict(first.manifest or {})
        yield expect(first.version == 1, "version 1", first.version, first, only=["DS-013"])
        empty = "bundle" in manifest and manifest["bundle"] is None and manifest.get("deployments") == []
        yield expect(empty, "no deployments and a null bundle", manifest, first, only=["DS-014", "DS-016"])


@check("DS-076", "DS-012", "GW-08", "SEC-007", "ID-49", role="wfm")
def manifest_holds_exactly_what_is_wanted(record: Record) -> Iterator[Judgement]:
    """The manifest of a client names every deployment for any of its devices, and none of anybody else's."""
    for client, of_client in wanted(record).items():
        offers = offers_to(record, client)
        if not offers:
            yield unseen("a manifest", "none was served")
            continue
        found = sorted(offers[-1].deployment_ids)
        yield expect(found == sorted(of_client), str(sorted(of_client)), found, offers[-1])


@check("AD-006", "AD-008", "DS-076", role="wfm")
def deployments_say_what_and_where(record: Record) -> Iterator[Judgement]:
    """A deployment names the device it is for, and the application it was made from."""
    facts = {name: fact for of_client in wanted(record).values() for name, fact in of_client.items()}
    last = {item.params.get("deploymentId"): (item, document) for item, document in documents(record)}
    for name, fact in facts.items():
        if name not in last:
            yield unseen("the deployment fetched", "it was not served", fact)
            continue
        item, document = last[name]
        device = _at(document, "metadata", "deviceId")
        application = _at(document, "spec", "applicationId")
        target, described = fact.data.get("device"), _description(fact).get("id")
        yield expect(device == target, f"deviceId {target}", device, item, only=["AD-006", "DS-076"])
        yield expect(application == described, f"applicationId {described}", application, item, only=["AD-008"])


@check("DS-019", "DS-021", "DS-025", role="wfm", interpretations=("AMB-X-10",))
def bundle_and_single_documents_agree(record: Record) -> Iterator[Judgement]:
    """The bundle holds the same bytes as the deployments fetched one by one."""
    for item in record.of("fetch-bundle", status=200):
        offers = [
            offer
            for offer in offers_to(record, item.client or "")
            if (offer.bundle or {}).get("digest") == item.params.get("digest")
        ]
        try:
            data = decoded(item)
            if data is None:
                yield unseen("the same documents", "the bundle is too large to be recorded", item)
                continue
            held = sorted(digest(content) for content in opened(data).files.values())
            single = sorted(
                content_digest(one) or ""
                for ref in (offers[-1].refs if offers else ())
                for one in record.of("fetch-deployment", status=200, digest=str(ref.get("digest")))[-1:]
            )
        except Unreadable as error:
            yield expect(False, "a readable bundle", error, item)
            continue
        yield expect(held == single, "the same documents", f"{len(held)} bundled, {len(single)} single", item)


@check("DS-011", "DS-012", role="wfm")
def every_change_makes_a_larger_version(record: Record) -> Iterator[Judgement]:
    """Whatever changes in what a client should run, its next manifest has a larger version."""
    for fact in record.facts_of("published"):
        before, after = offer_of(record, fact.ref("before")), offer_of(record, fact.ref("after"))
        if before is None or after is None or before.version is None or after.version is None:
            yield unseen("a version before and after", "not both were served", fact)
            continue
        found = f"version {after.version} after {before.version}"
        yield expect(after.version > before.version, "a larger version", found, before, after)


@check("AD-004", "DS-011", role="wfm")
def changed_deployments_keep_their_id(record: Record) -> Iterator[Judgement]:
    """A deployment whose content changes keeps its id, and has another digest."""
    for fact in record.facts_of("updated"):
        name = str(fact.data.get("deploymentId"))
        before = offer_of(record, fact.ref("before"))
        later = [offer for offer in offers_to(record, str(fact.data.get("client"))) if offer.exchange.at > fact.at]
        if before is None or not later:
            yield unseen("a manifest before and after", "not both were served", fact)
            continue
        old, new = _digest_of(before, name), _digest_of(later[-1], name)
        changed = old is not None and new is not None and old != new
        yield expect(changed, f"{name} with another digest", f"{old}, then {new}", before, later[-1])


@check("AD-004", "DS-051", "DS-011", role="wfm")
def other_deployments_do_not_change(record: Record) -> Iterator[Judgement]:
    """A change to one deployment leaves the digests of the others as they were."""
    for fact in record.facts_of("published"):
        before, after = offer_of(record, fact.ref("before")), offer_of(record, fact.ref("after"))
        if before is None or after is None:
            continue
        changed = {
            str(item.data.get("deploymentId"))
            for kind in CHANGES
            for item in record.facts_of(kind)
            if item.ref("before") == fact.ref("before")
        }
        for name in sorted((before.deployment_ids & after.deployment_ids) - changed):
            old, new = _digest_of(before, name), _digest_of(after, name)
            yield expect(old == new, f"{name} as it was", f"{old}, then {new}", before, after)


@check("DS-014", "DS-016", "DS-011", "DS-015", role="wfm")
def the_last_removal_empties_the_manifest(record: Record) -> Iterator[Judgement]:
    """When the last deployment is gone, a new version says so: no deployments, a null bundle, no archive."""
    for client, of_client in wanted(record).items():
        offers = offers_to(record, client)
        if of_client or len(offers) < 2:
            continue
        last = offers[-1]
        manifest = dict(last.manifest or {})
        empty = manifest.get("deployments") == [] and "bundle" in manifest and manifest["bundle"] is None
        yield expect(empty, "no deployments and a null bundle", manifest, last)
        older = [offer.version for offer in offers if offer.manifest != last.manifest and offer.version is not None]
        grown = last.version is not None and all(last.version > version for version in older)
        yield expect(grown, "a version larger than all before", f"{last.version} after {older}", last, only=["DS-011"])


@check("DS-010", "DS-011", role="wfm", interpretations=("AMB-X-04",))
def large_versions_are_exact(record: Record) -> Iterator[Judgement]:
    """A version far beyond what a float can hold is exact to its last digit."""
    for fact in record.facts_of("version-forced"):
        version = int(str(fact.data.get("version")))
        later = [offer for offer in offers_to(record, str(fact.data.get("client"))) if offer.exchange.at > fact.at]
        changed = [offer for offer in later if offer.exchange.n != fact.ref("before")]
        if not changed:
            yield unseen("a manifest after the change", "none was served", fact)
            continue
        yield expect(changed[-1].version == version, f"version {version}", changed[-1].version, changed[-1])


@check("DS-033", "DS-034", role="wfm")
def replaced_content_is_itself_or_gone(record: Record) -> Iterator[Judgement]:
    """An address that a former manifest named gives the same content as then, or 404."""
    for fact in record.facts_of("former-content"):
        for number in fact.refs.get("exchanges", ()):
            item = exchange(record, number)
            if item is None:
                continue
            held = item.status == 200 and item.response.digest == item.params.get("digest")
            yield expect(held or item.status == 404, "the former content, or 404", said(item), item)


@check("DS-033", role="wfm", interpretations=("AMB-X-27",))
def escaped_addresses_lead_nowhere_else(record: Record) -> Iterator[Judgement]:
    """An address whose colon is percent-encoded gives the same content as the plain one; that it may not is noted."""
    for fact in record.facts_of("address-escaped"):
        for number in fact.refs.get("exchanges", ()):
            item = exchange(record, number)
            if item is None:
                continue
            if item.status in (400, 404):
                yield noted("the same content under the escaped address", said(item), item)
            held = item.status == 200 and item.response.digest == item.params.get("digest")
            yield expect(held or item.status in (400, 404), "the same content, or none", said(item), item)


@check("DS-058", "DS-011", role="wfm", interpretations=("AMB-X-12",))
def nothing_changes_by_itself(record: Record) -> Iterator[Judgement]:
    """While nothing is changed, every answer has the same bytes."""
    for client in record.facts_of("client"):
        offers = offers_to(record, str(client.data.get("identity")))
        if len(offers) < 2:
            yield unseen("several manifests", f"{len(offers)} served")
            continue
        digests = {offer.exchange.response.digest for offer in offers}
        yield expect(len(digests) == 1, "the same bytes each time", f"{len(digests)} kinds of bytes", *offers)


@check("DS-011", "DS-058", role="wfm")
def a_restart_loses_nothing(record: Record) -> Iterator[Judgement]:
    """The manifest after a restart of the WFM is the one from before."""
    for fact in record.facts_of("restarted"):
        client = str(fact.data.get("client"))
        before = [offer for offer in offers_to(record, client) if offer.exchange.at < fact.at]
        after = [offer for offer in offers_to(record, client) if offer.exchange.at > fact.at]
        if not before or not after:
            yield unseen("a manifest before and after the restart", "not both were served", fact)
            continue
        same = before[-1].manifest == after[0].manifest
        shown = f"version {before[-1].version}, then {after[0].version}"
        yield expect(same, "the manifest from before", shown, before[-1], after[0], only=["DS-011"])
        bytes_same = before[-1].exchange.response.digest == after[0].exchange.response.digest
        shown = "the same bytes" if bytes_same else "other bytes"
        yield expect(bytes_same, "the same bytes", shown, before[-1], after[0], only=["DS-058"])


@check("DT-001", "DWN-01", role="wfm")
def a_client_catches_up_at_once(record: Record) -> Iterator[Judgement]:
    """A client that missed several changes gets the newest state with its next request."""
    for fact in record.facts_of("was-away"):
        client = str(fact.data.get("client"))
        later = [offer for offer in offers_to(record, client) if offer.exchange.at > fact.at]
        if not later:
            yield unseen("a manifest after the time away", "none was served", fact)
            continue
        names = sorted(wanted(record).get(client, {}))
        yield expect(sorted(later[0].deployment_ids) == names, str(names), sorted(later[0].deployment_ids), later[0])


def _digest_of(offer: Offer, deployment_id: str) -> str | None:
    return next((str(ref.get("digest")) for ref in offer.refs if ref.get("deploymentId") == deployment_id), None)


def _at(document: Any, *path: str) -> Any:
    for part in path:
        document = document.get(part) if isinstance(document, dict) else None
    return document


def _description(fact: Fact) -> Mapping[str, Any]:
    description = fact.data.get("description")
    return description if isinstance(description, dict) else {}
