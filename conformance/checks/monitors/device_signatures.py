"""Watching every signed request and every onboarding, in every scenario, by a reading of signatures of its own."""

from collections.abc import Iterator

from conformance.checks.device.evidence import certificate_in, management, registered
from conformance.checks.device.signing import (
    DIGEST,
    LABEL,
    METHOD,
    TARGET,
    Signature,
    algorithm_of,
    base_of,
    certificate_problem,
    digest_problem,
    key_in_words,
    signature_of,
    suits_an_algorithm,
)
from conformance.checks.evidence import Record, parsed
from conformance.checks.monitors.device_schemas import kind_kept, schema_kept
from conformance.checks.registry import Judgement, check, expect, noted
from conformance.record.events import Exchange

UNSIGNED = ("fetch-root-certificate", "unknown")
"""Operations that need no signature."""
STATEMENTS = {
    "onboard": "ONB-002",
    "report-capabilities": "DC-005",
    "withdraw-capabilities": "DC-005",
    "report-status": "ST-002",
}
"""What is said of the requests of one kind beside what is said of all."""
WINDOW_S, FAR_S = 300.0, 3600.0
"""How old a signature may be in the example of the text (SIG-007), and from where on it is surely stale (AMB-B-08)."""


def signable(record: Record) -> tuple[Exchange, ...]:
    """Give the requests that have to be signed, as far as they were recorded whole."""
    return tuple(item for item in management(record) if item.operation not in UNSIGNED and not item.request.cut)


def certificate_for(record: Record, item: Exchange) -> bytes | None:
    """Give the certificate (DER) whose key a request has to be signed with: onboarding brings its own (AMB-B-07)."""
    if item.operation == "onboard":
        return certificate_in((parsed(item.request.data) or {}).get("certificate"))
    return registered(record, item.at)


def signature_problem(record: Record, item: Exchange) -> str | None:
    """Say why a request is not signed by its client; None when it is."""
    signature, certificate = signature_of(item), certificate_for(record, item)
    if isinstance(signature, str):
        return signature
    if certificate is None:
        return "nobody is registered with a certificate whose key could be tried"
    base = base_of(item, signature)
    if isinstance(base, str):
        return base
    if algorithm_of(signature, base, certificate) is None:
        key = key_in_words(certificate)
        return f"the signature ({len(signature.value)} bytes) is not of the key of the client's certificate ({key})"
    return None


def _signed(record: Record) -> Iterator[tuple[Exchange, Signature]]:
    for item in signable(record):
        signature = signature_of(item)
        if isinstance(signature, Signature):
            yield item, signature


@check("SIG-001", "API-008", "ONB-002", "DC-005", "ST-002", role="device", monitor=True)
def requests_are_signed(record: Record) -> Iterator[Judgement]:
    """Every request carries a signature that can be read: nothing else says who the client is."""
    for item in signable(record):
        signature = signature_of(item)
        problem = signature if isinstance(signature, str) else None
        of = ("SIG-001", "API-008", *(name for kind, name in STATEMENTS.items() if kind == item.operation))
        yield expect(problem is None, item, expected="a signature", found=problem or "a signature", of=of)


@check("SIG-002", role="device", monitor=True, interpretations=("AMB-B-04", "AMB-B-11"))
def digests_are_of_the_bodies(record: Record) -> Iterator[Judgement]:
    """Every body comes with its SHA-256 in Content-Digest."""
    for item in signable(record):
        if item.request.size or item.request_header("Content-Digest"):
            problem = digest_problem(item)
            yield expect(problem is None, item, expected="the digest of the body", found=problem or "the right one")


@check("SIG-003", role="device", monitor=True, interpretations=("AMB-B-03", "AMB-B-09"))
def signatures_cover_what_they_must(record: Record) -> Iterator[Judgement]:
    """Every signature covers the method, the whole address and, with a body, its digest."""
    for item, signature in _signed(record):
        wanted = [METHOD, TARGET, *([DIGEST] if item.request.size else [])]
        lacking = [name for name in wanted if not signature.covers(name)]
        found = f"not covered: {', '.join(lacking)}" if lacking else ", ".join(signature.components)
        yield expect(not lacking, item, expected=f"covered: {', '.join(wanted)}", found=found)
        odd = [name for name in signature.components if name != name.lower()]
        if odd:
            yield noted(f"component names in capital letters: {', '.join(odd)}", item, expected="lower case (RFC 9421)")


@check("SIG-004", role="device", monitor=True, interpretations=("AMB-B-07",))
def signatures_are_of_the_clients_key(record: Record) -> Iterator[Judgement]:
    """Every signature is made over the request as it arrived, with the key of the client's certificate."""
    for item, _ in _signed(record):
        problem = signature_problem(record, item)
        yield expect(problem is None, item, expected="made with the client's key", found=problem or "it is")


