"""What went over the wire, bounded, as the HTML report embeds it: one JSON object, rendered on demand in the browser.

Equal bodies, header lists and connections stand there once. What the page points at is taken in first, failures
foremost, then everything of the scenarios that did not pass, then the beginning of each that did; a budget keeps the
file small however long the run was. Whatever is cut leaves a gap in the timeline that says how much it was.
"""

import base64
import json
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import groupby, zip_longest
from typing import Any

from conformance.record.events import Body, Connection, Exchange, Fact, Outcome, ScenarioOutcome, TlsFacts
from conformance.record.run import Run, ScenarioRun
from reports.groups import NOTABLE
from reports.text import printable

SHOWN_CHARACTERS = 8 * 1024
"""Of a text body."""
SHOWN_BYTES = 512
"""Of a body that is no text, as a hex dump."""
SHOWN_VALUE = 2 * 1024
"""Characters of one header value, target or fact."""
BUDGET = 1_200_000
"""Characters of all the evidence in one report."""
FIRST_EVENTS = 12
"""Events from the beginning of each scenario that passed; those that a finding points at come on top."""

_Wire = Exchange | Connection | Fact


def evidence_of(run: Run, wanted: Iterable[int] = (), budget: int = BUDGET) -> dict[str, Any]:
    """Gather the evidence of a run; `wanted` are the events that the page points at, most important first.

    `events` maps numbers to what happened; `bodies`, `headers` and `tls` hold what these refer to by index, `fields`
    what `headers` do. `timeline` has for each scenario, in order, the number of each event that is there and, for each
    gap, how many events and exchanges were left out, with the numbers of the first and the last of them. `held` has
    for each scenario what its findings saw hold, as indices of `names`.
    """
    return {**_Collector(budget).collect(run, wanted), **_held(run)}


def script_safe(value: object) -> str:
    """JSON that may stand inside a script element, whatever its strings hold."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


class _Collector:
    def __init__(self, budget: int) -> None:
        self._left = budget
        self._bodies = _Table()
        self._headers = _Table()
        self._fields = _Table()
        self._tls = _Table()

    def collect(self, run: Run, wanted: Iterable[int]) -> dict[str, Any]:
        events: dict[int, dict[str, Any]] = {}
        for event in _by_importance(run, wanted):
            if event.n not in events and self._left > 0:
                events[event.n] = self._event(event)
        return {
            "events": events,
            "bodies": self._bodies.rows,
            "headers": self._headers.rows,
            "fields": self._fields.rows,
            "tls": self._tls.rows,
            "timeline": {scenario.number: _timeline(_wire(scenario), events.keys()) for scenario in run.scenarios},
        }

    def _event(self, event: _Wire) -> dict[str, Any]:
        match event:
            case Exchange():
                shown = self._exchange(event)
            case Connection():
                shown = {**_connection(event), "tls": self._connected(event.tls)}
            case Fact():
                shown = _fact(event)
        row = {key: value for key, value in shown.items() if value not in (None, "", [], {})}
        self._left -= len(script_safe(row))
        return row

    def _exchange(self, event: Exchange) -> dict[str, Any]:
        return {
            "type": "exchange",
            "scenario": event.scenario,
            "at": round(event.at, 4),
            "took": round(max(event.finished - event.at, 0.0), 4) if event.finished else None,
            "operation": event.operation,
            "params": {clip(key): clip(value) for key, value in event.params.items()},
            "subject": event.seat,
            "method": clip(event.method),
            "target": clip(event.target),
            "status": event.status,
            "requestHeaders": self._header_list(event.request_headers),
            "request": self._body(event.request),
            "responseHeaders": self._header_list(event.response_headers),
            "response": self._body(event.response),
            "version": clip(event.http_version),
            "tls": self._connected(event.tls, event.client),
            "fault": clip(event.fault),
            "error": clip(event.error),
        }

    def _header_list(self, items: tuple[tuple[str, str], ...]) -> int | None:
        if not items:
            return None
        rows = [self._fields.index([clip(name), clip(value)], self._spend) for name, value in items[:64]]
        return self._headers.index(rows, self._spend)

    def _connected(self, facts: TlsFacts | None, client: str | None = None) -> int | None:
        row = _tls(facts or TlsFacts(), client)
        return self._tls.index(row, self._spend) if row else None

    def _body(self, body: Body) -> int | None:
        if not body.size and not body.text and not body.base64:
            return None
        return self._bodies.index(_body(body), self._spend)

    def _spend(self, cost: int) -> None:
        self._left -= cost


class _Table:
    """Rows that are stored once however often they occur."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self._known: dict[str, int] = {}

    def index(self, row: object, spend: Any) -> int:
        text = script_safe(row)
        if text not in self._known:
            self._known[text] = len(self.rows)
            self.rows.append(row)
            spend(len(text))
        return self._known[text]


