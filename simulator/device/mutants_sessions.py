"""Broken devices that go by the TLS of before: its sessions, whatever became of trust since, or its version."""

import ssl
from dataclasses import replace
from typing import Any

from simulator.device.config import DeviceConfig
from simulator.device.mutant import Mutant
from simulator.device.transport import HttpTransport
from simulator.identity.handshake import PeerCheckingObject, PolicyContext
from simulator.identity.resumption import ResumedObject
from simulator.identity.tls import ReloadingContext


class KeepsSessions(ReloadingContext):
    """Offers the ticket of its last good connection, with the context it came from; a refused one is forgotten."""

    object_class = ResumedObject
    resumable = True
    _last: PeerCheckingObject | None = None
    _kept: tuple[PolicyContext, ssl.SSLSession] | None = None

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **options: Any) -> ssl.SSLObject:
        """Start a connection with the session of the last one, if it gave a ticket."""
        self._keep()
        context, session = self._kept or (self.newest(), None)
        options["session"] = session
        connection = context.wrap_bio(incoming, outgoing, *args, **options)
        assert isinstance(connection, PeerCheckingObject)  # noqa: S101 - the class that is set above
        self._last = connection
        return connection

    def _keep(self) -> None:
        last = self._last
        if last is None:
            return
        if last.peer is None:
            self._kept = None
        elif last.session is not None and last.session.has_ticket:
            context = last.context
            assert isinstance(context, PolicyContext)  # noqa: S101 - every context of ours is one
            self._kept = (context, last.session)


class ResumesForEver(HttpTransport):
    """Validates the WFM once, and from then on goes by the tickets that it gives."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        plain = self.context
        self.context = KeepsSessions.make(plain._policy, plain._source, allow_tls12=False)  # noqa: SLF001


class KeepsVersion(ReloadingContext):
    """Speaks no newer TLS than the last connection did."""

    _last: ssl.SSLObject | None = None
    _fallen: bool = False

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **options: Any) -> ssl.SSLObject:
        """Start a connection, with TLS 1.2 alone once there was one with that."""
        self._fallen = self._fallen or (self._last is not None and self._last.version() == "TLSv1.2")
        context = self.newest()
        if self._fallen:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        self._last = context.wrap_bio(incoming, outgoing, *args, **options)
        return self._last


class StaysWithTls12(HttpTransport):
    """Falls back to TLS 1.2, and never comes back."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        plain = self.context
        self.context = KeepsVersion.make(plain._policy, plain._source, allow_tls12=True)  # noqa: SLF001


def _resuming(config: DeviceConfig) -> DeviceConfig:
    return replace(config, transport_class=ResumesForEver)


def _staying(config: DeviceConfig) -> DeviceConfig:
    return replace(config, transport_class=StaysWithTls12)


SESSION_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "resumes-for-ever",
        "ID-38",
        "goes on with a TLS session whose anchor was retired",
        _resuming,
        needs="trust-service",
    ),
    Mutant("stays-with-tls-1-2", "ID-31", "never comes back from the TLS that it fell back to", _staying),
)
