"""Trust that is kept fresh from an identity service: discovery, refresh, and a cache for a start without network.

Source: ID-71..ID-92. A refresh that fails or is rejected changes nothing (ID-83); an accepted bundle replaces (ID-84).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from simulator.identity.bundle import TrustBundle
from simulator.identity.errors import BundleRejected, CredentialError
from simulator.identity.files import read_file, write_private
from simulator.identity.retrieval import RetrievalFailed, Retriever
from simulator.identity.trust import HeldTrust
from simulator.identity.web import ServerTrust
from simulator.protocol.discovery import DiscoveryDocument
from simulator.protocol.documents import DocumentError, canonical_json, parse_json

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class MisConfig:
    """How to reach an identity service. Exactly one of `discovery_url` and `bundle_url` is given; times in seconds.

    `fallback_url` is where the bundle is fetched while no discovery document can be (PT-015).
    `interval_s` counts when the bundle has no refresh hint (ID-85), `retry_s` after a failure. `cache` is the file for
    a start without network (ID-86).

    Raises:
        ValueError: none or both of the URLs are given, or a time is not positive.
    """

    trust_domain: str
    server_trust: ServerTrust
    discovery_url: str | None = None
    bundle_url: str | None = None
    fallback_url: str | None = None
    interval_s: float = 300.0
    retry_s: float = 10.0
    timeout_s: float = 10.0
    cache: Path | None = None

    def __post_init__(self) -> None:
        if (self.discovery_url is None) == (self.bundle_url is None):
            raise ValueError("expected exactly one of discovery_url and bundle_url")
        if min(self.interval_s, self.retry_s, self.timeout_s) <= 0:
            raise ValueError("expected times above zero")


@dataclass(frozen=True, slots=True)
class Refresh:
    """What came of one refresh. `clause` and `reason` tell why it failed, or what went wrong beside it."""

    outcome: Literal["adopted", "unchanged", "failed"]
    clause: str | None = None
    reason: str | None = None


class MisTrust(HeldTrust):
    """A trust source that refreshes itself from an identity service while started.

    Begins with the cached bundle, else with `initial` (delivered out of band), else with none: then every peer is
    refused until the first bundle is accepted (ID-82). `on_refresh` hears of every refresh; `sleep` waits between them.
    """

    def __init__(
        self,
        config: MisConfig,
        *,
        initial: TrustBundle | None = None,
        on_refresh: Callable[[Refresh], None] | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        super().__init__(config.trust_domain, initial)
        self._config = config
        self._on_refresh = on_refresh
        self._sleep = sleep
        self._retriever = Retriever(config.server_trust, timeout_s=config.timeout_s)
        self._task: asyncio.Task[None] | None = None
        self._load_cache()

    async def start(self) -> None:
        """Refresh once, then go on in the background. Does nothing when already started."""
        if self._task is None:
            first = await self.refresh()
            self._task = asyncio.create_task(self._run(first), name="trust bundle refresh")

    async def stop(self) -> None:
        """End the refreshing; the current bundle stays."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def begin_anew(self, config: MisConfig | None = None, *, forget: bool = False) -> None:
        """Start as after a restart: with the cached bundle or, when that is forgotten too, with none.

        `config` replaces what was configured before.
        """
        await self.stop()
        self._config = config or self._config
        self._retriever = Retriever(self._config.server_trust, timeout_s=self._config.timeout_s)
        self._bundle = None
        if forget and self._config.cache is not None:
            self._config.cache.unlink(missing_ok=True)
        self._load_cache()
        self._task = asyncio.create_task(self._run(None), name="trust bundle refresh")

    async def refresh(self) -> Refresh:
        """Fetch the bundle now and adopt it if it may be; never raises for what the service does."""
        try:
            result = await self._fetch_and_adopt()
        except (RetrievalFailed, BundleRejected) as error:
            result = Refresh("failed", error.clause, error.reason)
        self._report(result)
        return result

    def delay_after(self, result: Refresh) -> float:
        """Give the seconds until the next refresh: hint or interval, sooner after a failure (ID-85)."""
        hint = self._bundle.refresh_hint if self._bundle else None
        interval = float(hint) if hint else self._config.interval_s
        return min(interval, self._config.retry_s) if result.outcome == "failed" else interval

    async def _run(self, result: Refresh | None) -> None:
        while True:
            if result is not None:
                await self._sleep(self.delay_after(result))
            result = await self.refresh()

    async def _fetch_and_adopt(self) -> Refresh:
        url = self._config.bundle_url or await self._located()
        fetched = await self._retriever.get(url)
        bundle = TrustBundle.from_json(fetched.body, self.trust_domain)
        self._retriever.accept(url, fetched)
        if bundle == self._bundle:
            return Refresh("unchanged")
        self.replace(bundle)
        return Refresh("adopted", *self._write_cache(bundle))

    async def _located(self) -> str:
        """Where the bundle is by discovery, or else where the operator said (PT-015)."""
        try:
            return await self._discover()
        except RetrievalFailed as error:
            if error.clause is not None or self._config.fallback_url is None:
                raise
            return self._config.fallback_url

    async def _discover(self) -> str:
        url = self._config.discovery_url or ""
        fetched = await self._retriever.get(url)
        try:
            document = DiscoveryDocument.from_wire(parse_json(fetched.body, "discovery document"), "discovery document")
        except DocumentError as error:
            clause = "ID-78" if error.field == "trustBundleUri" and error.found != "nothing" else "ID-72"
            raise BundleRejected(clause, str(error)) from error
        if document.trust_domain != self.trust_domain:
            reason = f"discovery document is of {document.trust_domain}, expected {self.trust_domain}"
            raise BundleRejected("ID-77", reason)
        self._retriever.accept(url, fetched)
        return document.trust_bundle_uri

    def _load_cache(self) -> None:
        file = self._config.cache
        if file is None or not file.exists():
            return
        try:
            self.replace(_read_cache(file, self.trust_domain))
        except (BundleRejected, CredentialError, DocumentError) as error:
            self._report(Refresh("failed", "ID-86", f"cache was not used ({error})"))

    def _write_cache(self, bundle: TrustBundle) -> tuple[str | None, str | None]:
        if self._config.cache is None:
            return None, None
        cached = {"trustDomain": bundle.trust_domain, "bundle": parse_json(bundle.to_json(), "trust bundle")}
        try:
            write_private(self._config.cache, canonical_json(cached))
        except OSError as error:
            return "ID-86", f"cache {self._config.cache} could not be written ({error.strerror})"
        return None, None

    def _report(self, result: Refresh) -> None:
        if self._on_refresh:
            self._on_refresh(result)


def _read_cache(file: Path, trust_domain: str) -> TrustBundle:
    cached = parse_json(read_file(file, "cached trust bundle"), "cached trust bundle")
    if not isinstance(cached, dict) or cached.get("trustDomain") != trust_domain:
        raise BundleRejected("ID-24", f"{file} is not of the trust domain {trust_domain}")
    return TrustBundle.from_json(canonical_json(cached.get("bundle")), trust_domain)
