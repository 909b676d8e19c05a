"""Broken devices whose defect lies in how they deal with trust bundles, or with what concerns security."""

from dataclasses import replace
from typing import Any

from simulator.device.agent import Agent
from simulator.device.events import LogKind
from simulator.device.mutant import Change, Mutant, with_agent
from simulator.identity.bundle import TrustBundle
from simulator.identity.mis_trust import MisConfig, MisTrust, Refresh
from simulator.identity.retrieval import Retriever
from simulator.protocol.documents import parse_json


class ForgetsBundle(MisTrust):
    """Stores no bundle."""

    def __init__(self, config: MisConfig, **more: Any) -> None:
        super().__init__(replace(config, cache=None), **more)


class IgnoresHint(MisTrust):
    """Refreshes at its own interval only."""

    def delay_after(self, result: Refresh) -> float:
        """Always the same."""
        del result
        return self._config.interval_s


class AddsBundlesUp(MisTrust):
    """Keeps every anchor that it ever saw."""

    def replace(self, bundle: TrustBundle) -> None:
        """Add the new anchors to the old ones."""
        held = self._bundle.anchors if self._bundle else ()
        anchors = tuple(dict.fromkeys((*held, *bundle.anchors)))
        super().replace(TrustBundle(bundle.trust_domain, anchors, bundle.sequence, bundle.refresh_hint))


class TakesAnyDiscovery(MisTrust):
    """Does not look at whose discovery document it is."""

    async def _discover(self) -> str:
        fetched = await self._retriever.get(self._config.discovery_url or "")
        return str(parse_json(fetched.body, "discovery document")["trustBundleUri"])


class PlainToo(Retriever):
    """Fetches at plain addresses as well, where no server proves anything."""

    def check_address(self, url: str) -> None:
        """Take any."""


class TakesPlainDiscovery(MisTrust):
    """Takes a discovery document from a plain address, but no bundle."""

    async def _discover(self) -> str:
        checked, self._retriever = self._retriever, PlainToo(self._config.server_trust, timeout_s=1.0)
        try:
            return await super()._discover()
        finally:
            self._retriever = checked


class TakesPlainBundles(MisTrust):
    """Takes a bundle from a plain address that a good discovery document names."""

    async def _discover(self) -> str:
        fetched = await self._retriever.get(self._config.discovery_url or "")
        url = str(parse_json(fetched.body, "discovery document")["trustBundleUri"])
        if url.startswith("http:"):
            self._retriever = PlainToo(self._config.server_trust, timeout_s=1.0)
        return url


class KnowsDiscoveryOnly(MisTrust):
    """Does without trust while there is no discovery document."""

    async def _located(self) -> str:
        return await self._discover()


class AsksOnce(MisTrust):
    """Asks for the bundle once, and never again."""

    async def _run(self, result: Refresh | None) -> None:
        if result is None:
            await self.refresh()


class LogsNoSecurity(Agent):
    """Keeps what concerns security to itself."""

    def log(self, kind: LogKind, message: str) -> None:
        """Log everything else."""
        if kind != "security":
            super().log(kind, message)


def _trust(trust_class: type[MisTrust]) -> Change:
    return lambda config: replace(config, trust_class=trust_class)


TRUST_MUTANTS: tuple[Mutant, ...] = (
    Mutant("logs-no-security", "DS-070", "logs no refused state", with_agent(LogsNoSecurity), needs="log"),
    Mutant("stores-no-bundle", "ID-86", "knows no bundle after a reboot", _trust(ForgetsBundle), needs="trust-service"),
    Mutant("ignores-refresh-hint", "ID-85", "refreshes when it likes", _trust(IgnoresHint), needs="trust-service"),
    Mutant("adds-bundles-up", "ID-84", "keeps anchors that were retired", _trust(AddsBundlesUp), needs="trust-service"),
    Mutant(
        "knows-discovery-only",
        "PT-015",
        "fetches no bundle while there is no discovery document",
        _trust(KnowsDiscoveryOnly),
        needs="trust-service",
    ),
    Mutant(
        "takes-any-discovery",
        "ID-77",
        "uses a discovery document of another trust domain",
        _trust(TakesAnyDiscovery),
        needs="trust-service",
    ),
    Mutant(
        "takes-plain-discovery",
        "ID-87",
        "uses a discovery document that came unencrypted",
        _trust(TakesPlainDiscovery),
        needs="trust-service",
    ),
    Mutant(
        "takes-plain-bundles",
        "ID-78",
        "fetches a bundle without encryption",
        _trust(TakesPlainBundles),
        needs="trust-service",
    ),
    Mutant(
        "asks-for-trust-once",
        "PT-017",
        "never asks for a missing bundle again",
        _trust(AsksOnce),
        needs="trust-service",
    ),
)
"""Devices whose trust is fetched, each with one defect."""
