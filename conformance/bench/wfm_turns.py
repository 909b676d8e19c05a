"""Taking turns at one WFM between processes: what changes it for everybody waits until nobody else is at work."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from conformance.bench.errors import UsageError

DISRUPTIVE = frozenset({"restart", "load-limit", "compression", "identity-service"})
"""Abilities (`@needs:…`) whose use other clients notice."""


@contextlib.contextmanager
def turn(lock: Path | None, needs: frozenset[str]) -> Iterator[None]:
    """Hold a turn for one scenario: alone when it is disruptive, beside others when not. Without a lock at once."""
    if lock is None:
        yield
        return
    try:
        import fcntl  # noqa: PLC0415 - not on every system, and only needed with several workers
    except ImportError:
        raise UsageError("--jobs: several processes can share one WFM only on systems with file locks") from None
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if needs & DISRUPTIVE else fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)
