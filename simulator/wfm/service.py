"""The core and its store together: commands that are durable when they return. Everything else in the WFM uses this.

Reads go straight to the core and never wait.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from simulator.wfm.changes import Change, Outcome
from simulator.wfm.core import OPERATOR, DesiredState
from simulator.wfm.refusals import Unavailable
from simulator.wfm.state import Desired, Publication

Clock = Callable[[], float]
T = TypeVar("T")


class StoreFailed(Exception):
    """The store could not make a change durable."""


class Store(Protocol):
    """Where changes become durable."""

    async def write(self, changes: Sequence[Change]) -> None:
        """Return once the changes are durable, all or none. Raises StoreFailed."""
        ...

    async def wipe(self) -> None:
        """Return once everything is gone. Raises StoreFailed."""
        ...


class MemoryStore:
    """Keeps nothing: what the WFM knows ends with its process."""

    async def write(self, changes: Sequence[Change]) -> None:
        """Return at once."""

    async def wipe(self) -> None:
        """Return at once."""


class WfmService:
    """Commands of the WFM. After a store failure the memory is ahead of the disk, so all writes are refused (503)."""

    def __init__(self, core: DesiredState, store: Store | None = None, clock: Clock = time.time) -> None:
        self.core = core
        self.clock = clock
        self._store = store or MemoryStore()
        self._failed: str | None = None

    async def report_capabilities(self, client_id: str, device_id: str, body: bytes) -> bool:
        """See `DesiredState.report_capabilities`; durable on return."""
        self._check()
        return await self._durable(self.core.report_capabilities(client_id, device_id, body, self.clock()))

    async def withdraw_capabilities(self, client_id: str, device_id: str) -> None:
        """See `DesiredState.withdraw_capabilities`; durable on return."""
        self._check()
        await self._durable(self.core.withdraw_capabilities(client_id, device_id, self.clock()))

    async def report_status(self, client_id: str, deployment_id: str, body: bytes) -> bool:
        """See `DesiredState.report_status`; durable on return."""
        self._check()
        return await self._durable(self.core.report_status(client_id, deployment_id, body, self.clock()))

    async def change(
        self, client_id: str, put: Sequence[Desired] = (), drop: Iterable[str] = (), *, actor: str = OPERATOR
    ) -> Publication:
        """See `DesiredState.change`; durable and served on return."""
        self._check()
        return await self._durable(self.core.change(client_id, put, drop, now=self.clock(), actor=actor))

    async def publish(self, client_id: str, *documents: bytes) -> Publication:
        """Put deployments given as YAML in one new version, beside those already desired. Raises DocumentError."""
        return await self.change(client_id, [Desired.from_yaml(document) for document in documents])

    async def jump_version(self, client_id: str, version: int) -> None:
        """See `DesiredState.jump_version`; durable on return."""
        self._check()
        await self._durable(self.core.jump_version(client_id, version, now=self.clock()))

    async def retire(self, client_id: str, *, retired: bool = True) -> None:
        """See `DesiredState.retire`; durable on return."""
        self._check()
        await self._durable(self.core.retire(client_id, now=self.clock(), retired=retired))

    async def record(self, changes: Sequence[Change]) -> None:
        """Make rows durable that are not the core's (packages)."""
        self._check()
        await self._durable(Outcome(None, tuple(changes)))

    async def reset(self) -> None:
        """Start from nothing, durably; the accepted-client policy stays."""
        self.core.forget_everything()
        await self._store.wipe()
        self._failed = None

    def _check(self) -> None:
        if self._failed is not None:
            raise Unavailable(f"the store has failed: {self._failed}")

    async def _durable(self, outcome: Outcome[T]) -> T:
        try:
            await self._store.write(outcome.changes)
        except StoreFailed as error:
            self._failed = str(error)
            raise Unavailable(f"the store has failed: {error}") from error
        self.core.settle(outcome)
        return outcome.value
