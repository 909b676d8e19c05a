"""What the bench can do to a WFM beyond operating it: put it under load, have it compress, restart it.

Each ability is a hook: a scenario that needs one which is missing is blocked by its name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from conformance.bench.errors import Blocked
from conformance.bench.northbound import public_trust
from simulator.identity.web import ServerTrust

ROOT = "/control/v1"
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

    def need(self, name: str) -> Callable[..., None]:
        """Give an ability; raises Blocked when it is missing."""
        found: Callable[..., None] | None = getattr(self, name)
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
