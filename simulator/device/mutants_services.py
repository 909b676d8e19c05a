"""Broken devices whose defect lies in what they believe of an identity service, and of what it gives."""

import ssl
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from simulator.device.mutant import Change, Mutant
from simulator.identity.bundle import TrustBundle
from simulator.identity.mis_trust import MisConfig, MisTrust, Refresh
from simulator.identity.retrieval import Fetched, RetrievalFailed, Retriever
from simulator.identity.web import ServerTrust, WebAnchors
from simulator.protocol.documents import canonical_json, parse_json
from simulator.protocol.trust_bundle import X509_SVID

NEVER_S = 1e6
"""Longer than anybody waits, in seconds."""
_BUNDLE = frozenset({"keys", "spiffe_sequence", "spiffe_refresh_hint"})


@dataclass(frozen=True, slots=True)
class AnyServer(WebAnchors):
    """Takes every HTTPS server, or every one but those of an origin that `checked` is for."""

    pem: bytes = b""
    checked: ServerTrust | None = None
    origin: str = ""

    async def context(self, url: str, timeout_s: float) -> ssl.SSLContext:
        """Make a context that looks at nothing."""
        if self.checked is not None and urlsplit(url).netloc == self.origin:
            return await self.checked.context(url, timeout_s)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context


class TakesAnyService(MisTrust):
    """Takes trust from whoever is at the address."""

    def __init__(self, config: MisConfig, **more: Any) -> None:
        super().__init__(replace(config, server_trust=AnyServer()), **more)


class FollowsAnywhere(MisTrust):
    """Checks the service that it asks for discovery, and none that it is sent to."""

    def __init__(self, config: MisConfig, **more: Any) -> None:
        origin = urlsplit(config.discovery_url or config.bundle_url or "").netloc
        super().__init__(replace(config, server_trust=AnyServer(checked=config.server_trust, origin=origin)), **more)


class Strict(Retriever):
    """Takes no bundle with a member that it does not know."""

    async def get(self, url: str) -> Fetched:
        """Look at the members first."""
        fetched = await super().get(url)
        document = parse_json(fetched.body, "document")
        if isinstance(document, dict) and "keys" in document and set(document) - _BUNDLE:
            raise RetrievalFailed(None, f"{url} has members that are not known")
        return fetched


class KnowsAllMembers(MisTrust):
    """Does without a bundle that has a member it does not know."""

    def __init__(self, config: MisConfig, **more: Any) -> None:
        super().__init__(config, **more)
        self._retriever = Strict(config.server_trust, timeout_s=config.timeout_s)


class Relabelling(Retriever):
    """Hands on every key of a bundle as one for X.509-SVIDs."""

    async def get(self, url: str) -> Fetched:
        """Change what was fetched."""
        fetched = await super().get(url)
        document = parse_json(fetched.body, "document")
        for key in document.get("keys", ()) if isinstance(document, dict) else ():
            if "x5c" in key:
                key["use"] = X509_SVID
        return replace(fetched, body=canonical_json(document))


class UsesEveryKey(MisTrust):
    """Takes every key of a bundle that has a certificate for an anchor."""

    def __init__(self, config: MisConfig, **more: Any) -> None:
        super().__init__(config, **more)
        self._retriever = Relabelling(config.server_trust, timeout_s=config.timeout_s)


class DropsItsBundle(MisTrust):
    """Is without trust after a refresh that failed."""

    async def refresh(self) -> Refresh:
        """Forget what it held."""
        result = await super().refresh()
        if result.outcome == "failed":
            self._bundle = None
        return result


class KeepsItsFirstBundle(MisTrust):
    """Fetches newer bundles, and uses the one that it had first."""

    def replace(self, bundle: TrustBundle) -> None:
        """Take the first one only."""
        if self._bundle is None:
            super().replace(bundle)


class NeverComesBack(MisTrust):
    """Does not ask a service again that did not prove itself once."""

    def delay_after(self, result: Refresh) -> float:
        """Hardly ever."""
        return NEVER_S if result.clause == "ID-87" else super().delay_after(result)


def _trust(trust_class: type[MisTrust]) -> Change:
    return lambda config: replace(config, trust_class=trust_class)


def _mutant(name: str, breaks: str, description: str, trust_class: type[MisTrust]) -> Mutant:
    return Mutant(name, breaks, description, _trust(trust_class), needs="trust-service")


SERVICE_MUTANTS: tuple[Mutant, ...] = (
    _mutant("takes-any-service", "ID-89", "takes trust from a service that proves nothing", TakesAnyService),
    _mutant("follows-anywhere", "ID-79", "takes a bundle from wherever discovery sends it", FollowsAnywhere),
    _mutant("knows-all-members", "ID-76", "takes no trust material with unknown members", KnowsAllMembers),
    _mutant("uses-every-key", "ID-81", "takes keys for other uses for anchors", UsesEveryKey),
    _mutant("drops-its-bundle", "ID-83", "is without trust after a refresh that failed", DropsItsBundle),
    _mutant("keeps-its-first-bundle", "ID-84", "does not replace its bundle by a newer one", KeepsItsFirstBundle),
    _mutant("never-asks-again", "ID-87", "asks a service never again that did not prove itself once", NeverComesBack),
)
"""Devices whose trust is fetched, and goes astray."""
