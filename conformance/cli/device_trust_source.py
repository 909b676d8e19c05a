"""Where the device of `serve device` takes its trust from, when that is an identity service."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from simulator.identity.mis_trust import MisConfig, MisTrust, Refresh
from simulator.identity.web import SpkiPins, WebAnchors

RETRY_S = 10.0
CACHE = "trust-bundle.json"


class ServiceTrust:
    """The trust of one device, with what it was told of the identity service; `source` is what it asks.

    `cache` is the folder in which a bundle outlives a restart.
    """

    def __init__(
        self,
        trust_domain: str,
        discovery_url: str,
        bundle_url: str,
        anchors: WebAnchors,
        *,
        cache: Path,
        poll_interval_s: float,
        say: Callable[[str], object],
    ) -> None:
        self._delivered = MisConfig(
            trust_domain,
            anchors,
            discovery_url=discovery_url,
            fallback_url=bundle_url,
            retry_s=min(RETRY_S, poll_interval_s),
            cache=cache / CACHE,
        )
        self._config = self._delivered
        self._say = say
        self._last = ""
        self.source = MisTrust(self._delivered, on_refresh=self._tell)

    async def start(self) -> None:
        """Fetch the bundle, or begin with the stored one, and go on in the background."""
        await self.source.begin_anew()

    async def stop(self) -> None:
        """End."""
        await self.source.stop()

    async def reboot(self) -> None:
        """Begin with what is stored."""
        await self.source.begin_anew()

    async def forget(self) -> None:
        """Begin with nothing but what the device was told."""
        await self.source.begin_anew(forget=True)

    async def tell(self, *, discovery: str | None = None, pin: str | None = None) -> None:
        """Tell the device another address, or a pin to go by."""
        changes: dict[str, Any] = {}
        if discovery is not None:
            changes["discovery_url"] = discovery
        if pin is not None:
            changes["server_trust"] = SpkiPins(frozenset({pin}))
        self._config = replace(self._config, **changes)
        await self.source.begin_anew(self._config)

    async def restore(self) -> None:
        """Take back what the device was told later."""
        if self._config is not self._delivered:
            self._config = self._delivered
            await self.source.begin_anew(self._config)

    def _tell(self, result: Refresh) -> None:
        words = f"trust bundle: {result.outcome}" + (f" ({result.reason})" if result.reason else "")
        if words != self._last and result.outcome != "unchanged":
            self._say(words)
        self._last = words
