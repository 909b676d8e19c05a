"""Whom a device talks to: only the WFM that its own credential names, with a credential that keeps every rule."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from conformance.checks.device.effects import if_it_restarted, setting_doubt
from conformance.checks.device.evidence import IDENTITY_SERVICE, management, polls_after
from conformance.checks.device.silence import polls_again, silence
from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, check, expect, unseen
from conformance.record.events import Exchange, Fact

EARLY, LATE = 0.5, 1.6
"""The part of a refresh hint before which, and the multiple after which, a refresh is not at the hint."""


def _bad(record: Record) -> Fact | None:
    found = [fact for fact in record.facts_of("presented") if fact.data["clause"]]
    return found[-1] if found else None


def _end(record: Record, bad: Fact) -> float:
    later = [fact.at for fact in record.facts_of("presented") if fact.at > bad.at]
    return min(later, default=float("inf"))


def _nothing_sent(record: Record, clause: str) -> Iterator[Judgement]:
    bad = _bad(record)
    expected = "the connection is refused and no request is sent"
    if bad is None:
        yield unseen(expected, "no bad credential was presented")
        return
    end, name = _end(record, bad), bad.data["credential"]
    attempts = [fact for fact in record.facts_of("connecting") if fact.data["offered"] == name]
    sent = [item for item in management(record) if bad.at < item.at < end]
    if not attempts and not sent:
        yield unseen(expected, "the device did not connect while it was presented", bad)
        return
    found = f"{len(attempts)} attempts, {len(sent)} requests to a WFM with {name} ({clause})"
    yield expect(not sent, bad, *sent[:3], *attempts[:2], expected=expected, found=found)


@check("ID-25", "ID-34", "API-004", "API-007", role="device")
def invalid_chain_is_refused(record: Record) -> Iterator[Judgement]:
    """A WFM whose certificates are expired, not yet valid, or of no trusted authority is refused."""
    yield from _nothing_sent(record, "ID-25")


@check("ID-27", role="device")
def leaf_that_is_no_svid_is_refused(record: Record) -> Iterator[Judgement]:
    """A WFM whose certificate is no SVID by its names or its use is refused."""
    yield from _nothing_sent(record, "ID-27")


@check("ID-24", "ID-03", role="device")
def foreign_trust_domain_is_refused(record: Record) -> Iterator[Judgement]:
    """A WFM of another trust domain is refused, whatever else its certificate names."""
    yield from _nothing_sent(record, "ID-24")


@check("ID-52", "ID-14", "SEC-003", role="device")
def other_wfm_is_refused(record: Record) -> Iterator[Judgement]:
    """A WFM that is not exactly the one named by the device's own credential is refused."""
    yield from _nothing_sent(record, "ID-52")


@check("ID-22", role="device")
def weak_key_is_refused(record: Record) -> Iterator[Judgement]:
    """A WFM with a key of a kind or size that is not allowed is refused."""
    yield from _nothing_sent(record, "ID-22")


@check("ID-20", "ID-26", role="device")
def missing_intermediate_is_not_fetched(record: Record) -> Iterator[Judgement]:
    """A WFM that leaves out a certificate of its chain is refused; the certificate is not fetched from elsewhere."""
    yield from _nothing_sent(record, "ID-26")


@check("ID-52", "ID-21", "ID-25", "API-004", role="device")
def good_wfm_is_accepted(record: Record) -> Iterator[Judgement]:
    """The WFM that the device's own credential names is accepted when its credential keeps the rules."""
    good = [fact for fact in record.facts_of("presented") if not fact.data["clause"]]
    if not good:
        yield unseen("requests", "no good credential was presented")
        return
    yield from polls_again(record, good[-1].at, good[-1], expected="requests")


# --- the identity service ------------------------------------------------------------------------------------------


def _published(record: Record) -> Fact | None:
    return record.last_fact("bundle-published")


@check("ID-82", "PT-016", "ID-83", role="device")
def bundle_without_anchors_gives_no_trust(record: Record) -> Iterator[Judgement]:
    """With no trust bundle that could be used, nobody is trusted and no request is sent."""
    fact = _published(record)
    if fact is None or not _asked(record, fact):
        yield unseen("no request to the WFM", "the bundle was never asked for")
        return
    later = [item.at for item in record.facts_of("bundle-published") if item.at > fact.at]
    sent = [item for item in management(record) if fact.at < item.at < min(later, default=float("inf"))]
    yield expect(not sent, fact, *sent[:3], expected="no request to the WFM", found=f"{len(sent)} requests")


