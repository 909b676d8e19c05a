"""The identity service of one scenario: what it is like, and what the device is told of it and does with it.

There are two kinds. The built-in device is told of a new service in every scenario; a real one was told once of the one
that stands for the whole run (`device_standing`). Scenarios see no difference.
"""

import itertools
import tempfile
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any

from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_subject import SimulatedSeat
from conformance.bench.device_world import TRUST_DOMAIN, World
from conformance.checks.evidence import Record
from conformance.record.events import Fact
from simulator.identity.bundle import TrustBundle
from simulator.identity.mis import MisServer
from simulator.identity.mis_trust import MisConfig, MisTrust, Refresh
from simulator.identity.rotation import Rotation
from simulator.identity.svid import Credential
from simulator.identity.web import ServerTrust, SpkiPins, WebAuthority, spki_pin

REFRESH_S = 0.1
"""How often the simulated device refreshes its bundle."""
ADDRESS = "127.0.0.1"
UNDISCOVERABLE = "no discovery document, whose bundle the device knows where to find"
"""A service that is right, and that a device has to be told of (PT-015)."""
PLAIN_DISCOVERY = "a plain address for discovery"
"""A service that is good, but whose discovery document the device was told to fetch unencrypted."""
PINNED, PINNED_WRONGLY = (
    "a pinned key, known by its address",
    "another key than the pinned one, known by its address",
)
"""Services that are pinned rather than certified."""


class IdentityService(ABC):
    """The service of one scenario."""

    refresh_s: float
    """How often the device refreshes its bundle, in seconds."""
    soon_s: int
    """The refresh hint of a bundle that has one of its own: the smallest that differs clearly from `refresh_s`."""

    def __init__(self, bench: DeviceBench) -> None:
        self.bench = bench
        self.rotation: Rotation | None = None

    @property
    def world(self) -> World:
        """The counterpart."""
        return self.bench.world

    @property
    @abstractmethod
    def server(self) -> MisServer:
        """What serves."""

    @property
    def bundle_url(self) -> str:
        """Where the bundle is, as the device knows this host."""
        return self.server.bundle_url

    @abstractmethod
    def numbered(self, bundle: TrustBundle) -> TrustBundle:
        """Give a bundle as a newer one than all before."""

    @abstractmethod
    def switch_on(self, *, afresh: bool) -> float:
        """Have the device there; `afresh` without any trust that it was given before. Gives since when it is."""

    @abstractmethod
    def prove(self) -> None:
        """Have the service come back at the same address with the certificate that the device was told to expect."""

    @abstractmethod
    def pin_the_right_key(self) -> None:
        """Tell the device the pin of the key that the service has."""

    @abstractmethod
    def tell_the_good_address(self) -> None:
        """Tell the device where the service proves itself."""

    @abstractmethod
    def reboot(self) -> None:
        """Restart the device, which knows of its trust only what it was configured with and what it stored."""

    @abstractmethod
    def was_asked(self, record: Record, since: float) -> bool:
        """Whether the device came to the service since then, often enough to show what it makes of it."""

    @abstractmethod
    def has_refreshed(self, record: Record, since: Fact) -> bool:
        """Whether the device looked for a newer bundle since then."""

    @abstractmethod
    def has_adopted(self, record: Record, since: Fact) -> bool:
        """Whether the device took another bundle since then."""


