"""Who a client claims to be, tried out: certificates that are bad, missing, forwarded, unusual or expiring."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from conformance.bench.errors import Blocked, UsageError
from conformance.bench.probe import Presented, Probe
from conformance.bench.wfm_bench import ACCEPT_MANIFEST, JSON, WfmBench
from conformance.bench.wfm_clients import Client
from conformance.bench.wfm_line import TlsOffer
from conformance.bench.wfm_requests import as_json, capabilities
from conformance.checks.wfm.identity import MARGIN_S
from conformance.checks.wfm.judged import told_time
from conformance.record.events import Exchange
from simulator.identity.authority import Authority
from simulator.identity.bad_credentials import bad_credentials
from simulator.identity.spiffe import SpiffeId
from simulator.identity.svid import Credential
from simulator.protocol.operations import capabilities_path, manifest_path

LIFETIMES_S = (1.5, 4.0, 8.0)
"""How long the certificate lives that is to expire under a connection; longer when it was not let in in time."""
SLOW_CLOCK_S = 10.0
"""How much longer the bench waits at most for a WFM whose clock is behind."""

Sound = Callable[[Authority, SpiffeId], Credential]
SOUND: Mapping[str, Sound] = {
    "with a key on P-256": lambda authority, client: authority.issue(client),
    "with a DNS name beside its identity": lambda authority, client: authority.issue(client, dns=["device.example"]),
    "together with the root": lambda authority, client: _with_root(authority, authority.issue(client)),
    "about to expire in an hour": lambda authority, client: authority.issue(
        client, not_after=authority.clock() + timedelta(hours=1)
    ),
    "with a key on P-384": lambda authority, client: authority.issue(
        client, key=ec.generate_private_key(ec.SECP384R1())
    ),
    "with an Ed25519 key": lambda authority, client: authority.issue(client, key=ed25519.Ed25519PrivateKey.generate()),
    "with an RSA key": lambda authority, client: authority.issue(
        client, key=rsa.generate_private_key(public_exponent=65537, key_size=3072)
    ),
}

CLAIMS: Mapping[str, Callable[[Client], tuple[tuple[tuple[str, str], ...], str]]] = {
    "a forwarded certificate": lambda client: ((("Client-Cert", _der(client)),), ""),
    "a forwarded certificate chain": lambda client: (
        (("Client-Cert", _der(client)), ("Client-Cert-Chain", _der(client))),
        "",
    ),
    "a header of a common proxy": lambda client: ((("X-Forwarded-Client-Cert", f"URI={client.identity}"),), ""),
    "an authorization header": lambda client: ((("Authorization", f"Bearer {client.wfm_client_id}"),), ""),
    "a client id header": lambda client: (
        (("X-Client-Id", client.wfm_client_id), ("X-Spiffe-Id", client.identity)),
        "",
    ),
    "the query of the address": lambda client: ((), f"?clientId={client.wfm_client_id}"),
}


def claim(bench: WfmBench, name: str, owner: str, where: str) -> Exchange:
    """Ask for the manifest while claiming, in some place, to be another client."""
    headers, query = CLAIMS[where](bench.client(owner))
    path = f"{manifest_path()}{query}"
    exchange = bench.client(name).probe.send("GET", path, (*ACCEPT_MANIFEST, *headers), fresh=True)
    bench.note("claimed", {"exchange": exchange}, of=bench.client(owner).identity, where=where)
    return exchange


def bad_certificate(bench: WfmBench, defect: str) -> None:
    """Present a bad certificate, and try to read and to write with it. Raises UsageError for an unknown defect."""
    known = {bad.description: bad for bad in bad_credentials("client")}
    if defect not in known:
        raise UsageError(f"bad certificate: expected one of {', '.join(known)}; found {defect!r}")
    bad = known[defect]
    good = bench.identity("stranger")
    try:
        credential = bad.make(bench.subject.authority, good)
    except ValueError as error:
        raise Blocked(f"needs another identity: {error}") from None
    _attempt(bench, Presented(f"bad: {defect}", credential), good, defect, bad.clause)


def no_certificate(bench: WfmBench) -> None:
    """Present no certificate at all, and try to read and to write."""
    good = bench.identity("stranger")
    _attempt(bench, Presented("no certificate", None), good, "no certificate", "none")


def forwarded_certificate(bench: WfmBench, owner: str) -> None:
    """Present no certificate, and forward that of a client in headers as a proxy would (RFC 9440)."""
    client = bench.client(owner)
    headers = (("Client-Cert", _der(client)), ("X-Forwarded-Client-Cert", f"URI={client.identity}"))
    good = bench.identity("stranger")
    _attempt(
        bench,
        Presented("a forwarded certificate only", None),
        good,
        "a forwarded certificate only",
        "forwarded",
        headers,
    )


def _attempt(
    bench: WfmBench,
    presented: Presented,
    good: SpiffeId,
    defect: str,
    clause: str,
    headers: tuple[tuple[str, str], ...] = (),
) -> None:
    """Read and write with a bad certificate, between the same with a sound one of the good identity."""
    sound = bench.probe(Presented(f"sound twin: {defect}", bench.subject.authority.issue(good), str(good)))
    path = capabilities_path(f"press-{bench.mark}")
    body = as_json(capabilities(f"press-{bench.mark}"))
    before = [sound.send("GET", manifest_path(), ACCEPT_MANIFEST)]
    probe = bench.probe(presented)
    items = [
        probe.send("GET", manifest_path(), (*ACCEPT_MANIFEST, *headers)),
        probe.send("PUT", path, (*JSON, *headers), body, fresh=True),
    ]
    after = [sound.send("GET", manifest_path(), ACCEPT_MANIFEST), sound.send("PUT", path, JSON, body)]
    bench.note(
        "bad-certificate",
        {"exchanges": items, "before": before, "after": after},
        name=presented.name,
        defect=defect,
        clause=clause,
    )


def older_tls(bench: WfmBench, name: str, offer: TlsOffer) -> Exchange:
    """Ask for the manifest over an older version of TLS only."""
    client = bench.client(name)
    credential = bench.subject.authority.issue(bench.subject.client_id(client.wfm_client_id))
    presented = Presented(f"client {name}, TLS {offer}", credential, None, offer)
    exchange = bench.probe(presented).send("GET", manifest_path(), ACCEPT_MANIFEST)
    bench.note("older-tls-offered", {"exchange": exchange}, name=presented.name, offer=offer)
    return exchange


def sound_certificate(bench: WfmBench, kind: str) -> Exchange:
    """Present a certificate that is sound, in one of its permitted forms."""
    spiffe_id = bench.identity("sound")
    credential = SOUND[kind](bench.subject.authority, spiffe_id)
    presented = Presented(f"sound: {kind}", credential, str(spiffe_id))
    exchange = bench.probe(presented).send("GET", manifest_path(), ACCEPT_MANIFEST)
    bench.note("sound-certificate", {"exchange": exchange}, form=kind, name=presented.name)
    return exchange


def renewed_certificate(bench: WfmBench, name: str, device: str) -> None:
    """Present another certificate of the same identity, report a device that is known, and do so with the old again."""
    client = bench.client(name)
    renewed = bench.subject.authority.issue(bench.subject.client_id(client.wfm_client_id))
    probe = bench.probe(Presented(f"renewed certificate of client {name}", renewed, client.identity))
    path, body = capabilities_path(device), as_json(capabilities(device))
    before = client.probe.send("GET", manifest_path(), ACCEPT_MANIFEST)
    after = probe.send("GET", manifest_path(), ACCEPT_MANIFEST)
    again = probe.send("PUT", path, JSON, body)
    old = client.probe.send("PUT", path, JSON, body, fresh=True)
    bench.note("renewed", {"before": before, "after": after, "again": again, "old": old}, client=client.identity)


def outlive(bench: WfmBench) -> None:
    """Stay connected while the certificate of the connection expires, and ask again."""
    authority, spiffe_id = bench.subject.authority, bench.identity("brief")
    for lifetime in LIFETIMES_S:
        # certificates know whole seconds only
        ends = (authority.clock() + timedelta(seconds=lifetime)).replace(microsecond=0)
        presented = Presented("brief certificate", authority.issue(spiffe_id, not_after=ends), str(spiffe_id))
        probe: Probe = bench.probe(presented)
        before = probe.send("GET", manifest_path(), ACCEPT_MANIFEST)
        if before.status == 200:
            break
    _wait_past(bench, ends, before)
    after = probe.send("GET", manifest_path(), ACCEPT_MANIFEST)
    bench.note(
        "expired-meanwhile",
        {"before": before, "after": after},
        client=str(spiffe_id),
        name=presented.name,
        ends=ends.timestamp(),
    )
    offered = probe.resume_next()
    resumed = probe.send("GET", manifest_path(), ACCEPT_MANIFEST)
    bench.note("resumed", {"exchange": resumed}, offered=offered, name=presented.name)


def _wait_past(bench: WfmBench, ends: datetime, before: Exchange) -> None:
    """Wait until a moment has passed by a margin, by the bench's clock and by the WFM's as `before` tells it."""
    left = (ends - bench.subject.authority.clock()).total_seconds() + MARGIN_S
    told = told_time(before)
    if told is not None:
        by_wfm = ends.timestamp() + MARGIN_S - told - (bench.recorder.now() - before.finished)
        left = max(left, min(by_wfm, left + SLOW_CLOCK_S))
    # a wait that ends a moment too early shows nothing
    bench.recorder.until(lambda _: False, left + 0.05)


def _with_root(authority: Authority, credential: Credential) -> Credential:
    root = authority.anchor.public_bytes(Encoding.PEM)
    return replace(credential, chain_pem=credential.chain_pem + root)


def _der(client: Client) -> str:
    """Give a client's certificate as RFC 9440 has it in a header: base64 of the DER, between colons."""
    credential = client.probe.presented.credential
    if credential is None:
        return "::"
    return f":{b64encode(credential.leaf.public_bytes(Encoding.DER)).decode()}:"
