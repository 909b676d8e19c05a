"""How many connections may be open at once, and whose is closed when another device needs one."""

import asyncio
from collections import deque
from typing import Protocol


class Holder(Protocol):
    """A device that holds a connection."""

    def let_go(self) -> None:
        """Close the connection; it is released when it is gone."""
        ...


class Budget:
    """Counts open connections against a bound; None counts only. Where the bound is reached, the longest idle goes."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.open = 0
        self.peak = 0
        self.evicted = 0
        self._none_open = asyncio.Event()
        self._idle: dict[Holder, None] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closing = 0

    async def acquire(self) -> None:
        """Wait until a connection may be opened, and count it."""
        if self.limit is not None and self.open >= self.limit:
            self._evict()
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                await place  # whoever releases hands its place on, so that the count stays
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():
                    self.release()
                raise
            return
        self.open += 1
        self._none_open.clear()
        self.peak = max(self.peak, self.open)

    def release(self) -> None:
        """A connection is gone, or was never made."""
        self._closing = max(0, self._closing - 1)
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self.open -= 1
        if not self.open:
            self._none_open.set()

    def idle(self, holder: Holder) -> None:
        """A device keeps its connection without using it now."""
        if self.limit is None:
            return
        self._idle[holder] = None
        if len(self._waiting) > self._closing:
            self._evict()

    def busy(self, holder: Holder) -> None:
        """A device uses its connection, or has lost it."""
        self._idle.pop(holder, None)

    async def all_closed(self) -> None:
        """Wait until no connection is open."""
        if self.open:
            await self._none_open.wait()

    def _evict(self) -> None:
        holder = next(iter(self._idle), None)
        if holder is not None:
            del self._idle[holder]
            self._closing += 1
            self.evicted += 1
            holder.let_go()