def _asked(record: Record, fact: Fact) -> bool:
    """Whether the bundle itself was asked for; discovery alone shows nothing of it."""
    return any(item.at >= fact.at - 0.001 for item in record.of("fetch-trust-bundle"))


@check("ID-83", role="device")
def failed_refresh_changes_nothing(record: Record) -> Iterator[Judgement]:
    """While no usable bundle can be fetched, the one that is held goes on being used."""
    fact = _published(record)
    asked = [item for item in record.exchanges if fact and item.operation in IDENTITY_SERVICE and item.at > fact.at]
    presented = [item for item in record.facts_of("presented") if fact and item.at > fact.at]
    if fact is None or not asked or not presented:
        yield unseen("new connections are accepted as before", "no refresh, or no new connection after it")
        return
    expected, found = "new connections are accepted as before", "{} polls on new connections"
    yield from polls_again(record, presented[-1].at, asked[0], expected=expected, found=found)


@check("ID-84", "ID-25", role="device")
def retired_anchor_is_refused(record: Record) -> Iterator[Judgement]:
    """Once a bundle without an anchor was accepted, who has only that anchor is refused: bundles are never merged."""
    bundles = record.facts_of("bundle-published")
    presented = [fact for fact in record.facts_of("presented") if fact.data["credential"] == "retired anchor"]
    if not bundles or not presented:
        yield unseen("the retired anchor is refused", "no anchor was retired")
        return
    end = _end(record, presented[-1])
    attempts = [
        fact
        for fact in record.facts_of("connecting")
        if presented[-1].at - 0.5 < fact.at < end and fact.data["offered"] == "retired anchor"
    ]
    sent = [item for item in management(record) if presented[-1].at < item.at < end]
    if not attempts and not sent:
        yield unseen("the retired anchor is refused", "the device did not connect")
        return
    found = f"{len(attempts)} attempts, {len(sent)} requests"
    yield expect(not sent, presented[-1], *sent[:3], *attempts[:2], expected="no request", found=found)


@check("ID-84", "ID-85", role="device")
def new_anchor_is_accepted(record: Record) -> Iterator[Judgement]:
    """Once a bundle with a new anchor was fetched, who has that anchor is accepted."""
    presented = [fact for fact in record.facts_of("presented") if fact.data["credential"] == "new anchor"]
    if not presented:
        yield unseen("requests", "no new anchor was presented")
        return
    yield from polls_again(record, presented[-1].at, presented[-1], expected="requests")


@check("ID-76", "ID-81", role="device")
def unknown_members_are_ignored(record: Record) -> Iterator[Judgement]:
    """Members and keys that the device does not know do not keep it from using a discovery document and a bundle."""
    fact = _published(record)
    if fact is None or not _asked(record, fact):
        yield unseen("it connects", "the bundle was never asked for")
        return
    yield from polls_again(record, fact.at, fact, expected="it connects")


@check("ID-81", "ID-82", role="device")
def keys_of_other_use_are_no_anchors(record: Record) -> Iterator[Judgement]:
    """A key of a bundle that is for another use is no anchor."""
    yield from bundle_without_anchors_gives_no_trust(record)


@check("ID-78", role="device")
def plain_bundle_address_is_refused(record: Record) -> Iterator[Judgement]:
    """A trust bundle whose address is not encrypted is not fetched, and nobody is trusted."""
    yield from _bundle_is_not_used(record)


@check("ID-79", "ID-87", "ID-89", role="device")
def uncovered_origin_is_refused(record: Record) -> Iterator[Judgement]:
    """A trust bundle at an origin that the device has no initial trust for is not used."""
    yield from _bundle_is_not_used(record)


@check("ID-87", "ID-89", "ID-90", role="device")
def unproven_service_is_refused(record: Record) -> Iterator[Judgement]:
    """An identity service that does not prove what the device was configured to expect gives no trust material."""
    yield from _bundle_is_not_used(record)


def _bundle_is_not_used(record: Record, *there: str) -> Iterator[Judgement]:
    """Judge that nothing of a bad service is used; `there` are the facts that show that the device was at work."""
    fact = record.last_fact("service-defect")
    kinds = there or ("service-contacted",)
    tries = [item for kind in kinds for item in record.facts_of(kind) if fact and item.at >= fact.at]
    asked = [item for item in record.exchanges if fact and item.operation in IDENTITY_SERVICE and item.at >= fact.at]
    ends = [item.at for item in record.facts_of("service-mended") if fact and item.at > fact.at]
    if fact is None or not (tries or asked):
        yield unseen("no trust, no request", "the device never came to the identity service")
        return
    if why := _not_told(record):
        yield unseen("no trust, no request", why, fact)
        return
    end = min(ends, default=float("inf"))
    bundles = [item for item in asked if item.operation == "fetch-trust-bundle" and item.at < end]
    sent = [item for item in management(record) if fact.at < item.at < end]
    found = f"{len(bundles)} bundles fetched, {len(sent)} requests to the WFM"
    yield expect(not bundles and not sent, fact, *bundles[:2], *sent[:2], expected="none of either", found=found)


