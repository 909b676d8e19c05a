"""Exchanges as they are read past known departures of a subject, and what must not be called kept because of that.

The recorded exchange stays as it was sent. Beside it stands a fact `departed` for each departure that it shows: which
statements it breaks and hides, and what is read otherwise. A fact `departure-tried` names a request that the bench
made only to find out whether the subject departs; it is no evidence of anything else.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.record import redact
from conformance.record.events import Exchange, Fact

DEPARTED = "departed"
TRIED = "departure-tried"


@dataclass(frozen=True, slots=True)
class Departed:
    """What the departures of an exchange do to statements: the names of those that break one, and that hide one."""

    breaks: Mapping[str, tuple[str, ...]]
    hides: Mapping[str, tuple[str, ...]]

    def names(self, requirement: str, *, kept: bool) -> tuple[str, ...]:
        """Give the departures for which nothing of this statement may be called kept, or nothing be called broken."""
        return (*(self.breaks.get(requirement, ()) if kept else ()), *self.hides.get(requirement, ()))


def as_read(exchanges: Sequence[Exchange], facts: Iterable[Fact]) -> tuple[Exchange, ...]:
    """Give exchanges as they are judged: read past the departures they show, without the bench's own attempts."""
    changes: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    dropped: set[int] = set()
    for fact in facts:
        if fact.kind == DEPARTED:
            changes[fact.ref("exchange") or -1].append(fact.data.get("read", {}))
            dropped.update(fact.refs.get("instead-of", ()))
        elif fact.kind == TRIED:
            dropped.update(fact.refs.get("exchange", ()))
    if not changes and not dropped:
        return tuple(exchanges)
    return tuple(_read(item, changes.get(item.n, ())) for item in exchanges if item.n not in dropped)


def departed(facts: Sequence[Fact]) -> Mapping[int, Departed]:
    """Give what departures do to statements, by the number of the exchange, or of a fact that speaks of it."""
    by_exchange: dict[int, list[Fact]] = defaultdict(list)
    for fact in facts:
        if fact.kind == DEPARTED:
            by_exchange[fact.ref("exchange") or -1].append(fact)
    found = {number: _departed(those) for number, those in by_exchange.items()}
    if not found:
        return {}
    speaking = {
        fact.n: _departed([one for number in numbers for one in by_exchange[number]])
        for fact in facts
        if fact.kind not in (DEPARTED, TRIED)
        for numbers in [[number for of in fact.refs.values() for number in of if number in by_exchange]]
        if numbers
    }
    return {**speaking, **found}


def _departed(facts: Sequence[Fact]) -> Departed:
    return Departed(_by_statement(facts, "breaks"), _by_statement(facts, "hides"))


def _by_statement(facts: Sequence[Fact], what: str) -> Mapping[str, tuple[str, ...]]:
    names: dict[str, list[str]] = defaultdict(list)
    for fact in facts:
        for requirement in fact.data.get(what, ()):
            names[str(requirement)].append(str(fact.data.get("name")))
    return {requirement: tuple(dict.fromkeys(of)) for requirement, of in names.items()}


def _read(item: Exchange, changes: Sequence[Mapping[str, Any]]) -> Exchange:
    for change in changes:
        updates: dict[str, Any] = {name: change[name] for name in _PLAIN if name in change}
        if "headers" in change:
            updates["response_headers"] = _with_headers(item.response_headers, change["headers"])
        if "response" in change:
            updates["response"] = redact.body(str(change["response"]).encode())
        if "request" in change:
            # what was signed is the body that was sent, so its digest and size stay
            sent = {"size": item.request.size, "digest": item.request.digest}
            updates["request"] = redact.body(str(change["request"]).encode()).model_copy(update=sent)
        item = item.model_copy(update=updates)
    return item


def _with_headers(there: tuple[tuple[str, str], ...], changed: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    names = {name.lower() for name in changed}
    return (*(pair for pair in there if pair[0].lower() not in names), *changed.items())


_PLAIN = ("status", "operation", "params", "method", "target")
"""Parts of an exchange that are read as a departure's fact has them."""
