"""How the checks of this package say what they saw, and the parts of the record that several of them read."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from conformance.catalogue import load
from conformance.checks.evidence import Offer, Record, problem_of
from conformance.checks.registry import Judgement, Seen
from conformance.record.events import Connection, Exchange, Fact

Shown = Exchange | Connection | Fact | Offer
MANIFEST_TYPE = "application/vnd.margo.manifest.v1+json"
BUNDLE_TYPE = "application/vnd.margo.bundle.v1+tar+gzip"
PROBLEM_TYPE = "application/problem+json"
NAMESPACE = "https://docs.margo.org/specification/problem-types"
BLANK = "about:blank"


def expect(
    holds: object, expected: str, found: object, *shown: Shown | None, only: Iterable[str] | None = None
) -> Judgement:
    """Say that a statement was kept or broken; `only` narrows it to some of the check's requirements."""
    return _judgement(Seen.KEPT if holds else Seen.BROKEN, expected, found, shown, only)


def unseen(expected: str, found: object, *shown: Shown | None, only: Iterable[str] | None = None) -> Judgement:
    """Say that a statement could not be observed, and why."""
    return _judgement(Seen.UNSEEN, expected, found, shown, only)


def noted(expected: str, found: object, *shown: Shown | None, only: Iterable[str] | None = None) -> Judgement:
    """Say what a subject does where the text leaves it open."""
    return _judgement(Seen.NOTED, expected, found, shown, only)


def exchange(record: Record, number: object) -> Exchange | None:
    """Give the exchange of an event number."""
    return next((item for item in record.exchanges if item.n == number), None)


def offers_to(record: Record, client: str) -> tuple[Offer, ...]:
    """Give the manifests that one client was served, in order."""
    return tuple(offer for offer in record.offers if offer.exchange.client == client)


def said(item: Exchange) -> str:
    """Tell in a few words how a WFM answered."""
    if item.status is None:
        return item.error or "no answer"
    kind = problem_type(item)
    return f"{item.status} with type {kind}" if kind else str(item.status)


def accepted(item: Exchange | None) -> bool:
    """Whether a request was answered with a 2xx."""
    return item is not None and item.status is not None and 200 <= item.status < 300


def problem_type(item: Exchange) -> str | None:
    """Give the `type` of a problem document, if the answer is one that has it."""
    if media_type(item) != PROBLEM_TYPE:
        return None
    kind = problem_of(item).get("type")
    return kind if isinstance(kind, str) else None


def media_type(item: Exchange) -> str | None:
    """Give the media type of an answer without its parameters, in lower case."""
    value = item.response_header("Content-Type")
    return value.partition(";")[0].strip().lower() if value is not None else None


def told_time(item: Exchange) -> float | None:
    """Give the time of the WFM's clock that an answer tells (`Date`, whole seconds since 1970 UTC); None without."""
    try:
        return parsedate_to_datetime(item.response_header("Date") or "").timestamp()
    except (ValueError, OverflowError):
        return None


def directives(item: Exchange) -> Mapping[str, str | None]:
    """Give the `Cache-Control` directives of an answer, all lines of it, names in lower case."""
    lines = [value for name, value in item.response_headers if name.lower() == "cache-control"]
    found: dict[str, str | None] = {}
    for part in ",".join(lines).split(","):
        name, equals, value = part.strip().partition("=")
        if name:
            found[name.lower()] = value.strip().strip('"') if equals else None
    return found


@dataclass(frozen=True, slots=True)
class Flaw:
    """One way in which a document breaks its schema: where, and what is said of it."""

    path: str
    message: str
    keyword: str


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(load().schema(name))


def flaws(schema: str, value: Any) -> Iterator[Flaw]:
    """Give every way in which a document breaks a schema of the catalogue."""
    for error in _validator(schema).iter_errors(value):
        yield Flaw("/".join(str(part) for part in error.absolute_path) or "(root)", error.message, str(error.validator))


def _judgement(
    seen: Seen, expected: str, found: object, shown: Iterable[Shown | None], only: Iterable[str] | None
) -> Judgement:
    numbers = tuple((item.exchange.n if isinstance(item, Offer) else item.n) for item in shown if item is not None)
    return Judgement(seen, expected, str(found)[:500], numbers, None if only is None else tuple(only))
