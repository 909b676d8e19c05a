"""What a client of revision 1.0.0-rc.2-signed should not get away with, tried out: signatures and onboarding.

Each attempt is a good request with one thing changed, recorded with the way in which it is to be refused.
"""

import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import cast

from conformance.bench.errors import Blocked, NotSeen
from conformance.bench.probe import Presented
from conformance.bench.wfm_bench import ACCEPT_MANIFEST, JSON, WfmBench
from conformance.bench.wfm_binding import SignedBinding, client_id_of
from conformance.bench.wfm_clients import Client
from conformance.bench.wfm_manner import Flaw, Outgoing, Signing, digest_of_another_body, without
from conformance.bench.wfm_requests import as_json, capabilities
from conformance.record.events import Exchange
from simulator.identity.authority import Leaf
from simulator.identity.client_certificate import CertificateEncoding, ClientCertificate, fingerprint, key_for
from simulator.identity.clock import utc_now
from simulator.identity.signatures import Algorithm, content_digest
from simulator.protocol.operations import capabilities_path, manifest_path
from simulator.protocol.signed import CERTIFICATE_PATH

FAR_S = 7200.0
"""So far from now that no window is meant to reach (AMB-B-08)."""
NOBODY = "no-client-of-this-wfm"
METHOD, TARGET, DIGEST = "@method", "@target-uri", "content-digest"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A flaw, and how the request with it is to be refused."""

    expects: str
    flaw: Flaw


def _other(body: bytes) -> bytes:
    return body.replace(b"300-0001", b"300-0002")


def _zeros(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {**headers, "Signature": f"sig1=:{b64encode(bytes(64)).decode()}:"}


def _turned(headers: Mapping[str, str]) -> Mapping[str, str]:
    signature = bytearray(b64decode(headers["Signature"].removeprefix("sig1=:").removesuffix(":")))
    signature[-1] ^= 1
    return {**headers, "Signature": f"sig1=:{b64encode(signature).decode()}:"}


FLAWS: Mapping[str, Attempt] = {
    "no signature": Attempt("unsigned", Flaw(headers=without("Signature"))),
    "nothing that says what it signs": Attempt("unsigned", Flaw(headers=without("Signature-Input"))),
    "neither of the two": Attempt("unsigned", Flaw(headers=without("Signature", "Signature-Input"))),
    "no digest": Attempt("undigested", Flaw(headers=without("Content-Digest"))),
    "another body underneath": Attempt("misdigested", Flaw(body=_other)),
    "the digest of another body": Attempt("misdigested", Flaw(headers=digest_of_another_body)),
    "the address of another device": Attempt("altered", Flaw(target=lambda uri: f"{uri}0")),
    "another method": Attempt("altered", Flaw(method="POST")),
    "the method left out": Attempt("uncovered", Flaw(components=(TARGET, DIGEST))),
    "the address left out": Attempt("uncovered", Flaw(components=(METHOD, DIGEST))),
    "the digest left out": Attempt("uncovered", Flaw(components=(METHOD, TARGET))),
    "a row of zeros": Attempt("foreign-key", Flaw(headers=_zeros)),
    "one bit turned over": Attempt("foreign-key", Flaw(headers=_turned)),
    "a time of two hours ago": Attempt("stale", Flaw(age_s=FAR_S)),
    "a time in two hours": Attempt("ahead", Flaw(age_s=-FAR_S)),
}


def binding(bench: WfmBench) -> SignedBinding:
    """Give the binding of a WFM whose clients sign; raises Blocked for another."""
    found = bench.subject.binding
    if not isinstance(found, SignedBinding):
        raise Blocked("needs a WFM whose clients sign their requests")
    return found


def _signing(client: Client) -> Signing:
    return cast("Signing", client.probe.presented.manner)


def _send(bench: WfmBench, client: Client, manner: Signing, device_id: str) -> Exchange:
    probe = bench.probe(replace(client.probe.presented, manner=manner))
    return probe.send("PUT", capabilities_path(device_id), JSON, as_json(capabilities(device_id)))


def wrong_signature(bench: WfmBench, name: str, device_id: str, flaw: str) -> Exchange:
    """Report a device with one thing wrong in the signature."""
    client = bench.client(name)
    manner = _signing(client)
    if flaw == "the key of a stranger":
        expects, manner = "foreign-key", replace(manner, signer=binding(bench).certificate("stranger").signer())
    elif flaw == "another body and its digest":
        body = _other(_written(manner, device_id))
        refit = Flaw(body=_other, headers=lambda added: {**added, "Content-Digest": content_digest(body)})
        expects, manner = "altered", replace(manner, flaw=refit)
    else:
        expects, manner = FLAWS[flaw].expects, replace(manner, flaw=FLAWS[flaw].flaw)
    exchange = _send(bench, client, manner, device_id)
    return bench.sent(exchange, "report-capabilities", device_id, expects=expects, defect=flaw)


def _written(manner: Signing, device_id: str) -> bytes:
    said = Outgoing("PUT", capabilities_path(device_id), JSON, as_json(capabilities(device_id)))
    return manner.meant(said).body or b""


def other_key_name(bench: WfmBench, name: str, device_id: str) -> Exchange:
    """Report a device under another `keyid` (AMB-B-06)."""
    client = bench.client(name)
    manner = _signing(client)
    signer = replace(manner.signer, keyid="key number 7") if manner.signer else None
    return bench.sent(_send(bench, client, replace(manner, signer=signer), device_id), "report-capabilities", device_id)


def capital_letters(bench: WfmBench, name: str, device_id: str) -> Exchange:
    """Report a device with the component names as the text writes them (AMB-B-03)."""
    client = bench.client(name)
    flaw = Flaw(components=(METHOD, TARGET, "Content-Digest"))
    exchange = _send(bench, client, replace(_signing(client), flaw=flaw), device_id)
    bench.note("capital-letters", {"exchange": exchange}, client=client.identity)
    return exchange


def twice(bench: WfmBench, name: str, device_id: str) -> None:
    """Send one report, and the very same bytes once more."""
    client = bench.client(name)
    moment = time.time()
    manner = replace(_signing(client), clock=lambda: moment, flaw=_same_again())
    first = bench.sent(_send(bench, client, manner, device_id), "report-capabilities", device_id)
    second = _send(bench, client, manner, device_id)
    bench.note("sent-twice", {"first": first, "second": second}, client=client.identity)


def _same_again() -> Flaw:
    """Give a flaw that keeps the signature that was made first, for ECDSA makes another one each time."""
    made: list[Mapping[str, str]] = []

    def same(headers: Mapping[str, str]) -> Mapping[str, str]:
        made.append(headers)
        return made[0]

    return Flaw(headers=same)


def foreign_route(bench: WfmBench, name: str, owner: str) -> Exchange:
    """Ask for the manifest of another client with the own signature."""
    client, other = bench.client(name), bench.client(owner)
    manner = replace(_signing(client), client_id=other.wfm_client_id)
    probe = bench.probe(replace(client.probe.presented, manner=manner))
    exchange = probe.send("GET", manifest_path(), ACCEPT_MANIFEST)
    defect = f"the routes of client {owner}"
    return bench.sent(exchange, "fetch-manifest", "manifest", expects="foreign-route", defect=defect)


def unknown_client(bench: WfmBench, name: str, device_id: str) -> Exchange:
    """Report a device on the routes of a client that was never onboarded."""
    client = bench.client(name)
    exchange = _send(bench, client, replace(_signing(client), client_id=NOBODY), device_id)
    defect = "a client that never was"
    return bench.sent(exchange, "report-capabilities", device_id, expects="unknown-client", defect=defect)


# --- onboarding -------------------------------------------------------------------------------------------------------


def onboard(
    bench: WfmBench,
    name: str,
    *,
    algorithm: Algorithm = "ecdsa-p256-sha256",
    encoding: CertificateEncoding | None = None,
    own: ClientCertificate | None = None,
) -> Exchange:
    """Onboard a client, which is one of the scenario if it is taken in."""
    found = binding(bench)
    own = own or bench.named.get(f"certificate {name}") or found.certificate(bench.roster_id(name.lower()), algorithm)
    bench.named[f"certificate {name}"] = own
    exchange = found.onboard(bench, name, own, encoding=encoding)
    client_id = client_id_of(exchange)
    bench.note(
        "onboarding-tried",
        {"exchange": exchange},
        name=name,
        client=client_id,
        algorithm=own.algorithm,
        encoding=encoding or found.encoding,
    )
    if client_id is not None and name not in bench.client_names:
        presented = Presented(f"client {name}", None, client_id, manner=Signing(own.signer(), time.time, client_id))
        bench.take_in(Client(name, client_id, client_id, bench.probe(presented)))
    return bench.sent(exchange, "onboard", f"client {name}")


def onboard_with(bench: WfmBench, name: str, algorithm: Algorithm) -> None:
    """Onboard a client with a key for an algorithm; raises NotSeen where certificates were given."""
    if binding(bench).given:
        raise Blocked("needs a client with a key of its own kind; only certificates that were made were given")
    onboard(bench, name, algorithm=algorithm)


def need(bench: WfmBench, name: str) -> None:
    """Raise NotSeen unless the client was taken in."""
    if name not in bench.client_names:
        raise NotSeen(f"client {name} was not onboarded")


def onboard_again(bench: WfmBench, name: str) -> None:
    """Onboard with the same certificate once more."""
    before = bench.client(name).wfm_client_id
    own = bench.named[f"certificate {name}"]
    exchange = binding(bench).onboard(bench, name, own)
    same = client_id_of(exchange) == before
    bench.note("onboarded-again", {"exchange": exchange}, client=before, same=same)


Change = Callable[[dict[str, str]], dict[str, str] | bytes]
ONBOARDINGS: Mapping[str, tuple[str, Change]] = {
    "no certificate": ("no-certificate", lambda doc: {k: v for k, v in doc.items() if k != "certificate"}),
    "an empty certificate": ("no-certificate", lambda doc: {**doc, "certificate": ""}),
    "a certificate that is no text": ("no-certificate", lambda doc: as_json({**doc, "certificate": 7})),
    "something that is no Base64": ("no-certificate", lambda doc: {**doc, "certificate": "%%% no Base64 %%%"}),
    "Base64 of something else": ("no-certificate", lambda doc: {**doc, "certificate": "bm8gY2VydGlmaWNhdGU="}),
    "half a certificate": ("no-certificate", lambda doc: {**doc, "certificate": doc["certificate"][:200]}),
    "a request of another kind": ("other-kind", lambda doc: {**doc, "kind": "Greeting"}),
}


def wrong_onboarding(bench: WfmBench, defect: str) -> Exchange:
    """Try to onboard with one thing wrong."""
    found = binding(bench)
    own = ClientCertificate.issue(found.issuer.root)
    expects, manner = "no-certificate", None
    if defect == "a certificate that has expired":
        expects, own = "expired", _expired(found)
    elif defect == "a certificate and no signature":
        expects, manner = "unproven", Signing(None, time.time)
    elif defect == "a certificate of somebody else":
        expects, manner = "unproven", Signing(ClientCertificate.issue(found.issuer.root).signer(), time.time)
    else:
        expects, change = ONBOARDINGS[defect]
        exchange = found.onboard(bench, "X", own, change=change)
        return bench.sent(exchange, "onboard", "somebody", expects=expects, defect=defect)
    exchange = found.onboard(bench, "X", own, manner=manner)
    return bench.sent(exchange, "onboard", "somebody", expects=expects, defect=defect)


def _expired(found: SignedBinding) -> ClientCertificate:
    key, now = key_for("ecdsa-p256-sha256"), utc_now()
    leaf = Leaf((), now - timedelta(days=3), now - timedelta(days=2))
    return ClientCertificate(found.issuer.root.sign(leaf, key), key, "ecdsa-p256-sha256")


def admit(bench: WfmBench, name: str, other: str) -> None:
    """Have the operator let in the certificate of one client, beforehand, and no other."""
    found = binding(bench)
    for one in (name, other):
        bench.named[f"certificate {one}"] = found.certificate(bench.roster_id(one.lower()))
    bench.subject.hooks.need("admit")(frozenset({fingerprint(bench.named[f"certificate {name}"].certificate)}))
    bench.at_end(lambda: bench.subject.hooks.need("admit")(None))
    bench.note("admitted", name=name)


def try_to_onboard(bench: WfmBench, name: str) -> Exchange:
    """Try to onboard a client that the operator did not let in."""
    exchange = binding(bench).onboard(bench, name, bench.named[f"certificate {name}"])
    return bench.sent(exchange, "onboard", f"client {name}", expects="not-admitted", defect="not let in")


def root_certificate(bench: WfmBench) -> Exchange:
    """Ask for the root certificate without any signature."""
    probe = bench.probe(Presented("somebody", None, manner=Signing(None, time.time)))
    exchange = probe.send("GET", CERTIFICATE_PATH)
    bench.note("root-certificate", {"exchange": exchange})
    return exchange
