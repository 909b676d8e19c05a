"""What is counted in a live run. Tallies of processes and of moments merge exactly, in any order.

Latency is counted from the time for which a poll was scheduled, so that a WFM (or a driver) that is slow hides nothing;
service time from the moment at which the request was written. Times are seconds of the run.
"""

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from simulator.fleet.live.histogram import COARSE, FINE, Histogram

COLUMNS = (
    "due",
    "sent",
    "answered",
    "failed",
    "refused",
    "handshakes",
    "adopted",
    "installed",
    "bytes_out",
    "bytes_in",
    "unchanged",
    "changed",
    "older",
    "bundles",
    "status",
    "capabilities",
    "unreachable",
    "lost",
    "unanswered",
    "under_way",
    "no_network",
)
"""Columns of the time series. `refused`: answered with a status from 400 on. From `unchanged` to `lost` as the
simulation has them: `changed` is a manifest that was sent, `bundles` are all contents that were fetched, `unreachable`
a WFM that could not be connected to, `lost` an answer that never came. The last ones are polls that were due then and
never got an answer: after every try that was made (`unanswered`), for the run was over (`under_way`), or because the
network of the device's site was out (`no_network`)."""
DUE, SENT, ANSWERED, FAILED, REFUSED, HANDSHAKES, ADOPTED, INSTALLED, BYTES_OUT, BYTES_IN = range(10)
UNCHANGED, CHANGED, OLDER, BUNDLES, STATUS, CAPABILITIES, UNREACHABLE, LOST = range(10, 18)
Missed = Literal["unanswered", "under_way", "no_network"]
MISSED: tuple[Missed, ...] = get_args(Missed)
"""Why a poll that was due never got an answer."""
NOT_CONNECTED = frozenset({"refused", "unreachable", "connect-timeout", "tls", "no-ports", "no-files", "no-network"})
BYTES, FAILURES, GAVE_UP, REBOOTS, DRIFTS, POWER_CUTS, STORM_CUTS = GROUP_COLUMNS = (
    "bytes",
    "failed_installations",
    "gave_up",
    "reboots",
    "drifts",
    "power_cuts",
    "power_cuts_by_storm",
)
"""What is counted for each cohort, beside its latency; power cuts are those of sites and those of storms together."""
FIRST_MANIFEST = "first-manifests"
"""What is noticed of a device that takes its first manifest: a simulated one has it from the start."""
MAX_TEXTS = 20
_SERVED = {
    "fetch-bundle": BUNDLES,
    "fetch-deployment": BUNDLES,
    "report-status": STATUS,
    "report-capabilities": CAPABILITIES,
}


def _fine() -> Histogram:
    return Histogram(FINE)


