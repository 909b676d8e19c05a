"""Signatures and onboarding of revision 1.0.0-rc.2-signed: who proves its identity is served, and nobody else."""

import base64
import binascii
import re
from collections.abc import Iterator

from cryptography import x509

from conformance.checks.evidence import Record, parsed
from conformance.checks.registry import Judgement, check
from conformance.checks.wfm.history import refusals, sent
from conformance.checks.wfm.judged import accepted, exchange, expect, media_type, noted, said, unseen
from conformance.record.events import Exchange

URL_SAFE = re.compile(r"[A-Za-z0-9._~-]+")
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_STATEMENTS = {
    "unsigned": ("SIG-010",),
    "undigested": ("SIG-010",),
    "misdigested": ("SIG-011",),
    "uncovered": ("SIG-011",),
    "altered": ("SIG-011", "SIG-014"),
    "foreign-key": ("SIG-012", "SIG-014"),
    "stale": ("SIG-006", "SIG-007"),
    "ahead": ("SIG-006", "SIG-008"),
    "foreign-route": ("SIG-009",),
}
"""What a request that is to be refused shows, by the way in which it is to be refused."""


@check(
    "SIG-006", "SIG-007", "SIG-008", "SIG-009", "SIG-010", "SIG-011", "SIG-012", "SIG-014",
    role="wfm", interpretations=("AMB-B-08", "AMB-B-10", "AMB-B-12"),
)  # fmt: skip
def wrong_signatures_are_refused(record: Record) -> Iterator[Judgement]:
    """A request whose signature is missing, stale, of another key or of another request is refused, and not done."""
    for item in sent(record, "report-capabilities", "fetch-manifest"):
        if not item.good and item.expects in _STATEMENTS:
            yield from refusals(record, item.request, only=_STATEMENTS[item.expects])


@check("DC-040", role="wfm", interpretations=("AMB-B-10",))
def clients_that_never_were_are_not_known(record: Record) -> Iterator[Judgement]:
    """A request below a client that was never onboarded is not found."""
    yield from refusals(record, "report-capabilities")


@check("SIG-013", role="wfm", interpretations=("AMB-B-06",))
def signed_requests_are_served(record: Record) -> Iterator[Judgement]:
    """A request that is signed as it should be is processed."""
    for item in sent(record):
        if item.good and item.request != "onboard":
            yield expect(accepted(item.exchange), f"{item.request} served", said(item.exchange), item.exchange)


@check("API-014", "API-016", "SIG-013", role="wfm", interpretations=("AMB-B-05",))
def every_algorithm_is_understood(record: Record) -> Iterator[Judgement]:
    """A client may sign with any of the four algorithms."""
    for fact in record.facts_of("onboarding-tried"):
        item, name = exchange(record, fact.ref("exchange")), fact.data.get("algorithm")
        yield expect(accepted(item), f"a key for {name} onboarded", said(item) if item else "nothing", item)
        for other in sent(record, "report-capabilities", "fetch-manifest"):
            yield expect(accepted(other.exchange), f"{other.request} by {name}", said(other.exchange), other.exchange)


@check("SIG-011", role="wfm", observes=True, interpretations=("AMB-B-03",))
def capital_letters_are_noted(record: Record) -> Iterator[Judgement]:
    """Names of components are written in lower case by RFC 9421; what a WFM does with others is noted by name."""
    for fact in record.facts_of("capital-letters"):
        item = exchange(record, fact.ref("exchange"))
        if item is not None:
            meaning = "takes" if accepted(item) else "refuses"
            yield noted("(AMB-B-03)", f'{said(item)}: it {meaning} the component "Content-Digest"', item)


@check("SIG-006", role="wfm", observes=True, interpretations=("AMB-B-08",))
def replays_are_noted(record: Record) -> Iterator[Judgement]:
    """The very same request within the window: whether it is taken again is noted."""
    for fact in record.facts_of("sent-twice"):
        item = exchange(record, fact.ref("second"))
        if item is not None:
            yield noted("(AMB-B-08)", f"the second one is answered {said(item)}", item)


@check("ONB-006", "API-010", role="wfm", interpretations=("AMB-B-15",))
def client_ids_are_unique_and_url_safe(record: Record) -> Iterator[Judgement]:
    """Every client is given an id of its own, of unreserved characters."""
    by_name: dict[str, str] = {}
    for fact in record.facts_of("onboarding-tried"):
        item = exchange(record, fact.ref("exchange"))
        if item is None:
            continue
        found = (parsed(item.response.data) or {}).get("clientId")
        fits = isinstance(found, str) and URL_SAFE.fullmatch(found)
        yield expect(fits, "an id of unreserved characters", repr(found) if accepted(item) else said(item), item)
        others = [name for name, known in by_name.items() if known == found and name != fact.data.get("name")]
        yield expect(not others, "an id of its own", f"{found!r}, which client {others} has too", item)
        by_name[str(fact.data.get("name"))] = str(found)


