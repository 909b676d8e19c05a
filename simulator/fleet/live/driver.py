"""A live run from the outside: hands that each carry a share of the fleet, and what they tell, put together.

They are processes of this machine, or workers on several. They begin at one moment and tell every second what happened
since; so what one of them counted is kept when it, the WFM or the user ends the run early.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from simulator.fleet.live.credentials import open_credentials
from simulator.fleet.live.hands import Hands, Hire, Processes
from simulator.fleet.live.line import Exchange
from simulator.fleet.live.plan import LivePlan
from simulator.fleet.live.ready import NotReady, find, first_request
from simulator.fleet.live.result import Finding, LiveResult, ProcessUse, about_the_driver
from simulator.fleet.live.shard import DRAIN_S, Delta
from simulator.fleet.live.tally import ANSWERED, FAILED, SENT, Tally
from simulator.fleet.live.tls import LIFETIME
from simulator.fleet.live.worker import Done, Failed, Prepared, Ready, Told

SILENCE_S = 3.0
"""A time without any answer that is worth a finding though the WFM came back."""
_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: devices prepared (`preparing`) or seconds run (`running`), and what was counted so far.

    `results` are devices by what they reported last of a revision, by (application, revision, state).
    """

    stage: Literal["preparing", "running"]
    prepared: int
    at_s: float
    answered: int = 0
    failed: int = 0
    open: int = 0
    results: Mapping[tuple[str, str, str], int] = field(default_factory=dict)


def run_live(
    plan: LivePlan,
    url: str,
    identity: Path,
    *,
    on_progress: Callable[[Progress], object] = lambda _: None,
    on_sample: Callable[[Exchange], object] = lambda _: None,
    on_announced: Callable[[Mapping[int, str]], object] = lambda _: None,
    hire: Hire = Processes,
) -> LiveResult:
    """Run a plan against the WFM at a URL, with credentials of an identity folder. Blocks until it is over.

    Ctrl-C ends the run early and in order: what was counted stands, marked partial. `on_announced` is told which
    devices the WFM knows from now on, by number, with the client's name there.

    Raises:
        NotReady: the run cannot begin, and why.
        TooFewFiles: the machine allows too few open files.
        CredentialError: the identity folder cannot be used.
    """
    lifetime = LIFETIME + timedelta(seconds=plan.duration_s)
    first_request(plan, open_credentials(plan.revision, identity, lifetime), find(url))
    hands = hire(plan, url, identity, lifetime)
    crew = _Crew(plan, hands, on_progress, on_sample, on_announced)
    try:
        crew.prepare()
        crew.run()
    finally:
        hands.dismiss()
    return crew.result(url)


