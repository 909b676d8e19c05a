"""Durable status writes: the store's group commit against one transaction for each write, same schema and settings.

Run `python -m benchmarks.status_writes [--writes 4000]`. SQLite with WAL and synchronous=FULL in a temporary folder.
"""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

import uvloop

from benchmarks.measuring import interleaved, print_table
from simulator.wfm.changes import Put
from simulator.wfm.store import MAX_BATCH, SqlStore

WAITERS = 512
DEVICES = 20_000
BODY = json.dumps(
    {
        "deploymentId": "00000000-0000-4000-8000-000000000000",
        "adoptedManifestVersion": 7,
        "status": {"state": "installed"},
        "components": [{"name": f"component-{number}", "state": "installed"} for number in range(5)],
    }
).encode()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writes", type=int, default=4000, help="writes in one measurement")
    writes: int = parser.parse_args().writes
    with tempfile.TemporaryDirectory() as folder:
        paths = (Path(folder, name) for name in ("one.db", "group-64.db", "group-512.db"))
        one, few, many = (f"sqlite:///{path}" for path in paths)
        results = interleaved(
            {
                "one transaction per write": lambda: uvloop.run(rate(one, 1, WAITERS, writes)),
                "group commit, 64 waiters": lambda: uvloop.run(rate(few, MAX_BATCH, 64, writes)),
                f"group commit, {WAITERS} waiters": lambda: uvloop.run(rate(many, MAX_BATCH, WAITERS, writes)),
            }
        )
    print_table("Durable status upserts", "writes/s", results, "one transaction per write")


async def rate(url: str, batch: int, waiters: int, writes: int) -> float:
    """Writes per second when so many writers each wait for the commit of their write."""
    store = SqlStore(url, max_batch=batch)
    await store.open()
    numbers = iter(range(writes))

    async def writer() -> None:
        for number in numbers:
            key = {"client_id": f"client-{number * 7919 % DEVICES}", "deployment_id": "deployment"}
            await store.write([Put("statuses", {**key, "body": BODY, "at": float(number)})])

    started = time.perf_counter()
    await asyncio.gather(*(writer() for _ in range(waiters)))
    elapsed = time.perf_counter() - started
    await store.close()
    return writes / elapsed


if __name__ == "__main__":
    main()
