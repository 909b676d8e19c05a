"""A broken device that goes on with the TLS sessions of before, whatever became of its trust since."""

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


def _resuming(config: DeviceConfig) -> DeviceConfig:
    return replace(config, transport_class=ResumesForEver)


SESSION_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "resumes-for-ever",
        "ID-38",
        "goes on with a TLS session whose anchor was retired",
        _resuming,
        needs="trust-service",
    ),
)
