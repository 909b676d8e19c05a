"""Every error answer of a WFM is a problem document as RFC 9457 and the registry of problem types have it."""

import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus

from conformance.catalogue import load
from conformance.checks.evidence import Record, parsed, problem_of
from conformance.checks.registry import Judgement, check
from conformance.checks.wfm.judged import (
    BLANK,
    NAMESPACE,
    PROBLEM_TYPE,
    expect,
    media_type,
    noted,
    problem_type,
    unseen,
)
from conformance.record.events import Exchange

TRANSIENT = (429, 500, 503)
_MEMBERS = {"type": str, "title": str, "status": int}
_KNOWN = frozenset(
    {"type", "title", "status", "detail", "instance", "retryable", "retryAfterSeconds", "backoffStrategy", "errors"}
)
_OF_STATUS = {400: "invalid-request", 403: "not-authorized", 406: "server-cannot-generate-response"}
_NOT_FOUND = {
    "report-capabilities": "gateway-not-found",
    "withdraw-capabilities": "device-not-found",
    "fetch-deployment": "deployment-not-found",
    "fetch-bundle": "invalid-bundle",
}
_FIELD_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_]{2,}$")


def errors_of(record: Record) -> Iterator[Exchange]:
    """Give the exchanges answered with an error; a HEAD has no body to judge, nor has what was too large to record."""
    return (item for item in _all_errors(record) if not item.response.cut)


def _all_errors(record: Record) -> Iterator[Exchange]:
    return (item for item in record.exchanges if (item.status or 0) >= 400 and item.method != "HEAD")


def registered_type(item: Exchange) -> str | None:
    """Give the registered problem type that an error of the management interface calls for, or None."""
    if item.operation == "unknown":
        return None
    fragment = _NOT_FOUND.get(item.operation) if item.status == 404 else _OF_STATUS.get(item.status or 0)
    if item.status == 422 and item.operation in ("report-capabilities", "report-status"):
        fragment = "semantic-error"
    return f"{NAMESPACE}#{fragment}" if fragment else None


def told_by_prose(item: Exchange) -> bool:
    """Whether a refusal has the type that the prose gives it and the registry does not know (AMB-C-01)."""
    return item.status == 403 and (problem_type(item) or "").endswith("wfm-client-relationship-retired")


def type_by_condition(item: Exchange, only: Iterable[str] | None = None) -> Iterator[Judgement]:
    """Judge the type of one error by its condition; nothing is said where the condition leaves the type open.

    `invalid-request` is registered for what is wrong with a request's body, so a 400 to a request without one may be
    of any type.
    """
    wanted, found = registered_type(item), problem_type(item)
    if wanted is None or (item.status == 400 and not item.request.size):
        return
    if told_by_prose(item):
        yield noted(wanted, f"{found}, as the prose has it (AMB-C-01)", item, only=only)
    else:
        yield expect(found == wanted, f"type {wanted}", found, item, only=only)


@check("ERR-001", "ERR-002", role="wfm", monitor=True)
def errors_are_problem_documents(record: Record) -> Iterator[Judgement]:
    """Every error is answered with a problem document (RFC 9457) as `application/problem+json`."""
    for item in _all_errors(record):
        kind = media_type(item)
        yield expect(kind == PROBLEM_TYPE, f"Content-Type {PROBLEM_TYPE}", kind, item)
        if item.response.cut:
            yield unseen("a JSON object", "the answer is too large to be recorded", item, only=["ERR-001"])
            continue
        is_object = parsed(item.response.readable) is not None
        yield expect(is_object, "a JSON object", _start(item), item, only=["ERR-001"])


