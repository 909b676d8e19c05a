"""Watching a real device for a while, with nothing asked of it, to learn what it is."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from conformance.bench.applications import Applications
from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_deployments import component_count
from conformance.bench.device_external import Arrangement, ExternalSeat
from conformance.bench.device_reports import own_report
from conformance.bench.errors import Blocked, NotSeen
from conformance.bench.ics import Ics
from conformance.bench.loop import BackgroundLoop
from conformance.bench.recorder import Recorder
from conformance.catalogue import load
from conformance.checks.device.sightings import Sightings
from conformance.checks.evidence import Record
from conformance.record.file import EVENT_FILE, EventWriter

TELL_S = 5.0
"""How often it is said how the watching goes."""
SCENARIO = 1
ENDS = frozenset({"installed", "failed", "removed"})


@dataclass(frozen=True, slots=True)
class Watch:
    """How a device is watched: for how long (seconds), how long it is waited for, and what is offered to it."""

    seconds: float = 60.0
    wait_s: float = 300.0
    offer: bool = False
    """Whether one application is published, and withdrawn again."""
    tell: Callable[[str], object] = print


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen, and what became of the offer in words (None when nothing was offered)."""

    sightings: Sightings
    offered: str | None = None


def watch(ics: Ics, arrangement: Arrangement, apps: Applications, how: Watch) -> Watched:
    """Wait for a device, then watch it; what was recorded is thrown away.

    Raises SubjectMissing when it never sends a request, and UsageError when the address cannot be listened at.
    """
    patient = ics.model_copy(update={"limits": {"connect": how.wait_s, **ics.limits}})
    loop, sightings = BackgroundLoop("wall"), Sightings()
    with tempfile.TemporaryDirectory(prefix="margo-watch-") as folder, EventWriter(Path(folder) / EVENT_FILE) as writer:
        recorder = Recorder(writer, (sightings.heard,))
        recorder.begin(SCENARIO, "device", {})
        try:
            bench = DeviceBench(patient, recorder, load(ics.revision), loop, ExternalSeat(arrangement), apps)
            bench.open()
            try:
                return Watched(sightings, _watched(bench, sightings, how))
            finally:
                bench.close()
        finally:
            recorder.end()
            loop.close()


def _watched(bench: DeviceBench, seen: Sightings, how: Watch) -> str | None:
    bench.await_first_request()
    end = bench.recorder.now() + how.seconds
    how.tell(f"the device is there; watching it for {how.seconds:g} s")
    _look(bench, seen, replace(how, seconds=how.seconds / 2 if how.offer else how.seconds))
    told = _offer(bench, end) if how.offer else None
    if told:
        how.tell(told)
    if (left := end - bench.recorder.now()) > 0:
        _look(bench, seen, replace(how, seconds=left))
    return told


def _look(bench: DeviceBench, seen: Sightings, how: Watch) -> None:
    """Let time pass, and say now and then what was seen so far."""
    end = bench.recorder.now() + how.seconds
    while (left := end - bench.recorder.now()) > 0:
        bench.let_pass(min(left, TELL_S))
        usual = f", one every {seen.poll_interval:.2g} s" if seen.poll_interval else ""
        devices = ", ".join(seen.capabilities) or "no capabilities yet"
        left = max(0.0, end - bench.recorder.now())
        how.tell(f"{left:3.0f} s left: {seen.requests} requests, {seen.polls} polls{usual}; {devices}")


def _offer(bench: DeviceBench, end: float) -> str:
    """Publish the first application that the device can have, wait for its end, and withdraw it; gives what came."""
    if not bench.until(lambda record: own_report(record, bench.seat.memory), "poll"):
        return "nothing was offered: the device reported no capabilities"
    role = next((role for role, app in bench.apps.items() if component_count(app.release(1), bench.types)), None)
    if role is None:
        return f"nothing was offered: no application is of the types {', '.join(bench.types)}"
    try:
        (fact,) = bench.publish((role, 1))
    except (Blocked, NotSeen) as error:
        return f"nothing was offered: {error}"
    name = bench.deployment_id(role)
    left = max(1.0, (end - bench.recorder.now()) / 2)
    bench.recorder.until(lambda record: _states(record, name)[-1:] in ([end] for end in ENDS), left)
    installed = _states(bench.record, name)
    bench.withdraw(role)
    bench.recorder.until(lambda record: _states(record, name)[-1:] == ["removed"], left)
    gone = _states(bench.record, name)[len(installed) :]
    return (
        f"offered {fact.data['name']}: reported {', '.join(installed) or 'nothing'}; "
        f"withdrawn: reported {', '.join(gone) or 'nothing'}"
    )


def _states(record: Record, deployment: str) -> list[str]:
    """Overall states reported of a deployment, each once in a row."""
    states: list[str] = []
    for report in record.reports:
        if report.deployment_id == deployment and report.state and states[-1:] != [report.state]:
            states.append(report.state)
    return states
