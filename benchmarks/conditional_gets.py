"""Unchanged polls: the reference WFM against a bare aiohttp handler, and over mutual TLS with kept connections.

Run `python -m benchmarks.conditional_gets [--seconds 3]`. The plain part needs wrk.
"""

import argparse
import asyncio
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import aiohttp
import uvloop

from benchmarks.measuring import ROUNDS, cpu_seconds, interleaved, print_table, server
from benchmarks.poll_servers import CLIENT, DOMAIN, PATH, WFM_ID
from simulator.identity.authority import Authority
from simulator.identity.spiffe import client_spiffe_id, recognise_wfm, wfm_spiffe_id
from simulator.identity.tls import client_context
from simulator.identity.trust import StaticTrust
from simulator.wfm.core import DesiredState

CONNECTIONS = 64
TAG = DesiredState().manifest(CLIENT).etag


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one measurement")
    seconds = parser.parse_args().seconds
    plain(seconds)
    mutual_tls(seconds)


def plain(seconds: float) -> None:
    """Plain HTTP on the loopback, wrk with 64 connections, every answer a 304."""
    wrk = shutil.which("wrk")
    if wrk is None:
        print("wrk is not installed: the plain part is left out")
        return
    with server("benchmarks.poll_servers", "bare") as (_, bare), server("benchmarks.poll_servers", "wfm") as (_, wfm):
        results = interleaved(
            {
                "bare aiohttp handler": lambda: polls_per_second(wrk, bare, seconds),
                "reference WFM": lambda: polls_per_second(wrk, wfm, seconds),
            }
        )
    print_table("Unchanged polls over plain HTTP", "requests/s, one core", results, "bare aiohttp handler")


def polls_per_second(wrk: str, port: int, seconds: float) -> float:
    """One run of wrk; stops when an answer is no 2xx or 3xx."""
    url = f"http://127.0.0.1:{port}{PATH}"
    length = f"{max(1, round(seconds))}s"
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{length}", "-H", f"If-None-Match: {TAG}", url]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if found is None or "Non-2xx" in output:
        raise SystemExit(f"wrk failed:\n{output}")
    return float(found.group(1))


def mutual_tls(seconds: float) -> None:
    """Mutual TLS 1.3 with an SVID, kept connections; the client is the bottleneck, so the server's CPU is shown too."""
    authority = Authority.new(DOMAIN)
    with tempfile.TemporaryDirectory() as folder:
        authority.issue(wfm_spiffe_id(DOMAIN, WFM_ID)).write(Path(folder))
        Path(folder, "bundle.json").write_bytes(authority.bundle().to_json())
        with server("benchmarks.poll_servers", "mtls", folder) as (process_id, port):
            rates: dict[str, list[float]] = {"wall clock, aiohttp client": [], "per CPU second of the server": []}
            for _ in range(ROUNDS):
                before = cpu_seconds(process_id)
                count = uvloop.run(poll_for(authority, port, seconds))
                rates["wall clock, aiohttp client"].append(count / seconds)
                after = cpu_seconds(process_id)
                if before is not None and after is not None and after > before:
                    rates["per CPU second of the server"].append(count / (after - before))
    shown = {name: values for name, values in rates.items() if values}
    print_table("Unchanged polls over mutual TLS", "requests/s", shown)


async def poll_for(authority: Authority, port: int, seconds: float) -> int:
    """Poll over 64 kept connections for a time; gives the number of 304s."""
    own = authority.issue(client_spiffe_id(DOMAIN, WFM_ID, CLIENT))
    context = client_context(own, StaticTrust(authority.bundle()), lambda peer: recognise_wfm(peer, own.spiffe_id))
    end = time.monotonic() + seconds

    async def lane(session: aiohttp.ClientSession) -> int:
        count = 0
        while time.monotonic() < end:
            async with session.get(f"https://127.0.0.1:{port}{PATH}", headers={"If-None-Match": TAG}) as answer:
                if answer.status != 304:
                    raise SystemExit(f"expected 304, found {answer.status}")
            count += 1
        return count

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context, limit=CONNECTIONS)) as session:
        return sum(await asyncio.gather(*(lane(session) for _ in range(CONNECTIONS))))


if __name__ == "__main__":
    main()
