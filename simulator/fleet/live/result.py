"""What a live run gives: counts, findings, and whether it is whole. Plain data when asked."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from simulator.fleet.live.connection import OWN_FAILURES
from simulator.fleet.live.plan import LivePlan
from simulator.fleet.live.tally import Tally

LATE_S = 0.1
"""A driver whose timers are later than this in one of a hundred cases measures itself."""

FindingKind = Literal["wfm-gone", "wfm-silent", "process-lost", "stopped", "driver-late", "driver-limits"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that has to be known to read the figures; times in seconds of the run."""

    kind: FindingKind
    text: str
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """What one process of the driver used: processor seconds and memory in MiB, and the connections it had at most."""

    cpu_s: float = 0.0
    rss_mib: float = 0.0
    peak_connections: int = 0
    evicted: int = 0


@dataclass(frozen=True, slots=True)
class LiveResult:
    """One live run. `partial`: it ended before its time, or a process was lost; what was counted until then stands."""

    plan: LivePlan
    url: str
    tally: Tally
    findings: tuple[Finding, ...]
    partial: bool
    ran_s: float
    processes: tuple[ProcessUse, ...]

    def measured(self) -> dict[str, Any]:
        """What was counted, whole, as JSON values: for calibration, and for whoever wants to count otherwise."""
        return {"url": self.url, "partial": self.partial, "ran_s": self.ran_s, **self.tally.to_plain()}

    def to_plain(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "url": self.url,
            "plan": asdict(self.plan),
            "partial": self.partial,
            "ran_s": self.ran_s,
            "findings": [asdict(finding) for finding in self.findings],
            "processes": [asdict(process) for process in self.processes],
            "peak_connections": sum(process.peak_connections for process in self.processes),
            **self.tally.to_plain(),
        }


def about_the_driver(tally: Tally, ran_s: float) -> list[Finding]:
    """What the driver has to say against its own figures."""
    found: list[Finding] = []
    late = tally.lag.quantile(0.99)
    if late is not None and late > LATE_S:
        text = (
            f"the driver itself was late: 1 % of its timers by {late:.3f} s and more, which is part of the latencies; "
            "give it more processes or another machine"
        )
        found.append(Finding("driver-late", text, 0.0, ran_s))
    own = {kind: count for (_, kind), count in sorted(tally.errors.items()) if kind in OWN_FAILURES}
    if own:
        counts = ", ".join(f"{count} {kind}" for kind, count in own.items())
        text = f"requests failed for want of ports or files on this machine ({counts}): not the WFM's doing"
        found.append(Finding("driver-limits", text, 0.0, ran_s))
    return found
