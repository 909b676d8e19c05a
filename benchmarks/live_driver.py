"""The live driver against a bare aiohttp client: conditional GETs over kept mutual TLS, both with 64 connections.

The server is a hand-written protocol behind the reference's own TLS, so that the clients are what is measured: one core
each. Run `python -m benchmarks.live_driver [--seconds 5]`.
"""

import argparse
import gc
import socket
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import uvloop

from benchmarks.conditional_gets import CONNECTIONS, poll_for
from benchmarks.measuring import interleaved, print_table, server
from benchmarks.poll_servers import DOMAIN, WFM_ID
from simulator.fleet.live.connection import Target
from simulator.fleet.live.plan import LivePlan, Polling
from simulator.fleet.live.shard import Delta, Shard
from simulator.fleet.live.tally import UNCHANGED, Tally
from simulator.fleet.live.tls import Wallet
from simulator.identity.authority import Authority
from simulator.identity.spiffe import wfm_spiffe_id

PERIOD_S = 0.002
"""More polls than any of the two can make: a driver that is late merges them, and stays busy all the time."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one measurement")
    seconds = parser.parse_args().seconds
    authority = Authority.new(DOMAIN)
    with tempfile.TemporaryDirectory() as folder:
        authority.issue(wfm_spiffe_id(DOMAIN, WFM_ID)).write(Path(folder))
        Path(folder, "bundle.json").write_bytes(authority.bundle().to_json())
        for name, title in (("quick", "a hand-written server"), ("mtls", "the reference WFM")):
            with server("benchmarks.poll_servers", name, folder) as (_, port):
                cpu: dict[str, list[float]] = {}
                variants = {
                    client: partial(_measured, cpu, client, drive, authority, port, seconds)
                    for client, drive in (("bare aiohttp client", _aiohttp), ("live driver, 64 devices", _driver))
                }
                rates = interleaved(variants)
            print_table(f"Unchanged polls over mutual TLS, against {title}", "requests/s", rates, next(iter(rates)))
            print_table("The same", "requests per CPU second of the client", cpu, next(iter(cpu)))


def _measured(
    cpu: dict[str, list[float]],
    client: str,
    drive: Callable[[Authority, int, float], float],
    authority: Authority,
    port: int,
    seconds: float,
) -> float:
    """Measure a client; the rate for a CPU second goes into `cpu`. All requests of a run count, and all its work."""
    before, began = time.process_time(), time.perf_counter()
    rate = drive(authority, port, seconds)
    used = (time.process_time() - before) / (time.perf_counter() - began)
    cpu.setdefault(client, []).append(rate / used)
    return rate


def _aiohttp(authority: Authority, port: int, seconds: float) -> float:
    return uvloop.run(poll_for(authority, port, seconds)) / seconds


def _driver(authority: Authority, port: int, seconds: float) -> float:
    return uvloop.run(drive(authority, port, seconds))


async def drive(authority: Authority, port: int, seconds: float) -> float:
    """Have 64 devices poll as often as they can, each with its SVID; gives the 304s for a second after the first."""
    plan = LivePlan(CONNECTIONS, seconds + 1.0, Polling(PERIOD_S, 0.0), ramp_s=0.1)
    target = Target(socket.AF_INET, ("127.0.0.1", port), "localhost", f"localhost:{port}")
    shard = Shard(plan, Wallet.of(authority, WFM_ID), target)
    for _ in shard.prepare():
        continue
    gc.collect()
    gc.freeze()
    tally = Tally()

    def take(delta: Delta) -> None:
        tally.merge(delta.tally)

    await shard.run(time.monotonic(), take)
    gc.unfreeze()
    if tally.errors:
        raise SystemExit(f"expected no errors, found {dict(tally.errors)}")
    unchanged = sum(row.counts[UNCHANGED] for second, row in tally.seconds.items() if 1 <= second < 1 + int(seconds))
    return unchanged / int(seconds)


if __name__ == "__main__":
    main()
