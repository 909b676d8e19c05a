"""An identity service in the hands of the bench: what it offers to a WFM that takes its trust bundle from there."""

import json
import time
from collections.abc import Callable, Mapping

from aiohttp import web

from conformance.bench.errors import Blocked
from conformance.bench.loop import BackgroundLoop
from conformance.bench.probe import Presented
from conformance.bench.wfm_bench import ACCEPT_MANIFEST, WfmBench
from conformance.record.events import Exchange
from simulator.identity.authority import Authority
from simulator.identity.mis import MisServer, Published, mis_app
from simulator.identity.spiffe import wfm_spiffe_id
from simulator.identity.svid import Credential
from simulator.identity.web import ServerTrust, WebAuthority
from simulator.protocol.discovery import BUNDLE_PATH
from simulator.protocol.documents import canonical_json
from simulator.protocol.operations import manifest_path

REFRESHES = 2
"""So many fetches after a change show that the WFM has looked at it and had time to act."""


class IdentityService:
    """The identity service of one scenario. `old` is the authority it begins with, `new` the one it may turn to."""

    def __init__(self, loop: BackgroundLoop, old: Authority, wfm_id: str) -> None:
        self.old, self.new = old, old.second_root()
        self._loop = loop
        self._wfm_id = wfm_id
        self._server = MisServer(old.trust_domain, old.bundle())
        self._others: list[MisServer] = []
        self._plain: web.AppRunner | None = None
        loop.run(self._server.start())

    @property
    def discovery_url(self) -> str:
        """Where the WFM is to look."""
        return self._server.discovery_url

    @property
    def server_trust(self) -> ServerTrust:
        """How the WFM is to authenticate the service."""
        return self._server.web_authority.anchors

    @property
    def asked(self) -> int:
        """How often the service was asked for anything, or reached for it in vain."""
        return self._server.count("discover")

    @property
    def accepts(self) -> str | None:
        """What the WFM said last that it accepts."""
        requests = self._server.published.requests
        return requests[-1].headers.get("accept") if requests else None

    def close(self) -> None:
        """Stop serving."""
        for server in (self._server, *self._others):
            self._loop.run(server.stop())
        if self._plain is not None:
            self._loop.run(self._plain.cleanup())

    def offer(self, what: str) -> None:
        """Offer something from now on; raises KeyError for what is not known."""
        _OFFERS[what](self)

    # --- offers ---------------------------------------------------------------------------------------------------

    def old_root(self) -> None:
        """Offer the old authority's bundle, as a new one."""
        self._server.publish(self.old.bundle(sequence=2))

    def another_root(self) -> None:
        """Offer the new authority's bundle."""
        self._server.publish(self.new.bundle(sequence=2))

    def another_root_with_strangers(self) -> None:
        """Offer it among members and keys that nobody knows."""
        bundle = json.loads(self.new.bundle(sequence=2).to_json())
        bundle["weather"] = {"sky": "grey"}
        bundle["keys"] += [{"use": "jwt-svid", "kty": "EC", "kid": "1"}, {"use": "sundial", "x5c": ["no base64"]}]
        bundle["keys"][0]["mood"] = "calm"
        self._server.publish(canonical_json(bundle))
        found = json.loads(self._server.published.documents["discover"] or b"{}")
        self._server.publish_discovery(canonical_json({**found, "season": "autumn"}))

    def bytes_instead(self, data: bytes | None) -> None:
        """Offer any bytes as the bundle; None is a 404."""
        self._server.publish(data)

    def root_for_something_else(self) -> None:
        """Offer the new root under another purpose only."""
        bundle = json.loads(self.new.bundle(sequence=2).to_json())
        for key in bundle["keys"]:
            key["use"] = "jwt-svid"
        self._server.publish(canonical_json(bundle))

    def half_a_bundle(self) -> None:
        """Offer a bundle that ends too early."""
        data = self.new.bundle(sequence=2).to_json()
        self._server.publish(data[: len(data) // 2])

    def with_credential(self, credential: Credential) -> None:
        """Offer the new bundle with another server certificate."""
        old = self._server
        self._loop.run(old.stop())
        imposter = MisServer(
            self.old.trust_domain,
            self.new.bundle(sequence=2),
            port=old.port,
            web_authority=old.web_authority,
            credential=credential,
        )
        imposter.published.requests, imposter.published.counts = old.published.requests, old.published.counts
        self._loop.run(imposter.start())
        self._server = imposter

    def vouched_by_nobody(self) -> None:
        """Offer the new bundle with a certificate of an unknown authority."""
        self.with_credential(WebAuthority.new().issue())

    def other_name(self) -> None:
        """Offer the new bundle with a certificate of the right authority for another name."""
        self.with_credential(self._server.web_authority.issue(("elsewhere.example",), ()))

    def of_the_trust_domain(self) -> None:
        """Offer the new bundle with a certificate that the old trust bundle vouches for."""
        identity = wfm_spiffe_id(self.old.trust_domain, self._wfm_id)
        self.with_credential(self.old.issue(identity, dns=["localhost"], ips=["127.0.0.1"]))

    def without_encryption(self) -> None:
        """Offer the new bundle at a plain HTTP address, to which discovery points."""
        published = Published()
        published.documents["fetch-trust-bundle"] = self.new.bundle(sequence=2).to_json()
        self._plain = web.AppRunner(mis_app(published), access_log=None)
        runner = self._plain

        async def start() -> int:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            return int(runner.addresses[0][1])

        self._point_to(f"http://127.0.0.1:{self._loop.run(start())}{BUNDLE_PATH}")

    def other_place(self) -> None:
        """Offer the new bundle at another server, of an unknown authority, to which discovery points."""
        other = MisServer(self.old.trust_domain, self.new.bundle(sequence=2))
        self._others.append(other)
        self._loop.run(other.start())
        self._point_to(other.bundle_url)

    def _point_to(self, url: str) -> None:
        document = {"trustDomain": self.old.trust_domain, "trustBundleUri": url}
        self._server.publish_discovery(canonical_json(document))


_OFFERS: Mapping[str, Callable[[IdentityService], None]] = {
    "the old root": IdentityService.old_root,
    "another root": IdentityService.another_root,
    "another root among things nobody knows": IdentityService.another_root_with_strangers,
    "nothing at all": lambda service: service.bytes_instead(None),
    "a web page": lambda service: service.bytes_instead(b"<html><body>Please log in</body></html>"),
    "half a bundle": IdentityService.half_a_bundle,
    "a bundle without any root": lambda service: service.bytes_instead(b'{"keys": []}'),
    "a root meant for something else": IdentityService.root_for_something_else,
    "another root, with a certificate nobody vouches for": IdentityService.vouched_by_nobody,
    "another root, under the name of somebody else": IdentityService.other_name,
    "another root, with a certificate of the trust domain": IdentityService.of_the_trust_domain,
    "another root, at an address without encryption": IdentityService.without_encryption,
    "another root, at a place nobody vouches for": IdentityService.other_place,
}


UNHEARD = frozenset(
    {
        "another root, with a certificate nobody vouches for",
        "another root, under the name of somebody else",
        "another root, with a certificate of the trust domain",
    }
)
"""Offers of a server that cannot prove itself: it is asked nothing, so time is all there is to go by."""


def take_trust_from_service(bench: WfmBench, offer: str | None = None) -> IdentityService:
    """Have the WFM take its trust from an identity service; with an offer, that is there from the beginning.

    Raises Blocked when the bench cannot bring a WFM to do so.
    """
    follow = bench.subject.hooks.follow
    if follow is None:
        raise Blocked("needs identity-service, which the bench has no hook for")
    service = IdentityService(bench.loop, bench.subject.authority, bench.subject.wfm_id)
    bench.on_close(service.close)
    bench.named["service"] = service
    if offer is not None:
        service.offer(offer)
        knock(bench, "old root")
    # the asking ends before the service does
    bench.on_close(follow(service.discovery_url, service.server_trust))
    if offer is None:
        knock(bench, "old root")
    else:
        bench.note("trust-offered", offer="no bundle to begin with", taken_up=_looked_at(bench, service, 0))
    return service


def offer(bench: WfmBench, what: str) -> None:
    """Offer something, and wait until the WFM has looked at it."""
    service: IdentityService = bench.named["service"]
    before = service.asked
    service.offer(what)
    if what in UNHEARD:
        bench.recorder.until(lambda _: False, bench.subject.hooks.refresh_s * (REFRESHES + 2))
    taken_up = what in UNHEARD or _looked_at(bench, service, before)
    bench.note("trust-offered", offer=what, taken_up=taken_up)
    bench.note("identity-service-asked", times=service.asked, accept=service.accepts)


def knock(bench: WfmBench, whose: str) -> Exchange:
    """Try to be let in as a client of the old root or of the new one."""
    service: IdentityService = bench.named["service"]
    spiffe_id = bench.identity("knock")
    authority = service.old if whose == "old root" else service.new
    presented = Presented(f"a client of the {whose}", authority.issue(spiffe_id), str(spiffe_id))
    exchange = bench.probe(presented).send("GET", manifest_path(), ACCEPT_MANIFEST)
    bench.note("trust-tried", {"exchange": exchange}, of=whose, name=presented.name)
    return exchange


def _looked_at(bench: WfmBench, service: IdentityService, before: int) -> bool:
    """Wait until the service was asked often enough."""
    deadline = time.monotonic() + bench.deadlines["publish"]
    while service.asked < before + REFRESHES + 1:
        if time.monotonic() > deadline:
            return False
        bench.recorder.until(lambda _: False, bench.subject.hooks.refresh_s / 2)
    return True
