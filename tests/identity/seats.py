"""A WFM's and a client's seat on loopback, with everything that happened kept for the tests."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import uvloop
from aiohttp import ClientSession, ClientTimeout, TCPConnector, web
from cryptography import x509

from simulator.identity.errors import NoTrustMaterial
from simulator.identity.handshake import HandshakeFacts, PeerCheckingObject
from simulator.identity.mis import MisServer
from simulator.identity.mis_trust import MisTrust
from simulator.identity.spiffe import client_spiffe_id, recognise_client, recognise_wfm, wfm_spiffe_id
from simulator.identity.svid import Credential
from simulator.identity.tls import CredentialSource, ReloadingContext, client_context, server_context
from simulator.identity.trust import TrustSource
from simulator.identity.web import SpkiPins, spki_pin

DOMAIN = "plant.example"
WFM = wfm_spiffe_id(DOMAIN, "wfm-a")
CLIENT = client_spiffe_id(DOMAIN, "wfm-a", "client-1")

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T], loop: str = "asyncio") -> T:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        return runner.run(coroutine)


@dataclass
class Seat:
    """What one side saw. `served` holds the caller of every request that reached the server's handler."""

    port: int = 0
    served: list[str] = field(default_factory=list)
    facts: list[HandshakeFacts] = field(default_factory=list)

    def outcomes(self) -> set[str]:
        return {fact.outcome for fact in self.facts}

    def last(self, outcome: str) -> HandshakeFacts:
        return [fact for fact in self.facts if fact.outcome == outcome][-1]


@asynccontextmanager
async def wfm_seat(
    credential: Credential | CredentialSource, trust: TrustSource, **options: Any
) -> AsyncIterator[Seat]:
    """A server that answers every GET with the caller's SPIFFE ID."""
    seat = Seat()

    async def handle(request: web.Request) -> web.Response:
        assert request.transport is not None
        connection = request.transport.get_extra_info("ssl_object")
        assert isinstance(connection, PeerCheckingObject)
        seat.served.append(str(connection.peer_id))
        return web.Response(text=str(connection.peer_id))

    recognise = partial(recognise_client, trust_domain=DOMAIN, wfm_id="wfm-a")
    context = server_context(credential, trust, recognise, seat.facts.append, **options)
    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    seat.port = runner.addresses[0][1]
    try:
        yield seat
    finally:
        await runner.cleanup()


def device_context(
    credential: Credential | CredentialSource, trust: TrustSource, seat: Seat | None = None, **options: Any
) -> ReloadingContext:
    observer = seat.facts.append if seat else None
    return client_context(credential, trust, partial(recognise_wfm, own=CLIENT), observer, **options)


@asynccontextmanager
async def device_seat(context: ReloadingContext) -> AsyncIterator[ClientSession]:
    async with ClientSession(connector=TCPConnector(ssl=context), timeout=ClientTimeout(total=20)) as session:
        yield session


async def call(port: int, context: ReloadingContext, host: str = "localhost") -> str:
    """One request on a connection of its own; gives the answer's text."""
    async with device_seat(context) as session, session.get(f"https://{host}:{port}/") as response:
        return await response.text()


@asynccontextmanager
async def serving(mis: MisServer) -> AsyncIterator[MisServer]:
    await mis.start()
    try:
        yield mis
    finally:
        await mis.stop()


def has_trust(trust: MisTrust) -> bool:
    try:
        trust.current()
    except NoTrustMaterial:
        return False
    return True


def pin(certificate: x509.Certificate) -> SpkiPins:
    return SpkiPins(frozenset({spki_pin(certificate)}))