@check("ERR-005", role="wfm", monitor=True, interpretations=("AMB-C-03", "A-02"))
def problems_have_their_members(record: Record) -> Iterator[Judgement]:
    """A problem document has `type`, `title` and `status`."""
    for item in errors_of(record):
        problem = problem_of(item)
        if not problem:
            continue
        wrong = [
            name
            for name, kind in _MEMBERS.items()
            if not isinstance(problem.get(name), kind) or isinstance(problem.get(name), bool)
        ]
        # the prose calls all three optional: only a type that is registered may not be left out (AMB-C-03)
        excused = all(name not in problem for name in wrong) and ("type" not in wrong or not registered_type(item))
        if wrong and excused:
            yield noted("type, title and status", f"without {', '.join(wrong)}", item)
        else:
            yield expect(not wrong, "type, title and status", f"wrong or missing: {', '.join(wrong) or 'none'}", item)


@check("ERR-006", role="wfm", monitor=True)
def problem_status_is_that_of_the_answer(record: Record) -> Iterator[Judgement]:
    """`status` in a problem document is the status of the answer."""
    for item in errors_of(record):
        status = problem_of(item).get("status")
        if status is not None:
            yield expect(status == item.status, f"status {item.status}", status, item)


@check("ERR-007", "PT-001", "PRB-01", role="wfm", monitor=True, interpretations=("AMB-C-01", "AMB-C-05"))
def conditions_that_are_defined_have_their_registered_type(record: Record) -> Iterator[Judgement]:
    """An error that the specification defines has the problem type that is registered for it."""
    for item in errors_of(record):
        yield from type_by_condition(item)


@check("PT-002", role="wfm", monitor=True)
def registered_types_come_with_their_status(record: Record) -> Iterator[Judgement]:
    """A registered problem type is used with the status it is registered for."""
    known = {item.uri: item.status for item in load().problem_types.values()}
    for item in errors_of(record):
        kind = problem_type(item)
        if kind in known:
            yield expect(item.status == known[kind], f"{known[kind]} for {kind}", item.status, item)


@check(
    "ERR-012", "PT-006", "PT-007", "PRB-03", role="wfm", monitor=True, interpretations=("AMB-C-01", "AMB-C-05", "A-03")
)
def the_namespace_is_kept_for_registered_types(record: Record) -> Iterator[Judgement]:
    """A type in the namespace of the specification is one of the registered ones."""
    known = {item.uri for item in load().problem_types.values()}
    for item in errors_of(record):
        kind = problem_type(item)
        if kind is not None and not told_by_prose(item):
            foreign = not re.match(r"^https?://docs\.margo\.org/", kind, re.IGNORECASE)
            yield expect(
                foreign or kind in known, "a registered type, about:blank or one of another domain", kind, item
            )


@check("PT-012", "PRB-02", role="wfm", monitor=True, interpretations=("AMB-X-21", "AMB-C-02"))
def other_conditions_are_blank(record: Record) -> Iterator[Judgement]:
    """Where no registered type applies, the type is `about:blank` (or one of the supplier, AMB-C-02)."""
    for item in errors_of(record):
        if registered_type(item) is None and item.status not in (400, 422) and problem_of(item):
            kind = problem_of(item).get("type", BLANK)
            if item.operation == "report-status" and item.status == 404 and kind == f"{NAMESPACE}#deployment-not-found":
                continue  # no text says which type it is (AMB-X-21)
            yield expect(not str(kind).startswith(NAMESPACE), "about:blank or a type of the supplier", kind, item)


@check("PT-013", "PT-014", role="wfm", monitor=True)
def blank_problems_say_what_happened(record: Record) -> Iterator[Judgement]:
    """An `about:blank` problem has the status phrase as its title, and a detail."""
    for item in errors_of(record):
        problem = problem_of(item)
        if not problem or problem.get("type", BLANK) != BLANK:
            continue
        phrase = _phrase(item.status)
        if phrase:
            found = problem.get("title")
            yield expect(str(found).lower() == phrase.lower(), f"title {phrase!r}", found, item, only=["PT-013"])
        yield expect(problem.get("detail"), "a detail", problem.get("detail"), item, only=["PT-014"])