def _not_told(record: Record) -> str:
    """Say why it is not known that a device knows its identity service otherwise; empty where it need not, or does."""
    told = [fact for fact in record.facts_of("configured") if {"discovery", "pin"} & set(fact.data)]
    return setting_doubt(told[-1], "discovery", "pin") if told else ""


@check("ID-87", "ID-89", role="device")
def plain_discovery_is_refused(record: Record) -> Iterator[Judgement]:
    """Discovery at an address that is not encrypted, where no server can prove itself, is left undone."""
    fact = record.last_fact("service-defect")
    asked = [item for item in record.of("discover") if fact and item.at >= fact.at and item.tls is None]
    if asked:
        found = f"{len(asked)} requests for discovery without encryption"
        yield expect(False, *asked[:2], expected="none, since nobody can prove himself there", found=found)
    # who does it right goes nowhere: that it comes to the WFM, without trust, shows that it is at work
    yield from _bundle_is_not_used(record, "service-contacted", "connecting")


GIVEN = ("bundle-published", "service-mended", "service-pinned")
"""Facts since when the identity service gives what the device may take."""


def _given(record: Record) -> tuple[float, tuple[Exchange, ...], tuple[Exchange, ...]]:
    """Give since when the service is as it is, the bundles fetched since, and the polls since the first of them."""
    since = max((fact.at for kind in GIVEN for fact in record.facts_of(kind)), default=0.0)
    fetched = tuple(item for item in record.of("fetch-trust-bundle", status=200) if item.at > since)
    return since, fetched, polls_after(record, fetched[0].at) if fetched else ()


def went_on_with_it(record: Record) -> bool:
    """Whether the device polls with what the identity service gave last."""
    return bool(_given(record)[-1])


def _with_a_bundle(
    record: Record,
    since: float,
    fetched: Sequence[Exchange],
    polls: Sequence[Exchange],
    *shown: Exchange,
    expected: str,
) -> Judgement:
    """Hold that a bundle was fetched since a moment, and that the device polls with it."""
    found = f"{len(fetched)} bundles fetched, {len(polls)} polls"
    asked = [item for item in record.exchanges if item.operation in IDENTITY_SERVICE and item.at > since]
    if not polls and (why := _not_told(record)):
        return unseen(expected, why, *shown, *fetched[:1])
    in_vain = not fetched and (asked or any(item.at > since for item in record.facts_of("service-contacted")))
    if not in_vain and (why := silence(record, fetched[0].at if fetched else since)):
        return unseen(expected, f"{len(fetched)} bundles fetched; {why}", *shown, *fetched[:1])
    return expect(bool(polls), *shown, *fetched[:1], *polls[:1], expected=expected, found=found)


@check("ID-90", "ID-87", role="device")
def proven_service_is_used(record: Record) -> Iterator[Judgement]:
    """An identity service that proves itself is used, and the device connects with what it gives."""
    since, fetched, polls = _given(record)
    yield _with_a_bundle(record, since, fetched, polls, expected="a bundle, then requests")


@check("ID-86", role="device")
def stored_bundle_is_used(record: Record) -> Iterator[Judgement]:
    """A device that restarts while the identity service is away goes on with the bundle that it had accepted."""
    gone = record.last_fact("service-gone")
    restarts = [fact for fact in record.facts_of("rebooted") if gone and fact.at >= gone.at]
    if gone is None or not restarts:
        yield unseen("requests with the stored bundle", "the service never went away")
        return
    expected, found = "requests with the stored bundle", "{} polls since the restart"
    judged = polls_again(record, restarts[-1].at, restarts[-1], expected=expected, found=found)
    yield from if_it_restarted(record, restarts[-1], judged)


