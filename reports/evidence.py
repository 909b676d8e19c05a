"""What went over the wire, bounded, as the HTML report embeds it: one JSON object, rendered on demand in the browser.

Equal bodies and header lists stand there once. A budget keeps the file small however long the run was; what
shows a failure is taken in first, then what any finding points at, then the rest in order.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from conformance.record.events import Body, Connection, Exchange, Fact, Outcome, TlsFacts
from conformance.record.run import Run, ScenarioRun
from reports.text import printable

SHOWN_CHARACTERS = 8 * 1024
"""Of a text body."""
SHOWN_BYTES = 512
"""Of a body that is no text, as a hex dump."""
SHOWN_VALUE = 2 * 1024
"""Characters of one header value, target or fact."""
BUDGET = 3_500_000
"""Characters of all the evidence in one report."""

_Wire = Exchange | Connection | Fact


def evidence_of(run: Run, budget: int = BUDGET) -> dict[str, Any]:
    """Gather the evidence of a run.

    `events` maps numbers to what happened; `bodies` and `headers` hold what these refer to by index; `timeline` lists
    the numbers of each scenario in order; `left_out` counts by scenario what the budget had no room for.
    """
    return _Collector(budget).collect(run)


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

    def collect(self, run: Run) -> dict[str, Any]:
        events: dict[int, dict[str, Any]] = {}
        for event in _by_importance(run):
            if event.n not in events and self._left > 0:
                events[event.n] = self._event(event)
        timeline = {scenario.number: [event.n for event in _wire(scenario)] for scenario in run.scenarios}
        return {
            "events": events,
            "bodies": self._bodies.rows,
            "headers": self._headers.rows,
            "timeline": {number: [n for n in listed if n in events] for number, listed in timeline.items()},
            "left_out": {
                number: missing
                for number, listed in timeline.items()
                if (missing := sum(n not in events for n in listed))
            },
        }

    def _event(self, event: _Wire) -> dict[str, Any]:
        match event:
            case Exchange():
                shown = self._exchange(event)
            case Connection():
                shown = _connection(event)
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
            "client": clip(event.client),
            "requestHeaders": self._header_list(event.request_headers),
            "request": self._body(event.request),
            "responseHeaders": self._header_list(event.response_headers),
            "response": self._body(event.response),
            "tls": _tls(event.tls),
            "fault": clip(event.fault),
            "error": clip(event.error),
        }

    def _header_list(self, items: tuple[tuple[str, str], ...]) -> int | None:
        if not items:
            return None
        rows = [[clip(name), clip(value)] for name, value in items[:64]]
        return self._headers.index(rows, self._spend)

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


def _by_importance(run: Run) -> Iterator[_Wire]:
    findings = [finding for scenario in run.scenarios for finding in scenario.findings]
    failed = (n for finding in findings if finding.outcome is Outcome.FAIL for n in finding.shown_by)
    shown = (n for finding in findings for n in finding.shown_by)
    for n in (*failed, *shown):
        event = run.by_number.get(n)
        if isinstance(event, Exchange | Connection | Fact):
            yield event
    for scenario in run.scenarios:
        yield from _wire(scenario)


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
    if body.cut:
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
        "tls": _tls(event.tls),
    }


def _fact(event: Fact) -> dict[str, Any]:
    data = json.dumps(event.data, ensure_ascii=False, indent=2, default=str) if event.data else None
    return {
        "type": "fact",
        "scenario": event.scenario,
        "at": round(event.at, 4),
        "kind": clip(event.kind),
        "data": clip(data),
    }


def _tls(facts: TlsFacts | None) -> Mapping[str, object] | None:
    if facts is None:
        return None
    rows: Iterable[tuple[str, object]] = (
        ("version", facts.version),
        ("cipher", facts.cipher),
        ("peer", clip(printable(facts.peer_id)) if facts.peer_id else None),
        ("chain", [clip(digest) for digest in facts.peer_chain[:8]]),
    )
    return {name: value for name, value in rows if value}
