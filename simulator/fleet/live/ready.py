"""What is looked at before a live run begins: address, files, ports, and one device's first request."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from simulator.fleet.live.budget import Budget
from simulator.fleet.live.connection import Answer, ExchangeFailed, Target
from simulator.fleet.live.credentials import Credentials
from simulator.fleet.live.line import Line, Office
from simulator.fleet.live.manner import Message
from simulator.fleet.live.plan import LivePlan
from simulator.fleet.live.shard import capabilities_body, catalogues_of, ignore
from simulator.open_files import allow_open_files
from simulator.protocol.documents import DocumentError
from simulator.protocol.operations import capabilities_path
from simulator.protocol.signed import ONBOARDING_PATH, read_client_id

_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_PORTS_ELSEWHERE = 16_384  # the range that IANA sets aside, where the system does not tell its own
_CONNECT_S = 5.0
_CLOSE_S = 1.0


class NotReady(Exception):
    """A run that cannot begin: says what is wrong, and what to do."""


def find(url: str) -> Target:
    """Resolve the WFM's URL to an address that takes connections. Raises NotReady."""
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port or 443
    except ValueError as error:
        raise NotReady(f"URL: expected https://host:port, found {url} ({error})") from None
    if parts.scheme != "https" or not host or parts.query or parts.fragment or parts.username:
        raise NotReady(f"URL: expected https://host:port, found {url}")
    authority = f"[{host}]" if ":" in host else host
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NotReady(f"{url}: the host {host} cannot be found: {error.strerror or error}") from None
    causes: list[str] = []
    for family, _, _, _, address in found:
        try:
            socket.create_connection((str(address[0]), port), timeout=_CONNECT_S).close()
        except OSError as error:
            causes.append(f"{address[0]!s} port {port}: {error.strerror or error}")
        else:
            prefix = parts.path.rstrip("/")
            return Target(family, tuple(address), host, f"{authority}:{port}", prefix)
    raise NotReady(f"{url}: nothing answers there ({'; '.join(dict.fromkeys(causes))}); is the WFM running?")


def check_machine(plan: LivePlan, shards: Sequence[int] | None = None) -> None:
    """Look whether this machine has the files, ports and addresses that the plan, or some shards of it, need.

    Raises NotReady, TooFewFiles. The soft limit of open files is raised, and processes started from here inherit that.
    """
    here = range(plan.shards) if shards is None else shards
    most = max(_most_open(plan, shard) for shard in here)
    allow_open_files(most)
    ips = plan.connections.source_ips
    for address in ips:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            try:
                sock.bind((address, 0))
            except OSError as error:
                raise NotReady(f"source IP {address}: expected an address of this machine, found: {error}") from None
    open_at_once = sum(_most_open(plan, shard) for shard in here)
    ports = _ports() * max(1, len(ips))
    if open_at_once > ports:
        raise NotReady(
            f"{open_at_once} connections at once, but {max(1, len(ips))} source address(es) have {ports} ports: "
            "give more --source-ips (on the loopback any of 127.0.0.0/8), or bound the connections"
        )


def first_request(plan: LivePlan, wallet: Credentials, target: Target) -> None:
    """Have the first device come to the WFM, as it will in the run. Raises NotReady, CredentialError."""
    try:
        what, status = asyncio.run(_first_request(plan, wallet, target))
    except ssl.SSLError as error:
        raise NotReady(f"the credential of {plan.client_id(0)} cannot be used: {error}") from None
    except ExchangeFailed as error:
        raise NotReady(f"{target.authority}: {plan.client_id(0)} got no answer: {_explained(error)}") from None
    if status >= 400:
        raise NotReady(
            f"{target.authority}: {what} of {plan.client_id(0)} was answered with status {status}: "
            f"does the WFM accept the fleet's clients, and speak revision {plan.revision}?"
        )


async def _first_request(plan: LivePlan, wallet: Credentials, target: Target) -> tuple[str, int]:
    office = Office(plan, target, Budget(), ignore, began=time.monotonic())
    line = Line(office, 0, *wallet.enter(plan.client_id(0)))
    try:
        async with asyncio.timeout(plan.connections.request_timeout_s):
            return await _came(plan, line)
    except TimeoutError:
        raise ExchangeFailed("timeout", f"none within {plan.connections.request_timeout_s:g} s") from None
    finally:
        line.let_go()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await office.budget.all_closed()


async def _came(plan: LivePlan, line: Line) -> tuple[str, int]:
    """Onboard where the revision asks for that, then report capabilities; gives what was answered last."""
    headers, client_id = {"Content-Type": "application/json"}, plan.client_id(0)
    if line.manner.client_id is None:
        said = Message("onboard", "POST", ONBOARDING_PATH, headers, line.manner.onboarding())
        answer: Answer = await line.exchange(said)
        if answer.response.status >= 400:
            return "the onboarding", answer.response.status
        try:
            line.manner.client_id = read_client_id(answer.response.body)
        except DocumentError as error:
            raise ExchangeFailed("bad-response", str(error)) from None
    body = capabilities_body(catalogues_of(plan)[0], 0, client_id)
    said = Message("report-capabilities", "PUT", capabilities_path(client_id), headers, body)
    return "the capabilities report", (await line.exchange(said)).response.status


def _explained(error: ExchangeFailed) -> str:
    if error.kind in ("tls", "reset", "closed"):
        return f"{error} (do WFM and fleet have their credentials from the identity folder, and speak one revision?)"
    return str(error)


def _most_open(plan: LivePlan, shard: int) -> int:
    devices = len(range(shard, plan.devices, plan.shards))
    limit = plan.limit_of(shard)
    return devices if limit is None else min(devices, limit)


def _ports() -> int:
    try:
        low, high = (int(text) for text in _PORT_RANGE.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return _PORTS_ELSEWHERE
    return high - low + 1
