"""The pictures of one run, each from its table; what a run has nothing for is left out and told by `absent`."""

from reports.fleet import convergence, devices, load
from reports.fleet.folder import Folder
from reports.fleet.section import Section


def sections(folder: Folder) -> list[Section]:
    """All sections that the run has something for, in the order of the page."""
    made = (
        convergence.convergence(folder),
        load.requests(folder),
        load.after_outages(folder),
        load.queue(folder),
        devices.failures(folder),
        devices.sizes(folder),
        load.latency(folder),
    )
    return [section for section in made if section is not None and section.charts]


def absent(folder: Folder) -> list[tuple[str, str]]:
    """What the run has no picture of, and why."""
    there = {section.id for section in sections(folder)}
    why = {
        "convergence": ("Convergence", "no rollout took place"),
        "herd": ("Herds after outages", "there was no outage or reboot storm that ended within the run"),
        "queue": ("Queue and refusals of the WFM", "the WFM had as many servers as needed, and refused nothing"),
        "failures": ("Failures by cause and cohort", "none was counted"),
        "bytes": ("Bytes per device and day", "the run wrote no table of them"),
        "latency": (
            "Latency of polls",
            "it is measured by live runs; in simulated time it is what the description says",
        ),
    }
    return [told for id_, told in why.items() if id_ not in there]
