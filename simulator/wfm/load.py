"""A limit of load that a WFM can be given, so that clients meet 429 and 503 (RTY-001..RTY-005)."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

MAX_TRACKED = 100_000


@dataclass(frozen=True, slots=True)
class LoadLimit:
    """Bounds: requests at the same time over all clients (503), requests per second and client (429).

    None means no bound; `max_concurrent` 0 refuses everything. `retry_after_s` is what the answer tells.
    """

    max_concurrent: int | None = None
    rate_per_s: float | None = None
    burst: int = 10
    retry_after_s: int = 1


class LoadGate:
    """Counts requests against a limit; buckets of clients that were idle longest are forgotten first."""

    def __init__(self, limit: LoadLimit | None = None) -> None:
        self.limit = limit
        self._running = 0
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def enter(self, client_id: str, now: float) -> Literal[429, 503] | None:
        """Admit a request (None; call `leave` when done) or give the status to refuse it with. `now` in seconds."""
        limit = self.limit
        if limit is not None:
            if limit.max_concurrent is not None and self._running >= limit.max_concurrent:
                return 503
            if limit.rate_per_s is not None and not self._take(client_id, now, limit.rate_per_s, limit.burst):
                return 429
        self._running += 1
        return None

    def leave(self) -> None:
        """A request that was admitted is done."""
        self._running -= 1

    def _take(self, client_id: str, now: float, rate: float, burst: int) -> bool:
        tokens, at = self._buckets.pop(client_id, (float(burst), now))
        tokens = min(float(burst), tokens + (now - at) * rate)
        taken = tokens >= 1
        self._buckets[client_id] = (tokens - 1 if taken else tokens, now)
        if len(self._buckets) > MAX_TRACKED:
            self._buckets.popitem(last=False)
        return taken