@check("ERR-017", "PRB-05", role="wfm", monitor=True)
def semantic_errors_name_the_fields(record: Record) -> Iterator[Judgement]:
    """A 422 names the fields that are wrong in `errors`."""
    for item in errors_of(record):
        if item.status == 422:
            errors = problem_of(item).get("errors")
            entries = errors if isinstance(errors, list) else []
            whole = entries and all(isinstance(one, dict) and {"field", "message"} <= one.keys() for one in entries)
            yield expect(whole, "errors with field and message", errors, item)


@check("RTY-005", "PRB-06", "RTY-001", role="wfm", monitor=True, interpretations=("AMB-C-06",))
def errors_say_whether_to_try_again(record: Record) -> Iterator[Judgement]:
    """429, 500 and 503 are retryable with exponential backoff; no other error is, and none of those has Retry-After."""
    for item in errors_of(record):
        problem = problem_of(item)
        if not problem:
            continue
        found = (problem.get("retryable"), problem.get("backoffStrategy"))
        wanted = (True, "exponential") if item.status in TRANSIENT else (False, "none")
        shown = f"retryable {found[0]}, backoffStrategy {found[1]}"
        expected = f"retryable {wanted[0]}, backoffStrategy {wanted[1]}"
        absent = all(name not in problem for name in ("retryable", "backoffStrategy"))
        if item.status not in TRANSIENT and absent:
            yield noted(expected, "neither member, as the schema allows", item)
        else:
            yield expect(found == wanted, expected, shown, item)
        if item.status not in TRANSIENT:
            header = item.response_header("Retry-After")
            yield expect(header is None, "no Retry-After", header, item)


@check("RTY-002", "RTY-003", "RTY-004", "PRB-06", role="wfm", monitor=True)
def transient_errors_say_when_to_try_again(record: Record) -> Iterator[Judgement]:
    """429 and 503 have a `Retry-After`, and 500 should."""
    names = {429: ["RTY-002", "PRB-06"], 503: ["RTY-003", "PRB-06"], 500: ["RTY-004"]}
    for item in errors_of(record):
        if item.status in names:
            header = item.response_header("Retry-After")
            yield expect(_is_delay(header), "Retry-After", header, item, only=names[item.status])


@check("ERR-015", role="wfm", monitor=True, observes=True, interpretations=("AMB-C-18",))
def both_times_to_wait_agree(record: Record) -> Iterator[Judgement]:
    """`retryAfterSeconds` only repeats what the header says, since the header counts."""
    for item in errors_of(record):
        header, member = item.response_header("Retry-After"), problem_of(item).get("retryAfterSeconds")
        if member is None or header is None or not header.isdecimal():
            continue
        yield noted("the same time twice", f"header {header} s, member {member} s", item)


@check("ERR-016", role="wfm", monitor=True)
def backoff_is_one_of_the_known_strategies(record: Record) -> Iterator[Judgement]:
    """`backoffStrategy` is `none`, `fixed` or `exponential`."""
    for item in errors_of(record):
        found = problem_of(item).get("backoffStrategy")
        if found is not None:
            yield expect(found in ("none", "fixed", "exponential"), "none, fixed or exponential", found, item)


@check("ERR-018", role="wfm", monitor=True)
def own_members_of_problems_are_well_named(record: Record) -> Iterator[Judgement]:
    """A supplier's own members of a problem document are named as RFC 9457 has it."""
    for item in errors_of(record):
        own = [name for name in problem_of(item) if name not in _KNOWN]
        bad = [name for name in own if not _FIELD_NAME.fullmatch(name)]
        if own:
            yield expect(not bad, "a letter, then letters, digits or _, three or more", ", ".join(bad or own), item)


def _is_delay(header: str | None) -> bool:
    return header is not None and bool(re.fullmatch(r"\d+|[A-Z][a-z]{2}, .+ GMT", header.strip()))


def _phrase(status: int | None) -> str | None:
    try:
        return HTTPStatus(status or 0).phrase
    except ValueError:
        return None


def _start(item: Exchange) -> str:
    return (item.response.text or "(no text)")[:80]