class BuiltInService(IdentityService):
    """The service of the built-in device, new in every scenario. Construct with `open_for`."""

    refresh_s = REFRESH_S
    soon_s = 2

    def __init__(self, bench: DeviceBench, seat: SimulatedSeat, server: MisServer, trust: ServerTrust) -> None:
        super().__init__(bench)
        self._seat = seat
        self._server = server
        self._trust = trust
        self._fallback = False
        self._plain_address = ""
        self._numbers = itertools.count(2)
        folder = tempfile.TemporaryDirectory(prefix="margo-trust-")
        bench.at_end(folder.cleanup)
        self._cache = Path(folder.name) / "bundle.json"

    @classmethod
    async def open_for(cls, bench: DeviceBench, seat: SimulatedSeat, defect: str) -> "BuiltInService":
        """Start the service, with the named defect if any, and have the device take its trust from there."""
        authority = WebAuthority.new()
        if defect in (PINNED, PINNED_WRONGLY):
            service = await cls._pinned(bench, seat, authority, right=defect == PINNED)
        else:
            service = await cls._certified(bench, seat, authority, defect)
        await service._begin(defect)  # noqa: SLF001 - its own constructor
        return service

    async def _begin(self, defect: str) -> None:
        """Be right or wrong as told, and have the device take its trust from here."""
        if defect == UNDISCOVERABLE:
            self.server.publish_discovery(None)
            self._fallback = True
        elif defect == PINNED:
            self.bench.note("service-pinned", defect="")
        elif defect:
            self.bench.note("service-defect", defect=defect)
        if defect == PLAIN_DISCOVERY:
            self._plain_address = await plain_discovery(self.world, self.server)
        self._seat.trust = self._source()

    @classmethod
    async def _certified(
        cls, bench: DeviceBench, seat: SimulatedSeat, authority: WebAuthority, defect: str
    ) -> "BuiltInService":
        credential = wrong_certificate(bench.world, authority, defect, "localhost", ADDRESS)
        options: dict[str, Any] = {"credential": credential} if credential else {}
        server = await bench.world.open_identity_service(web_authority=authority, **options)
        return cls(bench, seat, server, authority.anchors)

    @classmethod
    async def _pinned(
        cls, bench: DeviceBench, seat: SimulatedSeat, authority: WebAuthority, *, right: bool
    ) -> "BuiltInService":
        """Start a service that is addressed by IP, whose certificate does not name that address, and pin its key."""
        credential, other = authority.issue(("mis.example",), ()), authority.issue(("mis.example",), ())
        server = await bench.world.open_identity_service(credential=credential, public_host=ADDRESS)
        pins = SpkiPins(frozenset({spki_pin((credential if right else other).leaf)}))
        return cls(bench, seat, server, pins)

    @property
    def server(self) -> MisServer:
        """What serves."""
        return self._server

    def numbered(self, bundle: TrustBundle) -> TrustBundle:
        """Give a bundle as a newer one than all before."""
        return replace(bundle, sequence=next(self._numbers))

    def switch_on(self, *, afresh: bool) -> float:
        """Have the device there, which is new and has no trust yet."""
        del afresh
        self.bench.start_device()
        return 0.0

    def prove(self) -> None:
        """Come back with the certificate that the device was told to expect."""
        bench, former = self.bench, self._server
        bench.note("service-mended")
        bench.loop.run(former.stop())
        reopened = bench.world.open_identity_service(web_authority=former.web_authority, port=former.port)
        self._server = bench.loop.run(reopened)

    def pin_the_right_key(self) -> None:
        """Configure the pin of the key that the service has."""
        self.bench.note("service-mended")
        self._trust = self._server.pins
        self.reboot()

    def tell_the_good_address(self) -> None:
        """Configure the address where the service proves itself."""
        self.bench.note("service-mended")
        self._plain_address = ""
        self.reboot()

    def reboot(self) -> None:
        """Restart the device with its configuration and what it stored."""
        self.bench.note("rebooted")
        self.bench.loop.run(self._seat.retrust(self._source()))
        self.bench.note("restart-seen", told=0.0, seconds=0.0)

    def was_asked(self, record: Record, since: float) -> bool:
        """Whether it looked for trust twice, whatever came of it."""
        del since
        return len(record.facts_of("service-contacted")) >= 2

    def has_refreshed(self, record: Record, since: Fact) -> bool:
        """Whether it looked for a newer bundle twice."""
        return len(_contacts(record, since)) >= 2

    def has_adopted(self, record: Record, since: Fact) -> bool:
        """Whether it says that it took another bundle."""
        return any(fact.data["outcome"] == "adopted" for fact in _contacts(record, since))

    def _source(self) -> MisTrust:
        config = MisConfig(
            TRUST_DOMAIN,
            self._trust,
            discovery_url=self._plain_address or self._server.discovery_url,
            interval_s=REFRESH_S,
            retry_s=REFRESH_S,
            timeout_s=2.0,
            cache=self._cache,
            fallback_url=self._server.bundle_url if self._fallback else None,
        )

        def note(result: Refresh) -> None:
            self.bench.note("service-contacted", outcome=result.outcome, reason=result.reason)

        return self._seat.config(self.world).trust_class(config, on_refresh=note)


def _contacts(record: Record, since: Fact) -> list[Fact]:
    return [fact for fact in record.facts_of("service-contacted") if fact.at > since.at]


def wrong_certificate(world: World, authority: WebAuthority, defect: str, name: str, address: str) -> Credential | None:
    """Make the certificate of a service at a name and an address that a device may not trust, by its defect."""
    match defect:
        case "an unknown certificate":
            return WebAuthority.new().issue((name,), (address,))
        case "a certificate of the trust domain":
            return world.authority.issue(world.wfm_identity, dns=(name,), ips=(address,))
        case "another name in its certificate":
            return authority.issue(("other.example",), ("127.0.0.9",))
        case _:
            return None


async def plain_discovery(world: World, server: MisServer) -> str:
    """Serve the discovery document of a good service unencrypted too; gives where."""
    plain = await world.open_second_service(encrypted=False)
    plain.publish_discovery(server.published.documents["discover"])
    return plain.discovery_url


def fetches(record: Record, since: float) -> int:
    """Count how often the bundle was asked for since then."""
    return len([item for item in record.of("fetch-trust-bundle") if item.at > since])
