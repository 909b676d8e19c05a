"""What a WFM has to answer follows from what it took before, and what it refused must not have happened.

The bench notes of every write whether it was good (fact `sent`); from the good ones follows what is there.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement
from conformance.checks.wfm.judged import NAMESPACE, accepted, exchange, expect, noted, problem_type, said, unseen
from conformance.checks.wfm.twins import of_same_request, taken
from conformance.record.events import Exchange, Fact

Key = tuple[str, str | None, str]


def _key(request: str, client: str | None, subject: str) -> Key:
    return "status" if request == "report-status" else "device", client, subject


@dataclass(frozen=True, slots=True)
class Sent:
    """A request with what was meant by it. `subject` is the device or deployment it is about."""

    fact: Fact
    exchange: Exchange

    @property
    def good(self) -> bool:
        """Whether nothing was wrong with it."""
        return bool(self.fact.data.get("good"))

    @property
    def request(self) -> str:
        """Which operation it was meant to be."""
        return str(self.fact.data.get("request"))

    @property
    def expects(self) -> str:
        """How a bad one is to be refused: a key of `REFUSALS`."""
        return str(self.fact.data.get("expects"))

    @property
    def subject(self) -> str:
        """The device or deployment."""
        return str(self.fact.data.get("subject"))

    @property
    def key(self) -> Key:
        """What it is about, client by client."""
        return _key(self.request, self.exchange.client, self.subject)


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a kind of bad request is refused. `tolerated` codes are right too, but worth a note."""

    statuses: tuple[int, ...]
    fragment: str | None = None
    tolerated: tuple[int, ...] = ()
    why: str = ""


_CLIENT_ERRORS = tuple(range(400, 500))
REFUSALS = {
    "malformed": Refusal((400,), "invalid-request"),
    "invalid": Refusal((422,), "semantic-error", (400,), "a schema violation is a 422 by AMB-X-22"),
    "mismatch": Refusal((422,), None, _CLIENT_ERRORS, "no text gives the code (AMB-X-20)"),
    "wrong-address": Refusal((422,), None, (400, 404, 405), "no text gives the code"),
    "no-gateway": Refusal((404,), "gateway-not-found"),
    "no-device": Refusal((404,), "device-not-found"),
    "no-deployment": Refusal((404,), "deployment-not-found"),
    "no-bundle": Refusal((404,), "invalid-bundle"),
    "no-status-target": Refusal((404, 422)),
    "foreign-deployment": Refusal((404,), None, (403,), "404 and 403 are both right (AMB-C-09)"),
    "foreign-status": Refusal((404, 422), None, (403,), "404 and 403 are both right (AMB-C-09)"),
    "not-acceptable": Refusal((406,), "server-cannot-generate-response"),
    "no-digest": Refusal((404,), None, (400, 422), "no text gives the code"),
    "no-such-thing": Refusal((404, 405, 501)),
    "not-authorized": Refusal((403,)),
    "overload": Refusal((429, 503)),
    "unsigned": Refusal((401,), None, (400,), "400 and 401 are both right for what is missing (AMB-B-10)"),
    "undigested": Refusal((400,), None, (401,), "400 and 401 are both right for what is missing (AMB-B-10)"),
    "misdigested": Refusal((400, 401)),
    "uncovered": Refusal((401,), None, (400,), "no text gives the code (AMB-B-10)"),
    "altered": Refusal((401,)),
    "foreign-key": Refusal((401,)),
    "stale": Refusal((401,), None, (400, 403), "no text gives the code (AMB-B-10)"),
    "ahead": Refusal((401,), None, (400, 403), "no text gives the code (AMB-B-10)"),
    "foreign-route": Refusal((401, 403), None, (404,), "no text gives the code (AMB-B-12)"),
    "unknown-client": Refusal((404,), None, (401, 403), "which comes first is not said (AMB-B-10)"),
    "no-certificate": Refusal((400,), None, (422,), "a request that is wrong by its schema"),
    "other-kind": Refusal((400,), None, (422,), "a request that is wrong by its schema"),
    "expired": Refusal((403,), None, (400,), "no text says that it is not a bad format"),
    "unproven": Refusal((401,), None, (400, 403), "no text gives the code (AMB-B-07)"),
    "not-admitted": Refusal((403,)),
}