@check("SIG-005", role="device", monitor=True, interpretations=("AMB-B-06",))
def signature_headers_have_their_form(record: Record) -> Iterator[Judgement]:
    """The signature stands under its label, and says when it was made and with which key."""
    for item, signature in _signed(record):
        wrong = [f"the label is {signature.label}"] if signature.label != LABEL else []
        wrong += ["no created in whole seconds"] if signature.created is None else []
        wrong += ["no keyid"] if signature.keyid is None else []
        found = "; ".join(wrong) or f"{signature.label}, created and keyid"
        yield expect(not wrong, item, expected=f"{LABEL}, created and keyid", found=found)


@check("SIG-005", role="device", monitor=True, interpretations=("AMB-B-08",))
def signatures_are_made_when_requests_are_sent(record: Record) -> Iterator[Judgement]:
    """The moment that a signature names is that of its request, within what a WFM puts up with."""
    began = record.last_fact("provisioned")
    if began is None or "unix" not in began.data:
        return
    for item, signature in _signed(record):
        if signature.created is not None:
            now = float(began.data["unix"]) + item.at - began.at
            off = signature.created - now
            found = f"created {abs(off):.0f} s {'before' if off < 0 else 'after'} it was sent"
            if WINDOW_S < abs(off) < FAR_S:
                yield noted(found, item, expected=f"within {WINDOW_S:.0f} s, the example of the text")
            else:
                yield expect(abs(off) <= WINDOW_S, item, expected=f"within {WINDOW_S:.0f} s", found=found)


@check("API-014", "API-017", role="device", monitor=True, interpretations=("AMB-B-05",))
def algorithm_is_one_of_the_four(record: Record) -> Iterator[Judgement]:
    """The client signs with one of the four algorithms: its key tells which, or trying both paddings of RSA."""
    for item, signature in _signed(record):
        certificate = certificate_for(record, item)
        if certificate is None:
            continue
        base = base_of(item, signature)
        name = algorithm_of(signature, base, certificate) if isinstance(base, bytes) else None
        if name is not None or not suits_an_algorithm(certificate):
            found = name or f"a key that none of them takes: {key_in_words(certificate)}"
            yield expect(name is not None, item, expected="one of the four algorithms", found=found)


# --- onboarding ----------------------------------------------------------------------------------------------------


@check("ONB-008", role="device", monitor=True)
def onboarding_has_its_members(record: Record) -> Iterator[Judgement]:
    """An onboarding request has apiVersion, kind and certificate."""
    for item in record.of("onboard"):
        document = parsed(item.request.data)
        if document is None:
            yield expect(False, item, expected="a JSON object", found="something else")
            continue
        yield schema_kept(
            record,
            item,
            document,
            "onboarding-request",
            "apiVersion, kind and certificate",
            lambda error: not error.absolute_path or error.absolute_path[0] != "kind",
        )


@check("ONB-009", role="device", monitor=True)
def onboarding_says_that_it_is_one(record: Record) -> Iterator[Judgement]:
    """An onboarding request gives its kind as it is named in the interface."""
    for item in record.of("onboard"):
        yield from kind_kept(record, item, parsed(item.request.data) or {}, "onboarding-request")


@check("ONB-005", "API-012", "API-013", role="device", monitor=True, interpretations=("AMB-B-16",))
def onboarding_brings_a_certificate(record: Record) -> Iterator[Judgement]:
    """The client represents itself by an X.509 certificate that follows RFC 5280, in Base64."""
    began = record.last_fact("provisioned")
    for item in record.of("onboard"):
        certificate = certificate_in((parsed(item.request.data) or {}).get("certificate"))
        found = "one" if certificate else "none that can be read"
        wanted = "the Base64 of a certificate, of its DER or its PEM"
        yield expect(certificate is not None, item, expected=wanted, found=found, of=("ONB-005", "API-012"))
        if certificate is not None and began is not None and "unix" in began.data:
            problem = certificate_problem(certificate, float(began.data["unix"]) + item.at - began.at)
            right = problem is None
            yield expect(right, item, expected="as RFC 5280 wants it", found=problem or "it is", of=("API-013",))


@check("ONB-001", role="device", monitor=True, interpretations=("AMB-B-20",))
def client_is_the_one_it_was_made(record: Record) -> Iterator[Judgement]:
    """Before it is onboarded a device asks for nothing; then it calls by the id that it was given, and no other."""
    began = record.last_fact("provisioned")
    for item in management(record):
        named = item.params.get("clientId")
        if named is None or began is None:
            continue
        given = [str((parsed(done.response.data) or {}).get("clientId")) for done in _onboarded(record, item.at)]
        given += [str(began.data.get("client"))] if began.data.get("certificate") else []
        expected = f"client {given[0]}" if given else "onboarding first"
        yield expect(named in given, item, expected=expected, found=f"client {named}")


def _onboarded(record: Record, before: float) -> tuple[Exchange, ...]:
    return tuple(item for item in record.of("onboard") if item.status in (200, 201) and item.finished <= before)
