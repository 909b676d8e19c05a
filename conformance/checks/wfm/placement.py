"""Matching before placement: a device that does not meet what an application demands is not chosen."""

from collections.abc import Iterator, Mapping
from typing import Any

from conformance.checks.evidence import Record
from conformance.checks.monitors.wfm_contents import documents
from conformance.checks.registry import Judgement, check
from conformance.checks.wfm.judged import expect, offers_to, unseen
from conformance.record.events import Fact

CAPACITY = ("SEL-03", "SEL-04", "DC-022")
RULES = ("SEL-06", "SEL-08", "SEL-09", "SEL-10")


@check("SEL-02", role="wfm")
def only_fitting_devices_are_chosen(record: Record) -> Iterator[Judgement]:
    """An application is placed on a device that meets its demands, and on none when there is no such device."""
    for fact in record.facts_of("placement-asked"):
        yield from _chosen(record, fact, ["SEL-02"])


@check(*CAPACITY, role="wfm", interpretations=("A-15",))
def capacity_is_a_minimum_of_each_device(record: Record) -> Iterator[Judgement]:
    """A device with less than the cores (in one CPU), architecture, memory or storage demanded is not chosen."""
    yield from _of_kind(record, CAPACITY)


@check(*RULES, role="wfm", interpretations=("A-14",))
def eligibility_rules_are_evaluated_as_written(record: Record) -> Iterator[Judgement]:
    """A device that meets the eligibility rules is chosen; one that differs in the value they look at is not."""
    yield from _of_kind(record, RULES)


def _of_kind(record: Record, statements: tuple[str, ...]) -> Iterator[Judgement]:
    for fact in record.facts_of("placement-asked"):
        only = [name for name in fact.data.get("demands", ()) if name in statements]
        if only:
            yield from _chosen(record, fact, only)


def _chosen(record: Record, fact: Fact, only: list[str]) -> Iterator[Judgement]:
    """Judge one placement by what the WFM said, and by what the client was then served."""
    fitting = [str(name) for name in fact.data.get("fitting", ())]
    said = sorted(str(device) for device in _mapping(fact.data.get("placed")).values())
    wanted = f"a device of {fitting}" if fitting else "not placeable"
    found = str(said) if said else str(fact.data.get("refused") or "placed nowhere")
    yield expect(set(said) <= set(fitting) and bool(said) is bool(fitting), wanted, found, fact, only=only)
    client = str(fact.data.get("client"))
    if not [offer for offer in offers_to(record, client) if offer.exchange.at > fact.at]:
        yield unseen("the manifest afterwards", "none was served", fact, only=only)
        return
    if not fitting:
        return
    application = fact.data.get("application")
    served = [
        (item, str(_mapping(_mapping(document).get("metadata")).get("deviceId")))
        for item, document in documents(record)
        if item.client == client and _mapping(_mapping(document).get("spec")).get("applicationId") == application
    ]
    if not served:
        yield expect(False, f"the deployment served, for {wanted}", "no such deployment", fact, only=only)
    for item, device in served:
        yield expect(device in fitting, f"deviceId of {fitting}", device, item, only=only)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