class _Crew:
    """The processes of one run, and what they have told so far."""

    def __init__(
        self,
        plan: LivePlan,
        hands: Hands,
        on_progress: Callable[[Progress], object],
        on_sample: Callable[[Exchange], object],
        on_announced: Callable[[Mapping[int, str]], object],
    ) -> None:
        self._plan, self._hands, self._on_progress, self._on_sample = plan, hands, on_progress, on_sample
        self._on_announced = on_announced
        self._tally = Tally()
        self._uses = [ProcessUse() for _ in range(plan.shards)]
        self._open = [0] * plan.shards
        self._prepared = [0] * plan.shards
        self._running = set(range(plan.shards))
        self._findings: list[Finding] = []
        self._partial = False
        self._began = 0.0
        self._ran_s = 0.0
        self._silent_since: float | None = None
        self._failed_in_silence = 0
        self._answered = self._failed = 0

    def prepare(self) -> None:
        """Wait until every process has its devices ready. Raises NotReady."""
        ready: set[int] = set()
        while len(ready) < self._plan.shards:
            for index, told in self._hands.hear(self._running):
                match told:
                    case Prepared(count):
                        self._prepared[index] = count
                    case Ready():
                        ready.add(index)
                    case Failed(text):
                        raise NotReady(f"{self._hands.name(index)}: {text}")
                    case None:
                        raise NotReady(f"{self._hands.name(index)} ended before the run began")
            self._on_progress(Progress("preparing", sum(self._prepared), 0.0))

    def run(self) -> None:
        """Begin, and listen until every process is done, or the run has to end."""
        self._began = time.monotonic() + self._hands.head_start_s
        self._hands.begin(self._began)
        latest = self._began + self._plan.duration_s + 2 * DRAIN_S + _PATIENCE_S
        while self._running:
            try:
                for index, told in self._hands.hear(self._running):
                    self._take(index, told)
                self._on_progress(self._progress())
                self._check_silence()
            except KeyboardInterrupt:
                self._end("stopped", "ended by the user before its time")
            if time.monotonic() > latest:
                self._lose(self._running, "does not end")

    def result(self, url: str) -> LiveResult:
        """Everything together."""
        findings = (*self._findings, *about_the_driver(self._tally, self._ran_s))
        return LiveResult(self._plan, url, self._tally, findings, self._partial, self._ran_s, tuple(self._uses))

    # --- listening ---------------------------------------------------------------------------------------

    def _take(self, index: int, told: Told | None) -> None:
        match told:
            case Delta():
                self._add(index, told)
            case Done(cpu_s, rss_mib):
                use = self._uses[index]
                self._uses[index] = ProcessUse(cpu_s, rss_mib, use.peak_connections, use.evicted)
                self._running.discard(index)
            case Failed(text):
                self._lose({index}, f"failed: {text}")
            case None:
                self._lose({index}, "ended unexpectedly")

    def _add(self, index: int, delta: Delta) -> None:
        counts = [delta.tally.total(column) for column in (ANSWERED, FAILED, SENT)]
        self._answered += counts[0]
        self._failed += counts[1]
        self._note_silence(delta.until_s, *counts)
        self._tally.merge(delta.tally)
        self._ran_s = max(self._ran_s, min(delta.until_s, self._plan.duration_s))
        self._open[index] = delta.open
        self._uses[index] = ProcessUse(0.0, 0.0, delta.peak, delta.evicted)
        for sample in delta.samples:
            self._on_sample(sample)
        if delta.announced:
            self._on_announced(delta.announced)

    def _progress(self) -> Progress:
        devices, at = sum(self._prepared), max(0.0, time.monotonic() - self._began)
        at = min(at, self._plan.duration_s)
        return Progress("running", devices, at, self._answered, self._failed, sum(self._open), self._tally.results)

    # --- ends --------------------------------------------------------------------------------------------

    def _note_silence(self, until_s: float, answered: int, failed: int, sent: int) -> None:
        if not answered:
            if self._silent_since is None and (failed or sent):
                self._silent_since = max(0.0, until_s - 1.0)
            self._failed_in_silence += failed
            return
        since, self._silent_since = self._silent_since, None
        failures, self._failed_in_silence = self._failed_in_silence, 0
        if since is not None and failures and until_s - since > SILENCE_S:
            text = f"the WFM gave no answer at all for about {until_s - since:.0f} s ({failures} requests), then it did"
            self._findings.append(Finding("wfm-silent", text, since, until_s))

    def _check_silence(self) -> None:
        """End the run when nothing has been answered for long, though it was asked for."""
        now, since = time.monotonic() - self._began, self._silent_since
        gone = since is not None and self._failed_in_silence and now - since >= self._plan.gone_after_s
        if gone and since is not None and not self._partial:
            failures = self._failed_in_silence
            text = f"the WFM disappeared: no answer since about {since:.0f} s ({failures} requests); the run was ended"
            self._end("wfm-gone", text, since)

    def _end(self, kind: Literal["stopped", "wfm-gone"], text: str, since: float | None = None) -> None:
        now = max(0.0, time.monotonic() - self._began)
        self._findings.append(Finding(kind, text, now if since is None else since, now))
        self._partial = True
        for index in self._running:
            self._hands.stop(index)

    def _lose(self, indices: set[int], how: str) -> None:
        now = max(0.0, time.monotonic() - self._began)
        for index in sorted(indices):
            devices = len(range(index, self._plan.devices, self._plan.shards))
            text = f"{self._hands.name(index)} {how}: its {devices} devices are missing from here on"
            self._findings.append(Finding("process-lost", text, now, self._plan.duration_s))
        self._partial = True
        self._running -= set(indices)
