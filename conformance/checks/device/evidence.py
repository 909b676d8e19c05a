"""What the record shows of a device: what was served to it, what it took of that, and what it says.

Facts of the bench that are read here: `published` and `withdrawn` (the WFM's own desired state), `offered` (a wrong
one, served by the intercepting layer), `workloads` (what really runs, where the bench can tell).
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from statistics import median

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from conformance.checks.evidence import Offer, Record, Report, parsed
from conformance.record.events import Exchange, Fact, _Event

RUNNING = ("installing", "installed")
LEAVING = ("removing", "removed")
FINAL = ("installed", "failed", "removed")
IDENTITY_SERVICE = ("discover", "fetch-trust-bundle")
ONBOARDING = ("onboard", "fetch-root-certificate")
REGISTRY = ("check-registry", "resolve-component", "fetch-component")


# --- moments -------------------------------------------------------------------------------------------------------


def polls_after(record: Record, at: float) -> tuple[Exchange, ...]:
    """Give the polls that began after a moment."""
    return tuple(poll for poll in record.polls if poll.at > at)


def usual_interval(record: Record, before: float) -> float | None:
    """Give the ordinary time between polls, in seconds: the median of those that were answered before a moment."""
    polls = [poll for poll in record.polls if poll.finished < before and poll.status in (200, 304)]
    gaps = [later.at - earlier.finished for earlier, later in pairwise(polls)]
    return median(gaps) if gaps else None


def reports_after(record: Record, at: float, deployment: str | None = None) -> tuple[Report, ...]:
    """Give the status reports that began after a moment, of one deployment or of all."""
    return tuple(
        report for report in record.reports if report.exchange.at > at and deployment in (None, report.deployment_id)
    )


# --- what was published --------------------------------------------------------------------------------------------


def publication(record: Record, deployment: str, release: int | None = None) -> Fact | None:
    """Give the newest publication of a deployment, of a release if one is named."""
    found = [
        fact
        for fact in record.facts_of("published")
        if fact.data["deploymentId"] == deployment and release in (None, fact.data["release"])
    ]
    return found[-1] if found else None


def withdrawal(record: Record, deployment: str) -> Fact | None:
    """Give the newest withdrawal of a deployment."""
    found = [fact for fact in record.facts_of("withdrawn") if fact.data["deploymentId"] == deployment]
    return found[-1] if found else None


def served_version(record: Record, version: int) -> Offer | None:
    """Give the first time a manifest of a version was served."""
    return next((offer for offer in record.offers if offer.version == version), None)


def shows_installed(report: Report, fact: Fact) -> bool:
    """Whether a report says that a publication, or a newer one, is installed."""
    return report.state == "installed" and (report.version or 0) >= fact.data["version"]


def installed(record: Record, fact: Fact) -> Report | None:
    """Give the report that says that a publication is installed, if the newest report of its deployment does."""
    last = record.last_report(fact.data["deploymentId"])
    return last if last and shows_installed(last, fact) else None


def installed_and_polled(record: Record, fact: Fact) -> bool:
    """Whether a publication is reported installed, and the device polled again afterwards."""
    report = installed(record, fact)
    return report is not None and bool(polls_after(record, report.exchange.finished))


def removed(record: Record, deployment: str, since: float) -> Report | None:
    """Give the report that says that a deployment is gone."""
    reports = reports_after(record, since, deployment)
    return next((report for report in reports if report.state == "removed"), None)


def revisions(publication: Fact) -> dict[str, str]:
    """Give what a publication makes run: the revision of each component."""
    components = publication.data["document"]["spec"]["deploymentProfile"]["components"]
    return {item["name"]: item["properties"]["revision"] for item in components}


# --- wrong desired states ------------------------------------------------------------------------------------------


def servings(record: Record, offer: Fact) -> tuple[Exchange, ...]:
    """Give every time the manifest of an offer was served."""
    return tuple(poll for poll in record.polls if poll.fault == offer.data["label"] and poll.status == 200)


def artefact_fetches(record: Record, offer: Fact) -> tuple[Exchange, ...]:
    """Give every fetch of an artefact that only the offer served."""
    return tuple(item for item in record.fetches if item.fault == offer.data["label"])


def damaged_fetches(record: Record, offer: Fact) -> tuple[Exchange, ...]:
    """Give every fetch of an artefact whose bytes do not have their digest."""
    damaged = set(offer.data.get("damaged", ()))
    return tuple(item for item in artefact_fetches(record, offer) if item.params.get("digest") in damaged)


def settled(record: Record, offer: Fact) -> bool:
    """Whether an offer was taken in hand and two further polls came: the window for what must not happen.

    An offer with damaged artefacts has been taken in hand once one of them was fetched.
    """
    met = damaged_fetches(record, offer) if offer.data.get("damaged") else servings(record, offer)
    return bool(met) and len(polls_after(record, met[0].finished)) >= 2


def signs_of_adoption(record: Record, offer: Fact, *, fetching: bool = False) -> tuple[tuple[str, _Event], ...]:
    """Give everything that shows that an offer was taken: what was said, asked for, or left running.

    With `fetching`, asking for its artefacts counts too.
    """
    met = servings(record, offer)
    if not met:
        return ()
    since = met[0].at
    signs: Iterator[tuple[str, _Event]] = chain(
        _signs_in_polls(record, offer, since),
        _signs_in_reports(record, offer, since),
        _signs_in_workloads(record, offer, since),
        ((f"it fetched {item.target}", item) for item in artefact_fetches(record, offer) if fetching),
    )
    return tuple(signs)


def _signs_in_polls(record: Record, offer: Fact, since: float) -> Iterator[tuple[str, _Event]]:
    for poll in polls_after(record, since):
        tag = poll.request_header("If-None-Match")
        if tag is not None and offer.data["etag"] in tag:
            yield "it polled with the tag of the refused state", poll


def _signs_in_reports(record: Record, offer: Fact, since: float) -> Iterator[tuple[str, _Event]]:
    intruders, running = offer.data.get("intruders", ()), offer.data["running"]
    versions = {fact.data["version"] for kind in ("published", "withdrawn") for fact in record.facts_of(kind)}
    for report in reports_after(record, since):
        if report.deployment_id in intruders:
            yield f"it reported {report.state} of a deployment that only the refused state has", report.exchange
        elif report.version == offer.data["version"] and report.version not in versions:
            yield f"it reported version {report.version} as adopted", report.exchange
        elif report.deployment_id in running and report.state in LEAVING and _before_end(record, offer, report):
            yield f"it reported {report.state} of a deployment that was running", report.exchange


def _before_end(record: Record, offer: Fact, report: Report) -> bool:
    ends = [fact.at for fact in record.facts_of("offer-ended") if fact.at > offer.at]
    return not ends or report.exchange.at < ends[0]


def _signs_in_workloads(record: Record, offer: Fact, since: float) -> Iterator[tuple[str, _Event]]:
    for fact in record.facts_of("workloads"):
        if fact.at > since and any(name in fact.data["running"] for name in offer.data.get("intruders", ())):
            yield "a workload runs that only the refused state has", fact


def told(signs: Sequence[tuple[str, _Event]], otherwise: str) -> str:
    """Put signs into words."""
    return "; ".join(dict.fromkeys(text for text, _ in signs)) or otherwise


# --- requests ------------------------------------------------------------------------------------------------------


def management(record: Record) -> tuple[Exchange, ...]:
    """Give the requests to the WFM: all but those to the identity service and to the component registry."""
    return tuple(item for item in record.exchanges if item.operation not in (*IDENTITY_SERVICE, *REGISTRY))


def registered(record: Record, before: float) -> bytes | None:
    """Give the certificate (DER) that a client was known by at a moment, where clients are known by one that they sent.

    It is the one of its last accepted onboarding, or that of an earlier scenario.
    """
    fact = record.last_fact("provisioned")
    text = fact.data.get("certificate") if fact else None
    for item in record.of("onboard"):
        if item.finished <= before and item.status in (200, 201):
            text = (parsed(item.request.data) or {}).get("certificate")
    return certificate_in(text)


def certificate_in(text: object) -> bytes | None:
    """Give the DER of a certificate that a document carries in Base64, of its DER or of its PEM; None for others."""
    try:
        data = base64.b64decode("".join(text.split()), validate=True) if isinstance(text, str) else b""
        if data.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_certificate(data).public_bytes(Encoding.DER)
        return x509.load_der_x509_certificate(data).public_bytes(Encoding.DER)
    except ValueError:
        return None


def credential_of(record: Record, item: Exchange) -> str | None:
    """Give the digest (hex) of the certificate that a request came with: in TLS, or as the client is registered."""
    if item.tls and item.tls.peer_chain:
        return item.tls.peer_chain[0]
    known = registered(record, item.at)
    return hashlib.sha256(known).hexdigest() if known else None


def known_before(record: Record) -> bool:
    """Whether the device had come to this counterpart in an earlier scenario already."""
    fact = record.last_fact("provisioned")
    return fact is not None and bool(fact.data.get("knownVersion"))


def connected(record: Record) -> bool:
    """Whether the device ever made a request to the WFM."""
    return bool(management(record))
