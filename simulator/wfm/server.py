"""The reference WFM as a running thing: core, store and the three ports, in-process or on its own."""

import logging
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from aiohttp.typedefs import Middleware

from simulator.faults.intercept import intercept
from simulator.faults.plan import Faults
from simulator.identity.errors import CredentialError
from simulator.identity.handshake import Observer, Recognise
from simulator.identity.resumption import OnResumed, telling
from simulator.identity.spiffe import SpiffeId, recognise_client, wfm_spiffe_id
from simulator.identity.svid import Svid
from simulator.identity.tls import CredentialSource, HeldCredential, server_context
from simulator.identity.trust import StaticTrust, TrustSource
from simulator.wfm.api import ApiSettings, ManagementApi
from simulator.wfm.callers import Caller, TlsCaller
from simulator.wfm.changes import Row
from simulator.wfm.control import Control, ExchangeHistory
from simulator.wfm.core import CoreLimits, DesiredState
from simulator.wfm.http import HttpServer
from simulator.wfm.load import LoadGate, LoadLimit
from simulator.wfm.northbound import Northbound
from simulator.wfm.operator_http import OperatorServer, Route
from simulator.wfm.service import WfmService
from simulator.wfm.shelf import PackageShelf
from simulator.wfm.store import SqlStore

log = logging.getLogger("margo.wfm")
DEFAULT_LIMITS = CoreLimits()


class ConfigError(ValueError):
    """A WFM configuration that cannot be used: names the field, what was expected and what was found."""


@dataclass(frozen=True, slots=True)
class WfmConfig:
    """How a reference WFM runs.

    Ports: 0 lets the system choose; None leaves that API out. The credential is an `Svid` (or a source that renews it)
    or two PEM files; trust is a `TrustSource` or a SPIFFE bundle file. `store_url` is an SQLAlchemy URL; None keeps
    everything in memory only. `accepted` lists the accepted clients; None accepts the WFM's whole namespace (ID-54).
    """

    trust_domain: str
    wfm_id: str
    svid: Svid | CredentialSource | None = None
    svid_files: tuple[Path, Path] | None = None
    trust: TrustSource | None = None
    trust_file: Path | None = None
    host: str = "127.0.0.1"
    management_port: int = 0
    northbound_port: int | None = 0
    control_port: int | None = None
    operator_host: str = "127.0.0.1"
    store_url: str | None = None
    accepted: frozenset[str] | None = None
    limits: CoreLimits = DEFAULT_LIMITS
    load: LoadLimit | None = None
    max_body_bytes: int = 1024 * 1024
    max_connection_age_s: float = 3600.0
    allow_tls12: bool = False

    @property
    def spiffe_id(self) -> SpiffeId:
        """The WFM's own SPIFFE ID (ID-05)."""
        return wfm_spiffe_id(self.trust_domain, self.wfm_id)

    def credential(self) -> CredentialSource:
        """The credential to present. Raises ConfigError, CredentialError."""
        if isinstance(self.svid, Svid):
            return HeldCredential(self._own(self.svid))
        if self.svid is not None:
            return self.svid
        if self.svid_files is None:
            raise ConfigError("svid: expected an SVID or its two files, found neither")
        return HeldCredential(self._own(Svid.load(*self.svid_files)))

    def trust_source(self) -> TrustSource:
        """Where the trust bundle comes from. Raises ConfigError, CredentialError."""
        if self.trust is not None:
            return self.trust
        if self.trust_file is None:
            raise ConfigError("trust: expected a trust source or a bundle file, found neither")
        return StaticTrust.load(self.trust_file, self.trust_domain)

    def _own(self, svid: Svid) -> Svid:
        """The WFM presents the SVID of the very identity it is configured with (ID-12)."""
        if svid.spiffe_id == self.spiffe_id:
            return svid
        if self.svid_files is not None:
            raise CredentialError(self.svid_files[0], "SPIFFE ID", str(self.spiffe_id), str(svid.spiffe_id))
        raise ConfigError(f"svid: expected the SPIFFE ID {self.spiffe_id}, found {svid.spiffe_id}")


