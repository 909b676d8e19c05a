"""From the application description to the deployment: what goes over unchanged, and what stays behind."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from conformance.checks.evidence import Record
from conformance.checks.monitors.wfm_contents import documents
from conformance.checks.registry import Judgement, check
from conformance.checks.wfm.judged import expect, offers_to, unseen
from conformance.record.events import Exchange, Fact

EXTENSION = re.compile(r"^x-[a-z][a-z0-9-]*-extensions$")


def made_from(record: Record) -> Iterator[tuple[Exchange, Mapping[str, Any], Mapping[str, Any], Fact]]:
    """Give each deployment served last, with the application description it was made from and the operator's wish."""
    facts = {
        str(fact.data.get("deploymentId")): fact
        for fact in sorted((*record.facts_of("deployed"), *record.facts_of("updated")), key=lambda item: item.at)
    }
    last = {item.params.get("deploymentId"): (item, document) for item, document in documents(record)}
    for name, (item, document) in last.items():
        fact = facts.get(str(name))
        description = fact.data.get("description") if fact else None
        if fact is not None and document is not None and isinstance(description, dict):
            yield item, document, description, fact


@check("AD-008", "AD-014", "AD-015", "APP-01", role="wfm")
def components_are_those_of_one_profile(record: Record) -> Iterator[Judgement]:
    """A deployment has the components of one profile of its application, in their order, and its application's id."""
    for item, document, description, _ in made_from(record):
        spec = _mapping(document.get("spec"))
        found = [_source(component) for component in _list(_profile(document).get("components"))]
        offers = [
            [_source(component) for component in _list(offer.get("components"))]
            for offer in _list(description.get("deploymentProfiles"))
            if offer.get("type") == _profile(document).get("type")
        ]
        yield expect(found in offers, f"one of {offers}", found, item, only=["AD-014", "AD-015", "APP-01"])
        application = spec.get("applicationId")
        wanted = description.get("id")
        yield expect(application == wanted, f"applicationId {wanted}", application, item, only=["AD-008"])


@check("AD-022", "DEP-01", role="wfm", interpretations=("AMB-C-11",))
def demands_are_passed_on_unchanged(record: Record) -> Iterator[Judgement]:
    """`deviceConstraints` of the profile are in the deployment, unchanged."""
    for item, document, description, _ in made_from(record):
        wanted = _offer(document, description).get("deviceConstraints")
        if wanted is None:
            yield unseen("a profile with demands", "it has none", item)
            continue
        found = _profile(document).get("deviceConstraints")
        yield expect(found == wanted, str(wanted), found, item)


@check("AD-028", "AD-029", "EXT-05", role="wfm")
def extensions_for_the_device_are_passed_on(record: Record) -> Iterator[Judgement]:
    """Extensions of the profile and its components are in the deployment's, unchanged."""
    for item, document, description, _ in made_from(record):
        offer, profile = _offer(document, description), _profile(document)
        pairs = [(offer, profile)]
        pairs += list(zip(_list(offer.get("components")), _list(profile.get("components")), strict=False))
        wanted = [_extensions(described) for described, _ in pairs]
        if not any(wanted):
            yield unseen("extensions for the device", "there are none", item)
            continue
        found = [_extensions(delivered) for _, delivered in pairs]
        yield expect(found == wanted, str(wanted), found, item)


@check("EXT-03", role="wfm")
def extensions_for_the_wfm_stay_behind(record: Record) -> Iterator[Judgement]:
    """Extensions at the root of the description are nowhere in the deployment."""
    for item, document, description, _ in made_from(record):
        root = _extensions(description)
        if not root:
            yield unseen("extensions for the WFM", "there are none", item)
        for name, value in root.items():
            found = [holder for holder in _holders(document) if holder.get(name) == value]
            yield expect(not found, f"no {name}", "found in the deployment" if found else "none", item)


@check("APP-06", "APP-07", role="wfm")
def values_of_the_operator_reach_the_device(record: Record) -> Iterator[Judgement]:
    """A value that the operator gave is the one in the deployment."""
    for item, document, _, fact in made_from(record):
        values = _mapping(fact.data.get("values"))
        parameters = _mapping(_mapping(document.get("spec")).get("parameters"))
        if not values:
            yield unseen("values of the operator", "none were given", item)
        for name, wanted in values.items():
            if name not in parameters:
                continue  # it may aim at components of another profile only
            found = _mapping(parameters[name]).get("value")
            yield expect(found == wanted or str(found) == str(wanted), f"{name} = {wanted!r}", repr(found), item)


@check("APP-07", "APP-08", role="wfm")
def forbidden_values_are_refused(record: Record) -> Iterator[Judgement]:
    """A value that breaks the rules of its setting is refused, and the manifest stays."""
    for fact in record.facts_of("forbidden-value"):
        only = ["APP-08"] if fact.data.get("immutable") else ["APP-07"]
        refused = fact.data.get("refused")
        wanted = f"{fact.data.get('parameter')} = {fact.data.get('value')!r} refused"
        yield expect(refused, wanted, refused or "taken", fact, only=only)
        offers = offers_to(record, str(fact.data.get("client")))
        before = [offer for offer in offers if offer.exchange.at < fact.at]
        after = [offer for offer in offers if offer.exchange.at > fact.at]
        if not before or not after:
            yield unseen("the manifest before and after", "not both were served", fact, only=only)
            continue
        same = before[-1].manifest == after[0].manifest
        found = "the same manifest" if same else "another manifest"
        yield expect(same, "the manifest as it was", found, before[-1], after[0], only=only)


def _profile(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(_mapping(document.get("spec")).get("deploymentProfile"))


def _offer(document: Mapping[str, Any], description: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the profile of the description that a deployment was made from."""
    found = [_source(component) for component in _list(_profile(document).get("components"))]
    for offer in _list(description.get("deploymentProfiles")):
        if [_source(component) for component in _list(offer.get("components"))] == found:
            return offer
    return {}


def _source(component: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    properties = _mapping(component.get("properties"))
    return component.get("name"), properties.get("repository"), properties.get("revision")


def _extensions(holder: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in holder.items() if EXTENSION.match(name)}


def _holders(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _holders(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _holders(inner)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
