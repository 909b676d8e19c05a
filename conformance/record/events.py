"""The events of a run, in the order in which they happen; everything else is a projection of them.

One event is one line of `events.ndjson`. `n` numbers the lines from 0. Times are seconds since the run began
(`at`, monotonic clock) beside one wall-clock time in the header. A published JSON Schema describes each line.
"""

import base64
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

_PLACEHOLDER = re.compile(r"<([^<>]+)>")

FORMAT = 1
"""The version of the event format; a reader refuses any other."""

Role = Literal["device", "wfm"]
Severity = Literal["must", "should", "may", "info"]


class Outcome(StrEnum):
    """What one check found (design: verdicts)."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    WARNING = "warning"
    OBSERVATION = "observation"
    INCONCLUSIVE = "inconclusive"


class ScenarioOutcome(StrEnum):
    """How one scenario ended. Only `passed` may ever be shown as green."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    BLOCKED = "blocked"
    NOT_APPLICABLE = "not-applicable"
    NOT_RUN = "not-run"
    ERROR = "error"


class _Frozen(BaseModel):
    # JSON knows neither infinity nor NaN: written, they would make the file unreadable
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Event(_Frozen):
    n: int = Field(default=0, ge=0)
    at: float = Field(default=0.0, ge=0)


class Subject(_Frozen):
    """What is under test in one role, and what its supplier declares of it."""

    role: Role
    name: str
    version: str | None = None
    vendor: str | None = None
    target: str
    """`simulated`, `simulated:<mutant>`, or where a real subject was reached."""
    profile: str
    features: tuple[str, ...] = ()
    policies: Mapping[str, str] = {}


class Header(_Event):
    """The first event: what was run, with what, on what."""

    type: Literal["header"] = "header"
    format: int = FORMAT
    run: str
    started: str
    """ISO 8601, UTC."""
    suite: str
    """Version of the suite."""
    revision: str
    subjects: tuple[Subject, ...]
    planned: Mapping[Role, int] = {}
    """How many scenarios the suite has for each role; a record with fewer is incomplete."""
    selection: str | None = None
    """The filter, when only a part was run; such a run is never called conformant."""
    named: tuple[str, ...] = ()
    """The scenarios that were selected by name, as those that failed before; each by its file, line, name and row."""
    seed: int | None = None
    deadlines: Mapping[str, float] = {}
    """Effective values in seconds."""
    digests: Mapping[str, str] = {}
    """Of the catalogue, the features and the ICS that were used."""
    environment: Mapping[str, str] = {}


class RequirementEntry(_Frozen):
    """One statement of the catalogue, as it stood when the run was made."""

    id: str
    area: str
    severity: Severity
    level: str
    roles: tuple[str, ...]
    statement: str
    source: str
    observable: str
    mandatory: tuple[Role, ...] = ()
    """Roles for which it is an applicable, observable MUST of the claimed profile: the denominator of coverage."""
    checks: Mapping[Role, tuple[str, ...]] = {}
    reason: str | None = None
    """Why nothing exercises it."""
    parts: tuple[str, ...] = ()
    """Statements that together say what this one says: it holds when each of them does."""
    interpretations: tuple[str, ...] = ()
    """Ambiguities with the reading that was chosen."""


class BehaviourEntry(_Frozen):
    """One standard behaviour in failure and recovery, as it stood when the run was made."""

    id: str
    title: str
    basis: Literal["normative", "ambiguous", "undefined"]
    """Whether the revision demands it, demands it and leaves the path open, or says nothing of it."""
    statement: str
    see: tuple[str, ...] = ()
    """Statements that it rests on."""
    policy: Mapping[str, tuple[str, ...]] = {}
    """What a supplier may declare of it, the default first."""
    reason: str | None = None
    """Why nothing exercises it, or a part of it."""


class InterpretationEntry(_Frozen):
    """A reading of a text that is ambiguous or contradicts itself, as it stood when the run was made."""

    id: str
    where: str
    """Page and section."""
    issue: str
    """What is wrong with the text."""
    reading: str
    """How this suite reads it."""
    why: str | None = None
    upstream: tuple[str, ...] = ()
    """Threads of the specification that discuss it: `owner/name#number`."""
    requirements: tuple[str, ...] = ()
    """Statements whose judgement depends on it, with those that say the same."""
    checks: tuple[str, ...] = ()
    """Checks that depend on it."""
    reason: str | None = None
    """Why no check depends on it."""


class CatalogueEvent(_Event):
    """What the run is judged by, so that a report needs nothing but the event file."""

    type: Literal["catalogue"] = "catalogue"
    requirements: tuple[RequirementEntry, ...]
    behaviours: tuple[BehaviourEntry, ...] = ()
    interpretations: tuple[InterpretationEntry, ...] = ()


