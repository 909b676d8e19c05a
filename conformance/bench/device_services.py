"""What stands beside the WFM of a real device for a whole run: the component registry and the identity service.

The device is told of both once, by the connection sheet, so their addresses and their authority never change; what they
hold, give and prove does.
"""

import itertools
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from conformance.bench.device_world import TRUST_DOMAIN, Endpoint, World
from simulator.identity.bundle import TrustBundle
from simulator.identity.mis import MisServer
from simulator.identity.svid import Credential
from simulator.identity.web import WEB_ROOT, WebAuthority
from simulator.protocol.documents import canonical_json

HINT_S = 1
"""The refresh hint of ordinary bundles, in seconds: so soon does a device that keeps it see another bundle (ID-85)."""


class Services:
    """The two services of a run, as far as they are offered.

    `kept` is the folder of their authority: one that is kept there from an earlier run is taken up again, so that the
    device need not be told of another.
    """

    def __init__(self, endpoint: Endpoint, kept: Path, *, reuse: bool) -> None:
        self._endpoint = endpoint
        again = reuse and (kept / WEB_ROOT).is_file()
        self.authority = WebAuthority.load(kept) if again else WebAuthority.new()
        if not again:
            self.authority.write(kept)
        # above what an earlier run with the same credentials gave
        self._sequence = itertools.count(int(time.time()))
        self.watching = False
        """Whether connections to the identity service are noted: where they are the matter of the scenario."""
        self.visited = False
        """Whether anybody ever came to the identity service."""
        self.unvisited = False
        """Whether a scenario has waited for that in vain."""
        self.scenarios = 0
        """How many scenarios have used the registry."""

    async def open(self, world: World) -> None:
        """Open what is offered. Raises OSError: a port cannot be opened."""
        endpoint = self._endpoint
        where = {"host": endpoint.host, "public_host": world.public_host, "web_authority": self.authority}
        if endpoint.registry is not None:
            await world.open_registry(port=endpoint.registry, **where)
        if endpoint.identity is not None and world.has_identity_service:
            service = await world.open_identity_service(port=endpoint.identity, **where)
            service.on_hello = self._noting(world)
            self.give(world, world.authority.bundle())

    def address(self, world: World) -> str:
        """Give the IP address that the device knows this host by. Raises OSError: its name is not known here."""
        return str(socket.getaddrinfo(world.public_host, None, type=socket.SOCK_STREAM)[0][4][0])

    def good_credential(self, world: World) -> Credential:
        """Issue the identity service the certificate that the device was told to expect."""
        return self.authority.issue_for((world.public_host, self._endpoint.host))

    def numbered(self, bundle: TrustBundle) -> TrustBundle:
        """Give a bundle with the next sequence number and a refresh hint: its own, or one of soon."""
        return replace(bundle, sequence=next(self._sequence), refresh_hint=bundle.refresh_hint or HINT_S)

    def give(self, world: World, bundle: TrustBundle) -> None:
        """Have the identity service give this bundle."""
        server(world).publish(self.numbered(bundle))

    async def prove(self, world: World, credential: Credential) -> None:
        """Have the identity service come back at its address with a certificate."""
        service = server(world)
        await service.stop()
        service.credential = credential
        await service.start()

    async def mend(self, world: World) -> None:
        """Have the identity service be right in everything again."""
        service = server(world)
        service.published.cache_control = None
        document = {"trustDomain": TRUST_DOMAIN, "trustBundleUri": service.bundle_url}
        service.publish_discovery(canonical_json(document))
        self.give(world, world.authority.bundle())
        await self.prove(world, self.good_credential(world))

    def _noting(self, world: World) -> Callable[[], None]:
        def note() -> None:
            self.visited = True
            if self.watching:
                world.recorder.note("service-contacted", outcome="connected", reason=None)

        return note


def server(world: World) -> MisServer:
    """Give the identity service, where it is offered."""
    assert world.mis is not None  # noqa: S101 - only asked for where it is offered
    return world.mis
