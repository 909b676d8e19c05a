"""How a device becomes a client of the WFM, stays the same one, and what it does when it is refused."""

from collections.abc import Iterator

from conformance.checks.device.declared import declared
from conformance.checks.device.effects import if_it_restarted
from conformance.checks.device.evidence import management, polls_after
from conformance.checks.device.signing import Signature, signature_of
from conformance.checks.device.silence import polls_again
from conformance.checks.evidence import Record
from conformance.checks.monitors.device_signatures import WINDOW_S, signable, signature_problem
from conformance.checks.registry import Judgement, check, expect, noted, unseen
from conformance.record.events import Exchange, Fact

KINDS = ("report-capabilities", "fetch-manifest", "report-status")
"""Requests that a device makes in whatever way it fetches content."""
SLACK_S = 5.0
"""How far apart the clocks of the two seats may be where the moment of a signature is looked at closely."""


def _begun(record: Record) -> float:
    """When the device was last as new."""
    reset = record.last_fact("factory-reset")
    return reset.at if reset else 0.0


def _accepted(record: Record, since: float = 0.0) -> list[Exchange]:
    return [item for item in record.of("onboard") if item.at >= since and item.status in (200, 201)]


@check("ONB-001", "ONB-005", "ONB-007", role="device")
def device_onboards_first(record: Record) -> Iterator[Judgement]:
    """A device that was never here onboards with its certificate, then reports its capabilities, and only then asks."""
    since = _begun(record)
    sent = [item for item in management(record) if item.at >= since and item.operation != "fetch-root-certificate"]
    onboarded = _accepted(record, since)
    if not sent:
        yield unseen("onboarding, and then capabilities", "the device made no request")
        return
    first = sent[0]
    yield expect(first.operation == "onboard", first, expected="onboarding", found=first.operation, of=("ONB-001",))
    found = f"{len(onboarded)} of {len(record.of('onboard'))} requests accepted"
    yield expect(bool(onboarded), *onboarded[:1], expected="accepted by the WFM", found=found, of=("ONB-005",))
    later = [item for item in sent if onboarded and item.at > onboarded[0].at and item.operation != "onboard"]
    if onboarded and later:
        then = later[0]
        right = then.operation == "report-capabilities"
        yield expect(right, then, expected="then capabilities", found=f"then {then.operation}", of=("ONB-007",))


@check("ONB-001", role="device")
def nothing_is_asked_before_onboarding(record: Record) -> Iterator[Judgement]:
    """While its onboarding is refused a device asks for nothing and reports nothing."""
    answering = record.last_fact("answering")
    met = [item for item in record.of("onboard") if answering and item.at >= answering.at]
    if answering is None or not met:
        yield unseen("no other request", "the device did not try to onboard")
        return
    end = next((fact.at for fact in record.facts_of("recovered") if fact.at > answering.at), float("inf"))
    other = [
        item
        for item in management(record)
        if met[0].at < item.at < end and item.operation not in ("onboard", "fetch-root-certificate")
    ]
    found = f"{len(met)} attempts to onboard, {len(other)} other requests"
    yield expect(not other, met[0], *other[:3], expected="no other request", found=found)


@check("ONB-001", role="device", interpretations=("AMB-B-20",))
def client_stays_the_same(record: Record) -> Iterator[Judgement]:
    """After a restart the device goes on as the client that it was, and does not onboard anew."""
    fact = record.last_fact("rebooted")
    polls = polls_after(record, fact.at) if fact else ()
    before = [poll for poll in record.polls if fact and poll.at < fact.at]
    if fact is None or not polls or not before:
        yield unseen("the same client", "no restart, or no poll before and after it")
        return
    was, now = before[-1].params.get("clientId"), polls[0].params.get("clientId")
    anew = [item for item in record.of("onboard") if item.at > fact.at]
    judged = (
        expect(was == now, before[-1], polls[0], expected=f"client {was}", found=f"client {now}"),
        expect(not anew, fact, *anew[:2], expected="no new onboarding", found=f"{len(anew)} onboardings"),
    )
    yield from if_it_restarted(record, fact, judged)


@check("ONB-001", role="device", interpretations=("AMB-B-20",))
def device_that_is_as_new_onboards_again(record: Record) -> Iterator[Judgement]:
    """A device that is reset to its state of delivery onboards again, unless it is declared to keep what it has."""
    reset = record.last_fact("factory-reset")
    polls = polls_after(record, reset.at) if reset else ()
    if reset is None or not polls:
        yield unseen("onboarding", "the device was not reset, or never came back")
        return
    anew = _accepted(record, reset.at)
    found = f"{len(anew)} onboardings before {len(polls)} polls"
    if declared(record, "factory-reset") != "forget":
        yield noted(found, reset, *anew[:1], expected="(no factory-reset: forget is declared)")
        return
    yield expect(bool(anew), reset, *anew[:1], polls[0], expected="onboarding", found=found)


