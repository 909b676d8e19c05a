"""Where a verifier takes its trust bundle from: a source that always gives the one current bundle.

Source: ID-84 (an accepted bundle replaces all earlier anchors), ID-91 (a bundle delivered out of band needs no
service).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from simulator.identity.bundle import TrustBundle
from simulator.identity.errors import BundleRejected, NoTrustMaterial

ChangeCallback = Callable[[TrustBundle], None]


class TrustSource(Protocol):
    """Gives the current trust bundle and tells when it was replaced."""

    @property
    def trust_domain(self) -> str:
        """The verifier's own trust domain, known before any bundle is (ID-24)."""
        ...

    def current(self) -> TrustBundle:
        """Give the current bundle.

        Raises:
            NoTrustMaterial: none was accepted yet; nothing may be validated (ID-82).
        """
        ...

    def on_change(self, callback: ChangeCallback) -> None:
        """Have `callback` called with every newly accepted bundle."""
        ...


class HeldTrust:
    """Holds the one current bundle: accepts a successor whole, never merges (ID-84)."""

    def __init__(self, trust_domain: str, bundle: TrustBundle | None = None) -> None:
        self._trust_domain = trust_domain
        self._bundle: TrustBundle | None = None
        self._callbacks: list[ChangeCallback] = []
        if bundle is not None:
            self.replace(bundle)

    @property
    def trust_domain(self) -> str:
        """The verifier's own trust domain."""
        return self._trust_domain

    def current(self) -> TrustBundle:
        """Give the current bundle.

        Raises:
            NoTrustMaterial: none was accepted yet.
        """
        if self._bundle is None:
            raise NoTrustMaterial(f"no trust bundle has been accepted for the trust domain {self._trust_domain}")
        return self._bundle

    def on_change(self, callback: ChangeCallback) -> None:
        """Have `callback` called with every newly accepted bundle."""
        self._callbacks.append(callback)

    def replace(self, bundle: TrustBundle) -> None:
        """Accept a bundle in place of the former one; new connections are validated with it alone.

        Raises:
            BundleRejected: it has no anchors (ID-82) or is of another trust domain (ID-24); the former stays (ID-83).
        """
        if not bundle.anchors:
            raise BundleRejected("ID-82", "trust bundle has no X.509 anchors")
        if bundle.trust_domain != self._trust_domain:
            raise BundleRejected("ID-24", f"trust bundle is of {bundle.trust_domain}, expected {self._trust_domain}")
        if bundle == self._bundle:
            return
        self._bundle = bundle
        for callback in self._callbacks:
            callback(bundle)


class StaticTrust(HeldTrust):
    """A bundle delivered out of band, with no retrieval at all (ID-91); an operator may still replace it."""

    def __init__(self, bundle: TrustBundle) -> None:
        super().__init__(bundle.trust_domain, bundle)

    @classmethod
    def load(cls, file: Path, trust_domain: str) -> "StaticTrust":
        """Read the bundle from a file.

        Raises:
            CredentialError: the file cannot be read or holds no usable bundle.
        """
        return cls(TrustBundle.load(file, trust_domain))
