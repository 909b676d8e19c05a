"""The monitors over the traffic of a live fleet: sampled exchanges become a record and are judged as a device's are.

Each sampled device is a scenario of the record, with everything that it sent and was answered up to a bound; refusals
of other devices are one more, judged each for itself. What stands in the record is what the findings rest on.
"""

import hashlib
import platform
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from cryptography import x509

from conformance.bench.coverage import behaviour_entries, entries, interpretation_entries
from conformance.bench.run import load_checks
from conformance.bench.wfm_manner import PLAIN, Signing
from conformance.catalogue import DEFAULT_REVISION, load
from conformance.checks.evidence import Record
from conformance.checks.judging import judge
from conformance.checks.monitors import wfm_contents, wfm_manifests, wfm_problems, wfm_transport
from conformance.checks.registry import Check, monitors
from conformance.record import redact
from conformance.record.events import (
    CatalogueEvent,
    Connection,
    Fact,
    Finding,
    Header,
    Outcome,
    ScenarioFinished,
    ScenarioOutcome,
    ScenarioStarted,
    Subject,
    TlsFacts,
)
from conformance.record.events import Exchange as Recorded
from conformance.record.file import EVENT_FILE, EventWriter
from simulator.fleet.live.line import Exchange, Tls
from simulator.identity.svid_rules import uri_sans

WATCHING = (wfm_contents, wfm_manifests, wfm_problems, wfm_transport)
"""The modules whose monitors judge; they declare them when they are imported."""
SELECTION = "sampled traffic of a live fleet"
_WORST = (Outcome.FAIL, Outcome.WARNING, Outcome.INCONCLUSIVE, Outcome.OBSERVATION, Outcome.PASS)


@dataclass(frozen=True, slots=True)
class Judged:
    """What the monitors say of one statement by one check, over all that was sampled.

    `times`: how many findings are like it; `shown_by`: numbers of events of the record that show the first of them.
    """

    requirement: str
    outcome: Outcome
    check: str
    text: str
    times: int
    at_s: float
    shown_by: tuple[int, ...]
    shown: str
    """The exchange that shows it, in words."""


class FleetWatch:
    """Takes sampled exchanges and judges them once the run is over; the record is written to `folder`.

    `client_of` gives the SPIFFE ID of a device by its name, None where clients have none.
    """

    def __init__(
        self, folder: Path, url: str, revision: str = DEFAULT_REVISION, client_of: Callable[[str], str] | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / EVENT_FILE).unlink(missing_ok=True)
        load_checks()  # the catalogue of the record tells which checks hold a statement
        self.catalogue = load(revision)
        self._client_of = client_of
        self._manner = PLAIN if revision == DEFAULT_REVISION else Signing(None, lambda: 0.0)
        self._root = url.partition("://")[2].partition("/")[2].rstrip("/")
        self._writer = EventWriter(folder / EVENT_FILE)
        self._scenarios: dict[str, int] = {}
        self._exchanges: dict[int, list[Recorded]] = defaultdict(list)
        self._connections: dict[int, list[Connection]] = defaultdict(list)
        self._facts: dict[int, list[Fact]] = defaultdict(list)
        self._lines: dict[tuple[int, int, int], int] = {}
        self._begin(url, revision)

    def hear(self, exchange: Exchange) -> None:
        """Take one exchange into the record."""
        name = "refusals of any device" if exchange.alone else f"device {exchange.client_id}"
        scenario = self._scenario(name)
        facts = _tls_facts(exchange.tls)
        line = self._line(scenario, exchange, facts)
        path = exchange.target.removeprefix(f"/{self._root}" if self._root else "")
        call = self._manner.recognise(exchange.method, path)
        client = self._client_of(exchange.client_id) if self._client_of else call.params.get("clientId")
        self._exchanges[scenario].append(
            self._writer.append(
                Recorded(
                    at=max(0.0, exchange.sent_at),
                    scenario=scenario,
                    seat="server",
                    operation=call.operation,
                    params=dict(call.params),
                    client=client,
                    connection=line,
                    method=exchange.method,
                    target=exchange.target,
                    http_version="1.1",
                    request_headers=redact.headers(exchange.request_headers.items()),
                    request=redact.body(exchange.request_body),
                    status=exchange.status,
                    response_headers=redact.headers(exchange.headers.items()),
                    response=redact.body(exchange.body),
                    finished=max(0.0, exchange.answered_at),
                    tls=facts,
                )
            )
        )

    def judge(self) -> tuple[Judged, ...]:
        """Have the monitors judge what was heard, and seal the record; the gravest first."""
        findings: list[Finding] = []
        for name, scenario in self._scenarios.items():
            found = self._judged(scenario, alone=not name.startswith("device "))
            findings += found
            outcome, why = _end(found)
            self._writer.append(ScenarioFinished(scenario=scenario, outcome=outcome, reason=why, at=self._last()))
        self._writer.close()
        return tuple(_together(findings, {item.n: item for item in self._all()}))

    def abandon(self) -> None:
        """Throw the record away: there was no run."""
        self._writer.close()
        self._writer.path.unlink()

    # --- inside ------------------------------------------------------------------------------------------

    def _begin(self, url: str, revision: str) -> None:
        profile = self.catalogue.profiles("wfm")[0]
        self._writer.append(
            Header(
                run=str(uuid.uuid4()),
                started=datetime.now(UTC).isoformat(timespec="seconds"),
                suite=version("margo-conformance"),
                revision=revision,
                subjects=(Subject(role="wfm", name="WFM", target=redact.without_passwords(url), profile=profile.name),),
                selection=SELECTION,
                digests={"catalogue": self.catalogue.digest},
                environment={"python": platform.python_version(), "platform": platform.platform()},
            )
        )
        self._writer.append(
            CatalogueEvent(
                requirements=entries(self.catalogue, {"wfm": profile.claims}),
                behaviours=behaviour_entries(self.catalogue),
                interpretations=interpretation_entries(self.catalogue),
            )
        )

    def _scenario(self, name: str) -> int:
        number = self._scenarios.get(name)
        if number is None:
            number = self._scenarios[name] = len(self._scenarios) + 1
            self._writer.append(
                ScenarioStarted(
                    scenario=number, role="wfm", feature="Live fleet", name=name, uri="wfm/live-fleet", line=1
                )
            )
        return number

    def _line(self, scenario: int, exchange: Exchange, facts: TlsFacts | None) -> int | None:
        """Number the connection, and note it when it is seen first."""
        if exchange.tls is None:
            return None
        key = (exchange.shard, exchange.tls.connection, scenario)
        number = self._lines.get(key)
        if number is None:
            number = self._lines[key] = len(self._lines) + 1
            at = max(0.0, exchange.sent_at)
            made = Connection(at=at, scenario=scenario, seat="server", outcome="established", tls=facts)
            self._connections[scenario].append(self._writer.append(made))
            spoken = Fact(at=at, scenario=scenario, kind="http-version", data={"version": "HTTP/1.1"})
            self._facts[scenario].append(self._writer.append(spoken))
        return number

    def _judged(self, scenario: int, *, alone: bool) -> list[Finding]:
        record = Record(
            "wfm",
            tuple(sorted(self._exchanges[scenario], key=lambda item: item.at)),
            tuple(self._connections[scenario]),
            tuple(self._facts[scenario]),
            {"revision": self.catalogue.revision},
        )
        judging = [item for item in monitors("wfm") if not alone or _judges_alone(item)]
        found = [finding for monitor in judging for finding in judge(monitor, record, self.catalogue, scenario)]
        return [self._writer.append(finding.model_copy(update={"at": self._last()})) for finding in found]

    def _all(self) -> Iterable[Recorded | Connection | Fact]:
        for kept in (self._exchanges, self._connections, self._facts):
            for events in kept.values():
                yield from events

    def _last(self) -> float:
        return max((item.finished for items in self._exchanges.values() for item in items), default=0.0)


