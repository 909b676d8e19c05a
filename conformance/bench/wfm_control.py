"""What the bench can do to a WFM beyond operating it: put it under load, have it compress, restart it.

Each ability is a hook: a scenario that needs one which is missing is blocked by its name.
"""

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import httpx

from conformance.bench.adapters.requests import public_trust
from conformance.bench.errors import Blocked
from conformance.bench.northbound import Northbound, NorthboundError
from conformance.bench.probe import Endpoint
from simulator.identity.web import ServerTrust, WebAnchors

ROOT = "/control/v1"
RESTART_S = 60.0
"""So long a WFM may take until it listens again after a restart."""
ABILITIES = ("limit_load", "lift_load", "compress", "next_version", "restart", "follow", "admit")
Overload = Literal["everything at once", "one client too often"]


@dataclass(frozen=True, slots=True)
class WfmHooks:
    """Abilities by name; None is missing. Durations are seconds."""

    limit_load: Callable[[Overload, int], None] | None = None
    """Refuse for lack of capacity (503) or for too many requests of one client (429), to be retried after so long."""
    lift_load: Callable[[], None] | None = None
    compress: Callable[[bool], None] | None = None
    next_version: Callable[[str, int], None] | None = None
    """Give the next manifest of a client (by `wfm-client-id`) this version."""
    restart: Callable[[], None] | None = None
    follow: Callable[[str, ServerTrust], Callable[[], None]] | None = None
    """Take the trust bundle from an identity service (its discovery address, how to authenticate it); gives the end."""
    refresh_s: float = 0.05
    """How often the WFM then asks, in seconds."""
    names: frozenset[str] = field(default=frozenset())
    admit: Callable[[frozenset[str] | None], None] | None = None
    """Onboard only clients whose certificates (by SHA-256 fingerprint) were let in beforehand; None for everybody."""

    def need(self, name: str) -> Callable[..., Any]:
        """Give an ability; raises Blocked when it is missing."""
        found: Callable[..., Any] | None = getattr(self, name)
        if found is None:
            raise Blocked(f"needs {name.replace('_', '-')}, which the bench has no hook for")
        return found


class HttpControl:
    """The control API of the reference WFM."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def limit_load(self, kind: Overload, retry_after_s: int) -> None:
        """See `WfmHooks.limit_load`."""
        limit: dict[str, Any] = (
            {"maxConcurrent": 0} if kind == "everything at once" else {"ratePerS": 0.001, "burst": 1}
        )
        self._ask("PUT", "/load-limit", {**limit, "retryAfterS": retry_after_s})

    def lift_load(self) -> None:
        """Take the limit away."""
        self._ask("DELETE", "/load-limit", None)

    def compress(self, on: bool) -> None:
        """Have deployments and bundles compressed for clients that accept gzip, or not."""
        self._ask("PUT", "/compression", {"deployments": on, "bundles": on})

    def next_version(self, client: str, version: int) -> None:
        """See `WfmHooks.next_version`."""
        self._ask("PUT", f"/clients/{client}/next-version", {"version": version})

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> None:
        try:
            url = f"{self._url}{ROOT}{path}"
            # rarely used, so there is no connection to keep
            httpx.request(
                method, url, json=body, timeout=10.0, verify=public_trust(), trust_env=False
            ).raise_for_status()
        except httpx.HTTPError as error:
            raise Blocked(f"the control API did not do {method} {path}: {str(error) or type(error).__name__}") from None


def control_hooks(url: str, *, restart: Callable[[], None] | None = None) -> WfmHooks:
    """Give the hooks that the control API of a reference WFM offers; `restart` restarts it, if something can."""
    control = HttpControl(url)
    names = frozenset({"load-limit", "compression", "version"} | ({"restart"} if restart else set()))
    return WfmHooks(control.limit_load, control.lift_load, control.compress, control.next_version, restart, names=names)


def hooks_of(northbound: Northbound, endpoint: Endpoint) -> WfmHooks:
    """Give the hooks for which an adapter has operations; after a restart the WFM is waited for at its address."""

    def hook(operation: str, work: Callable[..., Any]) -> Callable[..., Any] | None:
        return work if northbound.can(operation) else None

    def done(operation: str, **arguments: Any) -> None:
        try:
            northbound.do(operation, **arguments)
        except NorthboundError as error:
            raise Blocked(f"needs {operation}, which the adapter did not do: {error}") from None

    def restart() -> None:
        done("restart")
        _wait_for(endpoint)

    def follow(discovery_url: str, server_trust: ServerTrust) -> Callable[[], None]:
        if not isinstance(server_trust, WebAnchors):
            raise Blocked("needs a WFM that can be told pins; adapters are given anchors only")
        done("follow", discovery_url=discovery_url, anchors=server_trust.pem.decode())
        return lambda: done("unfollow") if northbound.can("unfollow") else None

    return WfmHooks(
        hook("limit_load", lambda kind, retry_after: done("limit_load", kind=kind, retry_after=retry_after)),
        hook("lift_load", lambda: done("lift_load")),
        hook("compress", lambda on: done("compress", on=on)),
        hook("next_version", lambda client, version: done("next_version", client=client, version=version)),
        hook("restart", restart),
        hook("follow", follow),
        northbound.refresh_s,
        northbound.hooks - {"northbound", "retire"},
    )


def joined(first: WfmHooks | None, second: WfmHooks | None) -> WfmHooks:
    """Give the abilities of both; those of the first come before those of the second."""
    if first is None or second is None:
        return first or second or WfmHooks()
    kept = {name: getattr(first, name) for name in ABILITIES if getattr(first, name) is not None}
    return replace(second, **kept, names=first.names | second.names)


def _wait_for(endpoint: Endpoint) -> None:
    """Wait until somebody listens at an address again; raises Blocked when nobody does in time."""
    ends = time.monotonic() + RESTART_S
    while True:
        try:
            socket.create_connection((endpoint.host, endpoint.port), 1.0).close()
        except OSError as error:
            if time.monotonic() > ends:
                raise Blocked(f"needs the WFM back after its restart: {error.strerror or error}") from None
            time.sleep(0.1)  # another process is waited for: there is no event to wait on
        else:
            return