@check("API-011", role="wfm", observes=True)
def forms_of_ids_are_noted(record: Record) -> Iterator[Judgement]:
    """An id may be a UUIDv4."""
    for fact in record.facts_of("onboarding-tried"):
        client = str(fact.data.get("client"))
        yield noted("a UUIDv4 or another text", "a UUIDv4" if UUID4.fullmatch(client) else repr(client), fact)


@check("ONB-010", "ONB-011", "SIG-010", "SIG-012", role="wfm", interpretations=("AMB-B-07", "AMB-B-10"))
def wrong_onboardings_are_refused(record: Record) -> Iterator[Judgement]:
    """Who brings no usable certificate, none that is trusted, or no proof of its key is not taken in."""
    names = {"unproven": ("ONB-010", "SIG-010", "SIG-012"), "not-admitted": ("ONB-010", "ONB-011")}
    for item in sent(record, "onboard"):
        if not item.good:
            yield from refusals(record, "onboard", only=names.get(item.expects, ("ONB-010",)))


@check("ONB-010", role="wfm", interpretations=("AMB-B-16",))
def an_encoding_of_certificates_is_read(record: Record) -> Iterator[Judgement]:
    """A certificate is read from Base64 of DER or of PEM; which of them is noted."""
    tried = [(fact, exchange(record, fact.ref("exchange"))) for fact in record.facts_of("onboarding-tried")]
    for fact, item in tried:
        if item is not None:
            yield noted("Base64 of DER or PEM", f"{fact.data.get('encoding')}: {said(item)}", item)
    read = [item for _, item in tried if item is not None and item.status == 201]
    found = ", ".join(said(item) for _, item in tried if item is not None)
    yield expect(read, "201 for at least one of the encodings", found, *[item for _, item in tried])


@check("ONB-006", role="wfm", observes=True, interpretations=("AMB-B-20",))
def coming_again_is_noted(record: Record) -> Iterator[Judgement]:
    """The same certificate once more: the same id, another one or a refusal is noted."""
    for fact in record.facts_of("onboarded-again"):
        item = exchange(record, fact.ref("exchange"))
        if item is not None:
            how = "the same id" if fact.data.get("same") else "another id" if accepted(item) else "a refusal"
            yield noted("(AMB-B-20)", f"{how}: {said(item)}", item)


@check("CERT-004", "CERT-005", role="wfm", interpretations=("AMB-B-16", "AMB-B-22"))
def the_root_certificate_is_given(record: Record) -> Iterator[Judgement]:
    """The root certificate is given without authentication, as Base64 of PEM without line breaks."""
    for fact in record.facts_of("root-certificate"):
        item = exchange(record, fact.ref("exchange"))
        if item is None:
            continue
        text = (parsed(item.response.data) or {}).get("certificate")
        whole = item.status == 200 and isinstance(text, str)
        shown = said(item) if item.status != 200 else f"member certificate: {type(text).__name__}"
        yield expect(whole, "200 with the member certificate", shown, item, only=["CERT-005"])
        if isinstance(text, str):
            yield from _written_rightly(text, item)
        else:
            yield unseen("a certificate", shown, item, only=["CERT-004"])


@check("SIG-014", role="wfm", monitor=True, interpretations=("AMB-B-10", "AMB-B-21"))
def refused_signatures_are_told_in_json(record: Record) -> Iterator[Judgement]:
    """A 401 is `application/json` with `error` and `message`."""
    for item in record.exchanges:
        if item.status != 401 or item.method == "HEAD":
            continue
        kind, document = media_type(item), parsed(item.response.data) or {}
        yield expect(kind == "application/json", "application/json", kind, item)
        missing = [name for name in ("error", "message") if not isinstance(document.get(name), str)]
        yield expect(not missing, "the members error and message", f"without {missing or 'nothing'}", item)
        if document.get("error") not in (None, "Invalid signature"):
            yield noted("error: Invalid signature", repr(document.get("error")), item)


def _written_rightly(text: str, item: Exchange) -> Iterator[Judgement]:
    broken = any(sign in text for sign in "\r\n")
    yield expect(not broken, "no line breaks", "line breaks" if broken else "none", item, only=["CERT-004"])
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
        pem = data.lstrip().startswith(b"-----BEGIN")
        (x509.load_pem_x509_certificate if pem else x509.load_der_x509_certificate)(data)
    except (binascii.Error, ValueError) as error:
        yield expect(False, "Base64 of a certificate in PEM", error, item, only=["CERT-004"])
        return
    if pem:
        yield expect(True, "Base64 of a certificate in PEM", "PEM", item, only=["CERT-004"])
    else:
        yield noted("Base64 of a certificate in PEM", "DER (AMB-B-16)", item, only=["CERT-004"])
