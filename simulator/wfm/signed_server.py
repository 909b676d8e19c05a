"""The reference WFM of revision 1.0.0-rc.2-signed: the one of `server` behind signatures instead of SVIDs."""

import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from aiohttp.typedefs import Middleware
from cryptography import x509

from simulator.identity.client_certificate import CertificateEncoding
from simulator.identity.handshake import Observer
from simulator.identity.svid import Credential
from simulator.identity.tls import HeldCredential
from simulator.identity.web import watched_server_context
from simulator.protocol.signed import DEPLOYMENT_ENVELOPE
from simulator.wfm.callers import Caller
from simulator.wfm.changes import Row
from simulator.wfm.core import DesiredState
from simulator.wfm.onboarding import Onboarding
from simulator.wfm.server import ReferenceWfm, WfmConfig, log
from simulator.wfm.signed import SignedApi, SignedCaller, SignedFront, SignedState


class SignedWfm(ReferenceWfm):
    """A WFM of this revision; of its configuration, credential, trust and accepted clients come from `front`.

    `caller_class` and `onboarding_class` are replaced by broken variants.
    """

    caller_class: type[SignedCaller] = SignedCaller
    onboarding_class: type[Onboarding] = Onboarding

    def __init__(
        self,
        config: WfmConfig,
        front: SignedFront,
        *,
        middlewares: Sequence[Middleware] = (),
        core_class: type[DesiredState] = SignedState,
        api_class: type[SignedApi] = SignedApi,
        observer: Observer | None = None,
        on_refused: Callable[[str], object] = log.debug,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(
            config,
            middlewares=middlewares,
            core_class=core_class,
            api_class=api_class,
            observer=observer,
            on_refused=on_refused,
            clock=clock,
        )
        self.front = front
        self.clients = self.onboarding_class(self.core.new_id, front.accepted)
        """Who is known, and by which certificate; may be replaced before the start."""
        self._caller: SignedCaller | None = None
        self.northbound.envelope = DEPLOYMENT_ENVELOPE

    def security(self) -> tuple[ssl.SSLContext, Caller]:
        """A server certificate, no client certificates, and signed requests."""
        shown = self.front.credential
        source = HeldCredential(shown) if isinstance(shown, Credential) else shown
        context = watched_server_context(source, self._observer, allow_tls12=self.config.allow_tls12)
        self._caller = self.caller_class(self.clients, self.front)
        return context, self._caller

    def show_root(self, root: x509.Certificate, encoding: CertificateEncoding) -> None:
        """Give another root certificate from now on, written in an encoding."""
        self.front = replace(self.front, root=root, certificate_encoding=encoding)
        if self._caller is not None:
            self._caller.front = self.front

    def take_up(self, rows: dict[str, list[Row]]) -> None:
        """Take up the state of the store's rows, with the clients that were onboarded."""
        super().take_up(rows)
        kept: list[Any] = rows["certificates"]
        self.clients.restore(kept)