def clip(text: str | None) -> str | None:
    """Bound one value."""
    if text is None or len(text) <= SHOWN_VALUE:
        return text
    return f"{text[:SHOWN_VALUE]}… ({len(text):,} characters)"


def _wire(scenario: ScenarioRun) -> list[_Wire]:
    return sorted((*scenario.exchanges, *scenario.connections, *scenario.facts), key=lambda event: event.n)


def _by_importance(run: Run, wanted: Iterable[int]) -> Iterator[_Wire]:
    findings = [finding for scenario in run.scenarios for finding in scenario.findings]
    notable = (n for outcome in NOTABLE for finding in findings if finding.outcome is outcome for n in finding.shown_by)
    for n in (*notable, *wanted):
        event = run.by_number.get(n)
        if isinstance(event, Exchange | Connection | Fact):
            yield event
    passed = [scenario for scenario in run.scenarios if scenario.outcome is ScenarioOutcome.PASSED]
    others = [scenario for scenario in run.scenarios if scenario.outcome is not ScenarioOutcome.PASSED]
    yield from _in_turn([_wire(scenario) for scenario in others])
    yield from _in_turn([_wire(scenario)[:FIRST_EVENTS] for scenario in passed])


def _in_turn(timelines: list[list[_Wire]]) -> Iterator[_Wire]:
    """One event of each scenario after the other, so that what the budget lacks is lacking everywhere alike."""
    for events in zip_longest(*timelines):
        yield from (event for event in events if event is not None)


def _timeline(events: list[_Wire], kept: Container[int]) -> list[int | dict[str, int]]:
    rows: list[int | dict[str, int]] = []
    for is_kept, group in groupby(events, key=lambda event: event.n in kept):
        listed = list(group)
        if is_kept:
            rows += [event.n for event in listed]
        else:
            exchanges = sum(isinstance(event, Exchange) for event in listed)
            rows.append({"events": len(listed), "exchanges": exchanges, "first": listed[0].n, "last": listed[-1].n})
    return rows


def _held(run: Run) -> dict[str, Any]:
    names = sorted({finding.requirement for scenario in run.scenarios for finding in scenario.findings})
    index = {name: number for number, name in enumerate(names)}
    held = {
        scenario.number: sorted(
            {index[finding.requirement] for finding in scenario.findings if finding.outcome is Outcome.PASS}
        )
        for scenario in run.scenarios
    }
    return {"names": [clip(name) for name in names], "held": held}


def _body(body: Body) -> dict[str, Any]:
    row: dict[str, Any] = {"size": body.size, "digest": body.digest}
    if body.base64 is not None:
        data = base64.b64decode(body.base64)
        row["hex"] = "\n".join(_hex_rows(data[:SHOWN_BYTES]))
        if len(data) > SHOWN_BYTES:
            row["note"] = f"first {SHOWN_BYTES} of {body.size:,} bytes"
    else:
        text = body.text or ""
        row["text"] = text[:SHOWN_CHARACTERS]
        if len(text) > SHOWN_CHARACTERS:
            row["note"] = f"first {SHOWN_CHARACTERS:,} of {len(text):,} characters"
    if body.cut or body.redacted:
        row["cut"] = True
    return row


def _hex_rows(data: bytes) -> Iterator[str]:
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in row)
        yield f"{start:06x}  {row.hex(' '):<47}  {shown}"


def _connection(event: Connection) -> dict[str, Any]:
    return {
        "type": "connection",
        "scenario": event.scenario,
        "at": round(event.at, 4),
        "subject": event.seat,
        "outcome": event.outcome,
        "reason": clip(event.reason),
        "offered": clip(event.offered),
    }


def _fact(event: Fact) -> dict[str, Any]:
    data = json.dumps(event.data, ensure_ascii=False, default=str) if event.data else None
    return {
        "type": "fact",
        "scenario": event.scenario,
        "at": round(event.at, 4),
        "kind": clip(event.kind),
        "data": clip(data),
        "refs": {clip(name): list(numbers) for name, numbers in event.refs.items()},
    }


def _tls(facts: TlsFacts, client: str | None) -> Mapping[str, object]:
    rows: Iterable[tuple[str, object]] = (
        ("client", clip(client) if client != facts.peer_id else None),
        ("version", facts.version),
        ("cipher", facts.cipher),
        ("calls", client is not None and client == facts.peer_id),
        ("peer", clip(printable(facts.peer_id)) if facts.peer_id else None),
        ("chain", [f"{digest[:16]}…" for digest in facts.peer_chain[:8]]),
    )
    return {name: value for name, value in rows if value}