@check("CERT-001", "ONB-004", "API-005", role="device", interpretations=("AMB-B-16", "AMB-B-22"))
def root_certificate_is_fetched_first(record: Record) -> Iterator[Judgement]:
    """A device that fetches the root certificate does so before it onboards."""
    since = _begun(record)
    fetched = [item for item in record.of("fetch-root-certificate") if item.at >= since and item.status == 200]
    onboarding = [item for item in record.of("onboard") if item.at >= since]
    if not onboarding:
        yield unseen("fetched before it onboards", "the device did not onboard")
        return
    early = [item for item in fetched if item.finished <= onboarding[0].at]
    found = "fetched before" if early else "fetched later" if fetched else "not fetched"
    yield expect(bool(early), *early[:1], onboarding[0], expected="fetched before it onboards", found=found)


@check("ONB-004", "API-004", role="device", interpretations=("AMB-B-16",))
def fetched_root_is_trusted(record: Record) -> Iterator[Judgement]:
    """The WFM is trusted by the root certificate that was fetched from it, however that was written."""
    given, presented = record.last_fact("root-given"), record.last_fact("presented")
    fetched = [item for item in record.of("fetch-root-certificate") if given and item.at > given.at]
    if given is None or presented is None or not fetched:
        yield unseen("requests", "the device did not fetch the root certificate")
        return
    found = f"{{}} polls with a WFM below the root that was given as {given.data['encoding']}"
    yield from polls_again(record, presented.at, fetched[0], presented, expected="requests", found=found)


@check("API-007", role="device")
def other_host_is_refused(record: Record) -> Iterator[Judgement]:
    """A server whose certificate names another host only is refused."""
    bad = next((fact for fact in reversed(record.facts_of("presented")) if fact.data["clause"]), None)
    expected = "the connection is refused and no request is sent"
    if bad is None:
        yield unseen(expected, "no certificate of another host was presented")
        return
    end = min((fact.at for fact in record.facts_of("presented") if fact.at > bad.at), default=float("inf"))
    attempts = [fact for fact in record.facts_of("connecting") if fact.data["offered"] == bad.data["credential"]]
    sent = [item for item in management(record) if bad.at < item.at < end]
    if not attempts and not sent:
        yield unseen(expected, "the device did not connect while it was presented", bad)
        return
    found = f"{len(attempts)} attempts, {len(sent)} requests"
    yield expect(not sent, bad, *sent[:3], *attempts[:2], expected=expected, found=found)


# --- signatures ----------------------------------------------------------------------------------------------------


@check("SIG-001", "SIG-004", "API-008", role="device")
def every_kind_of_request_is_signed(record: Record) -> Iterator[Judgement]:
    """Capabilities, polls, what is fetched and status reports are all signed by the client."""
    sent = signable(record)
    kinds = {item.operation for item in sent}
    lacking = [kind for kind in KINDS if kind not in kinds]
    if lacking:
        yield unseen("all signed by the client", f"no request of the kind {', '.join(lacking)}", *sent[:1])
        return
    wrong = [(item, problem) for item in sent if (problem := signature_problem(record, item))]
    found = wrong[0][1] if wrong else f"{len(sent)} requests of {len(kinds)} kinds, all signed"
    shown = [item for item, _ in wrong[:3]] or [next(item for item in sent if item.operation == kind) for kind in KINDS]
    yield expect(not wrong, *shown, expected="all signed by the client", found=found)


@check("SIG-005", role="device")
def every_attempt_is_signed_anew(record: Record, since: Fact) -> Iterator[Judgement]:
    """What is sent later is signed when it is sent: a signature that became too old is not used."""
    began = record.last_fact("provisioned")
    late = [item for item in signable(record) if item.at > since.at]
    dated = [(item, found) for item in late if isinstance(found := signature_of(item), Signature)]
    if began is None or not dated:
        yield unseen("signed when it was sent", "no signed request came", since)
        return
    offset = float(began.data["unix"]) - began.at
    ages = [item.at + offset - (signature.created or 0) for item, signature in dated]
    oldest = max(range(len(ages)), key=lambda index: ages[index])
    found = f"created {ages[oldest]:.0f} s before it was sent"
    right = ages[oldest] <= WINDOW_S
    yield expect(right, since, dated[oldest][0], expected=f"at most {WINDOW_S:.0f} s before", found=found)
    if right and ages[oldest] > SLACK_S:
        yield noted(found, dated[oldest][0], expected="a clock that is right")


# --- refusals ------------------------------------------------------------------------------------------------------


@check("ONB-001", role="device", observes=True, interpretations=("AMB-B-20",))
def what_a_forgotten_client_does_is_told(record: Record) -> Iterator[Judgement]:
    """What a device does when the WFM does not know its client any more is told; no text says what is right."""
    fact = record.last_fact("client-forgotten")
    if fact is None:
        return
    later = [item for item in management(record) if item.at > fact.at]
    anew = [item for item in later if item.operation == "onboard"]
    found = f"it onboards again after {later.index(anew[0])} requests" if anew else f"it goes on: {len(later)} requests"
    yield noted(found, fact, *anew[:1], *later[:1])