def titled(name: str, example: Mapping[str, str]) -> str:
    """Give a name as people read it: placeholders filled in by the row, and what it does not name in brackets.

    `A device is given <count> applications` with `count: 3` reads `A device is given 3 applications`; an outline
    whose name holds no placeholder gets the values of its row, `A refresh that fails changes nothing [empty]`.
    """
    filled = _PLACEHOLDER.sub(lambda found: example.get(found[1], found[0]), name)
    named = set(_PLACEHOLDER.findall(name))
    others = ", ".join(value for key, value in example.items() if key not in named)
    return f"{filled} [{others}]" if others else filled


class ScenarioStarted(_Event):
    """A scenario begins; `scenario` is its number in this run."""

    type: Literal["scenario-started"] = "scenario-started"
    scenario: int
    role: Role
    feature: str
    name: str
    uri: str
    """Path of the feature file, relative to `features/`."""
    line: int
    requirements: tuple[str, ...] = ()
    behaviours: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    example: Mapping[str, str] = {}
    """The row of an outline: what each placeholder stands for."""

    @property
    def title(self) -> str:
        """The name as people read it."""
        return titled(self.name, self.example)


class StepFinished(_Event):
    """One step of a scenario was carried out, or failed."""

    type: Literal["step"] = "step"
    scenario: int
    keyword: str
    text: str
    line: int
    outcome: Literal["passed", "failed", "not-reached"]
    duration: float = Field(default=0.0, ge=0)
    message: str | None = None


class Body(_Frozen):
    """A body as sent, unless it is marked `cut` or `redacted`; size and digest are always those of what was sent."""

    size: int = Field(default=0, ge=0)
    digest: str | None = None
    text: str | None = None
    base64: str | None = None
    cut: bool = False
    """Not all of it was kept, or it cannot be read as what it was."""
    redacted: bool = False
    """Secrets were replaced."""

    @property
    def data(self) -> bytes | None:
        """The exact bytes; None when the recording was cut or redacted."""
        return None if self.redacted else self.readable

    @property
    def readable(self) -> bytes | None:
        """The whole document, in which secrets may be replaced; None when the recording was cut."""
        if self.cut:
            return None
        if self.base64 is not None:
            return base64.b64decode(self.base64)
        return (self.text or "").encode()


class TlsFacts(_Frozen):
    """What is known of the connection an exchange or attempt used."""

    version: str | None = None
    cipher: str | None = None
    peer_id: str | None = None
    """SPIFFE ID of the subject's side."""
    peer_chain: tuple[str, ...] = ()
    """Digests of the certificates that the subject sent, leaf first."""


class Exchange(_Event):
    """One HTTP request and what became of it, both directions as sent."""

    type: Literal["exchange"] = "exchange"
    scenario: int | None
    seat: Literal["client", "server"]
    """The side that the subject is on."""
    operation: str
    params: Mapping[str, str] = {}
    client: str | None = None
    """SPIFFE ID of the caller."""
    connection: int | None = None
    method: str
    target: str
    http_version: str | None = None
    """Of the request, such as `1.1`."""
    request_headers: tuple[tuple[str, str], ...] = ()
    request: Body = Body()
    status: int | None = None
    response_headers: tuple[tuple[str, str], ...] = ()
    response: Body = Body()
    finished: float = 0.0
    """When the answer was complete; `at` is when the request was."""
    tls: TlsFacts | None = None
    fault: str | None = None
    """The fault that was applied, in words."""
    error: str | None = None
    """Why there is no complete answer."""

    def request_header(self, name: str) -> str | None:
        """Return the first request header of that name."""
        return _header(self.request_headers, name)

    def response_header(self, name: str) -> str | None:
        """Return the first response header of that name."""
        return _header(self.response_headers, name)


class Connection(_Event):
    """A TLS handshake between the seats, or a refused attempt."""

    type: Literal["connection"] = "connection"
    scenario: int | None
    seat: Literal["client", "server"]
    outcome: Literal["established", "refused"]
    reason: str | None = None
    offered: str | None = None
    """The credential the bench presented, by its name."""
    tls: TlsFacts | None = None


class Fact(_Event):
    """Something the bench did or saw that is no exchange: published, rebooted, cut the network, read the workloads."""

    type: Literal["fact"] = "fact"
    scenario: int | None
    kind: str
    data: Mapping[str, Any] = {}
    """What was done or seen; never the number of an event, which stands in `refs`."""
    refs: Mapping[str, tuple[int, ...]] = {}
    """Numbers of the events that it speaks of, by their part in it, such as `exchange` or `before`."""

    def ref(self, name: str) -> int | None:
        """Give the number of the event of that part, the first of several; None without one."""
        return next(iter(self.refs.get(name, ())), None)


