"""A smoke test of a WFM: name, connection, TLS with SVIDs in both directions, first poll; it stops where it fails."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from conformance.bench.probe import Endpoint
from conformance.cli.diagnosis import Diagnosis
from conformance.cli.identity_folder import IdentityFolder, describe_expiry
from reports.text import shorten
from simulator.identity.handshake import HandshakeFacts
from simulator.identity.spiffe import SpiffeId, recognise_wfm
from simulator.identity.svid import Svid
from simulator.identity.tls import client_context
from simulator.identity.trust import StaticTrust
from simulator.protocol.operations import manifest_path

TIMEOUT_S = 5.0
FIRST_POLL = "first poll"
MAX_HEAD_BYTES = 64 * 1024
_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_HINTS = {
    403: "the WFM knows the SVID but does not accept this client: add it there, or name one that it knows with "
    "`doctor --client-id`, or `--client-ids` of the other commands",
    404: "is the path of the URL right? The management interface lies at /api/v1 below it",
    503: "the WFM is overloaded or starting: try again",
}


async def smoke(endpoint: Endpoint, identity: Path | None, client_id: str | None) -> AsyncIterator[Diagnosis]:
    """Examine a WFM step by step. Raises Misuse and CredentialError for credentials that cannot be used."""
    credentials = _credentials(identity, client_id)
    way = await reached(endpoint)
    for result in way:
        yield result
    if not all(result.good for result in way):
        return
    if credentials is None:
        hint = "give --identity, so that TLS and the first poll can be tried"
        yield Diagnosis("tls", False, "not tried: there is no SVID to present", hint)
        return
    svid, trust = credentials
    yield Diagnosis("own svid", True, f"{svid.spiffe_id}, valid until {describe_expiry(svid)}")
    async for result in _talk(endpoint, svid, trust, []):
        yield result


async def reached(endpoint: Endpoint) -> tuple[Diagnosis, ...]:
    """See whether the name is known, and whether something answers there."""
    named = await _resolve(endpoint)
    return (named, await _connect(endpoint)) if named.good else (named,)


@dataclass(frozen=True, slots=True)
class FirstContact:
    """What was amiss with a first handshake and poll, if anything was.

    `hopeless`: no scenario can be run, for no TLS is spoken there, or one side's SVID is of an authority that the other
    does not know. `silent`: the poll was not answered in time. Whatever else is amiss is for the suite to judge.
    """

    amiss: Diagnosis | None = None
    hopeless: bool = False
    silent: bool = False


async def first_contact(endpoint: Endpoint, svid: Svid, trust: StaticTrust) -> FirstContact:
    """Make one handshake and one poll, within `TIMEOUT_S` seconds."""
    facts: list[HandshakeFacts] = []
    try:
        async with asyncio.timeout(TIMEOUT_S):
            found = [item async for item in _talk(endpoint, svid, trust, facts, allow_tls12=True)]
    except TimeoutError:
        if any(item.outcome == "completed" for item in facts):
            silent = Diagnosis(FIRST_POLL, False, f"no complete answer within {TIMEOUT_S:g} s", "look at the WFM's log")
            return FirstContact(silent, silent=True)
        return FirstContact(Diagnosis("tls", False, f"handshake failed: no answer within {TIMEOUT_S:g} s"), True)
    amiss = next((item for item in found if not item.good), None)
    return FirstContact(amiss, amiss is not None and (amiss.what == "tls" or any(map(_of_strangers, facts))))


def _of_strangers(facts: HandshakeFacts) -> bool:
    """Whether one side did not know the authority of the other (ID-25)."""
    reason = facts.reason or ""
    if facts.by == "peer":
        return "UNKNOWN_CA" in reason
    # the same clause covers validity in time, which is the WFM's own fault
    return facts.clause == "ID-25" and not any(word in reason for word in ("expired", "not yet valid"))


def _credentials(identity: Path | None, client_id: str | None) -> tuple[Svid, StaticTrust] | None:
    if identity is None:
        return None
    folder = IdentityFolder(identity)
    svid = folder.load_client(client_id)
    return svid, folder.load_trust(svid.spiffe_id.trust_domain)


async def _resolve(endpoint: Endpoint) -> Diagnosis:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            found = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError, TimeoutError) as error:
        said = (error.strerror if isinstance(error, OSError) else None) or "no answer"
        return Diagnosis("dns", False, f"{endpoint.host}: {said}", "check the name, or use an address")
    addresses = dict.fromkeys(str(item[4][0]) for item in found)
    return Diagnosis("dns", True, f"{endpoint.host} is {', '.join(addresses)}")


async def _connect(endpoint: Endpoint) -> Diagnosis:
    where = f"{endpoint.host}:{endpoint.port}"
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    except TimeoutError:
        hint = "a firewall may drop the packets, or the host is down"
        return Diagnosis("tcp", False, f"{where}: no answer within {TIMEOUT_S:g} s", hint)
    except OSError as error:
        hint = "nothing listens there: check the port, and that the WFM runs"
        return Diagnosis("tcp", False, f"{where}: {error.strerror or error}", hint)
    await _close(writer)
    return Diagnosis("tcp", True, f"{where} answers")


async def _talk(
    endpoint: Endpoint, svid: Svid, trust: StaticTrust, facts: list[HandshakeFacts], *, allow_tls12: bool = False
) -> AsyncIterator[Diagnosis]:
    def recognise(peer: SpiffeId) -> None:
        recognise_wfm(peer, svid.spiffe_id)

    context = client_context(svid, trust, recognise, facts.append, allow_tls12=allow_tls12)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            streams = await asyncio.open_connection(
                endpoint.host, endpoint.port, ssl=context, server_hostname=endpoint.host, limit=MAX_HEAD_BYTES
            )
    except (OSError, TimeoutError) as error:
        yield _handshake_failed(facts, error)
        return
    done = next(item for item in facts if item.outcome == "completed")
    yield Diagnosis("tls", True, f"{done.tls_version}, {done.cipher}")
    yield Diagnosis("wfm svid", True, f"{done.peer_spiffe_id}, valid until {done.not_after}")
    try:
        yield await _poll(endpoint, streams, facts)
    finally:
        await _close(streams[1])


def _handshake_failed(facts: list[HandshakeFacts], error: BaseException) -> Diagnosis:
    refused = next((item for item in facts if item.outcome == "refused"), None)
    if refused is None or refused.reason is None:
        said = "no answer" if isinstance(error, TimeoutError) else str(error)
        return Diagnosis("tls", False, f"handshake failed: {said}", "is it really HTTPS that is spoken on this port?")
    clause = f" ({refused.clause})" if refused.clause else ""
    if refused.by == "peer":
        hint = "is this client's SVID of an authority that the WFM trusts?"
        return Diagnosis("own svid", False, f"the WFM refused it: {refused.reason}{clause}", hint)
    if refused.clause is None:
        hint = "is it HTTPS with TLS 1.3 that is spoken on this port?"
        return Diagnosis("tls", False, f"handshake failed: {refused.reason}", hint)
    hint = "is the trust bundle of --identity that of the WFM's authority, and the SVID for this WFM?"
    return Diagnosis("wfm svid", False, f"refused: {refused.reason}{clause}", hint)


async def _poll(endpoint: Endpoint, streams: _Streams, facts: list[HandshakeFacts]) -> Diagnosis:
    reader, writer = streams
    target = f"{endpoint.prefix}{manifest_path()}"
    request = f"GET {target} HTTP/1.1\r\nHost: {endpoint.authority}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(TIMEOUT_S):
            writer.write(request.encode("ascii"))
            head = await reader.readuntil(b"\r\n\r\n")
    except (OSError, EOFError, TimeoutError, ValueError, asyncio.LimitOverrunError) as error:
        return _poll_failed(facts, error)
    line = shorten(head.split(b"\r\n", 1)[0].decode("latin-1"), 100)
    status = int(parts[1]) if len(parts := line.split(" ")) > 1 and parts[1].isdigit() else 0
    hint = _HINTS.get(status, "a first poll is answered with 200 and a state manifest (DS-001)")
    return Diagnosis(FIRST_POLL, status == 200, f"GET {target} -> {line}", hint)


def _poll_failed(facts: list[HandshakeFacts], error: BaseException) -> Diagnosis:
    # a TLS 1.3 server judges the client after the client's side of the handshake is over
    alert = next((item for item in facts if item.outcome == "alert"), None)
    if alert is not None or isinstance(error, ssl.SSLError | ConnectionError | EOFError):
        said = alert.reason if alert and alert.reason else str(error) or "the connection was closed"
        hint = "is this client's SVID of an authority that the WFM trusts, and is the client known there?"
        return Diagnosis("own svid", False, f"the WFM refused it: {said}", hint)
    return Diagnosis(FIRST_POLL, False, f"no answer: {str(error) or type(error).__name__}", "look at the WFM's log")


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()