@check("ID-85", role="device", interpretations=("A-23",))
def refresh_hint_is_kept(record: Record) -> Iterator[Judgement]:
    """A bundle is refreshed when its hint says, however long HTTP would let it be kept."""
    hinted = [fact for fact in record.facts_of("bundle-published") if fact.data.get("hint")]
    fetches = [item for item in record.of("fetch-trust-bundle") if hinted and item.at > hinted[-1].at]
    if len(fetches) < 2:
        yield unseen("refreshed at the hint", f"{len(fetches)} fetches of a bundle with a hint", *hinted[-1:])
        return
    hint = float(hinted[-1].data["hint"])
    gaps = [later.at - earlier.finished for earlier, later in pairwise(fetches)]
    right = max(gaps) <= hint * LATE and min(gaps) >= hint * EARLY
    found = f"{len(fetches)} fetches, {min(gaps):.2f} s to {max(gaps):.2f} s apart"
    yield expect(right, hinted[-1], *fetches[:3], expected=f"every {hint:g} s, about", found=found)


@check("PT-017", role="device")
def missing_bundle_is_asked_for_again(record: Record) -> Iterator[Judgement]:
    """A bundle that is not there is asked for again, and not before the time that the answer gives."""
    fact = _published(record)
    missing = [item for item in record.of("fetch-trust-bundle", status=404) if fact is None or item.at > fact.at]
    if not missing:
        yield unseen("asked for again", "no bundle was missing")
        return
    later = [item for item in record.of("fetch-trust-bundle") if item.at >= missing[0].finished]
    wait = float(missing[0].response_header("Retry-After") or 0.0)
    right = bool(later) and later[0].at - missing[0].finished >= wait
    found = f"asked again after {later[0].at - missing[0].finished:.2f} s" if later else "not asked again"
    yield expect(right, missing[0], *later[:1], expected=f"asked again, after {wait:g} s or more", found=found)


@check("PT-015", role="device")
def operators_address_is_used(record: Record) -> Iterator[Judgement]:
    """While there is no discovery document, the bundle is fetched where the operator said that it is."""
    missing = record.of("discover", status=404)
    if not missing:
        yield unseen("the bundle, without discovery", "no discovery document was asked for and missing")
        return
    fetched = [item for item in record.of("fetch-trust-bundle", status=200) if item.at >= missing[0].at]
    polls = polls_after(record, fetched[0].at) if fetched else ()
    yield _with_a_bundle(record, missing[0].at, fetched, polls, missing[0], expected="the bundle, without discovery")


@check("ID-77", role="device")
def foreign_discovery_is_refused(record: Record) -> Iterator[Judgement]:
    """A discovery document of another trust domain than the device's own gives no trust material."""
    yield from _bundle_is_not_used(record)


@check("ID-88", role="device")
def pinned_service_needs_no_name(record: Record) -> Iterator[Judgement]:
    """A service that is pinned and known by its address may be used, whatever names its certificate has."""
    if record.last_fact("service-pinned") is None:
        yield unseen("a bundle, then requests", "no service was pinned")
        return
    yield from proven_service_is_used(record)


@check("ID-58", "ID-24", role="device")
def address_is_no_identity(record: Record) -> Iterator[Judgement]:
    """A WFM is known by its SVID alone: whatever hosts its certificate names, the device talks to it."""
    yield from _unusual_is_accepted(record)


@check("ID-35", "ID-25", role="device")
def no_revocation_is_asked_for(record: Record) -> Iterator[Judgement]:
    """A certificate that says who tells of its revocation is valid although nobody there answers."""
    yield from _unusual_is_accepted(record)


@check("ID-23", role="device")
def declared_keys_are_accepted(record: Record) -> Iterator[Judgement]:
    """A device that is said to take RSA takes it in the leaf, and above it with either padding."""
    yield from _unusual_is_accepted(record)


def _unusual_is_accepted(record: Record) -> Iterator[Judgement]:
    """Hold that the device goes on with the good credential that was presented last."""
    fact = record.last_fact("presented")
    if fact is None or fact.data["clause"]:
        yield unseen("requests on new connections", "no good credential was presented")
        return
    attempts = [item for item in record.facts_of("connecting") if item.data["offered"] == fact.data["credential"]]
    expected, found = f"requests to a WFM with {fact.data['credential']}", f"{len(attempts)} connections, {{}} polls"
    yield from polls_again(record, fact.at, fact, *attempts[:2], expected=expected, found=found)


@check("ID-92", role="device")
def retrieval_asks_for_json(record: Record) -> Iterator[Judgement]:
    """The identity service is asked for JSON."""
    for item in record.exchanges:
        if item.operation in IDENTITY_SERVICE:
            accept = item.request_header("Accept") or "nothing"
            right = "application/json" in accept
            yield expect(right, item, expected="application/json", found=accept)