@dataclass(slots=True)
class Second:
    """One second of the run: the columns, and the latency of the polls that were due in it.

    `reached`: devices on which a revision was installed, by (number of the rollout, of the wave).
    """

    counts: list[int] = field(default_factory=lambda: [0] * len(COLUMNS))
    latency: Histogram = field(default_factory=lambda: Histogram(COARSE))
    reached: Counter[tuple[int, int]] = field(default_factory=Counter)

    def merge(self, other: "Second") -> None:
        """Add another's counts."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.latency.merge(other.latency)
        self.reached += other.reached


@dataclass(slots=True)
class Wire:
    """Bytes of HTTP of one kind of request: whole requests, whole answers, and the bodies of answers alone."""

    sent: int = 0
    received: int = 0
    body: int = 0

    def add(self, sent: int, received: int, body: int) -> None:
        """Count an exchange, or many."""
        self.sent += sent
        self.received += received
        self.body += body


@dataclass(slots=True)
class Tally:
    """Everything counted.

    `service`: requests by operation and status, `wire` their bytes. `handshake`: connections with all that belongs to
    them, `tcp`: a round trip of TCP alone.

    `polls`: their latency by phase and cohort; `unmeasured`: those that never got an answer by phase, cohort and why;
    `service`: requests by operation; `lag`: how late the driver was.
    `noticed` counts what a device saw and refused (a manifest that is not newer, a digest that is wrong) and what the
    driver did by itself (a request repeated on a new connection); `texts` keeps one example of each, bounded.
    `results` counts devices by what they reported last of a revision, by (application, revision, state); in the tally
    of a moment a count may be below zero, for devices that report otherwise now. `groups` is what is counted for each
    cohort.
    """

    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    errors: Counter[tuple[str, str]] = field(default_factory=Counter)
    noticed: Counter[str] = field(default_factory=Counter)
    results: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    groups: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    texts: dict[str, str] = field(default_factory=dict)
    polls: defaultdict[tuple[str, str], Histogram] = field(default_factory=lambda: defaultdict(_fine))
    unmeasured: Counter[tuple[str, str, Missed]] = field(default_factory=Counter)
    service: defaultdict[tuple[str, int], Histogram] = field(default_factory=lambda: defaultdict(_fine))
    wire: defaultdict[tuple[str, int], Wire] = field(default_factory=lambda: defaultdict(Wire))
    handshake: Histogram = field(default_factory=_fine)
    tcp: Histogram = field(default_factory=_fine)
    lag: Histogram = field(default_factory=_fine)
    seconds: dict[int, Second] = field(default_factory=dict)
    bytes_out: int = 0
    bytes_in: int = 0

    # --- counting ----------------------------------------------------------------------------------------

    def second(self, at: float) -> Second:
        """The row of a time."""
        number = int(at)
        row = self.seconds.get(number)
        if row is None:
            row = self.seconds[number] = Second()
        return row

    def sent(self, at: float, size: int) -> None:
        """A request was written; its head and body have this size."""
        self.bytes_out += size
        counts = self.second(at).counts
        counts[SENT] += 1
        counts[BYTES_OUT] += size

    def answered(
        self, operation: str, status: int, at: float, took: float, size: int, *, sent: int = 0, body: int = 0
    ) -> None:
        """A request of `sent` bytes was answered `took` seconds after it was written; `body` is a part of `size`."""
        key = (operation, status)
        self.requests[key] += 1
        self.service[key].record(took)
        self.wire[key].add(sent, size, body)
        self.bytes_in += size
        counts = self.second(at).counts
        counts[ANSWERED] += 1
        counts[BYTES_IN] += size
        if status >= 400:
            counts[REFUSED] += 1
        elif operation == "fetch-manifest":
            counts[UNCHANGED if status == 304 else CHANGED] += 1
        elif operation in _SERVED:
            counts[_SERVED[operation]] += 1

    def older(self, at: float) -> None:
        """The manifest that came then is older than what the device has."""
        counts = self.second(at).counts
        counts[CHANGED] -= 1
        counts[OLDER] += 1

    def failed(self, operation: str, kind: str, at: float, text: str) -> None:
        """A request got no answer."""
        self.errors[operation, kind] += 1
        counts = self.second(at).counts
        counts[FAILED] += 1
        counts[UNREACHABLE if kind in NOT_CONNECTED else LOST] += 1
        self._example(kind, f"{operation}: {text}")

    def polled(self, phase: str, cohort: str, due: float, at: float) -> None:
        """A poll that was due at a time has its answer."""
        took = at - due
        self.polls[phase, cohort].record(took)
        self.second(due).latency.record(took)

    def missed(self, phase: str, cohort: str, due: float, why: Missed) -> None:
        """A poll that was due at a time will never have an answer."""
        self.unmeasured[phase, cohort, why] += 1
        self.second(due).counts[COLUMNS.index(why)] += 1

    def due(self, at: float) -> None:
        """A poll is scheduled for this time, and its time has come."""
        self.second(at).counts[DUE] += 1

    def connected(self, at: float, took: float, tcp: float) -> None:
        """A connection was made, handshake included; `tcp`: a round trip."""
        self.handshake.record(took)
        self.tcp.record(tcp)
        self.second(at).counts[HANDSHAKES] += 1

    def progressed(self, column: int, at: float) -> None:
        """A device adopted a manifest (ADOPTED), or reported a deployment installed (INSTALLED)."""
        self.second(at).counts[column] += 1

    def judged(self, application: str, revision: str, state: str, before: str | None) -> None:
        """A device reports that a revision was installed or failed; `before` is what it had reported of it."""
        self.results[application, revision, state] += 1
        if before is not None:
            self.results[application, revision, before] -= 1

    def notice(self, what: str, text: str = "", times: int = 1) -> None:
        """Something worth counting."""
        self.noticed[what] += times
        if text:
            self._example(what, text)

    # --- together ----------------------------------------------------------------------------------------

    def merge(self, other: "Tally") -> None:
        """Add another's counts."""
        self.requests += other.requests
        self.errors += other.errors
        self.noticed += other.noticed
        self.results.update(other.results)  # keeps what is below zero: a device may report otherwise later
        for name, group in other.groups.items():
            self.groups[name] += group
        for name, text in other.texts.items():
            self._example(name, text)
        for poll, histogram in other.polls.items():
            self.polls[poll].merge(histogram)
        self.unmeasured += other.unmeasured
        for key, histogram in other.service.items():
            self.service[key].merge(histogram)
        for key, wire in other.wire.items():
            self.wire[key].add(wire.sent, wire.received, wire.body)
        self.handshake.merge(other.handshake)
        self.tcp.merge(other.tcp)
        self.lag.merge(other.lag)
        for number, row in other.seconds.items():
            self.seconds.setdefault(number, Second()).merge(row)
        self.bytes_out += other.bytes_out
        self.bytes_in += other.bytes_in

    @property
    def latency(self) -> dict[str, Histogram]:
        """The latency of polls by phase."""
        phases = sorted({phase for phase, *_ in (*self.polls, *self.unmeasured)})
        return {phase: Histogram.merged(own for (of, _), own in self.polls.items() if of == phase) for phase in phases}

    def latency_of(self, cohort: str) -> Histogram:
        """The latency of a cohort's polls."""
        return Histogram.merged(own for (_, of), own in self.polls.items() if of == cohort)

    def missing(self, *, phase: str | None = None, cohort: str | None = None) -> dict[str, int]:
        """How many polls never got an answer by why, all of them or those of a phase or a cohort."""
        counts: dict[str, int] = dict.fromkeys(MISSED, 0)
        for (in_, of, why), count in self.unmeasured.items():
            if phase in (None, in_) and cohort in (None, of):
                counts[why] += count
        return counts

    def latency_summary(self) -> dict[str, dict[str, float | int | None]]:
        """Latency over all and by phase: percentiles of the polls that got an answer, and how many did not."""
        return {
            "all": {**Histogram.merged(self.latency.values()).summary(), **self.missing()},
            **{
                phase: {**histogram.summary(), **self.missing(phase=phase)}
                for phase, histogram in sorted(self.latency.items())
            },
        }

    def served(self, operation: str) -> Histogram:
        """The service times of an operation, whatever it was answered."""
        return Histogram.merged(histogram for (name, _), histogram in self.service.items() if name == operation)

    def total(self, column: int) -> int:
        """The sum of one column of the time series."""
        return sum(row.counts[column] for row in self.seconds.values())

    def to_plain(self) -> dict[str, Any]:
        """Everything as JSON values: seconds for durations, whole numbers for counts."""
        service = {operation: self.served(operation) for operation, _ in self.service}
        return {
            "requests": [
                {"operation": operation, "status": status, "count": count}
                for (operation, status), count in sorted(self.requests.items())
            ],
            "errors": [
                {"operation": operation, "kind": kind, "count": count}
                for (operation, kind), count in sorted(self.errors.items())
            ],
            "noticed": dict(sorted(self.noticed.items())),
            "examples": dict(sorted(self.texts.items())),
            "poll_latency_s": self.latency_summary(),
            "service_time_s": {name: histogram.summary() for name, histogram in sorted(service.items())},
            "handshake_s": self.handshake.summary(),
            "tcp_s": self.tcp.summary(),
            "driver_lag_s": self.lag.summary(),
            "bytes": {"out": self.bytes_out, "in": self.bytes_in},
            "histograms": {
                "poll_latency": {phase: histogram.to_plain() for phase, histogram in sorted(self.latency.items())},
                "service_time": {name: histogram.to_plain() for name, histogram in sorted(service.items())},
                "handshake": self.handshake.to_plain(),
                "tcp": self.tcp.to_plain(),
                "driver_lag": self.lag.to_plain(),
            },
            "exchanges": [
                {
                    "operation": operation,
                    "status": status,
                    "bytes": asdict(self.wire[operation, status]),
                    "service_time": histogram.to_plain(),
                }
                for (operation, status), histogram in sorted(self.service.items())
            ],
            "series": self.series(),
        }

    def series(self) -> list[dict[str, float | int | None]]:
        """One row per second in which anything happened."""
        return [
            {
                "second": number,
                **dict(zip(COLUMNS, row.counts, strict=True)),
                "poll_p50_s": row.latency.quantile(0.5),
                "poll_p99_s": row.latency.quantile(0.99),
                "poll_max_s": row.latency.quantile(1.0),
            }
            for number, row in sorted(self.seconds.items())
        ]

    def _example(self, name: str, text: str) -> None:
        """Keep one text of each kind: the smallest, so that the order of merging does not matter."""
        kept = self.texts.get(name)
        if kept is None and len(self.texts) >= MAX_TEXTS:
            return
        if kept is None or text < kept:
            self.texts[name] = text[:300]
