"""A device's line to the WFM: opens its connection when one is needed, carries its requests, counts what happens."""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from simulator.fleet.live.budget import Budget
from simulator.fleet.live.connection import Answer, Connection, ExchangeFailed, Target, connect
from simulator.fleet.live.http1 import request_head
from simulator.fleet.live.plan import LivePlan
from simulator.fleet.live.tally import Tally
from simulator.protocol.operations import Operation

IDEMPOTENT = ("GET", "PUT")
STALE = ("closed", "reset")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, whole, for those who judge; times in seconds of the run. Plain data."""

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


Observe = Callable[[Exchange], object]


@dataclass(slots=True)
class Office:
    """What the lines of one process share. `began` is the start of the run on `time.monotonic`."""

    plan: LivePlan
    target: Target
    budget: Budget
    observe: Observe
    tally: Tally = field(default_factory=Tally)
    began: float = 0.0
    deadlines: dict[Connection, float] = field(default_factory=dict)
    """When the request on a connection is given up; in order, since all have the same time."""

    def now(self) -> float:
        """Seconds of the run."""
        return time.monotonic() - self.began

    def give_up_late(self) -> None:
        """Fail the requests whose time is over."""
        now = time.monotonic()
        while self.deadlines:
            connection, deadline = next(iter(self.deadlines.items()))
            if deadline > now:
                return
            del self.deadlines[connection]
            connection.fail("timeout", f"no answer within {self.plan.connections.request_timeout_s:g} s")


class Line:
    """One device's connection."""

    __slots__ = ("_connection", "_context", "_device", "_office", "_sampled", "_source_ip")

    def __init__(self, office: Office, device: int, context: ssl.SSLContext) -> None:
        self._office, self._device, self._context = office, device, context
        self._connection: Connection | None = None
        plan = office.plan
        ips = plan.connections.source_ips
        self._source_ip = ips[device % len(ips)] if ips else None
        sample = plan.sample
        step = max(1, plan.devices // sample.devices) if sample.devices else 0
        chosen = step and device % step == 0 and device // step < sample.devices
        self._sampled = sample.exchanges if chosen else 0

    async def exchange(
        self, operation: Operation, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """Send a request and wait for its answer, counting both. Raises ExchangeFailed, which is counted too."""
        target = self._office.target.prefix + path
        head = request_head(method, target, self._office.target.authority, headers, None if body is None else len(body))
        data = head + body if body else head
        try:
            return await self._attempt(operation, method, target, headers, data, len(head))
        except ExchangeFailed as error:
            self._office.tally.failed(operation, error.kind, self._office.now(), str(error))
            raise
        except asyncio.CancelledError:
            text = "the run ended before the answer came"
            self._office.tally.failed(operation, "unfinished", self._office.now(), text)
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

    def cut(self) -> None:
        """Lose the connection at once, as without power."""
        if self._connection is not None:
            self._connection.fail("closed", "the device lost power")

    # --- inside ------------------------------------------------------------------------------------------

    async def _attempt(
        self, operation: Operation, method: str, target: str, headers: Mapping[str, str], data: bytes, head: int
    ) -> Answer:
        office = self._office
        while True:
            connection = await self._connected()
            stale_before = connection.reused
            sent_at = office.now()
            office.deadlines[connection] = time.monotonic() + office.plan.connections.request_timeout_s
            waiter = connection.send(data)
            office.tally.sent(sent_at, len(data))
            try:
                answer = await waiter
            except ExchangeFailed as error:
                # a kept connection that the WFM was just closing: RFC 9112, 9.3.1 has it sent once more
                if stale_before and not error.begun and error.kind in STALE and method in IDEMPOTENT:
                    office.tally.notice("repeated-on-new-connection")
                    continue
                raise
            finally:
                office.deadlines.pop(connection, None)
            at, response = answer.at - office.began, answer.response
            sizes = {"sent": len(data), "body": len(response.body)}
            office.tally.answered(operation, response.status, at, at - sent_at, response.size, **sizes)
            if self._sampled:
                self._sampled -= 1
                client = office.plan.client_id(self._device)
                body = data[head:]
                content = (response.status, response.headers, response.body)
                office.observe(Exchange(self._device, client, sent_at, at, method, target, headers, body, *content))
            return answer

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
        self._connection = made
        return made
