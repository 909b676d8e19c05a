"""Bounds for what one real device may make the bench keep in memory: a flood ends in a finding, not in the bench."""

import sys
from dataclasses import dataclass

MAX_EXCHANGES = 3000
MAX_BYTES = 64 * 1024 * 1024
PAUSE_S = 0.2
"""How long each request of a device that floods is held."""


@dataclass
class Tally:
    """What came from a device: in all, and in the scenario under way. Beyond the bounds nothing more is kept."""

    max_exchanges: int = MAX_EXCHANGES
    max_bytes: int = MAX_BYTES
    requests: int = 0
    handshakes: int = 0
    refused: str = ""
    """Why the last connection that was refused was."""
    _scenario: int | None = None
    _events: int = 0
    _bytes: int = 0
    _first: float = 0.0
    dropped: int = 0
    """How much was not kept in the scenario under way."""

    def admits(self, scenario: int | None, size: int, now: float) -> bool:
        """Count an event of so many bytes; whether it may be kept."""
        if scenario != self._scenario:
            self._scenario, self._events, self._bytes, self.dropped, self._first = scenario, 0, 0, 0, now
        self._events += 1
        self._bytes += size
        if not self.floods:
            return True
        self.dropped += 1
        return False

    @property
    def floods(self) -> bool:
        """Whether the scenario under way has more of it than is kept."""
        return self._events > self.max_exchanges or self._bytes > self.max_bytes

    def words(self, now: float) -> str:
        """Say how much came."""
        return f"{self._events} requests and connections with {self._bytes} bytes within {now - self._first:.1f} s"


def unbounded() -> Tally:
    """Give a tally that keeps everything: for subjects of our own, which are quick and know when to stop."""
    return Tally(sys.maxsize, sys.maxsize)