def _judges_alone(monitor: Check) -> bool:
    """Whether a monitor looks at each error for itself, and so needs nothing of what went before."""
    return getattr(monitor.judge, "__module__", "") == wfm_problems.__name__


def _end(findings: list[Finding]) -> tuple[ScenarioOutcome, str | None]:
    broken = next((item for item in findings if item.outcome is Outcome.FAIL), None)
    if broken is not None:
        return ScenarioOutcome.FAILED, f"{broken.requirement} failed"
    if not any(item.outcome is Outcome.PASS for item in findings):
        return ScenarioOutcome.INCONCLUSIVE, "nothing that could be judged"
    return ScenarioOutcome.PASSED, None


def _together(findings: list[Finding], events: dict[int, Recorded | Connection | Fact]) -> Iterable[Judged]:
    """One entry for each statement, check and outcome, the gravest first."""
    alike: dict[tuple[Outcome, str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        alike[finding.outcome, finding.requirement, finding.check].append(finding)
    for (outcome, requirement, check), found in sorted(
        alike.items(), key=lambda item: (_WORST.index(item[0][0]), item[0][1:])
    ):
        first = found[0]
        shown = [events[number] for number in first.shown_by if number in events]
        text = f"{first.message} Expected {first.expected}; found {first.found}."
        at = min((item.at for item in shown), default=0.0)
        told = _told(shown[-1]) if shown else ""
        yield Judged(requirement, outcome, check, text, len(found), at, first.shown_by, told)


def _told(event: Recorded | Connection | Fact) -> str:
    if isinstance(event, Recorded):
        return f"event {event.n}: {event.method} {event.target} -> {event.status} at {event.at:.3f} s"
    return f"event {event.n} at {event.at:.3f} s"


def _tls_facts(tls: Tls | None) -> TlsFacts | None:
    if tls is None:
        return None
    names = uri_sans(x509.load_der_x509_certificate(tls.chain[0])) if tls.chain else []
    return TlsFacts(
        version=tls.version,
        cipher=tls.cipher or None,
        peer_id=names[0] if len(names) == 1 else None,
        peer_chain=tuple(hashlib.sha256(certificate).hexdigest() for certificate in tls.chain),
    )
