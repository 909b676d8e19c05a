"""How the WFM speaks TLS with a device: it gives tickets for sessions, or knows nothing newer than TLS 1.2."""

from collections.abc import Mapping

from conformance.bench.device_bench import DeviceBench
from conformance.record.events import Fact
from simulator.identity.spiffe import SpiffeId

CIPHERS: Mapping[str, str] = {
    "the ciphers of today": "ECDHE+AESGCM:ECDHE+CHACHA20",
    "a cipher that hides nothing": "ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0",
}
"""By the words of the scenarios: what RFC 9325 recommends (section 4.2), and what it forbids (section 4.1)."""


def speak_tls12(bench: DeviceBench, kind: str) -> Fact:
    """Have the WFM come back with TLS 1.2 alone, and ciphers by the words of the scenarios."""
    fact = bench.note("older-tls", ciphers=kind)
    _come_back(bench, CIPHERS[kind])
    return fact


def speak_tls13(bench: DeviceBench) -> Fact:
    """Have the WFM come back as it was."""
    fact = bench.note("newest-tls")
    _come_back(bench, None)
    return fact


def _come_back(bench: DeviceBench, only_tls12: str | None) -> None:
    world = bench.world
    bench.loop.run(world.stop_wfm())
    world.wfm.only_tls12 = only_tls12
    bench.loop.run(world.start_wfm())
    bench.loop.run(world.restart_connections())


def give_tickets(bench: DeviceBench) -> None:
    """Have the WFM come back as one whose sessions can be resumed, and note each that is."""

    def resumed(client: SpiffeId) -> None:
        bench.note("session-resumed", client=str(client))

    world = bench.world
    bench.note("sessions-offered")
    bench.loop.run(world.stop_wfm())
    world.wfm.on_resumed = resumed
    bench.loop.run(world.start_wfm())


def end_connections(bench: DeviceBench) -> Fact:
    """Break every connection, while the WFM goes on taking up the sessions of before, with the credential of before."""
    fact = bench.note("sessions-outlived")
    bench.loop.run(bench.world.restart_connections())
    return fact