class ReferenceWfm:
    """A WFM that can be started and stopped; `async with` does both.

    `middlewares` stand around the management API (the first one outermost): the intercepting layer goes there.
    `core_class`, `api_class` and `recognise` are replaced by broken variants. `observer` hears of every handshake,
    `on_refused` why something that came was no HTTP request.
    """

    def __init__(
        self,
        config: WfmConfig,
        *,
        middlewares: Sequence[Middleware] = (),
        core_class: type[DesiredState] = DesiredState,
        api_class: type[ManagementApi] = ManagementApi,
        recognise: Recognise | None = None,
        observer: Observer | None = None,
        on_refused: Callable[[str], object] = log.debug,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self.core = core_class(config.accepted, config.limits)
        self.gate = LoadGate(config.load)
        self.settings = ApiSettings()
        self._store = SqlStore(config.store_url) if config.store_url else None
        self.service = WfmService(self.core, self._store, clock)
        self.shelf = PackageShelf()
        self.northbound = Northbound(self.service, self.shelf)
        self.faults = Faults()
        self.history = ExchangeHistory()
        recorder = (intercept(self.faults, self.history.add),) if config.control_port is not None else ()
        self._middlewares = (*middlewares, *recorder)
        self._api_class = api_class
        self._recognise = recognise or self._own_client
        self._observer = observer
        self._on_refused = on_refused
        self._running: list[HttpServer | OperatorServer | SqlStore] = []
        self.on_resumed: OnResumed | None = None
        """Set before a start, it has the WFM give TLS tickets, and hears of each session that is resumed with one."""
        self.only_tls12: str | None = None
        """Set before a start, it has the WFM speak TLS 1.2 alone, with these ciphers in the words of OpenSSL."""
        self.management_port = config.management_port
        self.northbound_port = config.northbound_port
        self.control_port = config.control_port

    @property
    def management_url(self) -> str:
        """Where devices reach the WFM."""
        return f"https://{self.config.host}:{self.management_port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Take up the stored state and listen; on failure nothing is left open.

        Raises ConfigError, CredentialError, StoreUnusable, PortInUse.
        """
        config = self.config
        context, caller = self.security()
        try:
            await self._take_up()
            api = self._api_class(self.service, caller, self.gate, self.settings)
            management = HttpServer(
                api.handle,
                middlewares=self._middlewares,
                max_body=config.max_body_bytes,
                on_refused=self._on_refused,
            )
            self._running.append(management)
            self.management_port = await management.start(config.host, config.management_port, context)
            self.northbound_port = await self._serve(self.northbound.routes(), config.northbound_port)
            self.control_port = await self._serve(Control(self).routes(), config.control_port)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Answer what runs, close every port, commit what waits; may be started again."""
        while self._running:
            part = self._running.pop()
            if isinstance(part, SqlStore):
                await part.close()
            else:
                await part.stop()

    def security(self) -> tuple[ssl.SSLContext, Caller]:
        """What the port shows and demands in TLS, and how callers are told. Raises ConfigError, CredentialError."""
        trust = self.config.trust_source()
        context = self._context(self.config.credential(), trust)
        return context, TlsCaller(trust, self.config.max_connection_age_s)

    def take_up(self, rows: dict[str, list[Row]]) -> None:
        """Take up the state of the store's rows."""
        self.core.restore(rows)
        self.shelf.restore(rows["packages"])

    async def _take_up(self) -> None:
        if self._store is None:
            return
        rows = await self._store.open()
        self._running.append(self._store)
        self.take_up(rows)

    async def _serve(self, routes: Sequence[Route], port: int | None) -> int | None:
        if port is None:
            return None
        server = OperatorServer(routes)
        self._running.append(server)
        return await server.start(self.config.operator_host, port)

    def _context(self, credential: CredentialSource, trust: TrustSource) -> ssl.SSLContext:
        tls12 = self.config.allow_tls12
        context = server_context(credential, trust, self._recognise, self._observer, allow_tls12=tls12)
        context.only_tls12 = self.only_tls12
        if self.on_resumed is not None:
            context.resumable, context.object_class = True, telling(self.on_resumed)
        return context

    def _own_client(self, spiffe_id: SpiffeId) -> object:
        return recognise_client(spiffe_id, self.config.trust_domain, self.config.wfm_id)
