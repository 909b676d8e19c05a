"""The reference WFM of revision 1.0.0-rc.2-signed: the one of `server` behind signatures instead of SVIDs."""

import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp.typedefs import Middleware

from simulator.identity.web import web_server_context
from simulator.protocol.signed import DEPLOYMENT_ENVELOPE
from simulator.wfm.callers import Caller
from simulator.wfm.changes import Row
from simulator.wfm.core import DesiredState
from simulator.wfm.onboarding import Onboarding
from simulator.wfm.server import ReferenceWfm, WfmConfig
from simulator.wfm.signed import SignedApi, SignedCaller, SignedFront, SignedState


class SignedWfm(ReferenceWfm):
    """A WFM of this revision; of its configuration, credential, trust and accepted clients come from `front`."""

    def __init__(
        self,
        config: WfmConfig,
        front: SignedFront,
        *,
        middlewares: Sequence[Middleware] = (),
        core_class: type[DesiredState] = SignedState,
        api_class: type[SignedApi] = SignedApi,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(config, middlewares=middlewares, core_class=core_class, api_class=api_class, clock=clock)
        self.front = front
        self.clients = Onboarding(self.core.new_id, front.accepted)
        self.northbound.envelope = DEPLOYMENT_ENVELOPE

    def security(self) -> tuple[ssl.SSLContext, Caller]:
        """A server certificate, no client certificates, and signed requests."""
        context = web_server_context(self.front.credential, allow_tls12=self.config.allow_tls12)
        return context, SignedCaller(self.clients, self.front)

    def take_up(self, rows: dict[str, list[Row]]) -> None:
        """Take up the state of the store's rows, with the clients that were onboarded."""
        super().take_up(rows)
        kept: list[Any] = rows["certificates"]
        self.clients.restore(kept)
