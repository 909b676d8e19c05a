"""`init device --listen`: a device is watched, and what was seen becomes the draft of its statement."""

from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from conformance.bench.applications import applications
from conformance.bench.device_external import Arrangement
from conformance.bench.ics import Ics
from conformance.bench.watching import Watch, Watched, watch
from conformance.cli.checking import check_folder
from conformance.cli.console import stderr
from conformance.cli.drafting import Learned
from conformance.cli.problems import Misuse
from conformance.cli.real_device import listening_at
from conformance.cli.running import statement


@dataclass(frozen=True, slots=True)
class Door:
    """Where a device is waited for, and with which credentials."""

    listen: str
    public_host: str | None
    identity: Path
    reuse: bool


def watch_device(door: Door, revision: str | None, apps: tuple[Path, ...], how: Watch) -> Watched:
    """Watch a device that connects by itself. Raises Misuse, and SubjectMissing when none comes."""
    check_folder("--identity", door.identity)
    reference = statement("device", None, revision)
    # nothing is known of this device yet: none of the reference's claims is made for it
    stated = Ics(role="device", revision=reference.revision, subject=reference.subject, profile=reference.profile)
    endpoint = listening_at(door.listen, door.public_host, kept=door.identity if door.reuse else None)
    console = stderr()

    def tell(line: str) -> None:
        console.print(Text(line.rstrip("\n")), soft_wrap=True)

    arrangement = Arrangement(endpoint, door.identity, reuse=door.reuse, revision=stated.revision, tell=tell)
    watched = watch(stated, arrangement, applications(apps), Watch(how.seconds, how.wait_s, offer=how.offer, tell=tell))
    if not watched.sightings.capabilities:
        cause = f"the device sent {watched.sightings.requests} requests within {how.seconds:g} s, but no capabilities"
        raise Misuse("no-capabilities", cause, "watch it longer with --watch, or restart it while it is watched")
    return watched


def learned_from(watched: Watched) -> Learned:
    """Give what the draft of the statement can say."""
    seen = watched.sightings
    usual, gaps = seen.poll_interval, seen.gaps
    interval = None
    if usual is not None:
        evidence = f"median of {len(gaps)} distances of polls, {gaps[0]:.3g} to {gaps[-1]:.3g} s"
        interval = (usual, evidence)
    names = {"vendor": seen.own.get("vendor")}
    return Learned(
        seen.traits(),
        {name: str(value) for name, value in names.items() if value},
        interval,
        _observations(watched),
    )


def _observations(watched: Watched) -> tuple[str, ...]:
    seen = watched.sightings
    per_connection = f"{seen.requests} requests over {seen.connections} TLS connections"
    reuse = "connections are used again" if seen.requests > 1.5 * max(seen.connections, 1) else "one each"
    lines = [
        f"{len(seen.capabilities)} devices reported capabilities: {', '.join(seen.capabilities)}",
        f"{seen.polls} polls: {seen.conditional} with the tag it was given, {seen.unconditional} without it",
        f"{per_connection} ({reuse}), {', '.join(sorted(seen.tls)) or 'TLS version unknown'}",
        f"compressed answers accepted in {seen.compressed} of {seen.requests} requests",
    ]
    if seen.bundles or seen.individual:
        lines.append(f"deployments fetched: {seen.bundles} bundles, {seen.individual} one by one")
    else:
        lines.append("no deployment was fetched: --offer publishes one while it watches")
    return (*lines, watched.offered) if watched.offered else tuple(lines)
