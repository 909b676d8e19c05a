"""A device's line to the WFM: opens its connection when one is needed, carries its requests, counts what happens."""

import asyncio
import ssl
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from simulator.fleet.live.budget import Budget
from simulator.fleet.live.connection import Answer, Connection, ExchangeFailed, Target, connect
from simulator.fleet.live.http1 import request_head
from simulator.fleet.live.manner import Manner, Message
from simulator.fleet.live.plan import LivePlan, Phases
from simulator.fleet.live.tally import BYTES, Tally
from simulator.identity.handshake import peer_chain

IDEMPOTENT = ("GET", "PUT")
STALE = ("closed", "reset")


@dataclass(frozen=True, slots=True)
class Tls:
    """What TLS showed of the WFM; certificates as DER, leaf first. `connection` is a number of its own in the shard."""

    connection: int
    version: str
    cipher: str
    chain: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, whole, for those who judge; times in seconds of the run. Plain data.

    `client_id` is the device's name in the plan. `alone`: a refusal of a device of which not everything is handed on.
    """

    device: int
    client_id: str
    sent_at: float
    answered_at: float
    method: str
    target: str
    request_headers: Mapping[str, str]
    request_body: bytes
    status: int
    headers: Mapping[str, str]
    body: bytes
    shard: int = 0
    tls: Tls | None = None
    alone: bool = False


Observe = Callable[[Exchange], object]


@dataclass(slots=True)
class Office:
    """What the lines of one process share. `began` is the start of the run on `time.monotonic`.

    `announced`: devices whose capabilities the WFM took since this was last asked, with the client's name there.
    """

    plan: LivePlan
    target: Target
    budget: Budget
    observe: Observe
    shard: int = 0
    tally: Tally = field(default_factory=Tally)
    began: float = 0.0
    announced: dict[int, str] = field(default_factory=dict)
    deadlines: defaultdict[float, dict[Connection, float]] = field(default_factory=lambda: defaultdict(dict))
    """When the request on a connection is given up, by how long it is waited for; so each is in order."""
    phases: Phases = field(init=False)
    refusals: int = field(init=False)
    """How many refusals of any device are still to be observed."""
    connections: int = 0
    """How many connections were numbered."""

    def __post_init__(self) -> None:
        self.phases, self.refusals = Phases(self.plan), self.plan.sample.refusals

    def now(self) -> float:
        """Seconds of the run."""
        return time.monotonic() - self.began

    def give_up_late(self) -> None:
        """Fail the requests whose time is over."""
        now = time.monotonic()
        for patience, waiting in self.deadlines.items():
            while waiting:
                connection, deadline = next(iter(waiting.items()))
                if deadline > now:
                    break
                del waiting[connection]
                connection.fail("timeout", f"no answer within {patience:g} s")


class Line:
    """One device's connection. `manner` is how the device speaks, `cohort` the name of its cohort."""

    __slots__ = (
        "_cohort",
        "_connection",
        "_context",
        "_device",
        "_number",
        "_office",
        "_patience_s",
        "_sampled",
        "_source_ip",
        "manner",
    )

    def __init__(self, office: Office, device: int, context: ssl.SSLContext, manner: Manner) -> None:
        self._office, self._device, self._context = office, device, context
        self.manner = manner
        self._connection: Connection | None = None
        self._number = 0
        plan = office.plan
        cohort = plan.groups[plan.cohort_of(device)]
        self._cohort = cohort.name
        self._patience_s = cohort.request_timeout_s or plan.connections.request_timeout_s
        ips = plan.connections.source_ips
        self._source_ip = ips[device % len(ips)] if ips else None
        sample = plan.sample
        step = max(1, plan.devices // sample.devices) if sample.devices else 0
        chosen = step and device % step == 0 and device // step < sample.devices
        self._sampled = sample.exchanges if chosen else 0

    async def exchange(self, message: Message) -> Answer:
        """Send a request and wait for its answer, counting both. Raises ExchangeFailed, which is counted too."""
        where = self._office.target
        said = self.manner.spoken(message, f"https://{where.authority}{where.prefix}")
        length = None if said.body is None else len(said.body)
        head = request_head(said.method, where.prefix + said.path, where.authority, said.headers, length)
        data = head + said.body if said.body else head
        try:
            return await self._attempt(said, data)
        except ExchangeFailed as error:
            self._office.tally.failed(message.operation, error.kind, self._office.now(), str(error))
            raise
        except asyncio.CancelledError:
            text = "the run ended before the answer came"
            self._office.tally.failed(message.operation, "unfinished", self._office.now(), text)
            raise

    def rest(self) -> None:
        """Nothing is to be sent for now: keep the connection, or close it, as the plan says."""
        if self._connection is None:
            return
        if self._office.plan.connections.keep_alive:
            self._office.budget.idle(self)
        else:
            self.let_go()

    def let_go(self) -> None:
        """Close the connection in order."""
        if self._connection is not None:
            self._connection.close()

    def cut(self, why: str) -> None:
        """Lose the connection at once, as without power."""
        if self._connection is not None:
            self._connection.fail("closed", why)

    # --- inside ------------------------------------------------------------------------------------------

    async def _attempt(self, said: Message, data: bytes) -> Answer:
        office = self._office
        waiting = office.deadlines[self._patience_s]
        while True:
            connection = await self._connected()
            stale_before = connection.reused
            sent_at = office.now()
            waiting[connection] = time.monotonic() + self._patience_s
            waiter = connection.send(data)
            office.tally.sent(sent_at, len(data))
            try:
                answer = await waiter
            except ExchangeFailed as error:
                # a kept connection that the WFM was just closing: RFC 9112, 9.3.1 has it sent once more
                if stale_before and not error.begun and error.kind in STALE and said.method in IDEMPOTENT:
                    office.tally.notice("repeated-on-new-connection")
                    continue
                raise
            finally:
                waiting.pop(connection, None)
            at, response = answer.at - office.began, answer.response
            tally, sizes = office.tally, {"sent": len(data), "body": len(response.body)}
            tally.answered(said.operation, response.status, at, at - sent_at, response.size, **sizes)
            tally.groups[self._cohort][BYTES] += len(data) + response.size
            if self._sampled or (response.status >= 400 and office.refusals):
                self._observe(said, answer, connection, sent_at)
            return answer

    def _observe(self, said: Message, answer: Answer, connection: Connection, sent_at: float) -> None:
        office, response = self._office, answer.response
        alone = not self._sampled
        if alone:
            office.refusals -= 1
        else:
            self._sampled -= 1
        office.observe(
            Exchange(
                self._device,
                office.plan.client_id(self._device),
                sent_at,
                answer.at - office.began,
                said.method,
                office.target.prefix + said.path,
                said.headers,
                said.body or b"",
                response.status,
                response.headers,
                response.body,
                office.shard,
                self._tls_of(connection),
                alone,
            )
        )

    def _tls_of(self, connection: Connection) -> Tls | None:
        tls = connection.tls
        if tls is None:
            return None
        cipher = tls.cipher()
        chain = tuple(peer_chain(cast("Any", tls), verified=False))
        return Tls(self._number, tls.version() or "", cipher[0] if cipher else "", chain)

    async def _connected(self) -> Connection:
        office = self._office
        office.budget.busy(self)
        if self._connection is not None and self._connection.usable:
            return self._connection
        await office.budget.acquire()
        began = office.now()
        limits = office.plan.connections
        made = Connection(limits.max_body_bytes, office.budget.release)
        try:
            tcp = await connect(office.target, self._context, made, limits.connect_timeout_s, self._source_ip)
        except BaseException:
            if made.made:
                made.fail("unfinished", "the run ended")  # it is released when it is gone
            else:
                office.budget.release()
            raise
        now = office.now()
        office.tally.connected(now, now - began, tcp)
        office.connections += 1
        self._number = office.connections
        self._connection = made
        return made
