"""Every connection to a WFM is mutual TLS in a current version, with the WFM's own SVID, and HTTP/1.1 on top."""

import re
from collections.abc import Iterator

from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, check
from conformance.checks.wfm.judged import expect, noted, unseen

WFM_ID = re.compile(r"spiffe://(?P<domain>[a-z0-9._-]+)/margo/wfm/(?P<wfm>[A-Za-z0-9._-]+)")
CLIENT_ID = re.compile(r"spiffe://(?P<domain>[a-z0-9._-]+)/margo/wfm/(?P<wfm>[A-Za-z0-9._-]+)/client/[A-Za-z0-9._-]+")
BY_PROBE = "by the probe: "


@check("API-003", "ID-47", role="wfm", monitor=True, interpretations=("AMB-X-33", "A-25"))
def http_is_version_1_1(record: Record) -> Iterator[Judgement]:
    """The interface speaks HTTP/1.1."""
    for fact in record.facts_of("http-version"):
        found = fact.data.get("version")
        yield expect(found == "HTTP/1.1", "HTTP/1.1", found, fact)


@check("API-009", role="wfm", monitor=True, observes=True, interpretations=("AMB-X-33", "A-25"))
def port_is_443(record: Record) -> Iterator[Judgement]:
    """The interface is on port 443; on a bench it may be mapped to another, so the port is noted only."""
    for fact in record.facts_of("wfm-address"):
        yield noted("port 443", f"port {fact.data.get('port')}, as the bench was told (AMB-X-33)", fact)


@check("SEC-002", "ID-30", role="wfm", monitor=True)
def every_exchange_is_over_tls(record: Record) -> Iterator[Judgement]:
    """Management traffic runs over TLS: whoever opens a connection with it is answered with it, by somebody."""
    for item in record.exchanges:
        error = item.error or ""
        if item.status is not None:
            version = item.tls.version if item.tls else None
            yield expect(version, "TLS", version, item)
        elif error.startswith("expected TLS"):
            yield expect(False, "TLS", error, item)
        elif error.startswith(("no connection to", "no TLS handshake")):
            yield unseen("TLS", error, item)


@check("ID-31", "API-006", role="wfm", monitor=True, interpretations=("AMB-B-18",))
def tls_1_3_is_the_default(record: Record) -> Iterator[Judgement]:
    """A client that offers TLS 1.2 and 1.3 gets 1.3."""
    older = {fact.data.get("name") for fact in record.facts_of("older-tls-offered")}
    for connection in record.connections:
        if connection.outcome == "established" and connection.tls and connection.offered not in older:
            found = connection.tls.version
            yield expect(found == "TLSv1.3", "TLSv1.3", found, connection)


@check("API-012", role="wfm", monitor=True)
def the_wfm_shows_a_certificate(record: Record) -> Iterator[Judgement]:
    """The WFM represents itself with an X.509 certificate that leads to the anchors its clients were given."""
    for connection in record.connections:
        if connection.outcome == "established" and connection.tls:
            shown = connection.tls.peer_chain
            yield expect(shown, "a certificate", f"{len(shown)} certificates", connection)
        elif (connection.reason or "").startswith(BY_PROBE):
            yield expect(False, "a certificate that is trusted", connection.reason, connection)


@check("ID-33", role="wfm", monitor=True)
def old_versions_are_not_used(record: Record) -> Iterator[Judgement]:
    """SSL and TLS before 1.2 are never used."""
    for connection in record.connections:
        if connection.outcome == "established" and connection.tls:
            found = connection.tls.version
            yield expect(found in ("TLSv1.2", "TLSv1.3"), "TLS 1.2 or 1.3", found, connection)


@check("ID-12", "SEC-001", role="wfm", monitor=True)
def the_wfm_has_its_own_identity(record: Record) -> Iterator[Judgement]:
    """The WFM's SVID names it as a WFM, with the trust domain and `wfm-id` that are in its clients' identities."""
    for item in record.exchanges:
        own = CLIENT_ID.fullmatch(item.client or "")
        if item.tls is None or own is None:
            continue
        wfm = WFM_ID.fullmatch(item.tls.peer_id or "")
        wanted = f"spiffe://{own['domain']}/margo/wfm/{own['wfm']}"
        yield expect(wfm and wfm[0] == wanted, wanted, item.tls.peer_id, item)


@check("ID-20", "ID-22", "ID-27", role="wfm", monitor=True)
def the_wfm_presents_a_proper_svid(record: Record) -> Iterator[Judgement]:
    """The WFM sends a chain up to the trust bundle whose leaf follows the SVID profile."""
    for fact in record.facts_of("wfm-credential"):
        clause = fact.data.get("clause")
        found = f"{clause}: {fact.data.get('reason')}" if clause else "nothing wrong with it"
        for name in ("ID-22", "ID-27"):
            yield expect(clause != name, "an X.509-SVID", found, fact, only=[name])
        yield expect(True, "a chain up to an anchor", "one that validates", fact, only=["ID-20"])
    for connection in record.connections:
        if connection.outcome == "refused" and (connection.reason or "").startswith(BY_PROBE):
            yield expect(False, "a chain up to an anchor of the trust bundle", connection.reason, connection)
