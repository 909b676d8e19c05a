"""The identity service that stands beside the WFM of a real device for a whole run, as one scenario sees it.

The device was told of the service once; a scenario changes what the service gives and proves, and puts it right at its
end. A device that is to look for trust with none at all is reset before, which is when it forgets what it was given.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_external import ExternalSeat
from conformance.bench.device_identity_service import (
    PINNED,
    PINNED_WRONGLY,
    PLAIN_DISCOVERY,
    UNDISCOVERABLE,
    IdentityService,
    fetches,
    plain_discovery,
    wrong_certificate,
)
from conformance.bench.device_services import HINT_S, Services
from conformance.bench.device_services import server as standing
from conformance.bench.errors import Blocked
from conformance.checks.evidence import Record
from conformance.record.events import Fact
from simulator.identity.bundle import TrustBundle
from simulator.identity.mis import MisServer
from simulator.identity.web import in_url, spki_pin
from simulator.protocol.discovery import BUNDLE_PATH
from simulator.protocol.documents import canonical_json

STATES = ("bundle-published", "service-defect", "service-pinned")
"""Facts of what the service is like."""


class StandingService(IdentityService):
    """The service of a run in one scenario; put right when the scenario ends."""

    refresh_s = HINT_S
    soon_s = 3 * HINT_S

    def __init__(self, bench: DeviceBench, seat: ExternalSeat, services: Services) -> None:
        super().__init__(bench)
        self._seat = seat
        self._services = services
        self._host = ""
        """Another name of this host under which the device was told of the service."""
        self._plain = False
        """Whether the device was told to discover the service without encryption."""

    def begin(self, defect: str) -> None:
        """Give the service a defect, by its words, and tell the device what it has to be told.

        Raises Blocked: the device takes its trust from elsewhere, so nothing that the service does could matter to it.
        """
        bench = self.bench
        self._services.watching = True
        if not self._is_used():
            self._services.watching = False
            raise Blocked(
                "the device has never come to the identity service of the connection sheet: "
                "it was given its trust bundle in another way"
            )
        bench.at_end(self._put_right)
        if defect == UNDISCOVERABLE:
            self.server.publish_discovery(None)
            return
        if defect:
            bench.note("service-pinned" if defect == PINNED else "service-defect", defect=defect)
        if defect == PLAIN_DISCOVERY:
            self._plain = True
            bench.configure(discovery=bench.loop.run(plain_discovery(self.world, self.server)))
        elif defect in (PINNED, PINNED_WRONGLY):
            self._pin(right=defect == PINNED)
        elif defect:
            address = self._services.address(self.world)
            name = self.world.public_host
            wrong = wrong_certificate(self.world, self._services.authority, defect, name, address)
            if wrong is not None:
                bench.loop.run(self._services.prove(self.world, wrong))

    def _is_used(self) -> bool:
        services, tally = self._services, self.world.tally
        if services.visited or services.unvisited:
            return services.visited
        self.bench.until(lambda _: services.visited or tally.requests, "connect")
        self.bench.until(lambda _: services.visited, "poll")
        services.unvisited = not services.visited
        return services.visited

    def _pin(self, *, right: bool) -> None:
        """Have the service be known by its address, which its certificate does not name, and its key be pinned."""
        authority, bench = self._services.authority, self.bench
        credential, other = authority.issue(("mis.example",), ()), authority.issue(("mis.example",), ())
        bench.loop.run(self._services.prove(self.world, credential))
        self._host = self._services.address(self.world)
        document = {"trustDomain": self.server.trust_domain, "trustBundleUri": self.bundle_url}
        self.server.publish_discovery(canonical_json(document))
        self._tell_pin(spki_pin((credential if right else other).leaf))

    def _tell_pin(self, pin: str) -> None:
        discovery = urlsplit(self.server.discovery_url).path
        self.bench.configure(discovery=f"https://{in_url(self._host)}:{self.server.port}{discovery}", pin=pin)

    @property
    def server(self) -> MisServer:
        """What serves."""
        return standing(self.world)

    @property
    def bundle_url(self) -> str:
        """Where the bundle is, as the device knows this host now."""
        host = self._host or self.world.public_host
        return f"https://{in_url(host)}:{self.server.port}{BUNDLE_PATH}"

    def numbered(self, bundle: TrustBundle) -> TrustBundle:
        """Give a bundle as a newer one than all before."""
        return self._services.numbered(bundle)

    def switch_on(self, *, afresh: bool) -> float:
        """Have the device there; one that is to have no trust is reset, and so is one that may know too much."""
        bench = self.bench
        bench.start_device()
        what = [fact for kind in STATES for fact in bench.record.facts_of(kind)]
        if not afresh and not ("factory-reset" in bench.hooks and self._is_odd(what)):
            return bench.record.facts[-1].at
        # nothing was sent since it was cut off, so what the service is like may be said to begin with its return
        latest = max(what, key=lambda fact: fact.at, default=None)
        bench.loop.run(self._seat.forget(_noted_again(bench, latest)), self._seat.patience_s)
        return bench.record.facts[-1].at

    def _is_odd(self, what: list[Fact]) -> bool:
        return bool(what) or self.server.published.documents["discover"] is None

    def prove(self) -> None:
        """Come back with the certificate that the device was told to expect."""
        self.bench.note("service-mended")
        good = self._services.good_credential(self.world)
        self.bench.loop.run(self._services.prove(self.world, good))

    def pin_the_right_key(self) -> None:
        """Tell the device the pin, by its hook."""
        self.bench.note("service-mended")
        self._tell_pin(spki_pin(self.server.credential.leaf))

    def tell_the_good_address(self) -> None:
        """Tell the device the address, by its hook."""
        self.bench.note("service-mended")
        self.bench.configure(discovery=self.server.discovery_url)

    def reboot(self) -> None:
        """Restart the device, by its hook."""
        self.bench.reboot()

    def was_asked(self, record: Record, since: float) -> bool:
        """Whether it began a connection to the service since then, whatever came of it.

        One that was told a plain address is right to go nowhere: that it comes to the WFM shows that it is there.
        """
        kinds = ("service-contacted", "connecting") if self._plain else ("service-contacted",)
        return any(fact.at > since for kind in kinds for fact in record.facts_of(kind))

    def has_refreshed(self, record: Record, since: Fact) -> bool:
        """Whether the bundle was asked for twice: then the first answer was dealt with."""
        return fetches(record, since.at) >= 2

    def has_adopted(self, record: Record, since: Fact) -> bool:
        """Whether the bundle was fetched, and then asked for again: then the first answer was dealt with."""
        fetched = [item for item in record.of("fetch-trust-bundle", status=200) if item.at > since.at]
        return bool(fetched) and fetches(record, fetched[0].finished) >= 1

    def _put_right(self) -> None:
        """Have the service be right in everything, and give the device the time to see it."""
        self._services.watching = False
        began = self.bench.note("service-put-right")
        self.bench.loop.run(self._services.mend(self.world))
        if not self._host and not self.bench.record.facts_of("configured"):
            self.bench.until(lambda record: self.has_adopted(record, began), "retry")


def _noted_again(bench: DeviceBench, fact: Fact | None) -> Callable[[], None]:
    def note() -> None:
        if fact is not None:
            bench.note(fact.kind, **fact.data)

    return note
