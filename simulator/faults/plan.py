"""Fault plans: which request is disturbed, how, and how often; seeded, serialisable and replayable.

A plan is data. `Faults` is the running state of one plan: it counts matching requests and hands out the action of the
first rule that applies. Equal plans and equal sequences of requests give equal faults, byte for byte.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simulator.protocol.operations import Call, Operation
from simulator.protocol.problem import PROBLEM_MEDIA_TYPE, Problem, ProblemType

MAX_DELAY_S = 3600.0


class InvalidPlan(ValueError):
    """A fault plan that cannot be used: names the field and what was expected."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")


class Answer(_Model):
    """The intercepting layer answers; the WFM never sees the request."""

    kind: Literal["answer"] = "answer"
    status: int = Field(ge=200, le=599)
    headers: dict[str, str] = Field(default_factory=dict)
    body: bytes = b""


class Delay(_Model):
    """The request waits before it is handled, in seconds."""

    kind: Literal["delay"] = "delay"
    seconds: float = Field(ge=0, le=MAX_DELAY_S)


class CorruptBody(_Model):
    """The response body is damaged while headers stay as they were.

    `flip` changes one bit at a seeded place, `append` adds one newline, `reformat` turns newlines into CRLF,
    `empty` leaves nothing.
    """

    kind: Literal["corrupt-body"] = "corrupt-body"
    how: Literal["flip", "append", "reformat", "empty"] = "flip"


class ReplaceBody(_Model):
    """The response body is replaced; `headers` are set on top of the WFM's."""

    kind: Literal["replace-body"] = "replace-body"
    body: bytes
    headers: dict[str, str] = Field(default_factory=dict)


class TruncateBody(_Model):
    """Only the first `length` bytes of the response body are sent.

    `announce_all` keeps the Content-Length of the whole body and then breaks the connection; otherwise the short body
    is a complete response.
    """

    kind: Literal["truncate-body"] = "truncate-body"
    length: int = Field(ge=0)
    announce_all: bool = False


class DropConnection(_Model):
    """The connection is reset: before the WFM handled the request, or after it did (the response is lost)."""

    kind: Literal["drop-connection"] = "drop-connection"
    when: Literal["before", "after"] = "before"


class AlterHeaders(_Model):
    """Response headers are set and removed; the body stays."""

    kind: Literal["alter-headers"] = "alter-headers"
    put: dict[str, str] = Field(default_factory=dict)
    remove: tuple[str, ...] = ()


Action = Annotated[
    Answer | Delay | CorruptBody | ReplaceBody | TruncateBody | DropConnection | AlterHeaders,
    Field(discriminator="kind"),
]


class FaultRule(_Model):
    """One disturbance: of the matching requests, `times` of them from the `nth` on (`times` None: for good)."""

    action: Action
    match: Operation | None = None
    params: dict[str, str] = Field(default_factory=dict)
    peer: str | None = None
    nth: int = Field(default=1, ge=1)
    times: int | None = Field(default=1, ge=1)
    probability: float = Field(default=1.0, ge=0, le=1)
    name: str = ""

    @property
    def label(self) -> str:
        """The name to show in the record: the given one or the kind of action."""
        return self.name or self.action.kind

    def matches(self, call: Call, peer: str | None) -> bool:
        """Whether a request is one that this rule counts."""
        return (
            self.match in (None, call.operation)
            and self.peer in (None, peer)
            and all(call.params.get(name) == value for name, value in self.params.items())
        )


class FaultPlan(_Model):
    """Ordered rules and the seed of everything random in them."""

    rules: tuple[FaultRule, ...] = ()
    seed: int = 0

    def to_json(self) -> str:
        """The plan as text, for a run's record or a fault file."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a plan; raises InvalidPlan naming the first wrong field."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "(root)"
            raise InvalidPlan(f"fault plan: {field}: {first['msg']}") from None


@dataclass(frozen=True, slots=True)
class Applied:
    """A rule that applies to one request, with the random number that is its own."""

    rule: FaultRule
    draw: int

    @property
    def name(self) -> str:
        """The fault's name in the record."""
        return self.rule.label


class Faults:
    """A running plan. Not thread-safe: it lives on the event loop of the server it disturbs."""

    def __init__(self, plan: FaultPlan | None = None) -> None:
        self._plan = plan or FaultPlan()
        self._seen: list[int] = [0] * len(self._plan.rules)
        self._used: list[int] = [0] * len(self._plan.rules)

    @property
    def plan(self) -> FaultPlan:
        """The plan that runs now."""
        return self._plan

    @property
    def spent(self) -> bool:
        """Whether every rule has been applied as often as it may be."""
        limits = (rule.times for rule in self._plan.rules)
        return all(limit is not None and used >= limit for limit, used in zip(limits, self._used, strict=True))

    def replace(self, plan: FaultPlan) -> None:
        """Run another plan, counting from nothing."""
        self._plan = plan
        self._seen = [0] * len(plan.rules)
        self._used = [0] * len(plan.rules)

    def add(self, *rules: FaultRule) -> None:
        """Add rules behind those that run; the counts of these stay."""
        self._plan = self._plan.model_copy(update={"rules": (*self._plan.rules, *rules)})
        self._seen += [0] * len(rules)
        self._used += [0] * len(rules)

    def clear(self) -> None:
        """Disturb nothing any more."""
        self.replace(FaultPlan(seed=self._plan.seed))

    def take(self, call: Call, peer: str | None = None) -> Applied | None:
        """The fault for this request, if any. Every matching rule counts the request; the first that is due applies."""
        chosen: Applied | None = None
        for index, rule in enumerate(self._plan.rules):
            if not rule.matches(call, peer):
                continue
            self._seen[index] += 1
            draw = _draw(self._plan.seed, index, self._seen[index])
            if chosen is None and self._due(index, rule) and draw < rule.probability * 2**64:
                self._used[index] += 1
                chosen = Applied(rule, draw)
        return chosen

    def _due(self, index: int, rule: FaultRule) -> bool:
        return self._seen[index] >= rule.nth and (rule.times is None or self._used[index] < rule.times)


def corrupt(body: bytes, how: str, draw: int) -> bytes:
    """The damaged body; `draw` decides where a bit flips. A body that would stay the same gets one byte more."""
    if how == "empty":
        return b""
    if how == "reformat":
        changed = body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        return changed if changed != body else body + b"\r\n"
    if how == "append" or not body:
        return body + b"\n"
    place, bit = divmod(draw % (len(body) * 8), 8)
    return body[:place] + bytes((body[place] ^ (1 << bit),)) + body[place + 1 :]


def problem_answer(status: int, detail: str, *, retry_after_s: int | None = None, **headers: str) -> Answer:
    """An `Answer` with a problem document as the specification wants it (RTY-002, RTY-003, PT-012)."""
    problem = Problem.of(ProblemType.BLANK, detail, status=status, retry_after_s=retry_after_s)
    lines: Mapping[str, str] = {
        "Content-Type": PROBLEM_MEDIA_TYPE,
        **({} if retry_after_s is None else {"Retry-After": str(retry_after_s)}),
        **headers,
    }
    return Answer(status=status, headers=dict(lines), body=problem.to_bytes())


def _draw(seed: int, rule: int, count: int) -> int:
    """A number in [0, 2^64) that depends on nothing but these three."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{rule}:{count}".encode()).digest()[:8], "big")
