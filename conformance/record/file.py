"""The event file: written line by line, sealed by a footer, refused when truncated or edited."""

import hashlib
import json
import os
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from pydantic import ValidationError

from conformance.record.events import EVENT, FORMAT, Event, Exchange, Finding, Footer, Header, ScenarioFinished, _Event
from conformance.record.redact import address, headers, line_without_secrets

EVENT_FILE = "events.ndjson"
E = TypeVar("E", bound=_Event)


class BrokenRecord(ValueError):
    """An event file that cannot be relied on: which file, which line, what is wrong with it."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        self.path = path
        self.line = line
        super().__init__(f"{path}:{line}: {problem}")


class EventWriter:
    """Appends events; safe to use from several threads. Nothing is ever rewritten.

    Recorders redact what they record (`redact.body`, `redact.headers`), so that judges see the same as the file. The
    writer is the last line of defence: secret headers and addresses of an exchange, and private keys, secret members
    and passwords in addresses anywhere in an event, are replaced here too.

    Raises FileExistsError when the file is already there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("xb")
        self._hash = hashlib.sha256()
        self._lock = threading.Lock()
        self._count = 0
        self._totals: Counter[str] = Counter()

    def append(self, event: E) -> E:
        """Number the event and write it; returns it as written."""
        with self._lock:
            numbered = _without_secrets(event).model_copy(update={"n": self._count})
            self._write(_line(numbered))
            self._totals.update(_totals_of(numbered))
        return numbered

    def close(self) -> None:
        """Seal the file with the footer and flush it to disk."""
        with self._lock:
            if self._file.closed:
                return
            footer = Footer(
                n=self._count,
                events=self._count,
                digest="",
                totals=dict(sorted(self._totals.items())),
            )
            self._hash.update(_line(footer))
            self._write(_line(footer.model_copy(update={"digest": f"sha256:{self._hash.hexdigest()}"})))
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        # a run that broke off leaves a file without a footer: it is refused, as it should be
        if kind is None:
            self.close()
        else:
            self._file.close()

    def _write(self, line: bytes) -> None:
        self._file.write(line)
        self._hash.update(line)
        self._count += 1


def read(path: Path) -> tuple[Event, ...]:
    """Read a whole run.

    Raises BrokenRecord: unreadable, of another format, truncated, edited, out of order. OSError when there is no file.
    """
    lines = path.read_bytes().splitlines(keepends=True)
    if not lines:
        raise BrokenRecord(path, 1, "the file is empty")
    events = [_parse(path, number, line) for number, line in enumerate(lines, start=1)]
    _check_order(path, events)
    _check_seal(path, events, lines)
    return tuple(events)


def write(path: Path, events: Iterable[Event]) -> None:
    """Write a whole run at once; an existing footer is replaced by a fresh one."""
    with EventWriter(path) as writer:
        for event in events:
            if not isinstance(event, Footer):
                writer.append(event)
        writer.close()


def _parse(path: Path, number: int, line: bytes) -> Event:
    if not line.endswith(b"\n"):
        raise BrokenRecord(path, number, "the last line is incomplete: the run broke off or the file was truncated")
    try:
        value: Any = json.loads(line)
    except ValueError as error:
        raise BrokenRecord(path, number, f"not JSON: {error}") from None
    if number == 1 and isinstance(value, dict) and value.get("format", FORMAT) != FORMAT:
        raise BrokenRecord(path, number, f"event format {value['format']} where this suite reads {FORMAT}")
    try:
        return EVENT.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise BrokenRecord(path, number, f"{field}: {first['msg']}") from None


def _check_order(path: Path, events: list[Event]) -> None:
    if not isinstance(events[0], Header):
        raise BrokenRecord(path, 1, f"expected a header, found {events[0].type}")
    for index, event in enumerate(events):
        if event.n != index:
            raise BrokenRecord(path, index + 1, f"expected event {index}, found {event.n}: lines are missing or moved")
        if isinstance(event, Header | Footer) and index not in (0, len(events) - 1):
            raise BrokenRecord(path, index + 1, f"a {event.type} in the middle of the run")


def _check_seal(path: Path, events: list[Event], lines: list[bytes]) -> None:
    footer = events[-1]
    if not isinstance(footer, Footer):
        raise BrokenRecord(path, len(lines), "no footer: the run broke off or the file was truncated")
    sealed = b"".join(lines[:-1]) + lines[-1].replace(footer.digest.encode(), b"", 1)
    digest = f"sha256:{hashlib.sha256(sealed).hexdigest()}"
    if footer.events != len(events) - 1 or footer.digest != digest:
        raise BrokenRecord(path, len(lines), "the footer does not fit the events before it: the file was edited")


def _line(event: _Event) -> bytes:
    return (line_without_secrets(event.model_dump_json(exclude_defaults=False)) + "\n").encode()


def _without_secrets(event: E) -> E:
    if not isinstance(event, Exchange):
        return event
    clean = {
        "target": address(event.target),
        "request_headers": headers(event.request_headers),
        "response_headers": headers(event.response_headers),
    }
    return event.model_copy(update=clean)


def _totals_of(event: _Event) -> list[str]:
    if isinstance(event, Finding):
        return [f"finding:{event.outcome}"]
    if isinstance(event, ScenarioFinished):
        return [f"scenario:{event.outcome}"]
    return [str(getattr(event, "type", "event"))]
