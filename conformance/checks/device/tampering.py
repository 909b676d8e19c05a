"""What was changed behind a device's back, and whether it was seen to be so: a hook that did nothing shows nothing.

The bench looks right before and right after it tampered (`tampering-seen`). Where it saw no difference, only a report
of the device itself can show that there was one.
"""

from conformance.checks.device.evidence import reports_after
from conformance.checks.evidence import Record, Report
from conformance.record.events import Fact

ROOM = 4096
"""Bytes: with less than this left, storage is full."""
_DEEDS = {
    "stop-workload": "stopped",
    "remove-workload": "removed",
    "edit-workload": "edited",
    "foreign-workload": "started",
}
_IN_TIME = "nothing was tampered with, or the device put it right within the hook's own time and told nobody"


def tamperings(record: Record, *kinds: str) -> list[Fact]:
    """Give what was changed behind the device's back, the oldest first."""
    return [fact for fact in record.facts_of("tampered") if fact.data["what"] in kinds]


def last_tampering(record: Record, *kinds: str) -> Fact | None:
    """Give the last change behind the device's back."""
    found = tamperings(record, *kinds)
    return found[-1] if found else None


def look_at(record: Record, tampered: Fact) -> Fact | None:
    """Give what the bench saw right before and right after a change."""
    about = ("what", "deploymentId", "component")
    return next(
        (
            fact
            for fact in record.facts_of("tampering-seen")
            if fact.at >= tampered.at and all(fact.data[name] == tampered.data[name] for name in about)
        ),
        None,
    )


def shown(record: Record, tampered: Fact) -> list[Fact]:
    """Give what the bench saw of a change, as what a finding is shown by."""
    seen = look_at(record, tampered)
    return [seen] if seen else []


def differences(record: Record, at: float, deployment: str) -> list[Report]:
    """Give the reports after a moment by which a device says that not all of a deployment is as it should be."""
    return [
        report
        for report in reports_after(record, at, deployment)
        if report.state != "installed" or any(state != "installed" for state in report.component_states.values())
    ]


def doubt(record: Record, tampered: Fact) -> str:
    """Say why a change of a workload cannot be said to have been made; empty where it was seen or reported."""
    if differences(record, tampered.at, tampered.data["deploymentId"]):
        return ""
    return doubt_of_look(record, tampered)


def doubt_of_look(record: Record, tampered: Fact) -> str:
    """Say why the bench's own look does not show a change of a workload; empty where it does."""
    what, name, seen = tampered.data["what"], tampered.data["component"], look_at(record, tampered)
    claim = f"the hook `tamper` said it {_DEEDS[what]} {name}, but"
    before, after = (seen.data["before"], seen.data["after"]) if seen else (None, None)
    if before is None or after is None:
        hook = "inspect" if what == "edit-workload" else "workloads"
        return f"{claim} nothing shows it: neither a hook `{hook}` nor a report of the device"
    if what == "foreign-workload":
        return "" if name in after else f"{claim} it was not seen running: {_IN_TIME}"
    if name not in before:
        return f"{claim} it was not seen running before"
    if what == "edit-workload":
        return "" if after.get(name) != before[name] else f"{claim} its configuration was seen unchanged: {_IN_TIME}"
    return "" if name not in after else f"{claim} it was seen running: {_IN_TIME}"


def deaths(record: Record, deployment: str) -> list[Fact]:
    """Give the times when a workload was stopped and it was seen that it did not run, or the device said so.

    One that is stopped while it is dead already, which a device that only reports drift leaves it, counts too.
    """
    found: list[Fact] = []
    stops = tamperings(record, "stop-workload")
    for stop, end in zip(stops, [*(item.at for item in stops[1:]), float("inf")], strict=False):
        told = [item for item in differences(record, stop.at, deployment) if item.exchange.at < end]
        seen = look_at(record, stop)
        after = seen.data["after"] if seen else None
        still_dead = bool(found) and after is not None and stop.data["component"] not in after
        if told or still_dead or not doubt_of_look(record, stop):
            found.append(stop)
    return found


def full_storage_shown(record: Record, filled: Fact, deployment: str, version: int, end: float) -> bool:
    """Whether storage was told to be full, or the device said that it could not have the new version meanwhile."""
    seen = look_at(record, filled)
    free = (seen.data["told"] or {}).get("free") if seen else None
    if isinstance(free, int | float) and not isinstance(free, bool) and free < ROOM:
        return True
    reports = [item for item in reports_after(record, filled.at, deployment) if item.exchange.at < end]
    return any(item.state == "failed" and (item.version or 0) >= version for item in reports)
