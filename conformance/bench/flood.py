"""Bounds for what one real device may make the bench keep: a flood ends in a finding, not in the bench."""

import sys
from dataclasses import dataclass

MAX_EVENTS = 3000
MAX_RATE = 400
"""More than so many requests and connections within a second are a flood, however short it is."""
MAX_BYTES = 64 * 1024 * 1024
MAX_TOTAL_BYTES = 256 * 1024 * 1024
"""What the record of a whole run may hold of the subject's making; beyond that every scenario is taken for a flood."""
EVENT_BYTES = 2048
"""What one event takes in the record beside its bodies, roughly."""
IN_A_ROW = 5
"""After so many scenarios with a flood, one after the other, a device is not asked any more."""
PAUSE_S = 0.2
"""How long each request of a device that floods is held."""


@dataclass
class Tally:
    """What came from a device: in all, and in the scenario under way. Beyond the bounds nothing more is kept."""

    max_events: int = MAX_EVENTS
    max_bytes: int = MAX_BYTES
    max_rate: int = MAX_RATE
    max_total: int = MAX_TOTAL_BYTES
    requests: int = 0
    handshakes: int = 0
    refused: str = ""
    """What was wrong with the last that came: a connection that was refused, or something that was no request."""
    began: str = ""
    """What the last connection that said something began with, unless that was TLS: it says more than the refusal."""
    dropped: int = 0
    """How much was not kept in the scenario under way."""
    floods: bool = False
    """Whether the scenario under way has more of it than is kept."""
    _scenario: int | None = None
    _events: int = 0
    _bytes: int = 0
    _first: float = 0.0
    _second: float = 0.0
    _in_second: int = 0
    _row: int = 0
    _total: int = 0

    @property
    def hopeless(self) -> bool:
        """Whether there was a flood in so many scenarios, one after the other, that no further one can say anything."""
        return self._row + self.floods >= IN_A_ROW

    def admits(self, scenario: int | None, size: int, now: float, *, keeps: bool = True) -> bool:
        """Count an event of so many bytes; whether it may be kept. What comes after a scenario counts to it.

        `keeps` is false for what is counted only.
        """
        self.enter(scenario, now)
        if now - self._second >= 1.0:
            self._second, self._in_second = now, 0
        self._events += 1
        self._in_second += 1
        self._bytes += size
        self.floods = self.floods or self._too_much(size)
        if self.floods:
            self.dropped += 1
        elif keeps:
            self._total += size + EVENT_BYTES
        return not self.floods

    def enter(self, scenario: int | None, now: float) -> None:
        """Count anew when it is another scenario that is under way by now."""
        if scenario is None or scenario == self._scenario:
            return
        if self.floods:
            self._row += 1
        elif not self.hopeless:
            self._row = 0
        self._scenario, self._first, self._second = scenario, now, now
        self._events = self._bytes = self._in_second = self.dropped = 0
        self.floods = False

    def _too_much(self, size: int) -> bool:
        return (
            self._events > self.max_events
            or self._bytes > self.max_bytes
            or self._in_second > self.max_rate
            or self._total + size + EVENT_BYTES > self.max_total
        )

    def who_came(self, connections: int, url: str, seconds: float) -> str:
        """Say what came of so many connections to a URL, none of which led to a request."""
        within = f"to {url} within {seconds:g} s"
        if not connections:
            return f"no device connected {within}"
        what = "led to a request that can be understood" if self.handshakes else "began TLS"
        why = self.began or self.refused or ("" if self.handshakes else "it sent nothing")
        return f"{connections} connections {within}, none of which {what}{f'; the last: {why}' if why else ''}"

    def words(self, now: float) -> str:
        """Say how much came."""
        return f"{self._events} requests and connections with {self._bytes} bytes within {now - self._first:.1f} s"


def unbounded() -> Tally:
    """Give a tally that keeps everything: for subjects of our own, which are quick and know when to stop."""
    return Tally(sys.maxsize, sys.maxsize, sys.maxsize, sys.maxsize)