def sent(record: Record, *requests: str) -> tuple[Sent, ...]:
    """Give what was sent, of some operations or of all, in order."""
    found = []
    for fact in record.facts_of("sent"):
        item = exchange(record, fact.ref("exchange"))
        if item is not None and (not requests or fact.data.get("request") in requests):
            found.append(Sent(fact, item))
    return tuple(found)


def history(record: Record, *requests: str) -> Iterator[Judgement]:
    """Judge the code of every good write by what was there before."""
    for item, known in _told(record, *requests):
        wanted = _wanted(item.request, known)
        state = "known" if known else "new"
        yield expect(
            item.exchange.status == wanted,
            f"{wanted} for {item.request} of {item.subject}, which is {state}",
            said(item.exchange),
            item.exchange,
        )


def was_known(record: Record, request: str, client: str | None, subject: str) -> bool:
    """Tell whether a device or deployment has been reported by a client, and not been withdrawn since."""
    there: set[Key] = set()
    for item in sent(record):
        there = _after(there, item) if item.good else there
    return _key(request, client, subject) in there


def _told(record: Record, *requests: str) -> Iterator[tuple[Sent, bool]]:
    """Give every good write, and whether what it is about was known before."""
    there: set[Key] = set()
    for item in sent(record, *requests):
        if item.good and not item.request.startswith("fetch"):
            yield item, item.key in there
            there = _after(there, item)


def _after(there: set[Key], item: Sent) -> set[Key]:
    """Give what is known after a good request, answered as it was."""
    if item.request == "withdraw-capabilities":
        return {key for key in there if key != item.key and not _behind(key, item.key)}
    return there | {item.key} if accepted(item.exchange) and not item.request.startswith("fetch") else there


def refusals(record: Record, *requests: str, only: Iterable[str] | None = None) -> Iterator[Judgement]:
    """Judge every bad request: refused as it should be, its good twins taken before and after, nothing left behind."""
    items = sent(record, *requests)
    bad = [item for item in items if not item.good]
    for item in bad:
        yield from _refused(record, item, only)
        before, after = of_same_request(record, item.fact)
        for where, twins in (("before", before[-1:]), ("after", after[:1])):
            if not twins:
                yield unseen("a good request of the same kind", f"none {where}", item.exchange, only=only)
            for twin in twins:
                yield expect(taken(twin), f"the good request {where} taken", said(twin), twin, only=only)
        yield from _reads_unchanged(item, before, after, only)
    if bad:
        for judgement in history(record, *requests):
            yield Judgement(judgement.seen, judgement.expected, judgement.found, judgement.shown_by, _tuple(only))


def _refused(record: Record, item: Sent, only: Iterable[str] | None) -> Iterator[Judgement]:
    how = REFUSALS[item.expects]
    answer = item.exchange
    defect = item.fact.data.get("defect") or item.expects
    wanted = " or ".join(map(str, how.statuses))
    right = answer.status in how.statuses
    if not right and answer.status in how.tolerated:
        yield noted(f"{wanted} for {defect}: {how.why}", said(answer), answer, only=only)
    refused = right or answer.status in how.tolerated
    yield expect(refused, f"{wanted} for {defect}", said(answer), answer, only=only)
    if right and how.fragment and answer.method != "HEAD" and record.catalogue.wire.problems:
        kind = f"{NAMESPACE}#{how.fragment}"
        yield expect(problem_type(answer) == kind, f"type {kind} for {defect}", said(answer), answer, only=only)


def _reads_unchanged(
    item: Sent, before: list[Exchange], after: list[Exchange], only: Iterable[str] | None
) -> Iterator[Judgement]:
    """A refused read leaves what is read as it was."""
    if not item.request.startswith("fetch"):
        return
    for one in before[-1:]:
        for other in after:
            if other.target == one.target:
                same = one.response.digest == other.response.digest
                found = "the same bytes" if same else "other bytes"
                yield expect(same, "the same answer before and after", found, one, other, only=only)
                return


def _wanted(request: str, known: bool) -> int:
    if request == "withdraw-capabilities":
        return 204 if known else 404
    return 200 if known else 201


def _behind(key: Key, gateway: Key) -> bool:
    return key[:2] == gateway[:2] and key[2].startswith(f"{gateway[2]}/")


def _tuple(only: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if only is None else tuple(only)