class Finding(_Event):
    """What a check says of one requirement or behaviour, and the events that show it."""

    type: Literal["finding"] = "finding"
    scenario: int
    requirement: str
    """Its id."""
    check: str
    outcome: Outcome
    message: str
    expected: str | None = None
    found: str | None = None
    shown_by: tuple[int, ...] = ()
    """Numbers of the events that show it."""
    departures: tuple[str, ...] = ()
    """Known departures that were got past, for which this is no pass."""


class ScenarioFinished(_Event):
    """A scenario ended."""

    type: Literal["scenario-finished"] = "scenario-finished"
    scenario: int
    outcome: ScenarioOutcome
    reason: str | None = None
    duration: float = Field(default=0.0, ge=0)


class Standing(StrEnum):
    """How something that a supplier states, or could state, compares with what a whole run saw."""

    SEEN = "seen"
    """It is claimed, and was seen."""
    NEVER_SEEN = "never-seen"
    """It is claimed, and nothing in the run shows it: not a pass."""
    NOT_CLAIMED = "not-claimed"
    """It was seen, and is not claimed."""
    CONTRADICTED = "contradicted"
    """It is claimed, and the subject showed otherwise."""


class Claim(_Event):
    """What a supplier states of its subject (ICS), beside what the whole run saw of it. It is no verdict."""

    type: Literal["claim"] = "claim"
    role: Role
    about: Literal["feature", "policy", "poll-interval", "limit"]
    name: str
    claimed: str | None = None
    """As it is stated; None where it is not."""
    seen: str | None = None
    """As it was seen; None where it never was."""
    standing: Standing
    evidence: str
    """What shows it, or why nothing does."""
    advice: str | None = None
    """What to change in the statement."""
    shown_by: tuple[int, ...] = ()
    """Numbers of events that show it."""


class Departure(_Event):
    """A known departure that was to be got past (`--accommodate`), and whether the whole run shows it."""

    type: Literal["departure"] = "departure"
    role: Role
    name: str
    departs: str
    """In which way, in one sentence."""
    expected: str
    found: str
    breaks: tuple[str, ...]
    """Statements that fail by it, where it was shown."""
    hides: tuple[str, ...] = ()
    """Statements of which nothing can be told past it."""
    source: str
    """`shipped`, or the file in which it is described."""
    uses: int = Field(default=0, ge=0)
    """How many exchanges show it; none: it was never needed in this run, and changed nothing."""
    shown_by: tuple[int, ...] = ()
    """Numbers of the first exchanges that show it."""


class Footer(_Event):
    """The last event: it seals those before it."""

    type: Literal["footer"] = "footer"
    events: int
    """How many events stand before this one."""
    digest: str
    """sha256 over every byte before this line, then over this line with an empty digest."""
    totals: Mapping[str, int] = {}


Event = Annotated[
    Header
    | CatalogueEvent
    | ScenarioStarted
    | StepFinished
    | Exchange
    | Connection
    | Fact
    | Finding
    | ScenarioFinished
    | Claim
    | Departure
    | Footer,
    Field(discriminator="type"),
]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def references(event: Event) -> tuple[int, ...]:
    """Give the numbers of the events that an event refers to. With `renumbered` the one place that knows of them."""
    match event:
        case Finding() | Claim() | Departure():
            return event.shown_by
        case Fact():
            return tuple(number for numbers in event.refs.values() for number in numbers)
    return ()


def renumbered(event: Event, numbers: Mapping[int, int]) -> Event:
    """Have an event refer to the same events in another record, where each has the number that `numbers` gives it.

    Raises ValueError when it refers to an event that is not there: a reference would point at something else.
    """
    missing = next((number for number in references(event) if number not in numbers), None)
    if missing is not None:
        raise ValueError(f"event {event.n} ({event.type}) refers to event {missing}, which does not stand before it")
    match event:
        case Finding() | Claim() | Departure():
            return event.model_copy(update={"shown_by": tuple(numbers[number] for number in event.shown_by)})
        case Fact():
            refs = {name: tuple(numbers[number] for number in listed) for name, listed in event.refs.items()}
            return event.model_copy(update={"refs": refs})
    return event


def json_schema() -> dict[str, Any]:
    """Give the published JSON Schema (2020-12) of one line of the event file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "One line of events.ndjson",
        **EVENT.json_schema(),
    }


def _header(headers: tuple[tuple[str, str], ...], name: str) -> str | None:
    return next((value for key, value in headers if key.lower() == name.lower()), None)
