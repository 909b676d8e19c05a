"""TLS sessions with a device: the WFM gives tickets, and it is seen who resumes a session that should have ended."""

from conformance.bench.device_bench import DeviceBench
from conformance.record.events import Fact
from simulator.identity.spiffe import SpiffeId


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
